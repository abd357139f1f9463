"""What the OCI image specification leaves open of layers, and what a reader may do there without breaking a sentence of it. Pure."""

from __future__ import annotations

from enum import Enum

REFUSE = "refused"


class Point(Enum):
    """What the specification leaves open: a name, why it is open, and the answers that it allows; the first follows its words closest."""

    REPEATED = (
        "a layer MUST NOT hold a path twice, and no sentence says what becomes of one that does",
        ("later", REFUSE),
    )
    ABSOLUTE = "no sentence speaks of absolute names; a tar is unpacked without their slash", ("inside", REFUSE)
    DOTDOT = "no sentence speaks of names with '..'; none may lead outside of the tree", ("inside", REFUSE)
    MARKER = (
        "a whiteout is an empty regular file, and a name with its prefix is nothing else",
        ("whiteout", "nothing", REFUSE),
    )
    DOTS = "'.' and '..' are the base name of no path that could be deleted", ("nothing", REFUSE)
    MARKER_PARENT = "a whiteout says nothing of its own directory where that is not there", ("absent", "made")
    PARENT = (
        "no sentence says whether a lower directory that its layer has no entry of keeps its attributes",
        ("kept", "made anew"),
    )
    FILE_ABOVE = (
        "a name below a file: it cannot be unpacked, and no entry says that the file goes",
        (REFUSE, "replaced"),
    )
    MARKER_BELOW_FILE = (
        "a whiteout below a file hides nothing, and no sentence says what becomes of the file",
        ("nothing", "replaced", REFUSE),
    )
    LINK_ABOVE = (
        "no sentence says whether a symbolic link on the way to an entry is followed",
        ("followed", "replaced", REFUSE),
    )
    MARKER_BELOW_LINK = (
        "no sentence says whether a symbolic link on the way to a whiteout is followed",
        ("followed", "nothing", "replaced", REFUSE),
    )
    LINK_BELOW = (
        "'Extracting a layer with hardlink references to files outside of the layer may fail'",
        ("linked", "copied", REFUSE),
    )
    LINK_BEFORE = "a hard link before its target: a tar is unpacked in its order", (REFUSE, "linked")
    LINK_TO_MARKER = "what a whiteout's content is to another name", ("empty", REFUSE)
    XATTR_FORM = "no sentence says which PAX records xattrs are", ("kept", "left out")
    PRIVATE = (
        "xattrs are kept 'where supported'; a reader that keeps its own marks under these names cannot",
        ("kept", "left out"),
    )
    DEVICE = (
        "devices are made 'where supported'; where they are not, what lay below is gone all the same",
        ("made", "left out", REFUSE),
    )
    NOT_UTF8 = "a PAX record is UTF-8, and this one is not", ("bytes", REFUSE)
    NO_END = "an archive without the two blocks that end it", ("taken", REFUSE)

    @property
    def why(self) -> str:
        """Why it is open, as a sentence without an end."""
        return str(self.value[0])

    @property
    def answers(self) -> tuple[str, ...]:
        """The answers that are allowed."""
        return tuple(self.value[1])
