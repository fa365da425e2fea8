"""Whatever JSON there is: validation ends with problems or without, never with an exception."""

from __future__ import annotations

import copy
import json

from hypothesis import given
from hypothesis import strategies as st

from sampan.errors import ConfigError
from sampan.spec import config, features, state

# Names from the tables, so that the walk gets deep into them; surrogates and NUL are among the characters.
NAMES = """
ociVersion root path process args env cwd user uid mounts destination options linux namespaces type pid hooks prestart
seccomp syscalls names uidMappings size containerID hostID sysctl resources memory cpu rdma windows vm freebsd zos
solaris hyperv jail intelRdt memoryPolicy netDevices scheduler policy terminal consoleSize rlimits timeOffsets
monotonic blockIO weightDevice unified annotations status bundle id linux.namespaces 1.0.0 SCHED_RR
"""
WORDS = st.sampled_from(NAMES.split())
TEXT = st.text(st.characters(), max_size=8) | WORDS
LEAVES = st.none() | st.booleans() | st.integers(-3, 2**65) | st.floats() | TEXT
ANY = st.recursive(LEAVES, lambda one: st.lists(one, max_size=4) | st.dictionaries(TEXT, one, max_size=6))

BASE: dict[str, object] = {
    "ociVersion": "1.3.0",
    "root": {"path": "rootfs"},
    "process": {
        "args": ["sh"],
        "cwd": "/",
        "env": ["A=b"],
        "user": {"uid": 0, "gid": 0},
        "rlimits": [{"type": "RLIMIT_CPU", "soft": 1, "hard": 1}],
        "scheduler": {"policy": "SCHED_RR", "priority": 1},
    },
    "hostname": "h",
    "mounts": [{"destination": "/x", "options": ["idmap"], "uidMappings": [], "gidMappings": []}],
    "hooks": {"prestart": [{"path": "/x", "env": ["A=b"]}]},
    "linux": {
        "namespaces": [{"type": "mount"}, {"type": "uts", "path": "/x"}, {"type": "user"}],
        "uidMappings": [{"containerID": 0, "hostID": 0, "size": 1}],
        "gidMappings": [{"containerID": 0, "hostID": 0, "size": 1}],
        "devices": [{"type": "c", "path": "/dev/x", "major": 1, "minor": 1}],
        "netDevices": {"eth0": {}},
        "resources": {"memory": {"limit": 5}, "rdma": {"a": {"hcaHandles": 1}}, "unified": {"a": "b"}},
        "intelRdt": {"schemata": ["x"]},
        "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0"},
        "sysctl": {"kernel.sem": "1"},
        "seccomp": {"defaultAction": "SCMP_ACT_LOG", "syscalls": [{"names": ["x"], "action": "SCMP_ACT_ALLOW"}]},
    },
}


def places(value: object, way: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [way] if way else []
    items: object = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:  # type: ignore[attr-defined]
        found += places(item, (*way, key))
    return found


def changed(changes: list[tuple[tuple[str | int, ...], object]]) -> object:
    document = copy.deepcopy(BASE)
    for way, value in changes:
        place: object = document
        for key in way[:-1]:
            if isinstance(place, dict):
                place = place.get(key)
            elif isinstance(place, list) and isinstance(key, int) and key < len(place):
                place = place[key]
        if isinstance(place, dict) and isinstance(way[-1], str):
            place[way[-1]] = value
    return document


ALMOST = st.lists(st.tuples(st.sampled_from(places(BASE)), ANY), min_size=1, max_size=4).map(changed)


def loaded_or_refused(data: bytes) -> object:
    try:
        return config.load(data)
    except ConfigError as error:
        return error.problems


@given(ANY | ALMOST)
def test_any_document_has_problems_or_has_none(document: object) -> None:
    for problem in config.validate(document):
        assert problem.rule
        assert str(problem)


@given(ANY | ALMOST)
def test_any_process_state_and_features_have_problems_or_have_none(document: object) -> None:
    config.validate_process(document)
    state.validate(document)
    state.validate_process_state(document)
    features.validate(document)


@given(ALMOST)
def test_any_json_text_gives_a_config_or_its_problems(document: object) -> None:
    assert loaded_or_refused(json.dumps(document).encode())


@given(st.binary(max_size=64))
def test_any_bytes_give_a_config_or_its_problems(data: bytes) -> None:
    assert loaded_or_refused(data)


def test_depth_that_no_document_needs_is_survived() -> None:
    deep: object = None
    for _ in range(5000):
        deep = {"x": [deep]}
    assert config.validate({"ociVersion": "1.3.0", "root": {"path": "rootfs"}, "unknown": deep}) == []
