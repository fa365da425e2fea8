"""That nothing of a run is left after `Sandbox.reset`: whatever a fresh sandbox shows is looked at, and compared."""

from __future__ import annotations

import json
from pathlib import Path

import sampan

# Prints all that can be seen as a JSON object: each file below the root with its kind, owner, size and content; each
# file of /proc that is not a process's, and of the own process; what system calls tell of System V objects.
LOOK = r"""
import ctypes, hashlib, json, os, socket, stat, subprocess
found = {}
def note(path, value): found[path] = value
def content(path, limit=1 << 16):
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        return f"errno {error.errno}"
    try:
        return hashlib.sha256(os.read(fd, limit)).hexdigest()[:16]
    except OSError as error:
        return f"errno {error.errno}"
    finally:
        os.close(fd)
def walk(top, skipped):
    for directory, directories, names in os.walk(top):
        directories[:] = [name for name in directories if os.path.join(directory, name) not in skipped]
        for name in directories + names:
            path = os.path.join(directory, name)
            try:
                status = os.lstat(path)
            except OSError:
                continue
            kind = stat.filemode(status.st_mode)
            value = [kind, status.st_uid, status.st_gid]
            try: value.append(sorted(os.listxattr(path, follow_symlinks=False)))
            except OSError: pass
            if stat.S_ISLNK(status.st_mode): value.append(os.readlink(path))
            if stat.S_ISREG(status.st_mode): value += [status.st_size, content(path)]
            note(path, value)
walk("/", {"/proc", "/usr", "/sys"})
walk("/sys/fs/cgroup", set())
for name in sorted(os.listdir("/proc")):
    if name.isdigit():
        note(f"/proc/{name} is a process", open(f"/proc/{name}/cmdline", "rb").read().decode(errors="replace")[:30])
    elif name not in ("self", "thread-self", "kmsg", "kcore"):
        if os.path.isdir(f"/proc/{name}"): walk(f"/proc/{name}", set())
        else: note(f"/proc/{name}", content(f"/proc/{name}"))
for name in ("status", "limits", "mounts", "mountinfo", "cgroup", "environ", "uid_map", "oom_score_adj", "attr/current",
             "net/unix", "net/tcp", "net/udp", "net/packet", "net/netlink", "net/dev", "net/route", "sched",
             "timerslack_ns", "loginuid", "sessionid", "coredump_filter"):
    note(f"/proc/self/{name}", content(f"/proc/self/{name}"))
for line in open("/proc/self/status"): note("status " + line.split(":")[0], line)
for name in ("unix", "tcp", "udp"):
    note(f"entries of net/{name}", sum(1 for _ in open(f"/proc/net/{name}")))
for name in ("shm", "sem", "msg"):
    note(f"entries of sysvipc/{name}", sum(1 for _ in open(f"/proc/sysvipc/{name}")))
note("open files", sorted(os.listdir("/proc/self/fd")))
note("nice", os.getpriority(os.PRIO_PROCESS, 0)); note("processors", sorted(os.sched_getaffinity(0)))
note("nice of 1", os.getpriority(os.PRIO_PROCESS, 1)); note("processors of 1", sorted(os.sched_getaffinity(1)))
note("environment", dict(os.environ)); note("host name", os.uname().nodename); note("directory", os.getcwd())
for path in ("/tmp", "/dev", "/dev/shm", "/dev/mqueue"):
    numbers = os.statvfs(path)
    note(f"{path} is used", [numbers.f_blocks - numbers.f_bfree, numbers.f_files - numbers.f_ffree])
for name in ("mark", "guest"):
    with socket.socket(socket.AF_UNIX) as probe:
        try: probe.bind("\0" + name); note(f"abstract {name}", "free")
        except OSError as error: note(f"abstract {name}", str(error))
print(json.dumps(found))
"""

# Leaves marks wherever it can: in each directory that takes one, in memory that outlives processes, in the kernel's
# tables, in its own first process, and daemons that hold all of it.
LEAVE = r"""
import ctypes, fcntl, os, signal, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
left = []
def attempt(name, what):
    try:
        if what() is not False: left.append(name)
    except Exception: pass
for directory, directories, names in os.walk("/"):
    if directory.startswith(("/usr", "/proc/")) and not directory.startswith("/proc/sys"): directories[:] = []
    attempt(directory, lambda: os.mkdir(f"{directory}/mark"))
    attempt(directory, lambda: open(f"{directory}/mark.file", "w").write("mark"))
    if directory.startswith("/proc/sys"):
        for name in names:
            attempt(f"{directory}/{name}", lambda: open(f"{directory}/{name}", "w").write("1"))
attempt("fifo", lambda: os.mkfifo("/tmp/mark.fifo"))
attempt("link", lambda: os.symlink("/proc/self", "/tmp/mark.link"))
attempt("attribute", lambda: os.setxattr("/tmp/mark.file", "user.mark", b"1"))
attempt("modes", lambda: os.chmod("/tmp", 0o777))
attempt("modes of shm", lambda: os.chmod("/dev/shm", 0o777))
attempt("shm", lambda: libc.shmget(0x4d41524b, 4096, 0o1600) >= 0)
attempt("sem", lambda: libc.semget(0x4d41524b, 1, 0o1600) >= 0)
attempt("msg", lambda: libc.msgget(0x4d41524b, 0o1600) >= 0)
def queue():
    libc.mq_open.restype = ctypes.c_int
    return libc.mq_open(b"/mark", os.O_CREAT | os.O_RDWR, 0o600, None) >= 0
attempt("queue", queue)
attempt("key", lambda: libc.syscall(248, b"user", b"mark", b"1", 1, -4) >= 0)
attempt("host name", lambda: libc.sethostname(b"mark", 4) == 0)
attempt("mount", lambda: libc.mount(b"tmpfs", b"/tmp", b"tmpfs", 0, None) == 0)
attempt("nice of 1", lambda: os.setpriority(os.PRIO_PROCESS, 1, 5))
attempt("processor of 1", lambda: os.sched_setaffinity(1, {min(os.sched_getaffinity(0))}))
held = []
def abstract(name):
    server = socket.socket(socket.AF_UNIX); server.bind("\0" + name); server.listen(); held.append(server)
attempt("abstract", lambda: abstract("mark"))
def port():
    server = socket.socket(); server.bind(("127.0.0.1", 80)); server.listen(); held.append(server)
attempt("port", port)
attempt("lock", lambda: (held.append(open("/tmp/mark.file")), fcntl.flock(held[-1], fcntl.LOCK_EX))[0])
if os.fork() == 0:
    os.setsid()
    if os.fork(): os._exit(0)
    for number in range(1, 32):
        try: signal.signal(number, signal.SIG_IGN)
        except OSError: pass
    os.close(1); os.close(2)
    time.sleep(1000)
print("\n".join(left))
"""


def look(sandbox: sampan.Sandbox, python: str) -> dict[str, object]:
    result = sandbox.run([python, "-c", LOOK], text=True, timeout=60, overflow="discard")
    assert result.success, result.stderr
    found: dict[str, object] = json.loads(result.stdout)
    return found


def test_nothing_is_left_after_a_reset(states: Path, python: str) -> None:
    with sampan.Sandbox(root=states, output="16M") as sandbox:
        fresh = look(sandbox, python)
        assert len(fresh) > 500
        sandbox.reset()
        other = look(sandbox, python)  # what differs between two fresh ones tells nothing: counters of the whole host
        sandbox.reset()
        third = look(sandbox, python)
        steady = {path for path in fresh if fresh[path] == other.get(path) == third.get(path)}
        known = fresh.keys() | other.keys() | third.keys()
        left = sandbox.run([python, "-c", LEAVE], text=True, timeout=60).stdout.split("\n")
        assert {"/tmp", "/dev/shm", "/dev/mqueue", "shm", "sem", "msg", "queue", "abstract", "fifo", "port"} <= {*left}
        assert not {"/", "/usr", "/etc", "/proc/sys/kernel", "key", "host name", "mount"} & {*left}

        marked = look(sandbox, python)  # without a reset, so that it is known what would be seen
        differ = {path for path in steady if fresh[path] != marked.get(path)} | (marked.keys() - known)
        seen = {"/tmp/mark.file", "/dev/shm/mark", "/dev/mqueue/mark", "/tmp/mark.fifo", "nice of 1", "/tmp is used"}
        assert seen | {f"entries of sysvipc/{name}" for name in ("shm", "sem", "msg")} <= differ
        assert not {path for path in differ if path.startswith(("abstract", "entries of net"))}  # the daemon was killed

        sandbox.reset()
        after = [look(sandbox, python) for _ in range(2)]
    with sampan.Sandbox(root=states, output="16M") as another:
        control = [look(another, python) for _ in range(2)]
    # The host is never at rest: what a sandbox that never saw the guest shows otherwise by now is the host's.
    steady = {path for path in steady if all(seen.get(path) == fresh[path] for seen in control)}
    assert len(steady) > 500
    changed = {path for path in steady if all(seen.get(path) != fresh[path] for seen in after)}
    assert {path: (fresh[path], after[0].get(path)) for path in changed} == {}
    assert (after[0].keys() & after[1].keys()) - known - control[0].keys() == set()
