/* What all operations on mounts need: clone, attributes, attach. See trees.h. */
#include "trees.h"

long clone_tree(long at, const char *path, unsigned flags)
{
    return attempt("open_tree", SYS3(open_tree, at, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags));
}

long set_attributes(long fd, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive)
{
    struct mount_attr attributes = {.attr_set = set, .attr_clr = clear, .propagation = propagation};
    if (set == 0 && clear == 0 && propagation == 0)
        return 0;
    /* the access time modes are one field of the kernel: to set one means to clear all of them */
    if (set & MOUNT_ATTR__ATIME || clear & MOUNT_ATTR__ATIME)
        attributes.attr_clr |= MOUNT_ATTR__ATIME;
    int flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
    return attempt("mount_setattr", SYS5(mount_setattr, fd, "", flags, &attributes, sizeof(attributes)));
}

long set_propagation(long fd, uint64_t propagation)
{
    return set_attributes(fd, 0, 0, propagation & ~(1ULL << 32), propagation >> 32 & 1);
}

/* One option of a file system, "name" or "name=value". */
long set_option(long context, const char *option)
{
    char key[256];
    size_t n = 0;
    while (option[n] && option[n] != '=' && n + 1 < sizeof(key)) {
        key[n] = option[n];
        n++;
    }
    key[n] = 0;
    long result = -ENAMETOOLONG; /* a name that was cut off would be another option */
    if (option[n] == '=')
        result = SYS5(fsconfig, context, FSCONFIG_SET_STRING, key, option + n + 1, 0);
    else if (!option[n])
        result = SYS5(fsconfig, context, FSCONFIG_SET_FLAG, key, NULL, 0);
    if (result < 0)
        explain(option);
    return attempt("fsconfig", result);
}

long empty_directory(void)
{
    long context = attempt("fsopen", SYS2(fsopen, "tmpfs", FSOPEN_CLOEXEC));
    long result = context < 0 ? context : set_option(context, "nr_inodes=1");
    if (result == 0)
        result = set_option(context, "ro");
    if (result == 0)
        result = attempt("fsconfig", SYS5(fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
    if (result == 0)
        result = attempt("fsmount", SYS3(fsmount, context, FSMOUNT_CLOEXEC,
                                         MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
    if (context >= 0)
        close_fd(context);
    return result;
}

bool is_root(long fd)
{
    struct statx status, root;
    if (container.root < 0 || SYS5(statx, fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &status) < 0)
        return false;
    /* most targets are no mounts, and need no second look */
    if (!(status.stx_attributes & STATX_ATTR_MOUNT_ROOT))
        return false;
    return SYS5(statx, container.root, "", AT_EMPTY_PATH, STATX_MNT_ID, &root) == 0 &&
           status.stx_mnt_id == root.stx_mnt_id;
}

static bool is_directory(long fd)
{
    struct statx status;
    return SYS5(statx, fd, "", AT_EMPTY_PATH, STATX_TYPE, &status) == 0 && (status.stx_mode & S_IFMT) == S_IFDIR;
}

/* As mount(2) says it, and engines look for: move_mount(2) has one error for this and for much else. */
static long explain_move(long result, long tree, long target)
{
    return result == -EINVAL && is_directory(tree) != is_directory(target) ? -ENOTDIR : result;
}

long attach(long tree, long target)
{
    bool over_root = is_root(target);
    long result = SYS5(move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
    result = attempt("move_mount", explain_move(result, tree, target));
    if (result < 0 || !over_root)
        return result;
    /* else the old root, which nobody will see, would get all that follows */
    container.root = attempt("fcntl", SYS3(fcntl, tree, F_DUPFD_CLOEXEC, 0));
    return container.root < 0 ? container.root : 0;
}
