/* tmpcopyup: the content of the directory below a new tmpfs is copied into the tmpfs. Directories, regular files and
 * symbolic links, with their modes and owners; other kinds of files (devices, sockets) are left out, as runc does. */
#include "init.h"

#define MAX_DEPTH 64

struct directory_entry {
    uint64_t inode;
    int64_t offset;
    unsigned short size;
    unsigned char type;
    char name[];
};

enum { ENTRY_UNKNOWN = 0, ENTRY_DIRECTORY = 4, ENTRY_FILE = 8, ENTRY_LINK = 10 };

static long copy_bytes(long in, long out)
{
    for (;;) {
        long n = SYS4(sendfile, out, in, 0, 1 << 20);
        if (n <= 0)
            return attempt("sendfile", n);
    }
}

static long copy_owner_and_mode(long fd, const struct statx *status)
{
    long result = attempt("fchown", SYS3(fchown, fd, status->stx_uid, status->stx_gid));
    return result < 0 ? result : attempt("fchmod", SYS2(fchmod, fd, status->stx_mode & 07777));
}

static long copy_file(long from, long to, const char *name)
{
    struct statx status;
    long in = attempt("openat", SYS4(openat, from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0));
    if (in < 0)
        return in;
    long result = stat_of(in, &status);
    if (result == 0 && (status.stx_mode & S_IFMT) == S_IFREG) {
        long out = attempt("openat", SYS4(openat, to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
        result = out < 0 ? out : copy_bytes(in, out);
        if (result == 0)
            result = copy_owner_and_mode(out, &status);
        if (out >= 0)
            close_fd(out);
    }
    close_fd(in);
    return result;
}

static long copy_link(long from, long to, const char *name)
{
    char text[PATH_SIZE];
    struct statx status;
    long result = attempt("statx", SYS5(statx, from, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &status));
    if (result < 0)
        return result;
    long n = attempt("readlinkat", SYS4(readlinkat, from, name, text, sizeof(text)));
    if (n < 0)
        return n;
    if (n == sizeof(text))
        return attempt("readlinkat", -ENAMETOOLONG);
    text[n] = 0;
    result = attempt("symlinkat", SYS3(symlinkat, text, to, name));
    return result < 0 ? result
                      : attempt("fchownat", SYS5(fchownat, to, name, status.stx_uid, status.stx_gid,
                                                 AT_SYMLINK_NOFOLLOW));
}

static long copy_directory(long from, long to, const char *name, int depth)
{
    struct statx status;
    long inner_from =
        attempt("openat", SYS4(openat, from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0));
    if (inner_from < 0)
        return inner_from;
    long result = stat_of(inner_from, &status);
    if (result == 0)
        result = attempt("mkdirat", SYS3(mkdirat, to, name, 0700));
    long inner_to = -1;
    if (result == 0)
        result = inner_to = attempt("openat", SYS4(openat, to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
    if (result >= 0)
        result = copy_tree(inner_from, inner_to, depth + 1);
    if (result == 0)
        result = copy_owner_and_mode(inner_to, &status);
    if (inner_to >= 0)
        close_fd(inner_to);
    close_fd(inner_from);
    return result;
}

/* The type, as getdents gives it, or a look at the entry: some file systems leave it out. */
static long type_of(long from, const struct directory_entry *entry)
{
    struct statx status;
    if (entry->type != ENTRY_UNKNOWN)
        return entry->type;
    long result = attempt("statx", SYS5(statx, from, entry->name, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &status));
    return result < 0 ? result : (status.stx_mode & S_IFMT) >> 12;
}

static long copy_entry(long from, long to, const struct directory_entry *entry, int depth)
{
    if (same(entry->name, ".") || same(entry->name, ".."))
        return 0;
    long type = type_of(from, entry);
    switch (type) {
    case ENTRY_DIRECTORY:
        return copy_directory(from, to, entry->name, depth);
    case ENTRY_FILE:
        return copy_file(from, to, entry->name);
    case ENTRY_LINK:
        return copy_link(from, to, entry->name);
    default:
        return type < 0 ? type : 0;
    }
}

long copy_tree(long from, long to, int depth)
{
    _Alignas(8) char buffer[4096];
    if (depth > MAX_DEPTH) {
        explain("the directories to copy are nested deeper than 64 levels");
        return attempt("tmpcopyup", -ELOOP);
    }
    for (;;) {
        long n = attempt("getdents64", SYS3(getdents64, from, buffer, sizeof(buffer)));
        if (n <= 0)
            return n;
        for (long at = 0; at < n;) {
            const struct directory_entry *entry = (const void *)(buffer + at);
            long result = copy_entry(from, to, entry, depth);
            if (result < 0)
                return result;
            at += entry->size;
        }
    }
}
