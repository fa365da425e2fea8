"""`update`: its options, the documents that engines send, and what is said of those that are wrong."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sampan.cgroups import layout, resctrl
from sampan.cli import update as verb
from sampan.cli.main import main
from sampan.cli.options import parse
from sampan.engine import store, update
from sampan.engine.store import Record, Store
from sampan.errors import ConfigError, KernelError, StateError, UsageError
from sampan.linux import proc
from sampan.spec.config import load_resources, validate_resources
from sampan.spec.sizes import bytes_of

MIB = 1 << 20
DOCUMENTS: dict[str, dict[str, Any]] = {
    "docker 20.10": {
        "memory": {"limit": 0, "reservation": 0, "kernel": 0},
        "cpu": {"shares": 0, "quota": 0, "period": 0, "cpus": "0"},
        "blockIO": {"weight": 0},
    },
    "docker 26": {"cpu": {"cpus": "0"}},
    "containerd": {"devices": [{"allow": False, "access": "rwm"}], "pids": {"limit": 50}, "unified": {}},
    "every part": {
        "memory": {"limit": -1, "swap": -1, "reservation": 1, "checkBeforeUpdate": True, "swappiness": 0},
        "cpu": {"shares": 2, "quota": -1, "burst": 0, "period": 1000, "mems": "0-1,3", "idle": 1},
        "blockIO": {"weightDevice": [{"major": 8, "minor": 0, "weight": 10}]},
        "hugepageLimits": [{"pageSize": "2MB", "limit": 0}],
        "network": {"classID": 1},
        "rdma": {"mlx5_1": {"hcaHandles": 3}},
        "unified": {"memory.high": "1"},
    },
}


class TestSizes:
    @pytest.mark.parametrize(
        ("text", "size"),
        [
            ("0", 0),
            ("1048576", MIB),
            ("64m", 64 * MIB),
            ("64M", 64 * MIB),
            ("64mb", 64 * MIB),
            ("64MiB", 64 * MIB),
            ("64 MB", 64 * MIB),
            ("1.5g", 1536 * MIB),
            (".5k", 512),
            ("2t", 2 << 40),
            ("1p", 1 << 50),
            ("5b", 5),
            ("9223372036854775807", (1 << 63) - 1),
        ],
    )
    def test_all_that_runc_and_docker_read(self, text: str, size: int) -> None:
        assert bytes_of(text) == size

    @pytest.mark.parametrize(
        "text", ["", "m", "-1", "1x", "1kk", "1ib", "1mbi", "1e3", "0x10", "1,5g", "1  m", "\u0661"]
    )
    def test_nothing_else(self, text: str) -> None:
        assert bytes_of(text) is None


class TestDocument:
    @pytest.mark.parametrize("name", DOCUMENTS)
    def test_what_engines_send_is_valid(self, name: str) -> None:
        document = DOCUMENTS[name]
        assert load_resources(json.dumps(document).encode()) == document

    def test_unknown_fields_are_ignored_and_nulls_left_out(self) -> None:
        """config.md: "MUST NOT generate an error if they encounter an unknown property. Instead they MUST ignore
        unknown properties." """
        assert load_resources(b'{"weather": 1, "memory": null, "cpu": {"shares": null, "quota": 5}}') == {
            "weather": 1,
            "cpu": {"quota": 5},
        }

    def test_all_problems_are_told_at_once_with_their_fields_in_the_document(self) -> None:
        wrong = {
            "memory": {"limit": "64m", "swap": -2},
            "cpu": {"idle": 2, "cpus": "a", "burst": 30, "quota": 20},
            "pids": [],
            "devices": [{"access": "rwm"}],
            "hugepageLimits": [{"pageSize": "2 MB"}],
        }
        with pytest.raises(ConfigError) as raised:
            load_resources(json.dumps(wrong).encode(), "--resources limits.json")
        assert {problem.field for problem in raised.value.problems} == {
            "memory.limit",
            "memory.swap",
            "cpu.idle",
            "cpu.cpus",
            "cpu.burst",
            "pids",
            "devices[0].allow",
            "hugepageLimits[0].pageSize",
            "hugepageLimits[0].limit",
        }
        assert str(raised.value).startswith("--resources limits.json: 9 problems:\n  memory.limit: must be a number of")
        assert all(problem.section.startswith("config-linux.md#") for problem in raised.value.problems)

    def test_rules_between_fields_are_those_of_config_json(self) -> None:
        problems = validate_resources({"memory": {"limit": 64 * MIB, "swap": MIB}, "rdma": {"mlx5_1": {}}})
        assert [problem.field for problem in problems] == ["memory.swap", 'rdma["mlx5_1"]']

    @pytest.mark.parametrize("text", ["", "{", "[]", "5", '{"memory": 1, "memory": 2}'])
    def test_what_is_no_object_is_one_problem(self, text: str) -> None:
        with pytest.raises(ConfigError, match=r"^resources.json: the document: (is not valid JSON|must be an object)"):
            load_resources(text.encode())


class TestOptions:
    def test_each_sets_its_field(self) -> None:
        options = {
            "memory": ("64m", ("memory", "limit", 64 * MIB)),
            "memory-reservation": ("32m", ("memory", "reservation", 32 * MIB)),
            "memory-swap": ("-1", ("memory", "swap", -1)),
            "kernel-memory": ("1k", ("memory", "kernel", 1024)),
            "kernel-memory-tcp": ("5", ("memory", "kernelTCP", 5)),
            "cpu-share": ("512", ("cpu", "shares", 512)),
            "cpu-quota": ("-1", ("cpu", "quota", -1)),
            "cpu-period": ("100000", ("cpu", "period", 100000)),
            "cpu-burst": ("0", ("cpu", "burst", 0)),
            "cpu-rt-runtime": ("950000", ("cpu", "realtimeRuntime", 950000)),
            "cpu-rt-period": ("1000000", ("cpu", "realtimePeriod", 1000000)),
            "cpu-idle": ("1", ("cpu", "idle", 1)),
            "cpuset-cpus": ("0-3,7", ("cpu", "cpus", "0-3,7")),
            "cpuset-mems": ("0", ("cpu", "mems", "0")),
            "pids-limit": ("50", ("pids", "limit", 50)),
            "blkio-weight": ("500", ("blockIO", "weight", 500)),
        }
        assert set(options) == {option for option, *_ in verb._LIMITS}
        for option, (text, (part, name, value)) in options.items():
            arguments = parse("sampan update", verb.OPTIONS, [f"--{option}={text}", "web"])
            assert verb._of_options(arguments, "the command line", {}) == {part: {name: value}}

    def test_none_is_an_empty_document(self) -> None:
        arguments = parse("sampan update", verb.OPTIONS, ["--memory=", "web"])  # as runc: no value
        assert verb._of_options(arguments, "the command line", {}) == {}

    @pytest.mark.parametrize("option", ["memory=much", "memory=-2", "cpu-quota=1k", "cpu-share=", "pids-limit=0x10"])
    def test_a_value_that_cannot_be_read_is_named(self, option: str, capfd: pytest.CaptureFixture[str]) -> None:
        name, _, value = option.partition("=")
        if not value:
            option, value = f"{name}=-", "-"
        assert main(["--root=/nonexistent/root", "update", f"--{option}", "web"]) == 1
        errors = capfd.readouterr().err
        assert errors.startswith(f"sampan: --{name} must be ")
        assert errors.endswith(f'not "{value}"; see "sampan update --help"\n')

    def test_a_value_that_breaks_a_rule_is_named_by_its_option(self, capfd: pytest.CaptureFixture[str]) -> None:
        words = ["--cpu-idle=2", "--cpuset-cpus=a", "--memory=64m", "--memory-swap=32m"]
        assert main(["--root=/nonexistent/root", "update", *words, "web"]) == 1
        lines = capfd.readouterr().err.splitlines()
        assert lines[0] == "sampan: the command line: 3 problems:"
        assert sorted(line.split(":")[0].strip() for line in lines[1:]) == [
            "--cpu-idle",
            "--cpuset-cpus",
            "--memory-swap",
        ]

    def test_a_missing_document_is_named(self, capfd: pytest.CaptureFixture[str]) -> None:
        assert main(["--root=/nonexistent/root", "update", "--resources=/no/such/file", "web"]) == 1
        assert capfd.readouterr().err == "sampan: --resources: open /no/such/file: no such file or directory\n"

    def test_a_broken_document_is_named(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "limits.json"
        path.write_text('{"pids": {"limit": "few"}}')
        assert main(["--root=/nonexistent/root", "update", "-r", str(path), "web"]) == 1
        assert capfd.readouterr().err.startswith(f"sampan: --resources {path}: pids.limit: must be a number of tasks")


@pytest.fixture
def root(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "state"))


@pytest.fixture
def running(root: Store) -> Iterator[str]:
    """A container without a cgroup, whose process is of this machine."""
    process = subprocess.Popen(["sleep", "60"])
    with root.make("web") as held:
        record = Record("web")
        record.complete = True
        record.cgroup = {"directories": {}}
        record.pid, record.started = process.pid, proc.start_time(process.pid)
        held.save(record)
    yield "web"
    process.kill()
    process.wait()


class TestContainer:
    def test_limits_that_it_cannot_have_are_all_named(self, root: Store, running: str) -> None:
        with pytest.raises(ConfigError) as raised:
            update.update(root, running, {"pids": {"limit": 5}, "memory": {"limit": 0, "swap": 7}})
        fields = {problem.field for problem in raised.value.problems}
        assert fields == {"linux.resources.pids.limit", "linux.resources.memory.swap"}

    def test_and_by_the_option_that_asks_for_them(self, root: Store, running: str, capfd: Any) -> None:
        assert main([f"--root={root.root}", "update", "--pids-limit=5", running]) == 1
        assert capfd.readouterr().err.startswith(
            "sampan: the command line: --pids-limit: cannot be changed: the container"
        )

    def test_devices_and_zeros_ask_for_nothing(self, root: Store, running: str) -> None:
        update.update(root, running, {"devices": [{"allow": False, "access": "rwm"}]})
        update.update(root, running, {"pids": {"limit": 0}, "memory": {"limit": 0}, "blockIO": {"weight": 0}})

    def test_one_that_has_ended_is_an_error(self, root: Store, running: str) -> None:
        with root.hold(running) as held:
            record = held.load()
            record.started += 1  # the pid is another process's by now
            held.save(record)
        with pytest.raises(StateError, match="cannot update container web: container not running"):
            update.update(root, running, {})

    def test_options_beside_a_document_are_ignored_with_a_warning(
        self, root: Store, running: str, tmp_path: Path, capfd: Any
    ) -> None:
        """runc: "Note: if data is to be read from a file or the standard input, all other options are ignored." """
        path = tmp_path / "limits.json"
        path.write_text("{}")
        assert main([f"--root={root.root}", "update", "--memory=1g", "--pids-limit=5", "-r", str(path), running]) == 0
        assert "--memory, --pids-limit: ignored, because --resources is given" in capfd.readouterr().err

    def test_kernel_memory_is_ignored_with_a_remark_in_the_log(self, root: Store, running: str, tmp_path: Path) -> None:
        log = tmp_path / "log"
        assert main([f"--root={root.root}", f"--log={log}", "update", "--kernel-memory=1g", running]) == 0
        assert "--kernel-memory: ignored, since the kernel has given it up" in log.read_text()


class TestIntelRdt:
    """On a directory that stands for resctrl: few machines have it."""

    def test_the_schemata_of_a_class_are_changed(
        self, root: Store, running: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(layout, "statfs_type", lambda path: resctrl.FILE_SYSTEM)
        directory = tmp_path / "resctrl" / running
        directory.mkdir(parents=True)
        (directory / "schemata").write_text("L3:0=ff\n")
        (directory / "tasks").write_text("")
        with root.hold(running) as held:
            record = held.load()
            point = {"point": str(tmp_path / "resctrl"), "directory": str(directory)}
            record.rdt = {**point, "monitor": "", "ours": True, "before": "", "clos": ""}
            held.save(record)
        assert main([f"--root={root.root}", "update", "--l3-cache-schema=L3:0=f", running]) == 0
        assert (directory / "schemata").read_text().startswith("L3:0=f\n")
        with root.look(running) as held:
            assert held.load().rdt["directory"] == str(directory)

    def test_without_resctrl_it_is_an_error_and_nothing_changes(self, root: Store, running: str, capfd: Any) -> None:
        if " resctrl " in Path("/proc/self/mountinfo").read_text():
            pytest.skip("this machine has resctrl")
        before = Path(root.root, running, store.RECORD).read_text()
        assert main([f"--root={root.root}", "update", "--mem-bw-schema=MB:0=20", running]) == 1
        assert capfd.readouterr().err.startswith("sampan: the command line: --mem-bw-schema: needs the resctrl file")
        assert Path(root.root, running, store.RECORD).read_text() == before

    def test_a_schema_of_the_other_kind_is_named_by_its_option(self, root: Store, running: str, capfd: Any) -> None:
        assert main([f"--root={root.root}", "update", "--mem-bw-schema=L3:0=f", running]) == 1
        assert capfd.readouterr().err.startswith("sampan: the command line: --mem-bw-schema: must ")


def test_standard_input_that_is_closed_is_an_error(root: Store, running: str) -> None:
    arguments = parse("sampan update", verb.OPTIONS, ["--resources=-", running])
    kept = os.dup(0)
    os.close(0)
    try:
        with pytest.raises(KernelError, match="--resources: read standard input: bad file descriptor"):
            verb._load(arguments.text("resources"), "--resources -")
    finally:
        os.dup2(kept, 0)
        os.close(kept)


def test_a_size_without_a_number_is_a_misuse() -> None:
    arguments = parse("sampan update", verb.OPTIONS, ["--memory-swap=m", "web"])
    with pytest.raises(
        UsageError, match=r'--memory-swap must be a number of bytes .* not "m"; see "sampan update --help"'
    ):
        verb._of_options(arguments, "the command line", {})
