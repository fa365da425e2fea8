/* The decoder of plans, unchanged, on any bytes: whatever plan_check lets through must be safe to read as init does,
 * by the signatures of init's own table. Run by tests/fuzz/run. */
#include "decode.h"
#include "operations.h"

#include <stdlib.h>
#include <string.h>

#define SIGNATURE(name, signature) signature,

static const char *const SIGNATURES[] = {ALL_OPERATIONS(SIGNATURE)};

static const char *signature_of_code(uint32_t code)
{
    return code < sizeof(SIGNATURES) / sizeof(SIGNATURES[0]) ? SIGNATURES[code] : NULL;
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Reads all of the argument, the NUL that every text has at its end included: the sanitizer sees what is out of
 * bounds. */
static void read_argument_as(const struct argument *argument, char kind)
{
    require((kind == 'n') == (argument->text == NULL));
    if (kind == 'n')
        return;
    require(argument->text[argument->length] == 0);
    size_t n = strnlen(argument->text, (size_t)argument->length + 1);
    require(kind == 's' ? n == argument->length : n <= argument->length);
    /* strings in one argument, as native/process.c splits them */
    for (uint32_t at = 0; at < argument->length; at += (uint32_t)strlen(argument->text + at) + 1)
        ;
}

static uint32_t read_plan(const void *plan, size_t size)
{
    struct cursor cursor;
    struct operation operation;
    uint32_t operations = 0;
    require(plan_open(&cursor, plan, size));
    for (; plan_next(&cursor, &operation); operations++) {
        const char *signature = signature_of_code(operation.code);
        require(signature && strlen(signature) == operation.count);
        for (uint32_t i = 0; i < operation.count; i++)
            read_argument_as(&operation.arguments[i], signature[i]);
    }
    require(cursor.left == 0 && cursor.at == cursor.end);
    return operations;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* a copy of exactly this size: one byte beyond it is an error */
    void *plan = malloc(size ? size : 1);
    require(plan != NULL);
    if (size > 0)
        memcpy(plan, data, size);
    if (plan_check(plan, size, signature_of_code))
        read_plan(plan, size);
    /* the same with the size in the header made right, which a mutation almost never does */
    if (size >= 16) {
        uint32_t stated = (uint32_t)size;
        memcpy((char *)plan + 12, &stated, sizeof(stated));
        if (plan_check(plan, size, signature_of_code))
            read_plan(plan, size);
    }
    free(plan);
    return 0;
}
