"""What to tell a user whose range of ids was not mapped: what /etc/subuid and /etc/subgid give, and what to do. On no
path that works.
"""

from __future__ import annotations

import posix

from sampan.engine.query import user_name
from sampan.errors import KernelError, SampanError
from sampan.linux import files

# program -> the field that asks for the ids, the file that gives them, what adds to it, what they are
_PROGRAMS = {
    "newuidmap": ("linux.uidMappings", "/etc/subuid", "--add-subuids", "uid"),
    "newgidmap": ("linux.gidMappings", "/etc/subgid", "--add-subgids", "gid"),
}


def refusal(program: str, said: str | None) -> SampanError:
    """The error for a ``program`` that failed and ``said`` why, or for one that is not there (None)."""
    field, path, option, kind = _PROGRAMS[program]
    if said is None:
        return SampanError(
            f"{field}: a user maps more than the own {kind} by {program}, which is not installed: "
            f"install the package uidmap (or shadow-utils), or map the one id {_own(kind)} alone"
        )
    if "not allowed" not in said:
        hint = f"{program} must be setuid root or have file capabilities, on a mount without nosuid, and so must not "
        return SampanError(f"{field}: {said or f'{program} failed'} ({hint}be run under no_new_privs)")
    user = user_name(posix.geteuid())
    ranges = _given(path, user)
    given = f"{path} gives user {user} {', '.join(ranges)}" if ranges else f"{path} gives user {user} no ids"
    hint = f"map these and {_own(kind)}, or let root add others: usermod {option} FIRST-LAST {user}"
    return SampanError(f"{field}: {said} ({given}; {hint})")


def _own(kind: str) -> int:
    return posix.geteuid() if kind == "uid" else posix.getegid()


def _given(path: str, user: str) -> list[str]:
    """The ranges of the user, as FIRST-LAST."""
    try:
        lines = files.read(path).decode(errors="replace").splitlines()
    except KernelError:
        return []
    found = []
    for line in lines:
        owner, *numbers = line.strip().split(":")
        if owner in (user, str(posix.geteuid())) and len(numbers) == 2 and all(map(str.isdigit, numbers)):
            found.append(f"{numbers[0]}-{int(numbers[0]) + int(numbers[1]) - 1}")
    return found
