"""Reading the files of ``scenarios/corpus``: strict, every mistake of every file at once, with its place and remedy."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from harness.errors import ScenarioError
from harness.names import unescape
from harness.scenario.archive import SCHEMA, Allowed, ArchiveLayer, LayerCase, Member, as_leaf, as_member, nodes_of
from harness.scenario.check import MAX_PATH, check_text, check_tree
from harness.scenario.kept import check_links, check_sentences, load_folder, named_table, read_whole
from harness.scenario.mistakes import Mistakes, named
from harness.whiteouts.encodings import WH

MORE_THAN_THERE_IS = 1 << 16  # bytes: a size that lies is at least this, and so never ends within the archive
_TYPES = ("text", "symlink", "hardlink", "char", "block", "fifo")
_VERDICTS = ("meant", "refuse", "open")


def load_cases(folder: Path) -> tuple[LayerCase, ...]:
    """Every file of a folder, by name. No folder: none. Raises ScenarioError with the mistakes of all files."""
    return load_folder(folder, parse_case)


def parse_case(raw: bytes, name: str, mistakes: Mistakes) -> LayerCase | None:
    """The case that TOML text says, or None where it has mistakes, which are told. Raises ScenarioError, Enough."""
    data = named_table(raw, name, SCHEMA, "case", mistakes)
    case = read_whole(data, name, LayerCase, mistakes)
    if case is not None:
        _check(case, data, mistakes)
    return None if mistakes.found else case


def _check(case: LayerCase, said: Collection[str], mistakes: Mistakes) -> None:
    """Everything that types do not say. *said*: the keys of the file."""
    check_sentences(case, [key for key in ("title", "guards", "refuse", "open") if key in said], mistakes)
    check_links(case.links, mistakes)
    for i, layer in enumerate(case.layers):
        _check_layer(layer, f"layers[{i}]", mistakes)
    verdicts = [key for key in _VERDICTS if key in said]
    if len(verdicts) != 1:
        mistakes.add(
            f"says {' and '.join(verdicts) or 'nothing of what it means'}",
            remedy="say one: the tree that is 'meant', why to 'refuse' it, or why it is 'open'",
        )
    if case.meant is not None:
        _check_meant(case.meant, "meant", mistakes)
    if ("open" in said) is not (len(case.allowed) > 1):
        mistakes.add(
            f"{len(case.allowed)} readings of what is {'' if 'open' in said else 'not '}open",
            "allowed",
            "where it is open, say each of the readings; where it is not, say 'meant' or 'refuse'",
        )
    for i, one in enumerate(case.allowed):
        _check_allowed(one, f"allowed[{i}]", mistakes)


def _check_allowed(one: Allowed, key: str, mistakes: Mistakes) -> None:
    if (one.tree is None) is not one.refuses:
        mistakes.add("a reading makes a tree or refuses", key, "say 'tree', or refuses = true")
    if one.tree is not None:
        _check_meant(one.tree, f"{key}.tree", mistakes)


def _check_layer(layer: ArchiveLayer, key: str, mistakes: Mistakes) -> None:
    for i, value in enumerate(layer.members):
        member = as_member(value)
        with mistakes.taken():
            _check_member(member, f"{mistakes.where}: {key}.members[{i}]")
        if member.size is not None and (
            i + 1 < len(layer.members) or member.size < MORE_THAN_THERE_IS or _types(member) != ["text"]
        ):
            mistakes.add(
                f"a size of {member.size} that is no plain lie", f"{key}.members[{i}].size",
                f"of the last member, a file, and at least {MORE_THAN_THERE_IS}: more than the archive has",
            )  # fmt: skip


def _types(member: Member) -> list[str]:
    return [key for key in _TYPES if getattr(member, key) not in (None, False)]


def _check_member(member: Member, where: str) -> None:
    """Raise ScenarioError for what no archive can say."""
    for name, text in (("path", member.path), ("hardlink", member.hardlink), ("symlink", member.symlink)):
        if text is not None:
            _check_name(text, f"{where}.{name}")
    for words in filter(None, (member.text, *member.xattrs.values())):
        check_text(words, where)
    types = _types(member)
    if len(types) > 1:
        raise ScenarioError(f"{types[0]!r} and {types[1]!r} together", where=where, remedy="a member has one type")
    if types and member.path.endswith("/"):
        raise ScenarioError(f"a directory with {types[0]!r}", where=where, remedy="leave the '/' away, or the key")
    for name, numbers, most in (("char", member.char, 21), ("block", member.block, 21), ("owner", member.owner, 32)):
        if numbers is not None and not all(0 <= number < 1 << most for number in numbers):
            what = f"{list(numbers)} is no {name}"
            raise ScenarioError(what, where=f"{where}.{name}", remedy=f"from 0 to 2^{most} - 1")
    if not all(re.fullmatch(r"[!-<>-~]{1,255}", name) for name in member.xattrs):
        what = "the name of an xattr that no record holds"
        raise ScenarioError(what, where=f"{where}.xattrs", remedy="ASCII, without '=' and spaces")


def _check_name(text: str, where: str) -> None:
    check_text(text, where)
    raw = unescape(text)
    if not raw or b"\0" in raw or len(raw) > MAX_PATH:
        raise ScenarioError("a name that no archive holds", where=where, remedy=f"1 to {MAX_PATH} bytes, and no NUL")


def _check_meant(tree: Mapping[str, Any], key: str, mistakes: Mistakes) -> None:
    before = len(mistakes.found)
    check_tree(nodes_of(dict(tree)), key, mistakes)
    if len(mistakes.found) > before:
        return
    for path, value in tree.items():
        if any(part.startswith(WH) for part in unescape(path).split(b"/")):
            mistakes.add(
                "a name that begins with .wh.", named(key, path), "no layer can mean it: layer.md, 'Whiteouts'"
            )
        if as_leaf(value).unsaid and not path.endswith("/"):
            mistakes.add("'unsaid' on what is no directory", named(key, path), "a member made it, and says its mode")
