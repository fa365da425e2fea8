"""Where the command starts: `python -m sampan.cli`, or this file itself, as the native launcher runs it."""

import posix
import sys

if not __package__:  # run by its path: the interpreter is isolated and does not know yet where the package is
    sys.path.append(__file__[: -len("/sampan/cli/__main__.py")])

from sampan.cli.main import main

status = main(sys.argv[1:])
for stream in (sys.stdout, sys.stderr):
    try:
        stream.flush()
    except (AttributeError, OSError):  # closed by the caller, or its reader is gone
        status = status or 1
posix._exit(status)  # taking the interpreter down in order would cost 1 ms
