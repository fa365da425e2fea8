/* Starting init: a child that shares the caller's memory until it has become init (CLONE_VM | CLONE_VFORK), so that a
 * program of many gigabytes starts a container as quickly as a small one, and that is born in its new namespaces and
 * in its cgroup. Between clone3 and execveat the child runs on a stack of its own, calls only the kernel, and leaves
 * nothing changed in the memory that it shares. */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_DESCRIPTORS 1024
#define STACK_SIZE 16384
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

struct birth {
    int descriptors[MAX_DESCRIPTORS]; /* init itself, stdin, stdout, stderr, then those from `first` on */
    int count;
    int first;
    char argument[16];
    int error; /* errno, where the child failed before it was init */
};

/* Moves every descriptor out of the way, then to its place: the places may be taken by others of the list. */
static int arrange_descriptors(struct birth *birth)
{
    int beyond = birth->first + birth->count;
    for (int i = 0; i < birth->count; i++) {
        if (birth->descriptors[i] < 0)
            continue;
        birth->descriptors[i] = fcntl(birth->descriptors[i], F_DUPFD_CLOEXEC, beyond);
        if (birth->descriptors[i] < 0)
            return -1;
    }
    for (int i = 1; i < birth->count; i++) {
        int place = i <= 3 ? i - 1 : birth->first + i - 4;
        if (birth->descriptors[i] >= 0 && dup2(birth->descriptors[i], place) < 0)
            return -1;
    }
    for (int fd = 3; fd < birth->first; fd++) /* --preserve-fds */
        if (fcntl(fd, F_SETFD, 0) < 0)
            return -1;
    return (int)syscall(SYS_close_range, birth->first + birth->count - 4, ~0U, CLOSE_RANGE_CLOEXEC);
}

static int become_init(void *argument)
{
    struct birth *birth = argument;
    char *argv[] = {"sampan-init", birth->argument, NULL};
    char *environment[] = {NULL};
    static const char by_default[64]; /* the kernel's struct sigaction, of which all zeros is SIG_DFL */
    sigset_t none;
    /* execve resets handlers, but an ignored signal (Python ignores SIGPIPE) would stay ignored. The C library would
     * not touch the two signals that it keeps for itself, and a caller may have been started with those ignored. */
    for (int number = 1; number < NSIG; number++)
        syscall(SYS_rt_sigaction, number, by_default, NULL, NSIG / 8);
    if (arrange_descriptors(birth) == 0) {
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        syscall(SYS_execveat, birth->descriptors[0], "", argv, environment, AT_EMPTY_PATH);
    }
    birth->error = errno;
    _exit(127);
}

/* clone3 has no wrapper in the C library. The child has a stack of its own and never returns from here. */
static long clone3_to(struct clone_args *arguments, int (*function)(void *), void *argument)
{
#if defined(__x86_64__)
    long result;
    register void *function_register __asm__("r8") = (void *)function;
    register void *argument_register __asm__("r9") = argument;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "mov %%r9, %%rdi\n\t"
                     "call *%%r8\n\t"
                     "hlt\n"
                     "1:"
                     : "=a"(result)
                     : "a"(SYS_clone3), "D"(arguments), "S"(sizeof(*arguments)), "r"(function_register),
                       "r"(argument_register)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long number __asm__("x8") = SYS_clone3;
    register long x0 __asm__("x0") = (long)arguments;
    register long x1 __asm__("x1") = sizeof(*arguments);
    register void *function_register __asm__("x2") = (void *)function;
    register void *argument_register __asm__("x3") = argument;
    __asm__ volatile("svc 0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x29, #0\n\t"
                     "mov x0, x3\n\t"
                     "blr x2\n\t"
                     "brk #1\n"
                     "1:"
                     : "+r"(x0)
                     : "r"(number), "r"(x1), "r"(function_register), "r"(argument_register)
                     : "memory");
    return x0;
#else
#error "sampan knows x86_64 and aarch64"
#endif
}

static long give_birth(struct birth *birth, unsigned long long flags, int cgroup, int *pidfd)
{
    static const unsigned long long always = CLONE_VM | CLONE_VFORK | CLONE_PIDFD;
    alignas(16) char stack[STACK_SIZE];
    sigset_t all, before;
    struct clone_args arguments = {
        .flags = flags | always | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
        .pidfd = (uintptr_t)pidfd,
        .exit_signal = SIGCHLD,
        .stack = (uintptr_t)stack,
        .stack_size = sizeof(stack),
        .cgroup = cgroup >= 0 ? (unsigned long long)cgroup : 0,
    };
    /* a handler of the caller's must not run in the child, in the caller's memory */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    long pid = clone3_to(&arguments, become_init, birth);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid;
}

static int add_descriptors(struct birth *birth, PyObject *descriptors)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(descriptors); i++) {
        long fd = PyLong_AsLong(PyTuple_GET_ITEM(descriptors, i));
        if (fd == -1 && PyErr_Occurred())
            return -1;
        if (birth->count == MAX_DESCRIPTORS) {
            PyErr_SetString(PyExc_ValueError, "too many descriptors for one container");
            return -1;
        }
        birth->descriptors[birth->count++] = (int)fd;
    }
    return 0;
}

PyObject *sampan_spawn(PyObject *self, PyObject *args)
{
    struct birth birth = {0};
    PyObject *standard, *descriptors;
    unsigned long long flags;
    int init, cgroup, pidfd = -1;
    long pid;
    (void)self;
    if (!PyArg_ParseTuple(args, "iO!O!iKi", &init, &PyTuple_Type, &standard, &PyTuple_Type, &descriptors,
                          &birth.first, &flags, &cgroup))
        return NULL;
    if (PyTuple_GET_SIZE(standard) != 3 || birth.first < 3) {
        PyErr_SetString(PyExc_ValueError, "three standard descriptors, and others from 3 on");
        return NULL;
    }
    birth.descriptors[birth.count++] = init;
    if (add_descriptors(&birth, standard) < 0 || add_descriptors(&birth, descriptors) < 0)
        return NULL;
    snprintf(birth.argument, sizeof(birth.argument), "%d", birth.first);
    Py_BEGIN_ALLOW_THREADS
    pid = give_birth(&birth, flags, cgroup, &pidfd);
    Py_END_ALLOW_THREADS
    if (pid < 0) {
        errno = (int)-pid;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    if (birth.error) {
        siginfo_t info; /* by its pidfd: another thread may have reaped it, and its number be that of another child */
        waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED);
        close(pidfd);
        errno = birth.error;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    return Py_BuildValue("li", pid, pidfd);
}
