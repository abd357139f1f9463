"""Words through a real ``sh``."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.machine.process import run
from harness.machine.quote import quote, quote_bytes

WORD = st.binary(max_size=40).filter(lambda word: b"\0" not in word)


def said_by_sh(words: list[bytes], folder: Path) -> list[bytes]:
    """The words as a shell takes them from a script: each ended by NUL."""
    script = folder / "script.sh"
    quoted = b" ".join(quote_bytes(word) if word else b"''" for word in words)
    script.write_bytes(b'LC_ALL=C; export LC_ALL\nprintf "%s\\0" ' + quoted + b' >"$1"\n')
    assert run(["sh", script, folder / "out"]).ok
    return (folder / "out").read_bytes().split(b"\0")[:-1]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(WORD, min_size=1, max_size=5))
def test_a_shell_reads_every_word_back(tmp_path: Path, words: list[bytes]) -> None:
    assert said_by_sh(words, tmp_path) == words


@pytest.mark.parametrize(
    "word",
    [b"$(id)", b"`id`", b"a'b", b"'", b'"', b"*", b"~", b"a\nb", b"\\", b"!x", b"#x", b"-n", b"\xff", b"a;b", b"a&b"],
)
def test_what_means_something_to_a_shell_is_inert(tmp_path: Path, word: bytes) -> None:
    assert said_by_sh([word, word], tmp_path) == [word, word]


def test_a_plain_word_stays_readable() -> None:
    assert quote_bytes(b"a/b-c_1.txt") == b"a/b-c_1.txt"
    assert quote("lowerdir=a:b,xino=off") == "lowerdir=a:b,xino=off"
    assert quote("two words") == "'two words'"
