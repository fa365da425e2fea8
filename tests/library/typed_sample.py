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


def web(spec: sampan.Spec) -> sampan.Spec:
    return spec.new_namespaces("network").with_sysctl({"net.core.somaxconn": "4096"})


def built(bundle: Path) -> str:
    spec: sampan.Spec = (
        sampan.Spec.hardened()
        .with_rootfs(bundle / "rootfs", readonly=True, propagation="slave")
        .with_args(("sh", "-c", "id"))
        .with_env({"A": "b", "C": None})
        .with_user(1000, 1000, groups=[1001], umask=0o27)
        .with_rlimit("nofile", 1024, "unlimited")
        .with_scheduler("SCHED_BATCH", nice=5)
        .limit(memory="256M", cpus=0.5, pids="unlimited", cpuset=range(2), hugepages={"2MB": 0})
        .limit_io((8, 0), read_bps="10M")
        .bind(bundle, "/data", writable=True, uid_mappings=[(0, 1000, 1)])
        .tmpfs("/tmp", size="64M")
        .drop_all_capabilities()
        .with_user_mappings([(0, 100000, 65536)])
        .hook("poststop", "/bin/true", timeout=5)
        .apply(web, lambda part: part.with_hostname("web"))
    )
    spec = spec | {"linux": {"personality": {"domain": "LINUX"}}} | sampan.Spec.load(bundle)
    report: sampan.Report = spec.audit(bundle=bundle)
    assert not report.at_least(sampan.Severity.HIGH)
    path: Path = spec.validate().write(bundle, overwrite=True)
    done: sampan.Completed[str] = sampan.run(config=spec, capture=True, text=True)
    return f"{done.stdout}{path.name}{spec.plan()}{spec.to_dict()['root']['path']}{spec.to_json()}"


def sandboxed() -> str:
    with sampan.Sandbox(memory="64M", work=1 << 20, configure=lambda spec: spec.with_hostname("judge")) as sandbox:
        result: sampan.Result[bytes] = sandbox.run(["true"], input="x", overflow="discard")
        text: sampan.Result[str] = sandbox.run(["true"], text=True)
        data: bytes = sandbox.get("file")
        if result.reason == "oom" or sandbox.enforced["memory"] == "nothing":
            text.check()
    with sampan.Pool(1, 2, timeout=None) as pool, pool.take(timeout=1) as taken:
        taken.put("file", data)
    return text.stdout


async def sandboxed_in_a_loop() -> str:
    async with aio.Pool(2, cpus=0.5) as pool, pool.take() as sandbox:
        return (await sandbox.run(["true"], text=True)).stdout


def wrong(container: sampan.Container) -> None:
    text: str = container.exec(["id"], capture=True).stdout  # wrong: bytes
    container.update({"pids": {"limit": "many"}})  # wrong: not a number
    container.wait(timeout="long")  # wrong: not a number
    sampan.create("web", config=5)  # wrong: no configuration
    spec: sampan.Spec = sampan.Spec.default().limit(memory=0.5)  # wrong: no whole bytes
    spec.new_namespaces("net")  # wrong: no kind of namespace
    spec.with_env({"A": 5})  # wrong: not a string
    spec.hook("later", "/bin/true")  # wrong: no point of its life
    spec.limit(ram="5M")  # wrong: no such limit
    spec.with_args = None  # wrong: it is never changed
    sampan.Sandbox(memroy="5M")  # wrong: no such limit
    text = sampan.Sandbox().run(["true"]).stdout  # wrong: bytes
    print(text)


if __name__ == "__main__":
    synchronous(Path("bundle"))
    asyncio.run(asynchronous(Path("bundle")))
    built(Path("bundle"))
    sandboxed()
    asyncio.run(sandboxed_in_a_loop())
