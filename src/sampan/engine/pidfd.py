"""`--pidfd-socket`, and crun's annotation for the same: an engine gets a pidfd, which means this process and no other,
whatever becomes of its number.

Imported only where that is asked for: sockets of the standard library are not for the hot path.
"""

from __future__ import annotations

import errno
import sys
from _socket import AF_UNIX, SCM_RIGHTS, SOCK_CLOEXEC, SOCK_STREAM, SOL_SOCKET, socket

from sampan.errors import KernelError

# What comes with the descriptor, as in runc: of a container's own process, or of a further one.
OWN, FURTHER = "standard", "setns"
OPTION = "--pidfd-socket"


def send(path: str, pidfd: int, which: str, asked_by: str = OPTION) -> None:
    """Send the pidfd to whoever listens on the stream socket at ``path``. Raises KernelError."""
    connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)
    try:
        connection.connect(path)
        connection.sendmsg([which.encode()], [(SOL_SOCKET, SCM_RIGHTS, pidfd.to_bytes(4, sys.byteorder))])
    except OSError as error:
        raise KernelError("send the pidfd to", path, error.errno or errno.ENAMETOOLONG, detail=asked_by) from None
    finally:
        connection.close()
