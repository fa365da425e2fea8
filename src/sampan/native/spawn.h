/* Starting init (spawn.c), and staying with it in the foreground (foreground.c). */
#ifndef SAMPAN_SPAWN_H
#define SAMPAN_SPAWN_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

PyObject *sampan_spawn(PyObject *self, PyObject *args);
PyObject *sampan_foreground(PyObject *self, PyObject *args);
PyObject *sampan_block_signals(PyObject *self, PyObject *args);

#endif
