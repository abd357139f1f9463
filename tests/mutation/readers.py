"""Readers of trees: what they take for another thing, or do not see."""

from __future__ import annotations

from collections.abc import Iterator

from tests.mutation.changes import Mutant, gives, inverted, made, replaced, reversed_pair

_HERE = "harness/snapshot"


def _near(*names: str) -> tuple[str, ...]:
    return tuple(f"tests/snapshot/test_{name}.py" for name in names)


def every() -> Iterator[Mutant]:
    """Tar, ext, folder, and how a snapshot is written and read back."""
    yield from _archives()
    yield from _ext()
    yield from _folders()
    lines = (*_near("mtree", "tar"), "tests/test_names.py", "tests/report/test_load.py")
    yield from inverted(f"{_HERE}/jsonl.py", lines)
    yield from inverted(f"{_HERE}/names.py", _near("listing"))
    yield from inverted(f"{_HERE}/mtree.py", _near("mtree"))
    yield from inverted(f"{_HERE}/limits.py", _near("mtree", "limits"))
    yield from made(f"{_HERE}/limits.py", _near("limits"), ("Budget.spares", "spares all", gives("True")))
    yield from inverted(f"{_HERE}/lab.py", (*_near("mtree"), "tests/judge/test_rules_layer.py"))
    yield from inverted(f"{_HERE}/overlay.py", ("tests/cli/test_inspect.py",))


def _archives() -> Iterator[Mutant]:
    near = _near("devices", "tar")
    yield from inverted(f"{_HERE}/tar.py", near)
    yield from made(
        f"{_HERE}/tar.py", near,
        ("_entry", "device numbers swapped", replaced("member.devmajor", "member.devminor", swap=True)),
        ("_entry", "owner and group swapped", replaced("member.uid", "member.gid", swap=True)),
        ("_entry", "without setuid", replaced("0o7777", "0o777")),
        ("_entry", "without xattrs", replaced("xattrs", "{}")),
        ("join_links", "joins none", gives("entries")),
        ("clean", "cleans nothing", gives("name")),
    )  # fmt: skip
    near = _near("image")
    yield from inverted(f"{_HERE}/sif.py", near)
    yield from made(f"{_HERE}/sif.py", near, ("is_sif", "takes all", gives("True")))


def _ext() -> Iterator[Mutant]:
    near = _near("devices", "ext")
    yield from inverted(f"{_HERE}/ext.py", near)
    yield from made(
        f"{_HERE}/ext.py", near,
        ("_linked", "joins none", gives("entries")),
        ("_entry", "owner and group swapped", replaced("inode.uid", "inode.gid", swap=True)),
        ("_entry", "without setuid", replaced("0o7777", "0o777")),
    )  # fmt: skip
    yield from inverted(
        f"{_HERE}/ext_inode.py", near, ("Inode.device", "Image.xattrs", "Image.content", "Image.target")
    )
    yield from made(
        f"{_HERE}/ext_inode.py", near,
        ("Inode.device", "swapped", reversed_pair),
        ("Image.xattrs", "sees none", gives("({}, '')")),
    )  # fmt: skip


def _folders() -> Iterator[Mutant]:
    near = _near("folder", "devices", "listing")
    yield from inverted(f"{_HERE}/folder.py", near)
    yield from made(
        f"{_HERE}/folder.py", near,
        ("_make", "device numbers swapped", replaced("os.major", "os.minor", swap=True)),
        ("_make", "owner and group swapped", replaced("status.st_uid", "status.st_gid", swap=True)),
        ("_make", "without setuid", replaced("0o7777", "0o777")),
        ("_walked", "enters other file systems", replaced("device == root.st_dev", "True")),
        ("unseen_here", "says that all was seen", replaced("('trusted',)", "()")),
    )  # fmt: skip
