from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.names import escape, is_plain, printable, unescape

NAMES = st.binary(max_size=300)


@given(NAMES)
def test_a_name_comes_back_from_its_text_form(name: bytes) -> None:
    assert unescape(escape(name)) == name


@given(NAMES)
def test_the_text_form_is_valid_utf8_and_inert(name: bytes) -> None:
    text = escape(name)
    assert text.encode("utf-8").decode("utf-8") == text
    assert text.isprintable()


@given(NAMES, NAMES)
def test_two_names_never_look_the_same(one: bytes, other: bytes) -> None:
    assert (escape(one) == escape(other)) is (one == other)


@pytest.mark.parametrize("byte", range(256))
def test_every_byte_alone(byte: int) -> None:
    assert unescape(escape(bytes([byte]))) == bytes([byte])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"plain name", "plain name"),
        (b"a\nb", "a\\nb"),
        (b"a\tb\rc", "a\\tb\\rc"),
        (b"back\\slash", "back\\\\slash"),
        (b"caf\xc3\xa9", "caf\u00e9"),
        (b"caf\xe9", "caf\\xe9"),
        (b"\x1b[31m", "\\x1b[31m"),
        ("\u202egpj.exe".encode(), "\\xe2\\x80\\xaegpj.exe"),  # turns the direction of writing
        (b"\xff", "\\xff"),
    ],
)
def test_the_text_form(name: bytes, text: str) -> None:
    assert escape(name) == text
    assert unescape(text) == name


@pytest.mark.parametrize("text", ["\\", "\\q", "\\x4", "\\xgg", "end\\"])
def test_an_unknown_escape_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="unknown escape"):
        unescape(text)


def test_plain_is_what_is_shown_as_it_is() -> None:
    assert is_plain("caf\u00e9".encode())
    assert not is_plain(b"a\\b")
    assert not is_plain(b"a\nb")


def test_text_for_a_terminal_keeps_line_breaks_alone() -> None:
    assert printable("two\nlines") == "two\nlines"
    assert printable("\x1b[31mred\r\n") == "\\x1b[31mred\\r\n"
