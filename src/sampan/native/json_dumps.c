/* Writing JSON: the reverse of json_loads.c, as strict. What it would have to guess about is an error. */
#define PY_SSIZE_T_CLEAN
#include "json.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { WIDEST_INDENT = 16 };

const char *sampan_json_text_of(PyObject *string, Py_ssize_t *length)
{
    const char *text = PyUnicode_AsUTF8AndSize(string, length);
    if (text == NULL && PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
        PyErr_Format(PyExc_ValueError, "a lone surrogate is no character: %.100A", string);
    return text;
}

struct writer {
    char *data;
    size_t used, size;
    int indent, depth;
};

static int write_value(struct writer *w, PyObject *value);

/* Makes room for `more` bytes. */
static int reserve(struct writer *w, size_t more)
{
    if (more <= w->size - w->used)
        return 0;
    size_t size = w->used + more + w->size + 1024;
    char *data = PyMem_Realloc(w->data, size);
    if (data == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    w->data = data;
    w->size = size;
    return 0;
}

static int write_bytes(struct writer *w, const char *bytes, size_t length)
{
    if (reserve(w, length) < 0)
        return -1;
    memcpy(w->data + w->used, bytes, length);
    w->used += length;
    return 0;
}

static int write_text(struct writer *w, const char *text)
{
    return write_bytes(w, text, strlen(text));
}

static int write_newline(struct writer *w)
{
    size_t spaces = (size_t)(w->indent * w->depth);
    if (w->indent == 0)
        return 0;
    if (reserve(w, spaces + 1) < 0)
        return -1;
    w->data[w->used++] = '\n';
    memset(w->data + w->used, ' ', spaces);
    w->used += spaces;
    return 0;
}

static char *put_escaped(char *out, unsigned char byte)
{
    static const char controls[] = "\b\f\n\r\t", letters[] = "bfnrt";
    const char *control = byte ? strchr(controls, byte) : NULL;
    *out++ = '\\';
    if (byte >= 0x20) {
        *out++ = (char)byte;
    } else if (control != NULL) {
        *out++ = letters[control - controls];
    } else {
        memcpy(out, "u00", 3);
        out[3] = "0123456789abcdef"[byte >> 4];
        out[4] = "0123456789abcdef"[byte & 15];
        out += 5;
    }
    return out;
}

static int write_string(struct writer *w, PyObject *string)
{
    Py_ssize_t length;
    const char *text = sampan_json_text_of(string, &length);
    if (text == NULL)
        return -1;
    if (reserve(w, 6 * (size_t)length + 2) < 0) /* every byte as \u00XX, and the quotes */
        return -1;
    char *out = w->data + w->used;
    *out++ = '"';
    for (const char *p = text; p < text + length; p++) {
        if (*p == '"' || *p == '\\' || (unsigned char)*p < 0x20)
            out = put_escaped(out, (unsigned char)*p);
        else
            *out++ = *p;
    }
    *out++ = '"';
    w->used = (size_t)(out - w->data);
    return 0;
}

static int write_integer(struct writer *w, PyObject *value)
{
    char digits[32];
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (!overflow) {
        if (number == -1 && PyErr_Occurred())
            return -1;
        snprintf(digits, sizeof digits, "%lld", number);
        return write_text(w, digits);
    }
    unsigned long long positive = PyLong_AsUnsignedLongLong(value);
    if (PyErr_Occurred()) {
        PyErr_SetString(PyExc_ValueError, "number out of range: JSON integers go from -2**63 to 2**64 - 1 here");
        return -1;
    }
    snprintf(digits, sizeof digits, "%llu", positive);
    return write_text(w, digits);
}

static int write_float(struct writer *w, PyObject *value)
{
    double number = PyFloat_AS_DOUBLE(value);
    if (number - number != 0.0) {
        PyErr_SetString(PyExc_ValueError, "infinities and NaN cannot be written as JSON");
        return -1;
    }
    char *digits = PyOS_double_to_string(number, 'r', 0, Py_DTSF_ADD_DOT_0, NULL);
    if (digits == NULL)
        return -1;
    int status = write_text(w, digits);
    PyMem_Free(digits);
    return status;
}

static int write_object(struct writer *w, PyObject *object)
{
    PyObject *key, *value;
    Py_ssize_t position = 0;
    for (bool first = true; PyDict_Next(object, &position, &key, &value); first = false) {
        if (!PyUnicode_Check(key)) {
            PyErr_Format(PyExc_TypeError, "a key of a JSON object must be str, not %.100s", Py_TYPE(key)->tp_name);
            return -1;
        }
        if ((!first && write_text(w, ",") < 0) || write_newline(w) < 0 || write_string(w, key) < 0 ||
            write_text(w, w->indent ? ": " : ":") < 0 || write_value(w, value) < 0)
            return -1;
    }
    return 0;
}

static int write_array(struct writer *w, PyObject *array)
{
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(array); i++) {
        if ((i > 0 && write_text(w, ",") < 0) || write_newline(w) < 0 ||
            write_value(w, PySequence_Fast_GET_ITEM(array, i)) < 0)
            return -1;
    }
    return 0;
}

static int write_container(struct writer *w, PyObject *container, bool is_object)
{
    bool empty = is_object ? PyDict_GET_SIZE(container) == 0 : PySequence_Fast_GET_SIZE(container) == 0;
    if (w->depth == DEEPEST) {
        PyErr_Format(PyExc_ValueError, "nested deeper than %d levels", DEEPEST);
        return -1;
    }
    if (write_text(w, is_object ? "{" : "[") < 0)
        return -1;
    w->depth++;
    if ((is_object ? write_object(w, container) : write_array(w, container)) < 0)
        return -1;
    w->depth--;
    if (!empty && write_newline(w) < 0)
        return -1;
    return write_text(w, is_object ? "}" : "]");
}

static int write_value(struct writer *w, PyObject *value)
{
    if (PyUnicode_Check(value))
        return write_string(w, value);
    if (PyDict_Check(value))
        return write_container(w, value, true);
    if (PyList_Check(value) || PyTuple_Check(value))
        return write_container(w, value, false);
    if (value == Py_True || value == Py_False)
        return write_text(w, value == Py_True ? "true" : "false");
    if (value == Py_None)
        return write_text(w, "null");
    if (PyLong_Check(value))
        return write_integer(w, value);
    if (PyFloat_Check(value))
        return write_float(w, value);
    PyErr_Format(PyExc_TypeError, "%.100s cannot be written as JSON", Py_TYPE(value)->tp_name);
    return -1;
}

PyObject *sampan_json_dumps(PyObject *Py_UNUSED(self), PyObject *args)
{
    struct writer w = {0};
    PyObject *value, *bytes = NULL;
    if (!PyArg_ParseTuple(args, "O|i:json_dumps", &value, &w.indent))
        return NULL;
    if (w.indent < 0 || w.indent > WIDEST_INDENT)
        return PyErr_Format(PyExc_ValueError, "indent must be from 0 to %d", WIDEST_INDENT);
    if (write_value(&w, value) == 0)
        bytes = PyBytes_FromStringAndSize(w.data, (Py_ssize_t)w.used);
    PyMem_Free(w.data);
    return bytes;
}
