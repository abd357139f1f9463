"""The steps on a tree in memory, held against the same steps on a real folder."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.launch.process import run
from harness.scenario.layers import Profile, layer
from harness.scenario.model import Tree as ScenarioTree
from harness.scenario.steps import (
    Chmod,
    Copy,
    Link,
    Mkdir,
    Mkfifo,
    Move,
    Remove,
    Rename,
    Rmdir,
    Step,
    Symlink,
    Touch,
    Truncate,
    Unlink,
    Write,
)
from harness.script.quote import quote_bytes
from harness.snapshot.folder import read_folder
from harness.snapshot.model import Entry, Kind, Snapshot
from harness.whiteouts.replay import Tree, Unmodelled
from harness.whiteouts.rules.view import difference

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
    succeeded, there = really(tmp_path_factory.mktemp("real"), steps)
    tree = Tree(layer(START, Profile.ROOT))
    try:
        for step, fine in zip(steps, succeeded, strict=True):
            effect = tree.effect(step)
            assert (effect is not None) is fine, step
            if effect is not None:
                effect()
    except Unmodelled:
        return
    wanted, seen = plain(tree.snapshot()), plain(there)
    assert wanted.keys() == seen.keys()
    for path, entry in wanted.items():
        if path and entry.kind is not Kind.LINK:
            assert difference(entry, seen[path]) == [], path


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
