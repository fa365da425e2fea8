/* Sockets on which Python speaks with the kernel about network devices. */
#ifndef SAMPAN_NETLINK_H
#define SAMPAN_NETLINK_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* netlink_socket(namespace: int) -> int */
PyObject *sampan_netlink_socket(PyObject *self, PyObject *args);

#endif
