"""config.md, Linux Process: the five sets of capabilities."""

from __future__ import annotations

import pytest

from .bundle import Bundle
from .container import Container
from .procfs import Process

SOME = ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
SETS = {"effective": "Eff", "permitted": "Prm", "inheritable": "Inh", "bounding": "Bnd", "ambient": "Amb"}


@pytest.mark.parametrize("kind", SETS)
def test_each_set_is_the_configured_one(container: Container, bundle: Bundle, kind: str) -> None:
    """'an array of ... capabilities that are kept for the process'"""
    bundle.set("process.capabilities", dict.fromkeys(SETS, SOME))
    assert container.launch().process.capabilities(SETS[kind]) == set(SOME)


def test_effective_may_be_less_than_permitted(container: Container, bundle: Bundle) -> None:
    """'the effective field is an array of effective capabilities that are kept for the process' (a user's: root gains
    all of its bounding set by exec)"""
    bundle.user(1000, 1000)
    sets = {"bounding": SOME, "permitted": SOME, "inheritable": SOME, "ambient": SOME[:1], "effective": SOME[:1]}
    bundle.set("process.capabilities", sets)
    process = container.launch().process
    assert process.capabilities("Eff") == process.capabilities("Amb") == {SOME[0]}


def test_a_user_without_ambient_capabilities_has_none(container: Container, bundle: Bundle) -> None:
    """capabilities(7): an ordinary program run by a user that is not root keeps its ambient set only"""
    bundle.user(1000, 1000).set("process.capabilities", {name: SOME for name in SETS if name != "ambient"})
    process = container.launch().process
    assert process.capabilities("Eff") == process.capabilities("Prm") == set()


def test_a_user_with_ambient_capabilities_has_them(container: Container, bundle: Bundle) -> None:
    """'the ambient field is an array of ambient capabilities that are kept for the process'"""
    bundle.user(1000, 1000).set("process.capabilities", dict.fromkeys(SETS, SOME))
    process = container.launch().process
    assert process.capabilities("Eff") == process.capabilities("Amb") == set(SOME)


@pytest.mark.parametrize("kind", SETS)
def test_no_capabilities(container: Container, bundle: Bundle, kind: str) -> None:
    """'an array of ... capabilities that are kept for the process': none are"""
    bundle.set("process.capabilities", {name: [] for name in SETS})
    assert container.launch().process.capabilities(SETS[kind]) == set()


def test_all_that_the_caller_has(container: Container, bundle: Bundle) -> None:
    """'Valid values are defined in the capabilities(7) man page'"""
    mine = sorted(Process().capabilities("Bnd"))
    bundle.capabilities(*mine)
    assert container.launch().process.capabilities("Eff") == set(mine)


def test_one_that_cannot_be_granted_is_a_warning(container: Container, bundle: Bundle) -> None:
    """'Any value which ... cannot be granted otherwise MUST be logged as a warning by the runtime. Runtimes SHOULD NOT
    fail if the container configuration requests capabilities that cannot be granted'"""
    missing = {"CAP_SYS_RESOURCE", "CAP_SYS_BOOT", "CAP_SYS_RAWIO"} - Process().capabilities("Bnd")
    if not missing:
        pytest.skip("this machine can grant all of them")
    bundle.capabilities("CAP_KILL", *missing)
    assert container.launch().process.capabilities("Eff") == {"CAP_KILL"}


def test_an_unknown_one_is_a_warning(container: Container, bundle: Bundle) -> None:
    """'Any value which cannot be mapped to a relevant kernel interface ... MUST be logged as a warning by the
    runtime.'"""
    bundle.capabilities("CAP_KILL", "CAP_TIME_TRAVEL")
    assert container.launch().process.capabilities("Eff") == {"CAP_KILL"}


def test_they_are_effective(container: Container, bundle: Bundle) -> None:
    """'an array of effective capabilities that are kept for the process'"""
    bundle.capabilities("CAP_CHOWN")
    assert container.output("touch /file && chown 5:6 /file && stat -c %u:%g /file") == "5:6"


def test_what_is_not_kept_is_not_effective(container: Container, bundle: Bundle) -> None:
    """'an array of effective capabilities that are kept for the process': others are not"""
    bundle.capabilities("CAP_KILL").sh("touch /file && chown 5:6 /file")
    assert "Operation not permitted" in container.run().stderr


def test_a_setuid_program_gains_nothing_with_no_new_privileges(container: Container, bundle: Bundle) -> None:
    """'setting noNewPrivileges to true prevents the process from gaining additional privileges'"""
    bundle.user(1000, 1000).set("process.noNewPrivileges", True)
    copy = bundle.rootfs / "opt/busybox"
    copy.parent.mkdir()
    copy.write_bytes((bundle.rootfs / "bin/busybox").read_bytes())
    copy.chmod(0o4755)
    assert container.output("/opt/busybox id -u") == "1000"
