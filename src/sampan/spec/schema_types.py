"""The kinds of value that fields of the specification's documents have, by name, for the tables of schema*.py."""

from __future__ import annotations

BOOL = ("bool",)
STRING = ("string",)
STRINGS = ("strings", 0)
STRING_MAP = ("map", STRING, ())
NOT_EMPTY = ("format", "not empty")
ABSOLUTE = ("format", "absolute")
ABSOLUTES = ("array", ABSOLUTE, 0)
NUMBERS = ("format", "numbers")

UINT16 = ("integer", 0, 65535, "must be a whole number from 0 to 65535")
UINT32 = ("integer", 0, 4294967295, "must be a whole number from 0 to 4294967295 (32 bits)")
UINT64 = ("integer", 0, 18446744073709551615, "must be a whole number from 0 to 18446744073709551615 (64 bits)")
INT32 = ("integer", -2147483648, 2147483647, "must be a whole number from -2147483648 to 2147483647 (32 bits)")
INT64 = (
    "integer",
    -9223372036854775808,
    9223372036854775807,
    "must be a whole number from -9223372036854775808 to 9223372036854775807 (64 bits)",
)

# 2^32 - 1 is (uid_t)-1, which tells the kernel to change nothing
ID = ("integer", 0, 4294967294, "must be an id from 0 to 4294967294")
BYTES_OR_UNLIMITED = ("integer", -1, 9223372036854775807, "must be a number of bytes, or -1 for no limit")
TASKS_OR_UNLIMITED = ("integer", -1, 9223372036854775807, "must be a number of tasks, or -1 for no limit")
# the ioctl that sets the size of a terminal (TIOCSWINSZ) has 16 bits
CONSOLE_CELLS = ("integer", 0, 65535, "must be a number of characters from 0 to 65535")
SECONDS = ("integer", 1, 9223372036854775807, "must be a whole number of seconds greater than zero")
# the kernel keeps 16 bits of an error number in a filter's answer, and would cut the rest off
ERRNO = ("integer", 0, 65535, "must be an error number from 0 to 65535")
# dev_t in the kernel is 12 bits of major and 20 of minor number; mknod(2) would make another device of greater ones
MAJOR = ("integer", 0, 4095, "must be a major device number from 0 to 4095")
MINOR = ("integer", 0, 1048575, "must be a minor device number from 0 to 1048575")

ID_MAPPING = (
    "object",
    "IDMapping",
    "config-linux.md#user-namespace-mappings",
    ("containerID", "hostID", "size"),
    {"containerID": UINT32, "hostID": UINT32, "size": UINT32},
)
ID_MAPPINGS = ("array", ID_MAPPING, 0)
