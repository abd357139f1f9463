"""The attachment of a bug report: one archive with the report of some cells alone, their recordings, and what runs them elsewhere.

Everything that leaves passes one ``Redactor`` first, and the report is made of what came out of it. Images of disks stay behind: nobody can
see what is in one, and take it out.
"""

from __future__ import annotations

import datetime
import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from harness.compare.words import Column, who
from harness.errors import BrokenMachinery, UsageError
from harness.evidence import recording as recordings
from harness.judge.findings import flat
from harness.names import one_line
from harness.places import PlaceName
from harness.report.redact import Redactor
from harness.report.summary import code
from harness.runs.results import NAME, CellResult, Results

LARGEST = 25_000_000  # bytes: what GitHub takes as an attachment
SUFFIXES = (".tar.gz", ".tgz")  # of the kinds that GitHub takes those that keep names and modes
_GZIP = b"\x1f\x8b"
_IMAGES = re.compile(r"images\.tar\.gz|.*\.(?:sqfs|img|sif)")
_UNPACKED = 64_000_000  # bytes of a packed layer that are looked at


def folder_of(cell_id: str) -> str:
    """A folder's name for a cell: ``ghost-marker.fuse-overlayfs-1.14-root``."""
    return re.sub(r"[^A-Za-z0-9._+~-]+", ".", cell_id).strip(".")


def redacted(recording: Path, redactor: Redactor) -> tuple[dict[str, bytes], list[str]]:
    """The files of a recording without what must not leave, and the names of those that stay. Raises BrokenMachinery, OSError."""
    files: dict[str, bytes] = {}
    left: list[str] = []
    for path in sorted(recording.iterdir()):
        if not path.is_file():
            continue
        if _IMAGES.fullmatch(path.name):
            left.append(path.name)
            continue
        files[path.name] = _clean(path.read_bytes(), redactor)
    return files, left


def _clean(content: bytes, redactor: Redactor) -> bytes:
    if content.startswith(_GZIP):
        try:
            inside = zlib.decompressobj(31).decompress(content, _UNPACKED)
        except zlib.error:
            return redactor.same_length(content)
        clean = redactor.tar(inside)
        return content if clean == inside else gzip.compress(clean, mtime=0)
    if content[257:262] == b"ustar":
        return redactor.tar(content)
    return redactor.text(content)


def write_run(results: Results, cells: Mapping[str, Mapping[str, bytes]], redactor: Redactor, target: Path) -> None:
    """A run of some cells, by id their files, in a new folder: what a report is made of. Raises BrokenMachinery, OSError."""
    kept = []
    for cell in results.cells:
        if cell.id not in cells:
            continue
        place = f"cells/{folder_of(cell.id)}"
        (target / place).mkdir(parents=True)
        for name, content in cells[cell.id].items():
            (target / place / name).write_bytes(content)
        recordings.write(recordings.read(target / place), target / place)  # with the digests of what is there now
        kept.append(msgspec.structs.replace(cell, folder=place))
    of_these = {one.known.defect for cell in kept for one in flat(cell.findings) if one.known}
    defects = tuple(one for one in results.defects if one.name in of_these)
    facts = msgspec.structs.replace(results.run, command=(), unavailable=(), parts=())
    raw = msgspec.json.encode(Results(results.schema, facts, tuple(kept), defects))
    (target / NAME).write_bytes(redactor.text(raw))


def versions(
    cell: CellResult, every: Iterable[CellResult], places: Mapping[str, Collection[PlaceName]]
) -> tuple[str, ...]:
    """For each finding of a cell, in which tools of its run it shows and in which it does not, as sentences in Markdown.

    *places*: by cell, at what somebody looked there: where nobody did, nothing can be said.
    """
    same = [one for one in every if one.scenario == cell.scenario and one.id in places]
    ran = {one.id: Column.of(one.tool, one.profile) for one in same}
    has: dict[str, list[Column]] = {}
    for one in same:
        for finding in flat(one.findings):
            has.setdefault(finding.key, []).append(ran[one.id])
    groups: dict[tuple[str, str], list[str]] = {}
    for finding in cell.findings:
        having = has.get(finding.key, [])
        others = [ran[one.id] for one in same if finding.place in places[one.id] and ran[one.id] not in having]
        told = who(having, ran.values())[0], who(others, ran.values())[0] if others else ""
        groups.setdefault(told, []).append(f"{finding.code} at {code(finding.path)}")
    return tuple(
        f"{', '.join(dict.fromkeys(what))}: in {one_line(having)}" + (f"; not in {one_line(others)}" if others else "")
        for (having, others), what in groups.items()
    )


def archive(folder: str, files: Mapping[str, bytes], started: str) -> bytes:
    """The archive, the same bytes for the same files. *started*: ISO 8601, the time that all files have.

    Raises UsageError where it is larger than GitHub takes.
    """
    when = int(datetime.datetime.fromisoformat(started).timestamp())
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in sorted(files.items()):
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.mode, info.size, info.mtime = 0o755 if name.endswith(".sh") else 0o644, len(content), when
            tar.addfile(info, io.BytesIO(content))
    packed = gzip.compress(plain.getvalue(), mtime=0)
    if len(packed) >= LARGEST:
        raise UsageError(
            f"the bundle would have {len(packed) / 1e6:.1f} MB, and an attachment may have {LARGEST / 1e6:.0f}",
            where="bundle", remedy="name fewer cells",
        )  # fmt: skip
    return packed


def check_output(path: Path) -> str:
    """The folder that an archive of this name unpacks to. Raises UsageError for a name that GitHub does not take, and for what is there."""
    suffix = next((one for one in SUFFIXES if path.name.endswith(one)), "")
    stem = path.name.removesuffix(suffix)
    if not suffix or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+~-]*", stem):
        raise UsageError(
            "a bundle is a .tar.gz, and its name of letters and digits",
            where=f"--output {path}",
            remedy="such as --output ghost-marker.tar.gz",
        )
    return stem


def whole(recording: Path, cell: CellResult) -> recordings.Recording:
    """The recording of a cell, as it was written. Raises BrokenMachinery where it is not whole any more."""
    read = recordings.read(recording)
    problem = recordings.damage(read, recordings.sizes_of(recording), {})
    if problem:
        raise BrokenMachinery(
            f"the recording is not whole any more: {problem}", where=cell.id, remedy="run the cell again"
        )
    return read


def names(left: Mapping[str, Sequence[str]]) -> list[str]:
    """What stayed behind, as lines."""
    return [
        f"{folder}: {', '.join(some)} stayed behind: nobody can see what is in it"
        for folder, some in left.items()
        if some
    ]
