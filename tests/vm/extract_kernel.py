"""Unpacks a compressed kernel (vmlinuz) into the program that it carries (vmlinux): QEMU can start that directly, and
the guest, whose processor is emulated, need not unpack it at every boot.

usage: extract_kernel.py VMLINUZ VMLINUX
"""

import lzma
import struct
import sys
from pathlib import Path

# Offsets into the header: the kernel's Documentation/x86/boot.rst.
SETUP_SECTORS = 0x1F1
PAYLOAD = 0x248
SECTOR = 512


def main(compressed: str, extracted: str) -> None:
    image = Path(compressed).read_bytes()
    offset, length = struct.unpack_from("<II", image, PAYLOAD)
    start = (1 + (image[SETUP_SECTORS] or 4)) * SECTOR + offset
    Path(extracted).write_bytes(lzma.decompress(image[start : start + length]))


main(*sys.argv[1:])
