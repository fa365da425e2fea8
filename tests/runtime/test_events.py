"""`events`, runc's verb: statistics in the shape that engines decode with its types, and that memory has run out."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from . import views
from .bundle import Bundle
from .container import Container, eventually
from .driver import Runtime
from .limits import MIB, needs

GREEDY = "sleep 0.3; tail /dev/zero; echo still there; sleep 1000"  # what tail cannot print yet it keeps
# What Go leaves out where it is zero or empty (`omitempty`), and so may be in one document and not in the other.
OMITTED = {
    *("periods", "throttledPeriods", "throttledTime", "cache", "limit", "max", "psi"),
    *("ioServiceBytesRecursive", "ioServicedRecursive", "major", "minor", "op", "value"),
}
Stats = dict[str, Any]


@pytest.fixture(autouse=True)
def _has_events(runtime: Runtime) -> None:
    if runtime.name == "crun":
        pytest.skip("crun has no `events`")


def event(container: Container) -> Stats:
    document: Stats = json.loads(container.call("events", "--stats").checked().stdout)
    return document


def stats(container: Container) -> Stats:
    found: Stats = event(container)["data"]
    return found


class Stream:
    """`events` at work: its lines are there as soon as they have been printed."""

    def __init__(self, container: Container, *options: str) -> None:
        self._path = container.directory / "events"
        command = container.runtime.command(container.root, "events", *options, container.id)
        with self._path.open("w") as output:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE)

    def events(self, kind: str) -> list[Stats]:
        lines = self._path.read_text().splitlines(keepends=True)
        found = [json.loads(line) for line in lines if line.endswith("\n")]
        return [entry for entry in found if entry["type"] == kind]

    def end(self) -> tuple[int, str]:
        """Its exit status and messages, when it has ended by itself."""
        _, message = self.process.communicate(timeout=10)
        return self.process.returncode, message.decode()


@pytest.fixture
def stream(runtime: Runtime) -> Iterator[Callable[..., Stream]]:
    if not runtime.is_sampan:
        needs("memory")  # without it runc ends at once
    streams: list[Stream] = []

    def begin(container: Container, *options: str) -> Stream:
        streams.append(Stream(container, *options))
        return streams[-1]

    yield begin
    for one in streams:
        one.process.kill()
        one.process.communicate()


class TestStatistics:
    def test_they_are_one_object(self, container: Container) -> None:
        """runc: `events --stats`, 'display the container's stats then exit'"""
        container.launch()
        found = event(container)
        assert list(found) == ["type", "id", "data"]
        assert (found["type"], found["id"]) == ("stats", container.id)

    def test_their_parts(self, container: Container) -> None:
        """runc: types/events.go, Stats"""
        found = stats(container.launch())
        parts = ["cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "intel_rdt", "network_interfaces"]
        assert list(found) == parts
        assert next(iter(found["memory"]["usage"])) == "limit"
        assert {"usage", "swap", "kernel", "kernelTCP"} <= found["memory"].keys()
        assert {"usage", "throttling"} <= found["cpu"].keys()

    def test_processor_time(self, container: Container, bundle: Bundle) -> None:
        """runc: CpuUsage, 'Units: nanoseconds.'"""
        bundle.sh("while true; do :; done")
        container.launch()
        start, before = time.monotonic_ns(), stats(container)["cpu"]["usage"]

        def used() -> Stats | None:
            now: Stats = stats(container)["cpu"]["usage"]
            return now if now["total"] - before["total"] > 250_000_000 else None

        after: Stats = eventually(used, "a quarter of a second")
        assert after["total"] - before["total"] < 1.1 * (time.monotonic_ns() - start)  # it is one process
        assert after["user"] + after["kernel"] > before["user"] + before["kernel"]

    def test_throttling(self, container: Container, bundle: Bundle) -> None:
        """runc: Throttling"""
        needs("cpu")
        bundle.set("linux.resources.cpu", {"quota": 10000, "period": 50000}).sh("while true; do :; done")
        container.launch()

        def throttling() -> Stats:
            found: Stats = stats(container)["cpu"]["throttling"]
            return found

        eventually(lambda: throttling().get("throttledTime", 0) > 1_000_000, "a millisecond of throttling")
        found = throttling()
        assert found["periods"] >= found["throttledPeriods"] > 0

    def test_memory(self, container: Container, bundle: Bundle) -> None:
        """runc: Memory"""
        needs("memory")
        bundle.set("linux.resources.memory", {"limit": 64 * MIB})
        bundle.sh("x=$(head -c 10000000 /dev/zero | tr '\\0' x); echo ready; sleep 1000; true")
        container.launch().wait_for_output("ready")
        memory = stats(container)["memory"]
        assert memory["usage"]["limit"] == 64 * MIB
        assert 9 * MIB < memory["usage"]["usage"] <= 64 * MIB
        assert memory["raw"]["anon" if views.is_pure_v2() else "rss"] > 9 * MIB
        assert memory["swap"]["usage"] >= 9 * MIB  # of memory and swap together, on v2 as on v1

    def test_processes(self, container: Container, bundle: Bundle) -> None:
        """runc: Pids"""
        needs("pids")
        bundle.set("linux.resources.pids", {"limit": 50}).sh("sleep 1000 & sleep 1000 & echo ready; wait")
        container.launch().wait_for_output("ready")
        assert eventually(lambda: stats(container)["pids"]["current"] == 3, "three processes")
        assert stats(container)["pids"] == {"current": 3, "limit": 50}

    def test_no_limit_of_processes_is_left_out(self, container: Container) -> None:
        """runc: 'Historically, we represent "no limit" for pids as 0', and that with omitempty"""
        assert stats(container.launch())["pids"] == {"current": 1}

    def test_block_devices(self, container: Container, bundle: Bundle) -> None:
        """runc: Blkio"""
        needs("io")
        written = bundle.rootfs / "written"
        bundle.sh("dd if=/dev/zero of=/written bs=1M count=4 oflag=direct && echo written; sleep 1000")
        container.launch()
        eventually(lambda: (written.exists() and written.stat().st_size == 4 * MIB) or container.status == "stopped")
        if container.status == "stopped":
            pytest.skip("the file system of /tmp does not write past the page cache")
        number = written.stat().st_dev
        entries = stats(container)["blkio"].get("ioServiceBytesRecursive", [])
        if not entries:
            pytest.skip(f"/tmp is on no block device that is counted ({number >> 8}:{number & 255})")
        wrote = [entry for entry in entries if entry["op"] == "Write"]
        assert sum(entry.get("value", 0) for entry in wrote) >= 4 * MIB

    def test_a_container_that_waits_for_start_has_some(self, container: Container) -> None:
        """runc: whatever is not stopped"""
        assert stats(container.create())["memory"]

    def test_a_paused_one_has_some(self, container: Container) -> None:
        """runc: whatever is not stopped"""
        needs("freezer" if not views.is_pure_v2() else "unified")
        container.launch().call("pause").checked()
        assert stats(container)["cpu"]
        container.call("resume").checked()


class TestErrors:
    def test_a_stopped_container(self, container: Container, bundle: Bundle) -> None:
        """runc: 'container with id %s is not running'"""
        bundle.args("true")
        container.launch().wait_until("stopped")
        for options in (("--stats",), ()):
            result = container.fails("events", *options)
            assert f"container with id {container.id} is not running" in result.stderr
            assert result.stdout == ""

    def test_an_unknown_container(self, container: Container) -> None:
        """runc: 'container does not exist'"""
        assert "does not exist" in container.fails("events", "--stats").stderr

    @pytest.mark.parametrize("interval", ["0", "0s", "-1s"])
    def test_no_time_between_statistics(self, container: Container, interval: str) -> None:
        """runc: 'duration interval must be greater than 0'"""
        container.launch()
        assert "duration interval must be greater than 0" in container.fails("events", f"--interval={interval}").stderr

    @pytest.mark.parametrize("interval", ["", "5", "soon"])
    def test_an_interval_that_is_no_duration(self, container: Container, interval: str) -> None:
        """runc: a Go duration"""
        assert "interval" in container.launch().fails("events", f"--interval={interval}").stderr


class TestStream:
    def test_statistics_come_at_their_interval(self, container: Container, stream: Callable[..., Stream]) -> None:
        """runc: `--interval`, 'set the stats collection interval'"""
        start = time.monotonic()
        events = stream(container.launch(), "--interval", "200ms")
        eventually(lambda: len(events.events("stats")) >= 4, "four lines")
        assert time.monotonic() - start > 0.8
        assert {entry["id"] for entry in events.events("stats")} == {container.id}
        assert events.events("stats")[0].keys() == event(container).keys()

    def test_the_default_interval_is_five_seconds(self, container: Container, stream: Callable[..., Stream]) -> None:
        """runc: 'By default the information is displayed once every 5 seconds.'"""
        start = time.monotonic()
        events = stream(container.launch())
        eventually(lambda: events.events("stats"), "a line")
        assert 4.9 < time.monotonic() - start < 8

    def test_it_ends_with_the_container(self, container: Container, stream: Callable[..., Stream]) -> None:
        """runc: 'the channel was closed because the container stopped and the cgroups no longer exist'"""
        events = stream(container.launch(), "--interval", "100ms")
        eventually(lambda: events.events("stats"), "a line")
        container.delete("--force")
        assert events.end()[0] == 0
        assert not events.events("oom")

    def test_it_ends_when_the_process_has_ended(self, container: Container, stream: Callable[..., Stream]) -> None:
        """Not only when the container is deleted: nothing more can happen"""
        if not container.runtime.is_sampan and not views.is_pure_v2():
            pytest.skip("on cgroup v1 runc waits until the cgroup is removed")
        events = stream(container.launch(), "--interval", "10s")
        time.sleep(0.5)  # it is watching by now
        container.kill("KILL").wait()
        assert events.end()[0] == 0

    def test_it_goes_on_while_the_container_is_paused(
        self, container: Container, stream: Callable[..., Stream]
    ) -> None:
        """runc: whatever is not stopped"""
        needs("freezer" if not views.is_pure_v2() else "unified")
        container.launch().call("pause").checked()
        events = stream(container, "--interval", "100ms")
        eventually(lambda: len(events.events("stats")) >= 2, "two lines")
        container.call("resume").checked()

    def test_a_reader_that_has_gone_ends_it(self, container: Container) -> None:
        """A shell's `events | head -1`"""
        if not container.runtime.is_sampan:
            needs("memory")
        container.launch()
        command = container.runtime.command(container.root, "events", "--interval", "50ms", container.id)
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as one:
            assert one.stdout is not None
            assert one.stdout.readline()
            one.stdout.close()
            assert one.wait(timeout=10) != 0
            assert one.stderr is not None
            assert b"Traceback" not in one.stderr.read()


class TestOutOfMemory:
    def limit(self, bundle: Bundle, script: str = GREEDY) -> None:
        needs("memory")
        bundle.set("linux.resources.memory", {"limit": 24 * MIB, "swap": 24 * MIB}).sh(script)

    def test_it_is_told(self, container: Container, bundle: Bundle, stream: Callable[..., Stream]) -> None:
        """runc: {"type":"oom","id":...}"""
        self.limit(bundle)
        container.create()
        events = stream(container, "--interval", "10s")
        time.sleep(0.5)
        container.start().wait_for_output("still there")
        (found, *_) = eventually(lambda: events.events("oom"), "an event")
        assert found == {"type": "oom", "id": container.id}

    def test_the_end_of_the_container_by_it_is_told(
        self, container: Container, bundle: Bundle, stream: Callable[..., Stream]
    ) -> None:
        """runc: the last event that a container has"""
        self.limit(bundle, "sleep 0.3; exec tail /dev/zero")
        container.create()
        events = stream(container, "--interval", "10s")
        time.sleep(0.5)
        container.start()
        assert container.wait() == -signal.SIGKILL
        eventually(lambda: events.events("oom"), "an event")

    def test_none_is_told_where_there_was_none(
        self, container: Container, bundle: Bundle, stream: Callable[..., Stream]
    ) -> None:
        """A process that is killed otherwise is none"""
        self.limit(bundle, "sleep 1000 & kill -9 $!; wait; echo killed; sleep 1000")
        container.create()
        events = stream(container, "--interval", "100ms")
        container.start().wait_for_output("killed")
        eventually(lambda: len(events.events("stats")) > 3, "lines after it")
        assert not events.events("oom")

    def test_what_ran_out_before_is_not_told_again(
        self, container: Container, bundle: Bundle, stream: Callable[..., Stream]
    ) -> None:
        """events.go tells what happens from now on"""
        if not container.runtime.is_sampan and views.is_pure_v2():
            pytest.skip("on cgroup v2 runc tells the old one at the next event of any kind")
        self.limit(bundle)
        container.launch().wait_for_output("still there")
        events = stream(container, "--interval", "100ms")
        eventually(lambda: len(events.events("stats")) > 3, "lines")
        assert not events.events("oom")

    def test_without_the_memory_controller_there_are_statistics_and_a_warning(
        self, container: Container, bundle: Bundle, stream: Callable[..., Stream]
    ) -> None:
        if "memory" in views.controllers():
            pytest.skip("this view of the cgroups has the memory controller")
        events = stream(container.launch(), "--interval", "100ms")
        eventually(lambda: len(events.events("stats")) > 1, "lines")
        container.kill("KILL").wait()
        status, message = events.end()
        assert status == 0
        assert "memory" in message
        assert "level=warning" in message


class TestShape:
    """The same keys and types as the runc of this machine prints of a container that does the same."""

    @pytest.fixture
    def peer(self, container: Container, workspace: Path, template: Path) -> Iterator[Container]:
        if shutil.which("runc") is None:
            pytest.skip("runc is not installed")
        name = f"{container.id}-runc"
        peer = Container(Runtime("runc"), Bundle(workspace / name / "bundle", template), name, workspace / name)
        yield peer
        peer.clean_up()
        shutil.rmtree(peer.directory)

    def test_it_is_runc_s(self, container: Container, peer: Container) -> None:
        script = (
            "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; cat /bin/busybox > /dev/null; echo ready; sleep 1000"
        )
        documents = []
        for one in (container, peer):
            one.bundle.sh(script)
            if "memory" in views.controllers():
                one.bundle.set("linux.resources.memory", {"limit": 64 * MIB, "swap": 64 * MIB})
            one.launch().wait_for_output("ready")
            documents.append(event(one))
        ours, theirs = documents
        parts = [document["data"].pop("hugetlb") for document in documents]
        if all(parts):  # on v2 who has enabled the controller decides, on a hybrid host runc does not look into v2
            assert differences(*parts) == []
        assert differences(ours, theirs) == []


def differences(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Where two documents differ in keys or types of values, but for what may be left out."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found = [f"{path}.{key}" for key in sorted((ours.keys() ^ theirs.keys()) - OMITTED)]
        for key in ours.keys() & theirs.keys():
            found += differences(ours[key], theirs[key], f"{path}.{key}")
        return found
    if isinstance(ours, list) and isinstance(theirs, list):
        return [entry for pair in zip(ours, theirs, strict=False) for entry in differences(*pair, f"{path}[]")]
    return [] if type(ours) is type(theirs) else [f"{path}: {ours!r} and {theirs!r}"]
