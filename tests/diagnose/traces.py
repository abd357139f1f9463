"""Traces as strace writes them, made up: what a daemon reads, does and answers, as lines."""

from __future__ import annotations

import struct
from collections.abc import Iterable

DAEMON, SHELL, STEP = 20, 10, 30
BEGUN = (
    f'{DAEMON} execve("/usr/bin/fuse-overlayfs", ["fuse-overlayfs", "-f", "-o", "lowerdir=lower/2:lower/1,upperdir=upper,workdir=work", '
    '"merged"], 0x55 /* 6 vars */) = 0'
)
PHASE = f'{SHELL} write(1</mnt/out/phases>, "steps 1\\n", 8) = 8'


def quoted(raw: bytes) -> str:
    return '"' + "".join(f"\\{byte:03o}" for byte in raw) + '"'


def request(opcode: int, body: bytes, *, node: int = 1, unique: int = 10) -> str:
    raw = struct.pack("=IIQQIIII", 40 + len(body), opcode, unique, node, 0, 0, 9, 0) + body
    return f"{DAEMON} read(6</dev/fuse>, {quoted(raw)}, 1052672) = {len(raw)}"


def answer(unique: int, node: int = 0, error: int = 0) -> str:
    body = struct.pack("=Q", node) + bytes(120) if node else b""
    head = quoted(struct.pack("=IiQ", 16 + len(body), -error, unique))
    return f"{DAEMON} writev(6</dev/fuse>, [{{iov_base={head}, iov_len=16}}, {{iov_base={quoted(body)}, iov_len={len(body)}}}], 2) = 144"


def step(number: int, *lines: str) -> list[str]:
    """A step of the script, with what goes on meanwhile."""
    name = "1</mnt/out/merged.steps>"
    return [
        f'{SHELL} write({name}, "step {number}\\n", 7) = 7', *lines, f'{SHELL} write({name}, "\\nexit 0\\n", 8) = 8',
    ]  # fmt: skip


def trace(*lines: str | Iterable[str]) -> list[str]:
    return [BEGUN, PHASE, *(line for one in lines for line in ([one] if isinstance(one, str) else one))]
