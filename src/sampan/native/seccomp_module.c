/*
 * sampan._seccomp: the few calls of libseccomp that turn rules into a BPF program.
 *
 * A module of its own, so that libseccomp is loaded only when a profile is really compiled. It takes numbers and gives
 * bytes: what the names of config.json mean is decided in linux/seccomp_profile.py. It never loads a filter, so the
 * attributes of libseccomp that have to do with loading (no_new_privs, TSYNC, the log flag) are left alone.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <dlfcn.h>
#include <errno.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_ARGUMENTS = 6 };

/* Raises OSError for a negative errno of libseccomp; its filename tells which `field` asked. */
static PyObject *refuse(int code, PyObject *field)
{
    errno = -code;
    return PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, field);
}

static int add_architecture(scmp_filter_ctx filter, PyObject *item)
{
    PyObject *field;
    unsigned int architecture;
    if (!PyArg_ParseTuple(item, "OI", &field, &architecture))
        return -1;
    int code = seccomp_arch_add(filter, architecture);
    if (code < 0 && code != -EEXIST) { /* the native one is always there */
        refuse(code, field);
        return -1;
    }
    return 0;
}

static int add_rule(scmp_filter_ctx filter, PyObject *item)
{
    PyObject *field, *comparisons;
    unsigned int action;
    int number;
    struct scmp_arg_cmp arguments[MOST_ARGUMENTS];
    if (!PyArg_ParseTuple(item, "OiIO!", &field, &number, &action, &PyTuple_Type, &comparisons))
        return -1;
    Py_ssize_t count = PyTuple_GET_SIZE(comparisons);
    if (count > MOST_ARGUMENTS) {
        PyErr_SetString(PyExc_ValueError, "a system call has six arguments at most");
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        unsigned int index, operator;
        unsigned long long first, second;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(comparisons, i), "IIKK", &index, &operator, &first, &second))
            return -1;
        arguments[i] = (struct scmp_arg_cmp){index, (enum scmp_compare)operator, first, second};
    }
    int code = seccomp_rule_add_array(filter, action, number, (unsigned int)count, arguments);
    if (code < 0) {
        refuse(code, field);
        return -1;
    }
    return 0;
}

static int add_all(scmp_filter_ctx filter, PyObject *items, int (*add)(scmp_filter_ctx, PyObject *))
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items); i++)
        if (add(filter, PyList_GET_ITEM(items, i)) < 0)
            return -1;
    return 0;
}

/* The program as bytes. libseccomp before 2.6 can only write it to a file descriptor. */
static PyObject *export_program(scmp_filter_ctx filter)
{
    PyObject *program = NULL;
    struct stat status;
    int fd = memfd_create("seccomp", MFD_CLOEXEC);
    if (fd < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    int code = seccomp_export_bpf(filter, fd);
    if (code < 0) {
        refuse(code, NULL);
    } else if (fstat(fd, &status) < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
    } else {
        program = PyBytes_FromStringAndSize(NULL, status.st_size);
        if (program != NULL && pread(fd, PyBytes_AS_STRING(program), (size_t)status.st_size, 0) != status.st_size) {
            PyErr_SetString(PyExc_OSError, "the exported seccomp program cannot be read back");
            Py_CLEAR(program);
        }
    }
    close(fd);
    return program;
}

static PyObject *build(PyObject *Py_UNUSED(self), PyObject *args)
{
    unsigned int default_action;
    int tree;
    PyObject *architectures, *rules, *program = NULL;
    if (!PyArg_ParseTuple(args, "IO!O!p:build", &default_action, &PyList_Type, &architectures, &PyList_Type, &rules,
                          &tree))
        return NULL;
    scmp_filter_ctx filter = seccomp_init(default_action);
    if (filter == NULL)
        return refuse(-EINVAL, NULL);
    if (tree)
        seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* without it the filter is slower, but as right */
    if (add_all(filter, architectures, add_architecture) == 0 && add_all(filter, rules, add_rule) == 0)
        program = export_program(filter);
    seccomp_release(filter);
    return program;
}

/* Here and below, "s" refuses a NUL inside a name, behind which another name could hide. */
static PyObject *architecture(PyObject *Py_UNUSED(self), PyObject *args)
{
    const char *name;
    if (!PyArg_ParseTuple(args, "s:architecture", &name))
        return NULL;
    return PyLong_FromUnsignedLong(seccomp_arch_resolve_name(name));
}

static PyObject *native_architecture(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(unused))
{
    return PyLong_FromUnsignedLong(seccomp_arch_native());
}

static PyObject *syscall_number(PyObject *Py_UNUSED(self), PyObject *args)
{
    unsigned int architecture;
    const char *name;
    if (!PyArg_ParseTuple(args, "Is:syscall", &architecture, &name))
        return NULL;
    /* "rewrite": where socketcall(2) makes sockets, it gives socketcall for socket */
    return PyLong_FromLong(seccomp_syscall_resolve_name_rewrite(architecture, name));
}

static PyObject *version(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(unused))
{
    const struct scmp_version *v = seccomp_version();
    return Py_BuildValue("(III)", v->major, v->minor, v->micro);
}

static PyObject *library(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(unused))
{
    Dl_info info;
    if (dladdr((const void *)(uintptr_t)seccomp_version, &info) == 0 || info.dli_fname == NULL)
        return PyUnicode_FromString("");
    return PyUnicode_DecodeFSDefault(info.dli_fname);
}

static PyMethodDef methods[] = {
    {"architecture", architecture, METH_VARARGS, "architecture(name) -> token, 0 if unknown to libseccomp"},
    {"build", build, METH_VARARGS, "build(default_action, architectures, rules, tree) -> BPF program"},
    {"library", library, METH_NOARGS, "library() -> path of the file that libseccomp was loaded from"},
    {"native_architecture", native_architecture, METH_NOARGS, "native_architecture() -> token"},
    {"syscall", syscall_number, METH_VARARGS, "syscall(architecture, name) -> number, -1 if unknown to libseccomp"},
    {"version", version, METH_NOARGS, "version() -> (major, minor, micro) of libseccomp"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "sampan._seccomp",
    .m_doc = "The few calls of libseccomp that turn rules into a BPF program.",
    .m_size = 0,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__seccomp(void)
{
    return PyModuleDef_Init(&definition);
}
