/* What the two files that read JSON share: the place in the document, and the errors that name it. */
#ifndef SAMPAN_JSON_READER_H
#define SAMPAN_JSON_READER_H

#include <Python.h>

/* `end` points to a NUL, which no token contains: looking one byte ahead is always safe, and stops there. */
struct reader {
    const char *start, *at, *end;
    int depth;
};

/* Raises ValueError about the byte at `where`. Columns count characters, as editors do. Returns NULL. */
void *sampan_json_refuse(const struct reader *r, const char *where, const char *format, ...);
/* Raises ValueError: the document should go on with `expected`. Returns NULL. */
void *sampan_json_refuse_unexpected(const struct reader *r, const char *expected);
/* Reads the string whose opening quote is before r->at. */
PyObject *sampan_json_read_string(struct reader *r);

#endif
