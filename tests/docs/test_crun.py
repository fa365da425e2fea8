"""docs/crun.md says what the tables of the source say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sampan.cli.verbs import GLOBAL, all_verbs
from sampan.spec import names

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "crun.md").read_text()
TAKEN, _, NOT_TAKEN = TEXT.partition("## Not taken")


@pytest.mark.parametrize("annotation", names.CRUN_ANNOTATIONS)
def test_an_annotation_that_is_read_is_told_of(annotation: str) -> None:
    assert f"`{annotation}`" in TAKEN


def test_no_other_is() -> None:
    told = set(re.findall(r"`(run\.oci\.[a-z_.-]*[a-z_])`", TAKEN))
    assert told == set(names.CRUN_ANNOTATIONS)


def test_its_options_are_there() -> None:
    options = {f"--{name}" for table in (GLOBAL, *(verb.options for verb in all_verbs())) for name, *_ in table}
    told = set(re.findall(r"`(?:update )?(--[a-z-]+)", TAKEN))
    assert told, "the table has some"
    assert told <= options | {"--group-add"}  # podman's
