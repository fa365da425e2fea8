"""Rules about mounts of the host's files and sockets, about the root filesystem, and about propagation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sampan.audit import host_paths
from sampan.audit.fields import removal, setting
from sampan.audit.rule import CRITICAL, HIGH, INFO, LOW, MEDIUM, NONE, Match, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sampan.audit.fields import Edit
    from sampan.audit.host_paths import Place
    from sampan.audit.rule import Find, Severity
    from sampan.audit.subject import Mount, Subject

_SHARED = ("shared", "rshared")


def _binds(subject: Subject) -> Iterator[Mount]:
    """Mounts of the host's files, without those that engines give each container, and sockets."""
    for mount in subject.mounts:
        if not mount.bind or (mount.destination in host_paths.ENGINES_FILES and mount.source != mount.destination):
            continue
        if mount.source.removeprefix("/dev/") in host_paths.HARMLESS_NODES or _is_socket(mount.source):
            continue
        yield mount


def _is_socket(path: str) -> bool:
    return any(
        judge(path) for judge in (host_paths.is_engines_socket, host_paths.is_system_socket, host_paths.is_other_socket)
    )


def _severity(mount: Mount, place: Place, below: bool) -> Severity:
    if mount.writable:
        return place.write_below if below else place.write
    return NONE if below else place.read


def _sensitive(severity: Severity, *, writable: bool) -> Find:
    """Mounts of places that are so severe to have; with ids mapped they are as severe in a user namespace."""

    def find(subject: Subject) -> Iterator[Match]:
        for mount in _binds(subject):
            place, below = host_paths.place_of(mount.source)
            if mount.writable != writable or _severity(mount, place, below) != severity:
                continue
            words = {"source": mount.source, "destination": mount.destination, "gain": place.gain}
            harmless = writable and (below or place.read <= LOW)  # if it cannot be written
            edits = read_only(subject, mount) if harmless else (removal(mount.path),)
            yield Match(mount.path, edits, words, unconfined=_passes(subject, mount, place))

    return find


def _passes(subject: Subject, mount: Mount, place: Place) -> bool:
    """Is a user of the container the owner of these files, whatever its user namespace maps?"""
    return mount.id_mapped or (place.path == "/home" and subject.maps_people)


def read_only(subject: Subject, mount: Mount) -> tuple[Edit, ...]:
    """The edit after which the mount, with all that comes along with it, cannot be written."""
    options = [option for option in mount.options if option not in ("rw", "rrw", "ro", "rro")]
    return with_options(subject, mount, [*options, "rro" if "rbind" in options else "ro"])


def with_options(subject: Subject, mount: Mount, options: list[str]) -> tuple[Edit, ...]:
    """The edit that gives the mount these options."""
    return (setting(subject.config, mount.options_path, options),)


def _other_writable(subject: Subject) -> Iterator[Match]:
    for mount in _binds(subject):
        place, below = host_paths.place_of(mount.source)
        inside = f"{mount.source}/".startswith(f"{subject.bundle.rstrip('/')}/")
        if mount.writable and not inside and not _severity(mount, place, below):
            words = {"source": mount.source}
            yield Match(mount.path, read_only(subject, mount), words, unconfined=mount.id_mapped)


def _below_writable(subject: Subject) -> Iterator[Match]:
    for mount in _binds(subject):
        if mount.writable_below:
            yield Match(mount.options_path, read_only(subject, mount), {"source": mount.source})


def _sockets(judge: Callable[[str], bool]) -> Find:
    def find(subject: Subject) -> Iterator[Match]:
        for mount in subject.mounts:
            private = mount.destination in host_paths.ENGINES_FILES and mount.source != mount.destination
            if mount.bind and not private and judge(mount.source):
                yield Match(mount.path, (removal(mount.path),), {"source": mount.source})

    return find


def _is_plain_socket(path: str) -> bool:
    special = host_paths.is_engines_socket(path) or host_paths.is_system_socket(path)
    return host_paths.is_other_socket(path) and not special


def _usual_options_of_binds(subject: Subject) -> Iterator[Match]:
    for mount in _binds(subject):
        missing = [option for option in ("nosuid", "nodev") if not mount.has(option)]
        if mount.writable and missing:
            words = {"source": mount.source, "missing": ", ".join(missing)}
            yield Match(mount.options_path, with_options(subject, mount, [*mount.options, *missing]), words)


def _shared(subject: Subject) -> Iterator[Match]:
    for mount in subject.mounts:
        if mount.bind and not set(_SHARED).isdisjoint(mount.options):
            kept = [option for option in mount.options if option not in _SHARED]
            words = {"source": mount.source}
            yield Match(mount.options_path, with_options(subject, mount, [*kept, "rslave"]), words)


def _shared_root(subject: Subject) -> Iterator[Match]:
    if subject.linux.get("rootfsPropagation") in _SHARED:
        path = ("linux", "rootfsPropagation")
        yield Match(path, (setting(subject.config, path, "rprivate"),))


def _writable_root(subject: Subject) -> Iterator[Match]:
    if not subject.config["root"].get("readonly"):
        yield Match(("root", "readonly"), (setting(subject.config, ("root", "readonly"), value=True),))


def _root_of_host(*, writable: bool) -> Find:
    def find(subject: Subject) -> Iterator[Match]:
        _, below = host_paths.place_of(subject.root)
        if below or bool(subject.config["root"].get("readonly")) == writable:
            return
        yield Match(("root", "path"), (setting(subject.config, ("root", "path"), "rootfs"),), {"root": subject.root})

    return find


def _root_link(subject: Subject) -> Iterator[Match]:
    if subject.machine.root_is_link:
        yield Match(("root", "path"), (), {"root": subject.root})


def _host_rules() -> Iterator[Rule]:
    for severity, confined in ((CRITICAL, MEDIUM), (HIGH, LOW), (MEDIUM, LOW), (LOW, INFO)):
        yield Rule(
            f"host-files-writable-{severity.word}",
            severity,
            "{source} of the host can be written (at {destination})",
            "mounts",
            "It changes {gain}.",
            "Leave the mount out, give it a directory that holds nothing else, or make it read-only"
            ' (options "ro", or "rro" with "rbind").',
            _sensitive(severity, writable=True),
            confined=confined,
        )
    for severity, confined in ((HIGH, MEDIUM), (MEDIUM, LOW), (LOW, INFO)):
        yield Rule(
            f"host-files-readable-{severity.word}",
            severity,
            "{source} of the host can be read (at {destination})",
            "mounts",
            "It sees {gain}.",
            "Leave the mount out, or mount only the files that are needed.",
            _sensitive(severity, writable=False),
            confined=confined,
        )


RULES = (
    Rule(
        "root-is-hosts",
        CRITICAL,
        "the root filesystem is {root} of the host, and can be written",
        "root.path",
        "Every file of it is the host's: a changed program or account is root of the host.",
        "Use a directory of the bundle, and what is needed of the host by read-only mounts; `sampan spec --rootfs host`"
        " writes such a bundle.",
        _root_of_host(writable=True),
        confined=HIGH,
    ),
    Rule(
        "root-is-hosts-readonly",
        HIGH,
        "the root filesystem is {root} of the host",
        "root.path",
        "All that the user may read is there: keys, passwords of services, sockets that take orders. Read-only does not"
        " hold for what is mounted below.",
        "Use a directory of the bundle, and what is needed of the host by read-only mounts; `sampan spec --rootfs host`"
        " writes such a bundle.",
        _root_of_host(writable=False),
        confined=MEDIUM,
    ),
    Rule(
        "root-is-link",
        LOW,
        "the root filesystem is named by a symbolic link",
        "root.path",
        "Whoever may change the link chooses which directory of the host the container gets.",
        "Name the directory {root} by where it really is.",
        _root_link,
    ),
    Rule(
        "root-writable",
        LOW,
        "the root filesystem can be written",
        "root.readonly",
        "It changes programs and settings of the container, and so stays in it over restarts.",
        "Set root.readonly to true, and mount a tmpfs or a directory where the program has to write.",
        _writable_root,
    ),
    *_host_rules(),
    Rule(
        "host-files-writable",
        LOW,
        "{source} of the host can be written",
        "mounts",
        "It fills that file system, and leaves there what others may run or read.",
        'Make it read-only if it need not be written (options "ro", or "rro" with "rbind").',
        _other_writable,
        confined=INFO,
    ),
    Rule(
        "mount-below-writable",
        MEDIUM,
        "what is mounted below {source} can be written, though {source} is read-only",
        "mounts",
        'The option "ro" is about one mount; "rbind" brings those below it along, as writable as they are.',
        'Use "rro" instead of "ro".',
        _below_writable,
        confined=LOW,
    ),
    Rule(
        "engine-socket",
        CRITICAL,
        "the socket of a container engine is in the container: {source}",
        "mounts",
        "It asks the engine for a privileged container with the host's root directory, and is root of the host."
        " Read-only does not change that.",
        "Leave the mount out; a proxy that permits single requests is the least that has to be between.",
        _sockets(host_paths.is_engines_socket),
    ),
    Rule(
        "system-socket",
        HIGH,
        "a socket of the host's system services is in the container: {source}",
        "mounts",
        "It asks systemd or another service on the bus to start a program as root, if they take it for root.",
        "Leave the mount out; xdg-dbus-proxy lets single messages through.",
        _sockets(host_paths.is_system_socket),
        confined=MEDIUM,
    ),
    Rule(
        "other-socket",
        MEDIUM,
        "a socket of the host is in the container: {source}",
        "mounts",
        "It speaks with a service of the host, as whoever may: displays, agents with keys and logs have been ways out.",
        "Leave the mount out, unless that service is made for callers that nobody trusts.",
        _sockets(_is_plain_socket),
        confined=LOW,
    ),
    Rule(
        "mount-options-host",
        LOW,
        "the writable mount of {source} lacks {missing}",
        "mounts",
        "A set-user-ID program or a device node that root of the container leaves there waits for users of the host.",
        "Add {missing} to the mount's options; on the host the file system should have them, too.",
        _usual_options_of_binds,
        confined=INFO,
    ),
    Rule(
        "mount-shared",
        MEDIUM,
        "mounts below {source} reach the host",
        "mounts",
        "What is mounted there in the container appears on the host, over files that the host's root uses.",
        'Use "rslave" or "rprivate" instead of "shared" or "rshared".',
        _shared,
        confined=LOW,
    ),
    Rule(
        "root-shared",
        MEDIUM,
        "mounts below the root are shared",
        "linux.rootfsPropagation",
        "Mounts of the container spread to other mount namespaces that have the same mounts.",
        'Set linux.rootfsPropagation to "rprivate", or leave it out.',
        _shared_root,
        confined=LOW,
    ),
)
