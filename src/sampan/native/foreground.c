/* Staying with a container in the foreground: signals are passed on, and, where it has a terminal, every byte between
 * that and the caller's. The caller's own terminal is raw meanwhile and gets its mode back whatever happens. */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define CHUNK 65536
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

struct foreground {
    int pidfd;
    pid_t pid;
    int terminal; /* the container's, from our side; -1: it has none */
    int signals;
    bool was_raw;
    struct termios before;
    char typed[4096]; /* what the container has not taken yet */
    size_t typed_size;
    bool input_ended;
};

PyObject *sampan_block_signals(PyObject *self, PyObject *args)
{
    sigset_t all;
    (void)self, (void)args;
    sigfillset(&all);
    if (sigprocmask(SIG_BLOCK, &all, NULL) < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    Py_RETURN_NONE;
}

/* A subreaper gets the orphans of its container; whoever is not the container itself is reaped at once. */
static void reap_orphans(pid_t container)
{
    siginfo_t info;
    for (;;) {
        info.si_pid = 0;
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0 || info.si_pid == container)
            return;
        waitpid(info.si_pid, NULL, 0);
    }
}

static void resize(const struct foreground *fg)
{
    struct winsize size;
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
        ioctl(fg->terminal, TIOCSWINSZ, &size);
}

static void pass_on_signal(const struct foreground *fg)
{
    struct signalfd_siginfo info;
    if (read(fg->signals, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGCHLD)
        reap_orphans(fg->pid);
    else if (info.ssi_signo == SIGWINCH && fg->terminal >= 0)
        resize(fg);
    else if (info.ssi_signo != SIGPIPE) /* that is the caller's own trouble with its standard output */
        syscall(SYS_pidfd_send_signal, fg->pidfd, info.ssi_signo, NULL, 0);
}

static void write_out(const char *data, ssize_t size)
{
    while (size > 0) {
        ssize_t n = write(STDOUT_FILENO, data, (size_t)size);
        if (n < 0 && errno == EAGAIN) {
            struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
            poll(&out, 1, -1);
        } else if (n < 0 && errno != EINTR) {
            return; /* nobody reads any more; the container need not know */
        } else if (n > 0) {
            data += n;
            size -= n;
        }
    }
}

/* False when the container has closed its side and all that it wrote is out. */
static bool relay_output(const struct foreground *fg)
{
    char buffer[CHUNK];
    ssize_t n = read(fg->terminal, buffer, sizeof(buffer));
    if (n > 0)
        write_out(buffer, n);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void relay_input(struct foreground *fg, bool readable, bool writable)
{
    if (readable && fg->typed_size < sizeof(fg->typed)) {
        ssize_t n = read(STDIN_FILENO, fg->typed + fg->typed_size, sizeof(fg->typed) - fg->typed_size);
        fg->input_ended = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
        if (n > 0)
            fg->typed_size += (size_t)n;
    }
    if (writable && fg->typed_size > 0) {
        ssize_t n = write(fg->terminal, fg->typed, fg->typed_size);
        if (n > 0) {
            fg->typed_size -= (size_t)n;
            memmove(fg->typed, fg->typed + n, fg->typed_size);
        }
    }
}

static void begin_terminal(struct foreground *fg)
{
    if (fg->terminal < 0)
        return;
    fcntl(fg->terminal, F_SETFL, fcntl(fg->terminal, F_GETFL) | O_NONBLOCK);
    resize(fg);
    if (tcgetattr(STDIN_FILENO, &fg->before) < 0)
        return;
    struct termios raw = fg->before;
    cfmakeraw(&raw);
    fg->was_raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

static void end_terminal(const struct foreground *fg)
{
    if (fg->was_raw)
        tcsetattr(STDIN_FILENO, TCSANOW, &fg->before);
}

static int stay(struct foreground *fg)
{
    bool ended = false;
    while (!ended) {
        bool room = fg->typed_size < sizeof(fg->typed) && !fg->input_ended && fg->terminal >= 0;
        short wanted = (short)(POLLIN | (fg->typed_size > 0 ? POLLOUT : 0));
        struct pollfd watched[] = {
            {.fd = fg->pidfd, .events = POLLIN},
            {.fd = fg->signals, .events = POLLIN},
            {.fd = fg->terminal, .events = wanted},
            {.fd = room ? STDIN_FILENO : -1, .events = POLLIN},
        };
        if (poll(watched, 4, -1) < 0 && errno != EINTR)
            return -1;
        if (watched[1].revents)
            pass_on_signal(fg);
        if (watched[2].revents & (POLLIN | POLLHUP) && !relay_output(fg))
            fg->terminal = -1; /* closed by all of the container's processes; they may go on */
        if (fg->terminal >= 0)
            relay_input(fg, watched[3].revents != 0, watched[2].revents & POLLOUT);
        ended = watched[0].revents != 0;
    }
    while (fg->terminal >= 0) { /* what its last processes wrote */
        struct pollfd rest = {.fd = fg->terminal, .events = POLLIN};
        if (poll(&rest, 1, 0) <= 0 || !relay_output(fg))
            break;
    }
    return 0;
}

PyObject *sampan_foreground(PyObject *self, PyObject *args)
{
    struct foreground fg = {0};
    siginfo_t info = {0};
    sigset_t all;
    int result;
    (void)self;
    if (!PyArg_ParseTuple(args, "iii", &fg.pidfd, &fg.pid, &fg.terminal))
        return NULL;
    sigfillset(&all);
    fg.signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fg.signals < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    Py_BEGIN_ALLOW_THREADS
    begin_terminal(&fg);
    result = stay(&fg);
    end_terminal(&fg);
    if (result == 0)
        result = waitid(P_PIDFD, (id_t)fg.pidfd, &info, WEXITED);
    Py_END_ALLOW_THREADS
    close(fg.signals);
    if (result < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    return PyLong_FromLong(info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status);
}
