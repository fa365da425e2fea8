"""The rules of config.json that a look at one field cannot decide. `check` has been there before: types are right.

A rule never repeats what the tables say, and never asks the kernel. Hot path; what few documents have is imported only
for them (rules_resources, rules_rare, rules_platforms).
"""

from __future__ import annotations

from sampan.errors import Problem
from sampan.spec.check import below
from sampan.spec.names import HOOKS, RLIMITS, SPEC_VERSION

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
    platform = next((name for name in OTHER_PLATFORMS if name in config or name in broken), "linux")
    found = list(_version(config))
    found += _root(config, platform)
    if "process" in config:
        found += below("process", list(_process(config["process"], platform)))
    if "hooks" in config:
        found += _hooks(config)
    if platform == "linux":
        from sampan.spec.rules_linux import linux_problems

        namespaces = None if _has_broken_namespaces(broken) else _namespaces(config)
        found += linux_problems(config, namespaces)
    else:
        from sampan.spec.rules_platforms import platform_problems

        found += platform_problems(config, platform)
    return found


def process_problems(process: Process, _broken: frozenset[str]) -> list[Problem]:
    """The same for a bare process object, whose fields are named without a "process." in front."""
    return list(_process(process, "linux"))


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


def is_semantic_version(text: str) -> bool:
    """Whether ``text`` is a version as of https://semver.org/spec/v2.0.0.html: 1.3.0, 1.0.2-dev, 1.0.0-rc5+build.7"""
    rest, plus, build = text.partition("+")
    core, dash, prerelease = rest.partition("-")
    numbers = core.split(".")
    if len(numbers) != 3 or not all(_is_number(number) for number in numbers):
        return False
    if dash and not all(
        _is_identifier(part) and (_is_number(part) or not part.isdigit()) for part in prerelease.split(".")
    ):
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
    if platform == "windows" and "hyperv" in config.get("windows", {}):
        if "root" in config:
            yield Problem("root", config["root"], "must not be set for a Hyper-V container", "config.md#root")
    elif "root" not in config:
        yield Problem("root", None, "is required", "config.md#root")


def _hooks(config: Config) -> Iterator[Problem]:
    hooks: Any = config["hooks"]
    for point in HOOKS:
        for index, hook in enumerate(hooks.get(point, ())):
            if "env" in hook:
                section = "config.md#posix-platform-hooks"
                yield from below(f"hooks.{point}[{index}]", list(_env(hook["env"], section)))


def _process(process: Process, platform: str) -> Iterator[Problem]:
    yield from _command(process, platform)
    if "env" in process and platform != "windows":
        yield from _env(process["env"], "config.md#process")
    if "rlimits" in process:
        yield from _rlimits(process, platform)
    if "user" in process and platform != "windows":
        for name in ("uid", "gid"):
            if name not in process["user"]:
                yield Problem(f"user.{name}", None, "is required", "config.md#posix-platform-user")
    if "scheduler" in process:
        from sampan.spec.rules_rare import scheduler_problems

        yield from scheduler_problems(process["scheduler"])
    if "execCPUAffinity" in process:
        from sampan.spec.rules_rare import affinity_problems

        yield from affinity_problems(process["execCPUAffinity"])


def _env(env: Sequence[str], section: str) -> Iterator[Problem]:
    # "with the same semantics as IEEE Std 1003.1-2008's environ": strings of the form name=value, as runc has it, too
    for index, entry in enumerate(env):
        if entry.find("=") < 1:
            yield Problem(f"env[{index}]", entry, "must have the form NAME=VALUE", section)


def _command(process: Process, platform: str) -> Iterator[Problem]:
    args = process.get("args", ())
    section = "config.md#process"
    if args:
        if not args[0]:
            yield Problem("args[0]", "", "must name a program, not be empty", section)
    elif platform != "windows":
        # "This specification extends the IEEE standard in that at least one entry is REQUIRED (non-Windows)"
        yield Problem("args", None, "must have at least one entry, the program to run", section)
    elif not process.get("commandLine"):
        yield Problem("commandLine", None, "is required where args is not given", section)
    cwd = process.get("cwd", "/")
    if not cwd.startswith("/") and not (platform == "windows" and is_absolute_on_windows(cwd)):
        yield Problem("cwd", cwd, "must be an absolute path", section)


def is_absolute_on_windows(path: str) -> bool:
    """Whether ``path`` is absolute as Windows has it: C:\\folder, \\\\server\\share, \\folder."""
    return path.startswith("\\") or (path[:1].isalpha() and path[1:3] in (":\\", ":/"))


def _rlimits(process: Process, platform: str) -> Iterator[Problem]:
    section = "config.md#posix-process"
    seen: dict[str, int] = {}
    for index, rlimit in enumerate(process["rlimits"]):
        field = f"rlimits[{index}]"
        kind = rlimit.get("type", "")
        if kind in seen:
            yield Problem(f"{field}.type", kind, f"must not be there twice: rlimits[{seen[kind]}] has it, too", section)
        elif kind:
            seen[kind] = index
        if platform == "linux" and kind not in RLIMITS and "type" in rlimit:
            yield Problem(f"{field}.type", kind, f"must be one of {', '.join(RLIMITS)}", section)
        soft, hard = rlimit.get("soft", 0), rlimit.get("hard", 0)
        if soft > hard and "hard" in rlimit:
            yield Problem(f"{field}.soft", soft, f"must not be greater than the hard limit, {hard}", section)


def _has_broken_namespaces(broken: frozenset[str]) -> bool:
    return any(field == "linux" or field.startswith("linux.namespaces") for field in broken)


def _namespaces(config: Config) -> dict[str, str]:
    """The types of the container's namespaces, with the path of each that is to be joined, or ""."""
    entries = config.get("linux", {}).get("namespaces", ())
    return {entry["type"]: entry.get("path", "") for entry in entries}
