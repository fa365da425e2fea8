/* The decoder of init as a library, for a program that has just written a plan (read_plan.py). */
#include "decode.h"
#include "operations.h"

#define SIGNATURE(name, signature) signature,

static const char *const SIGNATURES[] = {ALL_OPERATIONS(SIGNATURE)};

static const char *signature_of_code(uint32_t code)
{
    return code < sizeof(SIGNATURES) / sizeof(SIGNATURES[0]) ? SIGNATURES[code] : NULL;
}

/* Would init begin with it? */
int is_plan(const void *plan, size_t size)
{
    return plan_check(plan, size, signature_of_code);
}
