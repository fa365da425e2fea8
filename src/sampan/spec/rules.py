"""The rules of config.json that a look at one field cannot decide. `check` has been there before: types are right.

A rule never repeats what the tables say, and never asks the kernel. Hot path; what few documents have is imported only
for them (rules_resources, rules_rare, rules_platforms).
"""

from __future__ import annotations

from sampan.errors import Problem
from sampan.spec.check import below
from sampan.spec.names import CAPABILITIES, CAPABILITY_SETS, SPEC_VERSION
from sampan.spec.rules_linux import linux_problems
from sampan.spec.rules_process import env_problems, problems_of_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from sampan.spec.types import Config, Process

    Judge = Callable[[Any, frozenset[str]], list[Problem]]

# A document with one of these sections is for that platform ("MUST/MAY be set if the target platform ... is").
OTHER_PLATFORMS = ("windows", "solaris", "freebsd", "zos")


def config_problems(config: Config, broken: frozenset[str]) -> list[Problem]:
    """What is wrong with the fields of a document taken together; ``broken``: the fields that are known to be wrong."""
    platform = platform_of(config)
    found = list(_version(config))
    found += _root(config, platform)
    if "process" in config:
        found += below("process", list(problems_of_process(config["process"], platform)))
    if "hooks" in config:
        found += _hooks(config)
    if platform == "linux":
        namespaces = None if _has_broken_namespaces(broken) else _namespaces(config)
        found += linux_problems(config, namespaces)
    else:
        from sampan.spec.rules_platforms import platform_problems

        found += platform_problems(config, platform)
    return found


def process_problems(process: Process, _broken: frozenset[str]) -> list[Problem]:
    """The same for a bare process object, whose fields are named without a "process." in front."""
    return list(problems_of_process(process, "linux"))


def platform_of(config: Config) -> str:
    for name in OTHER_PLATFORMS:
        if name in config:
            return name
    return "linux"


def without_ignored(problems: Sequence[Problem], document: object) -> list[Problem]:
    """The problems without those of fields that have no meaning in this document."""
    if not problems:
        return []
    process = document.get("process", document) if isinstance(document, dict) else None
    if isinstance(process, dict) and process.get("terminal") is True:
        return list(problems)
    # "Runtimes MUST ignore `consoleSize` if `terminal` is `false` or unset." (config.md, Process)
    return [problem for problem in problems if "consoleSize" not in problem.field.split(".")[:2]]


def unsupported_version(document: dict[str, Any]) -> list[Problem]:
    """The problem of a document whose version is valid, but not one that this runtime follows."""
    version = document.get("ociVersion")
    if not isinstance(version, str) or not is_semantic_version(version) or version.startswith("1."):
        return []
    rule = f"must be a 1.x version: this runtime follows {SPEC_VERSION}, and other major versions are not compatible"
    return [Problem("ociVersion", version, rule, "config.md#specification-version")]


def unknown_capabilities(config: Config) -> list[str]:
    """The capabilities of `process.capabilities` that are in no kernel known to this release, each once.

    Not an error: "Any value which cannot be mapped to a relevant kernel interface, or cannot be granted otherwise MUST be
    logged as a warning by the runtime." (config.md, Linux Process)
    """
    sets = config.get("process", {}).get("capabilities", {})
    asked = [name for group in CAPABILITY_SETS for name in sets.get(group, ()) if name not in CAPABILITIES]
    return list(dict.fromkeys(asked))


def ungrantable_capabilities(config: Config) -> list[Problem]:
    """The capabilities that the kernel cannot grant beside the other sets: to be logged as warnings, too."""
    sets = config.get("process", {}).get("capabilities", {})
    found = []
    for group, needed in (("effective", ("permitted",)), ("ambient", ("permitted", "inheritable"))):
        for index, name in enumerate(sets.get(group, ())):
            missing = [other for other in needed if name not in sets.get(other, ())]
            if missing and name in CAPABILITIES:
                rule = f"cannot be granted, since it is not in the set {' nor '.join(missing)}"
                field = f"process.capabilities.{group}[{index}]"
                found.append(Problem(field, name, rule, "config.md#linux-process"))
    return found


def is_semantic_version(text: str) -> bool:
    """Whether ``text`` is a version as of https://semver.org/spec/v2.0.0.html: 1.3.0, 1.0.2-dev, 1.0.0-rc5+build.7"""
    rest, plus, build = text.partition("+")
    core, dash, prerelease = rest.partition("-")
    numbers = core.split(".")
    if len(numbers) != 3 or not all(_is_number(number) for number in numbers):
        return False
    if dash and not all(_is_identifier(part) and (_is_number(part) or not part.isdigit()) for part in prerelease.split(".")):
        return False
    return not plus or all(_is_identifier(part) for part in build.split("."))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and (text == "0" or text[0] != "0")


def _is_identifier(text: str) -> bool:
    return text.isascii() and text.replace("-", "a").isalnum()


def _version(config: Config) -> Iterator[Problem]:
    version = config.get("ociVersion", SPEC_VERSION)
    if not is_semantic_version(version):
        yield Problem(
            "ociVersion",
            version,
            'must be a version in SemVer 2.0.0 format, such as "1.3.0"',
            "config.md#specification-version",
        )


def _root(config: Config, platform: str) -> Iterator[Problem]:
    if platform == "windows" and "hyperv" in config["windows"]:
        if "root" in config:
            yield Problem("root", config["root"], "must not be set for a Hyper-V container", "config.md#root")
    elif "root" not in config:
        yield Problem("root", None, "is required", "config.md#root")


def _hooks(config: Config) -> Iterator[Problem]:
    for point, hooks in config["hooks"].items():
        if not isinstance(hooks, list):
            continue  # an unknown property
        for index, hook in enumerate(hooks):
            if "env" in hook:
                section = "config.md#posix-platform-hooks"
                yield from below(f"hooks.{point}[{index}]", list(env_problems(hook["env"], section)))


def _has_broken_namespaces(broken: frozenset[str]) -> bool:
    return any(field == "linux" or field.startswith("linux.namespaces") for field in broken)


def _namespaces(config: Config) -> dict[str, str]:
    """The types of the container's namespaces, with the path of each that is to be joined, or ""."""
    entries = config.get("linux", {}).get("namespaces", ())
    return {entry["type"]: entry.get("path", "") for entry in entries}
