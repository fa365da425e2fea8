"""Reads the global options, runs one verb, and turns errors into messages and an exit status. Hot path.

Imports the module of the verb that is asked for, and no other.
"""

from __future__ import annotations

import posix
import sys

from sampan.cli.log import Log
from sampan.cli.options import parse
from sampan.cli.output import write
from sampan.cli.settings import OPTIONS, Settings
from sampan.errors import SampanError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from sampan.cli.options import Arguments

VERBS = (
    "create",
    "start",
    "run",
    "exec",
    "state",
    "kill",
    "delete",
    "list",
    "pause",
    "resume",
    "update",
    "mounts",
    "events",
    "ps",
    "stats",
    "spec",
    "plan",
    "audit",
    "doctor",
    "features",
    "completion",
)

NOT_YET = ("checkpoint", "restore")  # runc's, which engines call: they show their users why it fails

FINISH = "finish"  # a command that another one becomes; not for people

FAILURE = 1  # of every kind, as in runc
INTERRUPTED = 130  # 128 and SIGINT, as shells say it


def command() -> NoReturn:
    """The whole life of a process that runs one command: what the launcher and `python -m sampan.cli` call."""
    status = main(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError):  # closed by the caller, or its reader is gone
            status = status or FAILURE
    posix._exit(status)  # noqa: SLF001 - taking the interpreter down in order would cost 1 ms


def main(words: Sequence[str]) -> int:
    """Run the command that ``words`` (without the program's name) ask for; returns the exit status."""
    log = Log()
    try:
        return _run(words, log)
    except SampanError as error:
        failure: BaseException = error
        message = str(error)
    except KeyboardInterrupt as error:
        failure, message = error, "interrupted"
    except BrokenPipeError:  # whoever read our output has seen enough
        return FAILURE
    except Exception as error:  # noqa: BLE001 - a user reads one line, and how to get the rest
        failure = error
        hint = "" if log.debugging else " (sampan --debug prints where)"
        message = f"unexpected {type(error).__name__}: {error}{hint}; please report it"
    if log.debugging:
        sys.excepthook(type(failure), failure, failure.__traceback__)
    log.error(message)
    return INTERRUPTED if isinstance(failure, KeyboardInterrupt) else getattr(failure, "exit_status", FAILURE)


def _run(words: Sequence[str], log: Log) -> int:
    arguments = parse("sampan", OPTIONS, words, stop_at_operand=True)
    if arguments.flag("version"):
        from sampan.cli.version import text

        write(text())
        return 0
    if arguments.flag("help") or not arguments.operands:
        return _help("")
    settings = Settings(arguments, log)
    verb, *rest = arguments.operands
    if verb == "help":
        return _help(*rest[:1])
    if verb not in VERBS and verb != FINISH:
        raise _unknown(verb)

    module = __import__(f"sampan.cli.{verb}", fromlist=("run",))
    run: Callable[[Settings, Arguments], int] = module.run
    stop = getattr(module, "STOP_AT_OPERAND", False)
    operation = parse(f"sampan {verb}", module.OPTIONS, rest, stop_at_operand=stop)
    if operation.flag("help"):
        return _help(verb)
    operation.require(module.OPERANDS)
    log.debug(f"{verb} {' '.join(rest)}")
    status = run(settings, operation)
    log.debug(f"{verb} ends with status {status}")
    return status


def _unknown(verb: str) -> UsageError:
    if verb in NOT_YET:
        return UsageError(
            f"sampan cannot {verb} containers in this release; those that need it can run with runc or crun"
        )
    return UsageError(f'unknown command "{verb}"; "sampan --help" lists the commands')


def _help(verb: str = "") -> int:
    from sampan.cli.help import of_command, of_verb

    if verb and verb not in VERBS:
        raise UsageError(f'there is no help on "{verb}"; "sampan --help" lists the commands')
    write(of_verb(verb) if verb else of_command())
    return 0
