"""A program as a user would write it, for the type checker: test_typing.py says what is right and what is not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import sampan
from sampan import aio


def synchronous(bundle: Path) -> int:
    with sampan.create("web", bundle=bundle, stdin=sampan.DEVNULL, stdout=sampan.PIPE) as container:
        container.start()
        as_bytes: bytes | None = container.exec(["id"], capture=True).stdout
        as_text: str | None = container.exec(["id"], capture=True, text=True).stdout
        container.exec({"args": ["id"], "cwd": "/"}, check=True)
        container.update({"pids": {"limit": 10}})
        with container.popen(["cat"], stdin=sampan.PIPE, env={"A": "b"}, user=(1, 2)) as process:
            assert process.stdin is not None
            process.stdin.write(b"x")
            process.kill()
        for event in container.events(interval=1):
            print(event["type"], as_bytes, as_text)
        try:
            status: sampan.ExitStatus = container.wait(timeout=30)
        except sampan.TimeoutExpiredError as error:
            print(error.id, error.timeout, error.stdout)
            return 1
        except sampan.KernelError as error:
            return error.errno
        statuses: list[str] = [state.status for state in sampan.list()]
        assert statuses
        return status.code if status.code is not None else 1


async def asynchronous(bundle: Path) -> str:
    async with await aio.create("web", bundle=str(bundle), config={"ociVersion": "1.0.0"}) as container:
        await container.start()
        done: sampan.Completed[str] = await container.exec(["id"], capture=True, text=True)
        async for event in container.events():
            print(event)
        return (done.stdout or "") + str(await container.wait())


def wrong(container: sampan.Container) -> None:
    text: str = container.exec(["id"], capture=True).stdout  # wrong: bytes
    container.update({"pids": {"limit": "many"}})  # wrong: not a number
    container.wait(timeout="long")  # wrong: not a number
    sampan.create("web")  # wrong: no bundle
    print(text)


if __name__ == "__main__":
    synchronous(Path("bundle"))
    asyncio.run(asynchronous(Path("bundle")))
