/*
 * Reading JSON for the hot path, where importing Python's own json would cost more than starting the container.
 *
 * Strict where a lenient parser lets two readers of one config.json see two different containers: a duplicate key, a
 * number that does not fit, an invalid byte or a lone surrogate is an error, with its line and column. Never guesses,
 * never repairs, never calls back into Python code.
 */
#define PY_SSIZE_T_CLEAN
#include "json.h"
#include "json_reader.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static PyObject *read_value(struct reader *r);

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static void skip_space(struct reader *r)
{
    while (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r')
        r->at++;
}

/* Reads the number at r->at that is known to have a fraction or an exponent from `point` on. */
static PyObject *read_float(struct reader *r, const char *point)
{
    const char *start = r->at;
    r->at = point;
    if (*r->at == '.') {
        r->at++;
        if (!is_digit(*r->at))
            return sampan_json_refuse_unexpected(r, "a digit after the decimal point");
        while (is_digit(*r->at))
            r->at++;
    }
    if (*r->at == 'e' || *r->at == 'E') {
        r->at++;
        if (*r->at == '+' || *r->at == '-')
            r->at++;
        if (!is_digit(*r->at))
            return sampan_json_refuse_unexpected(r, "a digit of the exponent");
        while (is_digit(*r->at))
            r->at++;
    }
    char *parsed;
    double value = PyOS_string_to_double(start, &parsed, NULL);
    if (value == -1.0 && PyErr_Occurred())
        return NULL;
    if (parsed != r->at || value - value != 0.0)
        return sampan_json_refuse(r, start, "number out of range");
    return PyFloat_FromDouble(value);
}

static PyObject *read_number(struct reader *r)
{
    const char *start = r->at, *p = start;
    bool negative = *p == '-', fits = true;
    if (negative)
        p++;
    if (!is_digit(*p)) {
        r->at = p;
        return sampan_json_refuse_unexpected(r, "a digit after '-'");
    }
    if (*p == '0' && is_digit(p[1]))
        return sampan_json_refuse(r, start, "a number must not begin with 0");
    uint64_t value = 0;
    for (; is_digit(*p); p++) {
        unsigned digit = (unsigned)(*p - '0');
        fits = fits && value <= (UINT64_MAX - digit) / 10;
        value = value * 10 + digit;
    }
    if (*p == '.' || *p == 'e' || *p == 'E')
        return read_float(r, p);
    if (!fits || (negative && value > (uint64_t)INT64_MAX + 1))
        return sampan_json_refuse(r, start, "number out of range");
    r->at = p;
    return negative ? PyLong_FromLongLong((int64_t)(0 - value)) : PyLong_FromUnsignedLongLong(value);
}

/* After an element: 1 if ',' promises another, 0 if `closing` was read, -1 with an exception. */
static int read_separator(struct reader *r, char closing, const char *expected)
{
    skip_space(r);
    char found = *r->at;
    if (found != ',' && found != closing) {
        sampan_json_refuse_unexpected(r, expected);
        return -1;
    }
    r->at++;
    return found == ',';
}

static int read_member(struct reader *r, PyObject *object)
{
    skip_space(r);
    const char *start = r->at;
    if (*r->at != '"') {
        sampan_json_refuse_unexpected(r, "a key in double quotes");
        return -1;
    }
    r->at++;
    PyObject *key = sampan_json_read_string(r), *value = NULL;
    if (key == NULL)
        return -1;
    PyUnicode_InternInPlace(&key); /* so that the lookups of the validation compare pointers */
    int status = -1;
    skip_space(r);
    if (*r->at != ':') {
        sampan_json_refuse_unexpected(r, "':' after the key");
        goto done;
    }
    r->at++;
    value = read_value(r);
    if (value == NULL)
        goto done;
    Py_ssize_t size = PyDict_GET_SIZE(object);
    if (PyDict_SetItem(object, key, value) < 0)
        goto done;
    if (PyDict_GET_SIZE(object) == size) {
        sampan_json_refuse(r, start, "duplicate key \"%.100U\"", key);
        goto done;
    }
    status = 0;
done:
    Py_XDECREF(value);
    Py_DECREF(key);
    return status;
}

static int read_element(struct reader *r, PyObject *array)
{
    PyObject *value = read_value(r);
    if (value == NULL)
        return -1;
    int status = PyList_Append(array, value);
    Py_DECREF(value);
    return status;
}

/* Reads an object or an array; r->at is at its bracket. */
static PyObject *read_container(struct reader *r, bool is_object)
{
    const char closing = is_object ? '}' : ']';
    const char *expected = is_object ? "',' or '}'" : "',' or ']'";
    if (r->depth == DEEPEST)
        return sampan_json_refuse(r, r->at, "nested deeper than %d levels", DEEPEST);
    PyObject *container = is_object ? PyDict_New() : PyList_New(0);
    if (container == NULL)
        return NULL;
    r->depth++;
    r->at++;
    skip_space(r);
    int more = *r->at != closing;
    if (!more)
        r->at++;
    while (more > 0) {
        int status = is_object ? read_member(r, container) : read_element(r, container);
        more = status < 0 ? -1 : read_separator(r, closing, expected);
    }
    r->depth--;
    if (more < 0)
        Py_CLEAR(container);
    return container;
}

static PyObject *read_word(struct reader *r, const char *word, PyObject *value)
{
    size_t length = strlen(word);
    if (strncmp(r->at, word, length) != 0)
        return sampan_json_refuse_unexpected(r, "a value");
    r->at += length;
    return Py_NewRef(value);
}

static PyObject *read_value(struct reader *r)
{
    skip_space(r);
    switch (*r->at) {
    case '"':
        r->at++;
        return sampan_json_read_string(r);
    case '{':
        return read_container(r, true);
    case '[':
        return read_container(r, false);
    case 't':
        return read_word(r, "true", Py_True);
    case 'f':
        return read_word(r, "false", Py_False);
    case 'n':
        return read_word(r, "null", Py_None);
    default:
        return *r->at == '-' || is_digit(*r->at) ? read_number(r) : sampan_json_refuse_unexpected(r, "a value");
    }
}

/* Checks all of the document at once, so that nothing after this meets invalid UTF-8. 0, or -1 with an exception. */
static int check_utf8(const struct reader *r)
{
    PyObject *text = PyUnicode_DecodeUTF8(r->start, r->end - r->start, NULL);
    if (text != NULL) {
        Py_DECREF(text);
        return 0;
    }
    if (!PyErr_ExceptionMatches(PyExc_UnicodeDecodeError))
        return -1;
    PyObject *type, *error, *traceback;
    Py_ssize_t offset = 0;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    if (PyUnicodeDecodeError_GetStart(error, &offset) == 0)
        sampan_json_refuse(r, r->start + offset, "byte 0x%x is not valid UTF-8", (unsigned char)r->start[offset]);
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(traceback);
    return -1;
}

PyObject *sampan_json_loads(PyObject *Py_UNUSED(self), PyObject *data)
{
    struct reader r = {0};
    Py_ssize_t size = 0;
    if (PyUnicode_Check(data))
        r.start = sampan_json_text_of(data, &size);
    else if (PyBytes_AsStringAndSize(data, (char **)&r.start, &size) < 0)
        return NULL;
    if (r.start == NULL)
        return NULL;
    r.at = r.start;
    r.end = r.start + size;
    if (size >= 3 && memcmp(r.start, "\xef\xbb\xbf", 3) == 0)
        return sampan_json_refuse(&r, r.start, "the document begins with a byte order mark: save it without one");
    if (!PyUnicode_Check(data) && check_utf8(&r) < 0)
        return NULL;
    skip_space(&r);
    if (r.at == r.end)
        return sampan_json_refuse(&r, r.at, "the document is empty");
    PyObject *value = read_value(&r);
    if (value == NULL)
        return NULL;
    skip_space(&r);
    if (r.at != r.end) {
        Py_DECREF(value);
        return sampan_json_refuse_unexpected(&r, "nothing after the document");
    }
    return value;
}
