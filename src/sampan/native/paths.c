/* Paths inside the container's root. A path is resolved once, with openat2 in the root and without magic links, to a
 * descriptor; whatever follows works on that descriptor. What is missing is made component by component, each below
 * a descriptor of its parent: no symbolic link that somebody swaps in can lead out of the root. */
#include "init.h"

#define MAX_LINKS 40
#define MAX_RETRIES 128

static long open_how(long at, const char *path, uint64_t flags, uint64_t how)
{
    struct open_how request = {.flags = flags | O_CLOEXEC, .resolve = how};
    long result = -EAGAIN;
    /* the kernel says EAGAIN when something was renamed while it looked: the answer would not be safe */
    for (int tries = 0; result == -EAGAIN && tries < MAX_RETRIES; tries++)
        result = SYS4(openat2, at, path, &request, sizeof(request));
    return result;
}

long resolve(const char *path, uint64_t flags, uint64_t how)
{
    return open_how(container.root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | how);
}

long open_in_proc(const char *path, uint64_t flags)
{
    return open_how(container.proc, path, flags, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
}

long stat_of(long fd, struct statx *status)
{
    return attempt("statx", SYS5(statx, fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, status));
}

/* A walk along a path that may have to be made. `done` is the part that exists, `parent` its descriptor. */
struct walk {
    char path[PATH_SIZE]; /* all of it; grows when a dangling link is replaced by what it points to */
    size_t at;            /* where the next component begins */
    char done[PATH_SIZE];
    size_t done_length;
    char name[256];
    bool last;
    long parent;
    int links;
};

static long next_component(struct walk *walk)
{
    const char *path = walk->path;
    while (path[walk->at] == '/')
        walk->at++;
    size_t length = 0;
    while (path[walk->at + length] && path[walk->at + length] != '/')
        length++;
    if (length >= sizeof(walk->name))
        return -ENAMETOOLONG;
    memcpy(walk->name, path + walk->at, length);
    walk->name[length] = 0;
    walk->at += length;
    size_t rest = walk->at;
    while (path[rest] == '/')
        rest++;
    walk->last = path[rest] == 0;
    return length > 0;
}

/* The component is a symbolic link to something that is not there: go on with the link's text in its place. */
static long follow_dangling(struct walk *walk)
{
    static char text[PATH_SIZE], joined[PATH_SIZE];
    long length = SYS4(readlinkat, walk->parent, walk->name, text, sizeof(text) - 1);
    if (length < 0)
        return attempt("readlinkat", length);
    text[length] = 0;
    if (++walk->links > MAX_LINKS)
        return -ELOOP;
    size_t n = 0;
    if (text[0] != '/') {
        n = copy_text(joined, sizeof(joined), walk->done);
        n += copy_text(joined + n, sizeof(joined) - n, "/");
    }
    n += copy_text(joined + n, sizeof(joined) - n, text);
    n += copy_text(joined + n, sizeof(joined) - n, walk->path + walk->at);
    if (n + 1 >= sizeof(joined))
        return -ENAMETOOLONG;
    copy_text(walk->path, sizeof(walk->path), joined);
    walk->at = 0;
    walk->done_length = 0;
    walk->done[0] = 0;
    if (walk->parent != container.root)
        close_fd(walk->parent);
    walk->parent = container.root;
    return 0;
}

static long make_component(struct walk *walk, bool directory)
{
    if (directory)
        return attempt("mkdirat", SYS3(mkdirat, walk->parent, walk->name, 0755));
    long fd = attempt("openat", SYS4(openat, walk->parent, walk->name,
                                     O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0755));
    if (fd >= 0)
        close_fd(fd);
    return fd < 0 ? fd : 0;
}

/* Steps into the component that next_component found. Returns 1 if the walk began anew, 0 if not, or -errno. */
static long step_into(struct walk *walk, bool directory)
{
    size_t before = walk->done_length;
    walk->done_length += copy_text(walk->done + before, sizeof(walk->done) - before, "/");
    walk->done_length +=
        copy_text(walk->done + walk->done_length, sizeof(walk->done) - walk->done_length, walk->name);
    long found = resolve(walk->done, O_PATH, 0);
    if (found == -ENOENT) {
        long made = make_component(walk, directory || !walk->last);
        if (made == -EEXIST) {
            walk->done_length = before;
            walk->done[before] = 0;
            long followed = follow_dangling(walk);
            return followed < 0 ? followed : 1;
        }
        if (made < 0)
            return made;
        found = open_how(walk->parent, walk->name, O_PATH | O_NOFOLLOW, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
    }
    if (found < 0)
        return attempt("openat2", found);
    if (walk->parent != container.root)
        close_fd(walk->parent);
    walk->parent = found;
    return 0;
}

long resolve_or_make(const char *path, bool directory)
{
    static struct walk walk;
    long found = resolve(path, O_PATH, 0);
    if (found != -ENOENT)
        return attempt("openat2", found);
    if (copy_text(walk.path, sizeof(walk.path), path) + 1 >= sizeof(walk.path))
        return -ENAMETOOLONG;
    walk.at = walk.done_length = 0;
    walk.done[0] = 0;
    walk.links = 0;
    walk.parent = container.root;
    for (;;) {
        long more = next_component(&walk);
        if (more <= 0)
            return more < 0 ? more : walk.parent;
        long stepped = step_into(&walk, directory);
        if (stepped < 0)
            return stepped;
    }
}
