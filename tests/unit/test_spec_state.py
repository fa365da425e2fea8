"""The state of a container, and the Features structure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sampan.spec import features, state

EXAMPLES = Path(__file__).resolve().parents[3] / "shared" / "spec" / "runtime-spec" / "schema" / "test"
GOOD = {"ociVersion": "1.3.0", "id": "web", "status": "running", "pid": 4422, "bundle": "/containers/redis"}


def examples(kind: str, verdict: str) -> list[object]:
    directory = EXAMPLES / kind / verdict
    found = sorted(directory.glob("*.json"))
    if not found:
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"{directory} is not there"))]
    return [pytest.param(path, id=path.name) for path in found]


@pytest.mark.parametrize("path", examples("state", "good"))
def test_the_published_good_states_have_no_problems(path: Path) -> None:
    assert state.validate(json.loads(path.read_bytes())) == []


@pytest.mark.parametrize("path", examples("features", "good"))
def test_the_published_good_features_have_no_problems(path: Path) -> None:
    assert features.validate(json.loads(path.read_bytes())) == []


@pytest.mark.parametrize("path", examples("features", "bad"))
def test_the_published_bad_features_have_problems(path: Path) -> None:
    assert [problem.field for problem in features.validate(json.loads(path.read_bytes()))] == ["ociVersionMax"]


def test_a_state_that_was_built_has_no_problems() -> None:
    built = state.build("web", "running", "/bundle", 4422, {"org.example.key": "value"})
    assert state.validate(built) == []
    assert state.validate(state.build("web", "stopped", "/bundle")) == []
    assert state.validate_process_state(state.build_process_state(built, 4422, ["seccompFd"], "x")) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        # "pid (int, REQUIRED when `status` is `created` or `running` on Linux"
        ({"pid": None}, "pid"),
        ({"pid": -1}, "pid"),
        ({"id": ""}, "id"),
        ({"status": 5}, "status"),
        # "bundle (string, REQUIRED) is the absolute path to the container's bundle directory."
        ({"bundle": "redis"}, "bundle"),
        ({"ociVersion": "one"}, "ociVersion"),
        ({"annotations": {"": "x"}}, 'annotations[""]'),
    ],
)
def test_a_broken_state_is_refused_with_its_field(changes: dict[str, object], field: str) -> None:
    assert [problem.field for problem in state.validate(GOOD | changes)] == [field]


def test_a_runtime_may_have_more_statuses() -> None:
    """ "Additional values MAY be defined by the runtime" """
    assert state.validate(GOOD | {"status": "paused"}) == []


def test_the_state_inside_a_container_process_state_is_judged_too() -> None:
    message = {"ociVersion": "1.3.0", "pid": 1, "state": GOOD | {"bundle": "x", "pid": None}}
    assert [problem.field for problem in state.validate_process_state(message)] == ["state.bundle", "state.pid"]


@pytest.mark.parametrize(
    ("least", "most", "valid"),
    [
        ("1.0.0", "1.3.0", True),
        ("1.0.0-rc.2", "1.0.0", True),
        ("1.0.0-rc.2", "1.0.0-rc.10", True),
        ("1.0.0-2", "1.0.0-rc", True),
        ("1.3.0", "1.3.0+dev", True),
        ("1.3.0", "1.2.9", False),
        ("1.0.0", "1.0.0-rc.2", False),
    ],
)
def test_the_greatest_version_is_not_less_than_the_least(least: str, most: str, valid: bool) -> None:
    """ "The value MUST NOT be less than the value of the `ociVersionMin` property." """
    problems = features.validate({"ociVersionMin": least, "ociVersionMax": most})
    assert [problem.field for problem in problems] == ([] if valid else ["ociVersionMax"])
