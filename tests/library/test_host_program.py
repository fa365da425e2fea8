"""What the library does to the program that it is part of: nothing. Each test is a program of its own."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sampan

from .conftest import Place, config

BEGINNING = """
import gc, json, os, signal, sys, threading, time
import sampan
bundle, root, token = sys.argv[1:]
def config(*args):
    return {**CONFIG, "process": {**CONFIG["process"], "args": list(args)}}
def read(path):
    with open(path) as file:
        return file.read()
def run(*args, **more):
    return sampan.run(bundle=bundle, root=root, config=config(*args), **more)
"""


def program(place: Place, text: str, *, timeout: float = 120, name: str = "x") -> str:
    """What a program prints that begins as above."""
    text = BEGINNING.replace("CONFIG", repr(config("true"))) + text
    words = [sys.executable, "-X", "dev", "-W", "error", "-c", text, str(place.bundle), str(place.root), name]
    done = subprocess.run(words, capture_output=True, text=True, timeout=timeout)
    if done.returncode or done.stderr:
        pytest.fail(f"status {done.returncode}: {done.stderr}", pytrace=False)
    return done.stdout


def test_importing_it_is_light() -> None:
    """Nothing is loaded that is not used."""
    text = """
import sys
before = {*sys.modules, "__future__"}
import sampan
assert set(sys.modules) - before == {"sampan"}
assert set(sampan.__all__) < set(dir(sampan))
sampan.KernelError
assert set(sys.modules) - before == {"sampan", "sampan.errors"}
for name in dir(sampan): getattr(sampan, name)
assert not hasattr(sampan, "nothing")
"""
    subprocess.run([sys.executable, "-I", "-c", text], check=True)
    text = "import sys; old = {*sys.modules}; import sampan; sampan.run, sampan.create; print(*{*sys.modules} - old)"
    loaded = subprocess.run([sys.executable, "-I", "-c", text], check=True, capture_output=True, text=True).stdout
    assert not {"logging", "subprocess", "asyncio", "argparse", "json", "socket", "threading"} & set(loaded.split())


def test_threads_handlers_and_children_are_left_alone(place: Place) -> None:
    """The program's handlers, mask, own children, directory and environment are as they were, and its threads run."""
    printed = program(
        place,
        """
os.umask(0o027); os.chdir("/tmp")
seen = []
signal.signal(signal.SIGCHLD, lambda number, frame: seen.append(number))
signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
def picture():
    status = read("/proc/self/status").splitlines()
    signals = [line for line in status if line.startswith(("SigBlk", "SigIgn", "SigCgt"))]
    return (signals, {n: signal.getsignal(n) for n in range(1, 65)}, os.getcwd(), dict(os.environ), os.umask(0o027),
            os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0), os.getpgrp(), os.getsid(0),
            os.readlink("/proc/self/ns/mnt"), os.readlink("/proc/self/ns/net"))
own = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 42"], os.environ)
turns, stop = [0], threading.Event()
def spin():
    while not stop.is_set():
        turns[0] += 1; time.sleep(0.001)
thread = threading.Thread(target=spin); thread.start()
before = picture()
with sampan.create(token, bundle=bundle, root=root, config=config("sleep", "100")) as container:
    container.start()
    assert container.exec(["true"]).status.success
    container.pause(); container.resume(); container.update({"pids": {"limit": 20}}); container.stats()
    os.kill(os.getpid(), signal.SIGUSR1)
def many():
    for _ in range(5):
        assert run("sh", "-c", "exit 6").status.code == 6
threads = [threading.Thread(target=many) for _ in range(6)]
for each in threads: each.start()
for each in threads: each.join()
stop.set(); thread.join()
assert turns[0] > 10, turns
after = picture()
for one, other in zip(before, after): assert one == other, (one, other)
assert signal.SIGUSR1 in seen and signal.SIGCHLD in seen
assert os.waitstatus_to_exitcode(os.waitpid(own, 0)[1]) == 42
try: os.waitpid(-1, 0)
except ChildProcessError: print("no child is left")
""",
        name=place.id(),
    )
    assert printed == "no child is left\n"


@pytest.mark.parametrize("subreaper", [0, 1])
def test_a_program_that_adopts_orphans_or_not(place: Place, subreaper: int) -> None:
    """Whether it is a subreaper stays as it was, and the orphans that it has adopted stay its own to wait for."""
    printed = program(
        place,
        f"""
import ctypes
libc = ctypes.CDLL(None)
def is_subreaper():
    value = ctypes.c_int()
    libc.prctl(37, ctypes.byref(value), 0, 0, 0)
    return value.value
libc.prctl(36, {subreaper}, 0, 0, 0)
os.waitpid(os.posix_spawn("/bin/sh", ["sh", "-c", "(sleep 0.1; exit 42) &"], os.environ), 0)
with sampan.create(token, bundle=bundle, root=root, config=config("sh", "-c", "sleep 100 & sleep 100")) as container:
    container.start()
    # An orphan in the container is adopted by the container's first process, or ends with it.
    assert container.exec(["sh", "-c", "sleep 100 & true"]).status.success
for _ in range(5): assert run("sh", "-c", "exit 6").status.code == 6
print(is_subreaper())
try: print(os.waitstatus_to_exitcode(os.waitpid(-1, 0)[1]))
except ChildProcessError: print("none")
try: os.waitpid(-1, 0)
except ChildProcessError: print("no child is left")
""",
        name=place.id(),
    )
    assert printed.split("\n", 2) == [str(subreaper), "42" if subreaper else "none", "no child is left\n"]


def test_a_loop_that_has_children_of_its_own(place: Place) -> None:
    """asyncio's subprocesses and the library's containers, all at the same time: each gets its own status."""
    printed = program(
        place,
        """
import asyncio
from sampan import aio
async def child(number):
    process = await asyncio.create_subprocess_exec("/bin/sh", "-c", f"exit {number}")
    return await process.wait()
async def contained(number):
    own = config("sh", "-c", f"exit {number}")
    return (await aio.run(bundle=bundle, root=root, config=own)).status.code
async def main():
    both = [*map(child, range(20)), *map(contained, range(20))]
    return await asyncio.gather(*both)
assert asyncio.run(main()) == [*range(20), *range(20)]
print("each has its own")
""",
        name=place.id(),
    )
    assert printed == "each has its own\n"


def test_workers_that_are_forked(place: Place) -> None:
    """A program that has used the library forks workers, which use it, too."""
    printed = program(
        place,
        """
import concurrent.futures, multiprocessing
def work(number):
    return run("sh", "-c", f"exit {number}").status.code
with sampan.create(token, bundle=bundle, root=root, config=config("sleep", "100")) as container:
    container.start()
    fork = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(3, mp_context=fork) as workers:
        print(*workers.map(work, range(9)), container.status)
""",
        name=place.id(),
    )
    assert printed == "0 1 2 3 4 5 6 7 8 running\n"


@pytest.mark.parametrize("reaper", ["ignored", "handler"])
def test_a_program_that_reaps_whatever_it_finds(place: Place, reaper: str) -> None:
    """Since Linux 6.15 the kernel tells how a process has ended that somebody else has reaped."""
    arrangement = {
        "ignored": "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
        "handler": """
def reap(number, frame):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]: pass
    except ChildProcessError: pass
signal.signal(signal.SIGCHLD, reap)""",
    }[reaper]
    printed = program(
        place,
        f"""{arrangement}
hooked = config("sh", "-c", "exit 6")
hook = {{"path": "/bin/sleep", "args": ["sleep", "0.05"]}}
hooked["hooks"] = {{kind: [hook] for kind in ("createRuntime", "poststart", "poststop")}}
for _ in range(10):
    print(sampan.run(bundle=bundle, root=root, config=hooked).status.code, end=" ")
with sampan.create(token, bundle=bundle, root=root, config=config("sleep", "100")) as container:
    container.start()
    print(container.exec(["sh", "-c", "exit 7"]).status.code)
""",
        name=place.id(),
    )
    if tuple(map(int, os.uname().release.split(".")[:2])) < (6, 15):
        pytest.skip("the kernel does not tell before Linux 6.15")
    assert printed in ("6 " * 10 + "7\n", "6 " * 10 + "None\n")  # a further process may have ended before it is known


def test_two_hundred_runs_leave_no_descriptor_and_no_memory(place: Place) -> None:
    printed = program(
        place,
        """
def resident():
    gc.collect()
    return int(read("/proc/self/statm").split()[1]) * 4096
def fail():
    try: run("nothing")
    except sampan.ExecutableError: pass
def late():
    try: run("sleep", "100", timeout=0.001, capture=True)
    except sampan.TimeoutExpiredError: pass
def all_of_it():
    run("true", capture=True, input="x", stderr=None); fail(); late()
for _ in range(20): all_of_it()
descriptors, memory = len(os.listdir("/proc/self/fd")), resident()
for _ in range(66): all_of_it()
assert len(os.listdir("/proc/self/fd")) == descriptors
assert not read(f"/proc/self/task/{os.getpid()}/children")
print(resident() - memory)
""",
        name=place.id(),
    )
    assert int(printed) < 1 << 20


def test_every_error_path_gives_descriptors_back(place: Place) -> None:
    program(
        place,
        """
def broken(change):
    wrong = json.loads(json.dumps(config("true"))); change(wrong)
    return wrong
wrongs = [
    broken(lambda c: c["process"].update(cwd="relative")),
    broken(lambda c: c["mounts"].append({"destination": "/x", "type": "nofs", "source": "x"})),
    broken(lambda c: c.update(hooks={"createRuntime": [{"path": "/bin/false"}]})),
    broken(lambda c: c.update(hooks={"createContainer": [{"path": "/bin/false"}]})),
    broken(lambda c: c.update(hooks={"poststart": [{"path": "/bin/false"}]})),
    broken(lambda c: c["root"].update(path="nothing")),
    broken(lambda c: c["process"].update(terminal=True, args=["nothing"])),
    broken(lambda c: c["linux"].update(namespaces=[{"type": "network", "path": "/proc/self/ns/uts"}])),
]
def attempt(wrong):
    pipes = dict(stdin=sampan.PIPE, stdout=sampan.PIPE, stderr=sampan.PIPE)
    try: sampan.run(bundle=bundle, root=root, config=wrong, **pipes)
    except sampan.SampanError: pass
    else: assert False, wrong
for wrong in wrongs: attempt(wrong)
with sampan.create(token, bundle=bundle, root=root, config=config("sleep", "100")) as container:
    container.start()
    def execute(*args, **more):
        try: container.exec(*args, **more)
        except sampan.SampanError: pass
        else: assert False, args
    def further():
        execute(["nothing"], capture=True); execute(["id"], cwd="relative", capture=True)
        execute(["id"], stdout=9999); execute(["id"], user="root", capture=True)
        execute(["sleep", "9"], timeout=0, input="x" * 100000, capture=True)
    further(); gc.collect()
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        for wrong in wrongs: attempt(wrong)
        further()
    gc.collect()
    assert os.listdir("/proc/self/fd") == before
assert sampan.list(root=root) == []
""",
        name=place.id(),
    )


def test_an_interruption_leaves_nothing(place: Place) -> None:
    """SIGINT at any moment of a run: KeyboardInterrupt, and no container. (And no cgroup, as after every test here.)"""
    text = """
import warnings
warnings.simplefilter("ignore", ResourceWarning)  # of a file that is made, and dropped before it has a name
def interrupt(after):
    time.sleep(after); os.kill(os.getpid(), signal.SIGINT)
missed = run("true", capture=True).status.code  # what is interrupted shall not be imports
for number in range(40):
    thread = threading.Thread(target=interrupt, args=(number * 0.0007,))
    try:
        try:
            thread.start()
            sampan.run(f"{token}-{number}", bundle=bundle, root=root, config=config("sleep", "0.5"), capture=True)
        finally:
            thread.join()
    except KeyboardInterrupt: pass
    gc.collect()
    for name in os.listdir(root):
        missed += len(os.listdir(f"{root}/{name}"))  # between two system calls an empty directory may stay
        sampan.load(name, root=root).delete(force=True) if os.listdir(f"{root}/{name}") else os.rmdir(f"{root}/{name}")
print(missed)
"""
    assert int(program(place, text, name=place.id())) == 0


def test_log(place: Place) -> None:
    """Silent without handlers, and heard by whoever asks for it."""
    text = """
wrong = config("true"); wrong["hooks"] = {"poststop": [{"path": "/bin/false"}]}
sampan.run(bundle=bundle, root=root, config=wrong)
import logging
logging.basicConfig(stream=sys.stdout, format="%(name)s %(levelname)s %(message)s")
sampan.run(bundle=bundle, root=root, config=wrong)
"""
    printed = program(place, text, name=place.id())
    assert printed.startswith("sampan WARNING hooks.poststop[0]: the hook /bin/false failed")
    assert printed.count("\n") == 1


def test_a_program_of_one_gigabyte(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """It is started without a fork, and so as fast as by a small one. The ratio is for readers: machines are busy."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    available = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    if available < 2 << 20:
        pytest.skip("needs 2 GiB of memory that is available")
    text = """
import statistics
def median():
    times = []
    for _ in range(15):
        begun = time.perf_counter(); run("true"); times.append(time.perf_counter() - begun)
    return statistics.median(times)
small = median()
ballast = bytearray(1 << 30)
for place in range(0, len(ballast), 4096): ballast[place] = 1
print(f"{median() / small:.2f}")
"""
    ratio = program(place, text, name=place.id())
    with capsys.disabled():
        print(f" [1 GiB: {ratio.strip()} of a small program's time]", end="")
    assert float(ratio) > 0


def test_a_user_who_is_not_root(place: Place) -> None:
    """In a user namespace with one id, without cgroups."""
    name = f"python3.{sys.version_info.minor}"
    python = shutil.which(name, path="/usr/local/bin:/usr/bin")
    if python is None:
        pytest.skip(f"needs a {name} for all users")
    user = pwd.getpwnam("nobody")
    root = place.root / "of-nobody"
    root.mkdir()
    os.chown(root, user.pw_uid, user.pw_gid)
    place.root.chmod(0o755)
    own = config("sh", "-c", "id -u; exit 3")
    own["linux"]["namespaces"].append({"type": "user"})
    own["linux"]["uidMappings"] = [{"containerID": 0, "hostID": user.pw_uid, "size": 1}]
    own["linux"]["gidMappings"] = [{"containerID": 0, "hostID": user.pw_gid, "size": 1}]
    text = (
        "import sys, json, sampan; bundle, root, config = sys.argv[1:]\n"
        "print(sampan.run(bundle=bundle, root=root, config=json.loads(config), capture=True, text=True))"
    )
    words = [python, "-c", text, str(place.bundle), str(root), json.dumps(own)]
    packages = {"PYTHONPATH": str(Path(sampan.__file__).parents[1])}
    done = subprocess.run(
        words,
        user=user.pw_uid,
        group=user.pw_gid,
        extra_groups=(),
        capture_output=True,
        text=True,
        cwd="/",
        env=packages,
    )
    remaining = list(root.iterdir())
    for path in remaining:
        path.rmdir()
    root.rmdir()
    assert (remaining, done.stderr) == ([], "")
    assert "ExitStatus(code=3, signal=None), stdout='0\\n'" in done.stdout
