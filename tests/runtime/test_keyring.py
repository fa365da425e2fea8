"""The session keyring: keys of whoever calls the runtime are not the container's."""

from __future__ import annotations

import os
import sys

import pytest

from .bundle import Bundle
from .container import Container

# Joins a new session keyring, puts a key into it that only its possessor sees, and becomes the command.
WITH_A_KEY = """
import ctypes, os, sys
syscall = ctypes.CDLL(None).syscall
add_key, keyctl = {"x86_64": (248, 250), "aarch64": (217, 219)}[os.uname().machine]
assert syscall(keyctl, 1, None) > 0  # KEYCTL_JOIN_SESSION_KEYRING
key = syscall(add_key, b"user", b"key-of-the-caller", b"secret", 6, -3)  # KEY_SPEC_SESSION_KEYRING
assert key > 0 and syscall(keyctl, 5, key, 0x3F000000) == 0  # KEYCTL_SETPERM: all for the possessor, nothing for others
os.execvp(sys.argv[1], sys.argv[1:])
"""


def keys(container: Container, *options: str) -> str:
    """What the container sees in /proc/keys when it is run by somebody with a key."""
    container.bundle.drop("linux.maskedPaths").args("cat", "/proc/keys").write()
    arguments = ("run", *options, "--bundle", str(container.bundle.path), container.id)
    command = [sys.executable, "-c", WITH_A_KEY, *container.runtime.command(container.root, *arguments)]
    return container.runtime.call(command).checked().stdout


pytestmark = pytest.mark.skipif(not os.path.exists("/proc/keys"), reason="this kernel has no keyrings")


def test_the_caller_s_keys_are_not_the_container_s(container: Container) -> None:
    """runc: a new session keyring for every container"""
    assert "key-of-the-caller" not in keys(container)


def test_no_new_keyring_keeps_the_caller_s(container: Container) -> None:
    """runc: '--no-new-keyring: do not create a new session keyring for the container. This will cause the container to
    inherit the calling processes session key'"""
    assert "key-of-the-caller" in keys(container, "--no-new-keyring")


def test_in_a_user_namespace(container: Container, bundle: Bundle) -> None:
    """runc: a new session keyring for every container"""
    bundle.user_namespace()
    assert "key-of-the-caller" not in keys(container)
