"""A small service, for uvicorn: each request runs a container. Told by the environment: BUNDLE, ROOT, CONFIG, TOKEN.

POST /run       the words of a command, as JSON; what it prints is the answer. Ends when the client goes away.
POST /together  returns once as many requests as it says have a container that runs, all at the same time
GET  /exec      what a further process in the service's own container prints
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

from sampan import aio

BUNDLE, ROOT, TOKEN = os.environ["BUNDLE"], os.environ["ROOT"], os.environ["TOKEN"]
CONFIG = json.loads(os.environ["CONFIG"])

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def of(*args: str) -> dict[str, Any]:
    return {"bundle": BUNDLE, "root": ROOT, "config": {**CONFIG, "process": {**CONFIG["process"], "args": list(args)}}}


class Service:
    def __init__(self) -> None:
        self.own: aio.Container | None = None
        self.numbers = itertools.count()
        self.together = 0
        self.all_are_here = asyncio.Event()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.live(receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        answering = asyncio.create_task(self.answer(scope["path"], body))
        leaving = asyncio.create_task(gone(receive))
        await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        if not answering.done():
            answering.cancel()  # nobody waits for it
            await asyncio.wait((answering,))
            return
        text = answering.result()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": text.encode()})

    async def live(self, receive: Receive, send: Send) -> None:
        """Its own container lives as long as it does."""
        await receive()
        async with await aio.create(f"{TOKEN}-service", **of("sleep", "1000")) as self.own:
            await self.own.start()
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def answer(self, path: str, body: bytes) -> str:
        if path == "/run":
            return (await aio.run(**of(*json.loads(body)), capture=True, text=True)).stdout or ""
        if path == "/together":
            async with await aio.create(f"{TOKEN}-{next(self.numbers)}", **of("sleep", "1000")) as container:
                await container.start()
                self.together += 1
                if self.together == int(body):
                    self.all_are_here.set()
                await self.all_are_here.wait()
                return container.status
        assert self.own is not None
        return (await self.own.exec(["echo", "from the service's own"], capture=True, text=True)).stdout or ""


async def gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


service = Service()
