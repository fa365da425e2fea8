"""sampan: containers of the OCI Runtime Specification. The library's public names, each loaded when it is first used.

Importing the package does nothing else, for the command line imports it before every verb. The same names for programs
with an asyncio loop are in `sampan.aio`.
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from sampan.api.container import Container
    from sampan.api.making import containers as list  # noqa: A004 - sampan.list, as the command's verb
    from sampan.api.making import create, load, run
    from sampan.api.process import Process
    from sampan.api.sandboxing.pool import Pool
    from sampan.api.sandboxing.result import Result
    from sampan.api.sandboxing.sandbox import Sandbox
    from sampan.api.spec import Spec
    from sampan.api.status import Completed, ExitStatus, State
    from sampan.api.streams import DEVNULL, PIPE, STDOUT
    from sampan.audit.report import Report
    from sampan.audit.rule import Severity
    from sampan.errors import (
        ConfigError,
        ExecutableError,
        ExistsError,
        ExitError,
        HookError,
        KernelError,
        NotFoundError,
        PlatformError,
        Problem,
        SampanError,
        StateError,
        TimeoutExpiredError,
        UsageError,
    )

__all__ = [
    "DEVNULL",
    "PIPE",
    "STDOUT",
    "Completed",
    "ConfigError",
    "Container",
    "ExecutableError",
    "ExistsError",
    "ExitError",
    "ExitStatus",
    "HookError",
    "KernelError",
    "NotFoundError",
    "PlatformError",
    "Pool",
    "Problem",
    "Process",
    "Report",
    "Result",
    "SampanError",
    "Sandbox",
    "Severity",
    "Spec",
    "State",
    "StateError",
    "TimeoutExpiredError",
    "UsageError",
    "__version__",
    "create",
    "list",
    "load",
    "run",
]

_HOMES = {  # public name -> the module that it is from; all others are errors
    "DEVNULL": "sampan.api.streams",
    "PIPE": "sampan.api.streams",
    "STDOUT": "sampan.api.streams",
    "Completed": "sampan.api.status",
    "ExitStatus": "sampan.api.status",
    "State": "sampan.api.status",
    "Container": "sampan.api.container",
    "Pool": "sampan.api.sandboxing.pool",
    "Process": "sampan.api.process",
    "Report": "sampan.audit.report",
    "Result": "sampan.api.sandboxing.result",
    "Sandbox": "sampan.api.sandboxing.sandbox",
    "Severity": "sampan.audit.rule",
    "Spec": "sampan.api.spec",
    "create": "sampan.api.making",
    "list": "sampan.api.making",
    "load": "sampan.api.making",
    "run": "sampan.api.making",
}
_OWN_NAMES = {"list": "containers"}  # where the module does without hiding a builtin


def __getattr__(name: str) -> object:
    """Loads a public name at its first use (PEP 562)."""
    if name == "aio":
        return __import__("sampan.aio", fromlist=("create",))
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = __import__(_HOMES.get(name, "sampan.errors"), fromlist=(name,))
    value: object = getattr(home, _OWN_NAMES.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> Iterable[str]:
    return sorted((*__all__, "aio"))
