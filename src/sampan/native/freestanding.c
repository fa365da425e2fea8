/* What the static programs share in the place of a C library. The compiler turns initialisers and loops into calls of
 * memcpy and memset. */
#include "kernel.h"

void *memcpy(void *to, const void *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((char *)to)[i] = ((const char *)from)[i];
    return to;
}

void *memset(void *to, int byte, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((char *)to)[i] = (char)byte;
    return to;
}

uintptr_t __stack_chk_guard;

_Noreturn void __stack_chk_fail(void)
{
    leave(127);
}

_Noreturn void leave(int status)
{
    for (;;)
        SYS1(exit_group, status);
}

long number_in(const char *text)
{
    long number = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        number = number * 10 + (*text - '0');
    return number;
}

void append_number(char *text, long number)
{
    char digits[24];
    size_t count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while (number /= 10);
    text += length_of(text);
    while (count > 0)
        *text++ = digits[--count];
    *text = 0;
}
