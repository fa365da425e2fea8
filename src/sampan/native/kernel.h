/* The system calls of the static programs, without a C library: they must be small and run in a fresh address space
 * within microseconds. Every wrapper returns what the kernel returns: a value, or -errno.
 * The definitions at the end stand for what older kernel headers lack. */
#ifndef SAMPAN_KERNEL_H
#define SAMPAN_KERNEL_H

#include <asm/unistd.h>
#include <linux/close_range.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
static inline long syscall6(long number, long a, long b, long c, long d, long e, long f)
{
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
static inline long syscall6(long number, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
}
#else
#error "sampan knows x86_64 and aarch64"
#endif

#define SYS6(name, a, b, c, d, e, f) \
    syscall6(__NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define SYS5(name, a, b, c, d, e) SYS6(name, a, b, c, d, e, 0)
#define SYS4(name, a, b, c, d) SYS6(name, a, b, c, d, 0, 0)
#define SYS3(name, a, b, c) SYS6(name, a, b, c, 0, 0, 0)
#define SYS2(name, a, b) SYS6(name, a, b, 0, 0, 0, 0)
#define SYS1(name, a) SYS6(name, a, 0, 0, 0, 0, 0)
#define SYS0(name) SYS6(name, 0, 0, 0, 0, 0, 0)

/* For a loop that waits for another thread without a system call. */
static inline void relax(void)
{
#if defined(__x86_64__)
    __asm__ volatile("pause" ::: "memory");
#else
    __asm__ volatile("yield" ::: "memory");
#endif
}

static inline long close_fd(long fd)
{
    return SYS1(close, fd);
}

static inline size_t length_of(const char *text)
{
    size_t n = 0;
    while (text[n])
        n++;
    return n;
}

static inline bool same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

/* Copies at most size - 1 bytes and always ends the copy; returns the length copied. */
static inline size_t copy_text(char *to, size_t size, const char *from)
{
    size_t n = 0;
    while (n + 1 < size && from[n]) {
        to[n] = from[n];
        n++;
    }
    to[n] = 0;
    return n;
}

/* freestanding.c */
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
_Noreturn void leave(int status);
/* The number that the text begins with; without one 0. */
long number_in(const char *text);
/* `text` has room for it. */
void append_number(char *text, long number);

/* Where the kernel begins: what is on the stack, the count of arguments first, is what `function` gets. */
#if defined(__x86_64__)
#define BEGIN_WITH(function) \
    __asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall " #function "\n")
#else
#define BEGIN_WITH(function) \
    __asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tmov x0, sp\n\tand sp, x0, #-16\n\tbl " #function "\n")
#endif

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif
#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

#define MS_MOVE_FLAG 8192
#define MNT_DETACH_FLAG 2
#define UMOUNT_NOFOLLOW_FLAG 8
#define PROC_SUPER_MAGIC_NUMBER 0x9fa0

#endif
