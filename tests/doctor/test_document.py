"""docs/doctor.md names all checks, and its example is a document."""

from __future__ import annotations

import json
import re
from pathlib import Path

from sampan.doctor.examination import document, examine

from .fakes import FakeTries, a_host

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "doctor.md").read_text()
ENGINES = "podman dockerd containerd crio nomad buildah nerdctl kubelet"


def named() -> set[str]:
    """The ids in the table of checks: `kernel.clone3`, `.openat2` are two of one area."""
    found = set()
    for line in TEXT.partition("## The checks")[2].splitlines():
        area = ""
        for word in re.findall(r"`([a-zA-Z0-9_.]+)`", line.split("|")[1] if line.count("|") > 2 else ""):
            area = word.partition(".")[0] or area
            found.add(f"{area}.{word.partition('.')[2]}")
    return found


def test_all_checks_are_named_and_no_others(tmp_path: Path) -> None:
    with_engines = a_host(tmp_path / "1", {f"/usr/bin/{name}": "" for name in ENGINES.split()})
    ids = {row.id for host in (with_engines, a_host(tmp_path / "2")) for row in examine(host).rows}
    types = {own_id for own_id in ids if own_id.endswith("_namespaces")}
    assert named() == ids - types | {"kernel.TYPE_namespaces"}


def test_the_example_has_the_members_of_a_document(tmp_path: Path) -> None:
    (example,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    shown = json.loads(example)
    made = document(examine(a_host(tmp_path, uid=1000, tries=FakeTries())), "0.1.0")
    assert shown["format"] == made["format"]
    for member in ("sampan", "host", "counts"):
        assert set(shown[member]) == set(made[member])
    check = next(check for check in made["checks"] if check["id"] == "users.subuid")
    assert shown["checks"] == [check]
