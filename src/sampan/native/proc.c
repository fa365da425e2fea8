/* Operations that write below /proc, through a procfs that nobody else can change. */
#include "init.h"

#define PROC_ROOT_INODE 1

static bool is_procfs(long fd)
{
    uint64_t file_system[16] = {0}; /* struct statfs; its first word is the type */
    struct statx status;
    return SYS2(fstatfs, fd, file_system) == 0 && file_system[0] == PROC_SUPER_MAGIC_NUMBER &&
           stat_of(fd, &status) == 0 && status.stx_ino == PROC_ROOT_INODE; /* and not a directory of one */
}

/* It shows the namespaces that the process leaves: those whom it joins must not find it open here (CVE-2016-9962). */
void close_private_proc(void)
{
    if (container.proc >= 0)
        close_fd(container.proc);
    container.proc = -1;
}

/* A procfs of our own, attached nowhere: what is written through it cannot be redirected (CVE-2025-52881). In a user
 * namespace below a masked /proc the kernel refuses; then the caller's /proc serves, if it is one. */
long op_private_proc(args a)
{
    (void)a;
    close_private_proc();
    long context = attempt("fsopen", SYS2(fsopen, "proc", FSOPEN_CLOEXEC));
    long result = context < 0 ? context
                              : attempt("fsconfig", SYS5(fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
    if (result == 0)
        result = attempt("fsmount", SYS3(fsmount, context, FSMOUNT_CLOEXEC,
                                         MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
    if (context >= 0)
        close_fd(context);
    if (result == -EPERM) {
        result = attempt("open", SYS4(openat, AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_CLOEXEC, 0));
        if (result >= 0 && !is_procfs(result)) {
            explain("/proc of the host is not a procfs");
            result = attempt("fstatfs", -ENODEV);
        }
    }
    container.proc = result;
    return result < 0 ? result : 0;
}

/* path below /proc, value */
long op_write_proc(args a)
{
    long fd = attempt("openat2", open_in_proc(a[0].text, O_WRONLY));
    if (fd < 0)
        return fd;
    long written = attempt("write", SYS3(write, fd, a[1].text, a[1].length));
    close_fd(fd);
    if (written < 0)
        return written;
    /* a file that takes only the beginning of the value did not understand the rest */
    return (uint64_t)written == a[1].length ? 0 : attempt("write", -EINVAL);
}
