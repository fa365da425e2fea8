/* Starting init (spawn.c). */
#ifndef SAMPAN_SPAWN_H
#define SAMPAN_SPAWN_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

PyObject *sampan_spawn(PyObject *self, PyObject *args);

#endif
