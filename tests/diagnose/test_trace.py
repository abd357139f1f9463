"""From the lines of a trace to who did what, for which step and which request."""

from __future__ import annotations

import struct

from harness.diagnose.syscalls import Does
from harness.diagnose.trace import read_trace, roots_of
from tests.diagnose.traces import DAEMON, STEP, answer, request, step, trace

MKDIR = struct.pack("=II", 0o777, 0o22)


def test_calls_belong_to_the_request_that_is_being_served_and_to_the_step() -> None:
    read = read_trace(
        trace(
            request(1, b"a\0", unique=2),
            f'{DAEMON} statx(3</mnt/lower/1>, "a", 0, 0, 0x7ff) = 0',
            answer(2, node=50),
            step(
                0,
                f'{STEP} mkdir("a/new", 0777 <unfinished ...>',
                request(9, MKDIR + b"new\0", node=50, unique=4),
                f'{DAEMON} mkdirat(5</mnt/work/work>, "4", 0755) = 0',
                f'{DAEMON} renameat(5</mnt/work/work>, "4", 4</mnt/upper>, "a/new") = 0',
                answer(4, node=51),
                f'{DAEMON} newfstatat(4</mnt/upper>, "a", {{st_mode=S_IFDIR|0755}}, 0) = 0',
                f"{STEP} <... mkdir resumed>) = 0",
            ),
            f'{DAEMON} unlinkat(5</mnt/work/work>, "4", 0) = -1 ENOENT (No such file or directory)',
        )
    )
    told = [
        (one.call.name, one.paths, one.step, one.served and (one.served.request.opcode, one.served.path))
        for one in read.daemons
    ]
    assert told == [
        ("statx", (b"lower/1/a",), None, ("LOOKUP", b"a")),
        ("mkdirat", (b"work/work/4",), 0, ("MKDIR", b"a/new")),
        ("renameat", (b"work/work/4", b"upper/a/new"), 0, ("MKDIR", b"a/new")),
        ("newfstatat", (b"upper/a",), 0, None),
        ("unlinkat", (b"work/work/4",), None, None),
    ]
    assert {one.phase for one in read.daemons} == {"steps 1"}
    assert read.requests == 2
    assert not read.cut


def test_a_request_that_was_spliced_into_a_pipe() -> None:
    plain = request(9, MKDIR + b"new\0", unique=4)
    spliced = [
        f"{DAEMON} splice(6</dev/fuse>, NULL, 8<pipe:[7]>, NULL, 1052672, 0) = 52",
        plain.replace("6</dev/fuse>", "7<pipe:[7]>"),
    ]
    done = f'{DAEMON} mkdirat(4</mnt/upper>, "new", 0755) = 0'
    (one,) = read_trace(trace(spliced, done)).daemons
    assert one.served is not None
    assert (one.served.request.opcode, one.served.path) == ("MKDIR", b"new")
    (other,) = read_trace(trace(spliced[1], done)).daemons  # some other pipe: no request
    assert other.served is None


def test_the_steps_of_the_plain_directory_are_none_of_the_mounted_tree() -> None:
    lines = step(0, f'{STEP} mkdirat(AT_FDCWD</mnt/merged>, "d", 0777) = 0')
    oracle = [line.replace("merged", "oracle") for line in lines]
    (one,) = read_trace(trace(lines, oracle)).steps
    assert (one.paths, one.step) == ((b"merged/d",), 0)


def test_layers_are_named_from_the_lowest_and_found_through_links() -> None:
    roots = roots_of([b"-o", b"lowerdir=top:/abs/mid:low,upperdir=up,workdir=w"], b"/mnt")
    assert roots is not None
    assert roots.relative(b"/mnt/top/f") == b"lower/3/f"
    assert roots.relative(b"/abs/mid") == b"lower/2"
    assert roots.relative(b"/mnt/upper") is None
    assert roots_of([b"-o", b"ro"], b"/mnt") is None
    linked = roots.through(b"/mnt/up", b"/disk/up")
    assert linked.relative(b"/disk/up/a") == b"upper/a"
    read = read_trace(
        trace(
            f'{DAEMON} readlink("/mnt/upper", "below/upper", 1023) = 11',
            f'{DAEMON} mknodat(4</mnt/below/upper>, "f", S_IFCHR|0700, makedev(0, 0)) = 0',
        )
    )
    assert [(one.does, one.paths) for one in read.daemons][1:] == [(Does.MAKES, (b"upper/f",))]


def test_a_file_of_a_descriptor_is_found_by_its_number() -> None:
    read = read_trace(
        trace(
            f'{DAEMON} openat(4</mnt/upper>, "d", O_RDONLY) = 9</mnt/upper/d>',
            f'{DAEMON} lsetxattr("/proc/self/fd/9/e", "user.overlay.opaque", "y", 1, 0) = 0',
            f'{DAEMON} lsetxattr("/proc/self/fd/77/e", "user.overlay.opaque", "y", 1, 0) = 0',
        )
    )
    assert [one.paths for one in read.daemons] == [(b"upper/d",), (b"upper/d/e",)]


def test_what_was_cut_is_said() -> None:
    read = read_trace(trace(f'{DAEMON} mkdirat(4</mnt/upper>, "d", 0755 <unfinished ...>'))
    assert read.cut
    assert not read.daemons[0].call.ok


def test_a_layer_that_opening_leads_elsewhere_is_known_by_both_paths() -> None:
    read = read_trace(
        trace(
            f'{DAEMON} openat(AT_FDCWD</mnt>, "upper", O_PATH) = 4</disk/up>',
            f'{DAEMON} mkdirat(4</disk/up>, "d", 0755) = 0',
            f'{DAEMON} statx(AT_FDCWD</mnt>, "upper", 0, 0, 0x7f) = 0</not/led>',
            f'{DAEMON} mkdirat(4</not/led>, "d", 0755) = 0',
        )
    )
    assert [one.paths for one in read.daemons] == [(b"upper",), (b"upper/d",), (b"upper",)]


def test_who_serves_without_layers_is_counted_and_no_more() -> None:
    """squashfuse and fuse2fs serve trees too."""
    lines = trace(request(1, b"a\0", unique=2), f'{DAEMON} openat(AT_FDCWD</mnt>, "upper", O_RDONLY) = 3</mnt/upper>')[
        1:
    ]
    read = read_trace(lines)
    assert (read.requests, read.daemons) == (1, ())
