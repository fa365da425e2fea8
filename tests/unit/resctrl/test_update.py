"""`update` of linux.intelRdt, and where resctrl is found."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sampan.cgroups import resctrl
from sampan.cgroups.resctrl import from_state
from sampan.errors import ConfigError, KernelError
from sampan.linux import files

from .fake import ID, Remembered, Resctrl, prepared, schemata, snapshot


class TestUpdate:
    def test_the_container_s_class_gets_the_new_values(self, fake: Resctrl) -> None:
        state = prepared(fake, l3CacheSchema="L3:0=1").to_state()
        rdt: Any = {"l3CacheSchema": "L3:0=ff", "memBwSchema": "MB:1=50"}
        resctrl.update(state, ID, rdt, list, Remembered())
        assert schemata(fake.point / ID) == ["MB:0= 100;1=  50", "L3:0=0ff;1=7ff"]

    def test_what_is_refused_changes_nothing(self, fake: Resctrl) -> None:
        state = prepared(fake, l3CacheSchema="L3:0=1").to_state()
        before = snapshot(fake)
        with pytest.raises(KernelError, match=r"linux\.intelRdt: write .*\(MB value 5000 out of range"):
            resctrl.update(state, ID, {"l3CacheSchema": "L3:0=ff", "memBwSchema": "MB:1=5000"}, list, Remembered())
        assert snapshot(fake) == before

    def test_what_is_refused_changes_nothing_also_where_it_takes_two_writes(self, fake: Resctrl) -> None:
        state = prepared(fake).to_state()
        before = snapshot(fake)
        with pytest.raises(KernelError, match="out of range"):
            resctrl.update(state, ID, {"l3CacheSchema": "MB:0=50", "memBwSchema": "MB:0=5000"}, list, Remembered())
        assert snapshot(fake) == before
        assert len(fake.writes) > 2

    def test_a_container_without_class_gets_one(self, fake: Resctrl, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(resctrl, "find", lambda: str(fake.point))
        remembered = Remembered()
        resctrl.update({}, ID, {"l3CacheSchema": "L3:0=ff"}, lambda: [os.getpid()], remembered)
        assert os.getpid() in fake.tasks[fake.point / ID]
        from_state(remembered.states[-1]).remove()
        assert not (fake.point / ID).exists()

    @pytest.mark.parametrize("line", ["L3:0=1", "MB:0=1\nL3:0=1"])
    def test_a_value_that_config_json_must_not_have_is_refused(self, fake: Resctrl, line: str) -> None:
        """'The value MUST start with MB: and MUST NOT contain newlines.'"""
        with pytest.raises(ConfigError, match=r"linux\.intelRdt\.memBwSchema"):
            resctrl.update(prepared(fake).to_state(), ID, {"memBwSchema": line}, list, Remembered())
        assert fake.writes == []


def mountinfo(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr(
        resctrl, "files", SimpleNamespace(read=lambda path: "\n".join(lines).encode(), lines=files.lines)
    )


class TestFinding:
    def test_where_there_is_none_it_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """'If no mounted resctrl pseudo-filesystem is available in the runtime mount namespace, the runtime MUST
        generate an error.'"""
        mountinfo(monkeypatch, "22 1 0:20 / /sys rw - sysfs sysfs rw")
        with pytest.raises(ConfigError, match=r"linux\.intelRdt: needs the resctrl file system.*mount -t resctrl"):
            resctrl.find()

    def test_it_is_the_one_that_is_not_hidden(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "with blank").mkdir()
        device = os.stat(tmp_path).st_dev
        number = f"{os.major(device)}:{os.minor(device)}"
        mountinfo(
            monkeypatch,
            f"30 22 0:9999 / {tmp_path} rw - resctrl resctrl rw",  # under another mount
            f"31 22 {number} /gold {tmp_path} rw - resctrl resctrl rw",  # a part of it
            f"32 22 {number} / {tmp_path}/with\\040blank rw,nosuid shared:7 - resctrl resctrl rw,mba_MBps",
        )
        assert resctrl.find() == f"{tmp_path}/with blank"
