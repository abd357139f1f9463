"""Version numbers from packages and from what programs say."""

from __future__ import annotations

import pytest

from harness.worlds.versions import answer_of, kernel_number, number_in, upstream


@pytest.mark.parametrize(
    ("package", "number"),
    [
        ("1.14-1+b2", "1.14"),
        ("1.4.0-1", "1.4.0"),
        ("1:2.5.1-4", "2.5.1"),
        ("0.5.2-0.2+b2", "0.5.2"),
        ("1.13", "1.13"),
        ("1:4.6.1-1", "4.6.1"),
        ("4.13+dfsg1-1", "4.13"),
        ("1.7.1-1ubuntu0.1", "1.7.1"),
    ],
)
def test_the_upstream_version_of_a_package(package: str, number: str) -> None:
    assert upstream(package) == number


FUSE_OVERLAYFS = """\
unknown argument ignored: lazytime
fusermount3 version: 3.14.0
fuse-overlayfs: version 1.13-dev
FUSE library version 3.17.2
"""


def test_fuse_overlayfs_is_not_taken_for_the_one_who_speaks_first() -> None:
    assert answer_of("fuse-overlayfs", FUSE_OVERLAYFS) == "fuse-overlayfs: version 1.13-dev"


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("fuse-overlayfs: version 1.13-dev", "1.13-dev"),
        ("fuse2fs 1.47.0 (5-Feb-2023)", "1.47.0"),
        ("squashfuse 0.1.104 (c) 2012 Dave Vasilevsky", "0.1.104"),
        ("version 2", "2"),
        ("", "unknown"),
        ("no number here", "unknown"),
    ],
)
def test_the_number_in_an_answer(answer: str, number: str) -> None:
    assert number_in(answer) == number


def test_no_answer_at_all() -> None:
    assert answer_of("mine", FUSE_OVERLAYFS) == "fuse-overlayfs: version 1.13-dev"
    assert answer_of("fuse-overlayfs", "\n  \n") == ""


@pytest.mark.parametrize(
    ("release", "number"),
    [("6.18.44-fc-v669", "6.18.44"), ("6.1.0-18-amd64", "6.1.0"), ("7.0", "7.0"), ("strange", "strange")],
)
def test_the_number_of_a_kernel(release: str, number: str) -> None:
    assert kernel_number(release) == number
