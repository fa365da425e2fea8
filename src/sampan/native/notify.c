/* linux.seccomp with SCMP_ACT_NOTIFY: loads the filter, and gets the descriptor of its listener out to the engine, which
 * hands it on to the agent. From the moment that the filter holds until the agent has the descriptor, nobody answers: a
 * thread that calls what the agent is to decide would wait for ever, and what the filter denies, it cannot call at all.
 * So a second thread, made before and not under the filter, does the talking, and the first one makes no system call
 * until that has been done. execve ends what may be left of the second. */
#include "init.h"

#include <linux/filter.h>
#include <linux/seccomp.h>

#define PENDING INT64_MIN
#define STACK_SIZE 16384

static struct {
    long listener; /* the descriptor, for the second thread */
    long result;   /* of the conversation, for the first */
    int64_t point; /* at which the engine takes the descriptor */
} shared = {.listener = PENDING, .result = PENDING};

_Alignas(16) static char stack[STACK_SIZE];

/* The second thread. The engine is asked first, so that it reads the descriptor from the socket, and nothing else. */
_Noreturn void notify_talk(void); /* called by its name in the assembly below */

_Noreturn __attribute__((used)) void notify_talk(void)
{
    long listener;
    while ((listener = __atomic_load_n(&shared.listener, __ATOMIC_ACQUIRE)) == PENDING)
        SYS0(sched_yield);
    long result = reach(shared.point);
    if (result == 0)
        result = send_descriptor(container.sync, listener, "seccompFd");
    if (result == 0)
        result = await_answer();
    __atomic_store_n(&shared.result, result, __ATOMIC_RELEASE);
    for (;;)
        SYS1(exit, 0);
}

/* A thread on a stack of its own: so it cannot return from here, and begins as a function that never does. */
static long start_talker(void)
{
    struct clone_args arguments = {
        .flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
        .stack = (uintptr_t)stack,
        .stack_size = sizeof(stack),
    };
    long result;
#if defined(__x86_64__)
    __asm__ volatile("syscall\n\ttest %%rax, %%rax\n\tjnz 1f\n\txor %%ebp, %%ebp\n\tcall notify_talk\n1:"
                     : "=a"(result)
                     : "a"(__NR_clone3), "D"(&arguments), "S"(sizeof(arguments))
                     : "rcx", "r11", "memory");
#else
    register long number __asm__("x8") = __NR_clone3;
    register long first __asm__("x0") = (long)&arguments;
    register long second __asm__("x1") = sizeof(arguments);
    __asm__ volatile("svc 0\n\tcbnz x0, 1f\n\tmov x29, #0\n\tbl notify_talk\n1:"
                     : "+r"(first)
                     : "r"(number), "r"(second)
                     : "x30", "memory");
    result = first;
#endif
    return result < 0 ? result : 0;
}

/* the program, flags of seccomp(2), the point at which the engine takes the descriptor */
long op_seccomp_notify(args a)
{
    shared.point = a[2].number;
    long result = attempt("clone3", start_talker());
    if (result < 0)
        return result;
    long listener = load_filter(&a[0], a[1].number);
    if (listener < 0)
        return listener; /* which ends the process, and with it the other thread */
    __atomic_store_n(&shared.listener, listener, __ATOMIC_RELEASE);
    while ((result = __atomic_load_n(&shared.result, __ATOMIC_ACQUIRE)) == PENDING)
        relax();
    return result; /* the listener is close-on-exec, by the kernel */
}
