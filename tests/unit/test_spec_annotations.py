"""What crun's annotations may say: each problem with its annotation named."""

from __future__ import annotations

import base64

import pytest

from sampan.spec import names
from sampan.spec.annotations import bpf_program, problems


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (names.SECCOMP_BPF_DATA, ""),
        (names.SECCOMP_BPF_DATA, "no base64"),
        (names.SECCOMP_BPF_DATA, base64.b64encode(bytes(7)).decode()),
        (names.SECCOMP_BPF_DATA, base64.b64encode(bytes(8 * 4097)).decode()),
        (names.MOUNT_CONTEXT_TYPE, "nonsense"),
        (names.MOUNT_CONTEXT_TYPE, ""),
        (names.HANDLER, "krun"),
        (names.DELEGATE_CGROUP, "../payload"),
        (names.DELEGATE_CGROUP, "a//b"),
        (names.SYSTEMD_SUBGROUP, "."),
    ],
)
def test_what_cannot_be_done_is_a_problem(name: str, value: str) -> None:
    (problem,) = problems({name: value, "org.opencontainers.image.os": "linux"})
    assert (problem.field, problem.value) == (f"annotations[{name}]", value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (names.SECCOMP_BPF_DATA, base64.b64encode(bytes(8 * 4096)).decode()),
        (names.MOUNT_CONTEXT_TYPE, "rootcontext"),
        (names.HANDLER, ""),
        (names.DELEGATE_CGROUP, "/payload/"),
        (names.SYSTEMD_SUBGROUP, ""),
        (names.KEEP_ORIGINAL_GROUPS, "1"),
        ("run.oci.unknown", "krun"),
    ],
)
def test_what_can_is_none(name: str, value: str) -> None:
    assert list(problems({name: value})) == []


def test_the_program_is_what_the_base64_stands_for() -> None:
    program = bytes(range(16))
    assert bpf_program(base64.b64encode(program).decode()) == program
