"""The verb "doctor": says what this host can do for containers, and how to get what is missing. Not on the hot path."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.options import Arguments
    from sampan.cli.settings import Settings
    from sampan.doctor.host import Host

SUMMARY = "say what this host can do for containers, and how to get what is missing"
OPERANDS = ()
OPTIONS = (("format", "f", "table|json", "for people (the default), or for programs (docs/doctor.md)"),)
DETAILS = """
Looks at the kernel, cgroups, ids, security modules, directories and engines, as the user who asks: what root and what
another user can do differs. Some things are tried, as a container would do them; nothing is changed or left behind.

Each row is ok, limited, no or unknown; what is not ok says why, and what to do. The exit status is 1 if something is
missing without which no container can be made, else 0.
"""

UNUSABLE = 1


def run(settings: Settings, arguments: Arguments) -> int:
    """Print the table, or the document."""
    import os

    from sampan import __version__
    from sampan.cli.output import write
    from sampan.doctor.examination import document, examine

    form = arguments.choice("format", ("table", "json"))
    examination = examine(_host(settings))
    if form == "json":
        import json

        write(json.dumps(document(examination, __version__), indent=2) + "\n")
    else:
        from sampan.cli.doctor_table import table

        write(table(examination, __version__, color=os.isatty(1) and not os.environ.get("NO_COLOR")))
    return UNUSABLE if examination.forbids else 0


def _host(settings: Settings) -> Host:
    import os
    import shutil

    from sampan import _linux
    from sampan.cli.main import VERBS
    from sampan.doctor.host import Host
    from sampan.errors import SampanError
    from sampan.linux.files import absolute

    try:
        state_directory = absolute(settings.root())
    except SampanError:  # no XDG_RUNTIME_DIR, or no /proc
        state_directory = ""
    beside = os.path.abspath(f"{_linux.__file__}/../../../../../bin/sampan")  # where an installation has put it
    command = shutil.which("sampan") or (beside if os.path.exists(beside) else "/usr/local/bin/sampan")
    return Host(absolute(command), state_directory, VERBS)
