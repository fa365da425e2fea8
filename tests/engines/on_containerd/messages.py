"""The messages of CRI, as the installed containerd itself has them.

A Go program that speaks protocol buffers contains the description of its messages, compressed: from these the classes
are made. So the tests speak the very version of the daemon, without a copy of Kubernetes' files.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

PACKAGE = "runtime.v1"
_GZIP = b"\x1f\x8b\x08"
_WINDOW = 31  # zlib's number for data with a gzip header


class Messages:
    """The services of CRI and the classes of their messages."""

    def __init__(self, containerd: Path) -> None:
        """Raises LookupError where the program has no CRI in it."""
        pool = DescriptorPool()
        pool.Add(_description(containerd))
        self._methods: dict[str, tuple[str, Any, Any]] = {}
        for name in ("RuntimeService", "ImageService"):
            service = pool.FindServiceByName(f"{PACKAGE}.{name}")
            for method in service.methods:
                classes = (GetMessageClass(method.input_type), GetMessageClass(method.output_type))
                self._methods[method.name] = (f"/{PACKAGE}.{name}/{method.name}", *classes)

    def method(self, name: str) -> tuple[str, Any, Any]:
        """The path of a method, and the classes of its request and response."""
        return self._methods[name]


def _description(program: Path) -> FileDescriptorProto:
    for data in _compressed(program.read_bytes()):
        found = FileDescriptorProto()
        try:
            found.ParseFromString(data)
        except DecodeError:
            continue
        if found.package == PACKAGE:
            found.ClearField("dependency")  # options for the generator of Go code, which have no effect here
            return found
    raise LookupError(f"{program} describes no messages of {PACKAGE}")


def _compressed(program: bytes) -> Iterator[bytes]:
    at = -1
    while (at := program.find(_GZIP, at + 1)) >= 0:
        try:
            yield zlib.decompressobj(_WINDOW).decompress(program[at : at + (1 << 20)])
        except zlib.error:  # the same three bytes by chance
            continue
