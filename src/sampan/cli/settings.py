"""What the global options say, and what holds where they say nothing. Hot path."""

from __future__ import annotations

import posix
import sys

from sampan.cli.log import SERVICES
from sampan.cli.options import FALSE, TRUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.log import Log
    from sampan.cli.options import Arguments

CGROUP_MANAGERS = ("cgroupfs", "systemd", "disabled")
OPTIONS = (
    ("debug", "", "", "write every step to the log, and print the traceback of an error"),
    ("log", "", "FILE", "append messages to FILE, or file:FILE; or send them to syslog:ID or journald:ID"),
    ("log-format", "", "text|json", "how lines of the log are written (default: text)"),
    ("log-level", "", "error|warning|debug", "what is worth a line of the log (default: warning); debug is --debug"),
    ("root", "", "DIR", "where containers' states are kept (default: /run/sampan; for users $XDG_RUNTIME_DIR/sampan)"),
    ("rootless", "", "auto|true|false", "whether missing permissions on cgroups are ignored (default: auto)"),
    ("cgroup-manager", "", "cgroupfs|systemd|disabled", "who makes the containers' cgroups (default: cgroupfs)"),
    ("systemd-cgroup", "", "", "the same as --cgroup-manager=systemd"),
    ("version", "v", "", "print the version"),
)


class Settings:
    """The global options, checked."""

    __slots__ = ("cgroup_manager", "log", "operands", "state_directory")

    def __init__(self, arguments: Arguments, log: Log) -> None:
        self.log = log
        self.operands = len(arguments.operands)
        log.target = arguments.text("log")
        log.format = arguments.choice("log-format", ("text", "json"))
        level = arguments.choice("log-level", ("warning", "error", "debug"))
        log.debugging = arguments.flag("debug") or level == "debug"
        log.errors_only = level == "error" and not log.debugging
        if log.target in SERVICES:
            service, log.target = log.target, ""
            raise arguments.misuse(f"--log {service} needs the name under which its messages are found: {service}ID")
        self.state_directory = arguments.text("root")
        if "rootless" in arguments.options:
            _be_rootless(arguments)
        self.cgroup_manager = arguments.choice("cgroup-manager", CGROUP_MANAGERS)
        if arguments.flag("systemd-cgroup"):
            self.cgroup_manager = "systemd"

    def root(self) -> str:
        """The directory of containers' states: as given, or as runc chooses it."""
        if self.state_directory:
            return self.state_directory
        from sampan.engine.store import default_root

        return default_root(posix.environ)

    def command_for(self, verb: str) -> list[str]:
        """The command line that runs another verb with the same global options, on the same interpreter."""
        words = sys.orig_argv
        return [sys.executable, *words[1 : len(words) - self.operands], verb]


def _be_rootless(arguments: Arguments) -> None:
    """runc's --rootless, with all that Go takes for a truth value."""
    from sampan.cgroups import delegation

    said = arguments.text("rootless")
    if said.lower() not in ("", "auto"):
        if said not in (*TRUE, *FALSE):
            arguments.choice("rootless", ("auto", "true", "false"))
        delegation.override = said in TRUE
