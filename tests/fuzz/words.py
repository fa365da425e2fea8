"""The words that fuzzed documents are made of: what real ones have, and what has broken parsers before."""

from __future__ import annotations

from sampan.plan import mount_options
from sampan.spec import names

GONE = object()  # instead of a value: take the field away

PATHS = (
    *("/", "/dev", "/dev/pts", "/proc", "/sys/fs/cgroup", "rootfs", "data/../../x", "/../..", "..", ".", "//"),
    *("/a//b/",),
    *("/proc/self/fd/0", "/é", "/a b", "/a\nb", "/\x1b[2J", "/" + "a" * 256, "/" + "a/" * 2048, "/a/./../b"),
    *("/sys/fs/cgroup/cpu/../../../../etc", "/sys/fs/cgroup", "/sys/fs/cgroup/box/", "//sys/fs/cgroup/box", "/etc"),
)
WORDS = (
    *("", "a", "0", "-1", "A=b", "=", "PATH=", "HOME=/", "PATH=/a:/b", "eth%d", "%", "é", "\x7f", "\u202e", "x" * 65),
    *("tmpfs", "proc", "sysfs", "cgroup", "cgroup2", "bind", "none", "mqueue", "devpts", "overlay"),
    *("context", "mode=755", "size=64k,uid=0", 'context="a,b"', "lowerdir=" + "a" * 300, "x" * 5000),
    *("net.ipv4.ip_forward", "kernel.sem", "fs.mqueue.msg_max", "kernel/shm_rmid_forced", "1", "max 100000"),
    *("io.max", "memory.max", "pids.max", "8:0 rbps=1", "8:0", "100000 0", "max 0", "-5 100000", "default 100"),
    *("1 2 3", "max", "MB:0=20", "L3:0=7f0;1=f", "system.slice:sampan:web"),
    *("read", "write", "clone", "not_a_system_call", "unconfined", "1.0.0", "1.3.0-rc.1+x", "2.0.0"),
)
TABLES = (
    *(mount_options.ATTRIBUTES, mount_options.RECURSIVE_ATTRIBUTES, mount_options.PROPAGATION),
    *(mount_options.SUPERBLOCK,),
    *(mount_options.MANNERS, names.CAPABILITIES, names.RLIMITS, names.CRUN_ANNOTATIONS),
)
DICTIONARY = tuple(dict.fromkeys((*PATHS, *WORDS, *(word for table in TABLES for word in table))))
NUMBERS = ("", "0", "0-3,7", "1-0", "0-8191", "8192", "1023", " 1 , 2", "0-", "-", ",", "999999999", "0-999999999", "²")

# In place of what should be there. The last are beyond what JSON can say, but not beyond what a caller can hand over.
HOSTILE: tuple[object, ...] = (
    *(GONE, None, True, False, 0, -1, 1.0, 1e308, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1, -(2**63)),
    *("", "a", "..", "\0", "a\0b", "/\0", "1", "null", "\n", "\ufffe", "x" * 5000, [], [[]], [None], {}, {"": 0}),
    *({"a": {"a": {}}}, ["x"] * 300, {"\0": "\0"}, {"a\nb": "\x1b[0m"}),
)
BEYOND_JSON: tuple[object, ...] = (
    2**64,
    -(2**63) - 1,
    10**5000,
    "\ud800",
    {"\udfff": "\ud800"},
    float("nan"),
    "\udc80",
)

# In JSON, or in place of a piece of it.
TOKENS = (
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"null", b"true", b"1e999", b"1.5", b"-", b"0"),
    *(b"18446744073709551616",),
    *(b"\\ud800", b"\\u0000", b"\xff", b"\0", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"/*", b'"linux":{},'),
    *(b'"ociVersion":"1.0.0",',),
)

# GVariant's text format, in which annotations give properties to units of systemd, and what its readers may stumble at.
GVARIANT = (
    *("uint64 ", "byte ", "int16 ", "double ", "@as ", "@a{sv} ", "@(tt) ", "@ay ", "@", "b", "true", "nan", "inf"),
    *(" ",),
    *("5", "-1", "1.5", "1e999", "0x" + "f" * 300, "1" * 5000, "'a'", '"b"', "b'a'", "'\\", r"'\U7fffffff'"),
    *(r"'\Uffffffff'",),
    *(r"'\u0000'", r"'\ud800'", r"'\777'", "[", "]", "(", ")", "{", "}", "<", ">", ",", ":", "[" * 40, "(1," * 20),
    *("1," * 40,),
)
UNIT = (
    *("system.slice", ":", "sampan", "web", ".slice", ".scope", "-", "-.slice"),
    *("..", "/", "a", ".", "_", "é", "x" * 256, "\n"),
)

# What the kernel writes to /proc/PID/mountinfo and /proc/PID/cgroup, where any byte but a newline may be in a name.
LINES = (
    *(b"30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n",),
    *(b"31 23 0:30 /a /x\\040y\\134 rw - cgroup cpu rw,cpu\n",),
    *(b"0::/", b"5:cpu,cpuacct:/a", b"1:name=systemd:/", b"a", b"\r", b"\x0c", b"\xc2\x85", b"\xe2\x80\xa8"),
    *(b"\xff", b":", b"\n"),
    *(b" - cgroup2 cgroup2 rw", b" - cgroup", b"\\", b"/..", b"/../a"),
)
