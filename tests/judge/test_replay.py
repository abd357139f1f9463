"""The steps on a tree in memory, held against the same steps on a real folder."""

from __future__ import annotations

import contextlib
import os
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from harness.judge.replay import Tree, Unmodelled
from harness.judge.rules.view import difference
from harness.machine.process import run
from harness.machine.quote import quote_bytes
from harness.profile import Profile
from harness.scenario.layers import layer
from harness.scenario.model import Node
from harness.scenario.model import Tree as ScenarioTree
from harness.scenario.steps import (
    Chmod,
    Chown,
    Copy,
    Link,
    Mkdir,
    Mkfifo,
    Mknod,
    Move,
    Readdir,
    Remount,
    Remove,
    Removexattr,
    Rename,
    Rmdir,
    Setxattr,
    Step,
    Symlink,
    Touch,
    Truncate,
    Unlink,
    Write,
)
from harness.snapshot.folder import read_folder
from harness.snapshot.model import Entry, Kind, Snapshot
from harness.snapshot.tar import SHORT

_PATH = st.sampled_from(["a", "b", "d", "d/x", "d/y", "a/x", "b/x"])
_STEPS: st.SearchStrategy[Step] = st.one_of(
    *(st.builds(kind, path=_PATH) for kind in (Rmdir, Unlink, Remove, Touch, Mkfifo)),
    *(st.builds(kind, path=_PATH, to=_PATH) for kind in (Rename, Move, Copy, Link)),
    st.builds(Mkdir, path=_PATH, mode=st.sampled_from([None, "0700"])),
    st.builds(Write, path=_PATH, text=st.sampled_from(["", "new\\n"]), append=st.booleans()),
    st.builds(Symlink, path=_PATH, target=st.just("nowhere")),
    st.builds(Chmod, path=_PATH, mode=st.sampled_from(["0600", "0755"])),
    st.builds(Truncate, path=_PATH, size=st.integers(0, 9)),
)
START: ScenarioTree = {"d/x": "one\n", "d/y": "two\n", "a": "three\n"}


def really(folder: Path, steps: list[Step]) -> tuple[list[bool], Snapshot]:
    """Which of the steps succeed on a plain directory, and what it then holds."""
    tree = folder / "tree"
    (tree / "d").mkdir(parents=True)
    for path, text in START.items():
        (tree / path).write_text(str(text))
    prelude = resources.files("harness.script").joinpath("prelude.sh").read_text()
    lines = [b" ".join(quote_bytes(word) if word else b"''" for word in step.words()) for step in steps]
    script = b"umask 022\n" + prelude.encode() + b"cd tree\n"
    script += b"".join(b"{ %s; } >/dev/null 2>&1 </dev/null; echo $?\n" % line for line in lines)
    (folder / "script.sh").write_bytes(script)
    done = run(["sh", "script.sh"], cwd=folder)
    return [code == "0" for code in done.out.split()], read_folder(bytes(tree))


def plain(snapshot: Snapshot) -> dict[bytes, Entry]:
    return {entry.path: entry for entry in snapshot}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(_STEPS, min_size=1, max_size=6))
def test_the_model_does_what_a_plain_directory_does_or_says_that_it_does_not_know(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Step]
) -> None:
    tree = Tree(layer(START, Profile.ROOT))
    fine: list[bool] = []
    with contextlib.suppress(Unmodelled):  # what it does not know is not done: to write to a FIFO waits for a reader
        for step in steps:
            effect = tree.effect(step)
            fine.append(effect is not None)
            if effect is not None:
                effect()
    done = steps[: len(fine)]
    succeeded, there = really(tmp_path_factory.mktemp("real"), done)
    assert list(zip(done, succeeded, strict=True)) == list(zip(done, fine, strict=True))
    wanted, seen = plain(tree.snapshot((os.geteuid(), os.getegid()))), plain(there)
    assert wanted.keys() == seen.keys()
    for path, entry in wanted.items():
        if path and entry.kind is not Kind.LINK:
            assert not difference(entry, seen[path]), path


def test_names_of_one_file_stay_one_file() -> None:
    tree = Tree(layer({"f": "old"}, Profile.ROOT))
    for step in (Link(path="f", to="g"), Write(path="g", text="new"), Rename(path="f", to="h")):
        effect = tree.effect(step)
        assert effect is not None
        effect()
    after = tree.snapshot()
    assert [(e.path, e.text, e.same_as, e.links) for e in after if e.path] == [
        (b"g", b"new", b"g", 2), (b"h", b"new", b"g", 2),
    ]  # fmt: skip


def test_a_way_through_a_symbolic_link_is_more_than_it_knows() -> None:
    tree = Tree(layer({"d/x": "x"}, Profile.ROOT))
    made = tree.effect(Symlink(path="l", target="d"))
    assert made is not None
    made()
    with pytest.raises(Unmodelled):
        tree.effect(Write(path="l/x", text="new"))


_HAS: ScenarioTree = {
    "f": "one", "g": Node(text="two", owner=(5, 6), xattrs={"user.a": "1"}), "g2": Node(link="g"), "long": "x" * 300,
    "d/x": "x", "d/y": "y", "e/": Node(), "l": Node(symlink="f"), "p": Node(fifo=True), "n/sub/k": "k", "n/h": Node(link="n/sub/k"),
}  # fmt: skip


def kept(snapshot: Snapshot) -> Snapshot:
    """As a tar is read: what is long has a digest alone."""
    return Snapshot.of(entry if entry.size <= SHORT else structs.replace(entry, text=None) for entry in snapshot)


def did(step: Step) -> str | set[str]:
    """What a step changes in a tree: what is gone, and what is new or other; or that it fails, or that nobody knows."""
    start = kept(layer(_HAS, Profile.ROOT))
    tree, before = Tree(start), plain(start)
    try:
        effect = tree.effect(step)
    except Unmodelled:
        return "unknown"
    if effect is None:
        return "fails"
    effect()
    after = plain(tree.snapshot())
    changed = [entry for path, entry in after.items() if before.get(path) != entry]
    return {f"-{path.decode()}" for path in before.keys() - after.keys()} | {_told(entry) for entry in changed}


def _told(entry: Entry) -> str:
    words = [entry.path.decode(), entry.kind.value, f"{entry.mode:o}", f"{entry.uid}:{entry.gid}"]
    words += [str(entry.device)] if entry.device else []
    words += [value.decode() for value in (entry.text, entry.target, entry.same_as) if value is not None]
    return " ".join([*words, *(f"{k.decode()}={v.decode()}" for k, v in entry.xattrs.items())]).replace("\0", "0")


@pytest.mark.parametrize(
    ("step", "result"),
    [
        (Mkdir(path="new"), {"new dir 755 0:0"}),
        (Mkdir(path="new", mode="0700"), {"new dir 700 0:0"}),
        (Mkdir(path="./d//z/"), {"d/z dir 755 0:0"}),
        (Mkdir(path="d"), "fails"),
        (Mkdir(path="no/new"), "fails"),
        (Mkdir(path="f/new"), "fails"),
        (Mkdir(path="f/a/b"), "fails"),
        (Mkdir(path="l/new"), "unknown"),
        (Mkdir(path="l/a/b"), "unknown"),
        (Mkdir(path="."), "unknown"),
        (Symlink(path="s", target="to"), {"s link 777 0:0 to"}),
        (Mknod(path="c", device=(1, 3)), {"c char 644 0:0 (1, 3)"}),
        (Mkfifo(path="q"), {"q fifo 644 0:0"}),
        (Mkfifo(path="p"), "fails"),
        (Rmdir(path="e"), {"-e"}),
        (Rmdir(path="d"), "fails"),
        (Rmdir(path="f"), "fails"),
        (Rmdir(path="none"), "fails"),
        (Unlink(path="f"), {"-f"}),
        (Unlink(path="e"), "fails"),
        (Unlink(path="l"), {"-l"}),
        (Unlink(path="no/none"), "fails"),
        (Remove(path="d"), {"-d", "-d/x", "-d/y"}),
        (Write(path="new", text="a"), {"new file 644 0:0 a"}),
        (Write(path="f", text="a"), {"f file 644 0:0 a"}),
        (Write(path="f", text="a", append=True), {"f file 644 0:0 onea"}),
        (Write(path="g", text="a"), {"g file 644 5:6 a g user.a=1", "g2 file 644 5:6 a g user.a=1"}),
        (Write(path="d", text="a"), "fails"),
        (Write(path="no/new", text="a"), "fails"),
        (Write(path="l", text="a"), "unknown"),
        (Write(path="p", text="a"), "unknown"),
        (Write(path="long", text="a", append=True), "unknown"),
        (Write(path="long", text="a"), {"long file 644 0:0 a"}),
        (Touch(path="new"), {"new file 644 0:0 "}),
        (Touch(path="f"), set()),
        (Touch(path="d"), set()),
        (Touch(path="p"), set()),
        (Touch(path="l"), "unknown"),
        (Link(path="f", to="h"), {"f file 644 0:0 one f", "h file 644 0:0 one f"}),
        (Link(path="f", to="g"), "fails"),
        (Link(path="d", to="h"), "fails"),
        (Link(path="f", to="no/h"), "fails"),
        (Link(path="none", to="h"), "fails"),
        (Link(path="no/f", to="h"), "fails"),
        (Copy(path="f", to="h"), {"h file 644 0:0 one"}),
        (Copy(path="f", to="g"), "unknown"),
        (Copy(path="n", to="n/sub/m"), "unknown"),
        (Copy(path="n", to="m"), {"m dir 755 0:0", "m/sub dir 755 0:0", "m/h file 644 0:0 k m/h", "m/sub/k file 644 0:0 k m/h"}),
        (Rename(path="f", to="h"), {"-f", "h file 644 0:0 one"}),
        (Rename(path="f", to="d/x"), {"-f", "d/x file 644 0:0 one"}),
        (Rename(path="f", to="e"), "fails"),
        (Rename(path="e", to="f"), "fails"),
        (Rename(path="e", to="d"), "fails"),
        (Rename(path="d", to="e"), {"-d", "-d/x", "-d/y", "e/x file 644 0:0 x", "e/y file 644 0:0 y"}),
        (Move(path="n", to="n/sub/m"), "unknown"),
        (Move(path="f", to="e"), "unknown"),
        (Move(path="f", to="l"), "unknown"),
        (Move(path="f", to="d/x"), {"-f", "d/x file 644 0:0 one"}),
        (Rename(path="g", to="g2"), "unknown"),
        (Rename(path="f", to="l"), {"-f", "l file 644 0:0 one"}),
        (Chmod(path="f", mode="0600"), {"f file 600 0:0 one"}),
        (Chmod(path="l", mode="0600"), "unknown"),
        (Chmod(path="none", mode="0600"), "fails"),
        (Chown(path="f", owner=(1, 2)), {"f file 644 1:2 one"}),
        (Chown(path="l", owner=(1, 2)), {"l link 777 1:2 f"}),
        (Setxattr(path="f", name="user.x", value="v"), {"f file 644 0:0 one user.x=v"}),
        (Removexattr(path="g", name="user.a"), {"g file 644 5:6 two g", "g2 file 644 5:6 two g"}),
        (Removexattr(path="g", name="user.none"), "unknown"),
        (Truncate(path="f", size=2), {"f file 644 0:0 on"}),
        (Truncate(path="f", size=4), {"f file 644 0:0 one0"}),
        (Truncate(path="f", size=257), "unknown"),
        (Truncate(path="long", size=2), "unknown"),
        (Truncate(path="d", size=2), "unknown"),
        (Truncate(path="none"), set()),
        (Truncate(path="no/none"), "unknown"),
        (Readdir(path="none"), set()),
        (Remount(), set()),
    ],
)  # fmt: skip
def test_each_step_by_itself(step: Step, result: str | set[str]) -> None:
    assert did(step) == result


def test_what_is_there_and_what_is_listed() -> None:
    tree = Tree(layer(_HAS, Profile.ROOT))
    assert (tree.names("d"), tree.names("f"), tree.names("none"), tree.names("f/x")) == ([b"x", b"y"], None, None, None)
    assert tree.names(".") == [b"d", b"e", b"f", b"g", b"g2", b"l", b"long", b"n", b"p"]
    assert (tree.has("d/x"), tree.has("d/none"), tree.has("f/x")) == (True, False, False)
    for ask in (tree.has, tree.names):
        with pytest.raises(Unmodelled):
            ask("l/x")


def test_a_tree_with_an_entry_that_nobody_could_look_at_is_more_than_it_knows() -> None:
    with pytest.raises(Unmodelled):
        Tree(Snapshot.of([Entry(b"", Kind.DIR, 0o755), Entry(b"x", Kind.UNKNOWN)]))


def test_a_snapshot_of_a_tree_is_the_tree() -> None:
    start = kept(layer(_HAS, Profile.ROOT))
    assert list(Tree(start).snapshot()) == list(start)
