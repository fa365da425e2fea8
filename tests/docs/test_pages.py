"""Every page is true to the letter: its programs and commands are run, in their order, and print what it says."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sampan.engine import profiles
from sampan.spec.config import load

from .blocks import PAGES, PROJECT, RUN, Block, blocks, indented, matches

READER = Path(__file__).with_name("reader.py")
# Languages of blocks that are not run. What is `text` is a form, a picture, or what something prints.
OTHERS = ("json", "ini", "text")
# What cannot be run where the tests are. It should stay short.
NOT_RUN = {
    "README.md": 3,  # an installation, and the tests themselves; an image of a registry
    "docs/rootless.md": 1,  # a systemd of the user
    "docs/systemd.md": 1,  # systemd
}


def name_of(page: Path) -> str:
    return str(page.relative_to(PROJECT))


FOLLOWED = [page for page in PAGES if any(block.is_run for block in blocks(page))]


@pytest.fixture
def directory() -> Iterator[Path]:
    """A place where everybody may go, as the root filesystems of some containers have to be."""
    path = Path(tempfile.mkdtemp(prefix="page-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="most of it is for root")
@pytest.mark.parametrize("page", FOLLOWED, ids=name_of)
def test_a_page_is_true(page: Path, directory: Path) -> None:
    sampan = shutil.which("sampan", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if sampan is None:
        pytest.skip("sampan is not installed")
    steps = list(steps_of(page))
    as_user = any(part["user"] for part, _ in steps)
    request = {"parts": [part for part, _ in steps], "user": pwd.getpwnam("nobody").pw_uid if as_user else 0}
    words = ["unshare", "--mount", "--propagation", "private", sys.executable, "-W", "error", str(READER)]
    done = subprocess.run(
        words,
        input=json.dumps(request),
        cwd=directory,
        env={**os.environ, "PATH": f"{Path(sampan).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    for (part, expected), printed in zip(steps, result["printed"], strict=True):
        assert matches(expected, printed), (
            f"{part['place']}:\n{part['text']}\n-- prints --\n{printed}\n-- the page says --\n{expected}"
        )
    assert result["left"] == [], "containers that the page leaves behind"


def steps_of(page: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """(what is run, what it shall print), in the order of the text."""
    for block in blocks(page):
        if not block.is_run:
            continue
        part = {"language": block.language, "place": block.place, "user": block.comment == "as a user"}
        if block.language == "python":
            yield {**part, "text": block.text}, block.printed()
        else:
            for command, expected in block.steps():
                yield {**part, "text": command}, expected


def test_what_is_not_run_stays_little() -> None:
    found: dict[str, int] = {}
    for page in PAGES:
        if number := sum(block.comment.startswith("not run: ") for block in blocks(page)):
            found[name_of(page)] = number
    assert found == NOT_RUN


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_says_what_it_is(page: Path) -> None:
    """A language that is run, or one of which nothing can be run; an indented block would say neither."""
    assert [block.place for block in blocks(page) if block.language not in (*RUN, *OTHERS)] == []
    made = re.search("<!-- Made by scripts/make-reference", page.read_text())  # of tables that are tested elsewhere
    assert made or indented(page) == []


def merged(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    both = {
        name: merged(document[name], value) for name, value in changes.items() if isinstance(document.get(name), dict)
    }
    return document | changes | both


JSON = [block for page in PAGES for block in blocks(page) if block.language == "json"]


@pytest.mark.parametrize("block", JSON, ids=lambda block: block.place)
def test_json_is_valid(block: Block) -> None:
    """Parts of a configuration are, in an otherwise ordinary one."""
    shown = json.loads(block.text)
    if {"linux", "process", "mounts", "annotations"} & set(shown):
        load(json.dumps(merged(dict(profiles.default(rootless=False)), shown)).encode())
