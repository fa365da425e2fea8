/* Operations that build the container's file system: mounts, devices, masks, and the change of the root. Mounts are
 * built detached, then attached on the descriptor of their target. */
#include "init.h"

enum mount_kind { KIND_FILESYSTEM = 0, KIND_BIND = 1, KIND_SLOT = 2, KIND_REMOUNT = 3, KIND_CLASSIC = 4 };
enum mount_flag {
    FLAG_RECURSIVE = 1,
    FLAG_SOURCE_NOFOLLOW = 2,
    FLAG_TARGET_NOFOLLOW = 4,
    FLAG_COPY_UP = 8,
    FLAG_REAL_DIRECTORY = 16, /* procfs and sysfs: the target may not be reached through a symbolic link */
    FLAG_MODE_OF_TARGET = 32,
    FLAG_ON_ROOT = 64, /* the target is "/": what follows works on the new mount */
};

/* the arguments of `mount`, by name */
enum { KIND, SOURCE, SLOT, TARGET, TYPE, OPTIONS, SET, CLEAR, R_SET, R_CLEAR, PROPAGATION, FLAGS, CLASSIC_FLAGS };

#define DEVICE_NUMBER(major, minor) (((minor) & 0xff) | ((major) & 0xfff) << 8 | ((uint64_t)(minor) & ~0xffULL) << 12)

static long set_attributes(long fd, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive)
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

/* the low 32 bits are the kernel's flag, the next bit says: of the whole tree */
static long set_propagation(long fd, uint64_t propagation)
{
    return set_attributes(fd, 0, 0, propagation & ~(1ULL << 32), propagation >> 32 & 1);
}

static long attach(long tree, long target)
{
    return attempt("move_mount",
                   SYS5(move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}

static long clone_tree(long at, const char *path, unsigned flags)
{
    return attempt("open_tree", SYS3(open_tree, at, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags));
}

/* A context of a file system tells in words what it did not like. */
static void explain_context(long context)
{
    static char message[256];
    long n = SYS3(read, context, message, sizeof(message) - 1);
    if (n > 0) {
        message[n] = 0;
        explain(message);
    }
}

static long set_option(long context, const char *option)
{
    char key[256];
    size_t n = 0;
    while (option[n] && option[n] != '=' && n + 1 < sizeof(key)) {
        key[n] = option[n];
        n++;
    }
    key[n] = 0;
    long result = option[n] == '=' ? SYS5(fsconfig, context, FSCONFIG_SET_STRING, key, option + n + 1, 0)
                                   : SYS5(fsconfig, context, FSCONFIG_SET_FLAG, key, NULL, 0);
    if (result < 0)
        explain(option);
    return attempt("fsconfig", result);
}

static long set_options(long context, const struct argument *options)
{
    for (uint32_t at = 0; at < options->length; at += length_of(options->text + at) + 1) {
        long result = set_option(context, options->text + at);
        if (result < 0)
            return result;
    }
    return 0;
}

/* "mode=" as the directory below has it, so that a tmpfs on /tmp keeps 1777 */
static long set_mode_of(long context, long target)
{
    struct statx status;
    char option[16] = "mode=0";
    long result = stat_of(target, &status);
    if (result < 0)
        return result;
    for (int i = 0; i < 4; i++)
        option[6 + i] = '0' + (status.stx_mode >> (9 - 3 * i) & 7);
    return set_option(context, option);
}

static long create_filesystem(long context, args a, long target)
{
    long result = 0;
    if (a[SOURCE].length > 0)
        result = attempt("fsconfig", SYS5(fsconfig, context, FSCONFIG_SET_STRING, "source", a[SOURCE].text, 0));
    if (result == 0 && a[FLAGS].number & FLAG_MODE_OF_TARGET)
        result = set_mode_of(context, target);
    if (result == 0)
        result = set_options(context, &a[OPTIONS]);
    if (result == 0)
        result = attempt("fsconfig", SYS5(fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
    return result;
}

static long fill_from_target(long tree, long target)
{
    long from = attempt("openat", SYS4(openat, target, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
    if (from < 0)
        return from;
    long result = copy_tree(from, tree, 0);
    close_fd(from);
    return result;
}

static long new_filesystem(args a, long target)
{
    long context = attempt("fsopen", SYS2(fsopen, a[TYPE].text, FSOPEN_CLOEXEC));
    if (context < 0)
        return context;
    bool copy_up = a[FLAGS].number & FLAG_COPY_UP;
    uint64_t attributes = (uint64_t)a[SET].number;
    long result = create_filesystem(context, a, target);
    if (result == 0)
        result = attempt("fsmount", SYS3(fsmount, context, FSMOUNT_CLOEXEC, copy_up ? 0 : attributes));
    if (result < 0)
        explain_context(context);
    close_fd(context);
    if (result >= 0 && copy_up) {
        long tree = result;
        result = fill_from_target(tree, target);
        if (result == 0)
            result = set_attributes(tree, attributes, 0, 0, false);
        return result < 0 ? result : tree;
    }
    return result;
}

static long source_tree(args a)
{
    unsigned flags = (a[FLAGS].number & FLAG_RECURSIVE ? AT_RECURSIVE : 0) |
                     (a[FLAGS].number & FLAG_SOURCE_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0);
    if (a[KIND].number == KIND_SLOT)
        return slot(&a[SLOT]);
    return clone_tree(AT_FDCWD, a[SOURCE].text, flags);
}

static long open_target(args a, bool directory)
{
    const char *path = a[TARGET].text;
    if (a[FLAGS].number & FLAG_REAL_DIRECTORY) {
        long found = resolve(path, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
        if (found == -ELOOP || found == -ENOTDIR)
            explain("the destination must be a real directory of the root filesystem, not a symbolic link");
        if (found != -ENOENT)
            return attempt("openat2", found);
    }
    if (a[FLAGS].number & FLAG_TARGET_NOFOLLOW) {
        long found = resolve(path, O_PATH | O_NOFOLLOW, 0);
        if (found != -ENOENT)
            return attempt("openat2", found);
    }
    return resolve_or_make(path, directory);
}

static long finish_mount(args a, long tree, long target)
{
    bool bind = a[KIND].number != KIND_FILESYSTEM;
    long result = 0;
    if (bind)
        result = set_attributes(tree, (uint64_t)a[SET].number, (uint64_t)a[CLEAR].number, 0, false);
    if (result == 0)
        result = set_attributes(tree, (uint64_t)a[R_SET].number, (uint64_t)a[R_CLEAR].number, 0, true);
    if (result == 0)
        result = attach(tree, target);
    for (uint32_t at = 0; result == 0 && at + 8 <= a[PROPAGATION].length; at += 8) {
        uint64_t propagation;
        memcpy(&propagation, a[PROPAGATION].text + at, sizeof(propagation));
        result = set_propagation(tree, propagation);
    }
    if (result == 0 && a[FLAGS].number & FLAG_ON_ROOT) {
        container.root = tree;
        return 0;
    }
    close_fd(tree);
    return result;
}

static long remount(args a)
{
    long target = attempt("openat2", resolve(a[TARGET].text, O_PATH, 0));
    if (target < 0)
        return target;
    long result = 0;
    if (a[OPTIONS].length > 0) {
        long context =
            attempt("fspick", SYS3(fspick, target, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH | FSPICK_NO_AUTOMOUNT));
        result = context < 0 ? context : set_options(context, &a[OPTIONS]);
        if (result == 0)
            result = attempt("fsconfig", SYS5(fsconfig, context, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0));
        if (result < 0 && context >= 0)
            explain_context(context);
        if (context >= 0)
            close_fd(context);
    }
    if (result == 0)
        result = set_attributes(target, (uint64_t)a[SET].number, (uint64_t)a[CLEAR].number, 0, false);
    close_fd(target);
    return result;
}

/* mount(2) itself, for the few flags of a superblock that only it can give. The target is reached as the working
 * directory, so that its path is not resolved again. */
static long classic_mount(args a, long target)
{
    long result = attempt("fchdir", SYS1(fchdir, target));
    if (result == 0)
        result = attempt("mount", SYS5(mount, a[SOURCE].text, ".", a[TYPE].text, a[CLASSIC_FLAGS].number,
                                       a[OPTIONS].length ? a[OPTIONS].text : NULL));
    long back = SYS1(chdir, "/");
    return result < 0 ? result : attempt("chdir", back);
}

static long mount_tree(args a)
{
    struct statx status;
    long tree = source_tree(a);
    long result = tree < 0 ? tree : stat_of(tree, &status);
    if (result < 0)
        return result;
    long target = open_target(a, (status.stx_mode & S_IFMT) == S_IFDIR);
    if (target < 0)
        return target;
    result = finish_mount(a, tree, target);
    if (target != container.root)
        close_fd(target);
    return result;
}

long op_mount(args a)
{
    if (a[KIND].number == KIND_BIND || a[KIND].number == KIND_SLOT)
        return mount_tree(a);
    if (a[KIND].number == KIND_REMOUNT)
        return remount(a);
    long target = open_target(a, true);
    if (target < 0)
        return target;
    long result;
    if (a[KIND].number == KIND_CLASSIC) {
        result = classic_mount(a, target);
    } else {
        result = new_filesystem(a, target);
        if (result >= 0)
            result = finish_mount(a, result, target);
    }
    if (target != container.root)
        close_fd(target);
    return result;
}

/* of the mount at "/", or of all mounts of the namespace */
long op_propagation(args a)
{
    long root = attempt("open", SYS4(openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0));
    if (root < 0)
        return root;
    long result = set_propagation(root, (uint64_t)a[0].number);
    close_fd(root);
    return result;
}

/* path, propagation: the root file system, cloned and attached over itself, since only a mount can become a root */
long op_root(args a)
{
    long tree = clone_tree(AT_FDCWD, a[0].text, AT_RECURSIVE);
    if (tree < 0)
        return tree;
    long target = attempt("open", SYS4(openat, AT_FDCWD, a[0].text, O_PATH | O_DIRECTORY | O_CLOEXEC, 0));
    if (target < 0)
        return target;
    long result = attach(tree, target);
    close_fd(target);
    container.root = tree;
    return result < 0 ? result : set_propagation(tree, (uint64_t)a[1].number);
}

/* the null device of the host, checked: a mask must not become a bind mount of something else (CVE-2025-31133) */
static long clone_of_null(void)
{
    struct statx status;
    long tree = clone_tree(AT_FDCWD, "/dev/null", 0);
    long result = tree < 0 ? tree : stat_of(tree, &status);
    if (result < 0)
        return result;
    if ((status.stx_mode & S_IFMT) == S_IFCHR && status.stx_rdev_major == 1 && status.stx_rdev_minor == 3)
        return tree;
    explain("/dev/null of the host is not the null device");
    close_fd(tree);
    return attempt("statx", -ENODEV);
}

static long empty_directory(void)
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

static long bind_device(long parent, args a)
{
    struct statx status;
    long tree = clone_tree(AT_FDCWD, a[7].text, 0);
    long result = tree < 0 ? tree : stat_of(tree, &status);
    if (result < 0)
        return result;
    if ((status.stx_mode & S_IFMT) != ((uint32_t)a[2].number & S_IFMT) ||
        status.stx_rdev_major != (uint32_t)a[3].number || status.stx_rdev_minor != (uint32_t)a[4].number) {
        explain("the host's file of this name is another device");
        return attempt("statx", -ENODEV);
    }
    long made = SYS4(openat, parent, a[1].text, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0600);
    if (made < 0 && made != -EEXIST)
        return attempt("openat", made);
    if (made >= 0)
        close_fd(made);
    long target = attempt("openat", SYS4(openat, parent, a[1].text, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0));
    if (target < 0)
        return target;
    result = attach(tree, target);
    close_fd(tree);
    close_fd(target);
    return result;
}

static long check_existing(long parent, args a)
{
    struct statx status;
    long result = attempt("statx", SYS5(statx, parent, a[1].text, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &status));
    if (result < 0)
        return result;
    bool equal = (status.stx_mode & S_IFMT) == ((uint32_t)a[2].number & S_IFMT);
    if ((status.stx_mode & S_IFMT) != S_IFIFO)
        equal = equal && status.stx_rdev_major == (uint32_t)a[3].number &&
                status.stx_rdev_minor == (uint32_t)a[4].number;
    if (equal)
        return 0;
    explain("a file that is not this device is already there");
    return attempt("mknodat", -EEXIST);
}

/* directory, name, mode with type, major, minor, uid, gid, path on the host (to bind), 1: bind at once */
long op_device(args a)
{
    long parent = resolve_or_make(a[0].text, true);
    if (parent < 0)
        return parent;
    long result = -EPERM;
    if (!a[8].number)
        result = SYS4(mknodat, parent, a[1].text, a[2].number, DEVICE_NUMBER(a[3].number, a[4].number));
    if (result == -EPERM && a[7].length > 0)
        result = bind_device(parent, a);
    else if (result == -EEXIST)
        result = check_existing(parent, a);
    else if (result == 0)
        result = attempt("fchownat", SYS5(fchownat, parent, a[1].text, a[5].number, a[6].number, AT_SYMLINK_NOFOLLOW));
    else
        attempt("mknodat", result);
    if (parent != container.root)
        close_fd(parent);
    return result;
}

/* directory, name, target, "" or what must be there for the link to be made, 1: in place of what is there */
long op_symlink(args a)
{
    if (a[3].length > 0) {
        long needed = resolve(a[3].text, O_PATH, 0);
        if (needed < 0)
            return 0;
        close_fd(needed);
    }
    long parent = resolve_or_make(a[0].text, true);
    if (parent < 0)
        return parent;
    if (a[4].number)
        SYS3(unlinkat, parent, a[1].text, 0);
    long result = SYS3(symlinkat, a[2].text, parent, a[1].text);
    if (parent != container.root)
        close_fd(parent);
    return result == -EEXIST ? 0 : attempt("symlinkat", result);
}

/* a directory of the container that must be there */
long op_directory(args a)
{
    long made = resolve_or_make(a[0].text, true);
    if (made >= 0 && made != container.root)
        close_fd(made);
    return made < 0 ? made : 0;
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
    long result = SYS2(umount2, a[0].text, MNT_DETACH_FLAG);
    if (result == 0 || is_either(result, ENOENT, EACCES))
        return 0;
    long tree = empty_directory();
    long target = attempt("open", SYS4(openat, AT_FDCWD, a[0].text, O_PATH | O_CLOEXEC, 0));
    return tree < 0 ? tree : target < 0 ? target : attach(tree, target);
}

/* A procfs of our own, attached nowhere: what is written through it cannot be redirected (CVE-2025-52881). In a user
 * namespace below a masked /proc the kernel refuses; then the caller's /proc serves, if it is one. */
long op_private_proc(args a)
{
    (void)a;
    uint64_t file_system[16] = {0};
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
        if (result >= 0 && (SYS2(fstatfs, result, file_system) < 0 || file_system[0] != PROC_SUPER_MAGIC_NUMBER))
            result = attempt("fstatfs", -ENODEV);
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
    return written < 0 ? written : 0;
}
