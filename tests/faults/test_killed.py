"""DESIGN, "No traces": an operation leaves the machine as it found it also when "the runtime is killed with SIGKILL at
any instruction: the next `delete` (or `create` of the same id) cleans up".

Two ways to kill: strace kills the command as it enters its n-th call of a system call, one after the other; and a clock
kills it after so many milliseconds, which hits the time between system calls, too.
"""

from __future__ import annotations

import collections
import re
import shutil
import signal
import subprocess
import time

import pytest

from .conftest import Container, is_fine, run

# the calls that change something that outlives the process, or at which it waits for init
CHANGING = (
    "mkdir mkdirat rename renameat unlink unlinkat rmdir bind listen socketpair memfd_create clone3 flock waitid "
    "waitpid wait4 connect sendto pidfd_send_signal pidfd_open kill mount_setattr open_tree"
).split()
# writes are mostly limits and records, reads mostly the interpreter's: of them only the last ones are of interest
OFTEN = {"write": 40, "read": 6, "close": 4}
NEVER = ("exit_group", "execve", "rt_sigreturn")  # before and after it the command does not exist
PREPARE = {"create": (), "run": (), "start": ("create",), "delete": ("create",), "kill": ("create",)}
OPTIONS = {"create": (), "run": (), "start": (), "delete": ("--force",), "kill": ()}
ENDS = ("true",)  # so that `run` ends by itself

Step = tuple[str, int]


def strace(*options: str) -> tuple[str, ...]:
    found = shutil.which("strace")
    if found is None:
        pytest.skip("needs strace: apt-get install strace")
    return (found, "-qq", "-o", "/dev/null", *options)


def prepare(container: Container, verb: str) -> None:
    for earlier in PREPARE[verb]:
        container.must(earlier)


def record_steps(container: Container, verb: str) -> list[Step]:
    """The system calls of the verb: name and which of that name. Leaves no container."""
    if verb == "run":
        container.config["process"]["args"] = list(ENDS)
    prepare(container, verb)
    path = container.bundle / "trace"
    tracer = strace()[:2]
    done = run([*tracer, "-o", str(path), *container.command(verb, *OPTIONS[verb])])
    assert done.returncode == 0, done.stderr
    container.call("delete", "--force")
    names = re.findall(r"^(\w+)\(", path.read_text(), re.MULTILINE)
    totals = collections.Counter(names)
    seen: collections.Counter[str] = collections.Counter()
    steps = []
    for name in names:
        seen[name] += 1
        late = totals[name] - seen[name] < OFTEN.get(name, 0)
        if name not in NEVER and (is_fine() or name in CHANGING or late):
            steps.append((name, seen[name]))
    return steps


def clean_up(container: Container, number: int, when: str) -> None:
    """By turns the two ways: `delete --force`, and `create` of the same id (which must refuse what is complete)."""
    if number % 2:
        done = container.call("create")
        complete = "exists already" in done.stderr
        assert done.returncode == 0 or complete, f"{when}: `create` of the same id: {done.stderr}"
        assert container.status() != "absent", when
    done = container.call("delete", "--force")
    assert done.returncode == 0, f"{when}: `delete --force`: {done.stderr}"


@pytest.mark.parametrize("verb", PREPARE)
def test_a_command_killed_at_any_system_call_is_cleaned_up_by_the_next_one(container: Container, verb: str) -> None:
    failures = []
    steps = record_steps(container, verb)
    assert len(steps) > 10, steps
    for number, (name, count) in enumerate(steps):
        when = f"`{verb}` killed at its {count}. {name}"
        prepare(container, verb)
        tracer = strace("-e", f"trace={name}", "-e", f"inject={name}:signal=KILL:when={count}")
        container.call(verb, *OPTIONS[verb], before=tracer)
        try:
            clean_up(container, number, when)
            container.assert_gone(when)
        except AssertionError as error:
            failures.append(str(error))
            shutil.rmtree(container.root, ignore_errors=True)
            container.traces().remove()
    assert not failures, f"{len(failures)} of {len(steps)} steps:\n" + "\n".join(failures)


# what only init calls on the way to the user's process; each is killed at its first
OF_INIT = (
    "setsid fsopen fsconfig fsmount move_mount openat2 sethostname mknodat symlinkat mkdirat pivot_root umount2 "
    "setgroups setresgid setresuid capset keyctl close_range"
).split()


@pytest.mark.parametrize("call", OF_INIT)
def test_an_init_killed_at_any_system_call_leaves_nothing_and_an_error_says_so(container: Container, call: str) -> None:
    tracer = strace("-f", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when=1")
    done = container.call("create", before=tracer)
    assert done.returncode != 0
    assert "killed" in done.stderr or done.returncode == -signal.SIGKILL, done.stderr
    if "killed" in done.stderr:
        container.assert_gone(f"init killed at {call}")


@pytest.mark.parametrize("verb", ["create", "start", "run", "delete"])
def test_a_command_killed_at_any_moment_is_cleaned_up_by_the_next_one(container: Container, verb: str) -> None:
    """40 milliseconds in steps of 0.25 (fine), or of 4."""
    quarter = 1 if is_fine() else 16
    failures = []
    if verb == "run":
        container.config["process"]["args"] = list(ENDS)
    for number, quarters in enumerate(range(0, 161 if not is_fine() else 241, quarter)):
        when = f"`{verb}` killed after {quarters / 4} ms"
        prepare(container, verb)
        process = subprocess.Popen(
            container.command(verb, *OPTIONS[verb]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(quarters / 4000)
        process.kill()
        process.wait()
        try:
            clean_up(container, number, when)
            container.assert_gone(when)
        except AssertionError as error:
            failures.append(str(error))
            shutil.rmtree(container.root, ignore_errors=True)
            container.traces().remove()
    assert not failures, "\n".join(failures)
