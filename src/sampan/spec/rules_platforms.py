"""The rules of documents for other platforms than Linux. Read only when a document is for one of them."""

from __future__ import annotations

from sampan.errors import Problem
from sampan.spec.rules import is_absolute_on_windows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampan.spec.types import Config


def platform_problems(config: Config, platform: str) -> Iterator[Problem]:
    for index, mount in enumerate(config.get("mounts", ())):
        destination = mount.get("destination", "/")
        if not destination.startswith("/") and not (platform == "windows" and is_absolute_on_windows(destination)):
            # "For all other platforms: This value MUST be an absolute path."
            yield Problem(f"mounts[{index}].destination", destination, "must be an absolute path", "config.md#mounts")
    if platform == "windows":
        yield from _windows(config)
    elif platform == "zos":
        yield from _zos(config)


def _windows(config: Config) -> Iterator[Problem]:
    root = config.get("root", {})
    if root.get("readonly"):
        yield Problem("root.readonly", True, "must be omitted or false on Windows", "config.md#root")
    path = root.get("path", "")
    # "On Windows, `path` MUST be a volume GUID path."; with a section `linux` the root is that of a Linux container
    if path and "linux" not in config and not path.startswith("\\\\?\\Volume{"):
        yield Problem("root.path", path, "must be a volume GUID path on Windows", "config.md#root")
    yield from _nested_mounts(config)
    cpu = config.get("windows", {}).get("resources", {}).get("cpu", {})
    limits = [name for name in ("count", "shares", "maximum", "affinity") if name in cpu]
    if len(limits) > 1:
        # "The following parameters can be specified (mutually exclusive)"
        rule = f"must have only one of {', '.join(limits)}"
        yield Problem("windows.resources.cpu", cpu, rule, "config-windows.md#cpu")


def _nested_mounts(config: Config) -> Iterator[Problem]:
    paths = [mount.get("destination", "").lower().replace("/", "\\") for mount in config.get("mounts", ())]
    for index, path in enumerate(paths):
        for other, outer in enumerate(paths):
            if other != index and outer and path.startswith(outer.rstrip("\\") + "\\"):
                # "One mount destination MUST NOT be nested within another mount (e.g., c:\\foo and c:\\foo\\bar)."
                rule = f"must not be nested within mounts[{other}]"
                yield Problem(f"mounts[{index}].destination", path, rule, "config.md#mounts")
                break


def _zos(config: Config) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, namespace in enumerate(config.get("zos", {}).get("namespaces", ())):
        kind = namespace.get("type", "")
        if kind in seen:
            rule = f"must not be there twice: zos.namespaces[{seen[kind]}] has it, too"
            yield Problem(f"zos.namespaces[{index}].type", kind, rule, "config-zos.md#namespaces")
        elif kind:
            seen[kind] = index
