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
        return attempt("path", -ENAMETOOLONG);
    memcpy(walk->name, path + walk->at, length);
    walk->name[length] = 0;
    walk->at += length;
    size_t rest = walk->at;
    while (path[rest] == '/')
        rest++;
    walk->last = path[rest] == 0;
    return length > 0;
}

/* Appends to a path; a path that was cut off would be another one. */
static long append(char *path, size_t *length, const char *text)
{
    size_t added = length_of(text);
    if (added >= PATH_SIZE - *length)
        return attempt("path", -ENAMETOOLONG);
    memcpy(path + *length, text, added + 1);
    *length += added;
    return 0;
}

static void step_back_to_root(struct walk *walk)
{
    walk->at = walk->done_length = 0;
    walk->done[0] = 0;
    if (walk->parent != container.root)
        close_fd(walk->parent);
    walk->parent = container.root;
}

/* The component was not there, and could not be made since it is: a symbolic link to something that is not there.
 * Goes on with the link's text in its place. */
static long follow_dangling(struct walk *walk)
{
    static char text[PATH_SIZE], joined[PATH_SIZE];
    if (++walk->links > MAX_LINKS)
        return attempt("readlinkat", -ELOOP);
    long length = SYS4(readlinkat, walk->parent, walk->name, text, sizeof(text));
    if (is_either(length, EINVAL, ENOENT)) {
        step_back_to_root(walk); /* no link: somebody else made it, or took it away, in this moment */
        return 0;
    }
    if (length < 0)
        return attempt("readlinkat", length);
    if (length == sizeof(text))
        return attempt("readlinkat", -ENAMETOOLONG);
    text[length] = 0;
    size_t n = 0;
    long result = 0;
    if (text[0] != '/') {
        result = append(joined, &n, walk->done);
        if (result == 0)
            result = append(joined, &n, "/");
    }
    if (result == 0)
        result = append(joined, &n, text);
    if (result == 0)
        result = append(joined, &n, walk->path + walk->at);
    if (result < 0)
        return result;
    memcpy(walk->path, joined, n + 1);
    step_back_to_root(walk);
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

/* Steps into the component that next_component found, or back to the root, with another path. */
static long step_into(struct walk *walk, bool directory)
{
    size_t before = walk->done_length;
    long result = append(walk->done, &walk->done_length, "/");
    if (result == 0)
        result = append(walk->done, &walk->done_length, walk->name);
    if (result < 0)
        return result;
    long found = resolve(walk->done, O_PATH, 0);
    if (found == -ENOENT) {
        long made = make_component(walk, directory || !walk->last);
        if (made == -EEXIST) {
            walk->done_length = before;
            walk->done[before] = 0;
            return follow_dangling(walk);
        }
        if (made < 0)
            return made;
        found = open_how(walk->parent, walk->name, O_PATH, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
    }
    if (found < 0)
        return attempt("openat2", found);
    if (walk->parent != container.root)
        close_fd(walk->parent);
    walk->parent = found;
    return 0;
}

bool made_on_the_way;

long resolve_or_make(const char *path, bool directory)
{
    static struct walk walk;
    size_t length = 0;
    long found = resolve(path, O_PATH, 0);
    made_on_the_way = found == -ENOENT;
    if (found != -ENOENT)
        return attempt("openat2", found);
    long result = append(walk.path, &length, path);
    if (result < 0)
        return result;
    walk.links = 0;
    walk.parent = container.root;
    step_back_to_root(&walk);
    for (;;) {
        long more = next_component(&walk);
        if (more < 0)
            return more;
        if (more == 0) /* a descriptor that the caller may close */
            return walk.parent != container.root ? walk.parent : attempt("openat2", resolve("/", O_PATH, 0));
        result = step_into(&walk, directory);
        if (result < 0)
            return result;
    }
}
