/* Operations that take away: what the container may not see, and what it may not write. */
#include "trees.h"

static bool is_null_device(long fd)
{
    struct statx status;
    return stat_of(fd, &status) == 0 && (status.stx_mode & S_IFMT) == S_IFCHR && status.stx_rdev_major == 1 &&
           status.stx_rdev_minor == 3;
}

/* The null device, checked: a mask must not become a bind mount of something else (CVE-2025-31133). The container's own
 * where it has one, since root of the container may change the owner and the mode of what it sees; the host's else,
 * where a read-only mount forbids that. */
static long clone_of_null(void)
{
    long own = resolve("/dev/null", O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
    bool use_own = own >= 0 && is_null_device(own);
    long tree = use_own ? clone_tree(own, "", AT_EMPTY_PATH) : clone_tree(AT_FDCWD, "/dev/null", 0);
    if (own >= 0)
        close_fd(own);
    if (tree < 0)
        return tree;
    if (!is_null_device(tree)) {
        explain("/dev/null of the host is not the null device");
        return attempt("statx", -ENODEV);
    }
    long result = set_attributes(tree, MOUNT_ATTR_RDONLY, 0, 0, false);
    return result < 0 ? result : tree;
}

long op_mask(args a)
{
    struct statx status;
    long target = resolve(a[0].text, O_PATH, 0);
    if (is_either(target, ENOENT, ENOTDIR))
        return 0; /* nothing to hide */
    if (target < 0)
        return attempt("openat2", target);
    long result = stat_of(target, &status);
    if (result < 0)
        return result;
    long tree = (status.stx_mode & S_IFMT) == S_IFDIR ? empty_directory() : clone_of_null();
    if (tree < 0)
        return tree;
    result = attach(tree, target);
    close_fd(tree);
    close_fd(target);
    return result;
}

long op_readonly_path(args a)
{
    long target = resolve(a[0].text, O_PATH, 0);
    if (is_either(target, ENOENT, ENOTDIR))
        return 0;
    if (target < 0)
        return attempt("openat2", target);
    long tree = clone_tree(target, "", AT_EMPTY_PATH | AT_RECURSIVE);
    if (tree < 0)
        return tree;
    /* only of this mount, as runc does: what the configuration mounts below it may be writable */
    long result = set_attributes(tree, MOUNT_ATTR_RDONLY, 0, 0, false);
    if (result == 0)
        result = attach(tree, target);
    close_fd(tree);
    close_fd(target);
    return result;
}

/* path, attributes: of the mount at the path */
long op_attributes(args a)
{
    long target = attempt("openat2", resolve(a[0].text, O_PATH, 0));
    if (target < 0)
        return target;
    long result = set_attributes(target, (uint64_t)a[1].number, 0, 0, false);
    close_fd(target);
    return result;
}
