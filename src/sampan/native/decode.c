/* Reading a plan. See decode.h for the format. Runs in init and, unchanged, under the fuzzer. */
#include "decode.h"

static bool read_u32(struct cursor *cursor, uint32_t *value)
{
    if (cursor->end - cursor->at < 4)
        return false;
    *value = (uint32_t)cursor->at[0] | (uint32_t)cursor->at[1] << 8 | (uint32_t)cursor->at[2] << 16 |
             (uint32_t)cursor->at[3] << 24;
    cursor->at += 4;
    return true;
}

static int64_t number_at(const unsigned char *at)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--)
        value = value << 8 | at[i];
    return (int64_t)value;
}

static bool read_argument(struct cursor *cursor, struct argument *argument)
{
    uint32_t kind, length;
    if (!read_u32(cursor, &kind) || !read_u32(cursor, &length) || kind > 1)
        return false;
    size_t left = (size_t)(cursor->end - cursor->at);
    size_t stored = kind == 0 ? 8 : ((size_t)length + 1 + 7) & ~(size_t)7;
    if (stored > left || (kind == 0 && length != 8))
        return false;
    argument->length = length;
    argument->text = NULL;
    argument->number = 0;
    if (kind == 0) {
        argument->number = number_at(cursor->at);
    } else {
        if (cursor->at[length] != 0)
            return false;
        argument->text = (const char *)cursor->at;
    }
    cursor->at += stored;
    return true;
}

bool plan_open(struct cursor *cursor, const void *plan, size_t size)
{
    uint32_t magic, version, count, stated;
    cursor->at = plan;
    cursor->end = cursor->at + size;
    cursor->left = 0;
    if (size > MAX_PLAN)
        return false;
    if (!read_u32(cursor, &magic) || !read_u32(cursor, &version) || !read_u32(cursor, &count) ||
        !read_u32(cursor, &stated))
        return false;
    if (magic != PLAN_MAGIC || version != PLAN_VERSION || stated != size || count > MAX_OPERATIONS)
        return false;
    cursor->left = count;
    return true;
}

bool plan_next(struct cursor *cursor, struct operation *operation)
{
    if (cursor->left == 0)
        return false;
    if (!read_u32(cursor, &operation->code) || !read_u32(cursor, &operation->count))
        return false;
    if (operation->count > MAX_ARGUMENTS)
        return false;
    for (uint32_t i = 0; i < operation->count; i++)
        if (!read_argument(cursor, &operation->arguments[i]))
            return false;
    cursor->left--;
    return true;
}

static bool fits(const struct operation *operation, const char *signature)
{
    uint32_t i = 0;
    for (; signature[i]; i++) {
        if (i >= operation->count)
            return false;
        const struct argument *argument = &operation->arguments[i];
        if ((signature[i] == 'n') != (argument->text == NULL))
            return false;
        if (signature[i] != 's')
            continue;
        for (uint32_t k = 0; k < argument->length; k++)
            if (argument->text[k] == 0)
                return false;
    }
    return i == operation->count;
}

bool plan_check(const void *plan, size_t size, signature_of signature)
{
    struct cursor cursor;
    struct operation operation;
    if (!plan_open(&cursor, plan, size))
        return false;
    while (plan_next(&cursor, &operation)) {
        const char *expected = signature(operation.code);
        if (!expected || !fits(&operation, expected))
            return false;
    }
    return cursor.left == 0 && cursor.at == cursor.end;
}
