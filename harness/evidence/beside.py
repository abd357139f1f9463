"""JSON files that lie in the folder of a run, or beside a recording: written in one step, read whole or refused."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from harness.errors import BrokenMachinery
from harness.evidence.recording import check_schema
from harness.machine.cache import write_whole

_Told = TypeVar("_Told", bound=msgspec.Struct)


def write_beside(told: msgspec.Struct, path: Path) -> None:
    """Write it in one step. Raises BrokenMachinery."""
    try:
        write_whole(path, msgspec.json.encode(told))
    except OSError as error:
        raise BrokenMachinery(
            f"cannot be written: {error.strerror}", where=str(path), remedy="make room there"
        ) from error


def read_beside(path: Path, kind: type[_Told], schema: int) -> _Told | None:
    """What was written; None where nothing was. Raises BrokenMachinery for what is damaged, or of a later schema than *schema*."""
    try:
        raw = path.read_bytes()
        check_schema(raw, schema, str(path))
        return msgspec.json.decode(raw, type=kind)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BrokenMachinery(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BrokenMachinery(f"is no {path.name}: {error}", where=str(path)) from error
