"""What is found out by trying. Each try is real, ends soon, and leaves nothing: no mount, no file, no process.

System calls are made with arguments that the kernel refuses after it has looked whether it has the call.
"""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import tempfile
from typing import TYPE_CHECKING

from sampan.errors import KernelError, SampanError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampan.spec.types import IDMapping

PATIENCE = 5.0  # seconds that a program may take to say its version
_DIRECTORIES = ("HOME", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME")  # of a program
CLONE_INTO_CGROUP = 0x200000000
_NOWHERE = -1  # no descriptor
_ENTRY = ctypes.create_string_buffer(b"")
# Numbers that are the same on all architectures, and arguments that cannot succeed.
SYSTEM_CALLS: dict[str, tuple[int, tuple[object, ...]]] = {
    "pidfd_send_signal": (424, (_NOWHERE, 0, None, 0)),
    "open_tree": (428, (_NOWHERE, _ENTRY, 0)),
    "move_mount": (429, (_NOWHERE, _ENTRY, _NOWHERE, _ENTRY, 0)),
    "fsopen": (430, (None, 0)),
    "pidfd_open": (434, (_NOWHERE, 0)),
    "clone3": (435, (None, 0)),
    "close_range": (436, (1, 0, 0)),
    "openat2": (437, (_NOWHERE, _ENTRY, None, 0)),
    "mount_setattr": (442, (_NOWHERE, _ENTRY, 0, None, 0)),
}


class CloneArguments(ctypes.Structure):
    """struct clone_args of clone3(2), with the last member that CLONE_INTO_CGROUP has added."""

    _fields_ = tuple(
        (name, ctypes.c_uint64)
        for name in (
            "flags pidfd child_tid parent_tid exit_signal stack stack_size tls set_tid set_tid_size cgroup".split()
        )
    )


class Tries:
    """The kernel and the programs of the machine that this process runs on. Tests have others."""

    def system_call(self, name: str) -> int:
        """The errno of a system call with arguments that cannot be right: ENOSYS where the kernel has no such call."""
        number, arguments = SYSTEM_CALLS[name]
        return _call(number, *arguments)

    def clones_into_cgroup(self) -> bool:
        """Does clone3(2) know CLONE_INTO_CGROUP? Asked with a descriptor that is no cgroup: EBADF, and no child."""
        fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            arguments = CloneArguments(flags=CLONE_INTO_CGROUP, exit_signal=17, cgroup=fd)
            return _call(SYSTEM_CALLS["clone3"][0], ctypes.byref(arguments), ctypes.sizeof(arguments)) == errno.EBADF
        finally:
            os.close(fd)

    def executable_memfd(self) -> str:
        """Why no program can be run from a sealed memfd here; "" where it can."""
        from sampan import _linux

        try:
            os.close(_linux.sealed_memfd("sampan-doctor", b"", True))
        except OSError as error:
            return os.strerror(error.errno or 0)
        return ""

    def init(self) -> str:
        """Why init cannot be had in a form that nobody can change; "" where it can."""
        from sampan.engine.launch import read_init

        try:
            os.close(read_init())
        except SampanError as error:
            return str(error)
        return ""

    def user_namespace(self, uids: Sequence[IDMapping], gids: Sequence[IDMapping]) -> str:
        """Why init cannot be root of a new user namespace with these ids; "" where it can.

        Done as for a container, until it has a hostname: a security module may let the namespace be made, and then
        let nobody be root in it.
        """
        from sampan.engine.launch import Launch, read_init
        from sampan.engine.mapping import write_mappings
        from sampan.plan.namespaces import KEEP_GROUPS
        from sampan.plan.operations import CREATED, MAPPED, NEWUSER, NEWUTS, Plan

        cause = "user namespace"
        plan = Plan()
        plan.add("fork", cause, NEWUSER | NEWUTS)
        plan.add("await", cause, MAPPED)
        plan.add("become_root", cause, KEEP_GROUPS)
        plan.add("hostname", cause, "sampan-doctor")
        plan.add("await", cause, CREATED)
        launch, init = Launch(plan), -1
        try:
            init = read_init()
            launch.spawn(init, (-1, -1, -1), (), 3, 0, -1)
            launch.until(MAPPED)
            write_mappings(launch.pid, uids, gids)
            launch.go_on()
            launch.until(CREATED)
        except SampanError as error:
            return str(error)
        finally:
            launch.abort()
            launch.close()
            if init >= 0:
                os.close(init)
        return ""

    def id_mapped_mount(self, path: str) -> str:
        """Why a clone of the mount at ``path``, which is attached nowhere, cannot be id-mapped; "" where it can."""
        from sampan import _linux
        from sampan.engine.mapping import namespace_with_mapping
        from sampan.engine.opening import MOUNT_ATTR_IDMAP

        mapping: list[IDMapping] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
        try:
            namespace = namespace_with_mapping(mapping, mapping, field="user namespace")
        except SampanError as error:
            return str(error)
        tree = -1
        try:
            tree = _linux.open_tree(path, 0)
            _linux.mount_setattr(tree, False, MOUNT_ATTR_IDMAP, 0, 0, namespace)
        except OSError as error:
            return os.strerror(error.errno or 0)
        finally:
            os.close(namespace)
            if tree >= 0:
                os.close(tree)
        return ""

    def seccomp_flags(self) -> list[str]:
        """Those flags of seccomp(2) that this kernel takes."""
        from sampan.linux.seccomp_features import SYS_SECCOMP, kernel_knows
        from sampan.linux.seccomp_profile import FLAGS

        if os.uname().machine not in SYS_SECCOMP:
            return []
        return [name for name, flag in FLAGS.items() if kernel_knows(flag)]

    def libseccomp(self) -> str:
        """The version of libseccomp. Raises ImportError with the reason where it cannot be loaded."""
        from sampan._seccomp import version

        return ".".join(map(str, version()))

    def notifies(self) -> str:
        """Why this release refuses a profile with SCMP_ACT_NOTIFY; "" where it takes it."""
        from sampan.engine.facts import compile_seccomp
        from sampan.errors import ConfigError
        from sampan.plan.host import Host
        from sampan.spec.names import SPEC_VERSION

        try:
            compile_seccomp(
                {
                    "ociVersion": SPEC_VERSION,
                    "linux": {
                        "seccomp": {
                            "defaultAction": "SCMP_ACT_ALLOW",
                            "syscalls": [{"names": ["getpid"], "action": "SCMP_ACT_NOTIFY"}],
                        }
                    },
                },
                Host("doctor", "/"),
                None,
            )
        except (ConfigError, KernelError) as error:
            return str(error)
        return ""

    def systemd(self, *, of_user: bool) -> int:
        """The release of the systemd that would make cgroups: 252. Raises SampanError where none answers."""
        from sampan.cgroups import systemd_manager

        if not of_user:
            systemd_manager.control_group_of_system()
        manager = systemd_manager.connect(of_user=of_user)
        try:
            return manager.version()
        finally:
            manager.close()

    def output(self, *command: str) -> str:
        """What a program prints; "" where it fails or is slow.

        Its directories are new ones, and removed: podman makes some of its own even to say its version.
        """
        try:
            with tempfile.TemporaryDirectory(prefix="sampan-doctor-") as scratch:
                environment = {"PATH": os.defpath, **dict.fromkeys(_DIRECTORIES, scratch)}
                done = subprocess.run(
                    command,
                    capture_output=True,
                    text=True,
                    errors="replace",
                    stdin=subprocess.DEVNULL,
                    env=environment,
                    cwd=scratch,
                    timeout=PATIENCE,
                    check=False,
                )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""


def _call(number: int, *arguments: object) -> int:
    """The errno that a system call fails with; 0 where it does not."""
    libc = ctypes.CDLL(None, use_errno=True)
    ctypes.set_errno(0)
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    result = libc.syscall(ctypes.c_long(number), *words)
    if result == 0 and number == SYSTEM_CALLS["clone3"][0]:
        os._exit(0)  # cannot be: it would be a child
    return ctypes.get_errno()
