"""``explain``: what a finding means, an example, who is affected, and what to do."""

from __future__ import annotations

import argparse
import difflib
import shutil
import textwrap

from harness.errors import UsageError
from harness.judge.codes import CODES, Code

WIDEST = 100  # columns: longer lines are hard to read on any terminal


def register(parser: argparse.ArgumentParser) -> None:
    """The words of ``explain``."""
    parser.add_argument(
        "code", nargs="?", metavar="CODE", help="such as WL101, or marker-of-a-marker (default: a list)"
    )
    parser.set_defaults(handler=show)


def show(arguments: argparse.Namespace) -> int:
    """Print one code, or the list of all."""
    if arguments.code is None:
        print(listing())
    else:
        print(explained(find(arguments.code), shutil.get_terminal_size().columns))
    return 0


def find(word: str) -> Code:
    """The code that *word* names: by its number, in either case, or by its name. Raises UsageError with what it may have meant."""
    by_name = {row.name: row for row in CODES.values()}
    found = CODES.get(word.upper()) or by_name.get(word.lower())
    if found is not None:
        return found
    near = difflib.get_close_matches(word.upper(), CODES, n=3) + difflib.get_close_matches(word.lower(), by_name, n=3)
    raise UsageError(
        f"no code {word!r}",
        remedy=f"did you mean {', '.join(near)}?" if near else "whiteout-lab explain lists all codes",
    )


def listing() -> str:
    """Every code with its sentence."""
    width = max(len(row.name) for row in CODES.values())
    return "\n".join(f"{row.code}  {row.name:{width}}  {row.says}" for row in CODES.values())


def explained(row: Code, columns: int) -> str:
    """One code as text of at most *columns*."""
    width = max(40, min(columns, WIDEST))
    parts = [f"{row.code} {row.name}", textwrap.fill(row.says, width)]
    for title, text in (("Why it is bad", row.why), ("Who is affected", row.affected), ("What to do", row.remedy)):
        if title == "Who is affected":
            parts.append("Example\n" + textwrap.indent(row.example, "    "))
        parts.append(f"{title}\n" + textwrap.fill(text, width, initial_indent="  ", subsequent_indent="  "))
    return "\n\n".join(parts)
