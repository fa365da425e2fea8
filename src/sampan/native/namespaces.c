/* Operations that put the process into its namespaces, new or joined, and set them up. */
#include "init.h"

#include <linux/if.h>
#include <linux/prctl.h>
#include <linux/socket.h>
#include <linux/sockios.h>

#define AF_INET_FAMILY 2
#define SOCK_DGRAM_TYPE 2
#define SOCK_CLOEXEC_FLAG O_CLOEXEC
#define IFR_FLAGS_OFFSET 16

/* slot: the `tasks` file of a v1 cgroup. A single thread that moves itself needs no lock against all forks of the
 * machine, and so does not wait for one. */
long op_enter_cgroup(args a)
{
    long fd = slot(&a[0]);
    long written = attempt("write tasks", SYS3(write, fd, "0", 1));
    close_fd(fd);
    return written < 0 ? written : 0;
}

/* slot, type, 1: a namespace that belongs to the user namespace which is joined later may wait until then */
long op_join(args a)
{
    long fd = slot(&a[0]);
    close_private_proc();
    long result = SYS2(setns, fd, a[1].number);
    if (result == -EPERM && a[2].number)
        return 0;
    if (result == -EBADF && !a[2].number)
        return 0; /* joined at the first attempt, which closed the descriptor */
    if (result == 0)
        close_fd(fd);
    return attempt("setns", result);
}

long op_unshare(args a)
{
    return attempt("unshare", SYS1(unshare, a[0].number));
}

enum become_root_flag {
    IF_MAPPED = 1, /* do without where the mapping has no root */
    KEEP_GROUPS = 2,
};

/* flags: 0 in the user namespace, with all its groups dropped */
long op_become_root(args a)
{
    long result = SYS3(setresgid, 0, 0, 0);
    if (result == 0 && !(a[0].number & KEEP_GROUPS))
        SYS2(setgroups, 0, NULL); /* refused in a rootless mapping, where there is nothing to drop either */
    if (result == 0)
        result = SYS3(setresuid, 0, 0, 0);
    if (result == -EINVAL && a[0].number & IF_MAPPED)
        return 0;
    /* a change of ids makes it what fs.suid_dumpable says */
    return result < 0 ? attempt("setresuid", result) : op_undumpable(a);
}

/* The files in /proc of a process that is closed to others are the host's root's, whom a process in a user namespace of
 * its own is not. Nobody else is in that yet who could look into this process meanwhile. */
static long open_offsets(bool new_user)
{
    if (new_user)
        SYS5(prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
    long fd = attempt("openat2", open_in_proc("self/timens_offsets", O_WRONLY));
    if (new_user)
        SYS5(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
    return fd;
}

/* The offsets, which can only be written before anything enters the time namespace; 1: in a new user namespace */
long op_time_offsets(args a)
{
    long result = attempt("unshare", SYS1(unshare, CLONE_NEWTIME));
    if (result == 0 && a[0].length > 0) {
        long fd = open_offsets(a[1].number);
        result = fd < 0 ? fd : attempt("write timens_offsets", SYS3(write, fd, a[0].text, a[0].length));
        if (fd >= 0)
            close_fd(fd);
    }
    if (result < 0)
        return result;
    /* up to the last component without crossing a mount: where /proc is the host's, something may be mounted in it */
    long directory = attempt("openat2", open_in_proc("self/ns", O_PATH | O_DIRECTORY));
    if (directory < 0)
        return directory;
    long ns = attempt("openat", SYS4(openat, directory, "time_for_children", O_RDONLY | O_CLOEXEC, 0));
    close_fd(directory);
    if (ns < 0)
        return ns;
    result = attempt("setns", SYS2(setns, ns, CLONE_NEWTIME));
    close_fd(ns);
    return result;
}

/* A new network namespace has nothing but `lo`, and it is down. */
long op_loopback(args a)
{
    (void)a;
    _Alignas(8) char request[40] = "lo";
    long fd = attempt("socket", SYS3(socket, AF_INET_FAMILY, SOCK_DGRAM_TYPE | SOCK_CLOEXEC_FLAG, 0));
    if (fd < 0)
        return fd;
    short up = IFF_UP;
    memcpy(request + IFR_FLAGS_OFFSET, &up, sizeof(up));
    long result = attempt("ioctl SIOCSIFFLAGS", SYS3(ioctl, fd, SIOCSIFFLAGS, request));
    close_fd(fd);
    return result;
}

long op_hostname(args a)
{
    return attempt("sethostname", SYS2(sethostname, a[0].text, a[0].length));
}

long op_domainname(args a)
{
    return attempt("setdomainname", SYS2(setdomainname, a[0].text, a[0].length));
}
