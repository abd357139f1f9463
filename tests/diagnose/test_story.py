"""How a marker came to be: which calls, and what had been read, with the sentence that says it."""

from __future__ import annotations

import struct

import pytest

from harness.diagnose.story import Came, came, of_marker
from harness.diagnose.trace import Done, read_trace
from harness.diagnose.words import call_line, sentence
from harness.whiteouts.encodings import Encoding, Says
from harness.whiteouts.markers import Marker
from tests.diagnose.traces import DAEMON, answer, request, step, trace

MKDIR = struct.pack("=II", 0o777, 0o22)
OPEN = f'{DAEMON} openat(4</mnt/upper>, "d/.wh..wh..opq", O_WRONLY|O_CREAT, 0700) = 9</mnt/upper/d/.wh..wh..opq>'
GHOST = f'{DAEMON} mknodat(4</mnt/upper>, "d/.wh..opq", S_IFCHR|0700, makedev(0, 0)) = 0'
XATTR = f'{DAEMON} fsetxattr(9</mnt/work/work/4>, "trusted.overlay.opaque", "y", 1, 0) = 0'
MADE = f'{DAEMON} mkdirat(5</mnt/work/work>, "4", 0755) = 0'
PLACED = f'{DAEMON} renameat(5</mnt/work/work>, "4", 4</mnt/upper>, "d") = 0'


def listing(folder: str, *names: str) -> str:
    entries = ", ".join(
        f'{{d_ino=1, d_off=2, d_reclen=24, d_type=DT_REG, d_name="{name}"}}' for name in (".", *names, "..")
    )
    return f"{DAEMON} getdents64(9</mnt/{folder}>, [{entries}], 32768) = 72"


def daemons(*lines: str) -> tuple[Done, ...]:
    return read_trace(trace(step(0, request(9, MKDIR + b"d\0", unique=4), *lines, answer(4, node=60)))).daemons


def names(found: Came | None) -> list[str]:
    assert found is not None
    return [one.call.name for one in found.made]


def device(path: bytes) -> Marker:
    return Marker(path, path, Encoding.DEVICE, Says.GONE)


OPAQUE = Marker(b"d", b"d", Encoding.OPAQUE_TRUSTED, Says.OPAQUE)


def test_a_whiteout_and_the_listing_that_asked_for_it() -> None:
    found = of_marker(daemons(MADE, PLACED, OPEN, listing("upper/d", ".wh..wh..opq"), GHOST), device(b"d/.wh..opq"))
    assert names(found) == ["mknodat"]
    assert found is not None
    assert [call_line(one) for one in found.read] == ["getdents64(upper/d) = .wh..wh..opq"]
    assert sentence(found, "step 1, mkdir d") == (
        'Made while serving MKDIR d for step 1, mkdir d: mknodat(upper, "d/.wh..opq", S_IFCHR|0700, makedev(0, 0)) = 0, '
        "after getdents64(upper/d) had given .wh..wh..opq, by which .wh..opq is deleted."
    )


def test_an_xattr_with_the_directory_that_carried_it_into_place() -> None:
    found = of_marker(daemons(MADE, XATTR, PLACED), OPAQUE)
    assert names(found) == ["mkdirat", "fsetxattr", "renameat"]
    assert found is not None
    assert found.decided.call.name == "fsetxattr"
    assert 'put in its place by renameat(work/work, "4", upper, "d")' in sentence(found, "")


@pytest.mark.parametrize(
    "undone",
    [
        f'{DAEMON} removexattr("/mnt/upper/d", "trusted.overlay.opaque") = 0',
        f'{DAEMON} unlinkat(4</mnt/upper>, "d", AT_REMOVEDIR) = 0',
    ],
)
def test_what_was_undone_since_is_no_origin(undone: str) -> None:
    assert of_marker(daemons(MADE, XATTR, PLACED, undone), OPAQUE) is None
    assert names(of_marker(daemons(MADE, XATTR, PLACED, undone, MADE, XATTR, PLACED), OPAQUE)) == [
        "mkdirat",
        "fsetxattr",
        "renameat",
    ]


def test_what_failed_made_nothing() -> None:
    failed = GHOST.replace("= 0", "= -1 EPERM (Operation not permitted)")
    assert of_marker(daemons(failed), device(b"d/.wh..opq")) is None


def test_a_whiteout_that_a_rename_left() -> None:
    left = f'{DAEMON} renameat2(4</mnt/upper>, "f", 5</mnt/work/work>, "5", RENAME_WHITEOUT) = 0'
    found = of_marker(
        daemons(f'{DAEMON} statx(3</mnt/lower/1>, "f", 0, 0, {{stx_mode=S_IFREG|0644}}) = 0', left), device(b"f")
    )
    assert names(found) == ["renameat2"]
    assert found is not None
    assert sentence(found, "").endswith("after statx had found f in lower/1.")


def test_two_names_that_were_exchanged() -> None:
    made = f'{DAEMON} mknodat(4</mnt/upper>, "x", S_IFCHR|0700, makedev(0, 0)) = 0'
    swap = f'{DAEMON} renameat2(4</mnt/upper>, "d", 4</mnt/upper>, "x", RENAME_EXCHANGE) = 0'
    assert names(of_marker(daemons(made, swap), device(b"d"))) == ["mknodat", "renameat2"]


def test_a_directory_that_was_moved_since_with_what_had_been_read_then() -> None:
    moved = f'{DAEMON} renameat2(4</mnt/upper>, "d", 4</mnt/upper>, "e", 0) = 0'
    found = of_marker(daemons(listing("upper/d", ".wh..wh..opq"), GHOST, moved), device(b"e/.wh..opq"))
    assert names(found) == ["mknodat", "renameat2"]
    assert found is not None
    assert [one.makes for one in found.read] == [b"upper/d"]


def test_a_listing_without_the_name_is_what_is_left_to_say() -> None:
    found = of_marker(daemons(listing("lower/1", "f"), MADE, XATTR, PLACED), OPAQUE)
    assert found is not None
    assert sentence(found, "").endswith("after getdents64(lower/1) had given f, and no d.")


def test_an_open_that_may_have_found_the_file_is_not_the_first_to_make_it() -> None:
    again = OPEN.replace("O_CREAT", "O_CREAT|O_TRUNC")
    assert names(came(daemons(OPEN, again), b"upper/d/.wh..wh..opq")) == ["openat", "openat"]
    sure = OPEN.replace("O_CREAT", "O_CREAT|O_EXCL")
    assert names(came(daemons(OPEN, sure), b"upper/d/.wh..wh..opq")) == ["openat"]


def test_what_was_read_in_the_same_request_counts_before_what_was_read_later_in_another() -> None:
    lower = f'{DAEMON} statx(3</mnt/lower/1>, "f", 0, 0, {{stx_mode=S_IFREG|0644}}) = 0'
    upper = f'{DAEMON} statx(4</mnt/upper>, "f", 0, 0, 0x7f) = 0'
    made = f'{DAEMON} mknodat(4</mnt/upper>, "f", S_IFCHR|0700, makedev(0, 0)) = 0'
    ask, done = request(10, b"f\0", unique=4), answer(4)
    look, found = request(1, b"f\0", unique=2), answer(2, node=61)
    same = of_marker(read_trace(trace(look, upper, found, ask, lower, made, done)).daemons, device(b"f"))
    assert same is not None
    assert [one.makes for one in same.read] == [b"lower/1/f"]
    before = of_marker(read_trace(trace(look, lower, found, ask, made, done)).daemons, device(b"f"))
    assert before is not None
    assert [one.makes for one in before.read] == [b"lower/1/f"]
    refused = lower.replace("= 0", "= -1 ENOENT (No such file or directory)")
    there = of_marker(read_trace(trace(look, upper, found, ask, refused, made, done)).daemons, device(b"f"))
    assert there is not None
    assert [one.makes for one in there.read] == [b"upper/f"]


def test_a_whiteout_that_a_rename_left_in_a_directory_that_was_moved_since() -> None:
    left = f'{DAEMON} renameat2(4</mnt/upper>, "d/f", 5</mnt/work/work>, "5", RENAME_WHITEOUT) = 0'
    moved = f'{DAEMON} renameat2(4</mnt/upper>, "d", 4</mnt/upper>, "e", 0) = 0'
    found = of_marker(daemons(listing("lower/1/d", "f"), left, moved), device(b"e/f"))
    assert names(found) == ["renameat2", "renameat2"]
    assert found is not None
    assert [one.makes for one in found.read] == [b"lower/1/d"]


def test_a_call_as_a_line() -> None:
    long = "x" * 100
    lines = [
        f'{DAEMON} statx(4</mnt/upper>, "f", AT_SYMLINK_NOFOLLOW, STATX_TYPE, {{stx_mask=1, stx_mode=S_IFREG|0600, stx_size=3, ...}}) = 0',
        f'{DAEMON} openat2(4</mnt/upper>, "f", {{flags=O_RDONLY}}, 24) = 9</mnt/upper/f>',
        f'{DAEMON} utimensat(4</mnt/upper>, "f", {{tv={long}}}, 0) = 0',
        f'{DAEMON} lgetxattr("/mnt/upper/f", "user.a", 0x55aa, 16) = -1 ENODATA (No data available)',
        f'{DAEMON} unlinkat(4</mnt/upper>, "f", 0 <unfinished ...>',
    ]
    assert [call_line(one) for one in read_trace(trace(lines)).daemons] == [
        'statx(upper, "f", AT_SYMLINK_NOFOLLOW, STATX_TYPE, {S_IFREG|0600}) = 0',
        'openat2(upper, "f", {flags=O_RDONLY}, 24) = 9',
        'utimensat(upper, "f", {…}, 0) = 0',
        'lgetxattr("/mnt/upper/f", "user.a", …, 16) = -1 ENODATA',
        'unlinkat(upper, "f", 0) = ?',
    ]


def test_what_came_in_no_step_is_said_with_its_phase() -> None:
    read = read_trace(
        trace('10 write(1</mnt/out/phases>, "mount\\n", 6) = 6', f'{DAEMON} mkdirat(5</mnt/work>, "work", 0700) = 0')
    )
    found = came(read.daemons, b"work/work")
    assert found is not None
    assert sentence(found, "") == 'Made in the phase “mount”: mkdirat(work, "work", 0700) = 0.'


def test_what_was_tried_of_the_same_name_in_vain_is_told() -> None:
    flags = f'{DAEMON} renameat2(4</mnt/upper>, "f", 5</mnt/work/work>, "3", RENAME_WHITEOUT) = -1 EINVAL (Invalid argument)'
    other = flags.replace('"f"', '"g"')
    made = f'{DAEMON} openat(4</mnt/upper>, "./.wh.f", O_WRONLY|O_CREAT, 0700) = 9</mnt/upper/.wh.f>'
    marker = Marker(b"f", b".wh.f", Encoding.FILE, Says.GONE)
    ask, look = request(10, b"f\0", unique=4), request(1, b"f\0", unique=2)
    found = of_marker(read_trace(trace(ask, other, flags, made, answer(4))).daemons, marker)
    assert found is not None
    assert [one.paths[0] for one in found.refused] == [b"upper/f"]
    assert 'after renameat2(upper, "f", work/work, "3", RENAME_WHITEOUT) had failed with EINVAL.' in sentence(found, "")
    there = flags.replace("EINVAL (Invalid argument)", "EEXIST (File exists)")
    earlier = trace(look, flags, answer(2, node=61), ask, there, made, flags, answer(4))
    fallen = of_marker(read_trace(earlier).daemons, marker)
    assert fallen is not None
    assert fallen.refused == (), "of another request, no refusal, or later"


def test_of_xattrs_a_mark_that_was_refused_is_told_and_no_other() -> None:
    refused = XATTR.replace("= 0", "= -1 EPERM (Operation not permitted)")
    origin = refused.replace("trusted.overlay.opaque", "user.fuseoverlayfs.origin")
    private = XATTR.replace("trusted.overlay.opaque", "user.fuseoverlayfs.opaque")
    marker = Marker(b"d", b"d", Encoding.OPAQUE_FUSE, Says.OPAQUE)
    found = of_marker(daemons(MADE, origin, refused, private, PLACED), marker)
    assert found is not None
    assert [call_line(one) for one in found.refused] == [
        'fsetxattr(work/work/4, "trusted.overlay.opaque", "y", 1, 0) = -1 EPERM'
    ]
