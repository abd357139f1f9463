"""What the files of kept folders have in common: corpus cases and defects are named by their file, titled and linked.

Scenario files are read in ``loader``, which looks on where a part is wrong, and so tells more of their mistakes at once.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from harness.scenario.convert import BAD, check_keys, fields_of, read
from harness.scenario.mistakes import Enough, Mistakes, end_all
from harness.scenario.toml import NAME, raw_file, table

One = TypeVar("One")
Record = TypeVar("Record", bound=msgspec.Struct)


def load_folder(folder: Path, parse: Callable[[bytes, str, Mistakes], One | None]) -> tuple[One, ...]:
    """Every TOML file of a folder, by name. No folder: none. Raises ScenarioError with the mistakes of all files.

    *parse* makes of a file's bytes and its name what it says, or None where it has mistakes.
    """
    found: list[One] = []
    wrong: list[Mistakes] = []
    for path in sorted(folder.glob("*.toml")):
        mistakes = Mistakes(str(path))
        with contextlib.suppress(Enough), mistakes.taken():
            one = parse(raw_file(path), path.stem, mistakes)
            found += [one] if one is not None and not mistakes.found else []
        wrong += [mistakes] if mistakes.found else []
    end_all(wrong)
    return tuple(found)


def named_table(
    raw: bytes, name: str, schema: int, called: str, mistakes: Mistakes, *, dots: bool = False
) -> dict[str, Any]:
    """The top table of a file, whose name is that of what it says. *dots*: a name may have them. Raises ScenarioError, Enough."""
    data = table(raw, mistakes.where, schema)
    if not NAME.fullmatch(name.replace(".", "-") if dots else name):
        remedy = "use lower-case letters, digits, '.' and '-'" if dots else "use lower-case letters, digits and '-'"
        mistakes.add(f"the name {name[:80]!r} is not one for a {called}", remedy=remedy)
    if "name" in data:
        mistakes.add("unknown key 'name'", "name", f"the file's name is the {called}'s name")
        del data["name"]
    return data


def read_whole(data: dict[str, Any], name: str, kind: type[Record], mistakes: Mistakes) -> Record | None:
    """The table of :func:`named_table` as a record, or None where the file has mistakes. Raises Enough."""
    check_keys(data, kind, "", mistakes)
    fields = {
        field.name: read(data[field.name], field.type, field.name, mistakes)
        for field in fields_of(kind)
        if field.name in data
    }
    if BAD in fields.values() or mistakes.found:
        return None
    return msgspec.convert({**data, "name": name}, kind)


def check_sentences(record: msgspec.Struct, keys: Iterable[str], mistakes: Mistakes) -> None:
    """Tell each key whose text says nothing. Raises Enough."""
    for key in keys:
        if len(getattr(record, key).strip()) < 10:
            mistakes.add("says too little", key, "one sentence that a stranger understands")


def check_links(links: Sequence[str], mistakes: Mistakes) -> None:
    """Tell what is no address of a page. Raises Enough."""
    for i, link in enumerate(links):
        if not re.fullmatch(r"https://\S+", link):
            mistakes.add(f"{link[:80]!r} is no link", f"links[{i}]", "write https://…")
