"""WL3..: layers and images. What an upper became when it was sealed and pushed, and what an importer made of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from harness.judge.findings import Finding
from harness.judge.rules.evidence import Evidence, shown
from harness.judge.rules.view import difference, topmost
from harness.names import escape
from harness.places import Station
from harness.snapshot.lab import named_in_lab
from harness.snapshot.model import EMPTY, Entry, Kind, Snapshot, ancestors
from harness.whiteouts.encodings import ENCODINGS, OPAQUE_NAME, PRIVATE_PREFIXES, WH, Encoding, Says
from harness.whiteouts.markers import Marker, beside, find_markers, is_marker_entry

# What the readers of a layer honour. Squashfs layers follow oci-tools, which SingularityCE uses; tar layers follow image-spec, layer.md.
HONOURED = {
    Station.SEALED: frozenset({Encoding.DEVICE, Encoding.OPAQUE_TRUSTED}),
    Station.PUSHED: frozenset({Encoding.FILE, Encoding.OPAQUE_FILE}),
}
_CALLED = {Station.SEALED: "squashfs", Station.PUSHED: "OCI tar"}
_STATION_OF = (
    ("overlay sync", Station.UPPER), ("overlay seal", Station.SEALED), ("a run of the sealed", Station.SEALED_VIEW),
    ("push", Station.PUSHED), ("a read-only", Station.READONLY), ("a second writable", Station.REMOUNT),
)  # fmt: skip

_MOST_NAMED = 6  # of what stands many times

Statement = tuple[bytes, Says]


def layer_findings(raw: Sequence[Entry], *, form: str, station: Station = Station.PUSHED) -> list[Finding]:
    """What is wrong with one layer by itself. *raw*: its entries in the order of the archive; *form*: ``tar`` or ``squashfs``."""
    found = list(_duplicates(raw, station))
    if form == "tar":  # in a squashfs every name of a marker is the marker itself
        found += [*_links_to_markers(raw, station), *_not_the_spec(raw, station)]
    return found


def _duplicates(raw: Sequence[Entry], station: Station) -> Iterator[Finding]:
    """WL301: sylabs/singularity#3176; containers/storage and moby answer "duplicates of file paths not supported"."""
    kinds: dict[bytes, list[str]] = {}
    for entry in raw:
        kinds.setdefault(entry.path, []).append(entry.kind.value)
    for path, said in kinds.items():
        if len(said) > 1:
            some = ", ".join(said[:_MOST_NAMED]) + (" …" if len(said) > _MOST_NAMED else "")
            yield Finding(
                "WL301",
                shown(path),
                station,
                f"{shown(path)} stands {len(said)} times in the layer ({some}): podman and docker refuse it",
            )


def _links_to_markers(raw: Sequence[Entry], station: Station) -> Iterator[Finding]:
    """WL303: the kernel hard-links its whiteouts together (5.8), and a packer that keeps links makes one of them a link."""
    by_path = {entry.path: entry for entry in raw}
    for entry in raw:
        if not _is_link(entry):
            continue
        target = entry.same_as or b""
        first = by_path.get(target)
        marks = [name for name in (target, entry.path) if name.rpartition(b"/")[2].startswith(WH)]
        if marks or (first is not None and is_marker_entry(first)):
            yield Finding(
                "WL303",
                shown(entry.path),
                station,
                f"{shown(entry.path)} is a hard link to {shown(target)}, and one of them is a marker",
            )


def _is_link(entry: Entry) -> bool:
    return entry.same_as is not None and entry.same_as != entry.path


def _not_the_spec(raw: Sequence[Entry], station: Station) -> Iterator[Finding]:
    """WL306: opencontainers/image-spec, layer.md, "Whiteouts"; and WL107 for private xattrs."""
    for entry in (one for one in raw if not _is_link(one)):
        name, path = entry.name, shown(entry.path)
        if entry.is_whiteout_device:
            yield Finding(
                "WL306", path, station, f"{path} is a device 0:0, which in a tar layer is a device and deletes nothing"
            )
        elif name == WH:
            yield Finding("WL306", path, station, f"{path} is a whiteout without a name")
        elif name.startswith(WH + WH) and name != OPAQUE_NAME:
            yield Finding("WL306", path, station, f"{path} is none of the whiteouts that the specification knows")
        elif name.startswith(WH) and (entry.kind is not Kind.FILE or entry.size):
            yield Finding(
                "WL306",
                path,
                station,
                f"{path} is a {entry.kind} of {entry.size} bytes; a whiteout is an empty regular file",
            )
        private = sorted(key for key in entry.xattrs if key.startswith(PRIVATE_PREFIXES))
        if private:
            names = ", ".join(escape(key) for key in private)
            # the specification knows xattrs; but whoever unpacks this one makes an overlay's mark of it (moby/moby#47962)
            yield Finding("WL107", path, station, f"{path} carries the private xattr {names} in an OCI layer")


def when_converted(raw: Sequence[Entry]) -> Iterator[Finding]:
    """WL307: sylabs/singularity#3176, seen in the squashfs layer, before a push makes a tar of it.

    As oci-tools converts: a device 0:0 becomes a file ``.wh.NAME``, ``trusted.overlay.opaque=y`` a file ``.wh..wh..opq``, and a file of
    such a name stays. In a cell the tar itself is looked at (WL301), so nothing is foretold there.
    """
    becomes: dict[bytes, dict[str, None]] = {}
    for entry in raw:
        if entry.is_whiteout_device:
            becomes.setdefault(beside(entry.path, WH + entry.name), {})[f"the device {shown(entry.path)}"] = None
        elif entry.name.startswith(WH):
            becomes.setdefault(entry.path, {})[f"the {entry.kind} {shown(entry.path)}"] = None
        elif entry.kind is Kind.DIR and entry.xattrs.get(b"trusted.overlay.opaque") == b"y":
            at = entry.path + b"/" + OPAQUE_NAME if entry.path else OPAQUE_NAME
            becomes.setdefault(at, {})[f"trusted.overlay.opaque of {shown(entry.path)}"] = None
    for path, marks in becomes.items():
        if len(marks) > 1:
            said = f"{', '.join(list(marks)[:-1])} and {list(marks)[-1]} each become {shown(path)} in an OCI tar layer"
            yield Finding(
                "WL307", shown(path), Station.SEALED, f"{said}: podman and docker refuse a path that stands twice"
            )


def in_a_layer(evidence: Evidence) -> Iterator[Finding]:
    """WL301, WL303, WL306 (and WL107 for private xattrs in a tar) at every layer that was made."""
    for station, form in ((Station.SEALED, "squashfs"), (Station.PUSHED, "tar")):
        raw = [named_in_lab(entry) for entry in evidence.raw.get(station, ())]
        yield from layer_findings(raw, form=form, station=station)


def mark_lost(evidence: Evidence) -> Iterator[Finding]:
    """WL302: what the upper said and the layer does not say to its readers, and the other way round. Said where it happens first."""
    if evidence.upper is None:
        return
    oracle = evidence.trees.get(Station.ORACLE, EMPTY)  # a file .wh.x that a user made says nothing
    wanted = _statements([m for m in find_markers(evidence.upper) if not _users_own(m, oracle)], None)
    lost: set[Statement] = set()
    for station, honoured in HONOURED.items():
        tree = evidence.trees.get(station)
        if tree is None:
            continue
        there = [m for m in find_markers(tree) if not _users_own(m, oracle)]
        kept = _statements(there, honoured)
        for path, says in sorted(wanted - kept - lost):
            lost.add((path, says))
            forms = sorted({ENCODINGS[m.encoding].badge for m in there if (m.path, m.says) == (path, says)})
            left = (
                f"carries {' and '.join(forms)} alone, which readers of such a layer do not honour"
                if forms
                else "says nothing of it"
            )
            yield Finding(
                "WL302",
                shown(path),
                station,
                f"the image says that {_said(path, says)}; the {_CALLED[station]} layer {left}",
            )
        for path, says in sorted(kept - wanted):
            wanted.add((path, says))  # from here on it is part of the image: a later layer that drops it loses it
            yield Finding(
                "WL302",
                shown(path),
                station,
                f"the {_CALLED[station]} layer says that {_said(path, says)}, which the upper did not say",
            )


def _statements(markers: Sequence[Marker], honoured: frozenset[Encoding] | None) -> set[Statement]:
    """What markers say to a reader of some encodings (None: of all). Whiteouts of markers, and below an opaque directory, say nothing."""
    read = [m for m in markers if m.says is not Says.HOLDS and (honoured is None or m.encoding in honoured)]
    opaque = {m.path for m in markers if m.says is Says.OPAQUE}
    return {
        (m.path, m.says)
        for m in read
        if m.says is Says.OPAQUE or not (m.path.rpartition(b"/")[2].startswith(WH) or _inside(m.path, opaque))
    }


def _users_own(marker: Marker, oracle: Snapshot) -> bool:
    return marker.encoding in {Encoding.FILE, Encoding.OPAQUE_FILE} and marker.at in oracle


def _inside(path: bytes, folders: set[bytes]) -> bool:
    return any(folder in folders for folder in ancestors(path))


def _said(path: bytes, says: Says) -> str:
    return f"{shown(path)} is {'gone' if says is Says.GONE else 'opaque'}"


def refused(evidence: Evidence) -> Iterator[Finding]:
    """WL304: who did not take what, in its own words."""
    for answer in evidence.recording.imports:
        if answer.code:
            station = next((at for start, at in _STATION_OF if answer.importer.startswith(start)), Station.IMPORTED)
            signalled = 128 < answer.code < 128 + 65  # 255 is what Go programs end with when they give up
            ended = f"signal {answer.code - 128}" if signalled else f"exit code {answer.code}"
            yield Finding(
                "WL304",
                "/",
                station,
                f"{answer.importer} failed ({ended}): {essence(answer.words) or 'without a word'}",
            )


_CHANGING = re.compile(r"[0-9a-f]{12,}|\d{6,}|time=\"[^\"]*\" ")
_COLOUR = re.compile(r"\\x1b\[[0-9;]*m")


def essence(words: str) -> str:
    """The last lines of a program's words, without what differs from run to run."""
    lines = [line for text in words.splitlines() if (line := _COLOUR.sub("", text).strip())]
    said = [line for line in lines if line.startswith("FATAL")] or [
        line for line in lines if not line.startswith("WARNING")
    ]
    lines = said or lines
    return _CHANGING.sub("…", " ".join(lines[-2:]))[-400:]


def misread(evidence: Evidence) -> Iterator[Finding]:
    """WL305: an export carries no owners of the image and no xattrs: they are not compared.

    What the container itself already showed so, written and run again, is no importer's doing: it is WL201, WL202 or WL205 there.
    """
    tree, oracle = evidence.trees.get(Station.IMPORTED), evidence.trees.get(Station.ORACLE)
    if tree is None or oracle is None:
        return
    shown_so = evidence.trees.get(Station.REMOUNT, oracle)
    extra = tree.entries.keys() - oracle.entries.keys() - shown_so.entries.keys()
    absent = (oracle.entries.keys() & shown_so.entries.keys()) - tree.entries.keys()
    for paths, words in (
        (extra, "is in the imported image and must not be"),
        (absent, "must be in the imported image and is not"),
    ):
        for path in topmost(paths):
            yield Finding("WL305", shown(path), Station.IMPORTED, f"{shown(path)} {words}")
    for entry in oracle:
        other, before = tree.get(entry.path), shown_so.get(entry.path)
        if not entry.path or other is None:
            continue
        said = difference(_bare(entry), _bare(other))
        if said and (before is None or said != difference(_bare(entry), _bare(before))):
            where = f"in the imported image {shown(entry.path)}: {'; '.join(said)}"
            yield Finding("WL305", shown(entry.path), Station.IMPORTED, where)


def _bare(entry: Entry) -> Entry:
    return msgspec.structs.replace(entry, uid=0, gid=0, xattrs={}, links=1)


RULES = (in_a_layer, mark_lost, refused, misread)
