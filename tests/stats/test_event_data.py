"""`events --stats`: the document of runc 1.5, to the letter: its names, their order, and what Go leaves out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sampan._linux import json_dumps
from sampan.cgroups import event_data, event_rdt

from .cgroup_trees import make_v1, make_v2

SIZES = ("1GB", "2MB")
NO_CPUSET = (
    '"cpuset":{"cpu_exclusive":0,"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,"memory_spread_page":0,'
    '"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":0,"sched_relax_domain_level":0}'
)
NOTHING = '{"limit":0,"failcnt":0}'


def data(directories: dict[str, str]) -> str:
    return json_dumps(event_data.read(directories, SIZES)).decode()


def test_v2(tmp_path: Path) -> None:
    """As runc 1.5 prints these numbers: PSI, memory and swap together, io.stat as reads and writes."""
    calm = '{"avg10":0,"avg60":0,"avg300":0,"total":243}'
    assert data(make_v2(tmp_path)) == (
        '{"cpu":{"usage":{"total":231991000,"kernel":123995000,"user":107996000},'
        '"throttling":{"periods":12,"throttledPeriods":8,"throttledTime":497376000},'
        '"psi":{"some":{"avg10":0.18,"avg60":0.03,"avg300":0,"total":22340},'
        '"full":{"avg10":0,"avg60":0,"avg300":1.5,"total":15973}}},'
        f"{NO_CPUSET},"
        '"memory":{"cache":4505600,"usage":{"limit":67108864,"usage":4939776,"max":5672960,"failcnt":0},'
        '"swap":{"limit":100663296,"usage":4947968,"failcnt":0},'
        f'"kernel":{NOTHING},"kernelTCP":{NOTHING},'
        '"raw":{"anon":114688,"file":4505600,"inactive_file":303104,"kernel":319488,"pgfault":885,"pgmajfault":2},'
        f'"psi":{{"some":{calm},"full":{calm}}}}},'
        '"pids":{"current":2,"limit":100},'
        '"blkio":{"ioServiceBytesRecursive":[{"major":254,"op":"Read","value":311296},'
        '{"major":254,"op":"Write","value":4096}],'
        '"ioServicedRecursive":[{"major":254,"op":"Read","value":4},{"major":254,"op":"Write","value":1}]},'
        '"hugetlb":{"2MB":{"usage":2097152,"failcnt":3}},'
        '"intel_rdt":{},"network_interfaces":null}'
    )


def test_v1(tmp_path: Path) -> None:
    assert data(make_v1(tmp_path)) == (
        '{"cpu":{"usage":{"total":8641461,"percpu":[1203875,7437586],"percpu_kernel":[4000000,0],'
        '"percpu_user":[0,5000000],"kernel":10000000,"user":30000000},'
        '"throttling":{"periods":5,"throttledPeriods":2,"throttledTime":1500}},'
        '"cpuset":{"cpus":[0,1],"cpu_exclusive":0,"mems":[0],"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,'
        '"memory_spread_page":0,"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":1,'
        '"sched_relax_domain_level":-1},'
        '"memory":{"usage":{"limit":67108864,"usage":950272,"max":2797568,"failcnt":4},'
        '"swap":{"limit":100663296,"usage":958464,"max":2797568,"failcnt":2},'
        '"kernel":{"limit":9223372036854771712,"usage":679936,"max":679936,"failcnt":0},'
        f'"kernelTCP":{NOTHING},'
        '"raw":{"cache":0,"inactive_file":0,"pgfault":849,"pgmajfault":0,"rss":118784,"swap":0,"total_cache":4096,'
        '"total_inactive_file":4096,"total_pgfault":849,"total_pgmajfault":1,"total_rss":118784,"total_swap":8192}},'
        '"pids":{"current":3},'
        '"blkio":{"ioServiceBytesRecursive":[{"major":8,"op":"Read","value":131072},'
        '{"major":8,"op":"Write","value":8192},{"major":8,"op":"Sync","value":139264},{"major":8,"op":"Async"},'
        '{"major":8,"op":"Discard","value":512},{"major":8,"op":"Total","value":139776}],'
        '"ioServicedRecursive":[{"major":8,"op":"Read","value":16},{"major":8,"op":"Write","value":2},'
        '{"major":8,"op":"Sync","value":18},{"major":8,"op":"Async"},{"major":8,"op":"Discard","value":1},'
        '{"major":8,"op":"Total","value":19}]},'
        '"hugetlb":{"2MB":{"usage":2097152,"max":2097152,"failcnt":5}},'
        '"intel_rdt":{},"network_interfaces":null}'
    )


def test_nothing_known_is_the_same_shape(tmp_path: Path) -> None:
    """A Go program decodes zeros from what is missing: a container without a cgroup."""
    assert data({}) == (
        f'{{"cpu":{{"usage":{{"kernel":0,"user":0}},"throttling":{{}}}},{NO_CPUSET},'
        f'"memory":{{"usage":{NOTHING},"swap":{NOTHING},"kernel":{NOTHING},"kernelTCP":{NOTHING}}},'
        '"pids":{},"blkio":{},"hugetlb":{},"intel_rdt":{},"network_interfaces":null}'
    )
    assert data({"": str(tmp_path / "gone")}) == data({})


def test_no_limit_of_memory_on_v2_is_the_largest_number(tmp_path: Path) -> None:
    directories = make_v2(tmp_path)
    (tmp_path / "memory.max").write_text("max\n")
    memory = json.loads(data(directories))["memory"]
    assert memory["usage"]["limit"] == memory["swap"]["limit"] == 2**64 - 1


def test_without_the_pids_controller_runc_counts(tmp_path: Path) -> None:
    assert json.loads(data(make_v2(tmp_path, without="pids.")))["pids"] == {"current": 3}


def test_no_limit_of_pids_is_left_out(tmp_path: Path) -> None:
    directories = make_v2(tmp_path)
    (tmp_path / "pids.max").write_text("max\n")
    assert json.loads(data(directories))["pids"] == {"current": 2}


def test_huge_pages_that_are_in_use_where_reservations_are_not_counted(tmp_path: Path) -> None:
    directories = make_v2(tmp_path)
    (tmp_path / "hugetlb.2MB.rsvd.current").unlink()
    assert json.loads(data(directories))["hugetlb"] == {"2MB": {"usage": 4194304, "failcnt": 3}}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            {"blkio.bfq.io_serviced_recursive": "8:0 Read 7\nTotal 7\n"},
            {"ioServicedRecursive": [{"major": 8, "op": "Read", "value": 7}]},
            id="bfq comes first where it has entries",
        ),
        pytest.param(
            {
                "blkio.bfq.sectors_recursive": "8:1 64\nTotal 64\n",
                "blkio.bfq.io_queued_recursive": "8:1 Read 2\nTotal 2\n",
                "blkio.bfq.time_recursive": "8:1 9\nTotal 9\n",
            },
            {
                "ioQueueRecursive": [{"major": 8, "minor": 1, "op": "Read", "value": 2}],
                "ioTimeRecursive": [{"major": 8, "minor": 1, "value": 9}],
                "sectorsRecursive": [{"major": 8, "minor": 1, "value": 64}],
            },
            id="bfq with debugging tells more",
        ),
        pytest.param(
            {
                "blkio.throttle.io_serviced_recursive": None,
                "blkio.throttle.io_service_bytes_recursive": None,
                "blkio.throttle.io_service_bytes": "8:0 Read 1\nTotal 1\n",
                "blkio.throttle.io_serviced": "8:0 Read 2\nTotal 2\n",
            },
            {
                "ioServiceBytesRecursive": [{"major": 8, "op": "Read", "value": 1}],
                "ioServicedRecursive": [{"major": 8, "op": "Read", "value": 2}],
            },
            id="an old kernel has no recursive ones",
        ),
    ],
)
def test_the_files_of_block_devices_that_runc_prefers(
    tmp_path: Path, files: dict[str, str | None], expected: dict[str, object]
) -> None:
    directories = make_v1(tmp_path)
    for name, text in files.items():
        if text is None:
            (tmp_path / "blkio" / name).unlink()
        else:
            (tmp_path / "blkio" / name).write_text(text)
    blkio = json.loads(data(directories))["blkio"]
    assert list(blkio.items()) == list(expected.items())


RESCTRL = {
    "info/L3/cbm_mask": "7ff\n",
    "info/L3/min_cbm_bits": "1\n",
    "info/L3/num_closids": "16\n",
    "info/MB/bandwidth_gran": "10\n",
    "info/MB/delay_linear": "1\n",
    "info/MB/min_bandwidth": "10\n",
    "info/MB/num_closids": "8\n",
    "info/L3_MON/mon_features": "llc_occupancy\nmbm_total_bytes\nmbm_local_bytes\n",
    "schemata": "    MB:0=100;1=100\n    L3:0=7ff;1=7ff\n",
    "web/schemata": "    MB:0= 20;1= 70\n    L3:0=7f0;1=1f\n",
    "web/mon_data/mon_L3_00/llc_occupancy": "4096\n",
    "web/mon_data/mon_L3_00/mbm_total_bytes": "3000\n",
    "web/mon_data/mon_L3_00/mbm_local_bytes": "2000\n",
    "web/mon_data/mon_L3_01/llc_occupancy": "0\n",
    "web/mon_data/mon_L3_01/mbm_total_bytes": "Unavailable\n",
    "web/mon_data/mon_L3_01/mbm_local_bytes": "Unassigned\n",
    "web/mon_groups/web/mon_data/mon_L3_00/llc_occupancy": "1024\n",
    "web/mon_groups/web/mon_data/mon_L3_00/mbm_total_bytes": "1\n",
    "web/mon_groups/web/mon_data/mon_L3_00/mbm_local_bytes": "1\n",
}


def make_resctrl(point: Path, *, without: str = "nothing") -> None:
    for name, text in RESCTRL.items():
        if not name.startswith(without):
            (point / name).parent.mkdir(parents=True, exist_ok=True)
            (point / name).write_text(text)


def test_resctrl(tmp_path: Path) -> None:
    """runc: types/events.go, IntelRdt"""
    make_resctrl(tmp_path)
    assert json_dumps(event_rdt.read(str(tmp_path), f"{tmp_path}/web", "")).decode() == (
        '{"l3_cache_info":{"cbm_mask":"7ff","min_cbm_bits":1,"num_closids":16},'
        '"l3_cache_schema_root":"L3:0=7ff;1=7ff","l3_cache_schema":"L3:0=7f0;1=1f",'
        '"mem_bw_info":{"bandwidth_gran":10,"delay_linear":1,"min_bandwidth":10,"num_closids":8},'
        '"mem_bw_schema_root":"MB:0=100;1=100","mem_bw_schema":"MB:0= 20;1= 70",'
        '"mbm_stats":[{"mbm_total_bytes":3000,"mbm_local_bytes":2000},{}],'
        '"cmt_stats":[{"llc_occupancy":4096},{}]}'
    )


def test_resctrl_with_a_monitoring_group_of_the_container(tmp_path: Path) -> None:
    make_resctrl(tmp_path)
    found = event_rdt.read(str(tmp_path), f"{tmp_path}/web", f"{tmp_path}/web/mon_groups/web")
    assert found["cmt_stats"] == [{"llc_occupancy": 1024}]
    assert found["mbm_stats"] == [{"mbm_total_bytes": 1, "mbm_local_bytes": 1}]


@pytest.mark.parametrize(
    ("without", "names"),
    [
        ("info/L3/", ["mem_bw_info", "mem_bw_schema_root", "mem_bw_schema", "mbm_stats", "cmt_stats"]),
        ("info/MB/", ["l3_cache_info", "l3_cache_schema_root", "l3_cache_schema", "mbm_stats", "cmt_stats"]),
        ("info/L3_MON/", ["l3_cache_info", "l3_cache_schema_root", "l3_cache_schema", "mem_bw_info"]),
    ],
)
def test_a_processor_that_has_only_some_of_it(tmp_path: Path, without: str, names: list[str]) -> None:
    make_resctrl(tmp_path, without=without)
    assert list(event_rdt.read(str(tmp_path), f"{tmp_path}/web", ""))[: len(names)] == names


def test_a_class_that_has_gone(tmp_path: Path) -> None:
    make_resctrl(tmp_path, without="web")
    found = event_rdt.read(str(tmp_path), f"{tmp_path}/web", "")
    assert "l3_cache_schema" not in found
    assert found["mbm_stats"] is found["cmt_stats"] is None
