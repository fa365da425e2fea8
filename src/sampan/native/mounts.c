/* The operation `mount`: file systems, bind mounts and remounts. What can be is built detached, then attached on the
 * descriptor of its target. */
#include "trees.h"

enum mount_kind { KIND_FILESYSTEM = 0, KIND_BIND = 1, KIND_SLOT = 2, KIND_REMOUNT = 3, KIND_CLASSIC = 4 };
enum mount_flag {
    FLAG_RECURSIVE = 1,
    FLAG_SOURCE_NOFOLLOW = 2,
    FLAG_TARGET_NOFOLLOW = 4,
    FLAG_COPY_UP = 8,
    FLAG_REAL_DIRECTORY = 16, /* procfs and sysfs: the target may not be reached through a symbolic link */
    FLAG_MODE_OF_TARGET = 32,
};

/* the arguments of `mount`, by name */
enum { KIND, SOURCE, SLOT, TARGET, TYPE, OPTIONS, SET, CLEAR, R_SET, R_CLEAR, PROPAGATION, FLAGS, CLASSIC_FLAGS };

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

static long set_options(long context, const struct argument *options)
{
    for (size_t at = 0; at < options->length; at += length_of(options->text + at) + 1) {
        long result = set_option(context, options->text + at);
        if (result < 0)
            return result;
    }
    return 0;
}

/* "mode=" as the directory below has it, if it was there, so that a tmpfs on /tmp keeps its mode */
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
    if (result == 0 && a[FLAGS].number & FLAG_MODE_OF_TARGET && !made_on_the_way)
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

static long find_target(args a, bool directory)
{
    const char *path = a[TARGET].text;
    uint64_t flags = O_PATH, how = 0;
    if (a[FLAGS].number & FLAG_REAL_DIRECTORY) {
        flags |= O_DIRECTORY;
        how |= RESOLVE_NO_SYMLINKS;
    }
    if (a[FLAGS].number & FLAG_TARGET_NOFOLLOW)
        flags |= O_NOFOLLOW;
    if (flags == O_PATH)
        return resolve_or_make(path, directory);
    long found = resolve(path, flags, how);
    if (found == -ENOENT) {
        long made = resolve_or_make(path, directory);
        if (made < 0)
            return made;
        close_fd(made);
        /* a link may have been put there meanwhile (CVE-2023-27561): what counts is what is found this way */
        found = resolve(path, flags, how);
    }
    if (is_either(found, ELOOP, ENOTDIR) && how)
        explain("the destination must be a real directory of the root filesystem, not a symbolic link");
    return attempt("openat2", found);
}

static long open_target(args a, bool directory)
{
    long target = find_target(a, directory);
    if (target >= 0 && container.joined && is_root(target)) {
        explain("the destination is the root, and the container's processes would not see what is mounted over it");
        close_fd(target);
        return attempt("statx", -EBUSY);
    }
    return target;
}

static long set_propagations(args a, long tree)
{
    long result = 0;
    for (uint32_t at = 0; result == 0 && at + 8 <= a[PROPAGATION].length; at += 8) {
        uint64_t propagation;
        memcpy(&propagation, a[PROPAGATION].text + at, sizeof(propagation));
        result = set_propagation(tree, propagation);
    }
    return result;
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
    if (result == 0)
        result = set_propagations(a, tree);
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

/* mount(2) itself, for very long options and the few flags of a superblock that only it can give. The target is reached
 * as the working directory, so that its path is not resolved again. */
static long classic_mount(args a, long target)
{
    bool over_root = is_root(target);
    long result = attempt("fchdir", SYS1(fchdir, target));
    if (result == 0)
        result = attempt("mount", SYS5(mount, a[SOURCE].text, ".", a[TYPE].text, a[CLASSIC_FLAGS].number,
                                       a[OPTIONS].length ? a[OPTIONS].text : NULL));
    long back = attempt("chdir", SYS1(chdir, "/"));
    if (result < 0 || back < 0)
        return result < 0 ? result : back;
    if (over_root) /* ".." of a root is the root, with all that is mounted over it */
        container.root = attempt("openat2", resolve("..", O_PATH | O_DIRECTORY, 0));
    return container.root < 0 ? container.root : 0;
}

/* What mount(2) cannot say together with the rest. It returns no descriptor of what it has mounted: that is looked up,
 * and the kernel refuses all of this for what is not the root of a mount. */
static long finish_classic(args a)
{
    if (a[PROPAGATION].length == 0 && a[R_SET].number == 0 && a[R_CLEAR].number == 0)
        return 0;
    long tree = find_target(a, true);
    if (tree < 0)
        return tree;
    long result = set_attributes(tree, (uint64_t)a[R_SET].number, (uint64_t)a[R_CLEAR].number, 0, true);
    if (result == 0)
        result = set_propagations(a, tree);
    close_fd(tree);
    return result;
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
        if (result == 0)
            result = finish_classic(a);
    } else {
        result = new_filesystem(a, target);
        if (result >= 0)
            result = finish_mount(a, result, target);
    }
    close_fd(target);
    return result;
}
