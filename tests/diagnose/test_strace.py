"""Reading strace's output back: what divides arguments, what does not, and calls in two halves."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.diagnose.strace import Call, _split, _split_nested, calls, descriptor, strings_in, unquoted
from harness.machine.process import run, which

LINE = '11 renameat2(4</mnt/upper>, "a", 5</mnt/work/work>, "5", RENAME_WHITEOUT) = 0'


def only(*lines: str) -> Call:
    (found,) = calls(lines)
    return found


def test_a_call_is_taken_apart_at_the_commas_between_its_arguments() -> None:
    call = only(LINE)
    assert (call.process, call.name, call.result, call.ok) == (11, "renameat2", "0", True)
    assert call.arguments == ("4</mnt/upper>", '"a"', "5</mnt/work/work>", '"5"', "RENAME_WHITEOUT")


@pytest.mark.parametrize(
    "name",
    [
        b'a, "b"',
        b"x) = 0",
        b"[{(",
        b"\\",
        b"\n\t\x1b[31m",
        b"<unfinished ...>",
        b"\xff\xfe",
        "é".encode(),
        b"1\x002",
        b"=",
        b"\x0012",
    ],
)
def test_what_stands_in_a_string_divides_nothing(name: bytes) -> None:
    word = "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:03o}" for b in name)
    call = only(f'7 mkdirat(3</mnt/a, ({{>, "{word}", 0755) = 0')
    assert [unquoted(one) for one in call.arguments] == [None, name, None]
    assert descriptor(call.arguments[0]) == (3, b"/mnt/a, ({")


def test_a_call_in_two_halves_is_one_at_the_place_where_it_ended() -> None:
    found = list(
        calls(
            [
                '1 mkdir("a/new", 0777 <unfinished ...>',
                "2 read(6</dev/fuse>,  <unfinished ...>",
                '2 <... read resumed>"4\\0", 1052672) = 2',
                "1 <... mkdir resumed>) = 0",
            ]
        )
    )
    assert [(one.process, one.name, one.result) for one in found] == [(2, "read", "2"), (1, "mkdir", "0")]
    assert found[0].arguments == ("6</dev/fuse>", '"4\\0"', "1052672")
    assert found[1].arguments == ('"a/new"', "0777")


def test_errors_and_what_never_came_back() -> None:
    assert only('1 access("/x", F_OK) = -1 ENOENT (No such file or directory)').errno == "ENOENT"
    lost = only('1 unlink("a" <unfinished ...>')
    assert (lost.result, lost.ok, lost.errno) == ("?", False, "")
    assert not only("1 exit_group(0) = ?").ok


@pytest.mark.parametrize(
    "line",
    [
        "",
        "1 +++ exited with 0 +++",
        "1 --- SIGCHLD {si_signo=SIGCHLD} ---",
        "garbage",
        '1 mkdir("a',
        '1 mkdir("a", 0777)',
        "1 <... mkdir resumed>) = 0",
    ],
)
def test_lines_that_say_no_call_or_are_cut(line: str) -> None:
    assert list(calls([line, LINE])) == [only(LINE)]


def test_the_strings_of_a_list_are_told_apart() -> None:
    words = only(
        '3 execve("/bin/x", ["x", "-o", "lowerdir=a,upperdir=b\\"c"..., "m"], 0x5 /* 6 vars */) = 0'
    ).arguments[1]
    assert strings_in(words) == [b"x", b"-o", b'lowerdir=a,upperdir=b"c', b"m"]


@example("\\8")
@given(st.text(st.characters(max_codepoint=255)))  # a trace is read as Latin-1: each byte a character
def test_nothing_that_is_written_there_raises(text: str) -> None:
    for line in (text, f"1 mkdir({text}", f'1 open("{text}") = 3<{text}>'):
        for call in calls([line]):
            list(map(unquoted, (one for one in call.arguments if one.endswith('"'))))
            assert call.ok in {True, False}


@pytest.mark.skipif(which("strace") is None, reason="strace is not installed: apt-get install strace")
def test_names_come_back_from_strace_as_they_were(tmp_path: Path) -> None:
    """Any bytes that a name can have, through the real program and back."""
    rng = random.Random(3176)
    every = [
        bytes(rng.choice([b for b in range(1, 256) if b != 47]) for _ in range(rng.randint(1, 40))) for _ in range(50)
    ]
    names = sorted(set(every) - {b".", b".."})
    folder, trace = os.fsencode(str(tmp_path)), f"{tmp_path}/trace"
    os.mkdir(folder + b"/here")  # noqa: PTH102 (bytes)
    (tmp_path / "names").write_bytes(b"\0".join(folder + b"/here/" + name for name in names))
    command = ["sh", "-c", 'xargs -0 mkdir -- <"$0/names"', str(tmp_path)]
    assert run(["strace", "-f", "-y", "-qq", "-s", "4096", "-e", "trace=mkdir,mkdirat", "-o", trace, *command]).ok
    with open(trace, encoding="latin-1", newline="\n") as lines:  # noqa: PTH123
        made = [unquoted(next(one for one in call.arguments if one.startswith('"'))) for call in calls(lines)]
    assert made == [folder + b"/here/" + name for name in names]


@given(st.text('a,"<>\\\\ 1[({.', max_size=30))
def test_arguments_without_brackets_are_taken_apart_as_others_are(text: str) -> None:
    assert list(_split(text)) == list(_split_nested(text))
