"""`stats`, sampan's own verb: the numbers of docs/statistics.md, of containers that do something that is counted."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from . import views
from .bundle import Bundle
from .conftest import NewContainer
from .container import Container, eventually
from .driver import Result, Runtime
from .limits import MIB, needs

SECOND = 1_000_000_000
Document = dict[str, Any]


@pytest.fixture(autouse=True)
def _has_stats(runtime: Runtime) -> None:
    if not runtime.is_sampan:
        pytest.skip(f"{runtime.name} has no `stats`")


def stats(container: Container) -> Document:
    (document,) = json.loads(container.call("stats", "--format", "json").checked().stdout)
    assert isinstance(document, dict)
    return document


def of_all(container: Container, *options: str) -> Result:
    """`stats` without an id."""
    return container.runtime.call(container.runtime.command(container.root, "stats", *options))


def used_since(before: Document, container: Container, processor_time: int) -> Document | None:
    """The statistics, once so much has been used: others need the processors, too."""
    now = stats(container)
    return now if now["cpu"]["usage"] - before["cpu"]["usage"] > processor_time else None


class TestNumbers:
    def test_what_is_told_of_every_container(self, container: Container) -> None:
        before = time.time_ns()
        found = stats(container.launch())
        assert (found["version"], found["id"]) == (1, container.id)
        assert before < found["time"] < time.time_ns()

    def test_how_long_it_has_been_there(self, container: Container) -> None:
        start = time.monotonic_ns()
        container.launch()
        time.sleep(0.3)
        assert 0.3 * SECOND - SECOND // 50 < stats(container)["uptime"] < time.monotonic_ns() - start + SECOND // 50

    def test_processor_time(self, container: Container, bundle: Bundle) -> None:
        bundle.sh("while true; do :; done")
        before = stats(container.launch())
        after: Document = eventually(lambda: used_since(before, container, SECOND // 4), "a quarter of a second")
        used = after["cpu"]["usage"] - before["cpu"]["usage"]
        assert used < 1.1 * (after["uptime"] - before["uptime"])  # it is one process
        sum_of_both = after["cpu"]["user"] + after["cpu"]["system"]
        assert abs(sum_of_both - after["cpu"]["usage"]) < SECOND // 20  # v1 tells them in hundredths of a second

    def test_the_quota_and_what_it_does(self, container: Container, bundle: Bundle) -> None:
        needs("cpu")
        bundle.set("linux.resources.cpu", {"quota": 10000, "period": 50000}).sh("while true; do :; done")
        container.launch()
        eventually(lambda: stats(container)["cpu"]["throttling"]["throttled_periods"] > 1, "throttling")
        cpu = stats(container)["cpu"]
        assert cpu["limit"] == 0.2
        assert cpu["throttling"]["periods"] >= cpu["throttling"]["throttled_periods"]
        assert cpu["throttling"]["throttled_time"] > SECOND // 1000

    def test_no_quota_is_left_out(self, container: Container) -> None:
        needs("cpu")
        assert "limit" not in stats(container.launch())["cpu"]

    def test_the_processors_it_may_use(self, container: Container, bundle: Bundle) -> None:
        needs("cpuset")
        bundle.set("linux.resources.cpu", {"cpus": "0"})
        assert stats(container.launch())["cpu"]["cpus"] == 1

    def test_memory(self, container: Container, bundle: Bundle) -> None:
        needs("memory")
        bundle.set("linux.resources.memory", {"limit": 64 * MIB, "swap": 80 * MIB})
        bundle.sh("x=$(head -c 10000000 /dev/zero | tr '\\0' x); echo ready; sleep 1000; true")
        container.launch().wait_for_output("ready")
        memory = stats(container)["memory"]
        assert memory["limit"] == 64 * MIB
        assert 9 * MIB < memory["anon"] < memory["usage"] < 64 * MIB
        assert memory["anon"] <= memory["working_set"] <= memory["usage"] <= memory["peak"]
        assert memory["swap"]["limit"] == 16 * MIB
        assert memory["faults"] > 9 * MIB // os.sysconf("SC_PAGE_SIZE")
        assert (memory["limit_hits"], memory["oom_kills"]) == (0, 0)

    def test_the_page_cache(self, container: Container, bundle: Bundle) -> None:
        needs("memory")
        bundle.mount("/cache", "tmpfs", "tmpfs", "size=32m")
        bundle.sh("dd if=/dev/zero of=/cache/file bs=1M count=8 2>/dev/null; echo ready; sleep 1000")
        container.launch().wait_for_output("ready")
        assert stats(container)["memory"]["file"] >= 8 * MIB

    def test_the_kernel_s_memory_is_part_of_it(self, container: Container) -> None:
        needs("memory")
        memory = stats(container.launch())["memory"]
        assert 0 < memory["kernel"] < memory["usage"]

    def test_no_limit_of_memory_is_left_out(self, container: Container) -> None:
        needs("memory")
        assert "limit" not in stats(container.launch())["memory"]

    def test_killed_for_memory(self, container: Container, bundle: Bundle) -> None:
        needs("memory")
        bundle.set("linux.resources.memory", {"limit": 24 * MIB, "swap": 32 * MIB})  # one limit of both may not count
        bundle.sh("tail /dev/zero; echo killed; sleep 1000")
        container.launch().wait_for_output("killed")
        memory = stats(container)["memory"]
        assert memory["oom_kills"] == 1
        assert memory["limit_hits"] > 0
        assert memory.get("ooms", 1) > 0  # v2 only

    def test_processes_and_threads(self, container: Container, bundle: Bundle) -> None:
        needs("pids")
        bundle.set("linux.resources.pids", {"limit": 50}).sh("sleep 1000 & sleep 1000 & echo ready; wait")
        container.launch().wait_for_output("ready")
        eventually(lambda: stats(container)["pids"] == {"current": 3, "limit": 50}, "three processes")

    def test_block_devices(self, container: Container, bundle: Bundle) -> None:
        needs("io")
        written = bundle.rootfs / "written"
        bundle.sh("dd if=/dev/zero of=/written bs=1M count=4 oflag=direct && echo written; sleep 1000")
        container.launch()
        eventually(lambda: (written.exists() and written.stat().st_size == 4 * MIB) or container.status == "stopped")
        device = written.stat().st_dev
        name = f"{os.major(device)}:{os.minor(device)}"
        counted = {entry["device"]: entry for entry in stats(container)["io"]}
        if name not in counted:
            pytest.skip(f"the kernel does not count what is written to {name}, where /tmp is")
        assert counted[name]["write_bytes"] >= 4 * MIB
        assert counted[name]["writes"] > 0

    def test_huge_pages(self, container: Container) -> None:
        needs("hugetlb")
        found = stats(container.launch())["hugetlb"]
        assert found["2MB"]["usage"] == 0
        assert "limit" not in found["2MB"]

    def test_pressure(self, container: Container, bundle: Bundle) -> None:
        """Two that want one processor."""
        if not os.path.exists("/proc/pressure/cpu") or "unified" not in views.controllers():
            pytest.skip("no v2 hierarchy, or a kernel without PSI")
        bundle.sh("trap '' TERM; for i in 1 2 3 4 5 6 7 8; do while true; do :; done & done; wait")
        container.launch()
        eventually(lambda: stats(container)["pressure"]["cpu"]["some"]["total"] > SECOND // 10, "waiting")
        found = stats(container)["pressure"]
        assert {"cpu", "memory", "io"} <= found.keys()
        assert all(0 <= found["cpu"]["some"][name] <= 100 for name in ("avg10", "avg60", "avg300"))

    def test_its_own_network_interfaces(self, container: Container, bundle: Bundle) -> None:
        bundle.sh("ip link set lo up && (nc -l -p 7 -s 127.0.0.1 & sleep 0.3; echo hello | nc 127.0.0.1 7); sleep 1000")
        bundle.capabilities("CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE")
        container.launch()
        lo = next(entry for entry in stats(container)["network"] if entry["name"] == "lo")
        assert set(lo) == {"name", *(f"{way}_{what}" for way in ("rx", "tx") for what in COUNTED)}

        def received() -> int:
            (entry,) = [entry for entry in stats(container)["network"] if entry["name"] == "lo"]
            assert entry["rx_bytes"] == entry["tx_bytes"]
            return int(entry["rx_packets"])

        eventually(received, "packets")

    def test_the_host_s_network_interfaces_are_not_its(self, container: Container, bundle: Bundle) -> None:
        bundle.without_namespace("network")
        assert "network" not in stats(container.launch())

    def test_numbers_stay_while_it_is_paused(self, container: Container) -> None:
        container.launch()
        before = stats(container)
        container.call("pause").checked()
        after = stats(container)
        container.call("resume").checked()
        assert after.keys() == before.keys()


COUNTED = ("bytes", "packets", "errors", "dropped")


class TestWhich:
    def test_without_an_id_all_that_run(self, new_container: NewContainer) -> None:
        first, second, created, ended = (new_container() for _ in range(4))
        for one in (second, created, ended):
            one.root = first.root
        first.launch()
        second.launch()
        created.create()
        ended.bundle.args("true")
        ended.launch().wait_until("stopped")
        found = json.loads(of_all(first, "--format", "json").checked().stdout)
        assert [entry["id"] for entry in found] == [first.id, second.id]

    def test_some_by_their_ids(self, new_container: NewContainer) -> None:
        first, second, third = (new_container() for _ in range(3))
        for one in (second, third):
            one.root = first.root
        for one in (first, second, third):
            one.launch()
        found = json.loads(of_all(first, "--format", "json", third.id, first.id, third.id).checked().stdout)
        assert [entry["id"] for entry in found] == [third.id, first.id]

    def test_none_at_all(self, container: Container) -> None:
        assert json.loads(of_all(container, "--format", "json").checked().stdout) == []
        assert of_all(container, "--format", "openmetrics").checked().stdout == "# EOF\n"
        assert of_all(container).checked().stdout.split()[:2] == ["ID", "CPU"]

    def test_one_that_is_not_there_is_an_error(self, container: Container) -> None:
        container.launch()
        result = of_all(container, container.id, "nosuch")
        assert (result.status, result.stdout) == (1, "")
        assert "container nosuch does not exist" in result.stderr

    def test_one_that_has_stopped_is_an_error(self, container: Container, bundle: Bundle) -> None:
        bundle.args("true")
        container.launch().wait_until("stopped")
        assert f"container with id {container.id} is not running" in container.fails("stats").stderr

    def test_containers_that_come_and_go_meanwhile_are_no_error(self, new_container: NewContainer) -> None:
        stays, comes = new_container(), new_container()
        comes.root = stays.root
        stays.launch()
        comes.bundle.args("true")
        comes.bundle.write()
        loop = 'while :; do "$0" --root "$1" run --bundle "$2" "$3"; done'
        words = ["sh", "-c", loop, comes.runtime.path, str(comes.root), str(comes.bundle.path), comes.id]
        with subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True) as process:
            try:
                for _ in range(30):
                    found = json.loads(of_all(stays, "--format", "json").checked().stdout)
                    assert stays.id in [entry["id"] for entry in found]
            finally:
                os.killpg(process.pid, signal.SIGKILL)

    def test_a_container_without_a_cgroup(self, container: Container) -> None:
        container.global_options = ("--cgroup-manager=disabled",)
        found = stats(container.launch())
        assert found.keys() == {"version", "id", "time", "uptime", "network"}


class TestFormats:
    def test_openmetrics(self, container: Container) -> None:
        container.launch()
        parser = pytest.importorskip(
            "prometheus_client.openmetrics.parser", reason="prometheus-client is not installed"
        )
        text = container.call("stats", "--format", "openmetrics").checked().stdout
        families = {family.name: family for family in parser.text_string_to_metric_families(text)}
        (sample,) = families["sampan_container_cpu_usage_seconds"].samples
        assert sample.name == "sampan_container_cpu_usage_seconds_total"
        assert sample.labels == {"id": container.id}
        assert sample.value > 0

    def test_in_a_pipe_the_table_is_printed_once(self, container: Container) -> None:
        container.launch()
        output = container.call("stats", "--interval", "10s").checked().stdout
        title, line = output.splitlines()
        assert title.split("   ")[0].strip() == "ID"
        assert line.split()[0] == container.id
        assert output.isascii()
        assert output.replace("\n", "").isprintable()

    @pytest.mark.parametrize("options", [("--format", "yaml"), ("--interval", "soon"), ("--interval", "0s")])
    def test_what_cannot_be_understood_is_an_error(self, container: Container, options: tuple[str, ...]) -> None:
        result = of_all(container, *options)
        assert (result.status, result.stdout) == (1, "")
        assert options[0].strip("-") in result.stderr


class Terminal:
    """`stats` on a terminal of a given size."""

    def __init__(self, container: Container, *options: str, rows: int = 24, columns: int = 100) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.set_blocking(self._master, False)
        self.seen = b""
        command = container.runtime.command(container.root, "stats", *options)
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)

    def screens(self) -> list[list[str]]:
        """What has been shown so far, each time from the top; without what is not whole yet."""
        try:
            while part := os.read(self._master, 65536):
                self.seen += part
        except (BlockingIOError, OSError):
            pass
        whole = self.seen.decode().split("\x1b[J")[:-1]
        texts = [text.rpartition("\x1b[H")[2].replace("\x1b[K", "") for text in whole]
        return [text.splitlines() for text in texts if text.strip()]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    terminals: list[Terminal] = []

    def show(container: Container, *options: str, **size: int) -> Terminal:
        terminals.append(Terminal(container, *options, **size))
        return terminals[-1]

    yield show
    for one in terminals:
        one.close()


class TestTerminal:
    def test_the_table_is_refreshed(
        self, container: Container, bundle: Bundle, terminal: Callable[..., Terminal]
    ) -> None:
        bundle.sh("sleep 0.5; while true; do :; done")
        container.launch()
        shown = terminal(container, "--interval", "200ms")
        eventually(lambda: len(shown.screens()) >= 6, "six screens")
        assert all(screen[0].startswith("ID ") and screen[1].startswith(container.id) for screen in shown.screens())
        assert float(shown.screens()[-1][1].split()[1].rstrip("%")) > 20

    def test_interrupting_it_is_how_it_ends(self, container: Container, terminal: Callable[..., Terminal]) -> None:
        shown = terminal(container.launch(), "--interval", "10s")
        eventually(shown.screens, "a screen")
        shown.process.send_signal(signal.SIGINT)
        assert shown.process.wait(timeout=10) == 0

    def test_it_ends_when_the_container_that_was_named_has_ended(
        self, container: Container, terminal: Callable[..., Terminal]
    ) -> None:
        shown = terminal(container.launch(), "--interval", "50ms", container.id)
        eventually(shown.screens, "a screen")
        container.kill("KILL").wait()
        assert shown.process.wait(timeout=10) == 0

    def test_without_a_name_it_waits_for_others(self, container: Container, terminal: Callable[..., Terminal]) -> None:
        shown = terminal(container, "--interval", "50ms")
        eventually(lambda: len(shown.screens()) > 2, "screens")
        assert len(shown.screens()[-1]) == 1
        container.launch()
        eventually(lambda: len(shown.screens()[-1]) == 2, "the container")

    def test_it_stays_within_the_terminal(self, new_container: NewContainer, terminal: Callable[..., Terminal]) -> None:
        containers = [new_container() for _ in range(3)]
        for one in containers:
            one.root = containers[0].root
            one.launch()
        shown = terminal(containers[0], rows=3, columns=20)
        (screen, *_) = eventually(shown.screens, "a screen")
        assert [len(line) for line in screen] == [20, 20]

    @pytest.mark.parametrize("options", [("--no-stream",), ("--format", "json"), ("--format", "openmetrics")])
    def test_once_on_a_terminal(
        self, container: Container, terminal: Callable[..., Terminal], options: tuple[str, ...]
    ) -> None:
        shown = terminal(container.launch(), *options)
        assert shown.process.wait(timeout=10) == 0
        shown.screens()
        assert container.id in shown.seen.decode()
        assert b"\x1b" not in shown.seen


def test_the_numbers_are_those_of_runc_s_events(container: Container, bundle: Bundle) -> None:
    """The two documents of one container that rests."""
    bundle.sh("i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; echo ready; sleep 1000")
    container.launch().wait_for_output("ready")

    def same() -> bool:
        mine, runcs = stats(container), json.loads(container.call("events", "--stats").checked().stdout)["data"]
        pairs = [(mine["cpu"]["usage"], runcs["cpu"]["usage"]["total"])]
        if "memory" in mine:
            raw = runcs["memory"]["raw"]
            pairs += [
                (mine["memory"]["usage"], runcs["memory"]["usage"]["usage"]),
                (mine["memory"]["anon"], raw.get("anon", raw.get("total_rss"))),
                (mine["memory"]["file"], runcs["memory"].get("cache", 0)),
            ]
        if "pids" in mine:
            pairs += [(mine["pids"]["current"], runcs["pids"]["current"])]
        return all(one == other for one, other in pairs)

    eventually(same, "the same numbers")
