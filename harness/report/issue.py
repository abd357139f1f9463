"""The text of a bug report in Markdown, as it is pasted: what happens, what should, the fewest commands, versions, environment. Pure.

GitHub takes 65,536 characters. What would be longer is cut by whole blocks, and says what is not there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.compare.words import count
from harness.diagnose.told import Why, story_lines
from harness.evidence.recording import Recording
from harness.judge.codes import CODES
from harness.judge.defects.model import Defect, Effect
from harness.judge.findings import Finding, often
from harness.names import one_line
from harness.report.projects import Part, Project
from harness.report.summary import code, fenced

LONGEST = 65_536  # characters; GitHub's limit of an issue's text
_OUTPUT = (120, 40, 12, 0)  # lines of what commands print, tried in this order
_STORIES = 4  # of one cell
_FINDINGS = 12  # of one cell that are told
_EXIT_CODES = (
    "Exit codes: 0 as it should be, 1 it is wrong, 125 this build cannot be tested, 77 the machine lacks something; `PROGRAM=/path` takes "
    "another build, so that `git bisect run` can use it. `report.html` in it shows the trees side by side."
)


@dataclass(frozen=True)
class Tried:
    """How often something showed what it should: of *runs* runs *shown*; *said* is what the last of them printed."""

    runs: int = 0
    shown: int = 0
    said: str = ""
    why_not: str = ""  # why it was not run


@dataclass(frozen=True)
class Case:
    """One cell of the report. ``steps``: what a person types, empty where a few commands would not do."""

    recording: Recording
    findings: tuple[Finding, ...]
    folder: str
    steps: str = ""
    printed: Tried = Tried()  # of the steps
    script: Tried = Tried()  # of reproduce.sh
    versions: tuple[str, ...] = ()  # sentences
    why: Why | None = None  # what a run under observation told


@dataclass(frozen=True)
class Issue:
    """Everything that the text is made of."""

    cases: tuple[Case, ...]
    defects: Mapping[str, Defect]  # by name, those that explain a finding
    archive: str  # its file's name
    folder: str  # that it unpacks to
    taken_out: tuple[str, ...]


def title(first: Case, defects: Mapping[str, Defect]) -> str:
    """One line of the first case: the tool, and the worst that happens. What nobody has named yet comes first."""
    tool = f"{first.recording.tool.title or first.recording.tool.name} {first.recording.tool.version}"
    new = [one for one in first.findings if one.known is None]
    if new:
        return one_line(f"{tool}: {new[0].message}")[:200]
    named = [defects[one.known.defect] for one in first.findings if one.known and one.known.defect in defects]
    mine = [one for one in named if one.program == first.recording.tool.program] or named
    worst = min(mine, key=lambda one: one.effect.place, default=None)
    return one_line(f"{tool}: {worst.title if worst else first.recording.scenario.title}")[:200]


def issue_text(issue: Issue, project: Project, longest: int = LONGEST) -> str:
    """The text, below *longest* characters."""
    for most in _OUTPUT:
        text = _text(issue, project, most)
        if len(text) < longest:
            return text
    first = Issue(issue.cases[:1], issue.defects, issue.archive, issue.folder, issue.taken_out)
    left = f"\n{count(len(issue.cases) - 1, 'more cell')} in the attached report.\n" if len(issue.cases) > 1 else ""
    text = _text(first, project, 0) + left
    note = "\n\n… cut: the attached report has the rest.\n"
    return text if len(text) < longest else text[: longest - len(note) - 1].rpartition("\n")[0] + note


def _text(issue: Issue, project: Project, most: int) -> str:
    parts: dict[Part, Callable[[], str]] = {
        Part.WHY: lambda: _each_that(issue, _why),
        Part.WHAT: lambda: _each(issue, lambda case: _what(case, issue)),
        Part.EXPECTED: lambda: _each(issue, _expected),
        Part.STEPS: lambda: _each(issue, lambda case: _steps(case, issue, most)),
        Part.VERSIONS: lambda: _bullets(_once(line for case in issue.cases for line in case.versions)),
        Part.TOOL: lambda: _bullets(_once(line for case in issue.cases for line in _tool(case))),
        Part.RUN: lambda: _run(issue),
        Part.SYSTEM: lambda: _system(issue),
        Part.INSTALLED: lambda: _bullets(_once(_installed(case) for case in issue.cases)),
        Part.KNOWN: lambda: _known(issue),
        Part.TAKEN_OUT: lambda: _taken_out(issue),
        Part.PODMAN: lambda: "(to be answered by whoever sends this)",
    }
    out = [f"# {_inert(title(issue.cases[0], issue.defects))}"]
    for heading, wanted in project.sections:
        told = [text for text in (parts[one]() for one in wanted) if text]
        if told:
            out += [project.heading.format(heading), *told]
    return "\n\n".join(out) + "\n"


def _once(lines: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(lines))


def _each(issue: Issue, told: Callable[[Case], str]) -> str:
    """Of one cell, and where all are alike, as it is; of several each below its name."""
    texts = [told(case) for case in issue.cases]
    if len(set(texts)) == 1:
        return texts[0]
    return "\n\n".join(f"{code(case.recording.id)}:\n\n{text}" for case, text in zip(issue.cases, texts, strict=True))


def _each_that(issue: Issue, told: Callable[[Case], str]) -> str:
    """Of those cells alone of which there is something to tell."""
    having = tuple(case for case in issue.cases if told(case))
    return _each(Issue(having, issue.defects, issue.archive, issue.folder, issue.taken_out), told) if having else ""


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"* {line}" for line in lines)


def _what(case: Case, issue: Issue) -> str:
    recording = case.recording
    tool = f"{recording.tool.title or recording.tool.name} {recording.tool.version}"
    who = "as root" if recording.profile == "root" else "as an ordinary user"
    worst_first = sorted(case.findings, key=lambda one: _weight(one, issue.defects))
    shown = [_finding(one) for one in worst_first[:_FINDINGS]]
    more = len(case.findings) - _FINDINGS
    shown += [f"{count(more, 'more finding')}: see the attached report"] if more > 0 else []
    return f"{_sentence(recording.scenario.title)} With {_inert(tool)}, {who}:\n\n{_bullets(shown)}"


def _weight(one: Finding, defects: Mapping[str, Defect]) -> int:
    """What nobody has named first, then by the worst that comes of it."""
    if one.known is None:
        return -1
    defect = defects.get(one.known.defect)
    return defect.effect.place if defect is not None else len(Effect)


def _why(case: Case) -> str:
    """How the marks came to be of which something is found, the step first and the calls below it."""
    stories = [one for one in case.why.stories if one.findings][:_STORIES] if case.why is not None else []
    if case.why is None or not stories:
        return ""
    blocks = []
    for one in stories:
        lines = [f"{one.path}: {one.says}", *(f"  {name:<9}{words}".rstrip() for name, words in story_lines(one))]
        blocks.append("\n".join(map(one_line, lines)))
    told = [f"How it comes to be, as seen by {_inert(case.why.by)}:", fenced("\n\n".join(blocks))]
    return "\n\n".join([*told, _bullets([_inert(f"{one.path}: {one.sentence}") for one in stories])])


def _finding(one: Finding) -> str:
    times = f" ({often(one)})" if often(one) else ""
    return f"{_inert(f'{one.message}{times}')} [{one.code} {CODES[one.code].name}, {one.place}]"


def _expected(case: Case) -> str:
    scenario = case.recording.scenario
    links = f"\n\nSee {', '.join(scenario.links)}" if scenario.links else ""
    return f"{_sentence(scenario.guards)} What users see must be what the same steps give on a plain directory.{links}"


def _steps(case: Case, issue: Issue, most: int) -> str:
    if not case.steps:
        return f"See {code(f'{issue.folder}/{case.folder}/script.sh')} in the attached archive: a few commands would not do."
    out = [fenced(case.steps, "sh")]
    if case.printed.said and most:
        often_ = (
            ""
            if case.printed.runs < 2
            else f" (the same each time in {case.printed.shown} of {case.printed.runs} runs)"
        )
        out += [f"It prints{often_}:", fenced(_shortened(case.printed.said, most))]
    elif case.printed.why_not:
        out.append(_sentence(case.printed.why_not))
    return "\n\n".join(out)


def _run(issue: Issue) -> str:
    lines = [f"tar -xzf {issue.archive}", f"sh {issue.folder}/reproduce.sh"]
    out = [
        f"The attached {code(issue.archive)} stands alone: it needs the tools and a POSIX shell, and says what is missing.",
        fenced("\n".join(lines), "sh"),
        _EXIT_CODES,
    ]
    for case in issue.cases:
        name = f"{code(case.recording.id)}: " if len(issue.cases) > 1 else ""
        if case.script.why_not:
            out.append(f"{name}It was not run again: {_inert(case.script.why_not)}.")
        elif case.script.shown:
            out.append(f"{name}It showed in {case.script.shown} of {count(case.script.runs, 'run')} here:")
            out.append(fenced(_shortened(case.script.said, 20)))
        else:
            out.append(
                f"{name}The script's own plain rules saw nothing in {count(case.script.runs, 'run')}: what is wrong is in the report, "
                "found by the rules that judge its recording."
            )
    return "\n\n".join(out)


def _tool(case: Case) -> list[str]:
    tool = case.recording.tool
    parts = [
        (tool.called or tool.program, tool.version, tool.says),
        *((one.name, one.version, "") for one in tool.parts),
    ]
    lines = [f"{_inert(name)} {_inert(version)}" + (f": {code(says)}" if says else "") for name, version, says in parts]
    return lines if tool.program == "kernel" else [*lines, f"kernel {_inert(tool.kernel)}"]


def _installed(case: Case) -> str:
    tool = case.recording.tool
    origin = {
        "world": f"Debian's package {code(tool.package)}, unpacked from {_inert(tool.world)}",
        "crate": "built from its crate",
        "given": f"built by hand (sha256 {tool.sha256[:16]}…)",
        "installed": f"an installation by hand (sha256 {tool.sha256[:16]}…)",
        "host": f"Debian's package {code(tool.package)}" if tool.package else "of this machine",
    }
    return f"{_inert(tool.called or tool.program)} {_inert(tool.version)}: {origin.get(tool.origin, 'of this machine')}"


def _system(issue: Issue) -> str:
    environment = issue.cases[0].recording.environment
    wanted = ("system", "kernel", "machine", "file system of the work folder")
    lines = [f"{key}: {code(environment[key])}" for key in wanted if key in environment]
    mounted = _once(line for case in issue.cases for line in case.recording.mounts)
    return _bullets(lines) + ("\n\nMounted as (mountinfo):\n\n" + fenced("\n".join(mounted[:8])) if mounted else "")


def _known(issue: Issue) -> str:
    names = _once(one.known.defect for case in issue.cases for one in case.findings if one.known)
    lines = []
    for name in names:
        if name in issue.defects:
            defect = issue.defects[name]
            every = defect.versions == ("any",)
            some = "every version" if every else ", ".join(map(code, defect.versions))
            versions = (
                f"in {some} of {defect.program} that was measured"
                if every
                else f"in {defect.program} {some}, as measured"
            )
            lines.append(f"{code(name)}: {_inert(defect.title)}; {versions}. {', '.join(defect.links)}".rstrip())
    return "Known to the harness that made this report as:\n\n" + _bullets(lines) if lines else ""


def _taken_out(issue: Issue) -> str:
    if not issue.taken_out:
        return ""
    return "Taken out of the attachment: " + "; ".join(issue.taken_out) + "."


def _sentence(text: str) -> str:
    said = _inert(text)
    return said[:1].upper() + said[1:] + ("" if said.endswith((".", "!", "?")) else ".")


def _inert(text: str) -> str:
    """Text that Markdown shows as it is: no mark-up, no tag, no mention of a person, no link to an issue."""
    quoted = re.sub(r"([\\`*_{}\[\]<>|~])", r"\\\1", one_line(text).replace("&", "&amp;"))
    return re.sub(r"([@#])(?=\w)", r"\1<!-- -->", quoted)


def _shortened(text: str, most: int) -> str:
    """Its first and last lines, and how many are between."""
    lines = text.rstrip("\n").split("\n")
    if len(lines) <= most:
        return "\n".join(lines)
    first = most // 2
    return "\n".join([*lines[:first], f"… {len(lines) - most} lines …", *lines[len(lines) - (most - first) :]])
