"""All areas, in the order in which a person reads them, and what comes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sampan.doctor import cgroups, directories, engines, file_systems, kernel, resources, seccomp, security, users
from sampan.doctor.row import STATES

if TYPE_CHECKING:
    from sampan.doctor.host import Host
    from sampan.doctor.row import Row

FORMAT = 1  # of the document: raised when something in it changes its meaning or goes
AREAS = {
    "kernel": (kernel, "Kernel"),
    "mounts": (file_systems, "Mounts"),
    "seccomp": (seccomp, "Seccomp"),
    "cgroups": (cgroups, "Cgroups"),
    "users": (users, "Users and ids"),
    "security": (security, "Security modules"),
    "resources": (resources, "Rare resources"),
    "directories": (directories, "Directories"),
    "engines": (engines, "Engines"),
}


@dataclass(frozen=True)
class Examination:
    """A host, and what was found."""

    host: Host
    rows: tuple[Row, ...]

    @property
    def forbids(self) -> list[Row]:
        """What keeps sampan from making any container."""
        return [row for row in self.rows if row.forbids]

    @property
    def counts(self) -> dict[str, int]:
        """How many rows there are of each state."""
        return {state: sum(row.state == state for row in self.rows) for state in STATES}


def examine(host: Host) -> Examination:
    """Look at everything."""
    return Examination(host, tuple(row for module, _ in AREAS.values() for row in module.rows(host)))


def document(examination: Examination, version: str) -> dict[str, Any]:
    """For programs: docs/doctor.md says what stays as it is."""
    host = examination.host
    return {
        "format": FORMAT,
        "sampan": {"version": version, "command": host.command},
        "host": {
            "kernel": host.release,
            "machine": host.machine,
            "uid": host.uid,
            "privileged": host.is_privileged,
        },
        "usable": not examination.forbids,
        "counts": examination.counts,
        "checks": [
            {
                "id": row.id,
                "area": row.area,
                "name": row.name,
                "state": row.state,
                "required": row.required,
                "found": row.found,
                "why": row.why,
                "fix": row.fix,
                "needsLinux": row.needs,
            }
            for row in examination.rows
        ],
    }
