"""The step vocabulary: each step is one change to the mounted tree, close to one system call.

A step knows the shell words that do it. ``rename`` is exactly rename(2): ``mv`` would copy where the kernel says EXDEV, and so
hide what podman#13123 is about; where that is wanted there is ``mv``. The words run in the folder that holds the tree.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

import msgspec

from harness.names import unescape


def relative(text: str) -> bytes:
    """A path of the scenario as the shell gets it: a name that begins with ``-`` is not an option."""
    path = unescape(text).rstrip(b"/")
    return b"./" + path if path.startswith(b"-") else path or b"."


class Fails(StrEnum):
    """What a step must come to on the plain directory. On the mounted tree it must come to the same."""

    MUST = "must"  # fail, with any error
    MUST_NOT = "must not"
    AS_ORACLE = "as the oracle"  # whatever the plain directory says


class FailsBy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The same where it differs by privilege: a user may not make what root may."""

    root: Fails = Fails.MUST_NOT
    user: Fails = Fails.MUST_NOT


class StepBase(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="do", kw_only=True
):
    """What every step has: ``fails`` says what it must come to on the plain directory, the oracle, or that the oracle decides."""

    fails: Fails | FailsBy = Fails.MUST_NOT

    paths: ClassVar[tuple[str, ...]] = ("path",)

    @property
    def do(self) -> str:
        """The step's word in a scenario file: ``mkdir``."""
        return str(self.__struct_config__.tag)

    def must(self, profile: str) -> Fails:
        """What the step must come to on the oracle with a privilege, ``root`` or ``user``."""
        return self.fails if isinstance(self.fails, Fails) else Fails(getattr(self.fails, profile))

    def words(self) -> tuple[bytes, ...]:
        """The command as argument vector; the first word is a program or a function of the script's prelude."""
        raise NotImplementedError

    def named(self) -> list[tuple[str, str]]:
        """Every path this step speaks of, with its key: for validation."""
        return [(key, value) for key in self.paths if (value := getattr(self, key)) is not None]


class Mkdir(StepBase, frozen=True, tag="mkdir"):
    """mkdir(2)."""

    path: str
    mode: str | None = None

    def words(self) -> tuple[bytes, ...]:
        mode = (b"-m", self.mode.encode()) if self.mode else ()
        return (b"mkdir", *mode, relative(self.path))


class Rmdir(StepBase, frozen=True, tag="rmdir"):
    """rmdir(2)."""

    path: str

    def words(self) -> tuple[bytes, ...]:
        return (b"rmdir", relative(self.path))


class Unlink(StepBase, frozen=True, tag="unlink"):
    """unlink(2)."""

    path: str

    def words(self) -> tuple[bytes, ...]:
        return (b"unlink", relative(self.path))


class Write(StepBase, frozen=True, tag="write"):
    """open(2) with O_WRONLY|O_CREAT|O_TRUNC (O_APPEND instead when ``append``), then write(2)."""

    path: str
    text: str = ""
    append: bool = False

    def words(self) -> tuple[bytes, ...]:
        return (b"append" if self.append else b"write", relative(self.path), unescape(self.text))


class Rename(StepBase, frozen=True, tag="rename"):
    """rename(2), with no fall-back to a copy."""

    path: str
    to: str
    paths: ClassVar[tuple[str, ...]] = ("path", "to")

    def words(self) -> tuple[bytes, ...]:
        return (b"rename", relative(self.path), relative(self.to))


class Move(StepBase, frozen=True, tag="mv"):
    """``mv`` as users type it: renameat2(2) with RENAME_NOREPLACE, then rename(2), and where that says EXDEV a copy and a removal.

    Where ``to`` is a directory, it moves into it.
    """

    path: str
    to: str
    paths: ClassVar[tuple[str, ...]] = ("path", "to")

    def words(self) -> tuple[bytes, ...]:
        return (b"mv", relative(self.path), relative(self.to))


class Copy(StepBase, frozen=True, tag="cp"):
    """``cp -a -T``: a tree copied with its owners, modes, links and xattrs."""

    path: str
    to: str
    paths: ClassVar[tuple[str, ...]] = ("path", "to")

    def words(self) -> tuple[bytes, ...]:
        return (b"cp", b"-a", b"-T", relative(self.path), relative(self.to))


class Remove(StepBase, frozen=True, tag="rm"):
    """``rm -r``: a tree removed name by name."""

    path: str

    def words(self) -> tuple[bytes, ...]:
        return (b"rm", b"-r", relative(self.path))


class Link(StepBase, frozen=True, tag="link"):
    """link(2): ``to`` becomes another name of ``path``."""

    path: str
    to: str
    paths: ClassVar[tuple[str, ...]] = ("path", "to")

    def words(self) -> tuple[bytes, ...]:
        return (b"link", relative(self.path), relative(self.to))


class Symlink(StepBase, frozen=True, tag="symlink"):
    """symlink(2): ``path`` is made, pointing to ``target`` (any text)."""

    path: str
    target: str

    def words(self) -> tuple[bytes, ...]:
        return (b"ln", b"-s", b"-n", b"-T", b"--", unescape(self.target), relative(self.path))


class Chmod(StepBase, frozen=True, tag="chmod"):
    """chmod(2)."""

    path: str
    mode: str

    def words(self) -> tuple[bytes, ...]:
        return (b"chmod", self.mode.encode(), relative(self.path))


class Chown(StepBase, frozen=True, tag="chown"):
    """lchown(2)."""

    path: str
    owner: tuple[int, int]

    def words(self) -> tuple[bytes, ...]:
        return (b"chown", b"-h", b"%d:%d" % self.owner, relative(self.path))


class Touch(StepBase, frozen=True, tag="touch"):
    """open(2) with O_CREAT, then utimensat(2)."""

    path: str

    def words(self) -> tuple[bytes, ...]:
        return (b"touch", relative(self.path))


class Truncate(StepBase, frozen=True, tag="truncate"):
    """truncate(2); the file must exist."""

    path: str
    size: int = 0

    def words(self) -> tuple[bytes, ...]:
        return (b"truncate", b"-c", b"-s", b"%d" % self.size, relative(self.path))


class Mkfifo(StepBase, frozen=True, tag="mkfifo"):
    """mknod(2) of a FIFO."""

    path: str

    def words(self) -> tuple[bytes, ...]:
        return (b"mkfifo", relative(self.path))


class Mknod(StepBase, frozen=True, tag="mknod"):
    """mknod(2) of a character device."""

    path: str
    device: tuple[int, int]

    def words(self) -> tuple[bytes, ...]:
        return (b"mknod", relative(self.path), b"c", b"%d" % self.device[0], b"%d" % self.device[1])


class Setxattr(StepBase, frozen=True, tag="setxattr"):
    """lsetxattr(2)."""

    path: str
    name: str
    value: str = ""

    def words(self) -> tuple[bytes, ...]:
        return (b"setfattr", b"-h", b"-n", self.name.encode(), b"-v", xattr_value(self.value), relative(self.path))


class Removexattr(StepBase, frozen=True, tag="removexattr"):
    """lremovexattr(2)."""

    path: str
    name: str

    def words(self) -> tuple[bytes, ...]:
        return (b"setfattr", b"-h", b"-x", self.name.encode(), relative(self.path))


class Readdir(StepBase, frozen=True, tag="readdir"):
    """readdir(3): the names that it gives are compared with the oracle's."""

    path: str = "."

    def words(self) -> tuple[bytes, ...]:
        return (b"names", relative(self.path))


class Stat(StepBase, frozen=True, tag="stat"):
    """lstat(2): type and size are compared with the oracle's."""

    path: str

    def words(self) -> tuple[bytes, ...]:
        return (b"stat", b"-c", b"%F %s", relative(self.path))


class Read(StepBase, frozen=True, tag="read"):
    """open(2) and read(2): the content is compared with the oracle's."""

    path: str

    def words(self) -> tuple[bytes, ...]:
        return (b"cat", relative(self.path))


class Remount(StepBase, frozen=True, tag="remount"):
    """Unmount and mount again with the same tool; nothing on the oracle."""

    paths: ClassVar[tuple[str, ...]] = ()

    def words(self) -> tuple[bytes, ...]:
        return (b"remount",)


def xattr_value(text: str) -> bytes:
    """A value as ``setfattr -v`` takes it: hexadecimal, so that any byte passes and none is read as an escape."""
    return b"0x" + unescape(text).hex().encode()


Step = (
    Mkdir | Rmdir | Unlink | Write | Rename | Move | Copy | Remove | Link | Symlink | Chmod | Chown | Touch | Truncate
    | Mkfifo | Mknod | Setxattr | Removexattr | Readdir | Stat | Read | Remount
)  # fmt: skip

# Steps whose output is part of what is compared.
OBSERVING = (Readdir, Stat, Read)
