"""What a guest does to a sandbox that it wants to get out of, to stay in, or to break: the program outside goes on."""

from __future__ import annotations

import os
import signal
import stat
import threading
import time
from pathlib import Path

import pytest

import sampan

from .sandboxes import processes

TIMES_OUT = 1.0  # seconds for what would never end


def test_fork_bomb(sandbox: sampan.Sandbox, python: str) -> None:
    """It fills its own limit of processes, is killed at the end, and the next run has all the room again."""
    code = "import os\nwhile True:\n try: os.fork()\n except OSError: pass"
    assert sandbox.run([python, "-c", code], timeout=TIMES_OUT).reason == "timeout"
    assert processes(sandbox) == ["1"]
    assert sandbox.run(["sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 0.01 & done; wait"]).success


def test_the_limit_of_processes(states: Path, python: str) -> None:
    with sampan.Sandbox(root=states, processes=10) as sandbox:
        if sandbox.enforced["processes"] == "nothing":
            pytest.skip("needs the pids controller of cgroups, or Linux 5.14")
        code = (
            "import os, time\nn = 0\n"
            "try:\n while True:\n  if os.fork() == 0: time.sleep(100); os._exit(0)\n  n += 1\n"
            "except OSError as error: print(n, error.errno)"
        )
        assert sandbox.run([python, "-c", code], text=True).stdout.split() in (["10", "11"], ["9", "11"])


def test_zombie_storm(sandbox: sampan.Sandbox, python: str) -> None:
    """Children that nobody waits for, of a parent that lives and of one that has ended."""
    code = "import os, time\nfor _ in range(40):\n if os.fork() == 0: os._exit(0)\ntime.sleep({})"
    assert sandbox.run([python, "-c", code.format(0)]).success
    assert sandbox.run([python, "-c", code.format(100)], timeout=TIMES_OUT).reason == "timeout"
    assert processes(sandbox) == ["1"]


def test_daemons_do_not_outlive_the_run(sandbox: sampan.Sandbox, python: str) -> None:
    """In sessions of their own, deaf to all signals, holding the pipes: killed, and the run does not wait for them."""
    code = """
import os, signal, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork(): os._exit(0)
        for number in range(1, 65):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        while True:
            open("/tmp/alive", "a").write("x"); time.sleep(0.001)
time.sleep(0.1)
print("done")
"""
    result = sandbox.run([python, "-c", code])
    assert (result.reason, result.status.code, result.stdout) == ("exit", 0, b"done\n")
    assert processes(sandbox) == ["1"]
    size = len(sandbox.get("alive"))
    time.sleep(0.05)
    assert len(sandbox.get("alive")) == size > 0


def test_full_disks(sandbox: sampan.Sandbox) -> None:
    """Every place that can be written is small, and a full one does not keep the next run from working."""
    fill = "cd {}; while head -c 1048576 /dev/zero >>big$i 2>/dev/null; do i=$((i+1)); done; true"
    for place in ("/tmp", "/dev/shm", "/dev"):
        sandbox.run(["sh", "-c", fill.format(place)], timeout=60)
    used = sandbox.run(["sh", "-c", "df -k --output=used /tmp /dev/shm /dev | tail -n +2"], text=True).stdout.split()
    assert sum(map(int, used)) * 1024 <= (64 + 16 + 1) << 20
    many = "i=0; cd /tmp; rm -f *; while true >$i 2>/dev/null; do i=$((i+1)); done; echo $i"
    assert int(sandbox.run(["sh", "-c", many], text=True, timeout=60).stdout) <= 16384
    assert sandbox.run(["echo", "on"], text=True).stdout == "on\n"
    sandbox.reset()
    assert sandbox.run(["ls", "/tmp"]).stdout == b""


def test_memory_in_files_and_segments(states: Path, python: str) -> None:
    """What lives on without a process leaves memory for the runs to come."""
    code = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
total = 0
while libc.shmget(0, 1 << 20, 0o1600) >= 0: total += 1
print(total)
open("/dev/shm/x", "wb").write(bytes(8 << 20)); open("/tmp/x", "wb").write(bytes(32 << 20))
"""
    with sampan.Sandbox(root=states, memory="64M", work="32M") as sandbox:
        assert int(sandbox.run([python, "-c", code], text=True).stdout) <= 8
        assert sandbox.run([python, "-c", "x = bytes(4 << 20); print('room')"], text=True).stdout == "room\n"


def test_the_first_process_is_out_of_reach(sandbox: sampan.Sandbox, python: str) -> None:
    """Signals, tracing, its memory and its descriptors: the guest is the same user, and has nothing of it."""
    code = """
import ctypes, os, signal
libc = ctypes.CDLL(None, use_errno=True)
for number in range(1, 65):
    try: os.kill(1, number)
    except OSError: pass
def refused(what, *arguments):
    try: what(*arguments)
    except OSError: return
    print("not refused", arguments)
for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
    refused(os.open, "/proc/1/mem", flags)
for name in ("maps", "environ", "auxv", "stack", "syscall", "io", "personality", "pagemap"):
    refused(lambda: open(f"/proc/1/{name}").read(1) or os.abort())
for name in ("exe", "cwd", "root", "fd/0", "fd/1", "ns/mnt"):
    refused(os.readlink, f"/proc/1/{name}")
refused(os.listdir, "/proc/1/fd")
for name in ("oom_score_adj", "comm", "coredump_filter", "timerslack_ns", "clear_refs", "attr/current"):
    refused(lambda: os.write(os.open(f"/proc/1/{name}", os.O_WRONLY), b"1"))
for request in (16, 0x4206):  # PTRACE_ATTACH, PTRACE_SEIZE
    assert libc.ptrace(request, 1, 0, 0) == -1
for call in (310, 311, 438):  # process_vm_readv, process_vm_writev, pidfd_getfd
    assert libc.syscall(call, 1, 0, 0, 0, 0, 0) == -1
print("still here")
"""
    assert sandbox.run([python, "-c", code], text=True).stdout == "still here\n"
    assert sandbox.alive
    killed = sandbox.run(["sh", "-c", "sleep 100 & kill -9 1; kill -STOP 1; kill -9 -1; wait $!; echo $?"], text=True)
    assert killed.stdout == "137\n"  # all but the caller and the first one
    assert sandbox.run(["true"]).success


def test_a_guest_that_ends_its_own_sandbox(sandbox: sampan.Sandbox, python: str) -> None:
    """By the same user's right to limit the time of another process: nothing but its own sandbox ends."""
    code = """
import os, resource, time
resource.prlimit(1, resource.RLIMIT_CPU, (0, 0))
for _ in range(100000): os.waitid
time.sleep(100)
"""
    sandbox.put("file", "x")
    result = sandbox.run([python, "-c", code], timeout=TIMES_OUT)
    assert not result.success
    if not sandbox.alive:
        with pytest.raises(sampan.StateError, match="reset"):
            sandbox.run(["true"])
        with pytest.raises(sampan.StateError, match="reset"):
            sandbox.get("file")
    sandbox.reset()
    assert sandbox.alive
    assert sandbox.run(["true"]).success


def test_a_sandbox_that_somebody_kills(sandbox: sampan.Sandbox, states: Path) -> None:
    found: list[sampan.Result[bytes]] = []
    thread = threading.Thread(target=lambda: found.append(sandbox.run(["sleep", "100"], timeout=100)))
    thread.start()
    time.sleep(0.2)
    with sampan.load(sandbox.id, root=states) as container:
        container.kill()
    thread.join(60)
    assert [(result.reason, result.status.signal) for result in found] == [("signal", signal.SIGKILL)]
    assert not sandbox.alive
    with pytest.raises(sampan.StateError, match="reset"):
        sandbox.run(["true"])
    sandbox.reset()
    assert sandbox.run(["true"]).success


def test_what_the_kernel_offers_to_attackers(sandbox: sampan.Sandbox, python: str) -> None:
    """Namespaces, mounts, keyrings, BPF, io_uring and the like do not exist in there."""
    code = """
import ctypes, errno, platform
libc = ctypes.CDLL(None, use_errno=True)
calls = {"add_key": (248, 217), "keyctl": (250, 219), "unshare": (272, 97), "setns": (308, 268), "bpf": (321, 280),
         "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "mount": (165, 40), "perf_event_open": (298, 241),
         "ptrace": (101, 117), "open_by_handle_at": (304, 265), "clone3": (435, 435), "process_vm_writev": (311, 271)}
for name, numbers in calls.items():
    result = libc.syscall(numbers[platform.machine() == "aarch64"], 0, 0, 0, 0, 0)
    if result != -1 or ctypes.get_errno() != errno.ENOSYS: print(name, result, ctypes.get_errno())
if libc.syscall(56 if platform.machine() != "aarch64" else 220, 0x10000000 | 17, 0, 0, 0, 0) != -1: print("clone")
"""
    assert sandbox.run([python, "-c", code], text=True).stdout == ""


def test_files_that_are_traps(sandbox: sampan.Sandbox, python: str, tmp_path: Path) -> None:
    """What comes out is what the guest could read itself, bounded; what goes in goes nowhere else."""
    code = """
import os, socket
os.symlink("/etc/passwd", "link"); os.symlink("/proc/self/mem", "memory"); os.symlink("..", "up")
os.mkfifo("fifo"); os.mkdir("dir"); os.link("/tmp/hard", "hard2") if os.path.exists("hard") else None
socket.socket(socket.AF_UNIX).bind("socket")
with open("sparse", "wb") as file: file.truncate(64 << 20)
os.mkdir("hidden", 0o000)
open("unreadable", "w").close(); os.chmod("unreadable", 0)
os.symlink("/", "root")
"""
    sandbox.run([python, "-c", code], check=True)
    for name in ("link", "memory", "up/tmp/sparse", "root/etc/passwd"):
        with pytest.raises(sampan.KernelError, match="symbolic link"):
            sandbox.get(name)
        with pytest.raises(sampan.KernelError, match="symbolic link"):
            sandbox.put(name, "x")
    for name in ("fifo", "socket", "dir", "/dev/null", "/dev/zero"):
        with pytest.raises(sampan.KernelError):
            sandbox.get(name)
        with pytest.raises(sampan.KernelError):
            sandbox.put(name, "x")
    with pytest.raises(sampan.KernelError, match="67108864 bytes, and 1000 are allowed"):
        sandbox.get("sparse", limit=1000)
    assert len(sandbox.get("sparse")) == 64 << 20
    for name in ("hidden/x", "unreadable"):
        with pytest.raises(sampan.KernelError, match="permission denied"):
            sandbox.get(name)
    with pytest.raises(sampan.KernelError):
        sandbox.get("../../../../etc/shadow")
    with pytest.raises(sampan.KernelError, match="too long"):
        sandbox.get("x" * 5000)
    for name in ("link", "fifo", "socket"):
        sandbox.run(["sh", "-c", f"rm -rf dir/*; mv {name} dir/"], check=True)
        with pytest.raises(sampan.KernelError, match="neither a regular file nor a directory"):
            sandbox.get_tree("dir", tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_trees_that_are_traps(sandbox: sampan.Sandbox, python: str, tmp_path: Path) -> None:
    """So deep, so many or so large that a program which copies them would suffer."""
    deep = "import os\nos.mkdir('deep'); os.chdir('deep')\nfor _ in range(90): os.mkdir('d'); os.chdir('d')"
    many = "import os\nos.mkdir('many')\nfor n in range(200): open(f'many/{n}', 'w').close()"
    large = "import os\nos.mkdir('large')\nfor n in range(3): open(f'large/{n}', 'wb').truncate(3 << 20)"
    setuid = "import os\nos.mkdir('s'); open('s/x', 'w').close(); os.chmod('s/x', 0o6777)"
    for code in (deep, many, large, setuid):
        sandbox.run([python, "-c", code], check=True)
    for name in ("deep", "many", "large"):
        with pytest.raises(sampan.KernelError):
            sandbox.get_tree(name, tmp_path / name, limit=8 << 20, entries=100)
        assert not (tmp_path / name).exists()
    sandbox.get_tree("s", tmp_path / "s")
    assert stat.S_IMODE((tmp_path / "s/x").stat().st_mode) == 0o755


def test_output_after_the_end(sandbox: sampan.Sandbox) -> None:
    """Whoever holds the pipes of a run that is over writes to nobody, and is gone."""
    result = sandbox.run(["sh", "-c", "(while :; do echo late; done) & sleep 0.05; exit 0"], overflow="discard")
    assert result.status.code == 0
    assert set(result.stdout.split()) <= {b"late", b"lat", b"la", b"l"}
    assert processes(sandbox) == ["1"]


def test_the_programs_own_descriptors_stay_outside(sandbox: sampan.Sandbox) -> None:
    """Also such as are inherited by other children of the program."""
    secret = os.open("/etc/hostname", os.O_RDONLY)
    os.set_inheritable(secret, True)
    try:
        links = sandbox.run(["sh", "-c", "ls -l /proc/self/fd"], text=True).stdout
        assert "hostname" not in links
        assert "socket" not in links
    finally:
        os.close(secret)
