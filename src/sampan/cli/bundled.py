"""Imports the package's modules from one file: what scripts/bundle-modules compiles, and the launcher runs first.

Never imported itself. The finder stands in front of Python's own and knows nothing but the modules of this package;
what it does not know is found as usual.
"""

from __future__ import annotations

import marshal
import posix
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import ExtensionFileLoader
from _imp import extension_suffixes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
else:
    ModuleType = type(sys)

# The open file, which the launcher has read this module's code from.
FILE: int = globals()["file"]
# name -> (is it a package?, where its code begins, the code's size, the modules of this package that it begins with)
MODULES: dict[str, tuple[bool, int, int, tuple[str, ...]]] = {}
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
        if name not in MODULES:
            return None
        module = load(name)
        spec = ModuleSpec(name, LOADER, origin=module.__file__, is_package=MODULES[name][0])  # type: ignore[arg-type]
        spec.has_location = True
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module, which has been loaded by the time that it is found."""
        return sys.modules[spec.name]

    def exec_module(self, _module: ModuleType) -> None:
        """Nothing is left to do."""


def load(name: str) -> ModuleType:
    """The module, with all that it begins with: a third of what it costs to have Python look for each of them.

    Its code is as trustworthy as the file of the package that it came in.
    """
    is_package, at, size, others = MODULES[name]
    for other in others:
        if other not in sys.modules:
            load(other)
    module = ModuleType(name)
    path = f"{DIRECTORY}/{name.replace('.', '/')}"
    parent, _, last = name.rpartition(".")
    if is_package:
        module.__file__ = f"{path}/__init__.py"
        module.__package__ = name
        module.__path__ = [path]
    else:
        module.__file__ = f"{path}.py"
        module.__package__ = parent
    sys.modules[name] = module
    try:
        exec(marshal.loads(posix.pread(FILE, size, at)), module.__dict__)  # noqa: S102, S302
    except BaseException:
        del sys.modules[name]
        raise
    if parent:
        setattr(sys.modules[parent], last, module)
    return module


LOADER = Bundled()
sys.meta_path.insert(0, LOADER)
