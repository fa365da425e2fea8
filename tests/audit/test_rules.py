"""Every rule finds what it is for, and the change that it proposes removes the finding.

A case is a small change of a configuration in which nothing is found. The proposed patch is made for real: what is left
must be valid, without the finding, and without a new one that is as severe.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from sampan.audit.report import Finding, judge
from sampan.audit.rule import Severity
from sampan.audit.subject import Machine, Subject
from sampan.audit.table import GROUPS, RULES
from sampan.spec.config import load
from sampan.spec.names import CAPABILITIES

from .cases import BUNDLE, CASES, HOST, MACHINES, Config, arranged, mount, namespace, on_host, secure
from .patching import patched


def findings(config: Config, machine: Machine = HOST) -> list[Finding]:
    text = json.dumps(config, indent=1)
    return list(judge(Subject(load(text.encode()), BUNDLE, machine), text).findings)


def test_every_rule_has_a_case() -> None:
    assert {rule.id for rule in RULES} == CASES.keys() | MACHINES.keys()


def test_ids_are_there_once_and_every_group_has_rules() -> None:
    ids = [rule.id for rule in RULES]
    assert len(ids) == len(set(ids))
    assert all(GROUPS.values())


def test_every_capability_has_a_rule() -> None:
    rules = {rule.id for rule in GROUPS["Capabilities"]}
    assert {f"cap-{name[4:].lower().replace('_', '-')}" for name in CAPABILITIES} <= rules


def test_in_a_secure_configuration_nothing_is_found() -> None:
    assert [finding.rule for finding in findings(secure())] == []


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_finds_what_it_is_for(rule: str) -> None:
    found = [finding for finding in findings(arranged(rule)) if finding.rule == rule]
    assert [finding.field for finding in found] == [CASES[rule][1]]
    for text in (found[0].title, found[0].gain, found[0].change):
        assert "{" not in text.replace('{"', "")


@pytest.mark.parametrize("rule", CASES)
def test_the_change_removes_the_finding_and_brings_none_as_severe(rule: str) -> None:
    config = arranged(rule)
    before = findings(config)
    (finding,) = [finding for finding in before if finding.rule == rule]
    changed = patched(config, [edit.document() for edit in finding.edits])
    after = findings(changed)
    assert rule not in [other.rule for other in after]
    new = [other for other in after if other.rule not in {old.rule for old in before}]
    assert [other for other in new if other.severity >= finding.severity] == []


@pytest.mark.parametrize("rule", MACHINES)
def test_a_rule_knows_the_machine(rule: str) -> None:
    machine, field = MACHINES[rule]
    assert [(finding.rule, finding.field) for finding in findings(secure(), machine)] == [(rule, field)]


@pytest.mark.parametrize("name", ["apparmor-absent", "selinux-absent"])
def test_a_label_satisfies_a_machine_with_a_security_module(name: str) -> None:
    config = secure()
    machine, _ = MACHINES[name]
    (finding,) = findings(config, machine)
    assert findings(patched(config, [edit.document() for edit in finding.edits]), machine) == []


class TestSeverity:
    def severity_of(self, rule: str, config: Config) -> Severity | None:
        return next((finding.severity for finding in findings(config) if finding.rule == rule), None)

    @pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
    def test_a_user_namespace_never_makes_it_worse(self, rule: Any) -> None:
        assert rule.severity_in(confined=True) <= rule.severity_in(confined=False) == rule.severity

    @pytest.mark.parametrize("path", ["/", "/proc/1/root"])
    def test_sysadmin_is_less_in_a_user_namespace(self, path: str) -> None:
        config = secure()
        config["process"]["user"] = {"uid": 0, "gid": 0}
        for kind in ("bounding", "permitted", "effective"):
            config["process"]["capabilities"][kind] = ["CAP_SYS_ADMIN"]
        assert self.severity_of("cap-sys-admin", config) == Severity.MEDIUM
        on_host(config)
        assert self.severity_of("cap-sys-admin", config) == Severity.CRITICAL

    def test_a_user_who_could_only_obtain_a_capability_is_one_step_away(self) -> None:
        config = secure()
        on_host(config)
        config["process"]["user"] = {"uid": 7, "gid": 7}
        config["process"]["capabilities"]["bounding"] = ["CAP_SYS_ADMIN"]
        config["process"]["noNewPrivileges"] = False
        assert self.severity_of("cap-sys-admin", config) == Severity.HIGH
        config["process"]["noNewPrivileges"] = True
        assert self.severity_of("cap-sys-admin", config) is None

    @pytest.mark.parametrize(
        "path, rule",
        [
            ("/proc/1/ns/pid", "host-pid"),
            ("/proc/../proc//self/ns/pid", "host-pid"),
            ("/proc/1/task/1/ns/pid", "host-pid"),
            ("/proc/11/ns/pid", "joined-pid"),
            ("/proc", "joined-pid"),
            ("/run/ns/1", "joined-pid"),
        ],
    )
    def test_a_namespace_of_the_hosts_processes_is_the_hosts(self, path: str, rule: str) -> None:
        config = secure()
        namespace("pid", path)(config)
        assert [finding.rule for finding in findings(config)] == [rule]

    @pytest.mark.parametrize(
        "options, expected",
        [
            ((), Severity.MEDIUM),
            (("idmap",), Severity.CRITICAL),
            (("ridmap=uids=0-0-1;gids=0-0-1",), Severity.CRITICAL),
        ],
    )
    def test_an_id_mapped_mount_passes_the_user_namespace(self, options: tuple[str, ...], expected: Severity) -> None:
        config = secure()
        mount("/etc", *options, host=False)(config)
        assert self.severity_of("host-files-writable-critical", config) == expected

    def test_the_home_of_a_rootless_user_is_open(self) -> None:
        config = secure()
        mount("/home", host=False)(config)
        assert self.severity_of("host-files-writable-high", config) == Severity.LOW
        config["linux"]["uidMappings"] = [{"containerID": 1000, "hostID": 1000, "size": 1}]
        assert self.severity_of("host-files-writable-high", config) == Severity.HIGH

    def test_a_later_rule_for_all_devices_takes_back_the_earlier(self) -> None:
        config = secure()
        on_host(config)
        rules = config["linux"]["resources"]["devices"]
        rules[:] = [{"allow": True, "access": "rwm"}, {"allow": False, "access": "rwm"}]
        assert findings(config) and self.severity_of("devices-all", config) is None

    def test_files_that_engines_give_each_container_are_not_the_hosts(self) -> None:
        config = secure()
        on_host(config)
        before = findings(config)
        for name in ("hosts", "hostname", "resolv.conf"):
            source = f"/var/lib/docker/containers/0123/{name}"
            config["mounts"].append(
                {"destination": f"/etc/{name}", "type": "bind", "source": source, "options": ["rbind", "rprivate"]}
            )
        assert [finding.rule for finding in findings(config)] == [finding.rule for finding in before]
