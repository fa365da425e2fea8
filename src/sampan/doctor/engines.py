"""The engines on this host that could use sampan, and whether they are told to. Their files are read, nothing more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sampan.doctor import engine_files
from sampan.doctor.row import LIMITED, NO, OK, UNKNOWN, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sampan.doctor.engine_files import Runtime
    from sampan.doctor.host import Host


@dataclass(frozen=True)
class Engine:
    """How an engine is found, where it looks for runtimes, and how it is told of one."""

    name: str
    program: str
    version: str  # the word that makes the program say it
    runtimes: Callable[[Host], list[Runtime]]
    fix: str


ENGINES = (
    Engine(
        "podman",
        "podman",
        "--version",
        engine_files.podman,
        """mkdir -p {podman} && printf '[engine]\\nruntime_supports_json = ["sampan", "crun", "runc"]\\n"""
        """[engine.runtimes]\\nsampan = ["{command}"]\\n' >{podman}/sampan.conf (docs/install/podman.md)""",
    ),
    Engine(
        "docker",
        "dockerd",
        "--version",
        engine_files.docker,
        """put "runtimes": {{"sampan": {{"path": "{command}"}}}} into /etc/docker/daemon.json, then systemctl reload """
        "docker (docs/install/docker.md)",
    ),
    Engine(
        "containerd",
        "containerd",
        "--version",
        engine_files.containerd,
        "add a runtime of type io.containerd.runc.v2 with BinaryName {command} to /etc/containerd/config.toml, then "
        "systemctl restart containerd (docs/install/containerd.md has the lines)",
    ),
    Engine(
        "cri-o",
        "crio",
        "--version",
        engine_files.crio,
        """printf '[crio.runtime.runtimes.sampan]\\nruntime_path = "{command}"\\nruntime_type = "oci"\\n"""
        """runtime_root = "/run/sampan"\\n' >/etc/crio/crio.conf.d/50-sampan.conf && systemctl restart crio """
        "(docs/install/cri-o.md)",
    ),
    Engine(
        "nomad",
        "nomad",
        "version",
        engine_files.nomad,
        'add "sampan" to allow_runtimes of the docker plugin in /etc/nomad.d, then systemctl restart nomad '
        "(docs/install/nomad.md)",
    ),
)
# Those that take a runtime on their own command line, or use the engine below them. Only what is said of them is known.
OTHERS = {
    "buildah": "buildah build --runtime {command} ...; it also reads containers.conf (docs/install/buildah.md)",
    "nerdctl": "nerdctl run --runtime {command} ...; nothing has to be configured",
    "kubelet": "uses containerd or CRI-O, and a RuntimeClass with the name of its handler",
}


def rows(host: Host) -> Iterator[Row]:
    """A row for each engine that is there; those that are not are left out."""
    found = [*_configurable(host), *_docker_client(host), *_others(host)]
    if not found:
        why = "none is installed in PATH or where programs of a system are: sampan works by itself, too"
        found = [Row("engines.none", "engines", UNKNOWN, "", why, "apt-get install podman, if one is wanted")]
    yield from found


def version_of(host: Host, program: str, word: str) -> str:
    """The version that a program says of itself: the first word of its output's first line that begins with a digit,
    or with "v" and one."""
    line = host.tries.output(program, word).partition("\n")[0]
    return next((word.rstrip(",") for word in line.split() if word.lstrip("v")[:1].isdigit()), "unknown version")


def _configurable(host: Host) -> Iterator[Row]:
    for engine in ENGINES:
        program = host.program(engine.program)
        if program:
            yield _row(host, engine, version_of(host, program, engine.version))


def _row(host: Host, engine: Engine, version: str) -> Row:
    identity = (f"engines.{engine.name.replace('-', '')}", engine.name)
    try:
        runtimes = [runtime for runtime in engine.runtimes(host) if runtime.is_sampan]
    except PermissionError as error:
        return Row(*identity, UNKNOWN, version, f"{error.filename} cannot be read by this user", "ask as root")
    except ValueError as error:
        return Row(*identity, NO, version, f"its configuration cannot be understood: {error}", "correct that file")
    if not runtimes:
        why = "it is not configured for sampan"
        return Row(*identity, LIMITED, version, why, engine.fix.format(command=host.command, podman=_podman(host)))
    there = [runtime for runtime in runtimes if not runtime.path or host.is_program(runtime.path)]
    if not there:
        wrong = runtimes[0]
        why = f"its runtime {wrong.name} ({wrong.file}) is {wrong.path}, where no program is"
        return Row(*identity, NO, version, why, f"write {host.command} there")
    names = ", ".join(f"{runtime.name}{' (the default)' if runtime.is_default else ''}" for runtime in there)
    return Row(*identity, OK, f"{version}, as runtime {names} in {there[0].file}")


def _podman(host: Host) -> str:
    """The directory of the user's additions to containers.conf."""
    return "/etc/containers/containers.conf.d" if host.uid == 0 else "~/.config/containers/containers.conf.d"


def _docker_client(host: Host) -> Iterator[Row]:
    client = host.program("docker")
    if client and not host.program("dockerd"):
        version = f"{version_of(host, client, '--version')}, the client alone"
        yield Row(
            "engines.docker", "docker", UNKNOWN, version, "the host of its daemon has the configuration", "ask there"
        )


def _others(host: Host) -> Iterator[Row]:
    for name, how in OTHERS.items():
        path = host.program(name)
        if path:
            version = version_of(host, path, "--version")
            yield Row(f"engines.{name}", name, OK, f"{version}: {how.format(command=host.command)}")
