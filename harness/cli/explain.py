"""``explain``: what a finding means, an example, who is affected, and what to do; or one defect whole."""

from __future__ import annotations

import argparse
import difflib
import shutil
import textwrap
from pathlib import Path

from harness.errors import UsageError
from harness.judge.codes import CODES, Code
from harness.judge.defects.titles import names, titles
from harness.machine.project import project_folder
from harness.names import one_line

WIDEST = 100  # columns: longer lines are hard to read on any terminal


def register(parser: argparse.ArgumentParser) -> None:
    """The words of ``explain``."""
    parser.add_argument(
        "code",
        nargs="?",
        metavar="CODE",
        help="a code, such as WL101 or marker-of-a-marker, or a defect, such as fuse-overlayfs-306 (default: a list)",
    )
    parser.set_defaults(handler=show)


def show(arguments: argparse.Namespace) -> int:
    """Print one code, one defect, or the list of all."""
    columns = shutil.get_terminal_size().columns
    word = arguments.code
    if word is None:
        print(listing())
    elif word.lower() in names(_folder()):
        print(explained_defect(word.lower(), columns))
    else:
        print(explained(find(word), columns))
    return 0


def _folder() -> Path:
    return project_folder() / "scenarios" / "defects"


def find(word: str) -> Code:
    """The code that *word* names: by its number, in either case, or by its name. Raises UsageError with what it may have meant."""
    by_name = {row.name: row for row in CODES.values()}
    found = CODES.get(word.upper()) or by_name.get(word.lower())
    if found is not None:
        return found
    near = difflib.get_close_matches(word.upper(), CODES, n=3)
    near += difflib.get_close_matches(word.lower(), [*by_name, *names(_folder())], n=3)
    raise UsageError(
        f"no code {word!r}, and no defect of that name",
        remedy=f"did you mean {', '.join(near)}?" if near else "whiteout-lab explain lists all codes and defects",
    )


def listing() -> str:
    """Every code with its sentence, and below them every defect with its title."""
    width = max(len(row.name) for row in CODES.values())
    lines = [f"{row.code}  {row.name:{width}}  {row.says}" for row in CODES.values()]
    defects = {one_line(name): one_line(title) for name, title in titles(_folder()).items()}
    if defects:
        width = max(map(len, defects))
        lines += ["", "Defects", *(f"{name:{width}}  {title}" for name, title in defects.items())]
    return "\n".join(lines)


def explained(row: Code, columns: int) -> str:
    """One code as text of at most *columns*."""
    width = max(40, min(columns, WIDEST))
    parts = [f"{row.code} {row.name}", textwrap.fill(row.says, width)]
    for title, text in (("Why it is bad", row.why), ("Who is affected", row.affected), ("What to do", row.remedy)):
        if title == "Who is affected":
            parts.append("Example\n" + textwrap.indent(row.example, "    "))
        parts.append(f"{title}\n" + textwrap.fill(text, width, initial_indent="  ", subsequent_indent="  "))
    return "\n\n".join(parts)


def explained_defect(name: str, columns: int) -> str:
    """One defect whole, as text of at most *columns*; a link stays in one piece. Raises ScenarioError for files with mistakes."""
    from harness.judge.defects.words import ranges_text, sign_text  # noqa: PLC0415 - they load what no code needs
    from harness.runs.decide import known_defects  # noqa: PLC0415

    defect = next(one for one in known_defects() if one.name == name)
    width = max(40, min(columns, WIDEST))
    upstream = f"; its maintainers say: {defect.upstream}" if defect.upstream else ""
    kind = ", by design" if defect.kind == "limit" else ""
    links = defect.links or (f"seen by this project on {defect.seen}, not reported when written",)
    sections = (
        ("Why it happens", [defect.cause]),
        (f"Which versions of {defect.program}", [f"{ranges_text(defect.versions)}, as measured{upstream}"]),
        ("What to do", [defect.remedy]),
        ("Where to read about it", links),
        *([("Which calls make it (why shows them)", list(defect.mechanism))] if defect.mechanism else []),
        ("How it shows", [sign_text(sign) for sign in defect.signs]),
        ("Scenarios that show it", [", ".join(defect.witnesses)]),
    )
    parts = [defect.name, textwrap.fill(one_line(f"{defect.title} ({defect.effect.words}{kind})"), width)]
    for title, texts in sections:
        several = len(texts) > 1
        begins, goes_on = ("  - ", "    ") if several else ("  ", "  ")
        lines = [
            textwrap.fill(
                one_line(" ".join(text.split())), width, initial_indent=begins, subsequent_indent=goes_on,
                break_long_words=False, break_on_hyphens=False,
            )
            for text in texts
        ]  # fmt: skip
        parts.append("\n".join([title, *lines]))
    return "\n\n".join(parts)
