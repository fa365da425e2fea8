"""The documentation as a site: it is built without warnings and without a network, and loads nothing from elsewhere."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sampan
import sampan.aio

PROJECT = Path(__file__).resolve().parents[2]
KINDS = ("Tutorials", "How-to", "Reference", "Explanation")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="needs mkdocs: `make .venv/.docs-tools`")
    pytest.importorskip("mkdocstrings", reason="needs mkdocstrings: `make .venv/.docs-tools`")
    directory = tmp_path_factory.mktemp("site")
    alone = ["unshare", "--net"] if os.geteuid() == 0 else []
    words = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(directory)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run([*alone, *words], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return directory


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    loads = re.compile(
        r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"?(?:https?:)?//|<link\b[^>]*\bhref=\"?(?:https?:)?//"
    )
    pages = list(site.rglob("*.html"))
    assert len(pages) > 25
    assert [page.name for page in pages if loads.search(page.read_text())] == []
    styles = "".join(path.read_text() for path in site.rglob("*.css"))
    assert not re.search(r"(?:@import|url\()[\s\"']*(?:https?:)?//", styles)


@pytest.mark.parametrize(("page", "names"), [("reference", sampan.__all__), ("reference-aio", sampan.aio.__all__)])
def test_every_public_name_is_in_the_reference(site: Path, page: str, names: list[str]) -> None:
    text = (site / f"{page}.html").read_text()
    package = "sampan.aio" if page.endswith("aio") else "sampan"
    public = {name for name in names if not name.startswith("_")}
    assert public - set(re.findall(rf'id="{re.escape(package)}\.(\w+)"', text)) == set()


def test_every_public_member_is_in_the_reference(site: Path) -> None:
    """What has no docstring would be left out."""
    text = (site / "reference.html").read_text()
    # for the rest of the package: mkdocs.yml
    hidden = {"abandon", "begin", "cgroup_directories", "decoded", "ending", "expired", "finish", "of", "watch"}
    kinds = [kind for name in sampan.__all__ if isinstance(kind := getattr(sampan, name), type)]
    missing = {}
    for kind in kinds:
        if issubclass(kind, BaseException):
            continue
        own = [base for base in kind.__mro__ if base.__module__.startswith("sampan.")]
        members = {name for base in own for name in (*vars(base), *inspect.get_annotations(base))}
        members = {name for name in members if not name.startswith("_")} - hidden
        missing[kind.__name__] = members - set(re.findall(rf'id="sampan\.{kind.__name__}\.(\w+)"', text))
    assert len(missing) > 5
    assert {name: members for name, members in missing.items() if members} == {}


def test_the_four_kinds_of_pages(site: Path) -> None:
    home = (site / "index.html").read_text()
    tabs = [
        " ".join(re.sub(r"<.*?>", "", item).split()) for item in re.findall(r'"md-tabs__item.*?</li>', home, re.DOTALL)
    ]
    assert [tab.rpartition(" ")[2] for tab in tabs] == ["Home", *KINDS]


def test_the_search_finds_pages(site: Path) -> None:
    index = (site / "search" / "search_index.json").read_text()
    for word in ("sampan.TimeoutExpiredError", "What a container is made of", "untrusted-code.html"):
        assert word in index
