"""The cache of compiled filters saves time, and is never the reason for another filter than the profile's."""

import _imp
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sampan.linux import seccomp, seccomp_profile
from sampan.linux.seccomp import Filter, compile_filter

if TYPE_CHECKING:
    from sampan.spec.types import Seccomp

PROFILE: "Seccomp" = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "flags": ["SECCOMP_FILTER_FLAG_LOG"],
    "syscalls": [
        {"names": ["read", "call_of_the_future"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["lseek"], "action": "SCMP_ACT_NOTIFY"},
    ],
}
OTHER: "Seccomp" = {**PROFILE, "defaultErrnoRet": 5}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "seccomp"


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> "list[Seccomp]":
    """The profiles that were really compiled."""
    compiled: list[Seccomp] = []
    translate = seccomp_profile.translate

    def counted(profile: "Seccomp") -> Filter:
        compiled.append(profile)
        return translate(profile)

    monkeypatch.setattr(seccomp_profile, "translate", counted)
    return compiled


def cached(directory: Path, profile: "Seccomp" = PROFILE) -> Filter:
    return compile_filter(profile, cache_directory=str(directory))


def parts(bpf: Filter) -> tuple[bytes, int, bool, list[str]]:
    return bpf.program, bpf.flags, bpf.notify, bpf.warnings


def is_right(bpf: Filter, profile: "Seccomp" = PROFILE) -> bool:
    return parts(bpf) == parts(seccomp_profile.translate(profile))


def entry(directory: Path) -> Path:
    (file,) = directory.iterdir()
    return file


def test_a_profile_is_compiled_once(directory: Path, compilations: "list[Seccomp]") -> None:
    first = cached(directory)
    assert parts(cached(directory)) == parts(first)
    assert len(compilations) == 1
    assert first.notify
    assert first.warnings
    assert is_right(first)


def test_without_a_directory_nothing_is_kept(tmp_path: Path) -> None:
    assert is_right(compile_filter(PROFILE, cache_directory=None))
    assert list(tmp_path.iterdir()) == []


def test_a_hit_loads_neither_libseccomp_nor_anything_heavy(directory: Path) -> None:
    cached(directory)
    script = (
        "import sys; before = set(sys.modules)\n"
        "from sampan.linux.seccomp import compile_filter\n"
        f"compile_filter({PROFILE!r}, cache_directory={str(directory)!r})\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    source = str(Path(seccomp.__file__).parents[2])
    run = subprocess.run(
        [sys.executable, "-S", "-c", script], env={"PYTHONPATH": source}, capture_output=True, text=True, check=True
    )
    modules = set(run.stdout.split())
    assert "sampan.linux.seccomp" in modules
    assert not modules & {"sampan._seccomp", "sampan.linux.seccomp_profile", "json", "os", "struct", "hashlib", "zlib"}


def test_the_listener_has_no_part_in_the_program(directory: Path, compilations: "list[Seccomp]") -> None:
    cached(directory)
    cached(directory, {**PROFILE, "listenerPath": "/run/agent.sock", "listenerMetadata": "web"})
    assert len(compilations) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"defaultAction": "SCMP_ACT_KILL_PROCESS"},
        {"defaultErrnoRet": 5},
        {"architectures": ["SCMP_ARCH_AARCH64"]},
        {"flags": []},
        {"syscalls": []},
    ],
)
def test_every_other_field_has(directory: Path, compilations: "list[Seccomp]", change: "Seccomp") -> None:
    cached(directory)
    changed: Seccomp = {**PROFILE, **change}
    assert is_right(cached(directory, changed), changed)
    assert len(compilations) >= 2


def test_profiles_with_the_same_hash_do_not_get_each_others_program(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_imp, "source_hash", lambda key, source: b"\0" * 8)
    for _ in range(2):
        assert is_right(cached(directory), PROFILE)
        assert is_right(cached(directory, OTHER), OTHER)
    assert len(list(directory.iterdir())) == 1


@pytest.mark.parametrize("kept", [0, 1, 100, -1, -8])
def test_a_truncated_file_is_replaced(directory: Path, compilations: "list[Seccomp]", kept: int) -> None:
    cached(directory)
    whole = entry(directory).read_bytes()
    entry(directory).write_bytes(whole[:kept])
    assert is_right(cached(directory))
    assert entry(directory).read_bytes() == whole
    compilations.clear()
    cached(directory)
    assert compilations == []


def test_a_changed_byte_of_the_program_is_noticed(directory: Path) -> None:
    cached(directory)
    content = bytearray(entry(directory).read_bytes())
    content[-5] ^= 1
    entry(directory).write_bytes(content)
    assert is_right(cached(directory))


@pytest.mark.parametrize("facts", [b"", b"{", b"{}", b"[]", b"7", b'{"program": 1, "library": 2}'])
def test_a_file_of_another_making_is_replaced(directory: Path, facts: bytes) -> None:
    cached(directory)
    key, _, program = entry(directory).read_bytes().split(b"\n", 2)
    entry(directory).write_bytes(b"\n".join((key, facts, program)))
    assert is_right(cached(directory))


def test_another_libseccomp_compiles_anew(
    directory: Path, compilations: "list[Seccomp]", monkeypatch: pytest.MonkeyPatch
) -> None:
    cached(directory)
    monkeypatch.setattr(seccomp, "_identity", lambda path: [len(path)])
    cached(directory)
    cached(directory)
    assert len(compilations) == 2


def test_nobody_else_can_read_or_write_the_cache(directory: Path) -> None:
    cached(directory)
    assert directory.parent.stat().st_mode & 0o777 == 0o700
    assert directory.stat().st_mode & 0o777 == 0o700
    assert entry(directory).stat().st_mode & 0o777 == 0o600


def test_a_file_that_others_can_write_is_not_believed(directory: Path, compilations: "list[Seccomp]") -> None:
    cached(directory)
    entry(directory).chmod(0o666)
    assert is_right(cached(directory))
    assert entry(directory).stat().st_mode & 0o777 == 0o600


def test_a_directory_that_others_can_write_is_not_used(directory: Path) -> None:
    directory.mkdir(parents=True)
    directory.chmod(0o777)
    assert is_right(cached(directory))
    assert list(directory.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files away")
def test_what_belongs_to_another_user_is_not_used(directory: Path, compilations: "list[Seccomp]") -> None:
    cached(directory)
    os.chown(entry(directory), 65534, 65534)
    cached(directory)
    assert len(compilations) == 2
    assert entry(directory).stat().st_uid == 0
    os.chown(directory, 65534, 65534)
    cached(directory)
    assert len(compilations) == 3


def test_a_symbolic_link_is_not_followed(directory: Path, tmp_path: Path, compilations: "list[Seccomp]") -> None:
    cached(directory)
    elsewhere = tmp_path / "elsewhere"
    file = entry(directory)
    file.rename(elsewhere)
    file.symlink_to(elsewhere)
    assert is_right(cached(directory))
    assert not file.is_symlink()
    link = tmp_path / "link"
    link.symlink_to(directory)
    compilations.clear()
    cached(link)
    assert len(compilations) == 1


def test_a_fifo_does_not_stop_the_runtime(directory: Path) -> None:
    cached(directory)
    file = entry(directory)
    file.unlink()
    os.mkfifo(file, 0o600)
    assert is_right(cached(directory))
    assert file.is_file()


def test_what_a_killed_writer_left_is_cleaned_away(directory: Path) -> None:
    cached(directory)
    file = entry(directory)
    file.unlink()
    (directory / f".{file.name}.new").write_bytes(b"half a")
    assert is_right(cached(directory))
    assert is_right(cached(directory))
    assert list(directory.iterdir()) == [file]


def test_a_cache_that_cannot_be_made_only_costs_time(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert is_right(cached(tmp_path / "file" / "seccomp"))
    assert is_right(cached(tmp_path / "no" / "such" / "root"))
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_threads_get_the_right_filter_at_the_same_time(directory: Path) -> None:
    wrong: list[Seccomp] = []

    def compile_some(profile: "Seccomp") -> None:
        expected = parts(seccomp_profile.translate(profile))
        wrong.extend(profile for _ in range(50) if parts(cached(directory, profile)) != expected)

    threads = [threading.Thread(target=compile_some, args=(profile,)) for profile in (PROFILE, OTHER) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
