"""What of the machine the container has for itself: config-linux.md, Namespaces, User namespace mappings, Sysctl."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sampan.api.building import arguments
from sampan.api.building.arguments import checked, is_number, judge_map, mappings, refused
from sampan.api.building.document import Part
from sampan.spec import schema_linux
from sampan.spec.check import ABSOLUTE, ID_MAPPINGS, STRING
from sampan.spec.names import sysctl_path
from sampan.spec.rules_linux import MAX_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    from sampan.api.building.arguments import IDs, Path
    from sampan.api.building.document import Document

    Kind = Literal["mount", "pid", "network", "uts", "ipc", "user", "cgroup", "time"]

_KIND = schema_linux.NAMESPACE[4]["type"]
_NAMESPACES = "linux.namespaces"
_SECOND = 1_000_000_000  # nanoseconds
_ONLY_WITH = {  # fields that mean nothing without a namespace
    "user": ("uidMappings", "gidMappings"),
    "time": ("timeOffsets",),
}


class Namespaces(Part):
    """Namespaces, and what belongs to one. All methods raise UsageError."""

    __slots__ = ()

    def new_namespaces(self, *kinds: Kind) -> Self:
        """Give it new namespaces of these kinds (`linux.namespaces`). For "user" see `with_user_mappings`."""
        document = self._document
        for kind in kinds:
            document = document.put(_NAMESPACES, "type", {"type": checked("kinds", kind, _KIND)})
        return self._of(document)

    def join_namespace(self, kind: Kind, path: Path) -> Self:
        """Let it be in a namespace that there is: ``path`` is such as "/proc/1234/ns/net" or "/run/netns/blue"."""
        entry = {"type": checked("kind", kind, _KIND), "path": arguments.path("path", path, ABSOLUTE)}
        return self._of(_without(self._document, kind).put(_NAMESPACES, "type", entry))

    def host_namespaces(self, *kinds: Kind) -> Self:
        """Let it share these of the program that makes it: no namespaces of their own."""
        document = self._document
        for kind in kinds:
            checked("kinds", kind, _KIND)
            document = _without(document, kind).remove(_NAMESPACES, "type", (kind,))
        return self._of(document)

    def with_user_mappings(self, uids: Iterable[IDs], gids: Iterable[IDs] | None = None) -> Self:
        """A user namespace of its own, in which its users are others than on the host (`linux.uidMappings` and
        `linux.gidMappings`, config-linux.md#user-namespace-mappings).

        Each range is (the first id in the container, the first on the host, how many): [(0, 100000, 65536)]. ``gids``
        are like ``uids`` unless they are given.
        """
        uids = list(uids)
        document = self._document.set("linux.uidMappings", mappings("uids", uids, ID_MAPPINGS))
        document = document.set("linux.gidMappings", mappings("gids", uids if gids is None else gids, ID_MAPPINGS))
        return self._of(document.put(_NAMESPACES, "type", {"type": "user"}))

    def with_time_offsets(self, *, monotonic: float | None = None, boottime: float | None = None) -> Self:
        """A time namespace of its own, whose clocks are so many seconds ahead (`linux.timeOffsets`)."""
        offsets = {}
        for clock, ahead in (("monotonic", monotonic), ("boottime", boottime)):
            if ahead is None:
                continue
            if not is_number(ahead) or abs(ahead) >= 2**63:
                raise refused(clock, ahead, "must be a number of seconds", "config-linux.md#offset-for-time-namespace")
            seconds, nanoseconds = divmod(round(ahead * _SECOND), _SECOND)
            offsets[clock] = {"secs": seconds, "nanosecs": nanoseconds}
        document = self._document.update("linux.timeOffsets", offsets)
        return self._of(document.put(_NAMESPACES, "type", {"type": "time"}))

    def with_hostname(self, hostname: str) -> Self:
        """Its name, in a uts namespace (`hostname`, config.md#hostname)."""
        return self._of(self._document.set("hostname", _name("hostname", hostname)))

    def with_domainname(self, domainname: str) -> Self:
        """Its NIS domain, in a uts namespace (`domainname`, config.md#domainname)."""
        return self._of(self._document.set("domainname", _name("domainname", domainname)))

    def with_sysctl(self, parameters: Mapping[str, str | None]) -> Self:
        """Set parameters of the kernel that belong to its namespaces (`linux.sysctl`).

        As {"net.core.somaxconn": "4096"}; None removes one.
        """
        judge_map("parameters", parameters)
        for name in parameters:
            if not {"", ".", ".."}.isdisjoint(sysctl_path(name).split("/")):
                raise refused("parameters", name, "must have names of kernel parameters", "config-linux.md#sysctl")
        return self._of(self._document.update("linux.sysctl", parameters))

    def with_network_device(self, host_name: str, *, name: str | None = None) -> Self:
        """Move a network device of the host into its network namespace (`linux.netDevices`), there called ``name``."""
        from sampan.spec.rules_rare import LONGEST_INTERFACE_NAME

        for argument, value in (("host_name", host_name), ("name", name)):
            if value is not None and not 0 < len(checked(argument, value, STRING)) <= LONGEST_INTERFACE_NAME:
                rule = f"must have 1 to {LONGEST_INTERFACE_NAME} characters"
                raise refused(argument, value, rule, "config-linux.md#network-devices")
        return self._of(self._document.update("linux.netDevices", {host_name: {} if name is None else {"name": name}}))


def _without(document: Document, kind: str) -> Document:
    """Without the fields that belong to a new namespace of the kind."""
    for field in _ONLY_WITH.get(kind, ()):
        document = document.set(f"linux.{field}", None)
    return document


def _name(argument: str, value: str) -> str:
    name: str = checked(argument, value, STRING)
    if len(name.encode()) > MAX_NAME:
        raise refused(argument, name, f"must not be longer than {MAX_NAME} bytes", f"config.md#{argument}")
    return name
