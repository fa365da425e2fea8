"""Directories that look like a cgroup's: real files of a Linux 6.1 with v2, of a 6.18 with v1, as they were read."""

from __future__ import annotations

from pathlib import Path

V2 = {
    "cpu.stat": "usage_usec 231991\nuser_usec 107996\nsystem_usec 123995\nnr_periods 12\nnr_throttled 8\n"
    "throttled_usec 497376\nnr_bursts 1\nburst_usec 20\n",
    "cpu.max": "20000 100000\n",
    "cpuset.cpus.effective": "0-2,7\n",
    "cpu.pressure": "some avg10=0.18 avg60=0.03 avg300=0.00 total=22340\n"
    "full avg10=0.00 avg60=0.00 avg300=1.50 total=15973\n",
    "memory.current": "4939776\n",
    "memory.max": "67108864\n",
    "memory.peak": "5672960\n",
    "memory.swap.current": "8192\n",
    "memory.swap.max": "33554432\n",
    "memory.stat": "anon 114688\nfile 4505600\nkernel 319488\ninactive_file 303104\npgfault 885\npgmajfault 2\n",
    "memory.events": "low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 0\n",
    "memory.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=243\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total=243\n",
    "io.stat": "254:0 rbytes=311296 wbytes=4096 rios=4 wios=1 dbytes=512 dios=1\n",
    "pids.current": "2\n",
    "pids.max": "100\n",
    "hugetlb.2MB.current": "4194304\n",
    "hugetlb.2MB.max": "max\n",
    "hugetlb.2MB.events": "max 3\n",
    "hugetlb.2MB.rsvd.current": "2097152\n",
    "hugetlb.2MB.rsvd.max": "8388608\n",
    "rdma.current": "mlx4_0 hca_handle=2 hca_object=2000\nocrdma1 hca_handle=1 hca_object=0\n",
    "rdma.max": "mlx4_0 hca_handle=3 hca_object=max\nocrdma1 hca_handle=max hca_object=max\n",
    "cgroup.procs": "12\n13\n14\n",
}

V1 = {
    "cpuacct": {
        "cpuacct.usage": "8641461\n",
        "cpuacct.stat": "user 3\nsystem 1\n",
        "cpuacct.usage_percpu": "1203875 7437586 \n",
        "cpuacct.usage_all": "cpu user system\n0 0 4000000\n1 5000000 0\n",
    },
    "cpu": {
        "cpu.stat": "nr_periods 5\nnr_throttled 2\nthrottled_time 1500\nnr_bursts 0\nburst_time 0\n",
        "cpu.cfs_quota_us": "50000\n",
        "cpu.cfs_period_us": "100000\n",
    },
    "cpuset": {
        "cpuset.cpus": "0-1\n",
        "cpuset.mems": "0\n",
        "cpuset.effective_cpus": "0-1\n",
        **{
            f"cpuset.{name}": "0\n"
            for name in (
                "cpu_exclusive mem_hardwall mem_exclusive memory_migrate memory_spread_page memory_spread_slab "
                "memory_pressure"
            ).split()
        },
        "cpuset.sched_load_balance": "1\n",
        "cpuset.sched_relax_domain_level": "-1\n",
    },
    "memory": {
        "memory.usage_in_bytes": "950272\n",
        "memory.limit_in_bytes": "67108864\n",
        "memory.max_usage_in_bytes": "2797568\n",
        "memory.failcnt": "4\n",
        "memory.memsw.usage_in_bytes": "958464\n",
        "memory.memsw.limit_in_bytes": "100663296\n",
        "memory.memsw.max_usage_in_bytes": "2797568\n",
        "memory.memsw.failcnt": "2\n",
        "memory.kmem.usage_in_bytes": "679936\n",
        "memory.kmem.limit_in_bytes": "9223372036854771712\n",
        "memory.kmem.max_usage_in_bytes": "679936\n",
        "memory.kmem.failcnt": "0\n",
        "memory.stat": "cache 0\nrss 118784\nswap 0\npgfault 849\npgmajfault 0\ninactive_file 0\ntotal_cache 4096\n"
        "total_rss 118784\ntotal_swap 8192\ntotal_pgfault 849\ntotal_pgmajfault 1\ntotal_inactive_file 4096\n",
        "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
    },
    "blkio": {
        "blkio.bfq.io_serviced_recursive": "Total 0\n",
        "blkio.bfq.io_service_bytes_recursive": "Total 0\n",
        "blkio.throttle.io_serviced_recursive": "8:0 Read 16\n8:0 Write 2\n8:0 Sync 18\n8:0 Async 0\n8:0 Discard 1\n"
        "8:0 Total 19\nTotal 19\n",
        "blkio.throttle.io_service_bytes_recursive": "8:0 Read 131072\n8:0 Write 8192\n8:0 Sync 139264\n8:0 Async 0\n"
        "8:0 Discard 512\n8:0 Total 139776\nTotal 139776\n",
    },
    "pids": {"pids.current": "3\n", "pids.max": "max\n"},
    "hugetlb": {
        "hugetlb.2MB.usage_in_bytes": "2097152\n",
        "hugetlb.2MB.limit_in_bytes": "9223372036852678656\n",
        "hugetlb.2MB.max_usage_in_bytes": "4194304\n",
        "hugetlb.2MB.failcnt": "2\n",
        "hugetlb.2MB.rsvd.usage_in_bytes": "2097152\n",
        "hugetlb.2MB.rsvd.limit_in_bytes": "4194304\n",
        "hugetlb.2MB.rsvd.max_usage_in_bytes": "2097152\n",
        "hugetlb.2MB.rsvd.failcnt": "5\n",
    },
}


def make_v2(directory: Path, *, without: str = "") -> dict[str, str]:
    """The directories of a cgroup on pure v2, without the files of one controller."""
    _write(directory, {name: text for name, text in V2.items() if not without or not name.startswith(without)})
    return {"": str(directory)}


def make_v1(directory: Path) -> dict[str, str]:
    """The directories of a cgroup on v1: one for each controller."""
    for controller, files in V1.items():
        _write(directory / controller, files)
    return {controller: str(directory / controller) for controller in V1}


def _write(directory: Path, files: dict[str, str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name).write_text(text)
