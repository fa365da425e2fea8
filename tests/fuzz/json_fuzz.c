/* The JSON codec in a Python of its own, on any bytes: what it must do with them, json_check.py says. Run by
 * tests/fuzz/run, with FUZZ_DIRECTORY for the directory of that file. */
#define PY_SSIZE_T_CLEAN
#include "json.h"

#include <stdlib.h>

static PyObject *check;

static PyMethodDef FUNCTIONS[] = {
    {"json_loads", sampan_json_loads, METH_O, NULL},
    {"json_dumps", sampan_json_dumps, METH_VARARGS, NULL},
    {0},
};
static struct PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, .m_name = "codec", .m_methods = FUNCTIONS};

static PyObject *make_module(void)
{
    return PyModule_Create(&MODULE);
}

/* Python's own memory allocator would hide from the sanitizers what is read beyond its end. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    setenv("PYTHONMALLOC", "malloc", 1);
    setenv("PYTHONPATH", getenv("FUZZ_DIRECTORY") ? getenv("FUZZ_DIRECTORY") : ".", 1);
    setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
    PyImport_AppendInittab("codec", make_module);
    Py_InitializeEx(0);
    PyObject *module = PyImport_ImportModule("json_check");
    check = module ? PyObject_GetAttrString(module, "check") : NULL;
    if (check == NULL) {
        PyErr_Print();
        abort();
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PyObject *result = PyObject_CallFunction(check, "y#", data, (Py_ssize_t)size);
    if (result == NULL) {
        PyErr_Print();
        abort();
    }
    Py_DECREF(result);
    return 0;
}
