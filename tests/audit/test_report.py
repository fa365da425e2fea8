"""Reports: the score, the lines, and each format as those read it for whom it is made."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from sampan.audit.document import document, sarif
from sampan.audit.fields import Edit, field, pointer, setting
from sampan.audit.lines import line_of
from sampan.audit.page import page
from sampan.audit.report import BEST, LEAVES, Finding, Report, judge
from sampan.audit.rule import Severity
from sampan.audit.subject import Machine, Subject
from sampan.audit.text import text
from sampan.plan.compile import compile_plan
from sampan.plan.host import Host
from sampan.spec.config import load

HOSTILE = "<script>alert(1)</script>\"'&\x1b[2J\u202e$score{0}"


def finding(severity: Severity, rule: str = "host-pid") -> Finding:
    return Finding(rule, "Namespaces", severity, "linux.namespaces", 3, "a title", "a gain", "a change", (), ())


def report_of(*severities: Severity) -> Report:
    return Report("/b", tuple(map(finding, severities)), None, "")


def judged(config: dict[str, Any]) -> Report:
    source = json.dumps(config, indent=1)
    loaded = load(source.encode())
    plan = compile_plan(loaded, Host("ID", "/b"))
    return judge(Subject(loaded, "/b", Machine()), source, plan)


@pytest.fixture
def config() -> dict[str, Any]:
    return {
        "ociVersion": "1.3.0",
        "process": {"cwd": "/", "args": ["sh"], "user": {"uid": 0, "gid": 0}},
        "root": {"path": "rootfs"},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/s", "type": "bind", "source": "/run/docker.sock", "options": ["bind"]},
        ],
        "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}]},
    }


@pytest.fixture
def hostile(config: dict[str, Any]) -> dict[str, Any]:
    """Every text of it that a report repeats would like to be more than text."""
    config["mounts"].append({"destination": f"/{HOSTILE}", "type": "bind", "source": f"/etc/{HOSTILE}"})
    config["mounts"][1]["source"] = f"/{HOSTILE}/docker.sock"
    config["hooks"] = {"poststop": [{"path": f"/{HOSTILE}"}]}
    config["annotations"] = {f"run.oci.{HOSTILE}": "1"}
    config["process"]["args"] = [HOSTILE]
    return config


class TestScore:
    def test_nothing_found_is_the_best(self) -> None:
        assert report_of().score == BEST

    def test_each_finding_leaves_its_share(self) -> None:
        assert report_of(Severity.CRITICAL).score == 50
        assert report_of(Severity.HIGH, Severity.LOW).score == 79  # 100 * 0.8 * 0.99 = 79.2
        assert report_of(*[Severity.INFO] * 50).score == BEST
        assert report_of(*[Severity.CRITICAL] * 5).score == 3

    def test_one_more_finding_never_makes_it_better(self) -> None:
        for severity in LEAVES:
            scores = [report_of(*[severity] * number).score for number in range(200)]
            assert scores == sorted(scores, reverse=True)
            assert all(0 <= score <= BEST for score in scores)

    def test_the_worse_the_finding_the_worse_the_score(self) -> None:
        scores = [report_of(severity).score for severity in sorted(LEAVES)]
        assert scores == sorted(scores, reverse=True)

    def test_the_worst_finding_comes_first(self, config: dict[str, Any]) -> None:
        severities = [found.severity for found in judged(config).findings]
        assert severities == sorted(severities, reverse=True)
        assert severities[0] == Severity.CRITICAL


class TestFields:
    def test_they_are_named_as_in_errors(self) -> None:
        assert field(("mounts", 2, "options", 0)) == "mounts[2].options[0]"
        assert field(("linux", "sysctl", "net.ipv4.ip_forward")) == 'linux.sysctl["net.ipv4.ip_forward"]'

    def test_pointers_are_escaped(self) -> None:
        """RFC 6901, 3: "'~' needs to be encoded as '~0' and '/' needs to be encoded as '~1'"."""
        assert pointer(("annotations", "a/b~c")) == "/annotations/a~1b~0c"

    def test_objects_that_are_missing_are_made(self) -> None:
        """RFC 6902, 4.1: "the containing object or array does need to exist"."""
        edit = setting({"linux": {}}, ("linux", "resources", "memory", "limit"), 7)
        assert edit == Edit("add", ("linux", "resources"), {"memory": {"limit": 7}})
        assert setting({}, ("process", "rlimits", "-"), 7) == Edit("add", ("process",), {"rlimits": [7]})

    @pytest.mark.parametrize(
        "path, line",
        [
            ((), 1),
            (("process",), 2),
            (("process", "args", 1), 5),
            (("process", "new"), 2),
            (("linux",), 7),
            (("linux", "x", 3), 7),
            (("none", "x"), 1),
        ],
    )
    def test_a_line_is_that_of_the_key_or_of_what_is_around_it(self, path: tuple[Any, ...], line: int) -> None:
        source = '{\n "process": {\n  "args": [\n   "[}\\"",\n   "b"\n  ] },\n "linux": {} }\n'
        assert json.loads(source)
        assert line_of(source, path) == line


class TestText:
    def test_it_has_all_that_is_to_be_known(self, config: dict[str, Any]) -> None:
        report = judged(config)
        written = text(report)
        assert written.startswith(f"/b: score {report.score} of 100, ")
        for found in report.findings:
            assert f"{found.field}  ({found.rule})" in written
        assert "- remove mounts[1]" in written
        assert "\x1b" not in written

    def test_color_changes_nothing_but_color(self, config: dict[str, Any]) -> None:
        report = judged(config)
        colored = text(report, color=True)
        assert "\x1b[" in colored
        assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == text(report)

    def test_nothing_of_a_configuration_steers_the_terminal(self, hostile: dict[str, Any]) -> None:
        written = text(judged(hostile))
        assert "<script>" in written
        assert [sign for sign in written if not sign.isprintable() and sign != "\n"] == []

    def test_lines_are_not_too_long(self, config: dict[str, Any]) -> None:
        written = text(judged(config), width=80)
        assert max(len(line) for line in written.splitlines() if line.startswith(" " * 12)) <= 80


class TestJson:
    def test_it_is_the_report(self, config: dict[str, Any]) -> None:
        report = judged(config)
        made = json.loads(json.dumps(document(report)))
        assert made["version"] == 1
        assert made["score"] == report.score
        assert sum(made["counts"].values()) == len(made["findings"]) == len(report.findings)
        (socket,) = [found for found in made["findings"] if found["rule"] == "engine-socket"]
        assert socket["severity"] == "critical"
        assert socket["patch"] == [{"op": "remove", "path": "/mounts/1"}]

    def test_findings_point_into_the_plan(self, config: dict[str, Any]) -> None:
        made = document(judged(config))
        (socket,) = [found for found in made["findings"] if found["rule"] == "engine-socket"]
        (number,) = socket["operations"]
        operation = made["plan"]["operations"][number]
        assert (operation["operation"], operation["field"]) == ("mount", "mounts[1]")


class TestSarif:
    """SARIF 2.1.0 (OASIS): members that it requires, and what its members may be."""

    @pytest.fixture
    def log(self, config: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(json.dumps(sarif(judged(config), "0.1.0")))
        return made

    def test_the_log_has_what_is_required(self, log: dict[str, Any]) -> None:
        assert set(log) == {"$schema", "version", "runs"}  # 3.13
        assert log["version"] == "2.1.0"
        (run,) = log["runs"]
        assert run["tool"]["driver"]["name"]  # 3.19.8: SHALL
        assert re.fullmatch(r"\d+\.\d+\.\d+", run["tool"]["driver"]["semanticVersion"])
        assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")

    def test_rules_are_there_once_and_have_texts(self, log: dict[str, Any]) -> None:
        rules = log["runs"][0]["tool"]["driver"]["rules"]
        assert len({rule["id"] for rule in rules}) == len(rules)
        for rule in rules:
            assert rule["shortDescription"]["text"] and rule["fullDescription"]["text"] and rule["help"]["text"]
            assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")
            assert 0 <= float(rule["properties"]["security-severity"]) <= 10

    def test_results_name_their_rule_and_place(self, log: dict[str, Any], config: dict[str, Any]) -> None:
        (run,) = log["runs"]
        lines = json.dumps(config, indent=1).count("\n") + 1
        assert run["results"]
        for result in run["results"]:
            assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]  # 3.27.6
            assert result["level"] in ("none", "note", "warning", "error")
            assert result["message"]["text"]
            (location,) = result["locations"]
            physical = location["physicalLocation"]
            assert physical["artifactLocation"]["uri"] == "config.json"
            assert physical["artifactLocation"]["uriBaseId"] in run["originalUriBaseIds"]
            assert run["artifacts"][physical["artifactLocation"]["index"]]["location"]["uri"] == "config.json"
            assert 1 <= physical["region"]["startLine"] <= lines
            assert location["logicalLocations"][0]["fullyQualifiedName"]

    def test_the_base_is_a_directory(self, log: dict[str, Any]) -> None:
        """3.14.14: "the uri property SHALL end with a '/'"."""
        assert log["runs"][0]["originalUriBaseIds"] == {"BUNDLE": {"uri": "file:///b/"}}

    def test_fingerprints_tell_results_apart(self, log: dict[str, Any]) -> None:
        prints = [result["partialFingerprints"]["field/v1"] for result in log["runs"][0]["results"]]
        assert len(set(prints)) == len(prints)


class Page(HTMLParser):
    """What a browser would make of a page: its elements with their attributes, and its text."""

    VOID = ("meta",)

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> ends nothing"

    def handle_data(self, data: str) -> None:
        self.text += data


class TestPage:
    def test_it_is_well_formed_and_complete(self, config: dict[str, Any]) -> None:
        report = judged(config)
        shown = Page(page(report))
        assert shown.open == []
        for found in report.findings:
            assert found.title in shown.text
            assert found.gain in shown.text
        folds = [attributes["class"] for tag, attributes in shown.tags if tag == "details"]
        assert len(folds) == len(report.findings) + 1
        assert folds[-1] == "plan"

    def test_its_links_lead_to_operations_of_the_plan(self, config: dict[str, Any]) -> None:
        shown = Page(page(judged(config)))
        ids = {f"#{attributes['id']}" for tag, attributes in shown.tags if tag == "tr" and "id" in attributes}
        links = {attributes["href"] for tag, attributes in shown.tags if tag == "a"}
        assert links and links <= ids

    def test_it_needs_nothing_else(self, config: dict[str, Any]) -> None:
        source = page(judged(config))
        shown = Page(source)
        assert {tag for tag, _ in shown.tags}.isdisjoint({"script", "link", "img", "iframe", "object", "form", "base"})
        for _, attributes in shown.tags:
            assert not any(name.startswith("on") or name == "src" for name in attributes)
            assert (attributes.get("href") or "#").startswith("#")
        assert "url(" not in source and "@import" not in source and "http:" not in source and "https:" not in source
        assert "default-src &#x27;none&#x27;" in source
        assert "prefers-color-scheme: dark" in source

    def test_nothing_of_a_configuration_is_markup(self, hostile: dict[str, Any]) -> None:
        shown = Page(page(judged(hostile)))
        assert "script" not in {tag for tag, _ in shown.tags}
        assert shown.open == []
        assert shown.text.count("<script>alert(1)</script>\"'&") > 5
        known = set("lang charset http-equiv content name class style id href colspan aria-label open".split())
        assert {name for _, attributes in shown.tags for name in attributes} <= known

    def test_without_findings_it_says_so(self) -> None:
        assert "Nothing was found." in Page(page(report_of())).text

    def test_without_a_plan_it_says_why(self) -> None:
        assert "no cgroup & no plan" in Page(page(Report("/b", (), None, "no cgroup & no plan"))).text
