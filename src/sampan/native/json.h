/* JSON for the hot path: RFC 8259, strict, in and out of plain Python objects. */
#ifndef SAMPAN_JSON_H
#define SAMPAN_JSON_H

#include <Python.h>

enum { DEEPEST = 100 };

/* json_loads(data: bytes | str) -> object (METH_O) */
PyObject *sampan_json_loads(PyObject *self, PyObject *data);

/* json_dumps(value: object, indent: int = 0) -> bytes (METH_VARARGS) */
PyObject *sampan_json_dumps(PyObject *self, PyObject *args);

/* The UTF-8 of a str, which lives as long as the str does. NULL with an exception for a lone surrogate. */
const char *sampan_json_text_of(PyObject *string, Py_ssize_t *length);

#endif
