"""config-linux.md, IntelRdt, on a directory that stands for resctrl."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from sampan.cgroups.resctrl import Group, from_state

from .fake import ID, Remembered, Resctrl, prepared, refusal, schemata, snapshot


class TestWhichDirectory:
    def test_that_of_the_container_s_id(self, fake: Resctrl) -> None:
        """'If closID is not set, runtimes MUST use the container ID from start and create the <container-id>
        directory.'"""
        prepared(fake)
        assert (fake.point / ID).is_dir()

    def test_that_of_the_class_is_made(self, fake: Resctrl) -> None:
        """'if closID directory in a mounted resctrl pseudo-filesystem doesn't exist, the runtimes MUST create it.'"""
        prepared(fake, closID="gold", l3CacheSchema="L3:0=7f0")
        assert (fake.point / "gold").is_dir()
        assert not (fake.point / ID).exists()

    @pytest.mark.parametrize("field", ["l3CacheSchema", "memBwSchema", "schemata"])
    def test_that_of_the_class_is_made_for_any_schema(self, fake: Resctrl, field: str) -> None:
        """'If closID is set, l3CacheSchema and/or memBwSchema and/or schemata is set'"""
        prepared(fake, closID="gold", **{field: ["MB:0=20"] if field == "schemata" else "MB:0=20"})
        assert schemata(fake.point / "gold")[0] == "MB:0=  20;1= 100"

    def test_that_of_the_class_must_exist_where_no_schema_is_given(self, fake: Resctrl) -> None:
        """'If closID is set, and none of l3CacheSchema, memBwSchema or schemata are set ... generate an error if
        directory does not exist.'"""
        said = refusal(fake, closID="gold")
        assert "linux.intelRdt.closID: must be there as" in said

    def test_that_of_the_class_is_used_as_it_is_where_no_schema_is_given(self, fake: Resctrl) -> None:
        """'If such pre-configured directory closID exists, runtime MUST assign container to this closID'"""
        fake.make_class("gold")
        prepared(fake, closID="gold").assign(42)
        assert fake.tasks[fake.point / "gold"] == [42]

    def test_the_default_class(self, fake: Resctrl) -> None:
        """'value / means that the container MUST be assigned to the default CLOS (the root of the resctrl
        filesystem).'"""
        prepared(fake, closID="/").assign(42)
        assert fake.tasks[fake.point] == [42]
        assert not (fake.point / ID).exists()

    @pytest.mark.parametrize("name", ["info", "mon_groups", "mon_data"])
    def test_a_directory_that_is_no_class_is_refused(self, fake: Resctrl, name: str) -> None:
        assert "is not a class of service" in refusal(fake, closID=name)
        assert "is not a class of service" in refusal(fake, closID=name, l3CacheSchema="L3:0=1")


class TestSchemata:
    def test_none_are_written_where_none_are_given(self, fake: Resctrl) -> None:
        """'If none of l3CacheSchema, memBwSchema or schemata is set, runtimes MUST NOT write to schemata files in any
        resctrl pseudo-filesystems.'"""
        fake.make_class("gold")
        prepared(fake, enableMonitoring=True)
        prepared(fake, closID="gold")
        prepared(fake, closID="/", schemata=[], l3CacheSchema="")
        assert fake.writes == []

    @pytest.mark.parametrize("rdt", [{"l3CacheSchema": "L3:0=7f0"}, {"memBwSchema": "MB:0=20;1=70"}], ids=str)
    @pytest.mark.parametrize("clos", [None, "gold"])
    def test_either_is_written(self, fake: Resctrl, clos: str | None, rdt: dict[str, str]) -> None:
        """'If either l3CacheSchema or memBwSchema is set, runtimes MUST write the value to the schemata file in the
        that sub-directory discussed in closID.'"""
        prepared(fake, **({"closID": clos} if clos else {}), **rdt)
        assert fake.writes == [(f"{clos or ID}/schemata", f"{next(iter(rdt.values()))}\n")]

    def test_the_cache_comes_first(self, fake: Resctrl) -> None:
        """'The runtimes MUST write l3CacheSchema first and memBwSchema last.'"""
        prepared(fake, memBwSchema="MB:0=20", l3CacheSchema="L3:0=7f0")
        assert fake.writes == [(f"{ID}/schemata", "L3:0=7f0\nMB:0=20\n")]

    def test_the_field_schemata_comes_last(self, fake: Resctrl) -> None:
        """'the value of schemata field must be written last, after the values from l3CacheSchema and memBwSchema'"""
        prepared(fake, schemata=["L3:1=1f", "MB:1=70"], memBwSchema="MB:0=20", l3CacheSchema="L3:0=7f0")
        assert "".join(text for _, text in fake.writes) == "L3:0=7f0\nMB:0=20\nL3:1=1f\nMB:1=70\n"
        assert schemata(fake.point / ID) == ["MB:0=  20;1=  70", "L3:0=7f0;1=01f"]

    def test_the_field_schemata_overrules_the_others(self, fake: Resctrl) -> None:
        """'written last'. The kernel refuses a write that sets a domain twice: so it takes two"""
        prepared(fake, schemata=["L3:0=1f"], memBwSchema="MB:0=20", l3CacheSchema="L3:0=7f0")
        assert [text for _, text in fake.writes] == ["L3:0=7f0\nMB:0=20\n", "L3:0=1f\n"]
        assert schemata(fake.point / ID) == ["MB:0=  20;1= 100", "L3:0=01f;1=7ff"]

    @pytest.mark.parametrize(
        ("line", "reason"),
        [("L4:0=1", "Unknown resource name 'L4'"), ("L3:0=0", "Mask out of range"), ("L3", "Missing ':'")],
    )
    def test_what_the_kernel_refuses_is_told_with_its_reason(self, fake: Resctrl, line: str, reason: str) -> None:
        said = refusal(fake, schemata=[line])
        assert said.startswith("linux.intelRdt.schemata: write ")
        assert said.endswith(f"invalid argument ({reason})")

    def test_a_class_too_many_is_told_with_the_kernel_s_reason(self, fake: Resctrl) -> None:
        fake.free = 0
        said = refusal(fake, l3CacheSchema="L3:0=1")
        assert "linux.intelRdt: make " in said
        assert "Out of CLOSIDs" in said


class TestAClassThatExists:
    @pytest.fixture(autouse=True)
    def _gold(self, fake: Resctrl) -> None:
        directory = fake.make_class("gold")
        fake.write(f"{directory}/schemata", "L3:0=7f0;1=1f\nMB:0=15;1=70\n")
        fake.writes.clear()

    @pytest.mark.parametrize(
        "rdt",
        [
            {"l3CacheSchema": "L3:0=7f0;1=1f"},
            {"l3CacheSchema": "L3:1=0x01F"},
            {"l3CacheSchema": " L3 : 1 = 1f ; 0 = 7F0"},
            {"memBwSchema": "MB:0=20"},
            {"memBwSchema": "MB:0=15;1=070"},  # the kernel has rounded it up
            {"l3CacheSchema": "L3:0=7f0", "memBwSchema": "MB:1=70"},
        ],
        ids=str,
    )
    def test_it_is_used_where_it_means_the_same(self, fake: Resctrl, rdt: dict[str, str]) -> None:
        """'if closID directory in a mounted resctrl pseudo-filesystem exists, runtimes MUST compare l3CacheSchema
        and/or memBwSchema value with schemata file'"""
        before = snapshot(fake)
        prepared(fake, closID="gold", **rdt)
        assert snapshot(fake) == before

    @pytest.mark.parametrize(
        ("field", "line", "found"),
        [
            ("l3CacheSchema", "L3:0=7f0;1=3f", "L3:1=1f"),
            ("l3CacheSchema", "L3:0=7f0;2=1f", "no L3:2"),
            ("l3CacheSchema", "L2:0=f", "no L2:0"),
            ("memBwSchema", "MB:0=25", "MB:0=20"),
            ("memBwSchema", "MB:0=10", "MB:0=20"),
        ],
    )
    def test_it_is_an_error_where_it_means_something_else(
        self, fake: Resctrl, field: str, line: str, found: str
    ) -> None:
        """'... and generate an error if doesn't match.'"""
        said = refusal(fake, closID="gold", **{field: line})
        assert f"linux.intelRdt.{field}: must match the schemata of " in said
        assert f"and has {found} (found {line!r})" in said
        assert fake.writes == []

    def test_the_field_schemata_is_written(self, fake: Resctrl) -> None:
        """'If schemata field is set, runtimes MUST write the value to the schemata file'"""
        prepared(fake, closID="gold", l3CacheSchema="L3:0=1;1=1f", schemata=["L3:0=3"])
        assert schemata(fake.point / "gold")[1] == "L3:0=003;1=01f"

    def test_it_is_looked_at_when_nobody_else_is_at_work_on_it(self, fake: Resctrl) -> None:
        """The kernel's documentation of resctrl, "Locking": all who change it hold a lock on its directory."""
        other = os.open(fake.point, os.O_RDONLY)
        fcntl.flock(other, fcntl.LOCK_EX)
        waiting = threading.Thread(target=lambda: prepared(fake, closID="new", l3CacheSchema="L3:0=1"))
        waiting.start()
        waiting.join(0.2)
        assert not (fake.point / "new").exists()
        os.close(other)
        waiting.join()
        assert (fake.point / "new").is_dir()

    def test_what_was_written_is_taken_back_where_a_later_line_is_refused(self, fake: Resctrl) -> None:
        """'generating an error MUST leave the state of the environment as if the operation were never attempted'"""
        refusal(fake, closID="gold", schemata=["L3:0=3", "L3:0=4", "L3:0=0"])
        assert len(fake.writes) > 1

    def test_what_was_written_is_taken_back_where_the_container_cannot_be_made(self, fake: Resctrl) -> None:
        before = snapshot(fake)
        group = prepared(fake, closID="gold", schemata=["L3:0=3"], enableMonitoring=True)
        assert snapshot(fake) != before
        from_state(group.to_state()).undo()
        assert snapshot(fake) == before

    def test_it_stays_when_the_container_is_deleted(self, fake: Resctrl) -> None:
        """'If closID is set or the runtime has not created the sub-directory, the runtime MUST NOT remove the
        sub-directory when the container is deleted.'"""
        group = prepared(fake, closID="gold")
        from_state(group.to_state()).remove()
        assert (fake.point / "gold").is_dir()


class TestAssignment:
    def test_the_process_is_in_the_class(self, fake: Resctrl) -> None:
        """'the runtime MUST write the container process ID to the tasks file in a proper sub-directory'"""
        prepared(fake, l3CacheSchema="L3:0=1").assign(42)
        assert fake.tasks == {fake.point: [], fake.point / ID: [42]}

    def test_it_may_put_itself_there(self, fake: Resctrl) -> None:
        """A monitoring group takes only the tasks of its class: so that comes first."""
        group = prepared(fake, enableMonitoring=True)
        below = [str(Path(path).relative_to(fake.point)) for path in from_state(group.to_state()).tasks_files()]
        assert below == [f"{ID}/tasks", f"{ID}/mon_groups/{ID}/tasks"]

    def test_one_that_runs_already_comes_with_all_its_threads(self, fake: Resctrl) -> None:
        group = prepared(fake)
        stop = threading.Event()
        thread = threading.Thread(target=stop.wait)
        thread.start()
        try:
            group.assign_all(lambda: [os.getpid(), 1 << 30])
            assert sorted(fake.tasks[fake.point / ID]) == sorted(int(name) for name in os.listdir("/proc/self/task"))
        finally:
            stop.set()
            thread.join()


class TestMonitoring:
    @pytest.mark.parametrize(("rdt", "top"), [({}, ID), ({"closID": "gold"}, "gold"), ({"closID": "/"}, ".")], ids=str)
    def test_the_group_is_made_and_gets_the_process(self, fake: Resctrl, rdt: dict[str, str], top: str) -> None:
        """'create mon_groups/<container-id>/ subdirectory under the top-level CTRL_MON group (named after closID or
        <container-id>, see above)'"""
        fake.make_class("gold")
        prepared(fake, enableMonitoring=True, **rdt).assign(42)
        assert fake.tasks[fake.point / top / "mon_groups" / ID] == [42]
        assert fake.tasks[fake.point / top] == [42]

    @pytest.mark.parametrize("rdt", [{}, {"closID": "gold"}, {"closID": "/"}], ids=str)
    def test_it_is_deleted_with_the_container(self, fake: Resctrl, rdt: dict[str, str]) -> None:
        """'The runtime MUST delete the MON group after the container is deleted.'"""
        fake.make_class("gold")
        before = snapshot(fake)
        group = prepared(fake, enableMonitoring=True, **rdt)
        from_state(group.to_state()).remove()
        assert snapshot(fake) == before

    def test_none_is_made_where_none_is_asked_for(self, fake: Resctrl) -> None:
        """'enableMonitoring (boolean, OPTIONAL) - enables resctrl monitoring for the container.'"""
        prepared(fake, enableMonitoring=False)
        assert list((fake.point / ID / "mon_groups").iterdir()) == []

    def test_one_that_cannot_be_made_is_an_error(self, fake: Resctrl) -> None:
        """'If creation of the MON group fails (e.g. the maximum number of MON groups is reached) the runtime MUST
        return an error.'"""
        fake.free_monitors = 0
        assert refusal(fake, l3CacheSchema="L3:0=1", enableMonitoring=True).endswith("(Out of RMIDs)")

    def test_one_that_exists_is_somebody_else_s(self, fake: Resctrl) -> None:
        """'the runtime MUST create a dedicated MON group for the container.'"""
        fake.make_class("gold")
        fake.mkdir(f"{fake.point}/gold/mon_groups/{ID}", 0o755)
        assert "linux.intelRdt.enableMonitoring: " in refusal(fake, closID="gold", enableMonitoring=True)

    def test_a_machine_that_cannot_monitor_is_an_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """'the runtime MUST return an error.'"""
        fake = Resctrl(tmp_path / "other", monitors=False)
        fake.replace_the_kernel(monkeypatch)
        assert "linux.intelRdt.enableMonitoring: cannot be applied" in refusal(fake, enableMonitoring=True)


class TestRemoval:
    def test_the_container_s_own_directory_is_removed(self, fake: Resctrl) -> None:
        """'If closID is not set and the runtime has created the sub-directory, the runtime MUST remove the
        sub-directory when the container is deleted.'"""
        group = prepared(fake, l3CacheSchema="L3:0=1")
        group.assign(42)
        from_state(group.to_state()).remove()
        assert not (fake.point / ID).exists()

    def test_a_directory_that_was_there_before_stays(self, fake: Resctrl) -> None:
        """'If closID is set or the runtime has not created the sub-directory, the runtime MUST NOT remove' it"""
        fake.make_class(ID)
        group = prepared(fake, l3CacheSchema="L3:0=1")
        from_state(group.to_state()).remove()
        assert (fake.point / ID).is_dir()

    def test_a_class_with_a_name_stays_though_the_runtime_has_made_it(self, fake: Resctrl) -> None:
        """'If closID is set ... the runtime MUST NOT remove the sub-directory when the container is deleted.'"""
        group = prepared(fake, closID="gold", l3CacheSchema="L3:0=1")
        from_state(group.to_state()).remove()
        assert (fake.point / "gold").is_dir()

    def test_a_class_that_was_made_for_a_container_that_cannot_be_made_is_removed(self, fake: Resctrl) -> None:
        """'generating an error MUST leave the state of the environment as if the operation were never attempted'"""
        before = snapshot(fake)
        group = prepared(fake, closID="gold", l3CacheSchema="L3:0=1")
        from_state(group.to_state()).undo()
        assert snapshot(fake) == before

    def test_but_not_if_others_have_come_to_it(self, fake: Resctrl) -> None:
        group = prepared(fake, closID="gold", l3CacheSchema="L3:0=1")
        prepared(fake, closID="gold", l3CacheSchema="L3:0=1").assign(42)
        from_state(group.to_state()).undo()
        assert fake.tasks[fake.point / "gold"] == [42]

    def test_what_is_gone_already_is_no_error(self, fake: Resctrl) -> None:
        group = prepared(fake, enableMonitoring=True)
        group.remove()
        from_state(group.to_state()).remove()
        from_state(group.to_state()).undo()

    def test_a_creation_that_was_killed_can_be_undone_at_any_point(self, fake: Resctrl) -> None:
        """The record is written before anything is made."""
        before = snapshot(fake)
        remembered = Remembered()

        def killed(state: dict[str, Any]) -> None:
            remembered(state)
            assert snapshot(fake) == before

        group = Group(str(fake.point), ID, {"enableMonitoring": True})
        group.prepare(killed)
        from_state(remembered.states[-1]).undo()
        assert snapshot(fake) == before
