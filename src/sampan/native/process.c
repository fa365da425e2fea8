/* Operations on the process itself: what it may do, as whom, and the program that it becomes. */
#include "init.h"

#include <asm/ioctls.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/sched/types.h>
#include <linux/seccomp.h>
#include <linux/termios.h>

#define AT_EACCESS_FLAG 0x200
#define X_OK_MODE 1
#define IOPRIO_WHO_PROCESS_VALUE 1
#define MAX_STRINGS 65536
#define MAX_PASSWD (16 << 20)

struct capability_sets {
    struct __user_cap_header_struct header;
    struct __user_cap_data_struct data[2];
};

long op_session(args a)
{
    (void)a;
    long result = SYS0(setsid);
    return result < 0 && result != -EPERM ? attempt("setsid", result) : 0;
}

/* Until the user's program runs, nobody may look into this process: it holds descriptors of the host
 * (CVE-2016-9962). execve makes the process dumpable again. */
long op_undumpable(args a)
{
    (void)a;
    return attempt("prctl PR_SET_DUMPABLE", SYS5(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0));
}

/* While it waits, where nobody is in its user namespace yet but whom the user lets in: without root's rights, who made
 * the namespace may enter it only through a process that is open to them. */
long op_dumpable(args a)
{
    (void)a;
    return attempt("prctl PR_SET_DUMPABLE", SYS5(prctl, PR_SET_DUMPABLE, 1, 0, 0, 0));
}

/* A session keyring of its own: the container must not see the keys of its caller. Without a name, since the kernel
 * would join the one of this name that another container has made and opened. A kernel without keyrings has none to
 * see. */
long op_keyring(args a)
{
    (void)a;
    long ring = SYS2(keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
    if (ring == -ENOSYS)
        return 0;
    return ring < 0 ? attempt("keyctl", ring) : 0;
}

long op_rlimit(args a)
{
    uint64_t limit[2] = {(uint64_t)a[1].number, (uint64_t)a[2].number};
    return attempt("setrlimit", SYS4(prlimit64, 0, a[0].number, limit, NULL));
}

/* the mask, or -1 for the caller's */
long op_umask(args a)
{
    SYS1(umask, a[0].number < 0 ? container.umask : a[0].number);
    return 0;
}

/* the ids, as 32 bit numbers */
long op_groups(args a)
{
    long result = SYS2(setgroups, a[0].length / 4, a[0].text);
    /* a rootless mapping of one id forbids it; then there is nothing to set, and the kernel lets nothing be dropped */
    return result == -EPERM && a[0].length == 0 ? 0 : attempt("setgroups", result);
}

/* Pipes, sockets and terminals are, and files that the caller opened for writing. Never what it only lets the
 * container read, nor a device that others use, too. */
static bool is_to_be_given(long fd, const struct statx *status)
{
    struct winsize size;
    switch (status->stx_mode & S_IFMT) {
    case S_IFIFO:
    case S_IFSOCK:
        return true;
    case S_IFCHR:
        return SYS3(ioctl, fd, TIOCGWINSZ, &size) == 0;
    case S_IFREG:
        return (SYS2(fcntl, fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
    default:
        return false;
    }
}

/* uid: a process that is not root must be able to open its own /dev/stdout anew. What cannot change its owner (a
 * read-only file, a file of another user namespace) stays as it is. */
long op_own_standard_streams(args a)
{
    struct statx status;
    for (int fd = 0; fd < 3; fd++) {
        if (SYS5(statx, fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &status) < 0 || status.stx_uid == a[0].number)
            continue;
        if (is_to_be_given(fd, &status))
            SYS3(fchown, fd, a[0].number, status.stx_gid);
    }
    return 0;
}

long op_user(args a)
{
    long result = attempt("prctl PR_SET_KEEPCAPS", SYS5(prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0));
    if (result == 0)
        result = attempt("setresgid", SYS3(setresgid, a[1].number, a[1].number, a[1].number));
    if (result == 0)
        result = attempt("setresuid", SYS3(setresuid, a[0].number, a[0].number, a[0].number));
    /* a change of ids makes it what fs.suid_dumpable says */
    return result < 0 ? result : op_undumpable(a);
}

/* keeps what the mask has */
long op_bounding(args a)
{
    for (int i = 0; i < 64; i++) {
        long held = SYS5(prctl, PR_CAPBSET_READ, i, 0, 0, 0);
        if (held < 0)
            break; /* beyond the last capability that this kernel knows */
        if (held == 1 && !((uint64_t)a[0].number >> i & 1)) {
            long result = attempt("prctl PR_CAPBSET_DROP", SYS5(prctl, PR_CAPBSET_DROP, i, 0, 0, 0));
            if (result < 0)
                return result;
        }
    }
    return 0;
}

/* After setresuid only the permitted set is left; a filter without no_new_privs needs CAP_SYS_ADMIN in effect. */
long op_raise_effective(args a)
{
    (void)a;
    struct capability_sets sets = {.header = {.version = _LINUX_CAPABILITY_VERSION_3}};
    long result = attempt("capget", SYS2(capget, &sets.header, sets.data));
    if (result < 0)
        return result;
    sets.data[0].effective = sets.data[0].permitted;
    sets.data[1].effective = sets.data[1].permitted;
    return attempt("capset", SYS2(capset, &sets.header, sets.data));
}

/* effective, permitted, inheritable, ambient */
long op_capabilities(args a)
{
    struct capability_sets sets = {.header = {.version = _LINUX_CAPABILITY_VERSION_3}};
    for (int i = 0; i < 2; i++) {
        sets.data[i].effective = (uint32_t)((uint64_t)a[0].number >> 32 * i);
        sets.data[i].permitted = (uint32_t)((uint64_t)a[1].number >> 32 * i);
        sets.data[i].inheritable = (uint32_t)((uint64_t)a[2].number >> 32 * i);
    }
    long result = attempt("capset", SYS2(capset, &sets.header, sets.data));
    for (int i = 0; i < 64 && result == 0; i++)
        if ((uint64_t)a[3].number >> i & 1)
            result = attempt("prctl PR_CAP_AMBIENT", SYS5(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0));
    return result;
}

long op_no_new_privileges(args a)
{
    (void)a;
    return attempt("prctl PR_SET_NO_NEW_PRIVS", SYS5(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

long load_filter(const struct argument *filter, int64_t flags)
{
    struct sock_fprog program = {.len = (unsigned short)(filter->length / sizeof(struct sock_filter)),
                                 .filter = (struct sock_filter *)(uintptr_t)filter->text};
    return attempt("seccomp", SYS3(seccomp, SECCOMP_SET_MODE_FILTER, flags, &program));
}

/* the program, flags of seccomp(2) */
long op_seccomp(args a)
{
    return load_filter(&a[0], a[1].number);
}

long op_personality(args a)
{
    long result = SYS1(personality, a[0].number);
    return result < 0 ? attempt("personality", result) : 0;
}

/* policy, flags, nice, priority, runtime, deadline, period */
long op_scheduler(args a)
{
    struct sched_attr attributes = {
        .size = sizeof(attributes),
        .sched_policy = (uint32_t)a[0].number,
        .sched_flags = (uint64_t)a[1].number,
        .sched_nice = (int32_t)a[2].number,
        .sched_priority = (uint32_t)a[3].number,
        .sched_runtime = (uint64_t)a[4].number,
        .sched_deadline = (uint64_t)a[5].number,
        .sched_period = (uint64_t)a[6].number,
    };
    return attempt("sched_setattr", SYS3(sched_setattr, 0, &attributes, 0));
}

long op_io_priority(args a)
{
    return attempt("ioprio_set", SYS3(ioprio_set, IOPRIO_WHO_PROCESS_VALUE, 0, a[0].number));
}

/* the mask of the processors that it may run on */
long op_affinity(args a)
{
    long result = attempt("sched_setaffinity", SYS3(sched_setaffinity, 0, a[0].length, a[0].text));
    return result < 0 ? result : 0;
}

/* mode with flags, node mask */
long op_memory_policy(args a)
{
    return attempt("set_mempolicy", SYS3(set_mempolicy, a[0].number, a[1].length ? a[1].text : NULL,
                                         a[1].length ? (uint64_t)a[1].length * 8 + 1 : 0));
}

/* One line of passwd(5): is it the user's, and where is the home directory? The user is always a number. */
static bool home_in_line(const char *line, int64_t uid)
{
    const char *fields[7] = {line};
    for (int i = 1; i < 7; i++) {
        const char *at = fields[i - 1];
        while (*at && *at != ':')
            at++;
        if (!*at)
            return false;
        fields[i] = at + 1;
    }
    int64_t found = 0;
    const char *digit = fields[2];
    for (; *digit >= '0' && *digit <= '9' && found <= UINT32_MAX; digit++)
        found = found * 10 + (*digit - '0');
    size_t length = (size_t)(fields[6] - fields[5]) - 1;
    if (digit == fields[2] || *digit != ':' || found != uid || length == 0 || length + 6 > sizeof(container.home))
        return false;
    memcpy(container.home + 5, fields[5], length);
    container.home[5 + length] = 0;
    return true;
}

/* The container's own; only a file, since a device (/dev/urandom, say) may never end. */
static long open_passwd(void)
{
    struct statx status;
    long fd = container.root < 0 ? SYS4(openat, AT_FDCWD, "/etc/passwd", O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)
                                 : resolve("/etc/passwd", O_RDONLY | O_NONBLOCK, 0);
    if (fd >= 0 && (stat_of(fd, &status) < 0 || (status.stx_mode & S_IFMT) != S_IFREG)) {
        close_fd(fd);
        return -EINVAL;
    }
    return fd;
}

/* uid: HOME from the container's own /etc/passwd, as far as that is of a sane size, or "/" */
long op_home(args a)
{
    static char buffer[PATH_SIZE];
    copy_text(container.home, sizeof(container.home), "HOME=/");
    long fd = open_passwd();
    if (fd < 0)
        return 0;
    size_t used = 0;
    bool found = false;
    for (size_t seen = 0; seen < MAX_PASSWD; seen += sizeof(buffer) / 2) {
        long n = SYS3(read, fd, buffer + used, sizeof(buffer) - 1 - used);
        if (n <= 0)
            break;
        used += (size_t)n;
        size_t start = 0;
        for (size_t i = 0; i < used && !found; i++) {
            if (buffer[i] != '\n')
                continue;
            buffer[i] = 0;
            found = home_in_line(buffer + start, a[0].number);
            start = i + 1;
        }
        if (found || (start == 0 && used == sizeof(buffer) - 1))
            break;
        for (size_t i = start; i < used; i++)
            buffer[i - start] = buffer[i];
        used -= start;
    }
    if (!found && used < sizeof(buffer)) {
        buffer[used] = 0;
        home_in_line(buffer, a[0].number);
    }
    close_fd(fd);
    return 0;
}

/* The directory must lie below the container's root: a descriptor of the host that leaked would otherwise make a way
 * out (CVE-2024-21626). getcwd(2) says "(unreachable)" where it does not. */
long op_working_directory(args a)
{
    static char path[PATH_SIZE];
    long result = attempt("chdir", SYS1(chdir, a[0].text));
    if (result < 0)
        return result;
    result = attempt("getcwd", SYS2(getcwd, path, sizeof(path)));
    if (result >= 0 && path[0] == '/')
        return 0;
    explain("the working directory is outside of the container");
    return attempt("getcwd", -ENOENT);
}

static long runnable(const char *path)
{
    struct statx status;
    long result = SYS5(statx, AT_FDCWD, path, 0, STATX_BASIC_STATS, &status);
    if (result < 0)
        return result;
    if ((status.stx_mode & S_IFMT) != S_IFREG)
        return -EACCES;
    return SYS4(faccessat2, AT_FDCWD, path, X_OK_MODE, AT_EACCESS_FLAG);
}

/* name, search path: as execvp finds it. Done before `start`, so that `create` tells what is missing. */
long op_find_executable(args a)
{
    const char *name = a[0].text;
    long worst = -ENOENT;
    for (uint32_t i = 0; i < a[0].length; i++) {
        if (name[i] != '/')
            continue;
        copy_text(container.executable, sizeof(container.executable), name);
        return attempt("exec", runnable(name));
    }
    for (const char *entry = a[1].text; *name;) {
        size_t n = 0;
        while (entry[n] && entry[n] != ':')
            n++;
        if (n + a[0].length + 2 <= sizeof(container.executable)) {
            memcpy(container.executable, entry, n);
            container.executable[n] = '/';
            copy_text(container.executable + n + (n > 0), sizeof(container.executable) - n - 1, name);
            long result = runnable(container.executable);
            if (result == 0)
                return 0;
            if (result == -EACCES)
                worst = result;
        }
        if (!entry[n])
            break;
        entry += n + 1;
    }
    return attempt("search $PATH", worst);
}

static long split(const struct argument *strings, const char **pointers, size_t size)
{
    size_t n = 0;
    for (size_t at = 0; at < strings->length; at += length_of(strings->text + at) + 1) {
        if (n + 1 >= size)
            return attempt("execve", -E2BIG);
        pointers[n++] = strings->text + at;
    }
    pointers[n] = NULL;
    return (long)n;
}

/* arguments, environment: each string ends with NUL */
long op_execute(args a)
{
    static const char *argv[MAX_STRINGS], *environment[MAX_STRINGS];
    long result = split(&a[0], argv, MAX_STRINGS);
    if (result >= 0)
        result = split(&a[1], environment, MAX_STRINGS - 1);
    if (result < 0)
        return result;
    if (container.home[0]) {
        environment[result] = container.home;
        environment[result + 1] = NULL;
    }
    return attempt("execve", SYS3(execve, container.executable, argv, environment));
}
