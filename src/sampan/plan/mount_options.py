"""The mount options of config.md (Linux mount options), as data, and what a list of them comes to."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# MOUNT_ATTR_* of mount_setattr(2)
RDONLY, NOSUID, NODEV, NOEXEC, ATIME = 0x1, 0x2, 0x4, 0x8, 0x70
NOATIME, STRICTATIME, NODIRATIME, NOSYMFOLLOW = 0x10, 0x20, 0x80, 0x200000

# option -> (attributes to set, attributes to clear). The access time modes are one field, of which relatime is 0.
ATTRIBUTES = {
    "ro": (RDONLY, 0),
    "rw": (0, RDONLY),
    "nosuid": (NOSUID, 0),
    "suid": (0, NOSUID),
    "nodev": (NODEV, 0),
    "dev": (0, NODEV),
    "noexec": (NOEXEC, 0),
    "exec": (0, NOEXEC),
    "noatime": (NOATIME, ATIME),
    "atime": (0, NOATIME),
    "strictatime": (STRICTATIME, ATIME),
    "nostrictatime": (0, STRICTATIME),
    "relatime": (0, ATIME),
    "norelatime": (0, 0),
    "nodiratime": (NODIRATIME, 0),
    "diratime": (0, NODIRATIME),
    "nosymfollow": (NOSYMFOLLOW, 0),
    "symfollow": (0, NOSYMFOLLOW),
}
RECURSIVE_ATTRIBUTES = {
    "rro": (RDONLY, 0),
    "rrw": (0, RDONLY),
    "rnosuid": (NOSUID, 0),
    "rsuid": (0, NOSUID),
    "rnodev": (NODEV, 0),
    "rdev": (0, NODEV),
    "rnoexec": (NOEXEC, 0),
    "rexec": (0, NOEXEC),
    "rnoatime": (NOATIME, ATIME),
    "ratime": (0, ATIME),
    "rstrictatime": (STRICTATIME, ATIME),
    "rnostrictatime": (0, ATIME),
    "rrelatime": (0, ATIME),
    "rnorelatime": (0, ATIME),
    "rnodiratime": (NODIRATIME, 0),
    "rdiratime": (0, NODIRATIME),
    "rnosymfollow": (NOSYMFOLLOW, 0),
    "rsymfollow": (0, NOSYMFOLLOW),
}

RECURSIVE = 1 << 32  # beside a propagation: of the whole tree
SHARED, SLAVE, PRIVATE, UNBINDABLE = 1 << 20, 1 << 19, 1 << 18, 1 << 17
PROPAGATION = {
    "shared": SHARED,
    "rshared": SHARED | RECURSIVE,
    "slave": SLAVE,
    "rslave": SLAVE | RECURSIVE,
    "private": PRIVATE,
    "rprivate": PRIVATE | RECURSIVE,
    "unbindable": UNBINDABLE,
    "runbindable": UNBINDABLE | RECURSIVE,
}

# Flags of the file system itself: option -> (the flag of mount(2), set or cleared)
SUPERBLOCK = {
    "sync": (16, True),
    "async": (16, False),
    "dirsync": (128, True),
    "mand": (64, True),
    "nomand": (64, False),
    "lazytime": (1 << 25, True),
    "nolazytime": (1 << 25, False),
    "iversion": (1 << 23, True),
    "noiversion": (1 << 23, False),
    "silent": (1 << 15, True),
    "loud": (1 << 15, False),
}
I_VERSION, SILENT = 1 << 23, 1 << 15
SUPERBLOCK_NAMES = {16: "sync", 128: "dirsync", 64: "mand", 1 << 25: "lazytime"}

# what says how the mount is made; crun's names for not following links are accepted as well
MANNERS = ("bind", "rbind", "remount", "tmpcopyup", "idmap", "ridmap", "src-nofollow", "dest-nofollow", "copy-symlink")
WITHOUT_MEANING = ("defaults", "")


class MountOptions:
    """What the options of one mount come to."""

    __slots__ = (
        "clear",
        "data",
        "id_mapping",
        "manners",
        "propagations",
        "recursive_clear",
        "recursive_set",
        "set",
        "superblock",
    )

    def __init__(self, options: Iterable[str]) -> None:
        self.set = 0
        self.clear = 0
        self.recursive_set = 0
        self.recursive_clear = 0
        self.superblock = 0
        self.propagations: list[int] = []
        self.manners: set[str] = set()
        self.id_mapping = ""  # crun's option that has the mapping itself
        self.data: list[str] = []  # options of the file system, each "name" or "name=value"
        for option in options:
            self._add(option)

    def _add(self, option: str) -> None:
        if option in ATTRIBUTES:
            on, off = ATTRIBUTES[option]
            self.set = self.set & ~off | on
            self.clear = self.clear & ~on | off
        elif option in RECURSIVE_ATTRIBUTES:
            on, off = RECURSIVE_ATTRIBUTES[option]
            self.recursive_set = self.recursive_set & ~off | on
            self.recursive_clear = self.recursive_clear & ~on | off
        elif option in PROPAGATION:
            self.propagations.append(PROPAGATION[option])
        elif option in SUPERBLOCK:
            flag, on_ = SUPERBLOCK[option]
            self.superblock = self.superblock | flag if on_ else self.superblock & ~flag
        elif option in MANNERS:
            self.manners.add(option)
        elif option.startswith(("idmap=", "ridmap=")):
            self.manners.add(option.partition("=")[0])
            self.id_mapping = option
        elif option not in WITHOUT_MEANING:
            self.data += _split(option)

    @property
    def is_bind(self) -> bool:
        return "bind" in self.manners or "rbind" in self.manners


def _split(option: str) -> list[str]:
    """An option as mount(2) splits it: at commas, but not inside quotes (SELinux contexts have commas)."""
    if "," not in option:
        return [option]
    parts = [""]
    quoted = False
    for character in option:
        quoted ^= character == '"'
        if character == "," and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return [part for part in parts if part]


def classic_flags(attributes: int, superblock: int) -> int:
    """The same as flags of mount(2)."""
    flags = attributes & (RDONLY | NOSUID | NODEV | NOEXEC) | superblock
    if attributes & NOATIME:
        flags |= 1024
    if attributes & NODIRATIME:
        flags |= 2048
    if attributes & STRICTATIME:
        flags |= 1 << 24
    if attributes & NOSYMFOLLOW:
        flags |= 256
    return flags
