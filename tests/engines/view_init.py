"""The first process of a private view: shows its own cgroups and empty state directories, then runs what it is told.

Run by view.py with the Python of the tests, in new mount, pid, network, ipc, uts and cgroup namespaces. Its orders come
over the socket that is its standard input, with the descriptors of each command; it reaps every orphan of the view.
When the socket ends, so does the view: the kernel kills all that runs in it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

MESSAGE_SIZE = 128 * 1024
CGROUPS = "/sys/fs/cgroup"


def main() -> None:
    setting = json.loads(sys.argv[1])
    orders = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    _furnish(setting)
    orders.send(b'{"ready": true}')
    _serve(orders)


def _furnish(setting: dict[str, Any]) -> None:
    _call("mount --make-rshared /")
    _call("ip link set lo up")
    _show_cgroups(setting["hierarchies"])
    for directory in setting["fresh"]:
        if os.path.isdir(directory):
            _call(f"mount -t tmpfs -o mode=755,nosuid,nodev fresh {directory}")
    _own_null_device(setting["null"])
    for name, content in setting["files"]:
        Path(name).write_text(content)


def _show_cgroups(hierarchies: list[tuple[str, str, str, list[str]]]) -> None:
    """Each hierarchy again, which in a new cgroup namespace begins at our own cgroup."""
    _call(f"umount --recursive --lazy {CGROUPS}")
    if not any(name == "." for name, *_ in hierarchies):
        _call(f"mount -t tmpfs -o mode=755,nosuid,nodev,noexec cgroups {CGROUPS}")
    for name, kind, options, links in hierarchies:
        target = os.path.normpath(f"{CGROUPS}/{name}")
        os.makedirs(target, exist_ok=True)
        _call(f"mount -t {kind} {f'-o {options} ' if options else ''}cgroup {target}")
        for link in links:
            os.symlink(name, f"{CGROUPS}/{link}")


def _own_null_device(path: str) -> None:
    """The machine's own is safe from containers that have a way to it."""
    os.mknod(path, stat.S_IFCHR, os.makedev(1, 3))
    os.chmod(path, 0o666)
    _call(f"mount --bind {path} /dev/null")


def _call(command: str) -> None:
    done = subprocess.run(command.split(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{command}: {done.stdout}")


def _serve(orders: socket.socket) -> None:
    running: dict[int, int] = {}  # pid of a command: the number of its order
    wakeup, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    while True:
        ready, _, _ = select.select([orders.fileno(), wakeup], [], [])
        if orders.fileno() in ready:
            message, descriptors, _, _ = socket.recv_fds(orders, MESSAGE_SIZE, 3)
            if not message:
                return
            _obey(json.loads(message), descriptors, running)
        if wakeup in ready:
            os.read(wakeup, 4096)
        for pid, status in _ended():
            if (number := running.pop(pid, None)) is not None:
                orders.send(json.dumps({"number": number, "status": status}).encode())


def _obey(order: dict[str, Any], descriptors: list[int], running: dict[int, int]) -> None:
    number = order["number"]
    if "signal" in order:
        for pid in [pid for pid, its_number in running.items() if its_number == number]:
            os.kill(pid, order["signal"])
        return
    pid = os.fork()
    if pid == 0:
        _become(order, descriptors)
    running[pid] = number
    for fd in descriptors:
        os.close(fd)


def _become(order: dict[str, Any], descriptors: list[int]) -> None:
    """In the child: the command."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        for number, fd in enumerate(descriptors):
            os.dup2(fd, number)
        os.closerange(3, 256)
        os.chdir("/run")  # fresh: conmon leaves a file where it was started when memory runs out
        os.execvpe(order["command"][0], order["command"], order["environment"])
    except OSError as error:
        os.write(2, f"{order['command'][0]}: {error}\n".encode())
    finally:
        os._exit(255)


def _ended() -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        found.append((pid, os.waitstatus_to_exitcode(status)))


if __name__ == "__main__":
    main()
