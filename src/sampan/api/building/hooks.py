"""What others do at points of the container's life, and what they know of it: config.md, Hooks and Annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sampan.api.building import arguments
from sampan.api.building.arguments import fitting, judge_map, refused, words
from sampan.api.building.document import Part
from sampan.spec import schema
from sampan.spec.check import ABSOLUTE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from sampan.api.building.arguments import Path

    Point = Literal["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]

_SECTION = "config.md#posix-platform-hooks"


class Hooks(Part):
    """Hooks and annotations. All methods raise UsageError."""

    __slots__ = ()

    def hook(
        self,
        point: Point,
        path: Path,
        args: Sequence[str] | None = None,
        *,
        env: Mapping[str, str] | None = None,
        timeout: int | None = None,
    ) -> Self:
        """Have a program run at a point of the container's life, after those that there are (`hooks`).

        ``path`` is absolute, ``args`` begins with the program's own name, ``env`` is all of its environment, and
        ``timeout`` is in whole seconds. It reads the container's state from its standard input.
        """
        if point not in schema.HOOKS[4]:
            raise refused("point", point, f"must be one of {', '.join(schema.HOOKS[4])}", _SECTION)
        if env is not None:
            judge_map("env", env)
            if any("=" in name for name in env):
                raise refused("env", [*env], "must have names without =", _SECTION)
        entry = {
            "path": arguments.path("path", path, ABSOLUTE),
            "args": None if args is None else words("args", args, _SECTION),
            "env": None if env is None else [f"{name}={value}" for name, value in env.items()],
            "timeout": timeout,
        }
        return self._of(self._document.add(f"hooks.{point}", fitting(entry, schema.HOOK)))

    def with_annotations(self, annotations: Mapping[str, str | None]) -> Self:
        """Note words about the container, beside those that there are (`annotations`, config.md#annotations).

        Its state has them, too. None removes one.
        """
        judge_map("annotations", annotations)
        return self._of(self._document.update("annotations", annotations))
