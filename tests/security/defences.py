"""The defences that the tests take out of copies of sampan, to see that they can fail. Each is the piece of the source
that is the defence."""

from __future__ import annotations

from .weakened import Defence

# every path in the container is resolved in its root
RESOLVED_IN_ROOT = Defence(
    "native/paths.c",
    "return open_how(container.root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | how);",
    "while (*path == '/') path++; return open_how(container.root, *path ? path : \".\", flags, how);",
)
# procfs and sysfs are only mounted on real directories
REAL_DIRECTORY = Defence("plan/mounts.py", 'F_REAL_DIRECTORY if kind in ("proc", "sysfs") else 0', "0")
# what covers a masked path is checked to be the null device
CHECKED_NULL_DEVICE = Defence(
    "native/masks.c",
    "    return stat_of(fd, &status) == 0 && (status.stx_mode & S_IFMT) == S_IFCHR && status.stx_rdev_major == 1 &&\n"
    "           status.stx_rdev_minor == 3;",
    "    return stat_of(fd, &status) == 0;",
)
NULL_WITHOUT_LINKS = Defence(
    "native/masks.c",
    'resolve("/dev/null", O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS)',
    'resolve("/dev/null", O_PATH, 0)',
)
# /dev/console is an entry of /dev itself
CONSOLE_WITHOUT_LINKS = Defence(
    "native/terminal.c",
    'SYS4(openat, directory, "console", O_PATH | O_NOFOLLOW | O_CLOEXEC, 0)',
    'resolve("/dev/console", O_PATH, 0)',
)
CHECKED_DEVPTS = Defence("native/terminal.c", "file_system[0] == DEVPTS_SUPER_MAGIC_NUMBER", "1")
# the runtime's own procfs
OWN_PROCFS = Defence(
    "native/proc.c",
    'long fd = attempt("openat2", open_in_proc(a[0].text, O_WRONLY));',
    'long proc = resolve("/proc", O_PATH, 0); long fd = SYS4(openat, proc, a[0].text, O_WRONLY, 0);',
)
# init runs from a copy in memory that nobody can change
SEALED_INIT = Defence(
    "engine/launch.py", "    program = files.read(path)\n", "    return posix.open(path, posix.O_RDONLY)\n"
)
# a process that joins a container is closed to the eyes of those in it
UNDUMPABLE = Defence(
    "native/process.c", "SYS5(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0)", "SYS5(prctl, PR_SET_DUMPABLE, 1, 0, 0, 0)"
)
# the runtime's procfs is closed before it
CLOSED_PROCFS = Defence(
    "native/proc.c", "    if (container.proc >= 0)\n        close_fd(container.proc);\n    container.proc = -1;", ""
)
CLOSED_DESCRIPTORS = Defence("native/init.c", "SYS3(close_range, first, ~0U, CLOSE_RANGE_CLOEXEC);", "")
CHECKED_WORKING_DIRECTORY = Defence(
    "native/process.c", "    if (result >= 0 && path[0] == '/')\n        return 0;\n", "    return 0;\n"
)
# not a defence of its own: what would be open in init if its author forgot to close it
NO_LEAK = Defence("native/root.c", "    close_fd(directory);\n    container.root = tree;", "    container.root = tree;")
INHERITABLE = Defence(
    "plan/process.py", '"inheritable": asked.get("inheritable", [])', '"inheritable": asked.get("permitted", [])'
)
# users are numbers, and all of the option must be one
NUMERIC_USER = Defence(
    "cli/exec.py",
    "    if number is None or len(text) > 10:\n",
    '    for line in open("/etc/passwd"):\n'
    '        if line.split(":")[0] == text:\n'
    '            return int(line.split(":")[2])\n'
    "    if False:\n",
)
NAMELESS_KEYRING = Defence(
    "native/process.c",
    "long ring = SYS2(keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);",
    'long ring = SYS2(keyctl, KEYCTL_JOIN_SESSION_KEYRING, "_ses.planted");',
)
GIVEN_STREAMS = Defence(
    "native/process.c", "if (is_to_be_given(fd, &status))", "if (fd >= 0 || is_to_be_given(fd, &status))"
)
REGULAR_PASSWD = Defence(
    "native/process.c",
    "(stat_of(fd, &status) < 0 || (status.stx_mode & S_IFMT) != S_IFREG)",
    "stat_of(fd, &status) < 0",
)
SANE_PASSWD = Defence("native/process.c", "#define MAX_PASSWD (16 << 20)", "#define MAX_PASSWD ((size_t)1 << 60)")
# all processes of a container end with it, also where no pid namespace ends them; and a wait for them has a bound
KILLED_TOGETHER = Defence(
    "engine/removal.py",
    "        if not record.own_pid_namespace:\n            record.group().kill(SIGKILL)\n",
    "",
)
KILLED_BEFORE_REMOVAL = Defence(
    "engine/removal.py",
    "    if not record.own_pid_namespace or not record.complete:\n        group.kill(SIGKILL)\n",
    "",
)
BOUNDED_WAIT = Defence("engine/removal.py", "PATIENCE = 10 ", "PATIENCE = 1000 ")
# no string of a configuration becomes two
WHOLE_STRINGS = Defence("spec/check.py", '        return "must not contain a NUL character"\n', "        pass\n")
# delete --force ends the container's processes before it waits for the lock
KILLED_BEFORE_THE_LOCK = Defence(
    "engine/delete.py", "    if force:\n        _kill_who_holds_the_lock(store, container_id, created)\n", ""
)
# state directories of others, and records that are no files, are refused; a pid counts only with its start time
CHECKED_OWNER = Defence(
    "engine/store.py",
    "if _is_trusted(status) and not status.st_mode & _OTHERS_MAY_WRITE:",
    "if True:",
)
REGULAR_RECORD = Defence(
    "engine/store.py",
    "flags = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC",
    "flags = posix.O_RDONLY | posix.O_CLOEXEC",
)
START_TIME = Defence("linux/proc.py", "    if start_time(pid) == started:\n", "    if True:\n")
START_TIME_IN_STATUS = Defence(
    "engine/store.py", "record.started == 0 or proc.start_time(record.pid) != record.started", "record.started == 0"
)
NEW_PID_FILE = Defence("engine/pid_file.py", "        _forget(new)\n", "")
EXCLUSIVE_PID_FILE = Defence("engine/pid_file.py", "posix.O_CREAT | posix.O_EXCL", "posix.O_CREAT | posix.O_TRUNC")
# an argument of the plan has a length of 32 bits
WIDE_LENGTHS = Defence(
    "plan/wire.py",
    'data = argument.encode("utf-8", "surrogateescape") if isinstance(argument, str) else argument\n',
    'data = argument.encode("utf-8", "surrogateescape") if isinstance(argument, str) else argument\n'
    "        data = data[: len(data) & 0xFFFF]\n",
)
HARMLESS_MESSAGES = Defence("cli/log.py", "sampan: {_harmless(message)}", "sampan: {message}")
# a cgroup mount is made with the options that are asked for, and of the container's own cgroup
SEALED_CGROUPS = Defence(
    "plan/mounts.py", "    options.data.clear()  #", "    options.set = 0; options.data.clear()  #"
)
OWN_CGROUP = Defence(
    "plan/mounts.py",
    "    _mount(plan, field, BIND, target, options, source=hierarchy.directory)\n",
    '    source = hierarchy.directory.rpartition("/")[0]\n'
    "    _mount(plan, field, BIND, target, options, source=source)\n",
)
# cgroups are removed however deep they are nested
NESTED_CGROUPS = Defence("cgroups/tree.py", "left.append(_names(at))", "left.append([])")
