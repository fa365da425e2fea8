"""Opens what a plan wants opened (plan.operations.Descriptor): namespaces, cgroups, clones of mounts with their id
mapping.
Hot path."""

from __future__ import annotations

import errno
import posix

from sampan import _linux
from sampan.errors import ConfigError, KernelError, Problem, UsageError
from sampan.plan.operations import NEWUSER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sampan.plan.operations import Descriptor

MOUNT_ATTR_IDMAP = 0x100000
NAMESPACE_NAMES = {
    0x80: "time",
    0x20000: "mount",
    0x2000000: "cgroup",
    0x4000000: "uts",
    0x8000000: "ipc",
    0x10000000: "user",
    0x20000000: "pid",
    0x40000000: "network",
}


def check_preserved(count: int) -> None:
    """Raises UsageError unless the caller hands over ``count`` descriptors, from 3 on.

    Where one is missing, the runtime's own may have its number. They are close-on-exec; what is inherited is not.
    """
    for fd in range(3, 3 + count):
        try:
            inherited = posix.get_inheritable(fd)
        except OSError:
            inherited = False
        if not inherited:
            raise UsageError(f"descriptor {fd} is not open, but --preserve-fds or LISTEN_FDS hands it over")


def open_all(descriptors: Sequence[Descriptor], own: Mapping[str, int], opened: list[int]) -> None:
    """Adds a number for each descriptor to ``opened``, which is the caller's to close.

    ``own`` has what the caller has opened already, by kind: it is duplicated. Raises ConfigError, KernelError.
    """
    for descriptor in descriptors:
        if descriptor.kind == "namespace":
            opened.append(_open_namespace(descriptor))
        elif descriptor.kind == "cgroup":
            opened.append(_open(descriptor, posix.O_WRONLY))
        elif descriptor.kind == "tree":
            opened.append(_open_tree(descriptor))
        elif descriptor.path:
            opened.append(_connect(descriptor))
        else:
            opened.append(posix.dup(own[descriptor.kind]))


def _open(descriptor: Descriptor, flags: int) -> int:
    try:
        return posix.open(descriptor.path, flags | posix.O_CLOEXEC)
    except OSError as error:
        raise KernelError("open", descriptor.path, error.errno or 0, descriptor.cause) from None


def _connect(descriptor: Descriptor) -> int:
    directory, _, name = descriptor.path.rpartition("/")
    place = -1
    try:
        place = posix.open(directory or ".", posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC)
        return _linux.unix_connect(place, name, True)
    except OSError as error:
        raise KernelError("connect to --console-socket", descriptor.path, error.errno or 0, descriptor.cause) from None
    finally:
        if place >= 0:
            posix.close(place)


def _open_namespace(descriptor: Descriptor) -> int:
    """ "The runtime MUST generate an error if `path` is not associated with a namespace of type `type`.\""""
    fd = _open(descriptor, posix.O_RDONLY | posix.O_NONBLOCK)  # a FIFO is no namespace, and would make this wait
    try:
        kind = _linux.namespace_type(fd)
    except OSError:
        kind = 0
    if kind == descriptor.flags:
        return fd
    posix.close(fd)
    wanted = NAMESPACE_NAMES[descriptor.flags]
    found = f"it is a {NAMESPACE_NAMES[kind]} namespace" if kind in NAMESPACE_NAMES else "it is no namespace"
    rule = f"must be a {wanted} namespace; {found}"
    raise ConfigError("config.json", [Problem(descriptor.cause, descriptor.path, rule, "config-linux.md#namespaces")])


def _open_tree(descriptor: Descriptor) -> int:
    field = f"{descriptor.cause}.source"
    try:
        tree = _linux.open_tree(descriptor.path, descriptor.flags)
    except OSError as error:
        hint = "id-mapped mounts take root's rights over the host" if _is_refused(descriptor, error) else ""
        raise KernelError("open_tree", descriptor.path, error.errno or 0, field, hint) from None
    try:
        if descriptor.slave:
            from sampan.plan.mount_options import SLAVE

            _linux.mount_setattr(tree, True, 0, 0, SLAVE, -1)
        if descriptor.id_mapping is not None:
            _map_ids(tree, descriptor)
    except BaseException:
        posix.close(tree)
        raise
    return tree


def _is_refused(descriptor: Descriptor, error: OSError) -> bool:
    return descriptor.id_mapping is not None and error.errno == errno.EPERM


def _map_ids(tree: int, descriptor: Descriptor) -> None:
    """config.md#posix-platform-mounts: the mount shows the files' owners through the mapping of a user namespace."""
    if isinstance(descriptor.id_mapping, str):
        namespace = _open(_user_namespace(descriptor), posix.O_RDONLY)
    else:
        from sampan.engine.mapping import namespace_with_mapping

        assert descriptor.id_mapping is not None
        namespace = namespace_with_mapping(*descriptor.id_mapping, field=descriptor.cause)
    try:
        _linux.mount_setattr(tree, descriptor.id_mapping_recursive, MOUNT_ATTR_IDMAP, 0, 0, namespace)
    except OSError as error:
        what = "its file system may not support id-mapped mounts, or belong to a user namespace above this one"
        raise KernelError("map the ids of", descriptor.path, error.errno or 0, descriptor.cause, what) from None
    finally:
        posix.close(namespace)


def _user_namespace(descriptor: Descriptor) -> Descriptor:
    from sampan.plan.operations import Descriptor as Wanted

    return Wanted("namespace", str(descriptor.id_mapping), descriptor.cause, NEWUSER)
