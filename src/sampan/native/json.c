/*
 * JSON for the hot path, where importing Python's own json would cost more than starting the container.
 *
 * Strict where a lenient parser lets two readers of one config.json see two different containers: a duplicate key, a
 * number that does not fit, an invalid byte or a lone surrogate is an error, with its line and column. Never guesses,
 * never repairs, never calls back into Python code.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "json.h"

enum { DEEPEST = 100, WIDEST_INDENT = 16 };

/* The UTF-8 of a str, which lives as long as the str does. */
static const char *text_of(PyObject *string, Py_ssize_t *length)
{
    const char *text = PyUnicode_AsUTF8AndSize(string, length);
    if (text == NULL && PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
        PyErr_Format(PyExc_ValueError, "a lone surrogate is no character: %.100A", string);
    return text;
}

/* ---- reading ---- */

/* `end` points to a NUL, which no token contains: looking one byte ahead is always safe, and stops there. */
struct reader {
    const char *start, *at, *end;
    int depth;
};

static PyObject *read_value(struct reader *r);

/* Raises ValueError about the byte at `where`. Columns count characters, as editors do. */
static void *refuse(const struct reader *r, const char *where, const char *format, ...)
{
    Py_ssize_t line = 1, column = 1;
    for (const char *p = r->start; p < where; p++) {
        if (*p == '\n') {
            line++;
            column = 1;
        } else if ((*p & 0xc0) != 0x80) {
            column++;
        }
    }
    va_list arguments;
    va_start(arguments, format);
    PyObject *problem = PyUnicode_FromFormatV(format, arguments);
    va_end(arguments);
    if (problem != NULL) {
        PyErr_Format(PyExc_ValueError, "line %zd, column %zd: %U", line, column, problem);
        Py_DECREF(problem);
    }
    return NULL;
}

/* Raises ValueError: the document should go on with `expected`. */
static void *refuse_unexpected(const struct reader *r, const char *expected)
{
    unsigned char byte = (unsigned char)*r->at;
    if (r->at == r->end)
        return refuse(r, r->at, "expected %s, found the end of the document", expected);
    if (byte > 0x20 && byte < 0x7f)
        return refuse(r, r->at, "expected %s, found '%c'", expected, byte);
    return refuse(r, r->at, "expected %s, found byte 0x%x", expected, byte);
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static void skip_space(struct reader *r)
{
    while (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r')
        r->at++;
}

/* The four digits of \uXXXX at `p`, or -1. */
static int32_t hex4(const char *p)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        const char *digit = p[i] ? strchr(digits, p[i]) : NULL;
        if (digit == NULL)
            return -1;
        value = value * 16 + (int32_t)((digit - digits) % 16);
    }
    return value;
}

static char *put_utf8(char *out, int32_t code)
{
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xc0 | code >> 6);
        *out++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *out++ = (char)(0xe0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    } else {
        *out++ = (char)(0xf0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 0x3f));
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    }
    return out;
}

/* Reads \uXXXX, or the two of a surrogate pair, at r->at. Returns the code point, or -1 with an exception. */
static int32_t read_unicode_escape(struct reader *r)
{
    const char *escape = r->at;
    int32_t code = hex4(escape + 2);
    if (code < 0) {
        refuse(r, escape, "\\u must be followed by four hexadecimal digits");
        return -1;
    }
    r->at += 6;
    if (code < 0xd800 || code > 0xdfff)
        return code;
    int32_t low = code < 0xdc00 && r->at[0] == '\\' && r->at[1] == 'u' ? hex4(r->at + 2) : -1;
    if (low < 0xdc00 || low > 0xdfff) {
        refuse(r, escape, "lone surrogate \\u%04x is not a character", (unsigned)code);
        return -1;
    }
    r->at += 6;
    return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
}

/* Reads one escape sequence at r->at. Returns the code point, or -1 with an exception. */
static int32_t read_escape(struct reader *r)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (r->at[1] == 'u')
        return read_unicode_escape(r);
    const char *letter = r->at[1] ? strchr(letters, r->at[1]) : NULL;
    if (letter == NULL) {
        refuse(r, r->at, "unknown escape sequence in a string");
        return -1;
    }
    r->at += 2;
    return meanings[letter - letters];
}

/* The string from r->at to its closing quote at `end`, with escapes. None is shorter than what it stands for. */
static PyObject *read_escaped_string(struct reader *r, const char *end)
{
    char *decoded = PyMem_Malloc((size_t)(end - r->at)), *out = decoded;
    if (decoded == NULL)
        return PyErr_NoMemory();
    PyObject *string = NULL;
    while (r->at < end) {
        if (*r->at != '\\') {
            *out++ = *r->at++;
            continue;
        }
        int32_t code = read_escape(r);
        if (code < 0)
            goto done;
        out = put_utf8(out, code);
    }
    string = PyUnicode_DecodeUTF8(decoded, out - decoded, NULL);
done:
    PyMem_Free(decoded);
    return string;
}

/* Reads a string; r->at is behind its opening quote. */
static PyObject *read_string(struct reader *r)
{
    bool escapes = false;
    const char *end = r->at;
    for (; *end != '"'; end++) {
        if ((unsigned char)*end < 0x20) {
            if (end == r->end)
                return refuse(r, r->at - 1, "this string has no closing quote");
            return refuse(r, end, "control character 0x%x in a string must be escaped", (unsigned char)*end);
        }
        if (*end == '\\') {
            escapes = true;
            if (end[1] == '"' || end[1] == '\\')
                end++;
        }
    }
    PyObject *string = escapes ? read_escaped_string(r, end) : PyUnicode_DecodeUTF8(r->at, end - r->at, NULL);
    r->at = end + 1;
    return string;
}

/* Reads the number at r->at that is known to have a fraction or an exponent from `point` on. */
static PyObject *read_float(struct reader *r, const char *point)
{
    const char *start = r->at;
    r->at = point;
    if (*r->at == '.') {
        r->at++;
        if (!is_digit(*r->at))
            return refuse_unexpected(r, "a digit after the decimal point");
        while (is_digit(*r->at))
            r->at++;
    }
    if (*r->at == 'e' || *r->at == 'E') {
        r->at++;
        if (*r->at == '+' || *r->at == '-')
            r->at++;
        if (!is_digit(*r->at))
            return refuse_unexpected(r, "a digit of the exponent");
        while (is_digit(*r->at))
            r->at++;
    }
    char *parsed;
    double value = PyOS_string_to_double(start, &parsed, NULL);
    if (value == -1.0 && PyErr_Occurred())
        return NULL;
    if (parsed != r->at || value - value != 0.0)
        return refuse(r, start, "number out of range");
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
        return refuse_unexpected(r, "a digit after '-'");
    }
    if (*p == '0' && is_digit(p[1]))
        return refuse(r, start, "a number must not begin with 0");
    uint64_t value = 0;
    for (; is_digit(*p); p++) {
        unsigned digit = (unsigned)(*p - '0');
        fits = fits && value <= (UINT64_MAX - digit) / 10;
        value = value * 10 + digit;
    }
    if (*p == '.' || *p == 'e' || *p == 'E')
        return read_float(r, p);
    if (!fits || (negative && value > (uint64_t)INT64_MAX + 1))
        return refuse(r, start, "number out of range");
    r->at = p;
    return negative ? PyLong_FromLongLong((int64_t)(0 - value)) : PyLong_FromUnsignedLongLong(value);
}

/* After an element: 1 if ',' promises another, 0 if `closing` was read, -1 with an exception. */
static int read_separator(struct reader *r, char closing, const char *expected)
{
    skip_space(r);
    char found = *r->at;
    if (found != ',' && found != closing) {
        refuse_unexpected(r, expected);
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
        refuse_unexpected(r, "a key in double quotes");
        return -1;
    }
    r->at++;
    PyObject *key = read_string(r), *value = NULL;
    if (key == NULL)
        return -1;
    PyUnicode_InternInPlace(&key); /* so that the lookups of the validation compare pointers */
    int status = -1;
    skip_space(r);
    if (*r->at != ':') {
        refuse_unexpected(r, "':' after the key");
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
        refuse(r, start, "duplicate key \"%.100U\"", key);
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
        return refuse(r, r->at, "nested deeper than %d levels", DEEPEST);
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
        return refuse_unexpected(r, "a value");
    r->at += length;
    return Py_NewRef(value);
}

static PyObject *read_value(struct reader *r)
{
    skip_space(r);
    switch (*r->at) {
    case '"':
        r->at++;
        return read_string(r);
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
        return *r->at == '-' || is_digit(*r->at) ? read_number(r) : refuse_unexpected(r, "a value");
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
        refuse(r, r->start + offset, "byte 0x%x is not valid UTF-8", (unsigned char)r->start[offset]);
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
        r.start = text_of(data, &size);
    else if (PyBytes_AsStringAndSize(data, (char **)&r.start, &size) < 0)
        return NULL;
    if (r.start == NULL)
        return NULL;
    r.at = r.start;
    r.end = r.start + size;
    if (size >= 3 && memcmp(r.start, "\xef\xbb\xbf", 3) == 0)
        return refuse(&r, r.start, "the document begins with a byte order mark: save it without one");
    if (!PyUnicode_Check(data) && check_utf8(&r) < 0)
        return NULL;
    skip_space(&r);
    if (r.at == r.end)
        return refuse(&r, r.at, "the document is empty");
    PyObject *value = read_value(&r);
    if (value == NULL)
        return NULL;
    skip_space(&r);
    if (r.at != r.end) {
        Py_DECREF(value);
        return refuse_unexpected(&r, "nothing after the document");
    }
    return value;
}

/* ---- writing ---- */

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
    const char *text = text_of(string, &length);
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
