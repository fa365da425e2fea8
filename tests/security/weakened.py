"""sampan with one of its defences taken out of a copy of its sources: an attack that fails on sampan must succeed
there, or the test could not fail."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import sampan

PACKAGE = Path(sampan.__file__).parent
SOURCES = Path(__file__).resolve().parents[2] / "src/sampan"
_START = "import sys; sys.path.append(sys.argv.pop(1)); from sampan.cli.main import command; command()"


@dataclass(frozen=True)
class Defence:
    """A piece of a source file, and what takes its place to do without the defence."""

    file: str  # below src/sampan
    code: str
    instead: str

    def remove_from(self, directory: Path) -> None:
        path = directory / self.file
        text = path.read_text()
        assert text.count(self.code) == 1, f"{self.file} has {text.count(self.code)} times: {self.code}"
        path.write_text(text.replace(self.code, self.instead))


def build(directory: Path, defences: tuple[Defence, ...]) -> Path:
    """The command of a copy of the installed package without these defences."""
    package = directory / "sampan"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__", "modules.bin"))
    for defence in defences:
        if not defence.file.startswith("native/"):
            defence.remove_from(package)
    native = tuple(defence for defence in defences if defence.file.startswith("native/"))
    if native:
        _compile_init(directory, package, native)
    command = directory / "weakened-sampan"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S -B -X utf8 -c "{_START}" {directory} "$@"\n')
    command.chmod(0o755)
    return command


def _compile_init(directory: Path, package: Path, defences: tuple[Defence, ...]) -> None:
    shutil.copytree(SOURCES / "native", directory / "native")
    for defence in defences:
        defence.remove_from(directory)
    flags = (directory / "native/init.flags").read_text().split()
    build_file = (SOURCES / "meson.build").read_text()
    files = build_file[build_file.index("\n  'init',") :].partition("c_args")[0]
    names = [directory / name for name in re.findall(r"'(native/\w+\.c)'", files)]
    subprocess.run(["cc", *flags, "-w", "-o", package / "init", *names], check=True)
