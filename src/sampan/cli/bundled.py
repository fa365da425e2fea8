"""Imports the package's modules from one file: what scripts/bundle-modules compiles, and the launcher runs first.

Never imported itself. The finder stands in front of Python's own and knows nothing but the modules of this package;
what it does not know is found as usual.
"""

import marshal
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import ExtensionFileLoader
from _imp import extension_suffixes

# name -> (is it a package?, its code)
MODULES: dict[str, tuple[bool, bytes]] = {}
DIRECTORY = sys.path[-1]


class Bundled:
    """Finder and loader of the modules in the table."""

    @staticmethod
    def find_spec(name: str, _path: object, _target: object = None) -> ModuleSpec | None:
        if name == "sampan._linux":
            path = f"{DIRECTORY}/sampan/_linux{extension_suffixes()[0]}"
            spec = ModuleSpec(name, ExtensionFileLoader(name, path), origin=path)
            spec.has_location = True
            return spec
        entry = MODULES.get(name)
        if entry is None:
            return None
        path = f"{DIRECTORY}/{name.replace('.', '/')}"
        spec = ModuleSpec(name, Bundled, origin=f"{path}/__init__.py" if entry[0] else f"{path}.py", is_package=entry[0])
        spec.has_location = True
        if entry[0]:
            spec.submodule_search_locations = [path]
        return spec

    @staticmethod
    def create_module(_spec: ModuleSpec) -> None:
        return None

    @staticmethod
    def exec_module(module: object) -> None:
        exec(marshal.loads(MODULES[module.__name__][1]), module.__dict__)


sys.meta_path.insert(0, Bundled)
