/* JSON for the hot path: RFC 8259, strict, in and out of plain Python objects. */
#ifndef SAMPAN_JSON_H
#define SAMPAN_JSON_H

#include <Python.h>

/* json_loads(data: bytes | str) -> object (METH_O) */
PyObject *sampan_json_loads(PyObject *self, PyObject *data);

/* json_dumps(value: object, indent: int = 0) -> bytes (METH_VARARGS) */
PyObject *sampan_json_dumps(PyObject *self, PyObject *args);

#endif
