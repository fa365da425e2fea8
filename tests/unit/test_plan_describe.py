"""Every valid configuration compiles, encodes and can be told in words, in which each operation names its field; and
compiling one asks the kernel for nothing."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.errors import ConfigError, printable
from sampan.plan import describe, wire
from sampan.plan.compile import compile_plan
from sampan.plan.exec import exec_plan
from sampan.plan.host import CgroupMount, Host
from sampan.plan.operations import Plan
from sampan.spec import names
from sampan.spec.config import load

REPO = Path(__file__).resolve().parents[2]
CORPUS = sorted((REPO.parent / "shared" / "corpus" / "config").glob("*.json"))
NO_CORPUS = f"{REPO.parent / 'shared' / 'corpus'} is not there"
WHOLE: dict[str, Any] = {
    "ociVersion": "1.3.0",
    "hostname": "web",
    "domainname": "example.org",
    "root": {"path": "rootfs", "readonly": True},
    "hooks": {"createRuntime": [{"path": "/bin/true"}]},
    "process": {
        "cwd": "/srv",
        "args": ["sh", "-c", "echo 'a b'"],
        "env": ["PATH=/bin", "TERM=x"],
        "user": {"uid": 1, "gid": 2, "umask": 63, "additionalGids": [3, 4]},
        "capabilities": {name: ["CAP_KILL"] for name in names.CAPABILITY_SETS},
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 2**64 - 1}],
        "noNewPrivileges": True,
        "oomScoreAdj": 10,
        "scheduler": {"policy": "SCHED_BATCH", "nice": 3},
        "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4},
    },
    "mounts": [
        {"destination": "/proc", "type": "proc"},
        {"destination": "/dev", "type": "tmpfs", "options": ["ro", "nosuid", "mode=755"]},
        {"destination": "/data", "source": "data", "options": ["rbind", "rro", "rshared"]},
        {"destination": "/data", "options": ["remount", "bind", "noexec"]},
        {"destination": "/tmp", "type": "tmpfs", "options": ["tmpcopyup", "noatime"]},
        {"destination": "/long", "type": "overlay", "options": ["lowerdir=" + "x" * 300]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "options": ["ro"]},
    ],
    "linux": {
        "namespaces": [{"type": kind} for kind in names.NAMESPACES],
        "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}],
        "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}],
        "timeOffsets": {"monotonic": {"secs": 5}},
        "devices": [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}, {"path": "/dev/p", "type": "p"}],
        "maskedPaths": ["/proc/kcore"],
        "readonlyPaths": ["/proc/sys"],
        "sysctl": {"net.ipv4.ip_forward": "1"},
        "rootfsPropagation": "shared",
        "personality": {"domain": "LINUX32"},
        "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0"},
        "netDevices": {"eth0": {"name": "net%d"}, "ens4": {}},
    },
}


def host(pivot: bool = True) -> Host:
    found = Host("web", "/bundle")
    found.pivot = pivot
    found.proc_mounts = ("/proc",)
    found.cgroup_tasks = ("/sys/fs/cgroup/cpu,cpuacct/web/tasks",)
    found.cgroup_mounts = (
        CgroupMount("cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct/web", ("cpu", "cpuacct"), ("cpu", "cpuacct")),
        CgroupMount("", "/sys/fs/cgroup/unified/web", ()),
    )
    found.seccomp_filter = bytes(16)
    found.wait_for_start = True
    found.apparmor = found.selinux = True
    return found


def check_words(plan: Plan) -> None:
    """Both forms are whole, and the encoding is, too."""
    assert wire.encode(plan)
    text = describe.text(plan)
    lines = text.splitlines()
    document = describe.document(plan)
    json.dumps(document)
    told = document["operations"]
    assert isinstance(told, list)
    assert len(told) == len(plan.operations)
    for operation, words in zip(plan.operations, told, strict=True):
        assert words["operation"] == operation.name
        assert words["field"] == operation.cause
        assert words["text"].strip()
        comment = f"# {operation.cause}" if operation.cause else ""
        # whatever may stand in a string (a line break, too), the operation and its field are there, on one line
        assert any(printable(words["text"]) in line for line in lines)
        assert printable(comment) in text
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("pivot", [True, False])
def test_a_configuration_with_everything_is_told_in_words(pivot: bool) -> None:
    plan = compile_plan(load(json.dumps(WHOLE).encode()), host(pivot))
    check_words(plan)
    used = {operation.name for operation in plan.operations}
    elsewhere = {"join", "chroot", "pivot", "move_root", "unmount", "terminal", "affinity", "open_root", "detach"}
    assert set(wire.OPERATIONS) - used <= elsewhere | {"seccomp_notify", "dumpable"}


def test_every_operation_has_words_of_its_own_or_its_name() -> None:
    for name in wire.OPERATIONS:
        assert describe._WORDS.get(name) or name in {"personality", "scheduler", "io_priority", "memory_policy"}


def test_a_plan_in_words() -> None:
    text = describe.text(compile_plan(load(json.dumps(WHOLE).encode()), host()))
    for words in (
        "give birth to the container's process in new namespaces: user, pid, network, ipc, uts, mount",
        "move the network device ens4 into the container's network namespace ",
        "move the network device eth0 into the container's network namespace, where it is called net%d",
        '# linux.netDevices["eth0"]',
        "wait for the engine: the network devices are in this namespace",
        "hide /proc/kcore, if it is there",
        "# linux.maskedPaths[0]",
        "limit RLIMIT_NOFILE to 10, at most unlimited",
        "become sh -c 'echo '\"'\"'a b'\"'\"'' (with 2 environment variables)",
        "bind the host's /dev/fuse on /dev/fuse (10:229)",
        "make fifo /dev/p",
        "change the root to the container's, and let go of the host's",
    ):
        assert words in text, text


def test_a_document_cannot_add_a_line_to_its_plan() -> None:
    """Who reviews a plan must not read words there that are not the runtime's: nor colours, nor what hides text."""
    forged = "web\n   9  change the root\x1b[2J\u202e"
    plan = compile_plan(load(json.dumps(WHOLE | {"hostname": forged}).encode()), host())
    (line,) = [line for line in describe.text(plan).splitlines() if "set the hostname" in line]
    assert "set the hostname to web\\n   9  change the root\\x1b[2J\\u202e" in line


def test_the_plan_of_a_further_process_is_told_in_words() -> None:
    config = load(json.dumps(WHOLE).encode())
    assert "open slot 0: the container's process" in describe.text(exec_plan(config, config["process"], host()))


def test_a_program_is_told_of_the_network_devices() -> None:
    document = describe.document(compile_plan(load(json.dumps(WHOLE).encode()), host()))
    assert document["networkDevices"] == [
        {"device": "ens4", "name": "ens4", "field": 'linux.netDevices["ens4"]'},
        {"device": "eth0", "name": "net%d", "field": 'linux.netDevices["eth0"]'},
    ]


def test_warnings_are_told() -> None:
    restricted = host()
    restricted.capabilities = 0
    text = describe.text(compile_plan(load(json.dumps(WHOLE).encode()), restricted))
    assert "warning: process.capabilities.bounding: cannot be granted here, left out: CAP_KILL" in text


@pytest.mark.skipif(not CORPUS, reason=NO_CORPUS)
@pytest.mark.parametrize("path", CORPUS, ids=lambda path: str(path.name))
def test_what_engines_send_compiles_and_is_told_in_words(path: Path) -> None:
    for pivot in (True, False):
        check_words(compile_plan(load(path.read_bytes()), host(pivot)))


REAL = [path.read_bytes() for path in CORPUS]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.sampled_from(["", "/", "a", "/a/../b", "..", "bind", "ro", "rshared", "ä\n\t", "x" * 300, "CAP_KILL"]),
    st.text(st.characters(codec="utf-8"), max_size=8),
)
OPTIONS = st.lists(st.sampled_from([*names.MOUNT_OPTIONS, "size=1m", "x" * 256, "dest-nofollow"]), max_size=6)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A real configuration with some of its values changed, dropped or moved."""
    document: dict[str, Any] = json.loads(draw(st.sampled_from([json.dumps(WHOLE).encode(), *REAL])))
    for _ in range(draw(st.integers(1, 4))):
        at: Any = document
        while True:
            keys: list[Any] = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(at[key], dict | list) and at[key] and draw(st.integers(0, 9)) > 0:
                at = at[key]
                continue
            if key == "options":
                at[key] = draw(OPTIONS)
            elif draw(st.integers(0, 1)):
                del at[key]
            else:
                at[key] = draw(LEAVES)
            break
    return document


@settings(max_examples=400, deadline=None)
@given(documents(), st.booleans())
def test_whatever_is_valid_compiles_or_is_refused_by_field_and_can_be_told(
    document: dict[str, Any], pivot: bool
) -> None:
    try:
        plan = compile_plan(load(json.dumps(document).encode()), host(pivot))
    except ConfigError:
        return
    check_words(plan)


@settings(max_examples=200, deadline=None)
@given(OPTIONS, st.sampled_from(["tmpfs", "none", "cgroup"]))
def test_any_list_of_mount_options_compiles_or_is_refused_and_can_be_told(options: list[str], kind: str) -> None:
    document = WHOLE | {"mounts": [{"destination": "/x", "source": "/y", "type": kind, "options": options}]}
    try:
        plan = compile_plan(load(json.dumps(document).encode()), host())
    except ConfigError as error:
        foreign = [problem for problem in error.problems if not problem.field.startswith("mounts[0]")]
        if foreign:
            raise
        return
    check_words(plan)


PURITY = """
import sys
from sampan.plan import describe, wire
from sampan.plan.compile import compile_plan
from sampan.plan.hook import container_hook_plan
from sampan.plan.host import Host
from sampan.spec.config import load
import shlex, sampan.plan.network_devices  # what is imported when it is needed

config = load(sys.stdin.buffer.read())
seen = []
sys.addaudithook(lambda event, args: seen.append(event))
plan = compile_plan(config, Host("web", "/bundle"))
wire.encode(plan)
container_hook_plan({"path": "/hook"}, 0x20000, config, Host("web", "/bundle"))
asked = [event for event in seen if event.split(".")[0] not in ("object", "import", "code")]
seen.clear()
describe.text(plan)
describe.document(plan)
asked += [event for event in seen if event.split(".")[0] not in ("object", "import", "code")]
sys.exit(f"the plan is not pure: {asked}" if asked else 0)
"""


def test_compiling_a_plan_asks_the_kernel_for_nothing() -> None:
    """What Python tells auditors: no file is opened, nothing of `os`, no process, no socket."""
    words = [sys.executable, "-c", PURITY]
    environment = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(words, input=json.dumps(WHOLE).encode(), capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr.decode()


def test_compiling_leaves_the_configuration_as_it_was() -> None:
    config = load(json.dumps(WHOLE).encode())
    before = copy.deepcopy(config)
    first = wire.encode(compile_plan(config, host()))
    assert config == before
    assert wire.encode(compile_plan(config, host())) == first


def test_a_filter_with_an_agent_is_told_in_words() -> None:
    known = host()
    known.seccomp_filter, known.seccomp_flags, known.seccomp_notify = b"\6\0\0\0\0\0\xff\x7f", 8, True
    plan = compile_plan(load(json.dumps(WHOLE).encode()), known)
    check_words(plan)
    assert "load the seccomp filter (1 instructions, flags 0x8), and wait until the agent has" in describe.text(plan)
