"""The verb "ps": the processes of a container, as a list of pids or as the machine's own `ps` shows them."""

from __future__ import annotations

from sampan.errors import KernelError, SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sampan.cli.options import Arguments
    from sampan.cli.settings import Settings

SUMMARY = "list the processes of a container"
OPERANDS = ("ID", "[PS OPTION...]")
OPTIONS = (("format", "f", "table|json", "for people (the default), or a list of pids"),)
DETAILS = "What follows ID are options of ps(1), -ef where there are none. Its output must have a column PID."
STOP_AT_OPERAND = True


def run(settings: Settings, arguments: Arguments) -> int:
    """Print the processes."""
    from sampan.cli.output import write
    from sampan.engine.processes import pids
    from sampan.engine.store import Store

    form = arguments.choice("format", ("table", "json"))
    found = pids(Store(settings.root()), arguments.container_id())
    if form == "json":
        from sampan._linux import json_dumps

        write(json_dumps(found).decode() + "\n")
    else:
        write(only(_ps(arguments.operands[1:] or ["-ef"]), set(found)))
    return 0


def only(output: str, pids: Collection[int]) -> str:
    """The lines of ps's ``output`` that are about ``pids``, below its title. Raises SampanError."""
    title, *lines = output.split("\n")  # and nowhere else: arguments may hold other signs that end a line
    if "PID" not in title.split():
        raise SampanError("the output of ps has no column PID, by which the container's processes are told; ask for it")
    column = title.split().index("PID")
    kept = [line for line in lines if line.strip() and _pid(line, column) in pids]
    return "".join(f"{line}\n" for line in (title, *kept))


def _pid(line: str, column: int) -> int:
    words = line.split()
    if column >= len(words) or not words[column].isdigit():
        raise SampanError(f"ps has no pid in column {column + 1} of this line; put pid first: {line.strip()!r}")
    return int(words[column])


def _ps(options: Sequence[str]) -> str:
    import subprocess

    try:
        done = subprocess.run(["ps", *options], capture_output=True, check=False)  # noqa: S607 - the user's own
    except OSError as error:
        detail = "it makes the table, and is in the package procps; --format json does without"
        raise KernelError("run", "ps", error.errno or 0, detail=detail) from None
    if done.returncode != 0:
        message = done.stderr.decode(errors="replace").strip()
        raise SampanError(f"ps {' '.join(options)}: exit status {done.returncode}: {message}")
    return done.stdout.decode(errors="surrogateescape")
