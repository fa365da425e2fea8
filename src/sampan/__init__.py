"""sampan: containers of the OCI Runtime Specification. The library's public names, each loaded when it is first used.

Importing the package does nothing else, for the command line imports it before every verb.
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.errors import (
        ConfigError,
        ExistsError,
        HookError,
        KernelError,
        NotFoundError,
        PlatformError,
        Problem,
        SampanError,
        StateError,
        UsageError,
    )

__all__ = [
    "ConfigError",
    "ExistsError",
    "HookError",
    "KernelError",
    "NotFoundError",
    "PlatformError",
    "Problem",
    "SampanError",
    "StateError",
    "UsageError",
    "__version__",
]

_HOMES = {  # public name -> the module that it is from
    "ConfigError": "sampan.errors",
    "ExistsError": "sampan.errors",
    "HookError": "sampan.errors",
    "KernelError": "sampan.errors",
    "NotFoundError": "sampan.errors",
    "PlatformError": "sampan.errors",
    "Problem": "sampan.errors",
    "SampanError": "sampan.errors",
    "StateError": "sampan.errors",
    "UsageError": "sampan.errors",
}


def __getattr__(name: str) -> object:
    """Loads a public name at its first use (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(__import__(home, fromlist=(name,)), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
