"""`sampan.Pool`: sandboxes that are ready before anybody asks for one."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from threading import Condition, Thread
from typing import TYPE_CHECKING

from sampan.api import log
from sampan.api.sandboxing.sandbox import Sharing
from sampan.api.sandboxing.template import Template
from sampan.errors import StateError, TimeoutExpiredError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self, Unpack

    from sampan.api.sandboxing.sandbox import Sandbox
    from sampan.api.sandboxing.template import Options


def check_sizes(ready: int, most: int) -> None:
    """Raises UsageError."""
    if not 1 <= ready <= most:
        raise UsageError(f"a pool has at least one sandbox ready, and at most `most`: not {ready!r} of {most!r}")


class Pool:
    """Keeps sandboxes ready, each for one use: `take` gives one that nobody has used, and removes it afterwards.

    One thread of its own makes and removes them. The end of its `with` block, or `close`, removes all that are there.
    """

    def __init__(self, ready: int = 2, most: int = 16, **options: Unpack[Options]) -> None:
        """``ready`` sandboxes are kept, and there are never more than ``most``, with those that are taken and those
        that are being removed. The others are the arguments of `Sandbox`. Raises UsageError.
        """
        check_sizes(ready, most)
        self._template = Template(**options)
        self._wanted = ready
        self._most = most
        self._ready: deque[Sandbox] = deque()
        self._used: deque[Sandbox] = deque()  # to be removed
        self._there = 0  # how many exist, or are being made or removed
        self._waiting = 0
        self._closed = False
        self._failure: Exception | None = None  # why none could be made: no other is tried until somebody wants one
        self._change = Condition()
        self._thread = Thread(target=self._work, name="sampan.Pool", daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def take(self, timeout: float | None = None) -> Iterator[Sandbox]:
        """A sandbox that nobody has used, for the time of a `with` block.

        Raises TimeoutExpiredError where none is free for ``timeout`` seconds, StateError when the pool is closed, and
        what making one raises.
        """
        sandbox = self._take(timeout)
        try:
            yield sandbox
        finally:
            with self._change:
                self._used.append(sandbox)
                self._change.notify_all()

    def close(self) -> None:
        """Remove all sandboxes, and wait for those that are taken until they are given back."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self, timeout: float | None) -> Sandbox:
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._change:
            self._want(1)
            try:
                while not self._ready:
                    if self._closed:
                        raise StateError("the pool has been closed")
                    if self._failure is not None:
                        failure, self._failure = self._failure, None
                        raise failure
                    left = None if deadline is None else deadline - time.monotonic()
                    if left is not None and left <= 0:
                        assert timeout is not None
                        raise TimeoutExpiredError(f"no sandbox was free for {timeout:g} s", timeout)
                    self._change.wait(left)
                return self._ready.popleft()
            finally:
                self._want(-1)

    def _want(self, more: int) -> None:
        self._waiting += more
        if more > 0:
            self._failure = None
        self._change.notify_all()

    def _work(self) -> None:
        """The thread: removes what was used, makes what is missing, and ends when there is nothing left to remove."""
        while True:
            with self._change:
                while not self._has_work():
                    if self._closed and self._there == 0:
                        self._template.close()
                        return
                    self._change.wait()
                used = self._used.popleft() if self._used else None
                if used is None and self._closed:
                    used = self._ready.popleft()
                if used is None:
                    self._there += 1
            if used is not None:
                self._remove(used)
            else:
                self._make()

    def _has_work(self) -> bool:
        if self._used or (self._closed and self._ready):
            return True
        missing = len(self._ready) < self._wanted + self._waiting and self._there < self._most
        return missing and not self._closed and self._failure is None

    def _make(self) -> None:
        sandbox = Sharing(self._template)
        failure: Exception | None = None
        try:
            sandbox.start()
        except Exception as error:  # noqa: BLE001 - it is whoever waits who is told
            failure = error
        with self._change:
            if failure is None:
                self._ready.append(sandbox)
            else:
                self._there -= 1
                self._failure = failure
            self._change.notify_all()

    def _remove(self, sandbox: Sandbox) -> None:
        try:
            sandbox.close()
        except Exception as error:  # noqa: BLE001 - the pool goes on
            log.warn(f"a sandbox of the pool could not be removed: {error}")
        with self._change:
            self._there -= 1
            self._change.notify_all()
