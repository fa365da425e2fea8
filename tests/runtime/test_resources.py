"""config-linux.md, Control groups: the container's cgroup, its limits, and its end."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from . import cgroupfs, views
from .bundle import Bundle
from .container import Container, eventually
from .limits import MIB, needs, read
from .procfs import Process


def needs_v1(controller: str) -> None:
    needs(controller)
    if views.is_pure_v2():
        pytest.skip(f"this view of the cgroups has no v1 hierarchy with the {controller} controller")


def processor_time(container: Container) -> float:
    """Seconds that all processes of the container have used."""
    if views.is_pure_v2():
        usage = (container.cgroup("") / "cpu.stat").read_text().split()[1]
        return int(usage) / 1e6
    return int((container.cgroup("cpuacct") / "cpuacct.usage").read_text()) / 1e9


class TestLimits:
    def test_memory_limit(self, container: Container, bundle: Bundle) -> None:
        """'limit (int64, OPTIONAL) - sets limit of memory usage'"""
        needs("memory")
        bundle.set("linux.resources.memory", {"limit": 64 * MIB})
        assert read(container.create(), "memory", "memory.limit_in_bytes", "memory.max") == str(64 * MIB)

    def test_memory_reservation(self, container: Container, bundle: Bundle) -> None:
        """'reservation (int64, OPTIONAL) - sets soft limit of memory usage'"""
        needs("memory")
        bundle.set("linux.resources.memory", {"reservation": 32 * MIB})
        assert read(container.create(), "memory", "memory.soft_limit_in_bytes", "memory.low") == str(32 * MIB)

    def test_memory_and_swap(self, container: Container, bundle: Bundle) -> None:
        """'swap (int64, OPTIONAL) - sets limit of memory+Swap usage'"""
        needs("memory")
        if not views.is_pure_v2() and not (cgroupfs.hierarchies()["memory"] / "memory.memsw.limit_in_bytes").exists():
            pytest.skip("this kernel does not account for swap")
        bundle.set("linux.resources.memory", {"limit": 64 * MIB, "swap": 96 * MIB})
        found = int(read(container.create(), "memory", "memory.memsw.limit_in_bytes", "memory.swap.max"))
        assert found == (32 * MIB if views.is_pure_v2() else 96 * MIB)

    def test_unlimited_memory(self, container: Container, bundle: Bundle) -> None:
        """'Values for memory specify the limit in bytes, or -1 for unlimited memory.'"""
        needs("memory")
        bundle.set("linux.resources.memory", {"limit": -1})
        found = read(container.create(), "memory", "memory.limit_in_bytes", "memory.max")
        assert found == "max" or int(found) > 1 << 60

    def test_no_limit_of_swap(self, container: Container, bundle: Bundle) -> None:
        """'or -1 for unlimited memory'"""
        needs("memory")
        if not views.is_pure_v2() and not (cgroupfs.hierarchies()["memory"] / "memory.memsw.limit_in_bytes").exists():
            pytest.skip("this kernel does not account for swap")
        bundle.set("linux.resources.memory", {"limit": 64 * MIB, "swap": -1})
        found = read(container.create(), "memory", "memory.memsw.limit_in_bytes", "memory.swap.max")
        assert found == "max" or int(found) > 1 << 60

    @pytest.mark.parametrize("swappiness", [0, 70])
    def test_swappiness(self, container: Container, bundle: Bundle, swappiness: int) -> None:
        """'swappiness (uint64, OPTIONAL) - sets swappiness parameter of vmscan'"""
        needs_v1("memory")
        bundle.set("linux.resources.memory", {"swappiness": swappiness})
        assert read(container.create(), "memory", "memory.swappiness", "") == str(swappiness)

    def test_disabled_oom_killer(self, container: Container, bundle: Bundle) -> None:
        """'To disable it, specify a value of true.'"""
        needs_v1("memory")
        bundle.set("linux.resources.memory", {"disableOOMKiller": True})
        assert "oom_kill_disable 1" in read(container.create(), "memory", "memory.oom_control", "")

    @pytest.mark.parametrize("memory", [{"swappiness": 10}, {"disableOOMKiller": True}])
    def test_what_v2_does_not_have_is_an_error(
        self, container: Container, bundle: Bundle, memory: dict[str, object]
    ) -> None:
        """'If the conversion is not possible the runtime MUST generate an error.'"""
        needs("memory")
        if not views.is_pure_v2():
            pytest.skip("this view of the cgroups has memory on v1")
        bundle.set("linux.resources.memory", memory)
        container.fails("create")

    def test_the_memory_limit_is_enforced(self, container: Container, bundle: Bundle) -> None:
        """'sets limit of memory usage': a program that needs more is killed, by SIGKILL"""
        needs("memory")
        bundle.set("linux.resources.memory", {"limit": 32 * MIB, "swap": 32 * MIB})
        bundle.sh("x=$(head -c 100000000 /dev/zero | tr '\\0' x); echo survived")
        result = container.run()
        assert "survived" not in result.stdout
        assert result.status == 128 + 9

    @pytest.mark.parametrize("shares", [100, 512, 2048])
    def test_cpu_shares(self, container: Container, bundle: Bundle, shares: int) -> None:
        """'shares (uint64, OPTIONAL) - specifies a relative share of CPU time available to the tasks in a cgroup'"""
        needs("cpu")
        bundle.set("linux.resources.cpu", {"shares": shares})
        found = int(read(container.create(), "cpu", "cpu.shares", "cpu.weight"))
        assert found == shares if not views.is_pure_v2() else 1 <= found <= 10000

    def test_cpu_quota_and_period(self, container: Container, bundle: Bundle) -> None:
        """'quota - specifies the total amount of time in microseconds ... period - specifies a period of time'"""
        needs("cpu")
        bundle.set("linux.resources.cpu", {"quota": 50000, "period": 200000})
        container.create()
        if views.is_pure_v2():
            assert read(container, "cpu", "", "cpu.max") == "50000 200000"
        else:
            assert read(container, "cpu", "cpu.cfs_quota_us", "") == "50000"
            assert read(container, "cpu", "cpu.cfs_period_us", "") == "200000"

    def test_a_quota_without_period(self, container: Container, bundle: Bundle) -> None:
        """'quota (int64, OPTIONAL)': the kernel's own period is used"""
        needs("cpu")
        bundle.set("linux.resources.cpu", {"quota": 30000})
        assert read(container.create(), "cpu", "cpu.cfs_quota_us", "cpu.max").split()[0] == "30000"

    def test_burst(self, container: Container, bundle: Bundle) -> None:
        """'burst (uint64, OPTIONAL) - specifies the maximum amount of accumulated time in microseconds'"""
        needs("cpu")
        bundle.set("linux.resources.cpu", {"quota": 50000, "period": 100000, "burst": 20000})
        assert read(container.create(), "cpu", "cpu.cfs_burst_us", "cpu.max.burst") == "20000"

    @pytest.mark.parametrize("idle", [0, 1])
    def test_idle(self, container: Container, bundle: Bundle, idle: int) -> None:
        """'idle (int64, OPTIONAL) - cgroups are configured with minimum weight, 0: default behavior, 1: SCHED_IDLE.'"""
        needs("cpu")
        bundle.set("linux.resources.cpu", {"idle": idle})
        assert read(container.create(), "cpu", "cpu.idle", "cpu.idle") == str(idle)

    def test_real_time(self, container: Container, bundle: Bundle) -> None:
        """'realtimeRuntime (int64, OPTIONAL)', 'realtimePeriod (uint64, OPTIONAL)'"""
        needs_v1("cpu")
        if not (cgroupfs.hierarchies()["cpu"] / "cpu.rt_runtime_us").exists():
            pytest.skip("this kernel has no real-time limits of cgroups")
        bundle.set("linux.resources.cpu", {"realtimeRuntime": 25000, "realtimePeriod": 500000})
        container.create()
        assert read(container, "cpu", "cpu.rt_runtime_us", "") == "25000"
        assert read(container, "cpu", "cpu.rt_period_us", "") == "500000"

    @pytest.mark.parametrize("share", [0.2, 0.5])
    def test_the_quota_is_enforced(self, container: Container, bundle: Bundle, share: float) -> None:
        """'the total amount of time in microseconds for which all tasks in a cgroup can run during one period'"""
        needs("cpu")
        shares = 262144  # whatever else this machine is busy with
        bundle.set("linux.resources.cpu", {"quota": round(share * 50000), "period": 50000, "shares": shares})
        bundle.sh("echo spinning; while :; do :; done & while :; do :; done")
        container.launch().wait_for_output("spinning")
        begin, used = time.monotonic(), processor_time(container)
        time.sleep(3)
        assert (processor_time(container) - used) / (time.monotonic() - begin) == pytest.approx(share, rel=0.15)

    def test_cpus_and_memory_nodes(self, container: Container, bundle: Bundle) -> None:
        """'cpus - list of CPUs the container will run on. mems - list of memory nodes the container will run on.'"""
        needs("cpuset")
        bundle.set("linux.resources.cpu", {"cpus": "0", "mems": "0"})
        container.launch()
        assert container.process.status("Cpus_allowed_list") == "0"
        assert container.process.status("Mems_allowed_list") == "0"

    @pytest.mark.parametrize(("limit", "shown"), [(20, "20"), (-1, "max"), (100000, "100000")])
    def test_number_of_processes(self, container: Container, bundle: Bundle, limit: int, shown: str) -> None:
        """'limit - specifies the maximum number of tasks in the cgroup, with -1 indicating no limit (max).'"""
        needs("pids")
        bundle.set("linux.resources.pids", {"limit": limit})
        assert read(container.create(), "pids", "pids.max", "pids.max") == shown

    def test_the_number_of_processes_is_enforced(self, container: Container, bundle: Bundle) -> None:
        """'specifies the maximum number of tasks in the cgroup'"""
        needs("pids")
        bundle.set("linux.resources.pids", {"limit": 10})
        bundle.sh("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 100 & done; echo all of them")
        result = container.run()
        assert "all of them" not in result.stdout
        assert "fork" in result.stderr

    def test_a_fork_bomb_stops(self, container: Container, bundle: Bundle) -> None:
        """'specifies the maximum number of tasks in the cgroup'"""
        needs("pids")
        bundle.set("linux.resources.pids", {"limit": 30})
        bundle.args("awk", 'BEGIN { while (1) system("sleep 1000 &") }')  # goes on when a fork is refused
        container.launch()
        current = container.cgroup("pids") / "pids.current"
        events = container.cgroup("pids") / "pids.events"
        eventually(lambda: "max 0" not in events.read_text(), "a refused fork")
        assert 20 < max(int(current.read_text()) for _ in range(200)) <= 30

    def test_network_class_and_priorities(self, container: Container, bundle: Bundle) -> None:
        """'classID (uint32, OPTIONAL)', 'priorities (array of objects, OPTIONAL)'"""
        needs("net_cls", "net_prio")
        bundle.set("linux.resources.network", {"classID": 1048577, "priorities": [{"name": "lo", "priority": 500}]})
        container.create()
        assert read(container, "net_cls", "net_cls.classid", "") == "1048577"
        assert "lo 500" in read(container, "net_prio", "net_prio.ifpriomap", "").splitlines()

    @pytest.mark.parametrize(
        ("resources", "controller"),
        [
            ({"network": {"classID": 1048577}}, "net_cls"),
            ({"network": {"priorities": [{"name": "lo", "priority": 500}]}}, "net_prio"),
            ({"rdma": {"mlx5_1": {"hcaHandles": 3}}}, "rdma"),
            ({"hugepageLimits": [{"pageSize": "2MB", "limit": 0}]}, "hugetlb"),
            ({"unified": {"misc.max": "res_a 1"}}, "misc"),
        ],
    )
    def test_a_limit_whose_controller_is_missing_is_an_error(
        self, container: Container, bundle: Bundle, resources: dict[str, object], controller: str
    ) -> None:
        """'If the runtime cannot apply a property as specified in the configuration, it MUST generate an error and a
        new container MUST NOT be created.'"""
        if controller in views.controllers() or (controller == "hugetlb" and "unified" in views.controllers()):
            pytest.skip(f"this view of the cgroups may have the {controller} controller")
        bundle.set("linux.resources", resources)
        result = container.fails("create")
        if container.runtime.is_sampan:
            assert f"linux.resources.{next(iter(resources))}" in result.stderr

    @pytest.mark.parametrize("resources", [{}, {"memory": {}}, {"cpu": {}}, {"blockIO": {"weight": 0}}, {"unknown": 1}])
    def test_nothing_asked_for_is_no_error(
        self, container: Container, bundle: Bundle, resources: dict[str, object]
    ) -> None:
        """'resources (object, OPTIONAL)'; zeros are what docker sends for no limit"""
        bundle.set("linux.resources", resources)
        container.create()

    def test_no_resources_at_all(self, container: Container, bundle: Bundle) -> None:
        """'Do not specify resources unless limits have to be updated.'"""
        bundle.drop("linux.resources")
        container.create()

    @pytest.mark.parametrize(
        ("field", "value", "controller"),
        [
            ("cpu", {"quota": 1}, "cpu"),  # the kernel's least is 1000
            ("cpu", {"cpus": "9999"}, "cpuset"),
            ("cpu", {"cpus": "zero"}, "cpuset"),
            ("memory", {"limit": 4096}, "memory"),  # not even the init fits
        ],
    )
    def test_what_the_kernel_refuses_is_an_error(
        self, container: Container, bundle: Bundle, field: str, value: dict[str, object], controller: str
    ) -> None:
        """'If the runtime cannot apply a property as specified in the configuration, it MUST generate an error and a
        new container MUST NOT be created.'"""
        needs(controller)
        bundle.set(f"linux.resources.{field}", value)
        container.fails("create")


class TestPath:
    def test_an_absolute_one_is_relative_to_the_mount_point(self, container: Container, bundle: Bundle) -> None:
        """'In the case of an absolute path (starting with /), the runtime MUST take the path to be relative to the
        cgroups mount point.'"""
        bundle.set("linux.cgroupsPath", f"/{container.id}-path")
        found = {path for name, path in container.create().process.cgroups().items() if name in cgroupfs.hierarchies()}
        assert f"/{container.id}-path" in found

    def test_a_nested_one(self, container: Container, bundle: Bundle) -> None:
        """'The cgroups will be created if they don't exist.'"""
        bundle.set("linux.cgroupsPath", f"/{container.id}/inner")
        assert container.create().cgroup("pids").as_posix().endswith(f"/{container.id}/inner")
        container.delete("--force")
        for path in cgroupfs.walk(container.id):  # whose the outer one is the text does not say
            path.rmdir()

    def test_the_same_one_every_time(self, container: Container, bundle: Bundle) -> None:
        """'the runtime MUST consistently attach to the same place in the cgroups hierarchy given the same value of
        cgroupsPath'"""
        bundle.set("linux.cgroupsPath", f"{container.id}-relative")
        first = container.create().process.cgroups()
        container.delete("--force")
        assert container.create().process.cgroups() == first

    def test_without_one_the_container_has_a_cgroup_of_its_own(self, container: Container) -> None:
        """'If the value is not specified, the runtime MAY define the default cgroups path.'"""
        assert container.create().process.cgroups() != Process().cgroups()

    @pytest.mark.parametrize("path", ["/../../{id}", "/{id}/../../{id}", "../../{id}"])
    def test_none_leads_out_of_the_hierarchy(self, container: Container, bundle: Bundle, path: str) -> None:
        """'Runtimes MAY consider certain cgroupsPath values to be invalid, and MUST generate an error if this is the
        case.'"""
        bundle.set("linux.cgroupsPath", path.format(id=container.id))
        if container.call("create").status == 0:
            assert ".." not in "".join(container.process.cgroups().values())
        roots = {root.parent for root in cgroupfs.hierarchies().values()} | {Path(views.CGROUPS).parent}
        assert not any((root / container.id).exists() for root in roots if root != Path(views.CGROUPS))


class TestLife:
    def test_the_process_is_in_it_before_it_runs(self, container: Container, bundle: Bundle) -> None:
        """'used to restrict resource usage for a container': from its first instruction"""
        container.create()
        before = container.process.cgroups()
        assert container.start().process.cgroups() == before

    def test_children_are_in_it(self, container: Container, bundle: Bundle) -> None:
        """'used to restrict resource usage for a container'"""
        bundle.sh("sleep 1000 & echo ready; wait")
        container.launch().wait_for_output("ready")
        directory = container.cgroup("pids")
        eventually(lambda: len((directory / "cgroup.procs").read_text().split()) == 2, "two processes in the cgroup")

    def test_it_is_removed_with_the_container(self, container: Container) -> None:
        """'Deleting a container MUST delete the resources that were created during the create step.'"""
        container.launch()
        assert list(cgroupfs.walk(container.id))
        container.delete("--force")
        assert list(cgroupfs.walk(container.id)) == []

    def test_it_is_removed_after_a_run(self, container: Container, bundle: Bundle) -> None:
        """'Deleting a container MUST delete the resources that were created during the create step.'"""
        bundle.args("true")
        container.run().checked()
        assert list(cgroupfs.walk(container.id)) == []

    def test_cgroups_that_the_container_made_are_removed_too(self, container: Container, bundle: Bundle) -> None:
        """'Deleting a container MUST delete the resources that were created': a container with a writable mount makes
        more"""
        target = "/sys/fs/cgroup"
        bundle.without_mount(target).mount(target, "cgroup", "cgroup", "nosuid", "noexec", "nodev")
        below = target if views.is_pure_v2() else f"{target}/pids"
        bundle.sh(f"mkdir -p {below}/a/b {below}/c && echo made && exec sleep 1000")
        container.launch().wait_for_output("made").delete("--force")
        assert list(cgroupfs.walk(container.id)) == []

    def test_the_host_s_own_cgroups_stay_as_they_are(self, container: Container) -> None:
        """'resources associated with the container, but not created by this container, MUST NOT be deleted'"""
        before = Process().cgroups()
        container.launch().delete("--force")
        assert Process().cgroups() == before
