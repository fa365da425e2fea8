"""Why a directory of containers' states is not believed. On no path that works.

Whoever can write a record can have hooks run, processes killed and cgroups removed by whoever acts on it: root, asked
to list the containers of a user, must not do what that user has written there.
"""

from __future__ import annotations

import posix

from sampan.engine.query import user_name
from sampan.errors import StateError


def distrusted(what: str, status: posix.stat_result) -> StateError:
    """The error for a directory with this ``status``, that others can write to."""
    if status.st_uid in (posix.geteuid(), 0) and status.st_mode & 0o022:
        return StateError(
            f"{what} can be written to by others, so it is not trusted: chmod go-w, or use another --root"
        )
    owner = user_name(status.st_uid)
    return StateError(
        f"{what} belongs to user {owner}, who could have written anything there: "
        f"do this as {owner}, or use --root with a directory of your own"
    )
