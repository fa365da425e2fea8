"""The verb "run": create and start in one, and wait for the process to end. Hot path."""

from __future__ import annotations

from sampan.cli import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.options import Arguments
    from sampan.cli.settings import Settings

SUMMARY = "create and start a container, wait for its process, and delete it"
OPERANDS = ("ID",)
OPTIONS = (
    *create.OPTIONS,
    ("detach", "d", "", "return once the process runs, and let it run"),
    ("keep", "", "", "do not delete the container when its process has ended"),
    ("no-subreaper", "", "", "do not become the parent of the container's orphans"),
)
DETAILS = f"Signals are passed on to the process, and its exit status is the command's.\n{create.DETAILS}"


def run(settings: Settings, arguments: Arguments) -> int:
    """Run the container; the status is the process's, or 0 where it is detached."""
    from sampan.engine.run import run as run_container
    from sampan.engine.store import Store

    return run_container(
        Store(settings.root()),
        arguments.container_id(),
        arguments.text("bundle", "."),
        create.create_options(settings, arguments),
        detach=arguments.flag("detach"),
        keep=arguments.flag("keep"),
        subreaper=not arguments.flag("no-subreaper"),
        command=settings.command_for("finish"),
    )
