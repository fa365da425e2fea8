"""Each broken config.json is refused with exactly its field named, and all problems of one document at once."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from sampan.errors import ConfigError
from sampan.spec import config

GONE = object()  # in a mutation: take the property out

MAPPING = {"containerID": 0, "hostID": 100000, "size": 65536}

# A document that has everything that a Linux container can have.
GOOD: dict[str, object] = json.loads((Path(__file__).parent / "data" / "broken" / "good.json").read_bytes())


def namespaces(*names: str) -> list[object]:
    return [{"type": name} for name in names]


def without(*names: str) -> list[object]:
    """All namespaces but these."""
    rest = ("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time")
    return namespaces(*(name for name in rest if name not in names))


# (where, what to put there), the field or fields that must be named, a piece of the rule
BROKEN: list[tuple[str, object, str, str]] = [
    # config.md, Specification version: "MUST be in SemVer v2.0.0 format"
    ("ociVersion", GONE, "ociVersion", "is required"),
    ("ociVersion", None, "ociVersion", "is required"),
    ("ociVersion", 1.3, "ociVersion", "must be a string"),
    ("ociVersion", "1.3", "ociVersion", "SemVer"),
    ("ociVersion", "v1.3.0", "ociVersion", "SemVer"),
    ("ociVersion", "1.03.0", "ociVersion", "SemVer"),
    ("ociVersion", "1.0.0-", "ociVersion", "SemVer"),
    ("ociVersion", "1.0.0-01", "ociVersion", "SemVer"),
    ("ociVersion", "1.0.0-rc..1", "ociVersion", "SemVer"),
    ("ociVersion", "1.0.0+", "ociVersion", "SemVer"),
    ("ociVersion", "1.0.0 ", "ociVersion", "SemVer"),
    # config.md, Root: "On all other platforms, this field is REQUIRED."
    ("root", GONE, "root", "is required"),
    ("root", "rootfs", "root", "must be an object"),
    ("root.path", GONE, "root.path", "is required"),
    ("root.path", "", "root.path", "must not be empty"),
    ("root.path", "a\0b", "root.path", "NUL"),
    ("root.readonly", 1, "root.readonly", "must be true or false"),
    # config.md, Mounts
    ("mounts", {}, "mounts", "must be an array"),
    ("mounts[0]", "/proc", "mounts[0]", "must be an object"),
    ("mounts[0]", None, "mounts[0]", "must be an object"),
    ("mounts[0].destination", GONE, "mounts[0].destination", "is required"),
    ("mounts[0].destination", "", "mounts[0].destination", "must not be empty"),
    ("mounts[1].options[0]", 5, "mounts[1].options[0]", "must be a string"),
    ("mounts[1].options", "ro", "mounts[1].options", "must be an array of strings"),
    ("mounts[1].options[1]", "\ud800", "mounts[1].options[1]", "UTF-8"),
    # "If specified, it MUST be specified along with `gidMappings`."
    ("mounts[1].gidMappings", GONE, "mounts[1].gidMappings", "is required together with uidMappings"),
    ("mounts[1].uidMappings", GONE, "mounts[1].uidMappings", "is required together with gidMappings"),
    ("mounts[1].uidMappings[0].size", 0, "mounts[1].uidMappings[0].size", "at least 1"),
    # config.md, Process: "at least one entry is REQUIRED (non-Windows)"
    ("process.args", GONE, "process.args", "at least one entry"),
    ("process.args", [], "process.args", "at least one entry"),
    ("process.args", "sh", "process.args", "must be an array of strings"),
    ("process.args[0]", "", "process.args[0]", "must name a program"),
    ("process.args[1]", "a\0b", "process.args[1]", "NUL"),
    ("process.args[2]", None, "process.args[2]", "must be a string"),
    # "This value MUST be an absolute path."
    ("process.cwd", GONE, "process.cwd", "is required"),
    ("process.cwd", "tmp", "process.cwd", "absolute path"),
    ("process.cwd", "", "process.cwd", "absolute path"),
    ("process.env[0]", "PATH", "process.env[0]", "NAME=VALUE"),
    ("process.env[0]", "=x", "process.env[0]", "NAME=VALUE"),
    ("process.env[1]", "A=\0", "process.env[1]", "NUL"),
    ("process.terminal", "true", "process.terminal", "must be true or false"),
    ("process.consoleSize.width", GONE, "process.consoleSize.width", "is required"),
    ("process.consoleSize.height", 65536, "process.consoleSize.height", "65535"),
    ("process.user.uid", GONE, "process.user.uid", "is required"),
    ("process.user.uid", 4294967295, "process.user.uid", "4294967294"),
    ("process.user.gid", -1, "process.user.gid", "must be an id"),
    ("process.user.gid", True, "process.user.gid", "must be an id"),
    ("process.user.gid", 1.0, "process.user.gid", "must be an id"),
    ("process.user.umask", 0o1000, "process.user.umask", "umask"),
    ("process.user.additionalGids[0]", "10", "process.user.additionalGids[0]", "must be an id"),
    ("process.capabilities.bounding[0]", 5, "process.capabilities.bounding[0]", "must be a string"),
    ("process.capabilities.ambient", "CAP_KILL", "process.capabilities.ambient", "must be an array of strings"),
    # config.md, POSIX process: "The runtime MUST generate an error for any values which cannot be mapped to a relevant
    # kernel interface."
    ("process.rlimits[0].type", "RLIMIT_FOO", "process.rlimits[0].type", "RLIMIT_NOFILE"),
    ("process.rlimits[0].type", "", "process.rlimits[0].type", "must be one of RLIMIT_CPU"),
    ("process.rlimits[0].soft", 5000, "process.rlimits[0].soft", "hard limit, 4096"),
    ("process.rlimits[0].soft", -1, "process.rlimits[0].soft", "must be a whole number"),
    ("process.rlimits[0].hard", 2**64, "process.rlimits[0].hard", "18446744073709551615"),
    # "If `rlimits` contains duplicated entries with same `type`, the runtime MUST generate an error."
    (
        "process.rlimits",
        [{"type": "RLIMIT_CORE", "soft": 1, "hard": 2}, {"type": "RLIMIT_CORE", "soft": 1, "hard": 2}],
        "process.rlimits[1].type",
        "twice",
    ),
    ("process.oomScoreAdj", 1001, "process.oomScoreAdj", "from -1000 to 1000"),
    ("process.oomScoreAdj", "100", "process.oomScoreAdj", "from -1000 to 1000"),
    ("process.scheduler.policy", "SCHED_FAST", "process.scheduler.policy", "must be one of SCHED_OTHER"),
    ("process.scheduler.nice", 20, "process.scheduler.nice", "-20 to 19"),
    ("process.scheduler.priority", 10, "process.scheduler.priority", "must not be set for SCHED_OTHER"),
    ("process.scheduler", {"policy": "SCHED_FIFO"}, "process.scheduler.priority", "1 to 99"),
    ("process.scheduler.runtime", 5000, "process.scheduler.runtime", "must not be set for SCHED_OTHER"),
    (
        "process.scheduler",
        {"policy": "SCHED_DEADLINE", "runtime": 2048, "deadline": 1024, "period": 4096},
        "process.scheduler.deadline",
        "must not be less than the runtime",
    ),
    (
        "process.scheduler",
        {"policy": "SCHED_DEADLINE", "runtime": 2048, "deadline": 4096, "period": 3000},
        "process.scheduler.period",
        "must not be less than the deadline",
    ),
    ("process.ioPriority.class", "IOPRIO_CLASS_NONE", "process.ioPriority.class", "must be one of IOPRIO_CLASS_RT"),
    # "priority (int, REQUIRED) ... an integer ranging from 0 (highest) to 7 (lowest)."
    ("process.ioPriority.priority", 8, "process.ioPriority.priority", "0 (highest) to 7"),
    ("process.ioPriority.priority", GONE, "process.ioPriority.priority", "is required"),
    ("process.execCPUAffinity.initial", "0-", "process.execCPUAffinity.initial", "list of numbers"),
    # config.md, Hostname
    ("hostname", "x" * 65, "hostname", "64 bytes"),
    ("domainname", ["x"], "domainname", "must be a string"),
    # config.md, POSIX-platform Hooks: "This specification extends the IEEE standard in that path MUST be absolute."
    ("hooks.createRuntime[0].path", "bin/hook", "hooks.createRuntime[0].path", "absolute path"),
    ("hooks.createRuntime[0].path", GONE, "hooks.createRuntime[0].path", "is required"),
    # "If set, `timeout` MUST be greater than zero."
    ("hooks.createRuntime[0].timeout", 0, "hooks.createRuntime[0].timeout", "greater than zero"),
    ("hooks.createRuntime[0].env[0]", "A", "hooks.createRuntime[0].env[0]", "NAME=VALUE"),
    ("hooks.createRuntime", {"path": "/bin/hook"}, "hooks.createRuntime", "must be an array"),
    # config.md, Annotations: "Keys MUST NOT be an empty string.", "Values MUST be strings."
    ("annotations", {"": "x"}, 'annotations[""]', "key that is not empty"),
    ("annotations", {"org.example": 5}, 'annotations["org.example"]', "must be a string"),
    ("annotations", {"org.example": None}, 'annotations["org.example"]', "must be a string"),
    ("annotations", [], "annotations", "must be an object"),
    ("annotations", {"a\0b": "x"}, "annotations['a\\x00b']", "NUL"),
    # config-linux.md, Namespaces
    ("linux", [], "linux", "must be an object"),
    ("linux.namespaces[0].type", "pids", "linux.namespaces[0].type", "must be one of mount, pid"),
    ("linux.namespaces[0].type", GONE, "linux.namespaces[0].type", "is required"),
    # "This value MUST be an absolute path in the runtime mount namespace."
    ("linux.namespaces[0].path", "proc/1/ns/pid", "linux.namespaces[0].path", "absolute path"),
    ("linux.namespaces[0].path", "", "linux.namespaces[0].path", "absolute path"),
    # "If a `namespaces` field contains duplicated namespaces with same `type`, the runtime MUST generate an error."
    ("linux.namespaces[0].type", "cgroup", "linux.namespaces[6].type", "twice"),
    ("linux.namespaces", without("mount"), "mounts linux.rootfsPropagation linux.maskedPaths linux.readonlyPaths", ""),
    ("linux.namespaces", without("uts"), "hostname domainname", "needs a uts namespace"),
    ("linux.namespaces", without("time"), "linux.timeOffsets", "needs a new time namespace"),
    ("linux.namespaces", without("user"), "linux.uidMappings linux.gidMappings", "needs a user namespace"),
    ("linux.namespaces", without("ipc"), 'linux.sysctl["kernel.sem"]', "needs a namespace of type ipc"),
    ("linux.namespaces[7].path", "/proc/1/ns/time", "linux.timeOffsets", "needs a new time namespace"),
    # config-linux.md, User namespace mappings
    ("linux.uidMappings", GONE, "linux.uidMappings", "is required for a new user namespace"),
    ("linux.gidMappings", [], "linux.gidMappings", "is required for a new user namespace"),
    ("linux.uidMappings[0].hostID", GONE, "linux.uidMappings[0].hostID", "is required"),
    ("linux.uidMappings[0].size", 0, "linux.uidMappings[0].size", "at least 1"),
    ("linux.uidMappings[0].size", 4294967296, "linux.uidMappings[0].size", "32 bits"),
    ("linux.gidMappings[0].containerID", 4294967295, "linux.gidMappings[0].containerID", "room for 65536 ids"),
    (
        "linux.uidMappings",
        [MAPPING, {"containerID": 65535, "hostID": 500000, "size": 2}],
        "linux.uidMappings[1].containerID",
        "must not overlap linux.uidMappings[0]",
    ),
    (
        "linux.gidMappings",
        [{"containerID": 70000, "hostID": 100005, "size": 1}, MAPPING],
        "linux.gidMappings[1].hostID",
        "must not overlap linux.gidMappings[0]",
    ),
    (
        "linux.gidMappings",
        [{"containerID": 2 * n, "hostID": 2 * n, "size": 1} for n in range(341)],
        "linux.gidMappings",
        "at most 340",
    ),
    # config-linux.md, Offset for Time Namespace
    ("linux.timeOffsets", {"realtime": {"secs": 1}}, 'linux.timeOffsets["realtime"]', "monotonic, boottime"),
    ("linux.timeOffsets.monotonic.nanosecs", 10**9, 'linux.timeOffsets["monotonic"].nanosecs', "999999999"),
    ("linux.timeOffsets.monotonic.secs", 2**63, 'linux.timeOffsets["monotonic"].secs', "64 bits"),
    # config-linux.md, Devices: "major, minor (int64, REQUIRED unless `type` is `p`)"
    ("linux.devices[0].major", GONE, "linux.devices[0].major", "is required for a device of type c"),
    ("linux.devices[0].type", "x", "linux.devices[0].type", "must be one of c, b, u, p"),
    ("linux.devices[0].path", "dev/fuse", "linux.devices[0].path", "absolute path"),
    ("linux.devices[0].minor", 1048576, "linux.devices[0].minor", "1048575"),
    ("linux.devices[0].fileMode", "0644", "linux.devices[0].fileMode", "whole number"),
    # config-linux.md, Network Devices
    ("linux.netDevices", {"eth0": {"name": "a/b"}}, 'linux.netDevices["eth0"].name', "network interface"),
    ("linux.netDevices", {"eth0": {"name": "a" * 16}}, 'linux.netDevices["eth0"].name', "network interface"),
    ("linux.netDevices", {"eth0": {"name": "a%db%d"}}, 'linux.netDevices["eth0"].name', "template"),
    ("linux.netDevices", {"eth0": {"name": "a%s"}}, 'linux.netDevices["eth0"].name', "template"),
    ("linux.netDevices", {"..": {}}, 'linux.netDevices[".."]', "network interface"),
    ("linux.netDevices", {"a": {"name": "b"}, "b": {}}, 'linux.netDevices["b"].name', "too"),
    ("linux.netDevices", {"eth0": 5}, 'linux.netDevices["eth0"]', "must be an object"),
    # config-linux.md, Control groups
    ("linux.cgroupsPath", "/a/../../b", "linux.cgroupsPath", '".."'),
    ("linux.resources.devices[0].access", "rx", "linux.resources.devices[0].access", "r (read)"),
    ("linux.resources.devices[0].type", "u", "linux.resources.devices[0].type", "must be one of a, c, b"),
    ("linux.resources.devices[0].allow", GONE, "linux.resources.devices[0].allow", "is required"),
    ("linux.resources.memory.limit", -2, "linux.resources.memory.limit", "-1 for no limit"),
    ("linux.resources.memory.limit", "512M", "linux.resources.memory.limit", "number of bytes"),
    ("linux.resources.memory.swap", 1, "linux.resources.memory.swap", "must not be less than the limit"),
    # "The values are from 0 to 100."
    ("linux.resources.memory.swappiness", 101, "linux.resources.memory.swappiness", "0 to 100"),
    # "If specified, this value MUST be no larger than any positive `quota`"
    ("linux.resources.cpu.burst", 100001, "linux.resources.cpu.burst", "quota, 100000"),
    ("linux.resources.cpu.cpus", "0-3,x", "linux.resources.cpu.cpus", "list of numbers"),
    ("linux.resources.cpu.mems", "3-0", "linux.resources.cpu.mems", "list of numbers"),
    ("linux.resources.cpu.idle", 2, "linux.resources.cpu.idle", "SCHED_IDLE"),
    ("linux.resources.cpu.shares", -1, "linux.resources.cpu.shares", "whole number"),
    ("linux.resources.pids.limit", -2, "linux.resources.pids.limit", "number of tasks"),
    ("linux.resources.blockIO.weight", 65536, "linux.resources.blockIO.weight", "65535"),
    # "You MUST specify at least one of `weight` or `leafWeight` in a given entry"
    (
        "linux.resources.blockIO.weightDevice[0].weight",
        GONE,
        "linux.resources.blockIO.weightDevice[0]",
        "at least one of weight",
    ),
    (
        "linux.resources.blockIO.weightDevice[0].weight",
        "5",
        "linux.resources.blockIO.weightDevice[0].weight",
        "whole number",
    ),
    (
        "linux.resources.blockIO.throttleReadBpsDevice",
        [{"major": 8, "minor": 0}],
        "linux.resources.blockIO.throttleReadBpsDevice[0].rate",
        "is required",
    ),
    (
        "linux.resources.hugepageLimits[0].pageSize",
        "2mb",
        "linux.resources.hugepageLimits[0].pageSize",
        "must be a page size",
    ),
    ("linux.resources.hugepageLimits[0].pageSize", "64KB", "linux.resources.hugepageLimits[1].pageSize", "twice"),
    ("linux.resources.network.priorities[0].name", "", "linux.resources.network.priorities[0].name", "must be a name"),
    # "You MUST specify at least one of the `hcaHandles` or `hcaObjects` in a given entry"
    ("linux.resources.rdma", {"mlx5": {}}, 'linux.resources.rdma["mlx5"]', "at least one of hcaHandles"),
    ("linux.resources.unified", {"a/b": "1"}, 'linux.resources.unified["a/b"]', "name of a file"),
    ("linux.resources.unified", {"io.max": 1}, 'linux.resources.unified["io.max"]', "must be a string"),
    # config-linux.md, IntelRdt: "The value MUST start with `MB:` and MUST NOT contain newlines."
    ("linux.intelRdt.memBwSchema", "L3:0=1", "linux.intelRdt.memBwSchema", '"MB:"'),
    ("linux.intelRdt.schemata[0]", "L3:0=1\nMB:0=1", "linux.intelRdt.schemata[0]", "newline"),
    ("linux.intelRdt.closID", "../x", "linux.intelRdt.closID", "name of a directory"),
    # config-linux.md, Memory policy
    ("linux.memoryPolicy.mode", GONE, "linux.memoryPolicy.mode", "is required"),
    ("linux.memoryPolicy.nodes", GONE, "linux.memoryPolicy.nodes", "at least one node"),
    ("linux.memoryPolicy", {"mode": "MPOL_DEFAULT", "nodes": "1"}, "linux.memoryPolicy.nodes", "must not be set"),
    ("linux.memoryPolicy.flags[0]", "MPOL_F_NUMA_BALANCING", "linux.memoryPolicy.flags", "only with MPOL_BIND"),
    ("linux.memoryPolicy.flags[0]", "MPOL_F_FOO", "linux.memoryPolicy.flags[0]", "must be one of MPOL_F"),
    # config-linux.md, Sysctl
    ("linux.sysctl", {"vm.swappiness": "1"}, 'linux.sysctl["vm.swappiness"]', "belongs to a namespace"),
    ("linux.sysctl", {"net/../vm/swappiness": "1"}, 'linux.sysctl["net/../vm/swappiness"]', "name of a kernel"),
    ("linux.sysctl", {"kernel.hostname": "x"}, 'linux.sysctl["kernel.hostname"]', "field hostname"),
    ("linux.sysctl", {"net.ipv4.ip_forward": 1}, 'linux.sysctl["net.ipv4.ip_forward"]', "must be a string"),
    # config-linux.md, Seccomp
    ("linux.seccomp.defaultAction", GONE, "linux.seccomp.defaultAction", "is required"),
    ("linux.seccomp.defaultAction", "ALLOW", "linux.seccomp.defaultAction", "must be one of SCMP_ACT_KILL"),
    ("linux.seccomp.defaultAction", "SCMP_ACT_ALLOW", "linux.seccomp.defaultErrnoRet", "only SCMP_ACT_ERRNO"),
    ("linux.seccomp.architectures[0]", "x86_64", "linux.seccomp.architectures[0]", "must be one of SCMP_ARCH"),
    ("linux.seccomp.flags[0]", "LOG", "linux.seccomp.flags[0]", "must be one of SECCOMP_FILTER"),
    # "This field MUST NOT be set if `listenerPath` is not set."
    ("linux.seccomp.listenerPath", GONE, "linux.seccomp.listenerMetadata", "without listenerPath"),
    # "`names` MUST contain at least one entry."
    ("linux.seccomp.syscalls[0].names", [], "linux.seccomp.syscalls[0].names", "at least one entry"),
    ("linux.seccomp.syscalls[0].names[1]", 5, "linux.seccomp.syscalls[0].names[1]", "must be a string"),
    ("linux.seccomp.syscalls[0].action", GONE, "linux.seccomp.syscalls[0].action", "is required"),
    # "When the action doesn't support an errno, the runtime MUST print and error and fail."
    ("linux.seccomp.syscalls[0].errnoRet", 1, "linux.seccomp.syscalls[0].errnoRet", "only SCMP_ACT_ERRNO"),
    ("linux.seccomp.syscalls[1].errnoRet", 65536, "linux.seccomp.syscalls[1].errnoRet", "error number"),
    ("linux.seccomp.syscalls[1].args[0].index", 6, "linux.seccomp.syscalls[1].args[0].index", "0 to 5"),
    ("linux.seccomp.syscalls[1].args[0].op", "EQ", "linux.seccomp.syscalls[1].args[0].op", "must be one of SCMP_CMP"),
    # config-linux.md, the rest
    ("linux.rootfsPropagation", "rw", "linux.rootfsPropagation", "must be one of shared"),
    ("linux.maskedPaths[0]", "proc/kcore", "linux.maskedPaths[0]", "absolute path"),
    ("linux.readonlyPaths[0]", 5, "linux.readonlyPaths[0]", "must be a string"),
    ("linux.mountLabel", 5, "linux.mountLabel", "must be a string"),
    ("linux.personality.domain", "LINUX64", "linux.personality.domain", "must be one of LINUX, LINUX32"),
    ("linux.personality", {}, "linux.personality.domain", "is required"),
    # "Currently no flag values are supported."
    ("linux.personality.flags", ["X"], "linux.personality.flags", "must be empty"),
]


def keys_of(where: str) -> list[str | int]:
    keys: list[str | int] = []
    for part in where.split("."):
        name, *indices = part.split("[")
        keys.append(name)
        keys += [int(index.rstrip("]")) for index in indices]
    return keys


def mutated(where: str, value: object) -> dict[str, object]:
    document = copy.deepcopy(GOOD)
    *way, last = keys_of(where)
    place: object = document
    for key in way:
        assert isinstance(place, (dict, list))
        place = place[key]  # type: ignore[index]
    assert isinstance(place, (dict, list))
    if value is GONE:
        del place[last]  # type: ignore[arg-type]
    else:
        place[last] = value  # type: ignore[index]
    return document


def test_the_document_that_the_others_are_made_of_is_good() -> None:
    assert config.validate(GOOD) == []


@pytest.mark.parametrize(
    ("where", "value", "fields", "rule"),
    [pytest.param(*case, id=f"{number:03}-{case[2].split()[0]}") for number, case in enumerate(BROKEN)],
)
def test_a_broken_config_is_refused_with_exactly_its_field_named(
    where: str, value: object, fields: str, rule: str
) -> None:
    problems = config.validate(mutated(where, value))
    assert [problem.field for problem in problems] == fields.split()
    for problem in problems:
        assert rule in problem.rule
        assert problem.section.startswith(("config.md#", "config-linux.md#"))


def test_there_are_as_many_broken_configs_as_were_promised() -> None:
    assert len(BROKEN) >= 60


def test_all_problems_of_one_document_are_reported_together() -> None:
    document = copy.deepcopy(GOOD)
    assert isinstance(document["process"], dict)
    assert isinstance(document["linux"], dict)
    document["process"]["cwd"] = "tmp"
    document["process"]["args"] = "sh"
    document["hostname"] = 5
    document["linux"]["resources"]["memory"]["limit"] = -2
    document["linux"]["resources"]["cpu"]["burst"] = 10**9
    document["linux"]["namespaces"].append({"type": "pid"})
    document["mounts"] = [5, {"destination": "/x", "options": ["ro", None]}]

    with pytest.raises(ConfigError) as caught:
        config.load(json.dumps(document).encode(), "bundle/config.json")

    assert {problem.field for problem in caught.value.problems} == {
        "process.cwd",
        "process.args",
        "hostname",
        "linux.resources.memory.limit",
        "linux.resources.cpu.burst",
        "linux.namespaces[8].type",
        "mounts[0]",
        "mounts[1].options[1]",
    }
    message = str(caught.value)
    assert message.startswith("bundle/config.json: 8 problems:")
    assert (
        "linux.resources.memory.limit: must be a number of bytes, or -1 for no limit (found -2) "
        "[config-linux.md#memory]" in message
    )


def test_broken_namespaces_do_not_make_a_problem_of_everything_that_needs_one() -> None:
    problems = config.validate(mutated("linux.namespaces", "all of them"))
    assert [problem.field for problem in problems] == ["linux.namespaces"]


def test_mappings_of_a_mount_stand_in_for_a_user_namespace_and_idmap_needs_one_of_them() -> None:
    """ "If there are no `uidMappings` and `gidMappings` specified and the container isn't using user namespaces, an
    error MUST be returned." """
    document = mutated("linux.namespaces", without("user"))
    assert isinstance(document["linux"], dict)
    del document["linux"]["uidMappings"], document["linux"]["gidMappings"]
    assert config.validate(document) == []
    assert isinstance(document["mounts"], list)
    del document["mounts"][1]["uidMappings"], document["mounts"][1]["gidMappings"]
    (problem,) = config.validate(document)
    assert problem.field == "mounts[1].options"
    assert "idmap" in problem.rule
