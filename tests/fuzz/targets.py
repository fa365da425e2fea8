"""What is fuzzed through Python: functions that get a document from outside, and what must hold of each.

Each is a function that raises nothing, and what it is called with; run_target.py and coverage.py call them.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from typing import TYPE_CHECKING, Any

import documents
import words
from hypothesis import strategies as st
from read_plan import read_plan

from sampan._linux import json_dumps
from sampan.cgroups import (
    cgroup,
    device_program,
    devices,
    layout,
    limits,
    resctrl,
    systemd_annotations,
    systemd_limits,
    systemd_unit,
)
from sampan.engine.creation import load_config
from sampan.engine.facts import compile_seccomp
from sampan.engine.store import Held, Record
from sampan.errors import ConfigError, KernelError, PlatformError, SampanError, StateError
from sampan.linux import netlink, network_devices
from sampan.plan import describe, wire
from sampan.plan.compile import compile_plan
from sampan.plan.exec import exec_plan
from sampan.plan.host import CgroupMount, Host
from sampan.plan.mounting import mount_plan
from sampan.plan.operations import Plan
from sampan.profiles.default import default_config
from sampan.spec import config as spec
from sampan.spec.schema import CONFIG, MOUNT
from sampan.spec.schema_linux import RESOURCES
from sampan.spec.schema_process import PROCESS

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 5.0  # seconds of CPU time that any document may take

V1 = {"cpu": "/sys/fs/cgroup/cpu/box", "memory": "/sys/fs/cgroup/memory/box", "pids": "/sys/fs/cgroup/pids/box"}
HIERARCHIES: tuple[dict[str, str], ...] = (V1, {"": "/sys/fs/cgroup/box"}, {"": "/sys/fs/cgroup/unified/box", **V1})
MOUNTS_V1 = (
    CgroupMount("cpu,cpuacct", V1["cpu"], ("cpu", "cpuacct"), ("cpu", "cpuacct")),
    CgroupMount("systemd", "/sys/fs/cgroup/systemd/box", ("none", "name=systemd")),
)
FACTS: tuple[dict[str, object], ...] = (
    {"cgroup_mounts": MOUNTS_V1, "cgroup_tasks": (f"{V1['cpu']}/tasks",)},
    {"cgroup_mounts": (CgroupMount("", "/sys/fs/cgroup/box", ()),), "wait_for_start": True, "cgroup_placed": True},
    {"privileged": False, "keyring": False, "capabilities": 0, "terminal_socket": "/run/console"},
    {"pivot": False, "proc_mounts": ("/proc", "/sys"), "selinux": True, "apparmor": True},
)


def host(facts: dict[str, object]) -> Host:
    known = Host("box", "/bundle")
    for name, value in facts.items():
        setattr(known, name, value)
    return known


def check_refusal(error: SampanError) -> None:
    """Whoever reads it is told which field it is, in text that is safe on a terminal."""
    lines = str(error).splitlines()
    if isinstance(error, ConfigError):
        assert error.problems
        assert len(lines) == (len(error.problems) + 1 if len(error.problems) > 1 else 1), lines
        for problem in error.problems:
            assert problem.rule
            assert problem.field or problem.rule.startswith(("is not valid JSON", "must be an object")), problem
    if isinstance(error, KernelError):  # what libseccomp does not take
        assert error.field.startswith("linux.seccomp"), error
    for line in lines:
        assert line.isprintable(), repr(line)


def check_plan(plan: Plan) -> None:
    """Init accepts it and reads from it what was meant; people and programs can read it, too."""
    try:
        data = wire.encode(plan)
    except SampanError as error:
        assert len(plan.operations) > wire.MAX_OPERATIONS or "bytes; at most" in str(error), error  # noqa: PT017
        return
    assert read_plan(data) == [
        (wire.OPERATIONS.index(operation.name), [_as_read(argument) for argument in operation.args])
        for operation in plan.operations
    ]
    text = describe.text(plan)
    groups = sum(1 for line in text.splitlines() if not line.startswith(("  ", "warning: ")) and line[:1].isalpha())
    assert groups <= len(plan.operations) + 1
    for line in text.splitlines():
        assert line.isprintable(), repr(line)
    json.loads(json_dumps(describe.document(plan)))


def _as_read(argument: int | str | bytes) -> int | bytes:
    if isinstance(argument, int):
        return (argument + 2**63) % 2**64 - 2**63
    return argument.encode(errors="surrogateescape") if isinstance(argument, str) else argument


def compiles(data: bytes, facts: dict[str, object]) -> None:
    try:
        config = load_config(data)
        known = host(facts)
        compile_seccomp(config, known, None)
        plan = compile_plan(config, known)
    except (ConfigError, PlatformError, KernelError) as error:
        check_refusal(error)
        return
    check_plan(plan)


def config(data: bytes, facts: dict[str, object]) -> None:
    """config.json, from bytes to the plan that init reads."""
    compiles(data, facts)


def large(data: bytes, facts: dict[str, object]) -> None:
    """The same of documents that are far too large in one place: within a few seconds, and within memory."""
    started = time.process_time()
    compiles(data, facts)
    assert time.process_time() - started < LONGEST


def objects(document: Any) -> None:
    """A document that a program hands over: anything that Python can hold."""
    for problem in spec.validate(document):
        assert problem.rule
        str(problem).encode()
    if isinstance(document, dict):
        for problem in (*spec.validate_process(document.get("process")), *spec.validate_resources(document)):
            str(problem).encode()


PROCESSES = tuple(json.dumps(json.loads(document)["process"]) for document in documents.bases())


def process(data: bytes, facts: dict[str, object]) -> None:
    """The process object of `exec`."""
    try:
        asked = spec.load_process(data)
        plan = exec_plan(default_config(), asked, host(facts))
    except ConfigError as error:
        check_refusal(error)
        return
    check_plan(plan)


def large_process(data: bytes, facts: dict[str, object]) -> None:
    """The same of one that is far too large in one place."""
    started = time.process_time()
    process(data, facts)
    assert time.process_time() - started < LONGEST


UNIFIED = {"cpu.max": "100 1000", "cpu.weight": "100", "cpu.idle": "1", "memory.max": "1", "memory.high": "max"}
UNIFIED |= {"cpuset.cpus": "0-3", "io.max": "8:0 rbps=1", "io.weight": "default 100", "pids.max": "5"}
LIMITS = tuple(json.dumps(json.loads(document).get("linux", {}).get("resources", {})) for document in documents.bases())
LIMITS += (json.dumps({"unified": UNIFIED}), json.dumps({"unified": UNIFIED, "cpu": {"quota": 5, "period": 1000}}))


def resources(data: bytes, directories: dict[str, str]) -> None:
    """The document of `update --resources`: what is written to the cgroup, told to systemd, loaded as eBPF."""
    try:
        asked = spec.load_resources(data)
    except ConfigError as error:
        check_refusal(error)
        return
    settings_ = limits.settings(asked, directories)
    for _, name, value, field, _ in settings_:
        assert "/" not in name and field
        value.encode()
    told, _ = systemd_limits.of_resources(settings_, lambda: 252, on_v1=systemd_limits.is_v1(directories))
    for _, (signature, number) in told:
        check_number(signature, number)
    rules, problems = devices.parse(asked.get("devices", []))
    for problem in problems:
        assert problem.field and str(problem).isprintable()
    if not problems:
        assert len(device_program.assemble(rules)) % 8 == 0


def properties(name: str, text: str) -> None:
    """What annotations say of the unit of systemd."""
    try:
        found = systemd_annotations.properties({f"org.systemd.property.{name}": text})
    except ConfigError as error:
        check_refusal(error)
        return
    for _, (signature, value) in found:
        check_number(signature, value)


def check_number(signature: str, value: object) -> None:
    """A number is one that D-Bus can carry."""
    if signature in ("y", "q", "u", "t"):
        assert isinstance(value, int) and 0 <= value < 2**64, value


def unit(path: str) -> None:
    """linux.cgroupsPath where systemd makes the cgroup."""
    try:
        found = systemd_unit.parse(path, "box", systemd_unit.SYSTEM_SLICE)
    except ConfigError as error:
        check_refusal(error)
        return
    assert systemd_unit.is_name(found.name)
    if found.path:
        check_place(found.path)


MOUNTS = tuple(json.dumps(json.loads(document).get("mounts", [])) for document in documents.bases())


def mounts(data: bytes, facts: dict[str, object]) -> None:
    """The document of `mounts add`."""
    config = default_config()
    try:
        config["mounts"] = spec.load_mounts(data, config)
        plan = mount_plan(config, host(facts))
    except ConfigError as error:
        check_refusal(error)
        return
    check_plan(plan)


SCRATCH = tempfile.TemporaryDirectory(prefix="fuzz-")  # removed with the program
DIRECTORY = SCRATCH.name
RDT = {"point": "/sys/fs/resctrl", "directory": "/sys/fs/resctrl/box", "monitor": "/sys/fs/resctrl/box/mon_groups/box"}
SCOPE: dict[str, object] = {"manager": "systemd", "unit": "sampan-box.scope", "user": False, "started": True}
SCOPE |= {"subgroup": "", "description": "sampan container box", "collected": True, "directories": V1}


def records() -> tuple[str, ...]:
    found = []
    states: tuple[dict[str, object], ...] = ({"directories": V1}, {"directories": {}}, SCOPE)
    for of_cgroup in states:
        record = Record("box")
        record.bundle, record.rootfs, record.pid, record.started = "/bundle", "/bundle/rootfs", 2**22, 1
        record.cgroup = of_cgroup
        record.rdt = {**RDT, "ours": True, "before": "MB:0=20\n", "clos": ""} if of_cgroup is SCOPE else {}
        record.annotations = {"org.example": "a"}
        found.append(json.dumps(record.to_document()))
    return tuple(found)


def state(data: bytes) -> None:
    """state.json: a record with values of the right types, whose directories are cgroups, or a StateError."""
    with open(f"{DIRECTORY}/state.json", "wb") as file:
        file.write(data)
    place = os.open(DIRECTORY, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with Held(DIRECTORY, "box", place, os.dup(place)) as held:
            record = held.load()
        group = record.group()
        share = resctrl.from_state(record.rdt) if record.rdt else None
    except StateError as error:
        check_refusal(error)
        return
    fresh = Record("box")
    for name in Record.__slots__:
        assert type(getattr(record, name)) is type(getattr(fresh, name)), name
    record.open_process()
    for name, directory in group.directories.items():
        assert isinstance(name, str)
        check_place(directory)
        assert layout.is_below(directory, layout.CGROUP_TYPES), directory
    assert isinstance(group, cgroup.Cgroup)
    for directory in share.tasks_files() if share else ():
        check_place(directory)


def check_place(path: str) -> None:
    assert isinstance(path, str)
    assert path.startswith("/") and "\0" not in path and path == os.path.normpath(path), repr(path)


MESSAGES = st.lists(
    st.builds(netlink.Message, st.integers(0, 65535), st.integers(0, 65535), st.integers(0, 3), st.binary(max_size=40))
)
ATTRIBUTES = st.lists(st.builds(netlink.attribute, st.integers(0, 65535), st.binary(max_size=40)), max_size=6)


def messages(data: bytes, changes: list[tuple[int, bytes]], header: bytes) -> None:
    """What the kernel says on a netlink socket: read, or a ValueError."""
    for at, new in changes:
        data = data[:at] + new + data[at + len(new) :]
    flags = netlink.ACK_WITH_ATTRIBUTES
    for read in (
        lambda: [netlink.outcome(message) for message in netlink.decode(data)],
        lambda: [list(netlink.attributes(value)) for _, value in netlink.attributes(data)],
        lambda: netlink.outcome(netlink.Message(netlink.NLMSG_ERROR, flags, 1, header + data)),
        lambda: str(network_devices.parse_link(header + data).name),
        lambda: str(network_devices.parse_address(header + data)),
        lambda: str(network_devices.parse_route(header + data, 7)),
    ):
        try:
            read()
        except ValueError:
            continue


def kernel_text(mounted: bytes, membership: bytes) -> None:
    """/proc/self/mountinfo and /proc/self/cgroup, in which a container has a say by the names of its cgroups."""
    lines = [line for line in membership.split(b"\n") if line.count(b":") >= 2]
    found = layout.parse(_well_formed(mounted), b"".join(line + b"\n" for line in lines), lambda _: "0:30")
    assert set(found.mounts) <= {
        name for line in lines for name in line.decode(errors="surrogateescape").split(":")[1].split(",")
    }


MOUNT_LINE = re.compile(rb"\d+ \d+ \d+:\d+ \S+ /\S* [^\n]* - cgroup2? \S+ [^\n]*")


def _well_formed(mounted: bytes) -> bytes:
    return b"".join(line + b"\n" for line in mounted.split(b"\n") if MOUNT_LINE.fullmatch(line))


# Name: the function, and what it is called with.
TARGETS: dict[str, tuple[Callable[..., None], tuple[st.SearchStrategy[Any], ...]]] = {
    "config": (
        config,
        (
            documents.damaged(documents.changed(documents.bases())),
            st.sampled_from(FACTS),
        ),
    ),
    "large": (
        large,
        (
            documents.damaged(documents.large(documents.bases())),
            st.sampled_from(FACTS),
        ),
    ),
    "objects": (objects, (documents.changed(documents.bases(), CONFIG, (*words.HOSTILE, *words.BEYOND_JSON)),)),
    "process": (
        process,
        (
            documents.damaged(documents.changed(PROCESSES, PROCESS)),
            st.sampled_from(FACTS),
        ),
    ),
    "large_process": (
        large_process,
        (documents.damaged(documents.large(PROCESSES, PROCESS)), st.sampled_from(FACTS)),
    ),
    "resources": (
        resources,
        (
            documents.damaged(documents.changed(LIMITS, RESOURCES)),
            st.sampled_from(HIERARCHIES),
        ),
    ),
    "properties": (
        properties,
        (
            st.sampled_from(("MemoryMax", "TimeoutStopSec", "A", "é")),
            st.lists(st.sampled_from(words.GVARIANT)).map("".join),
        ),
    ),
    "unit": (unit, (st.lists(st.sampled_from(words.UNIT)).map("".join),)),
    "mounts": (
        mounts,
        (
            documents.damaged(documents.changed(MOUNTS, ("array", MOUNT, 0))),
            st.sampled_from(FACTS),
        ),
    ),
    "state": (state, (documents.damaged(documents.changed_freely(records())),)),
    "messages": (
        messages,
        (
            MESSAGES.map(lambda messages: b"".join(map(netlink.encode, messages)))
            | ATTRIBUTES.map(b"".join)
            | st.binary(),
            st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=3)), max_size=3),
            st.binary(max_size=16),
        ),
    ),
    "kernel_text": (
        kernel_text,
        (
            st.lists(st.sampled_from(words.LINES)).map(b"".join),
            st.lists(st.sampled_from(words.LINES)).map(b"".join),
        ),
    ),
}
