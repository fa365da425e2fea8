"""The plan of a hook that runs in the container's namespaces (`createContainer` and `startContainer`)."""

from __future__ import annotations

from sampan.plan.namespaces import IF_MAPPED
from sampan.plan.operations import NEWUSER, Operation, Plan
from sampan.plan.process import add_labels, add_process
from sampan.plan.wire import strings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.plan.host import Host
    from sampan.spec.types import Config, Hook, Process


def container_hook_plan(hook: Hook, flags: int, config: Config | None, host: Host) -> Plan:
    """Join the namespaces of ``flags`` through the pidfd in slot 0, the cgroups by the slots after it, become the hook.

    With ``config`` the hook is confined as the container's process: its program comes from the container's files, which
    the runtime does not trust. Without, it is the runtime's own program, in the namespaces but not yet in the root.
    """
    plan = Plan()
    plan.group = "hook"
    for index in range(len(host.cgroup_tasks)):
        plan.add("enter_cgroup", "linux.cgroupsPath", index + 1)
    confined = config is not None and "process" in config
    if config is not None and confined:
        plan.add("private_proc", "hooks")
        add_labels(plan, config["process"], host)
    plan.add("undumpable", "hooks")  # before processes of the container may see it
    plan.add("join", "hooks", 0, flags, 0)
    plan.add("fork", "hooks", 0)
    plan.add("session", "hooks")
    if flags & NEWUSER:
        plan.add("become_root", "hooks", IF_MAPPED)
    arguments = list(hook.get("args") or [hook["path"]])
    environment = list(hook.get("env", ()))
    # before a seccomp filter that may forbid to look for it
    plan.add("find_executable", "hooks", hook["path"], "")
    if config is not None and confined:
        _add_confined(plan, config, config["process"], host, arguments, environment)
    plan.add("execute", "hooks", strings(arguments), strings(environment))
    return plan


def _add_confined(
    plan: Plan, config: Config, process: Process, host: Host, arguments: list[str], environment: list[str]
) -> None:
    """Everything that confines the process of the container, and nothing of its program."""
    whole = Plan()
    of_hook: Process = {**process, "args": arguments, "env": [*environment, "HOME="], "cwd": "/"}
    add_process(whole, {**config, "process": of_hook}, host, None, labelled=True)
    plan.operations += [operation for operation in whole.operations if _confines(operation)]


def _confines(operation: Operation) -> bool:
    """And its standard streams are the runtime's, or the host's files: not to be given to the container's user."""
    return operation.name not in ("find_executable", "execute", "home", "own_standard_streams")
