/* The wire format of a plan: what plan/wire.py writes and init reads. No decision is taken here; every length is
 * checked against the bounds of the plan before it is used, and the whole plan is checked before any of it is
 * carried out.
 *
 *     plan       magic u32, version u32, operations u32, size u32 (of the whole), then the operations
 *     operation  code u32, arguments u32, then the arguments
 *     argument   kind u32 (0 number, 1 text), length u32, then the bytes, padded to a multiple of 8
 *
 * A number is a signed 64 bit integer; a text is followed by a NUL byte that its length does not count. All is
 * little-endian, as both of the machines that sampan knows are.
 */
#ifndef SAMPAN_DECODE_H
#define SAMPAN_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAN_MAGIC 0x4e504d53u /* "SMPN" */
#define PLAN_VERSION 1u
#define MAX_ARGUMENTS 16u
#define MAX_OPERATIONS 65536u
#define MAX_PLAN (64u << 20) /* no sum of lengths can wrap */

struct argument {
    const char *text; /* ends with NUL; NULL for a number */
    uint32_t length;
    int64_t number;
};

struct operation {
    uint32_t code;
    uint32_t count;
    struct argument arguments[MAX_ARGUMENTS];
};

struct cursor {
    const unsigned char *at;
    const unsigned char *end;
    uint32_t left; /* operations that have not been read */
};

/* What an operation's arguments must be: 'n' a number, 's' a text without NUL inside, 'b' any bytes. */
typedef const char *(*signature_of)(uint32_t code);

/* Sets the cursor before the first operation. False: not a plan. */
bool plan_open(struct cursor *cursor, const void *plan, size_t size);
/* Reads the next operation. False: none left, or not well formed (then cursor->left is not 0). */
bool plan_next(struct cursor *cursor, struct operation *operation);
/* True if the whole plan is well formed and every operation fits its signature. */
bool plan_check(const void *plan, size_t size, signature_of signature);

#endif
