"""examples/pytest_in_containers: a test in a container is for the person who started pytest like any other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from .readme import copy_of, environment, follow

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="limits need root")

TESTS = '''
import os, pathlib, pytest

contained = pytest.mark.container

@pytest.fixture(scope="module")
def here():
    """Torn down at the right moment, though the last test of this module runs elsewhere."""
    yield os.getpid()
    pathlib.Path("out/torn-down").touch()

def test_outside(here):
    assert os.getpid() == here != 1

@contained(writable=["out"], env={"WORD": "hello"}, network=True)
@pytest.mark.parametrize("text", ["a::b[c]", "\\n/ "])
def test_words(text, option, record_property):
    assert option == "a word"
    record_property("length", len(text))
    pathlib.Path("out", str(len(text))).write_text(os.environ["WORD"] + os.readlink("/proc/self/ns/net"))

@pytest.fixture
def broken():
    yield
    raise RuntimeError("of the fixture")

@contained
def test_teardown(broken):
    pass

@pytest.fixture
def fatal():
    yield
    os._exit(8)

@contained
def test_it_ends_python():
    os._exit(7)

@contained
def test_its_fixture_ends_python(fatal):
    pass

@contained(colour="red")
def test_unknown_word():
    pass

@contained("64M")
def test_word_without_name():
    pass

@pytest.mark.skipif(os.getpid() == 1, reason="seen only inside")
@contained
def test_skipped_inside():
    pass
'''
NEXT = """
import pathlib
def test_after():
    assert pathlib.Path("out/torn-down").exists()
"""
CONFTEST = """
import pytest
def pytest_addoption(parser):
    parser.addoption("--word")
@pytest.fixture
def option(pytestconfig):
    return pytestconfig.getoption("word")
"""


def test_the_readme_is_true(tmp_path: Path) -> None:
    follow(copy_of("pytest_in_containers", tmp_path))


def test_outcomes_are_those_of_pytest(tmp_path: Path) -> None:
    project = copy_of("pytest_in_containers", tmp_path)
    for name, content in (("conftest", CONFTEST), ("test_many", TESTS), ("test_next", NEXT)):
        (project / f"{name}.py").write_text(content)
    (project / "out").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--junitxml=report.xml", "test_many.py", "test_next.py", "--word=a word"],
        cwd=project,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1, done
    cases = {case.get("name", ""): case for case in ElementTree.parse(project / "report.xml").iter("testcase")}
    assert [name for name, case in cases.items() if case.find("./properties/property[@name='length']") is not None] == [
        "test_words[a::b[c]]",
        "test_words[\\n/ ]",
    ]
    seen = {name: [(part.tag, part.get("message")) for part in case] for name, case in cases.items()}
    for name in ("test_unknown_word", "test_word_without_name"):
        assert "cannot run this test in a container: " in str(seen.pop(name))
    assert {name: parts for name, parts in seen.items() if "words" not in name} == {
        "test_outside": [],
        "test_teardown": [("error", 'failed on teardown with "RuntimeError: of the fixture"')],
        "test_it_ends_python": [("failure", "the test's container has ended before the test, with exit status 7")],
        "test_its_fixture_ends_python": [
            ("error", 'failed on teardown with "the test\'s container has ended before the test, with exit status 8"')
        ],
        "test_skipped_inside": [("skipped", "seen only inside")],
        "test_after": [],
    }
    network = os.readlink("/proc/self/ns/net")
    assert [(project / "out" / size).read_text() for size in ("3", "7")] == [f"hello{network}"] * 2
