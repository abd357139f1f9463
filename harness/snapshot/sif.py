"""SIF files: the images of SingularityCE and apptainer, and OCI-SIFs, which hold an OCI layout. Sizes and offsets are in bytes.

Source of the format: the public ``sylabs/sif`` project, and files that SingularityCE 4.2 to 4.5 and apptainer 1.4 wrote. Little-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from harness.errors import BrokenMachinery

_HEADER = struct.Struct("<32s10s3s3s16s8q")
_DESCRIPTOR = struct.Struct("<i?IIIqqqqqqq128s384s")
_MAGIC = b"SIF_MAGIC\0"
_MOST = 4096  # descriptors; a file with more is no image
_KINDS = {
    0x4001: "definition file", 0x4002: "environment", 0x4003: "labels", 0x4004: "partition", 0x4005: "signature",
    0x4006: "JSON", 0x4007: "data", 0x4008: "encrypted message", 0x4009: "bill of materials", 0x400A: "OCI index", 0x400B: "OCI blob",
}  # fmt: skip
_REMEDY = "was it cut, or is it still being written?"


@dataclass(frozen=True)
class Descriptor:
    """One object of a SIF. ``digest`` is what the file says of an OCI blob; it need not be true."""

    number: int
    kind: str
    offset: int
    size: int
    name: str
    digest: str = ""


def is_sif(head: bytes) -> bool:
    """Whether the first 42 bytes of a file are those of a SIF."""
    return head[32:42] == _MAGIC


def read_sif(file: BinaryIO, where: str) -> tuple[Descriptor, ...]:
    """The objects of a SIF, in the order of the file. Raises BrokenMachinery when it is none, or damaged."""
    end = file.seek(0, 2)
    file.seek(0)
    raw = file.read(_HEADER.size)
    if len(raw) < _HEADER.size or not is_sif(raw):
        raise BrokenMachinery("is no SIF: it has no magic word", where=where, remedy=_REMEDY)
    total, offset = _HEADER.unpack(raw)[8:10]
    if not 0 <= total <= _MOST or not 0 <= offset <= end - total * _DESCRIPTOR.size:
        raise BrokenMachinery(f"is a damaged SIF: {total} descriptors at byte {offset}", where=where, remedy=_REMEDY)
    file.seek(offset)
    table = file.read(total * _DESCRIPTOR.size)
    found = []
    for used in _DESCRIPTOR.iter_unpack(table):
        kind, in_use, number, _, _, start, size, *_, name, extra = used
        if not in_use:
            continue
        if start < 0 or size < 0 or start + size > end:
            raise BrokenMachinery(
                f"is a damaged SIF: object {number} ends at byte {start + size}, and the file at {end}",
                where=where,
                remedy=_REMEDY,
            )
        kind_name = _KINDS.get(kind, f"object of type {kind:#x}")
        digest = _text(extra) if kind_name.startswith("OCI") else ""
        found.append(Descriptor(number, kind_name, start, size, _text(name), digest))
    return tuple(found)


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "replace")
