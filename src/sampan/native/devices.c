/* Operations that make what is in the container's /dev, and the directories that must be there. */
#include "trees.h"

#define MAX_MAJOR 0xfff
#define MAX_MINOR 0xfffff

/* the arguments of `device`, by name */
enum { DIRECTORY, NAME, MODE, MAJOR, MINOR, UID, GID, ON_HOST, BIND };

/* as mknod(2) takes it */
static uint64_t device_number(args a)
{
    uint64_t major = (uint64_t)a[MAJOR].number, minor = (uint64_t)a[MINOR].number;
    return (minor & 0xff) | major << 8 | (minor & ~0xffULL) << 12;
}

/* An entry of its directory, and not a way out of it. */
static long check_name(const char *name)
{
    bool good = *name && !same(name, ".") && !same(name, "..");
    for (const char *at = name; *at; at++)
        good = good && *at != '/';
    if (!good)
        explain("not the name of a file");
    return good ? 0 : attempt("name", -EINVAL);
}

static bool is_this_device(const struct statx *status, args a)
{
    if ((status->stx_mode & S_IFMT) != ((uint32_t)a[MODE].number & S_IFMT))
        return false;
    if ((status->stx_mode & S_IFMT) == S_IFIFO)
        return true; /* has no numbers */
    return status->stx_rdev_major == (uint32_t)a[MAJOR].number && status->stx_rdev_minor == (uint32_t)a[MINOR].number;
}

static long bind_device(long parent, args a)
{
    struct statx status;
    long tree = clone_tree(AT_FDCWD, a[ON_HOST].text, 0);
    long result = tree < 0 ? tree : stat_of(tree, &status);
    if (result < 0)
        return result;
    if (!is_this_device(&status, a)) {
        explain("the host's file of this name is another device");
        return attempt("statx", -ENODEV);
    }
    long made = SYS4(openat, parent, a[NAME].text, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0600);
    if (made < 0 && made != -EEXIST)
        return attempt("openat", made);
    if (made >= 0)
        close_fd(made);
    long target = attempt("openat", SYS4(openat, parent, a[NAME].text, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0));
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
    long result =
        attempt("statx", SYS5(statx, parent, a[NAME].text, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &status));
    if (result < 0 || is_this_device(&status, a))
        return result;
    explain("a file that is not this device is already there");
    return attempt("mknodat", -EEXIST);
}

static long check_numbers(args a)
{
    /* mknod(2) would cut them off, and make another device */
    if (a[MAJOR].number >= 0 && a[MAJOR].number <= MAX_MAJOR && a[MINOR].number >= 0 && a[MINOR].number <= MAX_MINOR)
        return 0;
    explain("the kernel has major numbers up to 4095 and minor numbers up to 1048575");
    return attempt("mknodat", -EINVAL);
}

/* directory, name, mode with type, major, minor, uid, gid, path on the host (to bind), 1: bind at once */
long op_device(args a)
{
    long result = check_name(a[NAME].text);
    if (result == 0)
        result = check_numbers(a);
    if (result < 0)
        return result;
    long parent = resolve_or_make(a[DIRECTORY].text, true);
    if (parent < 0)
        return parent;
    result = -EPERM;
    if (!a[BIND].number)
        result = SYS4(mknodat, parent, a[NAME].text, a[MODE].number, device_number(a));
    if (result == -EPERM && a[ON_HOST].length > 0)
        result = bind_device(parent, a);
    else if (result == -EEXIST)
        result = check_existing(parent, a);
    else if (result == 0)
        result = attempt("fchownat",
                         SYS5(fchownat, parent, a[NAME].text, a[UID].number, a[GID].number, AT_SYMLINK_NOFOLLOW));
    else
        attempt("mknodat", result);
    close_fd(parent);
    return result;
}

/* directory, name, target, "" or what must be there for the link to be made, 1: in place of what is there */
long op_symlink(args a)
{
    long result = check_name(a[1].text);
    if (result < 0)
        return result;
    if (a[3].length > 0) {
        long needed = resolve(a[3].text, O_PATH, 0);
        if (is_either(needed, ENOENT, ENOTDIR))
            return 0;
        if (needed < 0)
            return attempt("openat2", needed);
        close_fd(needed);
    }
    long parent = resolve_or_make(a[0].text, true);
    if (parent < 0)
        return parent;
    if (a[4].number)
        SYS3(unlinkat, parent, a[1].text, 0);
    result = SYS3(symlinkat, a[2].text, parent, a[1].text);
    close_fd(parent);
    return result == -EEXIST && !a[4].number ? 0 : attempt("symlinkat", result);
}

/* a directory of the container that must be there */
long op_directory(args a)
{
    long made = resolve_or_make(a[0].text, true);
    if (made < 0)
        return made;
    close_fd(made);
    return 0;
}
