"""Imports the package's modules from one file: what scripts/bundle-modules compiles, and the launcher runs first.

Never imported itself. The finder stands in front of Python's own and knows nothing but the modules of this package;
what it does not know is found as usual.
"""

from __future__ import annotations

import marshal
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import ExtensionFileLoader
from _imp import extension_suffixes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

# The whole file, as the launcher has read it: this module's code, then the others'.
DATA: memoryview = globals()["data"]
# name -> (is it a package?, where its code begins, counted from the end of the file)
MODULES: dict[str, tuple[bool, int]] = {}
DIRECTORY = sys.path[-1]


class Bundled:
    """Finder and loader of the modules in the table."""

    def find_spec(self, name: str, _path: object, _target: object = None) -> ModuleSpec | None:
        """The module, if the table has it."""
        if name == "sampan._linux":
            path = f"{DIRECTORY}/sampan/_linux{extension_suffixes()[0]}"
            spec = ModuleSpec(name, ExtensionFileLoader(name, path), origin=path)
            spec.has_location = True
            return spec
        entry = MODULES.get(name)
        if entry is None:
            return None
        path = f"{DIRECTORY}/{name.replace('.', '/')}"
        origin = f"{path}/__init__.py" if entry[0] else f"{path}.py"
        spec = ModuleSpec(name, LOADER, origin=origin, is_package=entry[0])  # type: ignore[arg-type]
        spec.has_location = True
        if entry[0]:
            spec.submodule_search_locations = [path]
        return spec

    def create_module(self, _spec: ModuleSpec) -> None:
        """Leaves it to the import system."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code, which is as trustworthy as the file of the package that it came in."""
        exec(marshal.loads(DATA[MODULES[module.__name__][1] :]), module.__dict__)  # noqa: S102, S302


LOADER = Bundled()
sys.meta_path.insert(0, LOADER)
