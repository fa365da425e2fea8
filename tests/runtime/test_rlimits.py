"""config.md, POSIX process: `rlimits` at their edges. That each one arrives is in test_process.py."""

from __future__ import annotations

import resource
from typing import Any

import pytest

from .bundle import Bundle
from .container import Container
from .test_exec import process_file

UNLIMITED = (1 << 64) - 1
UNLIMITED_HERE = [
    name
    for name in ("RLIMIT_CORE", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_CPU", "RLIMIT_AS", "RLIMIT_RSS")
    if resource.getrlimit(getattr(resource, name))[1] == resource.RLIM_INFINITY
]


def limit(name: str, soft: int, hard: int | None = None) -> dict[str, Any]:
    return {"type": f"RLIMIT_{name}", "soft": soft, "hard": soft if hard is None else hard}


def may_raise() -> bool:
    """Whether this process may raise a hard limit. (It asks for what it has, and one more.)"""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard + 1))
    except ValueError:
        return False
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return True


class TestNoLimit:
    @pytest.mark.parametrize("name", UNLIMITED_HERE)
    def test_the_greatest_number_is_no_limit(self, container: Container, bundle: Bundle, name: str) -> None:
        """'soft (uint64, REQUIRED)': RLIM_INFINITY is ~0UL, 2^64 - 1"""
        bundle.set("process.rlimits", [limit(name.removeprefix("RLIMIT_"), UNLIMITED)])
        container.launch()
        assert resource.prlimit(container.pid, getattr(resource, name)) == (resource.RLIM_INFINITY,) * 2

    def test_a_soft_limit_below_no_limit(self, container: Container, bundle: Bundle) -> None:
        """'hard (uint64, REQUIRED) the ceiling for the soft limit'"""
        bundle.set("process.rlimits", [limit("CORE", 4096, UNLIMITED)])
        container.launch()
        assert resource.prlimit(container.pid, resource.RLIMIT_CORE) == (4096, resource.RLIM_INFINITY)

    @pytest.mark.parametrize("value", [UNLIMITED + 1, -1, 1.5, "1024", None])
    @pytest.mark.parametrize("side", ["soft", "hard"])
    def test_what_is_no_number_of_64_bits_is_an_error(
        self, container: Container, bundle: Bundle, side: str, value: Any
    ) -> None:
        """'soft (uint64, REQUIRED)', 'hard (uint64, REQUIRED)'"""
        bundle.set("process.rlimits", [limit("CORE", 0) | {side: value}])
        message = container.fails("create").stderr
        if container.runtime.is_sampan:
            assert f"process.rlimits[0].{side}" in message or "number out of range" in message


class TestHardLimitsOfTheHost:
    def test_raising_one_without_the_right_is_an_error(self, container: Container, bundle: Bundle) -> None:
        """'Only a privileged process (e.g. one with the CAP_SYS_RESOURCE capability) can raise a hard limit.'"""
        if may_raise():
            pytest.skip("this machine has CAP_SYS_RESOURCE")
        ceiling = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        bundle.set("process.rlimits", [limit("CORE", 0), limit("NOFILE", 1024, ceiling + 1)])
        message = container.fails("create").stderr
        if container.runtime.is_sampan:
            assert "process.rlimits[1]" in message
            assert "CAP_SYS_RESOURCE" in message

    def test_raising_one_in_a_user_namespace_is_an_error(self, container: Container, bundle: Bundle) -> None:
        """setrlimit(2): CAP_SYS_RESOURCE counts in the initial user namespace only"""
        ceiling = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        bundle.user_namespace().set("process.rlimits", [limit("NOFILE", ceiling + 1)])
        if may_raise():
            pytest.skip("this machine has CAP_SYS_RESOURCE")
        container.fails("create")

    def test_in_a_user_namespace_they_hold(self, container: Container, bundle: Bundle) -> None:
        """'rlim.rlim_cur MUST match the configured value.'"""
        bundle.user_namespace().set("process.rlimits", [limit("NOFILE", 100, 200), limit("CORE", 0)])
        container.launch()
        assert resource.prlimit(container.pid, resource.RLIMIT_NOFILE) == (100, 200)
        assert resource.prlimit(container.pid, resource.RLIMIT_CORE) == (0, 0)

    def test_the_host_s_own_is_no_raise(self, container: Container, bundle: Bundle) -> None:
        """'rlim.rlim_max MUST match the configured value.'"""
        ceiling = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        bundle.set("process.rlimits", [limit("NOFILE", ceiling)])
        container.launch()
        assert resource.prlimit(container.pid, resource.RLIMIT_NOFILE) == (ceiling, ceiling)


class TestTinyLimits:
    """The program has so little, but the runtime that becomes it must get there; it must, by 'rlim.rlim_cur MUST match
    the configured value', be so little."""

    @pytest.mark.parametrize("soft, hard", [(0, 0), (1, 1), (3, 3), (4, 4), (3, 1024), (7, 100), (0, 2000)])
    def test_open_files(self, container: Container, bundle: Bundle, soft: int, hard: int) -> None:
        """'rlim.rlim_cur MUST match the configured value.'"""
        bundle.set("process.rlimits", [limit("NOFILE", soft, hard)]).args("sleep", "1000")
        container.launch()
        assert resource.prlimit(container.pid, resource.RLIMIT_NOFILE) == (soft, hard)
        assert container.process.arguments() == ["sleep", "1000"]

    def test_open_files_of_a_user_with_a_home(self, container: Container, bundle: Bundle) -> None:
        """runc: HOME of the container's passwd, which must be opened for it"""
        bundle.user(0, 0).set("process.rlimits", [limit("NOFILE", 3)]).args("sleep", "1000")
        assert "HOME=/root" in container.launch().process.environment()

    def test_open_files_of_a_run_in_the_foreground(self, container: Container, bundle: Bundle) -> None:
        """'rlim.rlim_cur MUST match the configured value.'"""
        bundle.set("process.rlimits", [limit("NOFILE", 3)])
        assert container.output("ulimit -n; ulimit -Hn") == "3\n3"

    def test_open_files_with_a_filter(self, container: Container, bundle: Bundle) -> None:
        """'linux.seccomp' allows what the program needs, and the program sets no limits"""
        rule = {"names": ["prlimit64", "setrlimit"], "action": "SCMP_ACT_ERRNO"}
        bundle.set("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]})
        bundle.set("process.rlimits", [limit("NOFILE", 3)]).args("sleep", "1000")
        container.launch()
        assert resource.prlimit(container.pid, resource.RLIMIT_NOFILE) == (3, 3)

    @pytest.mark.parametrize(
        "name, value",
        [
            ("FSIZE", 0),
            ("CORE", 0),
            ("MEMLOCK", 0),
            ("SIGPENDING", 0),
            ("MSGQUEUE", 0),
            ("LOCKS", 0),
            ("RSS", 0),
            ("STACK", 262144),
            ("AS", 8 << 20),
            ("DATA", 4 << 20),
            ("NPROC", 1),
            ("RTTIME", 0),
        ],
    )
    def test_others(self, container: Container, bundle: Bundle, name: str, value: int) -> None:
        """'rlim.rlim_cur MUST match the configured value.'"""
        bundle.set("process.rlimits", [limit(name, value)]).args("sleep", "1000")
        process = container.launch().process
        assert process.arguments() == ["sleep", "1000"]
        if hasattr(resource, f"RLIMIT_{name}"):
            assert resource.prlimit(container.pid, getattr(resource, f"RLIMIT_{name}")) == (value, value)

    def test_all_at_once(self, container: Container, bundle: Bundle) -> None:
        """'rlimits (array of objects, OPTIONAL)'"""
        tiny = {
            "NOFILE": 3,
            "FSIZE": 0,
            "CORE": 0,
            "MEMLOCK": 0,
            "SIGPENDING": 0,
            "MSGQUEUE": 0,
            "AS": 8 << 20,
            "NPROC": 1,
        }
        bundle.set("process.rlimits", [limit(*pair) for pair in tiny.items()])
        bundle.set("process.oomScoreAdj", 1000).user(0, 0, umask=0o777).args("sleep", "1000")
        assert container.launch().process.arguments() == ["sleep", "1000"]


class TestExec:
    def test_a_further_process_has_the_container_s(self, container: Container, bundle: Bundle) -> None:
        """The limits are the process object's: of the container's own, of which a further one is a copy"""
        bundle.set("process.rlimits", [limit("NOFILE", 3), limit("CORE", 0)]).args("sleep", "1000")
        container.launch()
        result = container.exec("sh", "-c", "ulimit -n; ulimit -Hn; ulimit -c").checked()
        assert result.output.split() == ["3", "3", "0"]

    def test_a_file_says_others(self, container: Container, bundle: Bundle) -> None:
        """'rlimits ... for the process'"""
        bundle.args("sleep", "1000")
        container.launch()
        rlimits = [limit("NOFILE", 2, 3)]
        path = process_file(container, args=["sh", "-c", "ulimit -n; ulimit -Hn"], rlimits=rlimits)
        assert container.exec("--process", path, "--").checked().output.split() == ["2", "3"]

    @pytest.mark.parametrize(
        "field, rlimits",
        [
            ("rlimits[0].type", [limit("LUCK", 1)]),
            ("rlimits[1].type", [limit("CORE", 0), limit("CORE", 0)]),
            ("rlimits[0].soft", [limit("CORE", 2, 1)]),
            ("rlimits[0].hard", [{"type": "RLIMIT_CORE", "soft": 1}]),
        ],
    )
    def test_a_broken_one_is_an_error(
        self, container: Container, bundle: Bundle, field: str, rlimits: list[dict[str, Any]]
    ) -> None:
        """'The runtime MUST generate an error for any values which cannot be mapped to a relevant kernel interface.';
        'If rlimits contains duplicated entries with same type, the runtime MUST generate an error.'"""
        bundle.args("sleep", "1000")
        container.launch()
        result = container.exec("--process", process_file(container, args=["true"], rlimits=rlimits), "--")
        assert result.status != 0
        if container.runtime.is_sampan:
            assert field in result.stderr

    def test_raising_one_without_the_right_is_an_error(self, container: Container, bundle: Bundle) -> None:
        """'Only a privileged process (e.g. one with the CAP_SYS_RESOURCE capability) can raise a hard limit.'"""
        if may_raise():
            pytest.skip("this machine has CAP_SYS_RESOURCE")
        bundle.args("sleep", "1000")
        container.launch()
        ceiling = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        path = process_file(container, args=["true"], rlimits=[limit("NOFILE", ceiling + 1)])
        result = container.exec("--process", path, "--")
        assert result.status != 0
        if container.runtime.is_sampan:
            assert "process.rlimits[0]" in result.stderr
