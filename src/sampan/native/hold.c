/* Holding a sandbox: its first process, which does nothing of its own, reaps whoever is orphaned, and does three things
 * that the program outside asks for over a socket, its standard output:
 *
 *     'k'  kill every other process of the pid namespace, and answer when none is left
 *     'o'  open a path, as the guest that it is, and send the descriptor
 *     'm'  make a directory
 *
 * It is killed by nobody inside: the kernel keeps such signals from the first process of a pid namespace. It is closed to
 * the eyes of all others before any of them begins. When the program outside ends, however it ends, so does this, and
 * the kernel ends all processes of the namespace with it. */
#include "descriptor.h"

#include <asm/signal.h>
#include <linux/prctl.h>

#define CONTROL 1
#define MAX_WAIT 2000000 /* nanoseconds */

struct request {
    char what;
    uint32_t flags;
    uint32_t mode;
    char path[4096 + 256]; /* ended by NUL; for 'm' that of the parent, followed by the name */
};

static struct request request;

static void answer(long result, long fd)
{
    int32_t number = (int32_t)result;
    pass_descriptor(CONTROL, fd, &number, sizeof(number));
}

/* Nobody forks while the kernel goes through the list, and who is killed does not fork any more: what a second round
 * finds is on its way to its end, or is still to be reaped by whoever started it. */
static long end_all(void)
{
    struct {
        long seconds, nanoseconds;
    } pause = {0, 50000};
    long result;
    while ((result = SYS2(kill, -1, SIGKILL)) == 0) {
        SYS2(nanosleep, &pause, NULL);
        if (pause.nanoseconds < MAX_WAIT)
            pause.nanoseconds *= 2;
    }
    return result == -ESRCH ? 0 : result;
}

/* No symbolic link, which the guest may have put there to lead to what is this process's own (/proc/self). A FIFO is not
 * waited for. */
static long open_path(uint64_t flags, uint64_t mode)
{
    struct open_how how = {.flags = flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                           .mode = mode,
                           .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    return SYS4(openat2, AT_FDCWD, request.path, &how, sizeof(how));
}

static long make_directory(void)
{
    long parent = open_path(O_RDONLY | O_DIRECTORY, 0);
    if (parent < 0)
        return parent;
    long result = SYS3(mkdirat, parent, request.path + length_of(request.path) + 1, request.mode);
    close_fd(parent);
    return result;
}

static void serve(void)
{
    long fd;
    switch (request.what) {
    case 'k':
        answer(end_all(), -1);
        break;
    case 'o':
        fd = open_path(request.flags, request.mode);
        answer(fd < 0 ? fd : 0, fd);
        if (fd >= 0)
            close_fd(fd);
        break;
    case 'm':
        answer(make_directory(), -1);
        break;
    default:
        answer(-EINVAL, -1);
    }
}

_Noreturn __attribute__((used)) void begin(void)
{
    static const struct {
        void *handler; /* SIG_IGN: the kernel reaps */
        unsigned long flags;
        void *restorer;
        uint64_t mask;
    } ignored = {(void *)1, 0, NULL, 0};
    SYS5(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
    SYS4(rt_sigaction, SIGCHLD, &ignored, NULL, sizeof(ignored.mask));
    SYS1(umask, 0);
    close_fd(0); /* this program */
    answer(0, -1);
    for (;;) {
        memset(&request, 0, sizeof(request));
        long size = SYS3(read, CONTROL, &request, sizeof(request) - 2);
        if (size == -EINTR)
            continue;
        if (size <= 0)
            leave(0);
        serve();
    }
}

BEGIN_WITH(begin);
