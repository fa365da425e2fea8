"""The verb "spec": writes a config.json to begin with, or a whole bundle of the host's own programs."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.options import Arguments
    from sampan.cli.settings import Settings

SUMMARY = "write a config.json to begin with"
OPERANDS = ("[DIR]", "[ARG...]")
OPTIONS = (
    ("bundle", "b", "DIR", "the directory to write config.json to (default: the current directory)"),
    ("rootless", "", "", "for a container that is made without being root"),
    (
        "profile",
        "",
        "default|hardened",
        "runc's default (the default), or one that the audit finds nothing above low in",
    ),
    ("rootfs", "", "host", "write a whole bundle to DIR, with a read-only view of the host's programs as its root"),
)
DETAILS = """
With --rootfs host the bundle needs no image and no network. Its process shows what the container sees of itself, or
is what is given after DIR: sampan spec --rootfs host DIR -- ls -l /

The hardened profile has a user namespace of its own with ids that nobody else has, a user that is not root, no
capabilities, an allow-list of system calls, all namespaces, a read-only root, tmpfs on /tmp and /run, and limits. Files
of the root filesystem have to be readable by all. A network, and what the program writes elsewhere, are to be added.
"""


def run(_settings: Settings, arguments: Arguments) -> int:
    """Write the file or the bundle."""
    import os
    from pathlib import Path

    from sampan.engine import profiles
    from sampan.engine.host_bundle import write_config, write_host_bundle

    hardened = arguments.choice("profile", ("default", "hardened")) == "hardened"
    bundle, rootless = Path(arguments.text("bundle", ".")), arguments.flag("rootless")
    if arguments.text("rootfs"):
        arguments.choice("rootfs", ("host",))
        if not arguments.operands:
            raise arguments.misuse("--rootfs host needs DIR, where the bundle is made")
        directory, *args = arguments.operands
        write_host_bundle(bundle / directory, args, rootless=rootless or os.geteuid() != 0, hardened=hardened)
        return 0
    if arguments.operands:
        raise arguments.misuse(f'unexpected argument "{arguments.operands[0]}"')
    make = profiles.hardened if hardened else profiles.default
    write_config(bundle / "config.json", make(rootless=rootless))
    return 0
