"""The state directory as it should never be: broken, foreign, hostile, or used by two at once. Needs no root."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from sampan._linux import lock_file
from sampan.engine import creation, kill, query, removal, start, store
from sampan.engine.delete import delete
from sampan.engine.store import Record, Store
from sampan.errors import ExistsError, NotFoundError, SampanError, StateError
from sampan.linux import proc

HOSTILE_IDS = ("../escape", "a/b", "..", ".", "", "/etc", "a\0b")


@pytest.fixture
def root(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "state"))


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is no container's, and must not notice anything."""
    process = subprocess.Popen(["sleep", "60"])
    yield process
    alive = process.poll() is None
    process.kill()
    process.wait()
    assert alive, "a process that is not the container's was killed"


def make(root: Store, container_id: str = "web", **changes: Any) -> Path:
    """A container's directory with a whole record, changed as a test wants it."""
    with root.make(container_id) as held:
        record = Record(container_id)
        record.complete = True
        record.cgroup = {"directories": {}}
        document = record.to_document() | changes
        held.write(store.RECORD, json.dumps(document).encode())
        return Path(held.path)


def each_verb(root: Store, container_id: str = "web") -> list[SampanError]:
    """What each operation on the container raises; anything else than a SampanError fails the test."""
    raised = []
    for call in (
        lambda: query.state(root, container_id),
        lambda: kill.kill(root, container_id, 9),
        lambda: kill.kill(root, container_id, 9, all_processes=True),
        lambda: start.start(root, container_id),
        lambda: delete(root, container_id),
        lambda: delete(root, container_id, force=True),
    ):
        try:
            call()
        except SampanError as error:
            raised.append(error)
    return raised


class TestNames:
    @pytest.mark.parametrize("container_id", HOSTILE_IDS)
    def test_an_id_that_is_no_plain_name_reaches_no_file(self, root: Store, tmp_path: Path, container_id: str) -> None:
        """The command line refuses it; an embedding program must be safe, too."""
        (tmp_path / "state").mkdir()
        before = sorted(tmp_path.rglob("*"))
        for call in (root.make, root.look, root.hold):
            with pytest.raises(SampanError):
                call(container_id).close()
        assert sorted(tmp_path.rglob("*")) == before

    def test_what_is_hidden_is_no_container(self, root: Store) -> None:
        make(root, "web")
        os.mkdir(f"{root.root}/.seccomp")
        assert root.ids() == ["web"]

    def test_a_root_that_is_not_there_has_no_containers(self, root: Store) -> None:
        assert root.ids() == []
        with pytest.raises(NotFoundError, match="container web does not exist"):
            root.look("web")


class TestForeignDirectories:
    def test_a_symbolic_link_is_not_followed(self, root: Store, tmp_path: Path, bystander: Any) -> None:
        elsewhere = Store(str(tmp_path / "elsewhere"))
        real = make(elsewhere, "web", pid=bystander.pid, started=proc.start_time(bystander.pid))
        os.mkdir(root.root)
        os.symlink(real, f"{root.root}/web")
        errors = each_verb(root)
        assert len(errors) == 5, "`delete --force` of what is no container is no error"
        assert all(isinstance(error, NotFoundError) for error in errors)
        assert (real / store.RECORD).exists()

    def test_no_container_is_made_through_a_symbolic_link(self, root: Store, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        os.mkdir(root.root)
        os.symlink(tmp_path / "elsewhere", f"{root.root}/web")
        with pytest.raises(SampanError):
            creation._claim(root, "web")
        assert list((tmp_path / "elsewhere").iterdir()) == []

    def test_a_file_in_place_of_a_directory_is_no_container(self, root: Store) -> None:
        os.mkdir(root.root)
        Path(root.root, "web").write_text("")
        assert all(isinstance(error, NotFoundError) for error in each_verb(root))
        assert query.containers(root) == []

    def test_a_directory_with_other_things_is_left_alone(self, root: Store) -> None:
        other = Path(root.root, "web")
        other.mkdir(parents=True)
        (other / "letters").mkdir()
        (other / "letters/one").write_text("dear")
        assert all(isinstance(error, StateError) for error in each_verb(root))
        with pytest.raises(SampanError):
            creation._claim(root, "web")
        assert (other / "letters/one").read_text() == "dear"


class TestBrokenRecords:
    @pytest.mark.parametrize(
        "data",
        [b"", b"{", b"[]", b"null", b"\xff\xfe", b"7", b"{}", b'{"version": 2}', b'{"version": 1}'],
        ids=["empty", "truncated", "list", "null", "binary", "number", "object", "newer", "bare"],
    )
    def test_a_record_that_is_none_is_an_error_and_nothing_happens(self, root: Store, data: bytes) -> None:
        path = make(root) / store.RECORD
        path.write_bytes(data)
        errors = each_verb(root)
        assert len(errors) == 6
        assert all(isinstance(error, StateError) and "web" in str(error) for error in errors)
        assert path.read_bytes() == data

    def test_any_beginning_of_a_record_is_an_error(self, root: Store) -> None:
        path = make(root) / store.RECORD
        whole = path.read_bytes()
        for size in range(0, len(whole), 7):
            path.write_bytes(whole[:size])
            with pytest.raises(StateError):
                query.state(root, "web")

    @pytest.mark.parametrize("name", Record.__slots__)
    @pytest.mark.parametrize("value", [None, [], 1.5], ids=["null", "list", "fraction"])
    def test_a_property_of_the_wrong_type_is_named(self, root: Store, name: str, value: object) -> None:
        changes: dict[str, Any] = {name: value}
        make(root, **changes)
        with pytest.raises(StateError, match=f"its record is damaged: {name} is"):
            query.state(root, "web")

    def test_a_boolean_is_no_number(self, root: Store) -> None:
        make(root, pid=True)
        with pytest.raises(StateError, match="pid is True"):
            query.state(root, "web")

    SCOPE: ClassVar[dict[str, object]] = {
        "manager": "systemd",
        "unit": "sampan-web.scope",
        "user": False,
        "started": True,
        "subgroup": "",
        "description": "sampan container web",
        "collected": True,
        "directories": {},
    }
    SHARE: ClassVar[dict[str, object]] = {
        "point": "/no/resctrl",
        "directory": "/no/resctrl/web",
        "monitor": "/no/resctrl/web/mon_groups/web",
        "ours": True,
        "before": "",
        "clos": "",
    }

    NOT_RESCTRL: ClassVar[dict[str, object]] = {"point": "/proc", "directory": "/proc/self", "monitor": ""}

    def test_what_the_next_ones_break_is_right_before(self, root: Store) -> None:
        make(root, cgroup=self.SCOPE, rdt=self.SHARE)
        assert query.state(root, "web")["status"] == "stopped"

    @pytest.mark.parametrize(
        "changes, named",
        [
            ({"annotations": {"a": 1}}, "annotations['a'] is 1"),
            ({"hooks": {"poststop": [{"path": "relative"}]}}, "hooks.poststop[0].path: must be an absolute path"),
            ({"cgroup": {"directories": {"": "/etc"}}}, "'/etc', which is not below a cgroup"),
            ({"cgroup": {"directories": {"cpu": "/sys/fs/cgroup/../../etc"}}}, "cgroup.directories['cpu'] is"),
            ({"cgroup": {"directories": []}}, "cgroup.directories is []"),
            ({"cgroup": {"manager": "systemd"}}, "cgroup.unit is None"),
            ({"cgroup": {**SCOPE, "unit": "ssh.service"}}, "cgroup.unit is 'ssh.service'"),
            ({"cgroup": {**SCOPE, "started": 1}}, "cgroup.started is 1"),
            ({"cgroup": {**SCOPE, "subgroup": "../x"}}, "cgroup.subgroup is '../x'"),
            ({"cgroup": {**SCOPE, "directories": {"": "/etc"}}}, "'/etc', which is not below a cgroup"),
            ({"rdt": {"point": "/"}}, "rdt.directory is None"),
            ({"rdt": {**SHARE, "point": "/etc/.."}}, "rdt.point is '/etc/..'"),
            ({"rdt": {**SHARE, **NOT_RESCTRL}}, "rdt.directory is '/proc/self', which is not in resctrl"),
            ({"rdt": {**SHARE, "directory": "/etc/empty"}}, "rdt.directory is '/etc/empty', which is not in"),
            ({"rdt": {**SHARE, "directory": "/no/resctrl/.."}}, "rdt.directory is '/no/resctrl/..'"),
            ({"rdt": {**SHARE, "monitor": "/no/resctrl/other"}}, "rdt.monitor is '/no/resctrl/other', which is not in"),
            ({"rdt": {**SHARE, "before": None}}, "rdt.before is None"),
        ],
    )
    def test_a_part_that_this_version_cannot_have_written_is_named_and_nothing_happens(
        self, root: Store, changes: dict[str, Any], named: str
    ) -> None:
        path = make(root, **changes) / store.RECORD
        before = path.read_bytes()
        errors = each_verb(root)
        assert len(errors) == 6
        assert all(isinstance(error, StateError) and named in str(error) for error in errors), errors
        assert path.read_bytes() == before

    def test_what_a_broken_record_says_is_no_danger_to_a_terminal(self, root: Store) -> None:
        (make(root) / store.RECORD).write_bytes(b'{"\x7f": 1, "\x7f": 2}')
        with pytest.raises(StateError) as raised:
            query.state(root, "web")
        assert str(raised.value).isprintable()

    @pytest.mark.parametrize("pid", [-1, -(2**31), 2**31, 2**63])
    def test_a_pid_that_is_none_is_a_process_that_has_ended(self, root: Store, pid: int) -> None:
        """-1 is everybody for kill(2)."""
        directory = make(root, pid=pid, started=1)
        assert query.state(root, "web")["status"] == "stopped"
        with pytest.raises(StateError):
            kill.kill(root, "web", 9)
        delete(root, "web")
        assert not directory.exists()

    def test_the_record_of_another_container_is_refused(self, root: Store, bystander: Any) -> None:
        make(root, "web", id="other", pid=bystander.pid, started=proc.start_time(bystander.pid))
        errors = each_verb(root)
        assert len(errors) == 6
        assert all("other" in str(error) for error in errors)

    def test_a_broken_one_does_not_keep_the_others_from_being_listed(self, root: Store) -> None:
        make(root, "good")
        (make(root, "bad") / store.RECORD).write_bytes(b"{")
        assert [entry["id"] for entry in query.containers(root)] == ["good"]

    def test_a_record_comes_back_as_it_was_saved(self, root: Store) -> None:
        record = Record("web")
        record.pid, record.annotations, record.hooks = 7, {"a": "ä"}, {"poststop": [{"path": "/x"}]}
        with root.make("web") as held:
            held.save(record)
            assert held.load().to_document() == record.to_document()
        assert sorted(os.listdir(f"{root.root}/web")) == [store.RECORD]

    @pytest.mark.parametrize("name", [store.CONFIG, f".{store.CONFIG}.new", f".{store.RECORD}.new", store.START_SOCKET])
    def test_what_a_creation_killed_before_its_first_record_left_can_be_deleted_and_made_anew(
        self, root: Store, name: str
    ) -> None:
        """Also what a `delete` left that was killed after it had removed the record."""
        calls: list[Callable[[], None]] = [lambda: delete(root, "web"), lambda: creation._claim(root, "web").close()]
        for again in calls:
            directory = Path(root.root, "web")
            directory.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text("half")
            again()
            assert not directory.exists() or list(directory.iterdir()) == []

    def test_no_file_of_a_link_is_written(self, root: Store, tmp_path: Path) -> None:
        (tmp_path / "victim").write_text("mine")
        with root.make("web") as held:
            os.symlink(tmp_path / "victim", f"{held.path}/.{store.RECORD}.new")
            with pytest.raises(SampanError):
                held.save(Record("web"))
        assert (tmp_path / "victim").read_text() == "mine"


class TestReusedPids:
    def test_a_process_that_has_the_pid_now_gets_no_signal(self, root: Store, bystander: Any) -> None:
        make(root, pid=bystander.pid, started=proc.start_time(bystander.pid) - 1)
        assert query.state(root, "web")["status"] == "stopped"
        assert query.state(root, "web")["pid"] == 0
        with pytest.raises(StateError, match="not running"):
            kill.kill(root, "web", 9)
        kill.kill(root, "web", 9, all_processes=True)
        delete(root, "web", force=True)
        assert bystander.poll() is None

    def test_also_not_when_the_pid_is_reused_between_two_looks(
        self, root: Store, bystander: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The pidfd is opened first, then the start time is compared: what is compared is what gets the signal."""
        make(root, pid=bystander.pid, started=proc.start_time(bystander.pid) - 1)
        monkeypatch.setattr(store.Held, "status", lambda *_: store.RUNNING)
        with pytest.raises(StateError, match="already finished"):
            kill.kill(root, "web", 9)
        record = Record("web")
        record.pid, record.started = bystander.pid, proc.start_time(bystander.pid) - 1
        removal.kill_and_wait(record)
        assert bystander.poll() is None

    def test_a_record_without_a_process_never_means_process_0(self, root: Store) -> None:
        make(root, pid=0, started=0)
        assert query.state(root, "web")["status"] == "stopped"
        with pytest.raises(StateError):
            kill.kill(root, "web", 0)

    def test_the_right_process_gets_it(self, root: Store) -> None:
        process = subprocess.Popen(["sleep", "60"])
        make(root, pid=process.pid, started=proc.start_time(process.pid), own_pid_namespace=True)
        assert query.state(root, "web")["status"] == "running"
        with pytest.raises(StateError, match="not stopped"):
            delete(root, "web")
        kill.kill(root, "web", 9)
        assert process.wait() == -9


class TestLocks:
    def test_an_id_is_made_once(self, root: Store) -> None:
        make(root)
        with pytest.raises(ExistsError, match="a container with the id web exists already"):
            root.make("web")

    def test_of_many_who_make_one_id_exactly_one_wins(self, root: Store) -> None:
        """As `create` does it: claim, then record; the winner's container is whole."""
        for _ in range(30):
            results: list[str] = []
            gate = threading.Barrier(4)

            def one(results: list[str] = results, gate: threading.Barrier = gate) -> None:
                gate.wait()
                try:
                    held = creation._claim(root, "web")
                except ExistsError:
                    results.append("exists")
                    return
                except SampanError as error:
                    results.append(f"{type(error).__name__}: {error}")
                    return
                record = Record("web")
                record.complete = True
                held.save(record)
                held.close()
                results.append("made")

            threads = [threading.Thread(target=one) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted(results) == ["exists"] * 3 + ["made"]
            delete(root, "web")

    def test_who_comes_between_making_and_locking_wins_alone(
        self, root: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another creation may take the new, empty directory for that of a killed one, and make a container in it."""
        lock, other = lock_file, []

        def lock_late(fd: int, exclusive: bool, wait: bool) -> bool:
            monkeypatch.setattr(store, "lock_file", lock)
            held = creation._claim(root, "web")
            record = Record("web")
            record.complete = True
            held.save(record)
            held.close()
            other.append("made")
            return lock(fd, exclusive, wait)

        monkeypatch.setattr(store, "lock_file", lock_late)
        with pytest.raises(ExistsError):
            creation._claim(root, "web").close()
        assert other == ["made"]

    def test_a_new_directory_that_somebody_removes_before_it_is_locked_is_made_again(
        self, root: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """`delete --force` removes an empty directory, too."""
        lock = lock_file

        def lock_late(fd: int, exclusive: bool, wait: bool) -> bool:
            monkeypatch.setattr(store, "lock_file", lock)
            delete(root, "web", force=True)
            return lock(fd, exclusive, wait)

        monkeypatch.setattr(store, "lock_file", lock_late)
        with creation._claim(root, "web") as held:
            assert os.path.isdir(held.path)

    def test_delete_waits_for_whoever_works_on_the_container(self, root: Store) -> None:
        """`start` holds the lock from its first look until the end."""
        directory = make(root)
        held = root.hold("web")
        thread = threading.Thread(target=delete, args=(root, "web"))
        thread.start()
        thread.join(0.1)
        assert thread.is_alive()
        assert (directory / store.RECORD).exists()
        held.close()
        thread.join(5)
        assert not directory.exists()

    def test_start_after_a_delete_finds_no_container(self, root: Store) -> None:
        """It waited for the lock of a directory that is gone, or that is another container's by now."""
        make(root)
        raised: list[BaseException] = []

        def begin() -> None:
            try:
                start.start(root, "web")
            except SampanError as error:
                raised.append(error)

        held = root.hold("web")
        thread = threading.Thread(target=begin)
        thread.start()
        thread.join(0.1)
        assert thread.is_alive()
        held.remove()
        held.close()
        thread.join(5)
        assert [type(error) for error in raised] == [NotFoundError]

    def test_a_lock_is_not_lost_by_asking_for_the_status(self, root: Store, bystander: Any) -> None:
        """flock(2) gives up the lock that it converts."""
        make(root, pid=bystander.pid, started=proc.start_time(bystander.pid), complete=False)
        with root.hold("web") as held, root.look("web") as other:
            held.status(held.load())
            assert not lock_file(other.fd, False, False), "others may take a shared lock: it is exclusive no more"

    def test_the_state_can_be_asked_for_while_somebody_works_on_it(self, root: Store) -> None:
        """A hook may."""
        make(root)
        with root.hold("web"):
            assert query.state(root, "web")["id"] == "web"

    def test_a_container_being_created_is_creating_and_one_whose_creation_was_killed_is_stopped(
        self, root: Store, bystander: Any
    ) -> None:
        make(root, pid=bystander.pid, started=proc.start_time(bystander.pid), complete=False)
        with root.hold("web"):
            assert query.state(root, "web")["status"] == "creating"
        assert query.state(root, "web")["status"] == "stopped"


class TestTrust:
    """What stands in a directory that everybody may write to is nobody's word. (Other owners: tests/rootless.)"""

    def test_a_root_that_everybody_may_write_to(self, root: Store) -> None:
        make(root)
        os.chmod(root.root, 0o777)
        errors = each_verb(root)
        assert len(errors) == 6
        assert all(isinstance(error, StateError) and "chmod go-w" in str(error) for error in errors)
        for call in (root.ids, lambda: creation._claim(root, "new"), lambda: query.containers(root)):
            with pytest.raises(StateError):
                call()

    def test_a_sticky_one_is_everybodys_but_its_containers_are_not(self, root: Store) -> None:
        directory = make(root)
        os.chmod(root.root, 0o1777)
        assert [entry["id"] for entry in query.containers(root)] == ["web"]
        os.chmod(directory, 0o777)
        assert query.containers(root) == []
        assert all("chmod go-w" in str(error) for error in each_verb(root))

    def test_its_descriptors_are_given_back(self, root: Store) -> None:
        make(root)
        before = os.listdir("/proc/self/fd")
        query.containers(root)
        os.chmod(root.root, 0o777)
        each_verb(root)
        with pytest.raises(StateError):
            root.ids()
        assert os.listdir("/proc/self/fd") == before
