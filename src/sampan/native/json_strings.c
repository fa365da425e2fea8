/* Reading JSON: strings, and errors with line and column. See json_loads.c. */
#define PY_SSIZE_T_CLEAN
#include "json_reader.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

void *sampan_json_refuse(const struct reader *r, const char *where, const char *format, ...)
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

void *sampan_json_refuse_unexpected(const struct reader *r, const char *expected)
{
    unsigned char byte = (unsigned char)*r->at;
    if (r->at == r->end)
        return sampan_json_refuse(r, r->at, "expected %s, found the end of the document", expected);
    if (byte > 0x20 && byte < 0x7f)
        return sampan_json_refuse(r, r->at, "expected %s, found '%c'", expected, byte);
    return sampan_json_refuse(r, r->at, "expected %s, found byte 0x%x", expected, byte);
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
        sampan_json_refuse(r, escape, "\\u must be followed by four hexadecimal digits");
        return -1;
    }
    r->at += 6;
    if (code < 0xd800 || code > 0xdfff)
        return code;
    int32_t low = code < 0xdc00 && r->at[0] == '\\' && r->at[1] == 'u' ? hex4(r->at + 2) : -1;
    if (low < 0xdc00 || low > 0xdfff) {
        sampan_json_refuse(r, escape, "lone surrogate \\u%04x is not a character", (unsigned)code);
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
        sampan_json_refuse(r, r->at, "unknown escape sequence in a string");
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
PyObject *sampan_json_read_string(struct reader *r)
{
    bool escapes = false;
    const char *end = r->at;
    for (; *end != '"'; end++) {
        if ((unsigned char)*end < 0x20) {
            if (end == r->end)
                return sampan_json_refuse(r, r->at - 1, "this string has no closing quote");
            return sampan_json_refuse(r, end, "control character 0x%x in a string must be escaped",
                                      (unsigned char)*end);
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
