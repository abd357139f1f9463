"""What is written behind: all of it, in its order, and an error is nobody's secret."""

from __future__ import annotations

import threading

import pytest

from harness.machine.behind import behind


def test_everything_is_written_in_its_order_when_the_block_ends() -> None:
    out: list[bytes] = []
    with behind(out.append) as write:
        for number in range(1000):
            write(b"%d" % number)
    assert out == [b"%d" % number for number in range(1000)]
    assert "write behind" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize("parts", [1, 3, 1000])
def test_what_cannot_be_written_is_raised_and_nobody_waits_for_ever(parts: int) -> None:
    def full(_part: bytes) -> None:
        raise OSError(28, "No space left on device")

    def give() -> None:
        with behind(full) as write:
            for _ in range(parts):
                write(b"x")

    with pytest.raises(OSError, match="No space left"):
        give()
    assert "write behind" not in [thread.name for thread in threading.enumerate()]


def test_an_error_of_who_makes_the_parts_comes_through_and_what_was_given_is_written() -> None:
    out: list[bytes] = []

    def give() -> None:
        with behind(out.append) as write:
            write(b"a")
            raise KeyError

    with pytest.raises(KeyError):
        give()
    assert out == [b"a"]
