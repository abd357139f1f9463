"""TOML, read within bounds: whatever a file of a megabyte holds, it is data or an error, and soon. Pure."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from harness.errors import ScenarioError

MAX_PARTS = 16  # of a dotted key: tomllib's time goes with the square of them
MAX_DEPTH = 24  # tables and lists in one another
MAX_NUMBER = 1 << 63  # as TOML has them: 64 bits, with a sign (toml.io/en/v1.0.0#integer)
_TEXT = re.compile(
    r'"""(?:\\.|[^\\])*?(?:"""|\Z)' r"|'''.*?(?:'''|\Z)" r'|"(?:\\.|[^"\\\n])*"?' r"|'[^'\n]*'?" r"|#[^\n]*", re.DOTALL
)
_LONG_KEY = re.compile(rf"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){{{MAX_PARTS}}}")

MAX_FILE = 1 << 20  # bytes: a scenario is a page of text, and tomllib reads its file whole
NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


def read_toml(raw: bytes, where: str) -> dict[str, Any]:
    """The table that a file holds. Raises ScenarioError."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ScenarioError(
            f"is not UTF-8 (byte {error.start})", where=where, remedy=r"write other bytes of a name as \\xNN"
        ) from error
    # Each quoted part becomes one letter, so that a key is seen whole, and what is only text is not taken for one.
    if _LONG_KEY.search(_TEXT.sub(lambda found: "" if found[0].startswith("#") else "s", text)):
        raise ScenarioError(
            f"a key of more than {MAX_PARTS} parts", where=where, remedy="no key of the format is as long"
        )
    try:
        data = tomllib.loads(text)
    except RecursionError as error:
        raise ScenarioError("is not TOML: lists in lists without an end", where=where) from error
    except (
        ValueError
    ) as error:  # besides TOMLDecodeError: numbers with more digits than Python reads, dates that are none
        raise ScenarioError(f"is not TOML: {str(error)[:200]}", where=where) from error
    _bounded(data, where)
    return data


def _bounded(data: dict[str, Any], where: str) -> None:
    """Raise ScenarioError for what is too deep, or too large for a number. Not recursive: it is there for what is deep."""
    todo: list[tuple[Any, int, str]] = [(data, 0, "")]
    while todo:
        value, depth, top = todo.pop()
        at = f"{where}: {top[:80]}" if top else where
        if isinstance(value, int) and not -MAX_NUMBER <= value < MAX_NUMBER:
            raise ScenarioError("a number of more than 64 bits", where=at, remedy="TOML has none")
        if depth > MAX_DEPTH:
            raise ScenarioError(
                f"more than {MAX_DEPTH} tables and lists in one another", where=at, remedy="see: whiteout-lab schema"
            )
        if isinstance(value, dict):
            todo += [(inner, depth + 1, top or key) for key, inner in value.items()]
        elif isinstance(value, list):
            todo += [(inner, depth + 1, top) for inner in value]


def raw_file(path: Path) -> bytes:
    """A file of at most MAX_FILE bytes. Raises ScenarioError."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE + 1)
    except OSError as error:
        raise ScenarioError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if len(raw) > MAX_FILE:
        raise ScenarioError(
            "larger than 1 MiB", where=str(path), remedy="a scenario is a page of text: is this the right file?"
        )
    return raw


def table(raw: bytes, where: str, schema: int) -> dict[str, Any]:
    """The top table of a file of this schema. Raises ScenarioError."""
    data = read_toml(raw, where)
    if data.get("schema") != schema or isinstance(data["schema"], bool):
        raise ScenarioError(
            f"schema is {str(data.get('schema', 'missing'))[:80]!r}",
            where=f"{where}: schema",
            remedy=f"this version reads schema = {schema}",
        )
    return data
