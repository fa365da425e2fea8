"""New limits for a live cgroup, all of them or none.

What is absent or zero in the document stays as it is: docker 20.10 sends a zero for everything that its user has not
named. The device rules stay in any case: engines send those of the creation along, and what else was allowed since
then (a GPU, by its own tools) must not end with it.
"""

from __future__ import annotations

import posix

from sampan.cgroups import layout, limits, support
from sampan.cgroups.layout import UNIFIED, Layout
from sampan.errors import ConfigError, KernelError, Problem
from sampan.linux import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sampan.cgroups.limits import Setting
    from sampan.spec.types import Resources

_DOCUMENT = "resources"
_CONTROL = "config-linux.md#control-groups"
_MEMORY = "config-linux.md#memory"
_PASSES = 3  # over what is to be restored: values that depend on each other may need more than one
# What a line of a file of limits for each device says of a device that has none: (end of the file's name, line's rest).
_NO_LIMIT = (
    ("io.max", "rbps=max wbps=max riops=max wiops=max"),
    ("_bps_device", "0"),
    ("_iops_device", "0"),
    ("weight", "default"),
    ("weight_device", "default"),
)


def update(resources: Resources, directories: Mapping[str, str]) -> None:
    """Change the limits of the cgroup in ``directories`` (v1 controller, or "" for v2 -> directory).

    ``resources`` is ``linux.resources`` as ``spec`` has checked it. Raises ConfigError for what this cgroup cannot
    have, and KernelError, with the field, for what the kernel refuses; the limits from before are in force again then.
    """
    resources = _completed(resources, directories)
    problems = _problems(resources, directories)
    if problems:
        raise ConfigError(_DOCUMENT, problems)
    settings = _settings(resources, directories)
    _enable(settings, directories)
    places = limits.places(settings, directories)
    before = [(path, content, setting) for setting in settings for path, content in _read(places, setting)]
    try:
        limits.apply(places, settings)
    except BaseException:
        _restore(before)
        raise


def _completed(resources: Resources, directories: Mapping[str, str]) -> Resources:
    """The document without devices, and with the limit of memory from which v2 reckons that of swap."""
    wanted = resources.copy()
    wanted.pop("devices", None)
    memory = wanted.get("memory", {}).copy()
    in_force = _current("memory", "memory.max", directories)
    if memory.get("swap", 0) > 0 and not memory.get("limit") and in_force and in_force != ["max"]:
        memory["limit"] = int(in_force[0])
        wanted["memory"] = memory
    return wanted


def _settings(resources: Resources, directories: Mapping[str, str]) -> list[Setting]:
    """As for a new cgroup, but that it has a quota and a period already, may be idle, and have a burst to be rid of."""
    cpu = resources.get("cpu", {})
    quota, period = _current("cpu", "cpu.max", directories) or ("", "")
    # the kernel takes no shares while the cgroup is idle
    found = [] if cpu.get("idle") is None else _zero("cpu.idle", "idle", directories)
    for setting in limits.settings(resources, directories):
        controller, name, value, field, otherwise = setting
        if name == "cpu.max" and quota and not field.startswith(limits.UNIFIED_FIELD):
            asked_quota, asked_period = value.split()
            value = f"{asked_quota if cpu.get('quota') else quota} {asked_period if cpu.get('period') else period}"
        found.append((controller, name, value, field, otherwise))
        if field == "linux.resources.blockIO.weight":
            found += _device_weights(directories, field)
    if cpu.get("burst") == 0:
        found += _zero("cpu.cfs_burst_us" if "cpu" in directories else "cpu.max.burst", "burst", directories)
    return found


def _zero(name: str, field: str, directories: Mapping[str, str]) -> list[Setting]:
    """Nothing, where the cgroup has no such file: it asks for what is so."""
    directory = directories.get("cpu", directories.get(UNIFIED, ""))
    return (
        [("cpu", name, "0", f"linux.resources.cpu.{field}", True)]
        if posix.access(f"{directory}/{name}", posix.F_OK)
        else []
    )


def _device_weights(directories: Mapping[str, str], field: str) -> list[Setting]:
    """The weights that devices have: bfq forgets them when the cgroup gets another one."""
    controller, name = ("blkio", "blkio.bfq.weight_device") if "blkio" in directories else ("io", "io.bfq.weight")
    try:
        content = files.read(f"{directories.get(controller, directories.get(UNIFIED, ''))}/{name}").decode()
    except KernelError:
        return []
    return [(controller, name, line, field, True) for line in content.splitlines() if ":" in line]


def _current(controller: str, name: str, directories: Mapping[str, str]) -> list[str]:
    """The words in a file of v2; none where the controller is v1's, or not enabled."""
    if controller in directories or UNIFIED not in directories:
        return []
    try:
        return files.read(f"{directories[UNIFIED]}/{name}").decode().split()
    except KernelError:
        return []


def _problems(resources: Resources, directories: Mapping[str, str]) -> list[Problem]:
    if not directories:
        rule = "cannot be changed: the container has no cgroup"
        return [Problem(field, value, rule, _CONTROL) for field, value in support.asked(resources)]
    v1_directories = {name: directory for name, directory in directories.items() if name != UNIFIED}
    own = Layout("", directories.get(UNIFIED, ""), v1_directories, {})
    return support.unsupported(resources, own) + _exceeded(resources, directories)


def _exceeded(resources: Resources, directories: Mapping[str, str]) -> list[Problem]:
    """With ``checkBeforeUpdate``: limits lower than what is in use. v1 refuses them by itself, v2 kills for them."""
    memory = resources.get("memory", {})
    used = _current("memory", "memory.current", directories)
    if not memory.get("checkBeforeUpdate") or not used:
        return []
    swapped = _current("memory", "memory.swap.current", directories) or ["0"]
    in_use = {"limit": int(used[0]), "swap": int(used[0]) + int(swapped[0])}
    return [
        Problem(
            f"linux.resources.memory.{name}", limit, f"must not be less than what is in use, {in_use[name]}", _MEMORY
        )
        for name, limit in (("limit", memory.get("limit", 0)), ("swap", memory.get("swap", 0)))
        if 0 < limit < in_use[name]
    ]


def _enable(settings: Sequence[Setting], directories: Mapping[str, str]) -> None:
    """See to it that the v2 directory has the controllers that v1 has not. Raises ConfigError."""
    fields = {setting[0]: setting[3] for setting in settings if setting[0] not in directories}
    if not fields:
        return
    if UNIFIED not in directories:
        rule = "cannot be changed: the container's cgroup has no {} controller"
        problems = [Problem(field, None, rule.format(name), _CONTROL) for name, field in fields.items()]
        raise ConfigError(_DOCUMENT, problems)
    from sampan.cgroups import v2

    v2.enable(layout.detect().unified, directories[UNIFIED], fields)


def _read(places: Mapping[str, str], setting: Setting) -> list[tuple[str, str]]:
    """The path and content of each file that the setting may be written to; none for one that cannot be read."""
    controller, name, _, _, otherwise = setting
    path = f"{places[controller]}/{name}"
    try:
        found = [(path, files.read(path).decode())]
    except KernelError:
        found = []
    return found + (_read(places, otherwise) if isinstance(otherwise, tuple) else [])


def _restore(before: Sequence[tuple[str, str, Setting]]) -> None:
    """Put back what has changed, the last first, as far as the kernel lets us."""
    for _ in range(_PASSES):
        for path, content, setting in reversed(before):
            try:
                if files.read(path).decode() != content:
                    for line in undoing(path, content, setting[2]):
                        files.write(path, line)
            except KernelError:
                continue  # in the next pass, or not at all: the error that is told is that of the update


def undoing(path: str, content: str, value: str) -> list[str]:
    """What to write to the file at ``path``, that read ``content`` before ``value`` was written to it."""
    lines = content.splitlines() or [""]
    key, _, rest = value.partition(" ")
    if not rest:
        name, _, last = lines[0].rpartition(" ")  # "default 100", "oom_kill_disable 0", but "max 100000" is a value
        first = last if name.isidentifier() and name != "max" else lines[0] or "\n"
        return [first, *(line for line in lines[1:] if ":" in line)]  # the lines of devices may go with the default
    for line in lines:
        if line.split(" ", 1)[0] == key:
            return [line]
    if ":" in key:
        return [f"{key} {next((text for end, text in _NO_LIMIT if path.endswith(end)), 'max')}"]
    return [content]
