"""What ``inspect`` says of words that are not its own: they are shown inert, and what is much is cut with its count."""

from __future__ import annotations

import io
import os
import re
import shutil
import socket
from pathlib import Path

import pytest

from harness.cli import inspect
from harness.cli.main import main
from harness.judge.inspected import Below
from harness.layers.told import told_of
from harness.machine.process import run
from harness.snapshot.image import Layer, Opened
from harness.snapshot.model import EMPTY, Entry, Kind, Snapshot

_EVIL = "\x1b[31m\u202eevil\nforged: no findings"


def test_nothing_that_a_reader_says_is_alive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names of layers, notes, and why something was not seen hold words of other programs, and of the image itself."""
    name = _EVIL.encode()
    entries = [
        EMPTY.entries[b""],
        Entry(name, Kind.DIR),
        Entry(name + b"/.wh.x", Kind.FILE),
        Entry(b".wh." + name, Kind.FILE),
    ]
    tree = Snapshot.of(entries, unseen=("trusted", _EVIL))
    layers = (
        Layer(_EVIL, "tar", tree, tuple(entries), notes=(_EVIL,), missed=True, reached=(_EVIL,)),
        Layer(_EVIL, "unread", EMPTY, unread=_EVIL),
        Layer("", "folder", tree, notes=(_EVIL,)),
    )
    opened = Opened("OCI layout", layers, (_EVIL,))
    below = Below()
    inspect._print_text(f"/{_EVIL}", opened, [told_of(one, below) for one in layers])
    inspect._print_mtree(list(layers))
    said = capsys.readouterr().out
    assert said.count("evil") > 20
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert not [line for line in said.splitlines() if line.lstrip("# ").startswith("forged")]


def test_what_another_program_says_of_a_name_is_not_alive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which("mksquashfs") is None or shutil.which("sqfs2tar") is None:
        pytest.skip("needs mksquashfs and sqfs2tar")
    (tmp_path / "tree").mkdir()
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(os.path.relpath(tmp_path / "tree" / "s\x1b[31m\u202e"))
    assert run(["mksquashfs", tmp_path / "tree", tmp_path / "x.squashfs", "-quiet"]).ok
    main(["inspect", str(tmp_path / "x.squashfs")])
    said = capsys.readouterr().out
    assert "note: sqfs2tar: " in said, "a tar holds no socket, which sqfs2tar says"
    assert "\x1b" not in said
    assert "\u202e" not in said


def test_what_was_not_seen_is_cut_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    def told(count: int) -> str:
        one = Layer(
            "", "folder", Snapshot.of(EMPTY, unseen=[f"the folder d{n}: no" for n in range(count)]), missed=count > 0
        )
        inspect._print_text("/x", Opened("folder", (one,)), [told_of(one, Below())])
        return capsys.readouterr().out

    assert told(20).count("not seen: the folder") == 20
    assert "more" not in told(20)
    assert told(22).count("not seen: the folder") == 20
    assert "not seen: 2 more; --json names them all" in told(22)
    assert "no findings in what was seen" in told(1)
    assert told(0).splitlines()[-1] == "no findings"


def test_colours_are_for_people_at_a_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And what comes from a tree is inert before it is painted."""
    (tmp_path / "upper").mkdir()
    (tmp_path / "upper" / os.fsdecode(b".wh.\x1b[31mred")).touch()
    (tmp_path / "lower").mkdir()
    for name in ("upper/both", "upper/.wh.both", "lower/both"):
        (tmp_path / name).touch()

    def said(terminal: bool, **environment: str) -> str:
        for name in ("NO_COLOR", "TERM"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        out = io.StringIO()
        out.isatty = lambda: terminal  # type: ignore[method-assign]
        monkeypatch.setattr("sys.stdout", out)
        main(["inspect", str(tmp_path / "upper"), "--lower", str(tmp_path / "lower")])
        return out.getvalue()

    painted = said(True)
    assert "\x1b[31mgone  \x1b[0m" in painted
    assert "\\x1b[31mred" in painted
    assert "\x1b[33mWL103 needless-whiteout\x1b[0m" in painted, "a known defect leaves such a thing"
    assert "\x1b[31mWL104 name-and-whiteout\x1b[0m" in painted, "none does"
    plain = re.sub("\x1b\\[[0-9]+m", "", painted)
    for words in (said(False), said(True, NO_COLOR="1"), said(True, TERM="dumb")):
        assert words == plain
        assert "\x1b" not in words
