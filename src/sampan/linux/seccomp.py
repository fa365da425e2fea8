"""linux.seccomp: from a profile to a BPF program, compiled once and then read back from a cache.

On the hot path: libseccomp and the translation (seccomp_profile.py) are loaded only when the cache does not have the
profile. Never loads a filter: that is for init, as the last thing before the user's process.
"""

from __future__ import annotations

import _imp
import posix

from sampan import _linux
from sampan.linux import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sampan.spec.types import Seccomp

# Part of every cache key: to be raised with each change of the translation or of the layout of the cache file.
FORMAT = 3

OPEN_DIRECTORY = posix.O_DIRECTORY | posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_CLOEXEC
OPEN_ENTRY = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC
OPEN_NEW = posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_NOFOLLOW | posix.O_CLOEXEC
FILE_TYPE, REGULAR, DIRECTORY, WRITABLE_BY_OTHERS = 0o170000, 0o100000, 0o040000, 0o022


class Filter:
    """What seccomp(2) takes, and what is to be known of it."""

    __slots__ = ("flags", "notify", "program", "warnings")

    def __init__(self, program: bytes, flags: int, notify: bool, warnings: list[str]) -> None:
        self.program = program  # an array of struct sock_filter
        self.flags = flags  # SECCOMP_FILTER_FLAG_*
        self.notify = notify  # some system calls are decided by a listener: seccomp(2) returns its descriptor
        self.warnings = warnings  # what was left out, for the debug log


def compile_filter(profile: Seccomp, *, cache_directory: str | None) -> Filter:
    """The filter of ``profile``, if possible from the cache. Raises ConfigError and KernelError.

    ``cache_directory`` is the runtime's own: it is made if needed, and not used if anyone else can write to it. A cache
    that cannot be read or written only costs time.
    """
    directory = -1 if cache_directory is None else _open_cache(cache_directory)
    if directory < 0:
        return _compile(profile)[0]
    try:
        key = _key(profile)
        # One file for each of 256 hash values: profiles that meet there replace each other, so that the cache cannot
        # grow without bound.
        name = _imp.source_hash(0, key)[:1].hex()
        found = _load(directory, name, key)
        if found is None:
            found, library = _compile(profile)
            _store(directory, name, _entry(key, found, library))
        return found
    finally:
        posix.close(directory)


def _compile(profile: Seccomp) -> tuple[Filter, str]:
    """The filter, and the file of the libseccomp that made it."""
    from sampan import _seccomp
    from sampan.linux import seccomp_profile

    return seccomp_profile.translate(profile), _seccomp.library()


def _key(profile: Seccomp) -> bytes:
    """All that the program depends on, to stand first in the cache file.

    Whole, since an equal hash would be no proof in a matter of security. The listener's path and metadata differ from
    container to container, but not in the program. The kernel's release is not part of it: libseccomp asks the kernel
    which actions it knows and refuses the others, but the program for those that it knows is always the same, and the
    cache lies in the state root, which does not survive a reboot.
    """
    default = (profile["defaultAction"], profile.get("defaultErrnoRet"))
    compiled = (default, profile.get("architectures"), profile.get("flags"), profile.get("syscalls"))
    return _linux.json_dumps((FORMAT, posix.uname().machine, compiled))


def _entry(key: bytes, compiled: Filter, library: str) -> bytes:
    """The content of a cache file: the key, what belongs to the program, the program; one line each."""
    facts = {
        "library": library,
        "identity": _identity(library),
        "flags": compiled.flags,
        "notify": compiled.notify,
        "warnings": compiled.warnings,
        "program": _fingerprint(compiled.program),
    }
    return b"\n".join((key, _linux.json_dumps(facts), compiled.program))


def _load(directory: int, name: str, key: bytes) -> Filter | None:
    """The filter in the cache file ``name``, if it is one of this runtime's, whole, and for this very key."""
    try:
        fd = posix.open(name, OPEN_ENTRY, dir_fd=directory)
    except OSError:
        return None
    try:
        if not _is_own(posix.fstat(fd), REGULAR):
            return None
        content = files.read_fd(fd)
    except OSError:
        return None
    finally:
        posix.close(fd)
    try:
        return _decode(content, key)
    except (ValueError, KeyError, TypeError):
        return None  # not written by this runtime


def _decode(content: bytes, key: bytes) -> Filter | None:
    """The filter in the ``content`` of a cache file, if it is for this key, whole, and made by the libseccomp of today.

    Another libseccomp may know more system calls, or have one flaw less.
    """
    start = len(key) + 1
    if not content.startswith(key + b"\n"):
        return None
    end = content.index(b"\n", start)
    facts: Any = _linux.json_loads(content[start:end])
    program = content[end + 1 :]
    if facts["program"] != _fingerprint(program) or facts["identity"] != _identity(facts["library"]):
        return None
    return Filter(program, facts["flags"], facts["notify"], facts["warnings"])


def _store(directory: int, name: str, content: bytes) -> None:
    """Put ``content`` in the cache, whole or not at all.

    There is one name for all who write: those that are killed leave at most this one file behind.
    """
    new = f".{name}.new"
    try:
        fd = posix.open(new, OPEN_NEW, 0o600, dir_fd=directory)
    except FileExistsError:
        # Left by a writer that was killed: the next one will do it. Or by one that is at work: it does without the
        # cache this once, and should it give its name to a third one's half of a file now, the fingerprint tells.
        _remove(directory, new)
        return
    except OSError:
        return
    try:
        complete = posix.write(fd, content) == len(content)
        if complete:
            posix.rename(new, name, src_dir_fd=directory, dst_dir_fd=directory)
    except OSError:
        complete = False
    finally:
        posix.close(fd)
    if not complete:
        _remove(directory, new)


def _remove(directory: int, name: str) -> None:
    try:
        posix.unlink(name, dir_fd=directory)
    except OSError:
        pass


def _open_cache(path: str) -> int:
    """A descriptor of the cache directory, or -1 if there is none that can be trusted."""
    for parent in _missing(path):
        try:
            posix.mkdir(parent, 0o700)
        except OSError:
            pass  # made by another at the same time, or it cannot be made: what counts is whether it can be opened
    try:
        directory = posix.open(path, OPEN_DIRECTORY)
    except OSError:
        return -1
    if _is_own(posix.fstat(directory), DIRECTORY):
        return directory
    posix.close(directory)
    return -1


def _missing(path: str) -> Iterator[str]:
    """The directories to make for ``path``: at most two, as the state root itself is not the cache's to make."""
    parent = path.rstrip("/").rpartition("/")[0]
    for directory in (parent, path):
        try:
            posix.stat(directory)
        except OSError:
            yield directory


def _is_own(status: posix.stat_result, kind: int) -> bool:
    """Whether it is of that kind, and nobody but this user can have written it."""
    own = status.st_uid == posix.geteuid() and not status.st_mode & WRITABLE_BY_OTHERS
    return own and status.st_mode & FILE_TYPE == kind


def _identity(path: str) -> list[int]:
    """What changes when another file is installed at ``path``."""
    try:
        status = posix.stat(path)
    except OSError:
        return []
    return [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns]


def _fingerprint(program: bytes) -> str:
    """Against accidents (a full disk, a lost page), not against an attacker, who cannot write here."""
    return f"{len(program)} {_imp.source_hash(0, program).hex()}"
