"""Reads config.json: from bytes to a `Config` that is known to follow the specification, or all its problems.

Never touches the kernel: whether this machine can do what the document asks for is found out later. Hot path.
"""

from __future__ import annotations

from sampan._linux import json_loads
from sampan.errors import ConfigError, Problem
from sampan.spec import rules
from sampan.spec.check import check
from sampan.spec.names import PLATFORMS
from sampan.spec.schema_process import PROCESS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.spec.check import Kind
    from sampan.spec.types import Config, Mount, Process, Resources


def load(data: bytes, document: str = "config.json") -> Config:
    """The configuration in ``data``. Raises ConfigError with all the problems of the document."""
    from sampan.spec.schema import CONFIG

    config: Config = _load(data, document, CONFIG, rules.config_problems)
    return config


def reload(data: bytes) -> Config:
    """The configuration that `load` has found good before: not checked again. Raises ValueError if it is damaged."""
    config: Config = json_loads(data)  # type: ignore[assignment]
    if b"null" in data:
        from sampan.spec.prune import drop_nulls

        drop_nulls(config)
    return config


def load_process(data: bytes, document: str = "process.json") -> Process:
    """The process in ``data``, as engines hand it over for `exec`. Raises ConfigError with all its problems."""
    process: Process = _load(data, document, PROCESS, rules.process_problems)
    return process


def load_resources(data: bytes, document: str = "resources.json") -> Resources:
    """The object of `linux.resources` in ``data``, as engines hand it over for `update`.

    Raises ConfigError with all its problems, whose fields are named as in that object: "memory.limit".
    """
    from sampan.spec.schema_linux import RESOURCES

    resources: Resources = _load(data, document, RESOURCES, _resources_problems)
    return resources


def load_mounts(data: bytes, config: Config, document: str = "mounts.json") -> list[Mount]:
    """The array in ``data``, of entries as those of `mounts`, for a container of ``config``.

    Raises ConfigError with all its problems, whose fields are named as in config.json: "mounts[0].destination".
    """
    from sampan.spec.prune import drop_nulls

    try:
        value: Any = json_loads(data)
    except ValueError as error:
        raise ConfigError(document, [Problem("", None, f"is not valid JSON: {error}", "config.md#mounts")]) from None
    if not isinstance(value, list):
        rule = "must be an array of mounts, as config.json has it"
        raise ConfigError(document, [Problem("mounts", value, rule, "config.md#mounts")])
    whole: Any = {**config, "mounts": value}
    if problems := validate(whole):
        raise ConfigError(document, problems)
    drop_nulls(whole)
    mounts: list[Mount] = whole["mounts"]
    return mounts


def validate(document: object) -> list[Problem]:
    """Everything in a decoded config.json that breaks the specification, whose versions are all valid here."""
    from sampan.spec.schema import CONFIG

    return _problems(document, CONFIG, rules.config_problems)


def validate_process(document: object) -> list[Problem]:
    """Everything in a decoded `process` object that breaks the specification."""
    return _problems(document, PROCESS, rules.process_problems)


def validate_resources(document: object) -> list[Problem]:
    """Everything in a decoded object of `linux.resources` that breaks the specification."""
    from sampan.spec.schema_linux import RESOURCES

    return _problems(document, RESOURCES, _resources_problems)


def platform_problem(config: Config) -> str | None:
    """Why this runtime cannot run a valid configuration, if it is for another platform than Linux containers."""
    for section, kind in PLATFORMS.items():
        if section in config:
            return f"valid, but for {kind} (it has the section {section!r}); this runtime runs Linux containers"
    return None


def _resources_problems(resources: Resources, _broken: frozenset[str]) -> list[Problem]:
    from sampan.spec.rules_resources import resources_problems

    found = list(resources_problems(resources))
    for problem in found:
        problem.field = problem.field.removeprefix("linux.resources.")
    return found


def _load(data: bytes, document: str, kind: Kind, judge: rules.Judge) -> Any:
    try:
        value = json_loads(data)
    except ValueError as error:
        raise ConfigError(document, [Problem("", None, f"is not valid JSON: {error}", kind[2])]) from None
    nulls = b"null" in data
    problems = _problems(value, kind, judge, nulls=nulls)
    if judge is rules.config_problems and isinstance(value, dict):
        problems += rules.unsupported_version(value)
    if problems:
        raise ConfigError(document, problems)
    if nulls:
        from sampan.spec.prune import drop_nulls

        drop_nulls(value)
    return value


def _problems(document: object, kind: Kind, judge: rules.Judge, *, nulls: bool = True) -> list[Problem]:
    found = rules.without_ignored(check(document, kind), document)
    if not isinstance(document, dict):
        return found
    if not found and not nulls:
        return judge(document, frozenset())
    from sampan.spec.prune import prune

    # What follows from a problem is not another one: rules neither judge by a broken field, nor repeat it, nor say that
    # the object around it lacks something.
    broken = frozenset(problem.field for problem in found)
    known = broken.union(field.rpartition(".")[0] for field in broken)
    return found + [problem for problem in judge(prune(document, kind), broken) if problem.field not in known]
