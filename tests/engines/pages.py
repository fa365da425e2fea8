"""The pages of docs/install: the files that they have written, the commands to check, and what those print."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DIRECTORY = Path(__file__).resolve().parents[2] / "docs" / "install"
INSTALLED = "/usr/local/bin/sampan"  # where the pages have it
_FILE = re.compile(r"[Ii]n `(/[^`]+)`[^\n]*\n(?:[^`\n][^\n]*\n)*\n```(?:toml|json|hcl)\n(.*?)```", re.DOTALL)
_DOCUMENT = re.compile(r"^`([\w.-]+)`:\n\n```(?:yaml|hcl)\n(.*?)```", re.DOTALL | re.MULTILINE)
_CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class File:
    """A file that the reader is to write."""

    path: str
    content: str


@dataclass(frozen=True)
class Step:
    """A command, and what it prints: "..." stands for anything."""

    command: str
    output: str

    def matches(self, printed: str) -> bool:
        words = re.sub(r" +", " ", self.output).strip()
        expected = ".*".join(map(re.escape, re.split(r" ?\.\.\. ?", words)))
        return re.fullmatch(expected, re.sub(r" +", " ", printed).strip(), re.DOTALL) is not None


def read(page: str, sampan: str) -> list[File | list[Step]]:
    """What a reader does, in the order of the page; ``sampan`` takes the place of the installed one."""
    text = (DIRECTORY / f"{page}.md").read_text().replace(INSTALLED, sampan)
    found: list[tuple[int, File | list[Step]]] = []
    found += [(match.start(), File(match[1], match[2])) for match in _FILE.finditer(text)]
    found += [(match.start(), _steps(match[1])) for match in _CONSOLE.finditer(text)]
    return [part for _, part in sorted(found, key=lambda part: part[0])]


def documents(page: str) -> dict[str, str]:
    """What the reader hands to an engine's command: by the name that the page gives it."""
    return dict(_DOCUMENT.findall((DIRECTORY / f"{page}.md").read_text()))


def _steps(block: str) -> list[Step]:
    found: list[Step] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(Step(line[2:], ""))
        else:
            found[-1] = Step(found[-1].command, f"{found[-1].output}\n{line}".strip("\n"))
    return found
