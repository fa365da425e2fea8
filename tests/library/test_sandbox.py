"""sampan.Sandbox: what a run gives back, what stays between runs, files in and out, and what it costs the program."""

from __future__ import annotations

import math
import os
import signal
import tempfile
import threading
import time
from pathlib import Path

import pytest

import sampan

from .conftest import Place
from .sandboxes import linux_version, processes
from .test_host_program import program


def test_what_a_run_gives_back(sandbox: sampan.Sandbox) -> None:
    result = sandbox.run(["sh", "-c", "pwd; id -u; echo err >&2; read line; echo got $line; exit 3"], input="a\nb\n")
    assert result.status == sampan.ExitStatus(code=3)
    assert (result.reason, result.success) == ("exit", False)
    assert (result.stdout, result.stderr) == (b"/tmp\n1000\ngot a\n", b"err\n")
    assert not result.stdout_truncated
    assert not result.stderr_truncated
    assert 0 < result.duration < 60
    with pytest.raises(sampan.ExitError, match="exit status 3") as caught:
        result.check()
    assert caught.value.stdout == b"/tmp\n1000\ngot a\n"
    with pytest.raises(sampan.ExitError):
        sandbox.run(["false"], check=True)
    assert sandbox.run(["true"], check=True).success
    assert sandbox.run(["printf", r"\377x"], text=True).stdout == "�x"
    with pytest.raises(AttributeError):
        result.reason = "exit"  # type: ignore[misc]


def test_signals(sandbox: sampan.Sandbox) -> None:
    """A program in a sandbox is not the first process of its namespace, so signals mean what they mean elsewhere."""
    for number in (signal.SIGTERM, signal.SIGABRT, signal.SIGKILL, signal.SIGSEGV):
        result = sandbox.run(["sh", "-c", f"kill -{number:d} $$"])
        assert (result.reason, result.status.signal) == ("signal", number)


def test_what_it_has_used(sandbox: sampan.Sandbox, python: str) -> None:
    code = (
        "import time\nx = bytearray(50 << 20)\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
    )
    large, small = sandbox.run([python, "-c", code]), sandbox.run(["true"])
    assert large.cpu_time is not None
    assert small.cpu_time is not None
    assert 0.2 <= large.cpu_time < 30
    assert small.cpu_time < large.cpu_time
    if sandbox.enforced["memory"] != "cgroup":
        pytest.skip("needs the memory controller of cgroups")
    assert large.memory_peak is not None
    assert small.memory_peak is not None
    assert large.memory_peak > 50 << 20
    if os.path.isdir("/sys/fs/cgroup/memory") or linux_version() >= (6, 12):
        assert small.memory_peak < 50 << 20  # the kernel can forget
    assert (large.oom_kills, small.oom_kills) == (0, 0)


def test_time(sandbox: sampan.Sandbox, states: Path) -> None:
    result = sandbox.run(["sh", "-c", "echo begun; sleep 100 & sleep 100"], timeout=0.3)
    assert (result.reason, result.status.signal) == ("timeout", signal.SIGKILL)
    assert result.stdout == b"begun\n"
    assert 0.3 <= result.duration < 60
    assert sandbox.run(["sh", "-c", "kill -STOP $$"], timeout=0.2).reason == "timeout"
    assert sandbox.run(["sleep", "0.1"], timeout=math.inf).success
    with sampan.Sandbox(root=states, timeout=0.2) as brief:
        assert brief.run(["sleep", "100"]).reason == "timeout"
        assert brief.run(["sleep", "0.4"], timeout=60).success


def test_output(states: Path) -> None:
    with sampan.Sandbox(root=states, output=1000) as sandbox:
        flood = sandbox.run(["sh", "-c", "while :; do echo xxxxxxxxx; done"])
        assert (flood.reason, flood.stdout, flood.stdout_truncated) == ("output", b"xxxxxxxxx\n" * 100, True)
        assert not flood.stderr_truncated
        errors = sandbox.run(["sh", "-c", "while :; do echo xxxxxxxxx >&2; done"])
        assert (errors.reason, len(errors.stderr), errors.stderr_truncated) == ("output", 1000, True)
        exact = sandbox.run(["sh", "-c", "printf %01000d 0"])
        assert (exact.reason, len(exact.stdout), exact.stdout_truncated) == ("exit", 1000, False)
        rest = sandbox.run(["sh", "-c", "printf %01001d 0; printf %0100000d 0; exit 5"], overflow="discard")
        assert (rest.reason, rest.status.code, len(rest.stdout)) == ("exit", 5, 1000)
        assert rest.stdout_truncated


def test_a_large_input_and_output(sandbox: sampan.Sandbox) -> None:
    data = os.urandom(1 << 20)
    assert sandbox.run(["cat"], input=data).stdout == data
    assert sandbox.run(["true"], input=data).success  # nobody reads it


def test_memory(states: Path, python: str) -> None:
    with sampan.Sandbox(root=states, memory="64M", work="16M") as sandbox:
        if sandbox.enforced["memory"] != "cgroup":
            pytest.skip("needs the memory controller of cgroups")
        bomb = sandbox.run([python, "-c", "x = bytearray(200 << 20); print('here')"])
        assert (bomb.reason, bomb.status.signal) == ("oom", signal.SIGKILL)
        assert bomb.oom_kills
        assert not bomb.success
        child = sandbox.run(["sh", "-c", f"{python} -c 'x = bytearray(200 << 20)'; exit 1"])
        assert child.reason == "oom"
        survived = sandbox.run(["sh", "-c", f"{python} -c 'x = bytearray(200 << 20)'; exit 0"])
        assert survived.reason == "exit"
        assert survived.oom_kills
        assert sandbox.run(["true"]).oom_kills == 0


def test_nothing_of_the_host(sandbox: sampan.Sandbox, python: str) -> None:
    """No network, no privileges, no new ones, a root that cannot be written, and /tmp alone to work in."""
    assert sandbox.run(["ls", "/sys/class/net"], text=True).stdout.split() == ["lo"]
    status = sandbox.run(["cat", "/proc/self/status"], text=True).stdout
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {fields[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (fields["NoNewPrivs"], fields["Seccomp"], fields["Groups"].strip()) == ("1", "2", "")
    for path in ("/", "/usr", "/etc", "/home", "/proc/sys/kernel"):
        assert not sandbox.run(["touch", f"{path}/new"]).success, path
    assert sandbox.run(["touch", "/tmp/new"]).success
    assert sandbox.run(["ls", "/proc/self/fd"], text=True).stdout.split() == ["0", "1", "2", "3"]  # 3: the listing
    code = "import socket; socket.create_connection(('1.1.1.1', 80))"
    assert "unreachable" in sandbox.run([python, "-c", code], text=True).stderr


def test_the_environment(states: Path) -> None:
    with sampan.Sandbox(root=states, env={"ONE": "1", "BOTH": "sandbox"}) as sandbox:
        found = sandbox.run(["env"], env={"TWO": "2", "BOTH": "run"}, text=True).stdout.splitlines()
        assert {"ONE=1", "TWO=2", "BOTH=run", "HOME=/tmp"} <= set(found)
        assert not {line.partition("=")[0] for line in found} & (set(os.environ) - {"PATH", "TERM", "HOME", "LANG"})
        assert "TWO=2" not in sandbox.run(["env"], text=True).stdout
        assert sandbox.run(["pwd"], cwd="/usr", text=True).stdout == "/usr\n"


def test_work_stays_until_reset(sandbox: sampan.Sandbox) -> None:
    first = sandbox.id
    sandbox.run(["sh", "-c", "echo one >/tmp/file; echo >/dev/shm/mark"], check=True)
    assert sandbox.run(["cat", "/tmp/file"]).stdout == b"one\n"
    sandbox.reset()
    assert sandbox.id != first
    assert sandbox.run(["sh", "-c", "ls -A /tmp /dev/shm"], text=True).stdout == "/dev/shm:\n\n/tmp:\n"


def test_programs_of_its_own(states: Path) -> None:
    script = "#!/bin/sh\necho it runs\n"
    with sampan.Sandbox(root=states) as plain:
        plain.put("program", script, mode=0o755)
        with pytest.raises(sampan.ExecutableError):
            plain.run(["/tmp/program"])
        assert plain.run(["sh", "program"]).success
    with sampan.Sandbox(root=states, executable=True) as sandbox:
        sandbox.put("program", script, mode=0o755)
        assert sandbox.run(["/tmp/program"], text=True).stdout == "it runs\n"


def test_a_root_of_ones_own(place: Place, states: Path) -> None:
    with sampan.Sandbox(root=states, rootfs=place.bundle / "rootfs") as sandbox:
        assert sandbox.run(["sh", "-c", "echo /bin/[a-d]*"], text=True).stdout == "/bin/busybox /bin/cat /bin/dd\n"
        assert not sandbox.run(["sh", "-c", ">/bin/new"]).success
        sandbox.put("x", b"1")
        assert sandbox.run(["cat", "/tmp/x"]).stdout == b"1"


def test_its_configuration(states: Path, tmp_path: Path) -> None:
    """It can be changed by its maker; as it is the audit finds nothing in it above low."""
    (tmp_path / "data").write_text("data")
    tmp_path.chmod(0o755)
    seen: list[sampan.Spec] = []

    def configure(spec: sampan.Spec) -> sampan.Spec:
        seen.append(spec)
        return spec.bind(tmp_path, "/mnt/given").bind(tmp_path / "data", "/file").with_hostname("judge")

    with sampan.Sandbox(root=states, configure=configure) as sandbox:
        script = "cat /mnt/given/data /file; uname -n; ls -A /tmp; >/mnt/given/new"
        assert sandbox.run(["sh", "-c", script], text=True).stdout == "datadatajudge\n"
        assert not (tmp_path / "new").exists()
    [spec] = seen
    assert [finding for finding in spec.audit().findings if finding.severity > sampan.Severity.LOW] == []
    with pytest.raises(sampan.ConfigError):
        sampan.Sandbox(root=states, configure=lambda spec: spec.merge({"process": {"cwd": "nowhere"}}))


def test_files(sandbox: sampan.Sandbox, states: Path) -> None:
    sandbox.put("a/b/c.txt", "text")
    sandbox.put("/tmp/script", b"\0\xff", mode=0o700)
    assert sandbox.run(["sh", "-c", "cat a/b/c.txt; stat -c '%a %u' a/b a/b/c.txt script"], text=True).stdout == (
        "text755 1000\n644 1000\n700 1000\n"
    )
    sandbox.put("a/b/c.txt", "new")
    assert sandbox.get("/tmp/a/b/c.txt") == b"new"
    assert sandbox.get("script") == b"\0\xff"
    with pytest.raises(sampan.KernelError, match="no such file"):
        sandbox.get("missing")
    with pytest.raises(sampan.KernelError, match="directory"):
        sandbox.get("a")
    with pytest.raises(sampan.KernelError, match="3 bytes, and 2 are allowed"):
        sandbox.get("a/b/c.txt", limit=2)
    with pytest.raises(sampan.KernelError):
        sandbox.put("/usr/new", "x")
    with pytest.raises(sampan.KernelError, match="no space"):
        sandbox.put("large", bytes(65 << 20))
    with pytest.raises(sampan.UsageError):
        sandbox.get("x\0y")


def test_trees(sandbox: sampan.Sandbox, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "below" / "empty").mkdir(parents=True)
    (source / "below" / "file").write_bytes(bytes(3 << 20))
    (source / "script").write_text("#!/bin/sh\n")
    (source / "script").chmod(0o755)
    sandbox.put_tree(source, "project")
    sandbox.run(["sh", "-c", "echo more >project/below/more; chmod 4755 project/script"], check=True)
    target = tmp_path / "target"
    sandbox.get_tree("project", target)
    found = {str(path.relative_to(target)): path.stat().st_mode & 0o7777 for path in target.rglob("*")}
    assert found == {
        "below": 0o755,
        "below/empty": 0o755,
        "below/file": 0o644,
        "below/more": 0o644,
        "script": 0o755,
    }
    assert (target / "below" / "file").read_bytes() == bytes(3 << 20)
    with pytest.raises(sampan.UsageError, match="cannot be made"):
        sandbox.get_tree("project", target)
    for bounds in ({"limit": 3 << 20}, {"entries": 4}):
        with pytest.raises(sampan.KernelError):
            sandbox.get_tree("project", tmp_path / "less", **bounds)
        assert not (tmp_path / "less").exists()
    (source / "link").symlink_to("/etc/shadow")
    with pytest.raises(sampan.UsageError, match="link"):
        sandbox.put_tree(source, "again")


def test_runs_of_many_threads(sandbox: sampan.Sandbox) -> None:
    """One at a time, each with its own result."""
    found: list[bytes] = []
    threads = [
        threading.Thread(
            target=lambda number=number: found.append(
                sandbox.run(["sh", "-c", f"echo {number} >>/tmp/log; tail -n 1 /tmp/log"]).stdout
            )
        )
        for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [b"%d\n" % number for number in range(6)]


def test_wrong_use(states: Path) -> None:
    for wrong in (
        {"memory": "much"},
        {"memory": 1},
        {"work": "200M"},
        {"cpus": 0},
        {"processes": 0},
        {"timeout": 0},
        {"rootfs": "/no/such"},
    ):
        with pytest.raises(sampan.UsageError, match=next(iter(wrong))):
            sampan.Sandbox(root=states, **wrong)
    with sampan.Sandbox(root=states) as sandbox:
        with pytest.raises(sampan.ExecutableError):
            sandbox.run(["no-such-program"])
        with pytest.raises(sampan.UsageError):
            sandbox.run("true")
        with pytest.raises(sampan.UsageError):
            sandbox.run(["true"], overflow="ignore")  # type: ignore[call-overload]
        assert sandbox.run(["true"]).success
    with pytest.raises(sampan.StateError, match="closed"):
        sandbox.run(["true"])


def test_an_interrupted_run_is_killed(sandbox: sampan.Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    from sampan.api.sandboxing.turn import Turn

    def interrupt(self: Turn, patience: float | None = 0.0) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Turn, "step", interrupt)
        with pytest.raises(KeyboardInterrupt):
            sandbox.run(["sh", "-c", "sleep 100 & sleep 100"])
    assert processes(sandbox) == ["1"]


def test_a_program_that_is_killed(place: Place, states: Path) -> None:
    """Its sandbox ends with it, and what is left of that the next sandbox of the same user removes."""
    text = """
sandbox = sampan.Sandbox(root=root)
sandbox.start()
print(sandbox.run(["sh", "-c", "true"]).success, flush=True)
threading.Thread(target=lambda: sandbox.run(["sleep", "1000"])).start()
time.sleep(0.3)
os.kill(os.getpid(), signal.SIGKILL)
"""
    with pytest.raises(pytest.fail.Exception, match="status -9"):
        program(place, text)
    [state] = sampan.list(root=states)
    deadline = time.monotonic() + 30
    while sampan.list(root=states)[0].status != "stopped":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with sampan.Sandbox(root=states) as sandbox:
        assert [other.id for other in sampan.list(root=states)] == [sandbox.id]
        assert sandbox.run(["true"]).success
    assert state.id != sandbox.id
    assert os.listdir(tempfile.gettempdir()) == []


def test_a_program_that_forgets_it(place: Place, states: Path) -> None:
    program(
        place,
        """
sandbox = sampan.Sandbox(root=root)
assert sandbox.run(["true"]).success
del sandbox
gc.collect()
assert sampan.list(root=root) == []
""",
    )


def test_a_fork_of_the_program_takes_nothing_away(place: Place, states: Path) -> None:
    program(
        place,
        """
sandbox = sampan.Sandbox(root=root)
sandbox.start()
child = os.fork()
if child == 0:
    del sandbox; gc.collect(); sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
sandbox.run(["true"], check=True); sandbox.reset(); sandbox.run(["true"], check=True)
sandbox.close()
""",
    )


def test_two_hundred_runs_cost_nothing(place: Place, states: Path) -> None:
    printed = program(
        place,
        """
def resident():
    gc.collect()
    return int(read("/proc/self/statm").split()[1]) * 4096
with sampan.Sandbox(root=root) as sandbox:
    def some(count):
        for _ in range(count):
            assert sandbox.run(["cat"], input="x").stdout == b"x"
    some(50)
    descriptors, memory = len(os.listdir("/proc/self/fd")), resident()
    some(150)
    sandbox.reset(); sandbox.put("x", "y"); sandbox.get("x")
    assert len(os.listdir("/proc/self/fd")) == descriptors
    print(resident() - memory)
""",
    )
    assert int(printed) < 1 << 20
