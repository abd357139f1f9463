"""Sentences that hold names: text that is safe for a terminal and for HTML, since the names in it stay apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.evidence.recording import ToolRecord
from harness.worlds.model import version_order

GIVEN = {"given", "installed"}  # origins of programs that the user put there
MANY = 4  # versions in a row, from which on the first and the last are named


@dataclass(frozen=True)
class Name:
    """A name inside a sentence, in the escaped text form."""

    text: str


Words = tuple[str | Name, ...]


def plain(words: Words) -> str:
    """A sentence for a terminal: names stand between back quotes."""
    return "".join(f"`{word.text}`" if isinstance(word, Name) else word for word in words)


def bare(words: Words) -> str:
    """Words without what marks names."""
    return "".join(word.text if isinstance(word, Name) else word for word in words)


def listing(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def names(texts: Iterable[str], most: int = 2) -> Words:
    """Names with commas between them; of many the first ones, and how many more there are."""
    every = [short(text) for text in sorted(set(texts))]
    out: list[str | Name] = []
    for text in every[:most]:
        out += [", ", Name(text)] if out else [Name(text)]
    if len(every) > most:
        out.append(f" and {len(every) - most} more")
    return tuple(out)


def short(text: str, longest: int = 64) -> str:
    """A long name with its middle left out: what stands in a sentence; tables have the whole of it."""
    return text if len(text) <= longest else f"{text[: longest // 2]}…{text[-longest // 4 :]}"


def count(number: int, one: str, many: str = "") -> str:
    """``1 cell``, ``2 cells``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


@dataclass(frozen=True)
class Column:
    """A tool at a version, in a profile: what a column of the grid is, and a subject of sentences."""

    program: str
    name: str  # program and setup
    version: str  # as people see it, with what tells it apart from another build
    profile: str
    number: str = field(default="", compare=False)  # the version alone, by which columns are ordered
    rank: int = field(default=0, compare=False)  # among builds of one version: as they were named
    called: str = field(default="", compare=False)  # the program as people say it; empty: by its name
    titled: str = field(default="", compare=False)  # the tool without its version; empty: by its name
    place: int = field(default=0, compare=False)  # in the order of tools
    given: bool = field(default=False, compare=False)  # by the user: what it mends is no alarm

    @staticmethod
    def of(tool: ToolRecord, profile: str) -> Column:
        return Column(
            tool.program, tool.name, tool.version, profile, tool.plain, tool.rank, tool.called, tool.title, tool.place,
            is_given(tool),
        )  # fmt: skip

    @property
    def title(self) -> str:
        """The tool without its version, as people say it."""
        return self.titled or self.name

    @property
    def label(self) -> str:
        return f"{self.title} {self.version}"

    @property
    def order(self) -> tuple[object, ...]:
        """By the order of tools; then names, then versions as people read them, then as they were named, then root before user."""
        number = version_order(self.number or self.version)
        return (self.place, self.name, number, self.rank, self.version, self.profile)


def is_given(tool: ToolRecord) -> bool:
    """Whether a program is one that the user put there, and not one that came with the machine or a world."""
    return tool.origin in GIVEN


def who(columns: Iterable[Column], ran: Iterable[Column]) -> tuple[str, bool]:
    """Tools and versions as a subject, and whether it is many: ``fuse-overlayfs 1.4, 1.10 and kernel 6.18 (user)``.

    A profile is named only where a version ran in another one too and does not belong here. Of many versions that follow each other among
    those that ran the first and the last are named: ``0.7.5–1.14``.
    """
    having = sorted(set(columns), key=lambda column: column.order)
    every = sorted({*having, *ran}, key=lambda column: column.order)
    profiles: dict[tuple[str, str], set[str]] = {}
    neighbours: dict[str, list[str]] = {}  # title -> every version that ran, in order
    programs = {column.title: column.called or column.program for column in every}
    for column in every:
        profiles.setdefault((column.name, column.version), set()).add(column.profile)
        versions = neighbours.setdefault(column.title, [])
        if column.version not in versions:
            versions.append(column.version)
    groups: dict[tuple[str, str], list[str]] = {}  # (title, profile or "") -> versions
    seen: set[tuple[str, str]] = set()
    for column in having:
        key = (column.name, column.version)
        if key in seen:
            continue
        seen.add(key)
        mine = {other.profile for other in having if (other.name, other.version) == key}
        only = "" if mine >= profiles.get(key, set()) else listing(sorted(mine))
        groups.setdefault((column.title, only), []).append(column.version)
    named = {key: _runs(versions, neighbours[key[0]]) for key, versions in groups.items()}
    return listing(_together(named, programs)), len(seen) > 1


def _runs(versions: Sequence[str], every: Sequence[str]) -> list[str]:
    """Versions in their order, those that stand beside each other in *every* as one, where they are many."""
    place = {version: number for number, version in enumerate(every)}
    runs: list[list[str]] = []
    for version in versions:
        if runs and place[version] == place[runs[-1][-1]] + 1:
            runs[-1].append(version)
        else:
            runs.append([version])
    return [name for run in runs for name in ([f"{run[0]}–{run[-1]}"] if len(run) >= MANY else run)]


def _together(groups: Mapping[tuple[str, str], Sequence[str]], programs: Mapping[str, str]) -> list[str]:
    """``SingularityCE 4.2.0, 4.5.0 (plain, with ext3)``: setups of one program that share versions and profile are named once.

    *programs*: by title, as people say them.
    """
    merged: dict[tuple[str, tuple[str, ...], str], list[str]] = {}
    for (title, only), versions in groups.items():
        merged.setdefault((programs[title], tuple(versions), only), []).append(title)
    parts = []
    for (program, versions, only), titles in merged.items():
        setups = ", ".join(title.removeprefix(program).strip() or "plain" for title in titles)
        about = "; ".join(part for part in (setups if len(titles) > 1 else "", only) if part)
        name = program if len(titles) > 1 else titles[0]
        parts.append(f"{name} {', '.join(versions)}" + (f" ({about})" if about else ""))
    return parts
