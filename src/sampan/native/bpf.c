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

/* The descriptor of the one device program that is attached to this very cgroup; -1 where there is none, or several. */
static int only_program(int cgroup)
{
    union bpf_attr attr;
    uint32_t ids[2] = {0, 0};
    uint32_t found;

    memset(&attr, 0, sizeof attr);
    attr.query.target_fd = (uint32_t)cgroup;
    attr.query.attach_type = BPF_CGROUP_DEVICE;
    attr.query.prog_ids = (uintptr_t)ids;
    attr.query.prog_cnt = 2;
    if (bpf(BPF_PROG_QUERY, &attr) < 0)
        return -1;
    found = attr.query.prog_cnt;
    if (found != 1 || !(attr.query.attach_flags & BPF_F_ALLOW_MULTI)) /* another kind cannot be replaced */
        return -1;
    memset(&attr, 0, sizeof attr);
    attr.prog_id = ids[0];
    return bpf(BPF_PROG_GET_FD_BY_ID, &attr);
}

PyObject *sampan_bpf_attach_device(PyObject *self, PyObject *args)
{
    union bpf_attr attr;
    int cgroup, program, replaced, error = 0;

    (void)self;
    if (!PyArg_ParseTuple(args, "ii:bpf_attach_device", &cgroup, &program))
        return NULL;
    replaced = only_program(cgroup);
    memset(&attr, 0, sizeof attr);
    attr.target_fd = (uint32_t)cgroup;
    attr.attach_bpf_fd = (uint32_t)program;
    attr.attach_type = BPF_CGROUP_DEVICE;
    attr.attach_flags = BPF_F_ALLOW_MULTI; /* so that what the container adds below cannot take this one's place */
    if (replaced >= 0) {
        attr.attach_flags |= BPF_F_REPLACE;
        attr.replace_bpf_fd = (uint32_t)replaced;
    }
    if (bpf(BPF_PROG_ATTACH, &attr) < 0)
        error = errno;
    if (replaced >= 0)
        close(replaced);
    if (error != 0) {
        errno = error;
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
