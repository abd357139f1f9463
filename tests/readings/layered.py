"""Layers of the corpus's format, made of a few words or of chance."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from harness.names import escape
from harness.scenario.archive import ArchiveLayer, Member
from harness.snapshot.model import Entry, Kind, Snapshot
from harness.whiteouts.encodings import OPAQUE_NAME, WH
from tests.entries import FEW, snapshots


def layer(*members: str | Member, **form: object) -> ArchiveLayer:
    """A layer with these members."""
    return ArchiveLayer(members, **form)  # type: ignore[arg-type]


def member_of(entry: Entry) -> Member:
    """What an archive says of an entry of a tree that has no hard links."""
    path = escape(entry.path) + "/" * (entry.kind is Kind.DIR)
    return Member(
        path,
        text=escape(entry.text or b"") if entry.kind is Kind.FILE else None,
        symlink=escape(entry.target or b"") if entry.kind is Kind.LINK else None,
        fifo=entry.kind is Kind.FIFO,
        mode=f"{entry.mode:04o}",
        owner=(entry.uid, entry.gid),
        xattrs={escape(name): escape(value) for name, value in entry.xattrs.items()},
    )


@st.composite
def plain_layers(draw: st.DrawFn) -> ArchiveLayer:
    """A layer that leaves nothing open: every directory has an entry before what lies in it, but for whiteouts, which stand anywhere."""
    tree: Snapshot = draw(snapshots(modes=True))
    members = [member_of(entry) for entry in tree if entry.path]
    folders = [entry.path for entry in tree if entry.kind is Kind.DIR]
    for folder in folders:
        names = draw(st.sets(st.sampled_from([*(WH + one for one in FEW), OPAQUE_NAME]), max_size=2))
        members += [Member(escape(folder + b"/" + name if folder else name)) for name in names]
    return ArchiveLayer(parents_first(draw(st.permutations(members))))


def parents_first(members: Sequence[Member]) -> tuple[Member, ...]:
    """The same order, but for directories, which come before what lies in them: a file that they replace is in nobody's way then."""
    out: dict[str, Member] = {}
    by_path = {one.path: one for one in members}
    for one in members:
        for index, character in enumerate(one.path):
            if character == "/" and (parent := one.path[: index + 1]) in by_path:
                out.setdefault(parent, by_path[parent])
        out.setdefault(one.path, one)
    return tuple(out.values())
