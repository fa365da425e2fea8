/* Operations on the root: the container's, before anything is mounted below it, and the change to it. */
#include "trees.h"

static long open_directory(const char *path, uint64_t flags)
{
    return attempt("open", SYS4(openat, AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC | flags, 0));
}

/* of the mount at "/", or of all mounts of the namespace */
long op_propagation(args a)
{
    long root = open_directory("/", 0);
    if (root < 0)
        return root;
    long result = set_propagation(root, (uint64_t)a[0].number);
    close_fd(root);
    return result;
}

/* path, propagation: the root file system, cloned and attached over itself, since only a mount can become a root */
long op_root(args a)
{
    long directory = open_directory(a[0].text, 0);
    if (directory < 0)
        return directory;
    long tree = clone_tree(directory, "", AT_EMPTY_PATH | AT_RECURSIVE);
    long result = tree < 0 ? tree : attach(tree, directory);
    close_fd(directory);
    container.root = tree;
    return result < 0 ? result : set_propagation(tree, (uint64_t)a[1].number);
}

long op_pivot(args a)
{
    (void)a;
    long result = attempt("fchdir", SYS1(fchdir, container.root));
    /* both roots end up at the same place, the old one on top: no directory for it is needed, and it goes at once */
    if (result == 0)
        result = attempt("pivot_root", SYS2(pivot_root, ".", "."));
    if (result == 0)
        result = attempt("umount2", SYS2(umount2, ".", MNT_DETACH_FLAG));
    if (result == 0)
        result = attempt("chdir", SYS1(chdir, "/"));
    return result;
}

static long chroot_to(const char *path)
{
    long result = attempt("chroot", SYS1(chroot, path));
    return result < 0 ? result : attempt("chdir", SYS1(chdir, "/"));
}

/* --no-pivot: for a root that pivot_root(2) refuses, such as an initramfs */
long op_move_root(args a)
{
    (void)a;
    long result = attempt("fchdir", SYS1(fchdir, container.root));
    if (result == 0)
        result = attempt("mount", SYS5(mount, ".", "/", NULL, MS_MOVE_FLAG, NULL));
    return result < 0 ? result : chroot_to(".");
}

/* path: without a mount namespace of its own, all that a container can have is another root directory */
long op_chroot(args a)
{
    return chroot_to(a[0].text);
}

/* a mount of the host that must not stay below a moved root; where it is locked, an empty directory covers it */
long op_unmount(args a)
{
    long result = SYS2(umount2, a[0].text, MNT_DETACH_FLAG | UMOUNT_NOFOLLOW_FLAG);
    if (result == 0 || is_either(result, ENOENT, EACCES))
        return 0;
    long target = open_directory(a[0].text, O_NOFOLLOW);
    long tree = target < 0 ? target : empty_directory();
    result = tree < 0 ? tree : attach(tree, target);
    if (tree >= 0)
        close_fd(tree);
    if (target >= 0)
        close_fd(target);
    return result;
}

/* the root of the mount namespace that was joined, for what follows below it */
long op_open_root(args a)
{
    (void)a;
    container.root = open_directory("/", 0);
    container.joined = true;
    return container.root < 0 ? container.root : 0;
}

/* directory, name, id: the mount that the engine has found there, and no other. The container has had time to put a link
 * there, or to move directories, so that its masks would be taken away; but what is mounted on cannot be moved. */
long op_detach(args a)
{
    struct statx status;
    long directory = attempt("openat2", resolve(a[0].text, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS));
    if (directory < 0)
        return directory;
    long result = attempt("fchdir", SYS1(fchdir, directory));
    close_fd(directory);
    long target = result < 0 ? result : SYS4(openat, AT_FDCWD, a[1].text, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    if (target < 0)
        return attempt("openat", target);
    result = attempt("statx", SYS5(statx, target, "", AT_EMPTY_PATH, STATX_MNT_ID, &status));
    if (result == 0 && (status.stx_mnt_id != (uint64_t)a[2].number || is_root(target))) {
        explain("another mount is there now");
        result = attempt("statx", -ESTALE);
    }
    close_fd(target);
    return result < 0 ? result : attempt("umount2", SYS2(umount2, a[1].text, MNT_DETACH_FLAG | UMOUNT_NOFOLLOW_FLAG));
}
