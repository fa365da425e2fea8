"""The verb "kill": sends a signal to a container. Hot path."""

from __future__ import annotations

from sampan.cli.signals import number_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.options import Arguments
    from sampan.cli.settings import Settings

SUMMARY = "send a signal to the container's process"
OPERANDS = ("ID", "[SIGNAL]")
OPTIONS = (
    ("all", "a", "", "send it to all processes of the container"),
    ("regex", "r", "", "ID is a regular expression: send it to all containers whose id it matches, in any part"),
)
DETAILS = (
    "SIGNAL is a name, with or without SIG, or a number; TERM where it is left out.\n"
    "With --regex a container that cannot be signalled is a warning, and no error."
)


def run(settings: Settings, arguments: Arguments) -> int:
    """Send the signal, or with --regex to all that match."""
    from sampan.engine.kill import kill
    from sampan.engine.store import Store

    name = (*arguments.operands, "TERM")[1]
    number = number_of(name)
    if number is None:
        raise arguments.misuse(f'there is no signal "{name}"')
    store, all_processes, warn = Store(settings.root()), arguments.flag("all"), settings.log.warning
    if arguments.flag("regex"):
        from sampan.cli.matching import for_each

        for_each(
            settings, arguments, store, lambda name: kill(store, name, number, all_processes=all_processes, warn=warn)
        )
    else:
        kill(store, arguments.container_id(), number, all_processes=all_processes, warn=warn)
    return 0
