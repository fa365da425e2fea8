"""Rules about what else the configuration has done: privileges, security modules, terminals, hooks, annotations."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from sampan.audit.fields import removal, setting
from sampan.audit.rule import HIGH, INFO, LOW, MEDIUM, NONE, Match, Rule
from sampan.spec.names import UNSAFE_ANNOTATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sampan.audit.fields import Path
    from sampan.audit.rule import Find
    from sampan.audit.subject import Subject
    from sampan.spec.types import Hook

_ON_HOST = ("prestart", "createRuntime", "createContainer", "poststart", "poststop")
_HARMLESS = ("org.systemd.property.KillSignal", "org.systemd.property.Timeout", "org.systemd.property.CollectMode")
_UNCONFINED_TYPES = ("spc_t", "unconfined_t", "container_runtime_t", "init_t")


def _new_privileges(subject: Subject) -> Iterator[Match]:
    if not subject.process.get("noNewPrivileges"):
        path: Path = ("process", "noNewPrivileges")
        yield Match(path, (setting(subject.config, path, value=True),))


def _apparmor(subject: Subject) -> Iterator[Match]:
    profile = subject.process.get("apparmorProfile", "")
    if profile == "unconfined" or (not profile and subject.machine.apparmor):
        path: Path = ("process", "apparmorProfile")
        yield Match(path, (setting(subject.config, path, "container-default"),))


def _selinux(subject: Subject) -> Iterator[Match]:
    label = subject.process.get("selinuxLabel", "")
    kind = [*label.split(":"), "", "", ""][2]
    if kind in _UNCONFINED_TYPES or (not label and subject.machine.selinux):
        path: Path = ("process", "selinuxLabel")
        yield Match(path, (setting(subject.config, path, "system_u:system_r:container_t:s0:c1,c2"),))


def _terminal(subject: Subject) -> Iterator[Match]:
    if not subject.process.get("terminal") and subject.holds("CAP_SYS_ADMIN"):
        path: Path = ("process", "terminal")
        yield Match(path, (setting(subject.config, path, value=True),))


def _hooks(subject: Subject) -> Iterator[tuple[Path, Hook]]:
    for kind in _ON_HOST:
        hooks: list[Hook] = subject.config.get("hooks", {}).get(kind, [])  # type: ignore[assignment]
        for index, hook in enumerate(hooks):
            yield ("hooks", kind, index), hook


def _in_root(subject: Subject, hook: Hook) -> bool:
    return posixpath.normpath(hook["path"]).startswith(f"{subject.root.rstrip('/')}/") and subject.root != "/"


def _hook(*, in_root: bool) -> Find:
    def find(subject: Subject) -> Iterator[Match]:
        for path, hook in _hooks(subject):
            if _in_root(subject, hook) == in_root:
                yield Match(path, (removal(path),), {"program": hook["path"], "kind": path[1]})

    return find


def _annotations(subject: Subject) -> Iterator[Match]:
    for name in subject.config.get("annotations", {}):
        if name.startswith(UNSAFE_ANNOTATIONS) and not name.startswith(_HARMLESS):
            path: Path = ("annotations", name)
            yield Match(path, (removal(path),), {"name": name})


def _personality(subject: Subject) -> Iterator[Match]:
    if "personality" in subject.linux:
        path: Path = ("linux", "personality")
        yield Match(path, (removal(path),), {"domain": subject.linux["personality"]["domain"]})


def _umask(subject: Subject) -> Iterator[Match]:
    mask = subject.process.get("user", {}).get("umask", 0o022)
    if not mask & 0o002:
        path: Path = ("process", "user", "umask")
        yield Match(path, (setting(subject.config, path, 0o022),), {"mask": f"{mask:04o}"})


RULES = (
    Rule(
        "new-privileges",
        MEDIUM,
        "programs with the set-user-ID bit give privileges",
        "process.noNewPrivileges",
        "An attacker who is not root becomes root of the container by any such program with an error in it.",
        "Set process.noNewPrivileges to true.",
        _new_privileges,
        confined=LOW,
    ),
    Rule(
        "apparmor-absent",
        MEDIUM,
        "AppArmor does not confine it",
        "process.apparmorProfile",
        "A second wall is missing: whatever passes permissions and capabilities, is done.",
        "Set process.apparmorProfile to a profile for containers that is loaded on the host (engines load their own).",
        _apparmor,
        confined=LOW,
    ),
    Rule(
        "selinux-absent",
        MEDIUM,
        "SELinux does not confine it",
        "process.selinuxLabel",
        "A second wall is missing: whatever passes permissions and capabilities, is done.",
        "Set process.selinuxLabel to a label of the type container_t, with categories of its own.",
        _selinux,
        confined=LOW,
    ),
    Rule(
        "terminal-shared",
        LOW,
        "it may have the caller's terminal as its input",
        "process.terminal",
        "If the runtime is called from a terminal, CAP_SYS_ADMIN is enough to type into it (TIOCSTI): commands of the"
        " caller's shell, outside of the container.",
        "Set process.terminal to true, which gives the container a terminal of its own; or run it detached.",
        _terminal,
        confined=NONE,
    ),
    Rule(
        "hook-in-root",
        HIGH,
        "a hook runs a program of the container on the host: {program}",
        "hooks",
        "It replaces the program, which the runtime then runs on the host with its own privileges.",
        "Take the program from a directory that the container cannot write.",
        _hook(in_root=True),
    ),
    Rule(
        "hook",
        LOW,
        "a hook runs on the host: {program} ({kind})",
        "hooks",
        "It runs with the privileges of the runtime, and reads the container's state: what the container can make it"
        " do, happens on the host.",
        "Remove the hook, unless it is the engine's; read what it does with files of the container.",
        _hook(in_root=False),
    ),
    Rule(
        "annotation",
        LOW,
        "an annotation changes what the runtime does: {name}",
        "annotations",
        "Whoever may set annotations of containers, and nothing else, changes properties of the container's unit or"
        " cgroup on the host.",
        "Remove the annotation; engines should accept those of this prefix from administrators alone.",
        _annotations,
    ),
    Rule(
        "personality",
        INFO,
        "it runs in another execution domain: {domain}",
        "linux.personality",
        "It uses the kernel's compatibility code, which few test.",
        "Remove linux.personality.",
        _personality,
    ),
    Rule(
        "umask",
        INFO,
        "files that it makes can be written by everybody (umask {mask})",
        "process.user.umask",
        "Users of the host change what the container wrote to a mount of theirs.",
        "Set process.user.umask to 18 (octal 022).",
        _umask,
    ),
)
