/* bpf(2) for the device programs of v2 cgroups: load, attach, and no more. The programs are made in Python
 * (cgroups/device_program.py). Descriptors are close-on-exec: the kernel gives no others. */
#include "bpf.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define LOG_SIZE 4096

static int bpf(enum bpf_cmd command, union bpf_attr *attr)
{
    return (int)syscall(SYS_bpf, command, attr, sizeof *attr);
}

static int load(const void *instructions, size_t size, char *log)
{
    union bpf_attr attr;

    memset(&attr, 0, sizeof attr); /* the kernel refuses what is not zero in the parts that it does not know */
    attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attr.insns = (uintptr_t)instructions;
    attr.insn_cnt = (uint32_t)(size / sizeof(struct bpf_insn));
    attr.license = (uintptr_t)"";
    memcpy(attr.prog_name, "sampan_devices", sizeof "sampan_devices");
    if (log != NULL) {
        attr.log_level = 1;
        attr.log_buf = (uintptr_t)log;
        attr.log_size = LOG_SIZE;
    }
    return bpf(BPF_PROG_LOAD, &attr);
}

PyObject *sampan_bpf_load_device(PyObject *self, PyObject *args)
{
    Py_buffer program;
    char log[LOG_SIZE] = "";
    int fd;

    (void)self;
    if (!PyArg_ParseTuple(args, "y*:bpf_load_device", &program))
        return NULL;
    fd = load(program.buf, (size_t)program.len, NULL);
    if (fd < 0 && errno == EINVAL) /* the verifier's reason is worth a second try */
        fd = load(program.buf, (size_t)program.len, log);
    PyBuffer_Release(&program);
    if (fd >= 0)
        return PyLong_FromLong(fd);
    if (log[0] != '\0')
        return PyErr_SetFromErrnoWithFilename(PyExc_OSError, log);
    return PyErr_SetFromErrno(PyExc_OSError);
}

struct attached {
    uint32_t ids[64]; /* the kernel's BPF_CGROUP_MAX_PROGS */
    uint32_t count;
    uint32_t flags; /* with which they were attached */
};

/* The device programs of this very cgroup, not of those above it. */
static int query(int cgroup, struct attached *found)
{
    union bpf_attr attr;

    memset(&attr, 0, sizeof attr);
    attr.query.target_fd = (uint32_t)cgroup;
    attr.query.attach_type = BPF_CGROUP_DEVICE;
    attr.query.prog_ids = (uintptr_t)found->ids;
    attr.query.prog_cnt = sizeof found->ids / sizeof found->ids[0];
    if (bpf(BPF_PROG_QUERY, &attr) < 0)
        return -errno;
    found->count = attr.query.prog_cnt;
    found->flags = attr.query.attach_flags;
    return 0;
}

static int open_program(uint32_t id)
{
    union bpf_attr attr;
    int fd;

    memset(&attr, 0, sizeof attr);
    attr.prog_id = id;
    fd = bpf(BPF_PROG_GET_FD_BY_ID, &attr);
    return fd < 0 ? -errno : fd;
}

static int detach(int cgroup, uint32_t id)
{
    union bpf_attr attr;
    int result, fd = open_program(id);

    if (fd < 0)
        return fd == -ENOENT ? 0 : fd; /* it is gone by itself */
    memset(&attr, 0, sizeof attr);
    attr.target_fd = (uint32_t)cgroup;
    attr.attach_bpf_fd = (uint32_t)fd;
    attr.attach_type = BPF_CGROUP_DEVICE;
    result = bpf(BPF_PROG_DETACH, &attr) < 0 && errno != ENOENT ? -errno : 0;
    close(fd);
    return result;
}

static int detach_all(int cgroup, const struct attached *found)
{
    int error = 0;

    for (uint32_t i = 0; i < found->count && error == 0; i++)
        error = detach(cgroup, found->ids[i]);
    return error;
}

/* Attaches, in the place of `replaced` where that is a descriptor. */
static int attach(int cgroup, int program, int replaced)
{
    union bpf_attr attr;

    memset(&attr, 0, sizeof attr);
    attr.target_fd = (uint32_t)cgroup;
    attr.attach_bpf_fd = (uint32_t)program;
    attr.attach_type = BPF_CGROUP_DEVICE;
    attr.attach_flags = BPF_F_ALLOW_MULTI; /* so that what the container adds below cannot take this one's place */
    if (replaced >= 0) {
        attr.attach_flags |= BPF_F_REPLACE;
        attr.replace_bpf_fd = (uint32_t)replaced;
    }
    return bpf(BPF_PROG_ATTACH, &attr) < 0 ? -errno : 0;
}

/* Makes `program` the only one of its cgroup. At no moment does the cgroup do with less than an old program or the new
 * one, unless the old one was attached in a way (by somebody else) that suffers no other beside it. */
static int attach_alone(int cgroup, int program)
{
    struct attached old;
    int error, replaced = -1;

    error = query(cgroup, &old);
    if (error == 0 && old.count > 0 && !(old.flags & BPF_F_ALLOW_MULTI)) {
        error = detach_all(cgroup, &old);
        old.count = 0;
    }
    if (error == 0 && old.count == 1)
        error = replaced = open_program(old.ids[0]);
    if (error < 0)
        return error;
    error = attach(cgroup, program, replaced);
    if (replaced >= 0)
        close(replaced);
    else if (error == 0)
        error = detach_all(cgroup, &old); /* where there are several, each can deny */
    return error;
}

PyObject *sampan_bpf_attach_device(PyObject *self, PyObject *args)
{
    int cgroup, program, error;

    (void)self;
    if (!PyArg_ParseTuple(args, "ii:bpf_attach_device", &cgroup, &program))
        return NULL;
    error = attach_alone(cgroup, program);
    if (error < 0) {
        errno = -error;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    Py_RETURN_NONE;
}

PyObject *sampan_statfs_type(PyObject *self, PyObject *args)
{
    struct statfs found;
    PyObject *path;
    int failed;

    (void)self;
    if (!PyArg_ParseTuple(args, "O&:statfs_type", PyUnicode_FSConverter, &path))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    failed = statfs(PyBytes_AS_STRING(path), &found);
    Py_END_ALLOW_THREADS
    if (failed < 0)
        PyErr_SetFromErrnoWithFilename(PyExc_OSError, PyBytes_AS_STRING(path));
    Py_DECREF(path);
    return failed < 0 ? NULL : PyLong_FromUnsignedLong((unsigned long)found.f_type);
}
