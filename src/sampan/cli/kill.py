"""The verb "kill": sends a signal to a container. Hot path."""

from __future__ import annotations

from sampan.cli.signals import number_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.options import Arguments
    from sampan.cli.settings import Settings

SUMMARY = "send a signal to the container's process"
OPERANDS = ("ID", "[SIGNAL]")
OPTIONS = (("all", "a", "", "send it to all processes of the container"),)
DETAILS = "SIGNAL is a name, with or without SIG, or a number; TERM where it is left out."


def run(settings: Settings, arguments: Arguments) -> int:
    """Send the signal."""
    from sampan.engine.kill import kill
    from sampan.engine.store import Store

    name = (*arguments.operands, "TERM")[1]
    number = number_of(name)
    if number is None:
        raise arguments.misuse(f'there is no signal "{name}"')
    all_processes, warn = arguments.flag("all"), settings.log.warning
    kill(Store(settings.root()), arguments.container_id(), number, all_processes=all_processes, warn=warn)
    return 0
