"""The verb "features": prints what this build can do, as features.md describes it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.options import Arguments, Table
    from sampan.cli.settings import Settings

SUMMARY = "print what this runtime can do as JSON"
OPERANDS = ()
OPTIONS: Table = ()
DETAILS = "The document is the specification's Features structure, by which engines learn what they may ask for."


def run(_settings: Settings, _arguments: Arguments) -> int:
    """Print the document."""
    from sampan._linux import json_dumps
    from sampan.cli.feature_set import document
    from sampan.cli.output import write

    write(json_dumps(document(), 2).decode() + "\n")
    return 0
