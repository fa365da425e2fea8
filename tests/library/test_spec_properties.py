"""Whatever a program builds of the parts: it follows the specification, and is the same after config.json."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sampan
from sampan import Spec
from sampan.spec.names import CAPABILITIES, HOOKS, RLIMITS

Part = Callable[[Spec], Spec]
Parts = st.SearchStrategy[Part]

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=5)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=5)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(lambda names: "/" + "/".join(names))
IDS = st.integers(0, 2**32 - 2)
SIZES = st.integers(0, 2**40) | st.sampled_from(["1", "64k", "1.5M", "2GiB"])
UNLIMITED = st.just("unlimited")
CAPABILITY = st.sampled_from(sorted(CAPABILITIES))
NUMBERS = st.lists(st.integers(0, 63), min_size=1, max_size=3) | st.just("0-3,7")
SECONDS = st.integers(-(2**40), 2**40) | st.floats(-1e9, 1e9)


def part(name: str, *arguments: st.SearchStrategy[Any], **named: st.SearchStrategy[Any]) -> Parts:
    """A call of the method with such arguments; of the named ones any may be missing."""
    optional = st.fixed_dictionaries({}, optional=named)
    return st.builds(
        lambda given, more: lambda spec: getattr(spec, name)(*given, **more), st.tuples(*arguments), optional
    )


def parts(name: str, each: st.SearchStrategy[Any]) -> Parts:
    """A call with any number of arguments."""
    return st.lists(each, max_size=3).map(lambda given: lambda spec: getattr(spec, name)(*given))


def ranges(first: int, size: int) -> list[tuple[int, int, int]]:
    return [(0, first, size), (size, first + size, size)]


RANGES = st.builds(ranges, st.integers(0, 2**30), st.integers(1, 2**16))
ADDING = [  # twice is not as once: the entry is there twice
    part("hook", st.sampled_from(HOOKS), PATHS, st.lists(WORDS), timeout=st.integers(1, 2**40)),
    part("allow_device", st.sampled_from("abc"), st.integers(0, 9), access=st.sampled_from(["r", "rwm"])),
    part("device", PATHS, st.sampled_from("cbu"), st.integers(0, 4095), st.integers(0, 99), uid=IDS),
]
SETTING = [
    part("with_args", st.lists(WORDS, min_size=1)),
    part("with_env", st.dictionaries(NAMES, st.none() | WORDS, max_size=3)),
    part("with_cwd", PATHS),
    part("with_user", IDS, IDS, groups=st.lists(IDS, max_size=3), umask=st.integers(0, 0o777)),
    part("with_terminal", st.booleans(), size=st.tuples(IDS, IDS).map(lambda pair: (pair[0] % 999, pair[1] % 999))),
    part("with_rlimit", st.sampled_from(sorted(RLIMITS)), UNLIMITED | st.integers(0, 2**64 - 1)),
    part("with_oom_score_adj", st.integers(-1000, 1000)),
    part("with_scheduler", st.sampled_from(["SCHED_OTHER", "SCHED_BATCH"]), nice=st.integers(-20, 19)),
    part("with_io_priority", st.just("IOPRIO_CLASS_BE"), st.integers(0, 7)),
    part("with_rootfs", PATHS, readonly=st.booleans(), propagation=st.sampled_from(["slave", "private"])),
    part("mount", PATHS, NAMES, WORDS, st.lists(WORDS.filter(lambda word: "idmap" not in word))),
    part("bind", PATHS, PATHS, writable=st.booleans(), recursive=st.booleans(), uid_mappings=RANGES),
    part("tmpfs", PATHS, size=SIZES, mode=st.integers(0, 0o7777), uid=IDS, executable=st.booleans()),
    parts("without_mounts", PATHS),
    parts("mask", PATHS),
    parts("unmask", PATHS),
    parts("make_readonly", PATHS),
    parts("make_writable", PATHS),
    part("limit", memory=SIZES | UNLIMITED),
    part("limit", cpus=st.floats(0.01, 512) | UNLIMITED, cpu_shares=IDS, cpuset=NUMBERS, cpuset_mems=NUMBERS),
    part("limit", pids=UNLIMITED | st.integers(-1, 2**62), io_weight=st.integers(10, 1000)),
    part("limit", hugepages=st.dictionaries(st.sampled_from(["64KB", "2MB", "1GB"]), SIZES)),
    part("limit", unified=st.dictionaries(NAMES, st.none() | WORDS, max_size=3), memory_reservation=SIZES),
    part("limit_io", st.tuples(st.integers(0, 9), st.integers(0, 9)), read_bps=SIZES, write_iops=st.integers(0, 2**63)),
    part("with_cgroup_path", PATHS),
    st.just(lambda spec: spec.drop_all_capabilities()),
    parts("with_capabilities", CAPABILITY),
    parts("add_capabilities", CAPABILITY),
    parts("drop_capabilities", CAPABILITY),
    part("with_no_new_privileges", st.booleans()),
    st.sampled_from([Spec.with_default_seccomp, Spec.without_seccomp]),
    parts("new_namespaces", st.sampled_from(["pid", "network", "uts", "ipc", "cgroup", "mount", "time"])),
    part("join_namespace", st.sampled_from(["pid", "network", "uts", "ipc", "cgroup", "time", "user"]), PATHS),
    parts("host_namespaces", st.sampled_from(["pid", "cgroup", "time"])),
    part("with_user_mappings", RANGES, RANGES),
    part("with_time_offsets", monotonic=SECONDS, boottime=SECONDS),
    part("with_hostname", NAMES),
    part("with_domainname", NAMES),
    part("with_sysctl", st.dictionaries(NAMES.map(lambda name: f"net.{name}"), st.none() | WORDS, max_size=3)),
    part("with_network_device", NAMES),
    part("with_annotations", st.dictionaries(WORDS, st.none() | WORDS, max_size=3)),
]
CONTRADICTING = [
    parts("host_namespaces", st.sampled_from(["mount", "uts", "network", "ipc", "user"])),
    parts("new_namespaces", st.just("user")),
    part("bind", PATHS, idmap=st.just(True)),
    part("with_sysctl", st.dictionaries(WORDS, WORDS, max_size=1)),
    part("limit", memory=SIZES, memory_swap=SIZES, cpus=st.floats(0.01, 2), cpu_burst=IDS),
    part("merge", st.dictionaries(st.sampled_from(["process", "linux", "root"]), st.none() | st.integers())),
]
SEQUENCES = st.lists(st.one_of(*SETTING, *ADDING), max_size=12)
ROOTLESS = Spec.default(rootless=True).new_namespaces("network")  # which parts of SETTING need
BEGINNINGS = st.sampled_from([Spec.default(rootless=False), ROOTLESS, Spec.hardened()])


@settings(max_examples=200, deadline=None)
@given(BEGINNINGS, SEQUENCES)
def test_any_sequence_of_parts_is_valid_and_the_same_after_config_json(begun: Spec, sequence: list[Part]) -> None:
    before = begun.to_json()
    built = begun.apply(*sequence)
    built.validate()
    assert begun.to_json() == before
    assert Spec.from_json(built.to_json()) == built
    assert Spec.from_json(built.to_json()).to_json() == built.to_json()
    assert Spec.from_dict(built.to_dict()) == built
    assert begun | built == built or _has_less(begun.to_dict(), built.to_dict())


def _has_less(before: Any, after: Any) -> bool:
    """Whether a field is gone: merging adds fields, and takes none away."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return False
    return any(name not in after or _has_less(value, after[name]) for name, value in before.items())


@settings(max_examples=200, deadline=None)
@given(BEGINNINGS, SEQUENCES, st.one_of(*SETTING))
def test_a_part_that_sets_is_the_same_twice(begun: Spec, sequence: list[Part], last: Part) -> None:
    once = last(begun.apply(*sequence))
    assert last(once) == once


@settings(max_examples=200, deadline=None)
@given(BEGINNINGS, st.lists(st.one_of(*SETTING, *ADDING, *CONTRADICTING), max_size=12))
def test_contradictions_end_in_problems_of_the_configuration_and_nothing_else(
    begun: Spec, sequence: list[Part]
) -> None:
    """Any other exception than these is a failure."""
    with contextlib.suppress(sampan.ConfigError, sampan.UsageError):
        built = begun.apply(*sequence)
        assert Spec.from_json(built.to_json()) == built
        built.validate()


def test_the_parts_here_are_all_that_there_are() -> None:
    """A new method is to be tried here, too; those that look at the host, or read, are in test_spec.py."""
    elsewhere = {"with_host_rootfs", "host_device", "with_seccomp", "with_apparmor_profile", "with_selinux_label"}
    elsewhere |= {"default", "hardened", "load", "from_dict", "from_json", "apply", "merge", "with_exec_cpu_affinity"}
    elsewhere |= {"to_dict", "to_json", "validate", "write", "plan", "audit"}
    text = Path(__file__).read_text()
    missing = [name for name in dir(Spec) if not name.startswith("_") and name not in elsewhere]
    assert [name for name in missing if f'"{name}"' not in text and f".{name}" not in text] == []


@pytest.mark.parametrize("name", [name for name in dir(Spec) if not name.startswith("_")])
def test_every_method_says_what_it_does(name: str) -> None:
    assert getattr(Spec, name).__doc__
