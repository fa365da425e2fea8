"""A reader who follows a page to the letter, in a mount namespace that test_pages.py has made: runs what standard input
says, a JSON list of {"language", "text", "user"}, and writes a JSON list of what each printed.

All programs of a page are one program, as in an interpreter. States of containers are in a /run/sampan of its own; what
is in it at the end, the page has left behind.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rootless.land import closed_parents
from rootless.land_init import open_up

PATIENCE = 60  # seconds for a command
STATES = Path("/run/sampan")


def follow(parts: list[dict[str, Any]], user: int, home: Path) -> list[str]:
    """What each of them printed."""
    program: dict[str, Any] = {"__name__": "__main__"}
    printed = []
    for part in parts:
        with tempfile.TemporaryFile("w+b") as output:
            # a file, not a pipe: what a container that stays behind holds open must not be waited for
            if part["language"] == "python":
                interpret(part["text"], part["place"], program, output.fileno())
            else:
                command(part["text"], output.fileno(), user if part["user"] else None, home)
            output.seek(0)
            printed.append(output.read().decode(errors="replace"))
    return printed


def interpret(text: str, place: str, program: dict[str, Any], output: int) -> None:
    """Run it in this process, whose standard streams lead to ``output`` meanwhile."""
    own = os.dup(1), os.dup(2)
    os.dup2(output, 1), os.dup2(output, 2)
    try:
        exec(compile(text, place, "exec"), program)
    except BaseException:  # noqa: BLE001 - whatever a page raises is what it prints
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        for target, descriptor in enumerate(own, 1):
            os.dup2(descriptor, target)
            os.close(descriptor)


def command(text: str, output: int, user: int | None, home: Path) -> None:
    """Run it in a shell, in ``home`` and as that user, if one is given."""
    more: dict[str, Any] = {}
    if user is not None:
        environment = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home), "PATH": os.environ["PATH"]}
        more = {"user": user, "group": user, "extra_groups": (), "cwd": home, "env": environment}
    subprocess.run(text, shell=True, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=PATIENCE, **more)


def left() -> list[str]:
    """Containers that are there at the end. They are removed."""
    found = [name for name in os.listdir(STATES) if not name.startswith(".")]
    for name in found:
        subprocess.run(["sampan", "delete", "--force", name])
    return found


def main() -> None:
    request = json.load(sys.stdin)
    home = Path("home").absolute()
    home.mkdir(mode=0o700)
    os.chown(home, request["user"], request["user"])
    STATES.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", STATES], check=True)
    if request["user"]:
        for closed, paths in closed_parents([sys.base_prefix, sys.prefix]).items():
            open_up(closed, paths, Path("aside").absolute())
    try:
        printed = follow(request["parts"], request["user"], home)
    finally:
        remaining = left()
    print(json.dumps({"printed": printed, "left": remaining}))


if __name__ == "__main__":
    main()
