"""A defect file: one cause of wrong behaviour in one program, named once. The JSON schema is generated from here."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import msgspec

from harness.places import PlaceName
from harness.profile import Profile

SCHEMA = 1


class Effect(StrEnum):
    """The worst that comes of it, the worst first."""

    COMES_BACK = "comes-back"
    LOST = "lost"
    REFUSED = "refused"
    VIEW = "view"
    LITTER = "litter"

    @property
    def place(self) -> int:
        """From 0, the worst."""
        return list(Effect).index(self)

    @property
    def words(self) -> str:
        """In words."""
        return _WORDS[self]


_WORDS = {
    Effect.COMES_BACK: "content comes back",
    Effect.LOST: "content is lost",
    Effect.REFUSED: "the image is refused",
    Effect.VIEW: "the view is wrong",
    Effect.LITTER: "litter",
}

Range = Annotated[str, msgspec.Meta(description="bounds that all hold, such as '>=0.7.5,<1.15' or '==0.4'; or 'any'")]
Fact = str | int | bool


class Sign(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a defect shows in a finding. What is left away narrows nothing."""

    codes: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, description="the findings' codes: ['WL201', 'WL207']")]
    tools: Annotated[
        tuple[str, ...],
        msgspec.Meta(description="in these tools alone: 'apptainer*', 'kernel-nouserxattr'; shell patterns of names"),
    ] = ()
    versions: Annotated[tuple[Range, ...], msgspec.Meta(description="in these of the defect's versions alone")] = ()
    profiles: Annotated[tuple[Profile, ...], msgspec.Meta(description="in these profiles alone")] = ()
    places: Annotated[
        tuple[PlaceName, ...],
        msgspec.Meta(description="at these places alone: 'view', 'imported' whoever imports, 'imported@docker'"),
    ] = ()
    paths: Annotated[
        tuple[str, ...], msgspec.Meta(description="shell patterns, one of which the escaped path fits")
    ] = ()
    facts: Annotated[
        dict[str, Fact],
        msgspec.Meta(
            description="the finding's facts, by name: text as a shell pattern, which of a list one element fits"
        ),
    ] = {}
    scenarios: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="in these scenarios alone: where the code and its facts do not tell this cause from another"
        ),
    ] = ()
    sometimes: Annotated[
        bool, msgspec.Meta(description="the same cell shows it in one run and not in the next, so it need not show")
    ] = False


class Defect(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One cause. Its file's name is its name, by which reports, ``explain`` and ``defects`` speak of it."""

    schema: Annotated[int, msgspec.Meta(description=f"{SCHEMA}")]
    title: Annotated[str, msgspec.Meta(description="what happens, as a sentence without an end")]
    program: Annotated[
        str, msgspec.Meta(description="the one program that has it: 'fuse-overlayfs', 'kernel', 'squashfuse'")
    ]
    versions: Annotated[
        tuple[Range, ...],
        msgspec.Meta(min_length=1, description="its versions that have it, as measured, one range or several"),
    ]
    effect: Annotated[Effect, msgspec.Meta(description="the worst that comes of it")]
    cause: Annotated[str, msgspec.Meta(description="why it happens, one or two sentences")]
    signs: Annotated[tuple[Sign, ...], msgspec.Meta(min_length=1, description="how it shows")]
    witnesses: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            min_length=1, description="scenarios in which it shows on every tool that has it and that they run on"
        ),
    ]
    remedy: Annotated[str, msgspec.Meta(description="what a user can do")]
    kind: Annotated[
        Literal["defect", "limit"], msgspec.Meta(description="limit: the program says of itself that it is so")
    ] = "defect"
    mechanism: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="the calls that make it, in their order, as whiteout-lab why prints them: shell patterns, of which a test sees each"
        ),
    ] = ()
    links: Annotated[tuple[str, ...], msgspec.Meta(description="where one can read about it; the first is shown")] = ()
    upstream: Annotated[str, msgspec.Meta(description="what its maintainers say of versions, where that differs")] = ""
    seen: Annotated[
        str,
        msgspec.Meta(
            description="the day on which this project saw it, where nobody had reported it then: '2026-11-24'"
        ),
    ] = ""
    name: str = ""

    @property
    def link(self) -> str:
        """The first link; empty where there is none."""
        return self.links[0] if self.links else ""


class Named(msgspec.Struct, frozen=True, omit_defaults=True):
    """A defect as a result has it: enough for a sentence, and to find the file."""

    defect: str = ""
    title: str = ""
    reason: str = ""
    link: str = ""
    code: str = ""  # of a defect that is gone: the code that its first sign has


def named(defect: Defect, code: str = "") -> Named:
    """What a result says of a defect."""
    return Named(defect.name, defect.title, defect.cause, defect.link, code)
