"""The codes: one source for ``explain``, the report and the documentation. A code never changes its meaning."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """What a finding means.

    ``says`` one sentence; ``why`` who trips over it; ``example`` a few lines that show it; ``remedy`` what to do.
    """

    code: str
    name: str
    says: str
    why: str
    example: str
    affected: str
    remedy: str


CODES: dict[str, Code] = {
    row.code: row
    for row in (
        Code("WL101", "marker-of-a-marker", "A whiteout whose deleted name is itself a marker name.", "", "", "", ""),
        Code("WL102", "whiteout-in-opaque", "A whiteout in a directory that is opaque already.", "", "", "", ""),
        Code("WL103", "needless-whiteout", "A whiteout that hides nothing in any lower layer.", "", "", "", ""),
        Code("WL104", "name-and-whiteout", "A name and its AUFS whiteout stand side by side.", "", "", "", ""),
        Code("WL105", "mixed-encodings", "One upper holds deletions, or opaque marks, in encodings that no single reader honours together.", "", "", "", ""),
        Code("WL106", "needless-opaque", "An opaque mark with nothing below it to hide.", "", "", "", ""),
        Code("WL107", "unportable-xattr", "A private xattr that changes what other readers see.", "", "", "", ""),
        Code("WL108", "unreadable-mark", "A mark in an encoding that a reader does not honour.", "", "", "", ""),
        Code("WL201", "resurrected", "A deleted name is visible again.", "", "", "", ""),
        Code("WL202", "lost", "A name that must be there is not.", "", "", "", ""),
        Code("WL203", "phantom", "A name is listed and cannot be opened, or the other way round.", "", "", "", ""),
        Code("WL204", "marker-visible", "A marker is shown to users as a file.", "", "", "", ""),
        Code("WL205", "changed", "Type, content, mode, owner, link or xattr differs from the oracle.", "", "", "", ""),
        Code("WL206", "unstable", "The view after a remount is not the view before.", "", "", "", ""),
        Code("WL207", "step-result", "A step succeeded or failed where the oracle did not.", "", "", "", ""),
        Code("WL208", "died", "The file system's daemon died, or hung past its limit.", "", "", "", ""),
    )
}  # fmt: skip
