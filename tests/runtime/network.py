"""Network devices, as ip(8) shows them in a process's network namespace, or in this one's."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from .procfs import Process

Device = dict[str, Any]


def ip(*words: str, of: Process | None = None) -> str:
    """What `ip` says in the namespace of a process, by default this one."""
    inside = ["nsenter", "--target", str(of.pid), "--net"] if of else []
    done = subprocess.run([*inside, "ip", *words], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"
    return done.stdout


def names(of: Process | None = None) -> set[str]:
    """The devices, without lo."""
    return set(devices(of)) - {"lo"}


def devices(of: Process | None = None) -> dict[str, Device]:
    """All that is known of each device."""
    return {entry["ifname"]: entry for entry in json.loads(ip("-json", "-details", "addr", of=of))}


def device(name: str, of: Process | None = None) -> Device:
    return devices(of)[name]


def addresses(name: str, of: Process | None = None) -> list[Device]:
    """The addresses of a device that are not local to its link, with all that is known of each."""
    return [entry for entry in device(name, of)["addr_info"] if entry["scope"] != "link" or entry["family"] == "inet"]


def routes(name: str, of: Process | None = None) -> list[str]:
    """The routes through a device that the kernel has not made itself, of all tables, without the device's name."""
    found = []
    for family in ("-4", "-6"):
        text = ip(family, "-oneline", "route", "show", "table", "all", of=of)
        for line in text.splitlines():
            words = line.replace("\\", " ").split()
            if name in words and "kernel" not in words:
                found.append(" ".join(word for word in words if word not in (name, "linkdown")))
    return sorted(found)


def has_link_local_route(name: str) -> bool:
    """Whether the kernel has made all that belongs to a device's link-local IPv6 address."""
    local = ip("-6", "route", "show", "table", "local", "dev", name)
    return "local fe80:" in local and "multicast ff00::/8" in local
