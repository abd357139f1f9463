"""What a program met is read from what it printed."""

from __future__ import annotations

import pytest

from harness.judge.errnos import error_of, errors_of


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("rmdir: failed to remove 'a': Directory not empty", "ENOTEMPTY"),
        ("script.sh: 58: cannot create bin/y: Directory nonexistent", "ENOENT"),
        ("rm: cannot remove 'a: File exists': Input/output error", "EIO"),
        ("mount: merged: mount(2) system call failed: Invalid argument.", "EINVAL"),
        ("could not open /dev/loop0: no such device or address", "ENXIO"),
        ("exit code 1: fuse: mount failed: Operation not permitted and more", "EPERM"),
        ("Is a directory", None),
        ("", None),
    ],
)  # fmt: skip
def test_errors_are_read_from_a_programs_words(words: str, error: str | None) -> None:
    assert error_of(words) == error


def test_a_program_with_several_lines_may_have_met_several_errors() -> None:
    words = "rm: cannot remove 'a': Input/output error\\nrm: cannot remove 'b': Transport endpoint is not connected"
    assert errors_of(words) == ("EIO", "ENOTCONN")
