"""`kill --regex` and `delete --regex`: one operation for all containers whose id matches. Imported only for these.

As crun does it: the expression may match any part of an id, and a container that refuses is a warning, since among many
there is always one that has just ended.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sampan.errors import SampanError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sampan.cli.options import Arguments
    from sampan.cli.settings import Settings
    from sampan.engine.store import Store


def for_each(settings: Settings, arguments: Arguments, store: Store, operation: Callable[[str], None]) -> None:
    """Call ``operation`` with each id of ``store`` that matches the first operand. Raises UsageError for a bad one."""
    try:
        expression = re.compile(arguments.operands[0])
    except re.error as error:
        raise arguments.misuse(f'--regex: "{arguments.operands[0]}" is no regular expression: {error}') from None
    for container_id in filter(expression.search, store.ids()):
        try:
            operation(container_id)
        except SampanError as error:
            settings.log.warning(str(error))
