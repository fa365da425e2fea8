/* The extension module `_linux`: system calls that Python's own modules lack, one thin function each, and nothing
 * that takes a decision. The signatures and their meaning stand in _linux.pyi. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "bpf.h"
#include "json.h"
#include "netlink.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_WATCHED 64
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#define MFD_NOEXEC_SEAL 0x0008U
#endif

static PyObject *number_or_error(long result)
{
    return result < 0 ? PyErr_SetFromErrno(PyExc_OSError) : PyLong_FromLong(result);
}

static PyObject *none_or_error(long result)
{
    if (result < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    Py_RETURN_NONE;
}

static int write_all(int fd, const char *data, Py_ssize_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, (size_t)size);
        if (n < 0)
            return -1;
        data += n;
        size -= n;
    }
    return 0;
}

/* Executable only where that is asked for: a host may forbid it (vm.memfd_noexec). */
static PyObject *sealed_memfd(PyObject *self, PyObject *args)
{
    const char *name, *data;
    Py_ssize_t size;
    int executable = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "sy#|p", &name, &data, &size, &executable))
        return NULL;
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd = memfd_create(name, flags | (executable ? MFD_EXEC : MFD_NOEXEC_SEAL));
    if (fd < 0 && errno == EINVAL) /* before Linux 6.3 every memfd is executable */
        fd = memfd_create(name, flags);
    if (fd >= 0 && (write_all(fd, data, size) < 0 ||
                    fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)) {
        int error = errno;
        close(fd);
        errno = error;
        fd = -1;
    }
    return number_or_error(fd);
}

static PyObject *socket_pair(PyObject *self, PyObject *unused)
{
    int ends[2];
    (void)self, (void)unused;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    return Py_BuildValue("ii", ends[0], ends[1]);
}

/* A path of any length, by way of its directory's descriptor: sun_path holds only 108 bytes. */
static int unix_address(int directory, const char *name, struct sockaddr_un *address)
{
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    int n = snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%s", directory, name);
    if (n >= 0 && (size_t)n < sizeof(address->sun_path))
        return 0;
    errno = ENAMETOOLONG;
    return -1;
}

static PyObject *connected_or_error(int fd, int result)
{
    if (fd >= 0 && result < 0) {
        int error = errno;
        close(fd);
        errno = error;
        fd = -1;
    }
    return number_or_error(fd);
}

static PyObject *unix_listen(PyObject *self, PyObject *args)
{
    struct sockaddr_un address;
    const char *name;
    int directory, result = -1;
    (void)self;
    if (!PyArg_ParseTuple(args, "is", &directory, &name))
        return NULL;
    int fd = unix_address(directory, name, &address) < 0 ? -1 : socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        result = bind(fd, (struct sockaddr *)&address, sizeof(address));
    if (result == 0)
        result = listen(fd, 8);
    return connected_or_error(fd, result);
}

static PyObject *unix_connect(PyObject *self, PyObject *args)
{
    struct sockaddr_un address;
    const char *name;
    int directory, stream, result = -1;
    (void)self;
    if (!PyArg_ParseTuple(args, "isp", &directory, &name, &stream))
        return NULL;
    int type = (stream ? SOCK_STREAM : SOCK_SEQPACKET) | SOCK_CLOEXEC;
    int fd = unix_address(directory, name, &address) < 0 ? -1 : socket(AF_UNIX, type, 0);
    if (fd >= 0)
        result = connect(fd, (struct sockaddr *)&address, sizeof(address));
    return connected_or_error(fd, result);
}

static PyObject *receive_descriptor(PyObject *self, PyObject *args)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    char byte[64];
    struct iovec part = {byte, sizeof(byte)};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space)};
    int connection, fd = -1;
    ssize_t n;
    (void)self;
    if (!PyArg_ParseTuple(args, "i", &connection))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    n = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
    Py_END_ALLOW_THREADS
    struct cmsghdr *header = n < 0 ? NULL : CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    else if (n >= 0)
        errno = ENODATA;
    return number_or_error(fd);
}

static PyObject *pidfd_open_(PyObject *self, PyObject *args)
{
    int pid;
    (void)self;
    if (!PyArg_ParseTuple(args, "i", &pid))
        return NULL;
    return number_or_error(syscall(SYS_pidfd_open, pid, 0));
}

static PyObject *pidfd_signal(PyObject *self, PyObject *args)
{
    int pidfd, number;
    (void)self;
    if (!PyArg_ParseTuple(args, "ii", &pidfd, &number))
        return NULL;
    return none_or_error(syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0));
}

static PyObject *open_tree_(PyObject *self, PyObject *args)
{
    const char *path;
    unsigned flags;
    (void)self;
    if (!PyArg_ParseTuple(args, "sI", &path, &flags))
        return NULL;
    return number_or_error(syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags));
}

static PyObject *mount_setattr_(PyObject *self, PyObject *args)
{
    unsigned long long set, clear, propagation;
    int fd, recursive, userns;
    (void)self;
    if (!PyArg_ParseTuple(args, "ipKKKi", &fd, &recursive, &set, &clear, &propagation, &userns))
        return NULL;
    struct mount_attr attributes = {.attr_set = set, .attr_clr = clear, .propagation = propagation,
                                    .userns_fd = userns >= 0 ? (uint64_t)userns : 0};
    int flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
    return none_or_error(syscall(SYS_mount_setattr, fd, "", flags, &attributes, sizeof(attributes)));
}

static PyObject *lock_file(PyObject *self, PyObject *args)
{
    int fd, exclusive, patient, result;
    (void)self;
    if (!PyArg_ParseTuple(args, "ipp", &fd, &exclusive, &patient))
        return NULL;
    int operation = (exclusive ? LOCK_EX : LOCK_SH) | (patient ? 0 : LOCK_NB);
    Py_BEGIN_ALLOW_THREADS
    do
        result = flock(fd, operation);
    while (result < 0 && errno == EINTR);
    Py_END_ALLOW_THREADS
    if (result < 0 && errno == EWOULDBLOCK)
        Py_RETURN_FALSE;
    return result < 0 ? PyErr_SetFromErrno(PyExc_OSError) : Py_NewRef(Py_True);
}

static PyObject *wait_readable(PyObject *self, PyObject *args)
{
    struct pollfd watched[MAX_WATCHED];
    PyObject *descriptors;
    int timeout, ready;
    (void)self;
    if (!PyArg_ParseTuple(args, "O!i", &PyTuple_Type, &descriptors, &timeout))
        return NULL;
    Py_ssize_t count = PyTuple_GET_SIZE(descriptors);
    if (count > MAX_WATCHED) {
        PyErr_SetString(PyExc_ValueError, "too many descriptors");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        watched[i].fd = (int)PyLong_AsLong(PyTuple_GET_ITEM(descriptors, i));
        watched[i].events = POLLIN;
    }
    if (PyErr_Occurred())
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    ready = poll(watched, (nfds_t)count, timeout);
    Py_END_ALLOW_THREADS
    if (ready < 0 && errno != EINTR)
        return PyErr_SetFromErrno(PyExc_OSError);
    for (Py_ssize_t i = 0; ready > 0 && i < count; i++)
        if (watched[i].revents)
            return PyLong_FromLong(watched[i].fd);
    return PyLong_FromLong(-1);
}

static PyObject *namespace_type(PyObject *self, PyObject *args)
{
    int fd;
    (void)self;
    if (!PyArg_ParseTuple(args, "i", &fd))
        return NULL;
    return number_or_error(ioctl(fd, NS_GET_NSTYPE));
}

static PyObject *become_subreaper(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    return none_or_error(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
}

/* Children must be waited for, even if the caller had been told to ignore their end. */
static PyObject *block_signals(PyObject *self, PyObject *unused)
{
    sigset_t all;
    (void)self, (void)unused;
    sigfillset(&all);
    if (signal(SIGCHLD, SIG_DFL) == SIG_ERR)
        return PyErr_SetFromErrno(PyExc_OSError);
    return none_or_error(sigprocmask(SIG_BLOCK, &all, NULL));
}

static PyObject *signal_descriptor(PyObject *self, PyObject *unused)
{
    sigset_t awaited;
    (void)self, (void)unused;
    sigfillset(&awaited);
    sigdelset(&awaited, SIGCHLD);
    sigdelset(&awaited, SIGPIPE);
    return number_or_error(signalfd(-1, &awaited, SFD_CLOEXEC));
}

static PyMethodDef METHODS[] = {
    {"json_loads", sampan_json_loads, METH_O, NULL},
    {"json_dumps", sampan_json_dumps, METH_VARARGS, NULL},
    {"spawn", sampan_spawn, METH_VARARGS, NULL},
    {"block_signals", block_signals, METH_NOARGS, NULL},
    {"signal_descriptor", signal_descriptor, METH_NOARGS, NULL},
    {"become_subreaper", become_subreaper, METH_NOARGS, NULL},
    {"sealed_memfd", sealed_memfd, METH_VARARGS, NULL},
    {"socket_pair", socket_pair, METH_NOARGS, NULL},
    {"unix_listen", unix_listen, METH_VARARGS, NULL},
    {"unix_connect", unix_connect, METH_VARARGS, NULL},
    {"receive_descriptor", receive_descriptor, METH_VARARGS, NULL},
    {"pidfd_open", pidfd_open_, METH_VARARGS, NULL},
    {"pidfd_signal", pidfd_signal, METH_VARARGS, NULL},
    {"open_tree", open_tree_, METH_VARARGS, NULL},
    {"mount_setattr", mount_setattr_, METH_VARARGS, NULL},
    {"lock_file", lock_file, METH_VARARGS, NULL},
    {"wait_readable", wait_readable, METH_VARARGS, NULL},
    {"namespace_type", namespace_type, METH_VARARGS, NULL},
    {"bpf_load_device", sampan_bpf_load_device, METH_VARARGS, NULL},
    {"bpf_attach_device", sampan_bpf_attach_device, METH_VARARGS, NULL},
    {"statfs_type", sampan_statfs_type, METH_VARARGS, NULL},
    {"netlink_socket", sampan_netlink_socket, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "_linux", NULL, 0, METHODS, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__linux(void)
{
    return PyModuleDef_Init(&MODULE);
}
