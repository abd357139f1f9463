"""What a script left in ``out/``, file by file, as the facts of a recording; whatever is missing or odd is no fact."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from harness.evidence import trees as evidence
from harness.evidence.recording import Step
from harness.places import ORACLE, PUSHED, UPPER, VIEW
from harness.profile import Profile
from harness.scenario.loader import parse
from harness.script.paths import spoken_paths
from harness.snapshot.jsonl import read_jsonl
from harness.snapshot.model import EMPTY, Entry, Kind, Snapshot

SCENARIO = parse(
    b'schema = 1\ntitle = "t"\nguards = "g"\nsteps = [{ do = "unlink", path = "d/x" }]\nlayers = [{ "d/x" = "1" }]\n',
    where="x.toml", name="x",
)  # fmt: skip


def tar(path: Path, names: list[str]) -> None:
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            archive.addfile(member, io.BytesIO())


def test_a_tree_has_what_was_packed_listed_refused_and_looked_up(tmp_path: Path) -> None:
    tar(tmp_path / "view.tar", ["./", "./d/", "./d/f"])
    (tmp_path / "view.names").write_bytes(b"./\n./d/\n./d/f\n")
    (tmp_path / "view.err").write_bytes(b"tar: ./d/ghost: Cannot stat: No such file or directory\n")
    number = spoken_paths(SCENARIO, Profile.ROOT).index(b"d/x")
    (tmp_path / "view.reached").write_text(f"{number}\n999\n")
    tar(tmp_path / "upper.tar", ["./", "./a", "./b"])
    (tmp_path / "upper.names").write_bytes(b"./\n./a\n./b\n")
    (tmp_path / "upper.links").write_bytes(b"3 70 ./b\x003 70 ./a\x00x 1 ./d\x001 2\x00")
    (tmp_path / "remount.tar").write_bytes(b"cut")
    trees = evidence.snapshots(tmp_path, SCENARIO, Profile.USER, {PUSHED: (Entry(b"lab/p", Kind.FIFO),)})
    assert set(trees) == {VIEW, UPPER, PUSHED}
    view, upper = trees[VIEW], trees[UPPER]
    assert {path: entry.kind for path, entry in view.entries.items() if path.startswith(b"d/")} == {
        b"d/f": Kind.FILE, b"d/ghost": Kind.UNKNOWN, b"d/x": Kind.UNKNOWN,
    }  # fmt: skip
    assert view.listed == frozenset({b"d", b"d/f", b"d/ghost"}), "what was looked up was not listed"
    assert view.unseen == ("trusted",)
    assert [(e.same_as, e.links) for e in upper if e.path] == [(b"a", 3), (b"a", 3)]
    assert b"p" in trees[PUSHED]
    assert evidence.unseen(Profile.ROOT) == ()


def test_what_tar_joined_stays_joined() -> None:
    entries = [Entry(b"a", Kind.FILE, same_as=b"0", links=2), Entry(b"c", Kind.FILE)]
    assert evidence.linked(entries, b"9 1 ./a\0") == entries


def test_snapshots_are_one_file_each(tmp_path: Path) -> None:
    tar(tmp_path / "oracle.tar", ["./", "./a"])
    trees = evidence.snapshots(tmp_path, SCENARIO, Profile.ROOT, {})
    evidence.write_snapshots(trees, tmp_path)
    assert read_jsonl(tmp_path / "oracle.jsonl") == trees[ORACLE]


def test_words_and_numbers(tmp_path: Path) -> None:
    (tmp_path / "merged.steps").write_bytes(b"step 0\nexit 0\nstep 3\nrm: \xff\nno\nexit 2\nstep 4\ncut")
    (tmp_path / "phases").write_bytes(b"layers\nmount\nste")
    (tmp_path / "broken").write_bytes(b"no \x1b\nloop\n")
    (tmp_path / "refused").write_bytes(b"mount: no\nno\n")
    (tmp_path / "work.left").write_bytes(b"work/b\nwork/a\nwork/b\n\n")
    (tmp_path / "daemon.exit").write_bytes(b"0\n139\nx\n")
    (tmp_path / "daemon.log").write_bytes(b"x" * 5000 + b"\nthe end\x1b")
    assert evidence.steps(tmp_path, "merged") == (Step(0, 0), Step(3, 2, "rm: \\xff\\nno"))
    assert evidence.phase(tmp_path) == "mount"
    assert evidence.broken(tmp_path) == "no \\x1b loop"
    assert evidence.refused(tmp_path) == "mount: no no"
    assert evidence.leftovers(tmp_path) == ("work/a", "work/b")
    assert evidence.daemon_exits(tmp_path) == (0, 139)
    log = evidence.log(tmp_path)
    assert log.endswith("x\nthe end\\x1b")
    assert log.count("x") < evidence.LOG_BYTES


def test_mounts_are_those_below_the_last_one_at_mnt(tmp_path: Path) -> None:
    lines = (
        b"1 0 0:1 / / rw - ext4 x rw", b"2 1 0:2 / /mnt rw - tmpfs old rw", b"3 2 0:3 / /mnt/theirs rw - tmpfs x rw",
        b"4 1 0:4 / /mnt rw - ext4 cell rw", b"5 4 0:5 / /mnt/merged rw - overlay overlay rw",
        b"6 4 0:6 / /mnt/tool rw - ext4 x rw", b"7 4 0:7 / /mnt/script.sh rw - ext4 x rw", b"8 5 0:8 / /mnt/merged/\\040x rw - tmpfs x rw",
    )  # fmt: skip
    (tmp_path / "mounts").write_bytes(b"\n".join(lines) + b"\n")
    assert [line.split(" ")[0] for line in evidence.mounts(tmp_path)] == ["5", "8"]


@pytest.mark.parametrize("made", [True, False])
def test_nothing_is_nothing(made: bool, tmp_path: Path) -> None:
    out = tmp_path / "out"
    if made:
        out.mkdir()
    assert evidence.snapshots(out, SCENARIO, Profile.ROOT, {}) == {}
    assert (evidence.phase(out), evidence.broken(out), evidence.refused(out), evidence.log(out)) == ("", "", "", "")
    assert (
        evidence.steps(out, "merged"),
        evidence.leftovers(out),
        evidence.daemon_exits(out),
        evidence.mounts(out),
    ) == ((),) * 4


def test_the_snapshots_of_a_recording_are_those_that_are_there(tmp_path: Path) -> None:
    evidence.write_snapshots({VIEW: Snapshot.of(EMPTY), ORACLE: Snapshot.of(EMPTY)}, tmp_path)
    assert evidence.read_trees(tmp_path).keys() == {VIEW, ORACLE}
