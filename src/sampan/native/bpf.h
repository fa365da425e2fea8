/* bpf(2) for the device programs of v2 cgroups, and what file system a path is on. */
#ifndef SAMPAN_BPF_H
#define SAMPAN_BPF_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* bpf_load_device(instructions: bytes) -> int: a descriptor of the loaded program. */
PyObject *sampan_bpf_load_device(PyObject *self, PyObject *args);

/* bpf_attach_device(cgroup_fd: int, program_fd: int) -> None */
PyObject *sampan_bpf_attach_device(PyObject *self, PyObject *args);

/* statfs_type(path: str) -> int: f_type of statfs(2). */
PyObject *sampan_statfs_type(PyObject *self, PyObject *args);

#endif
