/* process.terminal: a pseudoterminal of the container's own devpts. Its near side goes to the engine or to whoever
 * listens on the console socket, its far side becomes the standard streams and /dev/console. */
#include "descriptor.h"
#include "trees.h"

#include <asm/ioctls.h>
#include <linux/termios.h>

#define DEVPTS_SUPER_MAGIC_NUMBER 0x1cd1

long send_descriptor(long socket, long fd, const char *name)
{
    long sent = attempt("sendmsg", pass_descriptor(socket, fd, name, length_of(name)));
    return sent < 0 ? sent : 0;
}

/* Opened in the container's root, and checked: a /dev/pts that is something else must not get our descriptors
 * (CVE-2025-52565). */
static long open_near_side(void)
{
    uint64_t file_system[16] = {0};
    long near = resolve("/dev/pts/ptmx", O_RDWR | O_NOCTTY, 0);
    if (near == -ENOENT)
        explain("a terminal needs a mount of type devpts on /dev/pts");
    if (attempt("openat2", near) < 0)
        return near;
    if (SYS2(fstatfs, near, file_system) == 0 && file_system[0] == DEVPTS_SUPER_MAGIC_NUMBER)
        return near;
    explain("/dev/pts/ptmx is not on a devpts");
    return attempt("fstatfs", -ENODEV);
}

/* Like a device: an entry of /dev itself, never what a symbolic link of the root filesystem points to. */
static long open_console(void)
{
    long directory = resolve_or_make("/dev", true);
    if (directory < 0)
        return directory;
    long made = SYS4(openat, directory, "console", O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0600);
    if (made >= 0)
        close_fd(made);
    long target = made < 0 && made != -EEXIST
                      ? made
                      : SYS4(openat, directory, "console", O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    close_fd(directory);
    return attempt("openat", target);
}

static long bind_console(long far)
{
    long tree = clone_tree(far, "", AT_EMPTY_PATH);
    long target = tree < 0 ? tree : open_console();
    if (target < 0)
        return target;
    long result = attach(tree, target);
    close_fd(tree);
    close_fd(target);
    return result;
}

/* The socket is closed at once: whoever reads it to its end need not wait for `start`. */
static long give_away(long socket, long near)
{
    long result = send_descriptor(socket, near, "/dev/ptmx");
    close_fd(socket);
    return result;
}

/* slot of the socket for the near side, width, height, whether it becomes /dev/console, too. A process that joins a
 * container is in its root already. */
long op_terminal(args a)
{
    struct winsize size = {.ws_row = (unsigned short)a[2].number, .ws_col = (unsigned short)a[1].number};
    int locked = 0;
    if (container.root < 0)
        container.root = attempt("open", SYS4(openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0));
    long near = container.root < 0 ? container.root : open_near_side();
    if (near < 0)
        return near;
    long result = attempt("ioctl TIOCSPTLCK", SYS3(ioctl, near, TIOCSPTLCK, &locked));
    long far = result < 0 ? result
                          : attempt("ioctl TIOCGPTPEER", SYS3(ioctl, near, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (far < 0)
        return far;
    if (size.ws_row || size.ws_col)
        result = attempt("ioctl TIOCSWINSZ", SYS3(ioctl, near, TIOCSWINSZ, &size));
    if (result == 0 && a[3].number)
        result = bind_console(far);
    if (result == 0)
        result = give_away(slot(&a[0]), near);
    for (int fd = 0; fd < 3 && result >= 0; fd++)
        result = attempt("dup3", SYS3(dup3, far, fd, 0));
    if (result >= 0)
        result = attempt("ioctl TIOCSCTTY", SYS3(ioctl, 0, TIOCSCTTY, 0));
    close_fd(near);
    close_fd(far);
    return result;
}
