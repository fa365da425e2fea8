/* Staying with a process in the foreground: what the command becomes once there is nothing left to decide, so that an
 * interpreter does not wait for days. Signals are passed on, orphans are reaped, and where the process has a terminal,
 * every byte between that and the caller's. Arguments:
 *
 *     sampan-wait PIDFD PID TERMINAL NOTIFY MANAGER [COMMAND...]
 *
 * The descriptors are inherited ("-1": none); all signals are blocked. NOTIFY is a socket on which the process says that
 * it is ready, MANAGER one that is connected to whoever wants to know. At the end it becomes COMMAND, with the exit
 * status as one more argument, or ends with that status itself. */
#include "relay.h"

#include <asm/siginfo.h>
#include <linux/signalfd.h>
#include <linux/wait.h>

#define MESSAGE_SIZE 4096
#define MSG_DONTWAIT_FLAG 0x40
#define MSG_NOSIGNAL_FLAG 0x4000

struct waiter {
    int pidfd;
    long pid;
    int signals;
    int notify;
    int manager;
    bool told_to_end; /* a signal came after the process had ended */
};

/* A subreaper gets the orphans of its container; whoever is not the process itself is reaped at once. */
static void reap_orphans(long process)
{
    siginfo_t info;
    for (;;) {
        info.si_pid = 0;
        if (SYS5(waitid, P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT, NULL) < 0 || info.si_pid == 0 ||
            info.si_pid == process)
            return;
        SYS5(waitid, P_PID, info.si_pid, &info, WEXITED, NULL);
    }
}

static void pass_on_signal(struct waiter *waiter, const struct relay *relay)
{
    struct signalfd_siginfo info;
    if (SYS3(read, waiter->signals, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGCHLD)
        reap_orphans(waiter->pid);
    else if (info.ssi_signo == SIGWINCH && relay->terminal >= 0)
        relay_resize(relay);
    else if (info.ssi_signo != SIGPIPE) /* that is the caller's own trouble with its standard output */
        waiter->told_to_end = SYS4(pidfd_send_signal, waiter->pidfd, info.ssi_signo, NULL, 0) == -ESRCH;
}

static bool starts_with(const char *text, const char *beginning)
{
    while (*beginning)
        if (*text++ != *beginning++)
            return false;
    return true;
}

/* sd_notify(3): the line READY= of a message goes on, and in the place of the process, whose number means nothing
 * outside, this command is the one to watch. As in runc the first such message is the last. */
static void pass_on_readiness(struct waiter *waiter)
{
    char message[MESSAGE_SIZE + 1] = {0};
    char main_pid[32] = "MAINPID=";
    long size = SYS6(recvfrom, waiter->notify, message, MESSAGE_SIZE, MSG_DONTWAIT_FLAG, NULL, NULL);
    char *line = size > 0 ? message : NULL;
    while (line && !starts_with(line, "READY=")) {
        while (*line && *line != '\n')
            line++;
        line = *line ? line + 1 : NULL;
    }
    if (!line)
        return;
    size_t length = 0;
    while (line[length] && line[length] != '\n')
        length++;
    line[length++] = '\n';
    append_number(main_pid, SYS0(getpid));
    SYS6(sendto, waiter->manager, line, length, MSG_NOSIGNAL_FLAG, NULL, 0);
    size_t end = length_of(main_pid);
    main_pid[end++] = '\n';
    SYS6(sendto, waiter->manager, main_pid, end, MSG_NOSIGNAL_FLAG, NULL, 0);
    close_fd(waiter->notify);
    waiter->notify = -1;
}

static void stay(struct waiter *waiter, struct relay *relay)
{
    bool ended = false;
    while (!ended) {
        struct pollfd watched[3 + RELAY_WATCHES] = {
            {.fd = waiter->pidfd, .events = POLLIN},
            {.fd = waiter->signals, .events = POLLIN},
            {.fd = waiter->notify, .events = POLLIN},
        };
        long patience = relay_prepare(relay, watched + 3);
        wait_for(watched, 3 + RELAY_WATCHES, patience);
        if (watched[1].revents)
            pass_on_signal(waiter, relay);
        if (watched[2].revents)
            pass_on_readiness(waiter);
        relay_act(relay, watched + 3);
        ended = watched[0].revents != 0;
    }
}

/* What its last processes wrote. Whoever does not want to wait for a reader that does not read sends a signal. */
static void write_the_rest(struct waiter *waiter, struct relay *relay)
{
    relay_process_ended(relay);
    while (relay_has_rest(relay) && !waiter->told_to_end) {
        struct pollfd watched[1 + RELAY_WATCHES] = {{.fd = waiter->signals, .events = POLLIN}};
        long patience = relay_prepare(relay, watched + 1);
        wait_for(watched, 1 + RELAY_WATCHES, patience);
        if (watched[0].revents)
            pass_on_signal(waiter, relay);
        relay_act(relay, watched + 1);
    }
}

static int exit_status(const struct waiter *waiter)
{
    siginfo_t info = {0};
    SYS5(waitid, P_PIDFD, waiter->pidfd, &info, WEXITED, NULL);
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

_Noreturn static void become(char **command, long count, char **environment, int status)
{
    const char *arguments[count + 2];
    char text[24] = "";
    if (count == 0)
        leave(status);
    append_number(text, status);
    for (long i = 0; i < count; i++)
        arguments[i] = command[i];
    arguments[count] = text;
    arguments[count + 1] = NULL;
    SYS3(execve, command[0], arguments, environment);
    static const char problem[] = "sampan: cannot run the command again to remove the container: delete it by hand\n";
    SYS3(write, 2, problem, sizeof(problem) - 1);
    leave(status);
}

static int descriptor_in(const char *text)
{
    return *text == '-' ? -1 : (int)number_in(text);
}

_Noreturn __attribute__((used)) void begin(long *stack)
{
    static struct relay relay; /* its buffers would be large for a stack */
    uint64_t all = ~0ULL;
    long count = stack[0];
    char **arguments = (char **)(stack + 1);
    if (count < 6)
        leave(64);
    struct waiter waiter = {
        .pidfd = descriptor_in(arguments[1]),
        .pid = number_in(arguments[2]),
        .notify = descriptor_in(arguments[4]),
        .manager = descriptor_in(arguments[5]),
        .signals = (int)SYS4(signalfd4, -1, &all, sizeof(all), O_CLOEXEC | O_NONBLOCK),
    };
    for (int i = 1; i <= 5; i++) /* they are not for COMMAND; the second is a pid */
        if (i != 2 && descriptor_in(arguments[i]) >= 0)
            SYS3(fcntl, descriptor_in(arguments[i]), F_SETFD, FD_CLOEXEC);
    relay_begin(&relay, descriptor_in(arguments[3]));
    stay(&waiter, &relay);
    int status = exit_status(&waiter); /* from here on signals do not reach it */
    write_the_rest(&waiter, &relay);
    relay_end(&relay);
    become(arguments + 6, count - 6, arguments + count + 1, status);
}

BEGIN_WITH(begin);
