"""The code blocks of the pages, in the order of their text, and what a reader expects of each.

A block of `python` or `console` is run; a comment in the line above it says what is special:

    <!-- as a user -->        what follows is for somebody who is not root
    <!-- not run: REASON -->  this one cannot be run here
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
INSTALL = PROJECT / "docs" / "install"  # followed with real engines: tests/engines/test_install_pages.py
PAGES = [
    PROJECT / "README.md",
    *(path for path in sorted((PROJECT / "docs").rglob("*.md")) if not path.is_relative_to(INSTALL)),
]
RUN = ("python", "console")
_COMMENT = re.compile(r"<!-- (as a user|not run: .*) -->")


@dataclass(frozen=True)
class Block:
    """What stands between two fences."""

    page: Path
    line: int  # of the opening fence
    language: str
    text: str
    comment: str  # "as a user", "not run: REASON" or ""

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(PROJECT)}:{self.line}"

    @property
    def is_run(self) -> bool:
        return self.language in RUN and not self.comment.startswith("not run")

    def steps(self) -> list[tuple[str, str]]:
        """Of a console: (command, what it prints)."""
        found: list[tuple[str, list[str]]] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
        return [(command, "\n".join(lines)) for command, lines in found]

    def printed(self) -> str:
        """Of a program: what it prints, which stands in a comment beside each `print`."""
        return "\n".join(line.rpartition("  # ")[2] for line in self.text.splitlines() if "print(" in line)


def blocks(page: Path) -> list[Block]:
    """All blocks of a page that are fenced."""
    found = []
    lines = page.read_text().splitlines()
    begin = 0  # of the block that is open; lines are counted from 1
    for number, line in enumerate(lines, 1):
        if not line.startswith("```"):
            continue
        if not begin:
            begin = number
            continue
        comment = _COMMENT.fullmatch(lines[begin - 2]) if begin > 1 else None
        text = "\n".join(lines[begin : number - 1]) + "\n"
        found.append(Block(page, begin, lines[begin - 1][3:], text, comment[1] if comment else ""))
        begin = 0
    assert not begin, f"{page}:{begin}: a block without an end"
    return found


def indented(page: Path) -> list[int]:
    """The lines in which a block begins that is indented, and not fenced."""
    text = re.sub(
        r"^```.*?^```$", lambda match: "\n" * match[0].count("\n"), page.read_text(), flags=re.MULTILINE | re.DOTALL
    )
    lines = ["", *text.splitlines()]
    return [
        number
        for number in range(1, len(lines))
        if lines[number].startswith("    ") and not lines[number - 1] and not _in_list(lines[:number])
    ]


def _in_list(lines: list[str]) -> bool:
    """Whether what comes next continues an entry of a list."""
    paragraph = next((line for line in reversed(lines) if line and not line.startswith(" ")), "")
    return paragraph.startswith(("- ", "1. ", "* "))


def matches(expected: str, printed: str) -> bool:
    """Whether it is the same text, where `...` stands for anything, and rows of spaces for one."""
    squeezed = re.sub(r" +", " ", expected).strip()
    pattern = re.escape(squeezed).replace(re.escape("..."), ".*").replace(r"\ .*\ ", r"\ .*")
    return re.fullmatch(pattern, re.sub(r" +", " ", printed).strip(), re.DOTALL) is not None
