"""A recording: everything observed of one cell, on disk, self-sufficient. Reports are built from recordings alone.

A folder with ``recording.json``, ``script.sh``, the evidence as the script left it (``*.tar``, ``*.names``, ``*.steps``, logs),
and the snapshots made of it as sorted JSON Lines. Names in JSON are in the escaped text form of ``harness.names``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from harness.errors import BrokenMachinery
from harness.evidence.artifacts import Artifact
from harness.evidence.older import place_before, said_before
from harness.places import PlaceName
from harness.profile import Profile
from harness.scenario.model import Scenario

SCHEMA = 1
NAME = "recording.json"
AGAIN = "again"  # the folder with the recordings of a cell's other runs
WHY = "why.json"  # what a later run under observation told; no part of the recording


class PartRecord(msgspec.Struct, frozen=True):
    """A program, as recorded. Fields as in ``harness.worlds.model.Part``."""

    name: str
    version: str
    package: str = ""
    path: str = ""
    sha256: str = ""
    says: str = ""
    number: str = ""  # the version alone, without what tells two builds apart

    @property
    def plain(self) -> str:
        """The version that ranges and order go by: see ``ToolRecord.plain``."""
        return self.number or self.version.removesuffix(f"+{self.sha256[:8]}")


class ToolRecord(msgspec.Struct, frozen=True):
    """A tool, as recorded: what other programs read of it too.

    ``version`` is what people see and what tells two builds apart (``1.15+b6b56130``, ``1.14 patched``); ``number`` is the version alone.
    From ``program`` on it is what the tool's driver was in that run, so that nobody asks a driver of another day. A recording that
    says no ``program`` is of before: then it is what that day's name meant (``harness.evidence.older``).
    """

    name: str  # program and setup: "apptainer+ext3"
    version: str
    driver: str = ""  # the program; in a recording of before, whatever told its drivers apart
    package: str = ""
    world: str = ""
    kernel: str = ""
    path: str = ""
    sha256: str = ""
    says: str = ""
    options: tuple[str, ...] = ()
    origin: str = ""
    parts: tuple[PartRecord, ...] = ()
    number: str = ""
    rank: int = 0  # among tools of one name and number: as they were named on the command line
    program: str = ""
    setup: str = ""  # empty: the plain one
    called: str = ""  # the program, as people say it: "SingularityCE"
    title: str = ""  # program and setup, as people say them: "SingularityCE OCI mode with ext3"
    kind: Literal["mounts", "containers", "packs", "imports"] = (
        "mounts"  # it mounts a stack, or it runs containers from images
    )
    place: int = 0  # of the setup, in the order of tools
    owners: Literal["visible", "mapped"] = "visible"  # mapped to whoever runs it: then they are no evidence

    def __post_init__(self) -> None:
        if not self.program:
            for name, value in said_before(self.name).items():
                msgspec.structs.force_setattr(self, name, value)

    @property
    def label(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def plain(self) -> str:
        """The version that ranges and order go by. A recording without ``number`` has the digest or the world behind it."""
        return self.number or self.version.removesuffix(f"+{self.sha256[:8]}").removesuffix(f"~{self.world}")


class Step(msgspec.Struct, frozen=True):
    """The result of one step on one tree: its index in the scenario, exit code, and its own words (escaped)."""

    index: int
    code: int
    words: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What a program on an image's journey answered: who was asked, its exit code, its own words (escaped, several lines).

    ``place``: where it leads to; a recording of before does not say it, and has it from then.
    """

    who: str = msgspec.field(name="importer")
    code: int
    words: str = ""
    place: PlaceName | None = None

    def __post_init__(self) -> None:
        if self.place is None:
            msgspec.structs.force_setattr(self, "place", place_before(self.who))


class LayerRecord(msgspec.Struct, frozen=True):
    """A layer as a manifest names it: size in bytes; ``true``: whether its content has that digest, None where that was not checked."""

    media_type: str
    digest: str
    size: int
    true: bool | None = None


class Manifest(msgspec.Struct, frozen=True):
    """What an image says of its layers, the lowest first, in one state of its journey. ``unread``: why that could not be read."""

    state: str
    layers: tuple[LayerRecord, ...] = ()
    unread: str = ""


class FileRecord(msgspec.Struct, frozen=True):
    """A file of the recording as it was written: size in bytes, SHA-256 in hexadecimal."""

    size: int
    sha256: str


class Recording(msgspec.Struct, frozen=True):
    """``recording.json``, which is written last: what it says of the other files holds for a recording that is whole."""

    schema: int
    id: str
    scenario: Scenario
    tool: ToolRecord
    profile: Profile
    started: str  # ISO 8601, UTC
    seconds: float  # of the shell program, wall clock
    exit_code: int  # of the shell program; negative: the signal that ended it
    timed_out: bool
    phase: str  # the last phase that was entered; "end" when the program came to its end
    broken: str  # why the machinery failed, in the tool's own words; empty when it did not
    daemon_exits: tuple[int, ...]  # exit codes of the daemon, unmount by unmount; above 128: 128 + signal
    steps: tuple[Step, ...]
    oracle_steps: tuple[Step, ...]
    mounts: tuple[str, ...]  # lines of /proc/self/mountinfo below the cell's folder, read back in the cell
    unseen: tuple[str, ...]  # xattr namespaces that could not be read
    environment: dict[str, str]
    log: str = ""  # the daemon's own log, its last 4 KiB, escaped
    work_left: tuple[str, ...] = ()  # what the tool left in its work folder, escaped paths
    answers: tuple[Answer, ...] = msgspec.field(default=(), name="imports")  # seal, push, pull: in their order
    # what merged the tree that a container showed at a place, read back inside
    backends: dict[PlaceName, str] = msgspec.field(default_factory=dict, name="engines")
    refused: str = ""  # what the tool said when it refused to mount; empty when it did not
    manifests: tuple[Manifest, ...] = ()  # of an OCI image: written, synced, sealed, pushed
    runs: int = 1  # how often the cell was run; the recordings of the others lie below, in ``again/1``, ``again/2`` …
    artifacts: tuple[Artifact, ...] = ()  # what the cell left at which place
    files: dict[str, FileRecord] | None = (
        None  # every other file of the folder, by name; None: of a time that did not count them
    )


_encoder = msgspec.json.Encoder(enc_hook=str)
_decoder = msgspec.json.Decoder(Recording)


def write(recording: Recording, folder: Path) -> Recording:
    """Write ``recording.json`` into the folder of the recording, in one step, when all else is there; returns what was written.

    Raises OSError.
    """
    there = [path for path in sorted(folder.iterdir()) if path.name not in {NAME, AGAIN, WHY}]
    files = {path.name: _file_record(path.read_bytes()) for path in there}
    whole = msgspec.structs.replace(recording, files=files)
    partial = folder / f".{NAME}.part"
    partial.write_bytes(_encoder.encode(whole))
    partial.rename(folder / NAME)
    return whole


def _file_record(content: bytes) -> FileRecord:
    return FileRecord(len(content), hashlib.sha256(content).hexdigest())


def read(folder: Path) -> Recording:
    """Read a recording. Raises BrokenMachinery when it is none, is damaged, or of a later schema."""
    path = folder / NAME
    try:
        raw = path.read_bytes()
        check_schema(raw, SCHEMA, str(path))
        recording = _decoded(raw)
    except OSError as error:
        raise BrokenMachinery(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:  # ValueError: what is no UTF-8
        raise BrokenMachinery(
            f"is no recording: {error}", where=str(path), remedy="was it cut, or written by a later version?"
        ) from error
    there = range(len(recording.scenario.steps))
    if any(step.index not in there for step in (*recording.steps, *recording.oracle_steps)):
        raise BrokenMachinery("is no recording: it tells of a step that its scenario does not have", where=str(path))
    return recording


class _Head(msgspec.Struct):
    schema: int


def check_schema(raw: bytes, known: int, where: str) -> None:
    """Refuse JSON of a later schema before anything else of it is looked at, which may be otherwise there.

    Raises BrokenMachinery; what is no such JSON at all raises msgspec.MsgspecError.
    """
    schema = msgspec.json.decode(raw, type=_Head).schema
    if schema > known:
        raise BrokenMachinery(
            f"has schema {schema}, and this version reads {known}", where=where, remedy="update this program"
        )


def _decoded(raw: bytes) -> Recording:
    """The recording that JSON says; of one of before, without what its scenario said to be known, which defects say now."""
    try:
        return _decoder.decode(raw)
    except msgspec.ValidationError:
        table = msgspec.json.decode(raw)
        scenario = table.get("scenario") if isinstance(table, dict) else None
        if not isinstance(scenario, dict) or "known" not in scenario:
            raise
        del scenario["known"]
        return msgspec.convert(table, Recording)


def sizes_of(folder: Path) -> dict[str, int]:
    """The files of a recording's folder and their sizes in bytes. Raises OSError."""
    with os.scandir(folder) as entries:
        return {
            entry.name: entry.stat(follow_symlinks=False).st_size for entry in entries if entry.name not in {AGAIN, WHY}
        }


def damage(recording: Recording, sizes: Mapping[str, int], read_digests: Mapping[str, str]) -> str:
    """What is not as it was written: of files that were read their digest (*read_digests*: by name), of the others the size (*sizes*).

    Empty when the recording is whole, and when it is of a time that did not count its files.
    """
    if recording.files is None:
        return ""
    for name, file in recording.files.items():
        if name not in sizes:
            return f"{name} is missing"
        if sizes[name] != file.size:
            return f"{name} has {sizes[name]} bytes, and had {file.size} when it was written"
        if read_digests.get(name, file.sha256) != file.sha256:
            return f"{name} was changed after it was written"
    more = sorted(read_digests.keys() - recording.files.keys())
    return f"{more[0]} was not there when the recording was written" if more else ""
