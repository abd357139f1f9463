"""Trees that are built by a real ``sh`` and read back through the tar that a cell makes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from harness.machine.process import run
from harness.script.trees import build, folders
from harness.snapshot.model import Entry, Kind, Snapshot
from harness.snapshot.tar import read_tar
from tests.entries import HOSTILE, ROOT, file, snapshots

PACK = b'tar -C tree --format=posix --xattrs --xattrs-include="*" --numeric-owner --owner=0 --group=0 -cf tree.tar .\n'


def built(snapshot: Snapshot, folder: Path) -> dict[bytes, Entry]:
    """What a shell makes of *snapshot*, without the xattrs that the machine adds by itself."""
    lines = [b"set -e", b"umask 022", b"mkdir -p " + b" ".join(folders("tree", snapshot)), *build("tree", snapshot)]
    (folder / "script.sh").write_bytes(b"\n".join(lines) + b"\n" + PACK)
    ran = run(["sh", "script.sh"], cwd=folder)
    assert ran.ok, ran.err
    entries = {entry.path: entry for entry in read_tar(folder / "tree.tar")}
    run(["chmod", "-R", "u+rwX", folder])
    return entries


@settings(max_examples=25, deadline=None)
@given(snapshots(HOSTILE))
def test_a_hostile_tree_is_built_as_it_is_said(tmp_path_factory: pytest.TempPathFactory, snapshot: Snapshot) -> None:
    assert built(snapshot, tmp_path_factory.mktemp("tree")) == dict(snapshot.entries)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(snapshots(modes=True))
def test_modes_are_set_after_everything_else(tmp_path_factory: pytest.TempPathFactory, snapshot: Snapshot) -> None:
    if os.geteuid() != 0:  # tar of an ordinary user cannot read what has no permission
        readable = [entry for entry in snapshot if entry.mode & 0o400 or entry.kind is not Kind.FILE]
        snapshot = Snapshot.of(readable)
    assert built(snapshot, tmp_path_factory.mktemp("tree")) == dict(snapshot.entries)


def test_a_directory_is_closed_after_what_lies_in_it() -> None:
    closed = [Entry(b"d", Kind.DIR, 0o000), Entry(b"d/e", Kind.DIR, 0o500), file(b"d/e/f", b"", 0o400)]
    lines = [line for line in build("tree", Snapshot.of([ROOT, *closed])) if line.startswith(b"chmod")]
    assert lines == [b"chmod 0400 tree/d/e/f", b"chmod 0500 tree/d/e", b"chmod 0000 tree/d"]


def test_hard_links_and_xattrs(tmp_path: Path) -> None:
    first = file(b"-a b", b"text")
    linked = [
        Entry(name, first.kind, first.mode, 0, 0, first.size, None, first.digest, first.text, None, b"-a b", {}, 2)
        for name in (b"-a b", b"c\nd")
    ]
    marked = Entry(b"d", Kind.DIR, 0o755, xattrs={b"user.overlay.opaque": b"y", b"user.any": b"\x01\xff"})
    probe = tmp_path / "probe"
    probe.touch()
    try:
        os.setxattr(probe, "user.probe", b"1")
    except OSError:
        pytest.skip("the file system of the temporary folder has no user xattrs")
    assert built(Snapshot.of([ROOT, *linked, marked]), tmp_path) == {
        entry.path: entry for entry in (ROOT, *linked, marked)
    }


def test_names_of_the_longest_kind(tmp_path: Path) -> None:
    deep = b"/".join([b"\xff" * 255] * 3)
    entries = [ROOT, *(Entry(deep[: 256 * n - 1], Kind.DIR, 0o755) for n in (1, 2, 3)), file(deep + b"/f", b"x")]
    assert built(Snapshot.of(entries), tmp_path) == {entry.path: entry for entry in entries}
