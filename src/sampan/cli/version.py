"""What --version prints. Engines read the first line: a name, the word "version", and the version."""

from __future__ import annotations

import sys

from sampan import __version__
from sampan.spec.names import SPEC_VERSION


def text() -> str:
    """The versions of sampan, of the specification that it follows, and of what it stands on."""
    try:
        from sampan._seccomp import version

        libseccomp = _dotted(version())
    except ImportError as error:
        libseccomp = f"cannot be loaded ({error})"
    python = _dotted(sys.version_info[:3])
    return f"sampan version {__version__}\nspec: {SPEC_VERSION}\npython: {python}\nlibseccomp: {libseccomp}\n"


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))
