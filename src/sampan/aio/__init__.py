"""sampan for programs with an asyncio loop: the same names, whose functions and methods are to be awaited.

Waiting, reading and writing are the loop's: pidfds and pipes are watched by it, and no container costs a thread. What
the engine does in system calls (making a container takes a few milliseconds, but a hook of its configuration may take
any time) is done in the loop's default executor meanwhile. Cancelling any of it ends what it was about to make, and is
over once nothing is left of that.
"""

from sampan.aio.container import Container
from sampan.aio.making import containers as list  # noqa: A004 - as the command's verb
from sampan.aio.making import create, load, run
from sampan.aio.pool import Pool
from sampan.aio.process import Process
from sampan.aio.sandbox import Sandbox
from sampan.api.sandboxing.result import Result
from sampan.api.status import Completed, ExitStatus, State
from sampan.api.streams import DEVNULL, PIPE, STDOUT

__all__ = [
    "DEVNULL",
    "PIPE",
    "STDOUT",
    "Completed",
    "Container",
    "ExitStatus",
    "Pool",
    "Process",
    "Result",
    "Sandbox",
    "State",
    "create",
    "list",
    "load",
    "run",
]
