"""The verb "mounts": mounts something in a container that exists, or unmounts it. Off the hot path."""

from __future__ import annotations

from sampan.errors import KernelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.options import Arguments
    from sampan.cli.settings import Settings

SUMMARY = "add mounts to a container, or remove them"
OPERANDS = ("add|remove", "ID", "FILE")
OPTIONS = ()
DETAILS = """\
FILE is a JSON array of mounts, as `mounts` of config.json; "-" is standard input. All of them are added, or none. A
relative source begins at the bundle. To remove only the destination counts; what is mounted below it goes, too."""

_ACTIONS = ("add", "remove")


def run(settings: Settings, arguments: Arguments) -> int:
    """Add or remove the mounts."""
    from sampan.engine import mounting
    from sampan.engine.store import Store

    action, *arguments.operands = arguments.operands
    if action not in _ACTIONS:
        raise arguments.misuse(f'what to do must be {" or ".join(_ACTIONS)}, not "{action}"')
    container_id, source = arguments.container_id(), arguments.operands[1]
    data, store = _read(source), Store(settings.root())
    document = "standard input" if source == "-" else source
    if action == "add":
        mounting.add(store, container_id, data, document, warn=settings.log.warning)
    else:
        mounting.remove(store, container_id, data, document)
    return 0


def _read(source: str) -> bytes:
    """Raises KernelError."""
    from sampan.linux import files

    if source != "-":
        return files.read(source)
    try:
        return files.read_fd(0)
    except OSError as error:
        raise KernelError("read", "standard input", error.errno or 0) from None
