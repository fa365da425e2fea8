"""The state of a container as the specification has it (runtime.md, State): building it, and judging one.

Building it is on the hot path; what only judging needs is imported there.
"""

from __future__ import annotations

from sampan.errors import Problem
from sampan.spec.names import SPEC_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from sampan.spec.types import ContainerProcessState, State


def build(
    container_id: str, status: str, bundle: str, pid: int = 0, annotations: Mapping[str, str] | None = None
) -> State:
    """The state of a container. A pid of 0 is left out: there is no process."""
    state: State = {"ociVersion": SPEC_VERSION, "id": container_id, "status": status, "bundle": bundle}
    if pid:
        state["pid"] = pid
    if annotations:
        state["annotations"] = dict(annotations)
    return state


def build_process_state(state: State, pid: int, fds: list[str], metadata: str = "") -> ContainerProcessState:
    """What is sent to a seccomp agent; ``fds`` are the names of the descriptors that go with it."""
    message: ContainerProcessState = {"ociVersion": SPEC_VERSION, "fds": fds, "pid": pid, "state": state}
    if metadata:
        message["metadata"] = metadata
    return message


def validate(document: object) -> list[Problem]:
    """Everything in a decoded state that breaks the specification."""
    from sampan.spec.check import check
    from sampan.spec.schema_state import STATE

    return [*check(document, STATE), *_rules(document, "runtime.md#state")]


def validate_process_state(document: object) -> list[Problem]:
    """Everything in a decoded container process state that breaks the specification."""
    from sampan.spec.check import below, check
    from sampan.spec.schema_state import CONTAINER_PROCESS_STATE

    section = "config-linux.md#the-container-process-state"
    found = [*check(document, CONTAINER_PROCESS_STATE), *_rules(document, section)]
    if isinstance(document, dict):
        found += below("state", _rules(document.get("state"), "runtime.md#state"))
    return found


def _rules(document: object, section: str) -> list[Problem]:
    from sampan.spec.rules import is_semantic_version

    found: list[Problem] = []
    if not isinstance(document, dict):
        return found
    version = document.get("ociVersion")
    if isinstance(version, str) and not is_semantic_version(version):
        found.append(Problem("ociVersion", version, "must be a version in SemVer 2.0.0 format", section))
    if document.get("status") in ("created", "running") and document.get("pid") is None:
        # "pid (int, REQUIRED when `status` is `created` or `running` on Linux, OPTIONAL on other platforms)"
        found.append(Problem("pid", None, f"is required when the status is {document['status']}", section))
    return found
