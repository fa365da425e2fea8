"""`update`, runc's verb: the limits of a container that exists, changed by options or by a document.

runc: 'Update container resource constraints'. Engines call it for `podman update`, `docker update` and for the kubelet.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from . import cgroupfs, views
from .bundle import Bundle
from .container import Container, eventually
from .driver import Result
from .limits import MIB, needs, read

# docker 20.10 sends every field, with 0 for what its user has not named
DOCKER_20_10 = {
    "memory": {"limit": 0, "reservation": 0, "kernel": 0},
    "cpu": {"shares": 0, "quota": 0, "period": 0, "cpus": "0"},
    "blockIO": {"weight": 0},
}
DENY_ALL = [{"allow": False, "access": "rwm"}]
WAIT = "echo ready; until test -e /go; do usleep 5000; done; "


def update(container: Container, document: Any, *options: str, stdin: bool = True) -> Result:
    """With a document on standard input, or in a file."""
    text = document if isinstance(document, str) else json.dumps(document)
    path = container.directory / "resources.json"
    path.write_text(text)
    options = (*options, "--resources=-" if stdin else f"--resources={path}")
    command = container.runtime.command(container.root, "update", *options, container.id)
    return container.runtime.call(command, stdin=text if stdin else None)


def memory_limit(container: Container) -> str:
    return read(container, "memory", "memory.limit_in_bytes", "memory.max")


def quota(container: Container) -> list[str]:
    """Quota and period."""
    if views.is_pure_v2():
        return read(container, "cpu", "", "cpu.max").split()
    return [read(container, "cpu", f"cpu.cfs_{name}_us", "") for name in ("quota", "period")]


class TestOptions:
    @pytest.mark.parametrize(
        ("value", "size"),
        [("67108864", 64 * MIB), ("64m", 64 * MIB), ("64MiB", 64 * MIB), ("65536k", 64 * MIB), ("1g", 1024 * MIB)],
    )
    def test_memory(self, container: Container, value: str, size: int) -> None:
        """runc: '--memory: Memory limit (in bytes)', with a unit or without"""
        needs("memory")
        container.launch().call("update", "--memory", value).checked()
        assert memory_limit(container) == str(size)

    def test_no_limit_of_memory(self, container: Container, bundle: Bundle) -> None:
        """runc: '-1' for no limit"""
        needs("memory")
        bundle.set("linux.resources.memory", {"limit": 64 * MIB})
        container.launch().call("update", "--memory=-1").checked()
        assert memory_limit(container) == "max" or int(memory_limit(container)) > 1 << 60

    def test_memory_reservation(self, container: Container) -> None:
        """runc: '--memory-reservation: Memory reservation or soft_limit (in bytes)'"""
        needs("memory")
        container.launch().call("update", "--memory-reservation", str(32 * MIB)).checked()
        assert read(container, "memory", "memory.soft_limit_in_bytes", "memory.low") == str(32 * MIB)

    def test_memory_and_swap(self, container: Container, bundle: Bundle) -> None:
        """runc: '--memory-swap: Total memory usage (memory + swap); set '-1' to enable unlimited swap'"""
        needs("memory")
        if not views.is_pure_v2() and not (cgroupfs.hierarchies()["memory"] / "memory.memsw.limit_in_bytes").exists():
            pytest.skip("this kernel does not account for swap")
        bundle.set("linux.resources.memory", {"limit": 64 * MIB, "swap": 96 * MIB})
        container.launch()
        for memory, swap in ((128, 256), (32, 48)):  # both grow, both shrink: the order of writing matters
            container.call("update", f"--memory={memory * MIB}", f"--memory-swap={swap * MIB}").checked()
            found = int(read(container, "memory", "memory.memsw.limit_in_bytes", "memory.swap.max"))
            assert memory_limit(container) == str(memory * MIB)
            assert found == (swap - memory if views.is_pure_v2() else swap) * MIB
        container.call("update", "--memory-swap=-1").checked()
        found_text = read(container, "memory", "memory.memsw.limit_in_bytes", "memory.swap.max")
        assert found_text == "max" or int(found_text) > 1 << 60
        assert memory_limit(container) == str(32 * MIB)

    def test_kernel_memory_is_ignored(self, container: Container) -> None:
        """crun: '--kernel-memory'; config-linux.md: 'kernel ... NOT RECOMMENDED'"""
        container.launch().call("update", "--kernel-memory", str(64 * MIB)).checked()

    def test_cpu_shares(self, container: Container) -> None:
        """runc: '--cpu-share: CPU shares (relative weight vs. other containers)'"""
        needs("cpu")
        container.launch().call("update", "--cpu-share", "512").checked()
        found = int(read(container, "cpu", "cpu.shares", "cpu.weight"))
        assert found == 512 if not views.is_pure_v2() else 1 <= found < 100

    def test_quota_and_period(self, container: Container, bundle: Bundle) -> None:
        """runc: '--cpu-quota: CPU CFS hardcap limit (in usecs). Allowed cpu time in a given period'"""
        needs("cpu")
        bundle.set("linux.resources.cpu", {"quota": 50000, "period": 100000})
        container.launch().call("update", "--cpu-quota", "30000", "--cpu-period", "200000").checked()
        assert quota(container) == ["30000", "200000"]

    def test_one_of_them_leaves_the_other(self, container: Container, bundle: Bundle) -> None:
        """runc: 'If only one of {quota,period} is set and the other is not, leave the unset parameter at the old
        value'"""
        needs("cpu")
        bundle.set("linux.resources.cpu", {"quota": 50000, "period": 100000})
        container.launch().call("update", "--cpu-quota", "30000").checked()
        assert quota(container) == ["30000", "100000"]
        container.call("update", "--cpu-period", "200000").checked()
        assert quota(container) == ["30000", "200000"]

    def test_no_quota(self, container: Container, bundle: Bundle) -> None:
        """config-linux.md: 'quota ... -1' is the kernel's word for none"""
        needs("cpu")
        bundle.set("linux.resources.cpu", {"quota": 50000, "period": 100000})
        container.launch().call("update", "--cpu-quota=-1").checked()
        assert quota(container)[0] == ("max" if views.is_pure_v2() else "-1")

    def test_burst(self, container: Container, bundle: Bundle) -> None:
        """runc: '--cpu-burst: ... Allowed accumulated cpu time additionally for burst a given period'"""
        needs("cpu")
        bundle.set("linux.resources.cpu", {"quota": 50000, "period": 100000})
        container.launch().call("update", "--cpu-burst", "20000").checked()
        assert read(container, "cpu", "cpu.cfs_burst_us", "cpu.max.burst") == "20000"

    @pytest.mark.parametrize("idle", ["1", "0"])
    def test_idle(self, container: Container, idle: str) -> None:
        """runc: '--cpu-idle: set cgroup SCHED_IDLE or not, 0: default behavior, 1: SCHED_IDLE'"""
        needs("cpu")
        container.launch().call("update", "--cpu-idle", "1").checked()
        container.call("update", "--cpu-idle", idle).checked()
        assert read(container, "cpu", "cpu.idle", "cpu.idle") == idle

    def test_cpus_and_memory_nodes(self, container: Container) -> None:
        """runc: '--cpuset-cpus: CPU(s) to use', '--cpuset-mems: Memory node(s) to use'"""
        needs("cpuset")
        container.launch().call("update", "--cpuset-cpus", "0", "--cpuset-mems", "0").checked()
        assert container.process.status("Cpus_allowed_list") == "0"
        assert container.process.status("Mems_allowed_list") == "0"

    @pytest.mark.parametrize(("value", "shown"), [("20", "20"), ("-1", "max")])
    def test_number_of_processes(self, container: Container, bundle: Bundle, value: str, shown: str) -> None:
        """runc: '--pids-limit: Maximum number of pids allowed in the container'"""
        needs("pids")
        bundle.set("linux.resources.pids", {"limit": 100})
        container.launch().call("update", f"--pids-limit={value}").checked()
        assert read(container, "pids", "pids.max", "pids.max") == shown

    def test_none_changes_nothing(self, container: Container, bundle: Bundle) -> None:
        """runc: 'unchanged values can be omitted'"""
        needs("pids", "memory")
        bundle.set("linux.resources.pids", {"limit": 100}).set("linux.resources.memory", {"limit": 64 * MIB})
        container.launch().call("update").checked()
        assert read(container, "pids", "pids.max", "pids.max") == "100"
        assert memory_limit(container) == str(64 * MIB)

    def test_many_at_once(self, container: Container) -> None:
        """podman update and docker update set all that their user names in one call"""
        needs("memory", "cpu", "pids")
        options = ("--memory", str(64 * MIB), "--cpu-quota", "30000", "--pids-limit", "20")
        container.launch().call("update", *options).checked()
        assert memory_limit(container) == str(64 * MIB)
        assert quota(container)[0] == "30000"
        assert read(container, "pids", "pids.max", "pids.max") == "20"


class TestDocument:
    @pytest.mark.parametrize("stdin", [True, False], ids=["standard input", "a file"])
    def test_it_is_read(self, container: Container, stdin: bool) -> None:
        """runc: 'path to the file containing the resources to update or '-' to read from the standard input'"""
        needs("pids")
        container.launch()
        update(container, {"pids": {"limit": 50}}, stdin=stdin).checked()
        assert read(container, "pids", "pids.max", "pids.max") == "50"

    @pytest.mark.parametrize("words", [("--resources", "-"), ("-r", "-"), ("--resources=-",)])
    def test_it_may_be_written_in_every_way(self, container: Container, words: tuple[str, ...]) -> None:
        """containerd: `update --resources - ID`; docker: `--resources=-`"""
        needs("pids")
        command = container.launch().runtime.command(container.root, "update", *words, container.id)
        container.runtime.call(command, stdin='{"pids": {"limit": 50}}').checked()
        assert read(container, "pids", "pids.max", "pids.max") == "50"

    def test_zeros_change_nothing(self, container: Container, bundle: Bundle) -> None:
        """docker 20.10: 0 for what is to stay"""
        needs("memory", "cpu", "cpuset", "pids")
        bundle.set("linux.resources.memory", {"limit": 64 * MIB, "reservation": 32 * MIB})
        bundle.set("linux.resources.cpu", {"shares": 512, "quota": 50000, "period": 200000})
        bundle.set("linux.resources.pids", {"limit": 100})
        container.launch()
        shares = read(container, "cpu", "cpu.shares", "cpu.weight")
        update(container, {**DOCKER_20_10, "pids": {"limit": 0}}).checked()
        assert memory_limit(container) == str(64 * MIB)
        assert read(container, "memory", "memory.soft_limit_in_bytes", "memory.low") == str(32 * MIB)
        assert read(container, "cpu", "cpu.shares", "cpu.weight") == shares
        assert quota(container) == ["50000", "200000"]
        assert read(container, "pids", "pids.max", "pids.max") == "100"
        assert container.process.status("Cpus_allowed_list") == "0"

    def test_the_devices_stay_as_they_are(self, container: Container, bundle: Bundle) -> None:
        """containerd and podman send "deny all" with every update, and mean nothing by it"""
        needs("pids")
        bundle.add("linux.resources.devices", {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"})
        bundle.capabilities("CAP_MKNOD")
        bundle.sh(f"mknod /fuse c 10 229; {WAIT}(: < /fuse) 2>&1; (: < /dev/null) && echo null")
        container.launch().wait_for_output("ready")
        update(container, {"devices": DENY_ALL, "pids": {"limit": 50}}).checked()
        (bundle.rootfs / "go").touch()
        container.wait()
        assert "not permitted" not in container.stdout  # "no such device" where the kernel has none is fine
        assert container.stdout.splitlines()[-1] == "null"

    def test_what_nobody_knows_is_ignored(self, container: Container) -> None:
        """config.md: 'Implementations that are reading/processing this configuration file MUST NOT generate an error if
        they encounter an unknown property.'"""
        needs("pids")
        container.launch()
        update(container, {"pids": {"limit": 50, "burst": 5}, "weather": "fine"}).checked()
        assert read(container, "pids", "pids.max", "pids.max") == "50"

    def test_null_is_nothing(self, container: Container) -> None:
        """Engines written in Go send null for what is not set"""
        needs("pids")
        container.launch()
        update(container, {"pids": {"limit": 50}, "memory": None, "cpu": {"shares": None}}).checked()
        assert read(container, "pids", "pids.max", "pids.max") == "50"

    @pytest.mark.parametrize(
        "document",
        ["", "{", "[]", '{"memory": {"limit": "much"}}', '{"pids": 5}', '{"cpu": {"shares": -1}}'],
        ids=["nothing", "half of one", "an array", "a word", "a number", "a negative weight"],
    )
    def test_a_broken_one_is_an_error(self, container: Container, document: str) -> None:
        """config.md: 'Runtimes MUST generate an error when invalid or unsupported values are encountered.'"""
        container.launch()
        assert update(container, document).status != 0
        assert container.status == "running"

    def test_a_missing_file_is_an_error(self, container: Container) -> None:
        """runc: 'no such file or directory'"""
        container.launch()
        assert "no such file" in container.fails("update", "--resources", "/no/such/file").stderr.lower()


class TestEnforcement:
    def test_a_process_that_takes_more_memory_is_killed(self, container: Container, bundle: Bundle) -> None:
        """'limit - sets limit of memory usage': also of a process that runs already"""
        needs("memory")
        bundle.sh(WAIT + "x=$(head -c 100000000 /dev/zero | tr '\\0' x); echo survived")
        container.launch().wait_for_output("ready")
        container.call("update", f"--memory={16 * MIB}", f"--memory-swap={16 * MIB}").checked()
        (bundle.rootfs / "go").touch()
        container.wait()
        assert "survived" not in container.stdout

    def test_no_more_processes_than_the_limit(self, container: Container, bundle: Bundle) -> None:
        """'specifies the maximum number of tasks in the cgroup'"""
        needs("pids")
        bundle.sh(WAIT + "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 100 & done; echo all of them; wait")
        container.launch().wait_for_output("ready")
        container.call("update", "--pids-limit=8").checked()
        (bundle.rootfs / "go").touch()
        assert container.wait() != 0
        assert "all of them" not in container.stdout

    def test_a_spinner_gets_its_share_of_cpu(self, container: Container, bundle: Bundle) -> None:
        """'quota - specifies the total amount of time in microseconds for which all tasks in a cgroup can run during
        one period'"""
        needs("cpu")
        bundle.sh("echo ready; while true; do :; done")
        container.launch().wait_for_output("ready")
        container.call("update", "--cpu-quota=20000", "--cpu-period=100000").checked()
        shares = [0.0]
        while shares[-1] != pytest.approx(0.2, rel=0.15):  # a busy machine may have given it less
            assert len(shares) < 6, f"shares of a processor: {shares[1:]}"
            before, begin = processor_time(container), time.monotonic()
            time.sleep(2)
            shares.append((processor_time(container) - before) / (time.monotonic() - begin))


def processor_time(container: Container) -> float:
    """Seconds that its process has used."""
    return int(container.process.read("schedstat").split()[0]) / 1e9


class TestStates:
    def test_a_created_container(self, container: Container) -> None:
        """runc: an update is an error only of a stopped container"""
        needs("pids")
        container.create().call("update", "--pids-limit=50").checked()
        assert read(container, "pids", "pids.max", "pids.max") == "50"
        assert container.start().status == "running"

    def test_a_paused_container(self, container: Container) -> None:
        """kubelet and docker update paused ones, too"""
        needs("pids")
        container.launch().call("pause").checked()
        container.call("update", "--pids-limit=50").checked()
        assert read(container, "pids", "pids.max", "pids.max") == "50"
        assert container.status == "paused"

    def test_a_stopped_container(self, container: Container, bundle: Bundle) -> None:
        """runc: 'container not running'"""
        bundle.args("true")
        container.launch().wait_until("stopped")
        assert "not running" in container.fails("update", "--pids-limit=50").stderr

    def test_an_unknown_container(self, container: Container) -> None:
        """runc: 'container does not exist'"""
        container.fails("update", "--pids-limit=50")


class TestErrors:
    @pytest.mark.parametrize(
        "option",
        ["--memory=much", "--memory=1x", "--cpu-quota=half", "--cpu-share=-5", "--cpu-period=1k", "--pids-limit=few"],
    )
    def test_a_wrong_value(self, container: Container, option: str) -> None:
        """runc: 'invalid value for memory'"""
        message = container.launch().fails("update", option).stderr
        assert option.removeprefix("--").partition("=")[0] in message

    @pytest.mark.parametrize(
        ("option", "controller"),
        [("--cpu-quota=1", "cpu"), ("--cpuset-cpus=4095", "cpuset"), ("--cpu-period=1", "cpu")],
    )
    def test_what_the_kernel_refuses(self, container: Container, option: str, controller: str) -> None:
        """The kernel's least quota and period are 1000; and there is no such CPU"""
        needs(controller)
        container.launch().fails("update", option)
        assert container.status == "running"

    def test_nothing_has_changed_then(self, container: Container, bundle: Bundle) -> None:
        """'Unless otherwise stated, generating an error MUST leave the state of the environment as if the operation
        were never attempted'"""
        needs("memory", "cpu", "pids")
        bundle.set("linux.resources.memory", {"limit": 64 * MIB}).set("linux.resources.pids", {"limit": 100})
        bundle.set("linux.resources.cpu", {"quota": 50000, "period": 100000})
        container.launch()
        document = {"memory": {"limit": 32 * MIB}, "cpu": {"quota": 1}, "pids": {"limit": 50}}
        assert update(container, document).status != 0
        assert memory_limit(container) == str(64 * MIB)
        assert quota(container) == ["50000", "100000"]
        assert read(container, "pids", "pids.max", "pids.max") == "100"

    def test_a_limit_below_what_is_in_use(self, container: Container, bundle: Bundle) -> None:
        """v1: 'device or resource busy'; with checkBeforeUpdate on v2 as well: 'container memory usage (current usage)
        is checked before updating to a new limit'"""
        needs("memory")
        bundle.set("linux.resources.memory", {"limit": 256 * MIB})
        bundle.sh("x=$(head -c 30000000 /dev/zero | tr '\\0' x); echo ready; sleep 1000; echo $x")
        container.launch().wait_for_output("ready")
        usage = "memory.usage_in_bytes", "memory.current"
        eventually(lambda: int(read(container, "memory", *usage)) > 25000000, "the memory in use")
        document = {"memory": {"limit": 8 * MIB, "swap": 8 * MIB, "checkBeforeUpdate": True}}
        assert update(container, document).status != 0
        assert memory_limit(container) == str(256 * MIB)
        assert container.status == "running"
