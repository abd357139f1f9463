"""A child on a lifeline: its words, its time limit, and the looks at the disk while it runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.machine.process import Ended, run_on_lifeline

LOOKS: list[None] = []


def ended(program: str, *, timeout: float = 60) -> Ended:
    return run_on_lifeline(
        ["sh", "-c", program], timeout=timeout, env=dict(os.environ), cwd=Path("/"), watch=lambda: LOOKS.append(None)
    )


@pytest.fixture(autouse=True)
def _no_looks() -> None:
    LOOKS.clear()


def test_its_words_and_its_exit_code() -> None:
    assert ended("echo words >&2; exit 7") == Ended(7, timed_out=False, err=b"words\n")
    assert LOOKS


def test_the_end_of_many_words() -> None:
    found = ended("head -c 300000 /dev/zero | tr '\\0' x >&2; echo end >&2")
    assert (found.code, len(found.err), found.err[-5:]) == (0, 65536, b"xend\n")


def test_the_disk_is_looked_at_while_it_runs() -> None:
    ended("sleep 0.5")
    assert len(LOOKS) > 2


@pytest.mark.parametrize("program", ["exec sleep 100", "exec 2>&-; exec sleep 100"], ids=["silent", "closed"])
def test_the_time_limit_ends_it_whatever_became_of_its_output(program: str) -> None:
    assert ended(program, timeout=0.2) == Ended(-9, timed_out=True, err=b"")


def test_a_signal_ends_it() -> None:
    assert ended("kill -KILL $$") == Ended(-9, timed_out=False, err=b"")
