/* A routing netlink socket in any network namespace. The messages are made and read in Python (linux/netlink.py). */
#include "netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef NETLINK_GET_STRICT_CHK
#define NETLINK_GET_STRICT_CHK 12
#endif

/* Connected to the kernel: the kernel then refuses what others in the namespace may send to it. Errors come with words
 * and without the request, and dumps take filters. */
static int open_socket(void)
{
    static const int options[] = {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK};
    static const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    static const int on = 1;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int failed = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)&kernel, sizeof(kernel));

    for (size_t i = 0; failed == 0 && i < sizeof(options) / sizeof(options[0]); i++)
        failed = setsockopt(fd, SOL_NETLINK, options[i], &on, sizeof(on));
    if (failed == 0)
        return fd;
    int error = errno;
    if (fd >= 0)
        close(fd);
    return -error;
}

/* A socket stays in the namespace where it was made; the calling thread, and no other, is there for that long. */
static int open_socket_in(int namespace)
{
    int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (home < 0)
        return -errno;
    int result = setns(namespace, CLONE_NEWNET) < 0 ? -errno : 0;
    if (result == 0) {
        result = open_socket();
        if (setns(home, CLONE_NEWNET) < 0)
            abort(); /* nothing that this thread does from here on would be done where its caller means it */
    }
    close(home);
    return result;
}

PyObject *sampan_netlink_socket(PyObject *self, PyObject *args)
{
    int namespace;
    (void)self;
    if (!PyArg_ParseTuple(args, "i", &namespace))
        return NULL;
    int fd = namespace < 0 ? open_socket() : open_socket_in(namespace);
    if (fd >= 0)
        return PyLong_FromLong(fd);
    errno = -fd;
    return PyErr_SetFromErrno(PyExc_OSError);
}
