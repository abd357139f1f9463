"""The whole page as data: what the template takes. Pure, but for the attachments that are read last."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from harness.compare import defects as compared
from harness.compare.noise import NOISE, Noise
from harness.compare.sentences import FOUNDING, NotRun, Rank, Sentence, counts, not_run, sentences
from harness.compare.words import count
from harness.diagnose.told import Seen
from harness.evidence.recording import ToolRecord
from harness.judge.codes import CODES, Code
from harness.report import markup
from harness.report.attachments import Attachments, attach
from harness.report.defects import ChangeRow, DefectTable, change_rows, defect_tables, row_id
from harness.report.faults import FaultsPage, faults_page
from harness.report.grid import Grid, grid
from harness.report.load import Loaded, LoadedRuns
from harness.report.readings import ReadingsPage, readings_page
from harness.report.scenario import Section, section
from harness.runs.results import CellResult, RunFacts
from harness.whiteouts.encodings import ENCODINGS, Row

URGENT = ("new", "fixed", "broken")  # states of scenarios that come first, and are not folded
MANY = 720  # cells that ran; beyond, mounts and logs are shown of one cell for each class


@dataclass(frozen=True)
class ImageWords:
    """What came of images, for the first screen: whose they were, in which scenarios, and a sentence."""

    tools: str
    words: str
    scenarios: tuple[str, ...]


def images_of(sections: Sequence[Section]) -> tuple[ImageWords, ...]:
    """What came of the images of each class of tools; what is said of the most scenarios first."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in sections:
        for journey in one.journeys:
            if journey.answer:
                found.setdefault((journey.tools, journey.answer), []).append(one.name)
    ordered = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(ImageWords(tools, words, tuple(names)) for (tools, words), names in ordered)


@dataclass(frozen=True)
class Page:
    """Everything on the page, in its order."""

    title: str
    scale: str
    kernel: str
    date: str
    lead: tuple[Sentence, ...]
    images: tuple[ImageWords, ...]
    new: tuple[Sentence, ...]
    fixed: tuple[Sentence, ...]
    changes: tuple[ChangeRow, ...]
    defects: tuple[DefectTable, ...]
    known: tuple[Sentence, ...]
    counts: dict[str, int]
    not_run: tuple[NotRun, ...]
    excluded: tuple[NotRun, ...]
    unavailable: tuple[dict[str, str], ...]
    grid: Grid
    sections: tuple[tuple[Section, Attachments], ...]
    codes: dict[str, Code]
    encodings: tuple[Row, ...]
    tools: tuple[ToolRecord, ...]
    runs: tuple[RunFacts, ...]
    noise: tuple[Noise, ...]
    unseen: tuple[str, ...]
    replaced: int
    judged_again: bool
    brief: bool
    there: frozenset[str]  # the defects that have a row
    readings: ReadingsPage | None = None
    faults: FaultsPage | None = None
    came: Mapping[str, str] = field(
        default_factory=dict
    )  # by "CODE (defect)", or the code alone: how such a mark came to be

    @property
    def all_given(self) -> bool:
        """Whether what is gone is so on programs alone that the user gave."""
        return all(one.given for one in self.fixed)

    @property
    def news_words(self) -> str:
        """``2 findings that no defect explains, 1 defect that is back``."""
        back = sum(one.rank is Rank.BACK for one in self.new)
        numbers = (
            (len(self.new) - back, "thing that no defect explains", "things that no defect explains"),
            (back, "defect that is back", "defects that are back"),
            (len(self.fixed), "defect that is gone", "defects that are gone"),
        )
        return ", ".join(count(number, one, many) for number, one, many in numbers if number)

    @property
    def names(self) -> frozenset[str]:
        """The scenarios that have a section."""
        return frozenset(one.name for one, _ in self.sections)

    def how(self, one: Sentence) -> str:
        """How what a sentence speaks of came to be, where somebody looked on; empty where nobody did."""
        return self.came.get(f"{one.code} ({one.defect})" if one.defect else one.code, "")

    def defect(self, name: str) -> Markup:
        """A defect's name, which leads to its row."""
        return markup.defect(name, row_id(name) if name in self.there else "")


def page(loaded: LoadedRuns) -> Page:
    """The page of one or several runs."""
    results = loaded.results
    by_scenario: dict[str, list[Loaded]] = {}
    for one in loaded.cells:
        by_scenario.setdefault(one.result.scenario, []).append(one)
    brief = sum(one.recording is not None for one in loaded.cells) > MANY
    tables = compared.tables(results.cells, results.defects)
    there = {row.defect.name for table in tables for row in table.rows}
    made = [(section(name, cells, there, brief=brief), cells) for name, cells in by_scenario.items()]
    made.sort(key=lambda pair: URGENT.index(pair[0].state) if pair[0].state in URGENT else len(URGENT))
    attached = attach(made)
    found = sentences(results.cells)
    known = tuple(one for one in found if one.rank is Rank.KNOWN)
    lead = tuple(one for one in known[:1] if one.code == FOUNDING)
    reasons = not_run(results.cells)
    table = grid(results.cells, {one.name: one.title for one, _ in made}, [one.name for one, _ in made])
    used = {one.code for one in found}
    labels = {(column.name, column.version) for column in table.columns}
    return Page(
        title="Whiteout Lab",
        scale=_scale(len(by_scenario), labels, results.cells),
        kernel=results.run.kernel,
        date=results.run.started[:16].replace("T", " ") + " UTC",
        lead=lead,
        images=images_of([one for one, _ in made]),
        new=tuple(one for one in found if one.rank in {Rank.NEW, Rank.BACK}),
        fixed=tuple(one for one in found if one.rank is Rank.GONE),
        changes=change_rows(compared.changes(tables)),
        defects=defect_tables(tables),
        known=tuple(one for one in _each_defect_first(known, tables) if one not in lead),
        counts=counts(results),
        not_run=tuple(one for one in reasons if one.kind != "excluded"),
        excluded=tuple(one for one in reasons if one.kind == "excluded"),
        unavailable=tuple(one for run in loaded.runs for one in run.unavailable),
        grid=table,
        sections=tuple((one, more) for (one, _), more in zip(made, attached, strict=True)),
        codes={code: CODES[code] for code in sorted(used) if code in CODES},
        encodings=tuple(ENCODINGS.values()),
        tools=_tools(loaded),
        runs=loaded.runs,
        noise=NOISE,
        unseen=_unseen(loaded),
        replaced=loaded.replaced,
        judged_again=loaded.judged_again,
        brief=brief,
        there=frozenset(there),
        readings=readings_page(loaded.readings, {one.result.id: one.column for one in loaded.cells}),
        faults=faults_page(loaded.faults),
        came=_came(loaded),
    )


def _came(loaded: LoadedRuns) -> dict[str, str]:
    """The first sentence that was seen of each, by calls before what is told by steps or names alone."""
    told: dict[str, str] = {}
    stories = [story for one in loaded.cells if one.why is not None for story in one.why.stories]
    for story in sorted(stories, key=lambda one: one.seen is not Seen.CALLS):
        for found in story.findings:
            told.setdefault(found, story.sentence)
    return told


def _each_defect_first(known: Sequence[Sentence], tables: Sequence[compared.Table]) -> tuple[Sentence, ...]:
    """Of each defect one sentence, the worst effect first, before any says a second one: what stands first is not folded."""
    worst = {row.defect.name: place for place, row in enumerate(compared.showing(tables))}
    sentences_of: Counter[str] = Counter()
    ordered: list[tuple[tuple[int, int, int], Sentence]] = []
    for place, one in enumerate(known):
        ordered.append(((sentences_of[one.defect], worst.get(one.defect, len(worst)), place), one))
        sentences_of[one.defect] += 1
    return tuple(one for _, one in sorted(ordered, key=lambda pair: pair[0]))


def _scale(scenarios: int, labels: set[tuple[str, str]], cells: Sequence[CellResult]) -> str:
    profiles = {cell.profile for cell in cells}
    return " \N{MULTIPLICATION SIGN} ".join(
        (count(scenarios, "scenario"), count(len(labels), "tool"), count(len(profiles), "profile"))
    )


def _tools(loaded: LoadedRuns) -> tuple[ToolRecord, ...]:
    found: dict[str, tuple[tuple[object, ...], ToolRecord]] = {}
    for one in loaded.cells:
        tool = one.result.tool
        found.setdefault(
            json.dumps([tool.name, tool.version, tool.world, tool.kernel, tool.sha256]), (one.column.order, tool)
        )
    return tuple(tool for _, tool in sorted(found.values(), key=lambda pair: pair[0][:4]))


def _unseen(loaded: LoadedRuns) -> tuple[str, ...]:
    found: dict[tuple[str, str], int] = {}
    for one in loaded.cells:
        for space in one.recording.unseen if one.recording else ():
            key = (space, one.result.profile.value)
            found[key] = found.get(key, 0) + 1
    return tuple(
        f"xattrs in {space}.* could not be read in the profile {profile} ({count(number, 'cell')}): not seen is not absent"
        for (space, profile), number in sorted(found.items())
    )
