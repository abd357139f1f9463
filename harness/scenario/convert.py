"""From TOML's tables to the model, entry by entry: every mistake with its key, and the choices where a word is none of them."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from harness.scenario.mistakes import Mistakes, named
from harness.worlds.ranges import choices

fields_of = cache(msgspec.structs.fields)  # which evaluates every annotation anew
BAD: Any = object()  # stands for a value whose mistakes are listed already
SEE = "see: whiteout-lab schema"


def read(value: Any, kind: Any, key: str, mistakes: Mistakes) -> Any:
    """A value as the model has it, or BAD."""
    with contextlib.suppress(msgspec.ValidationError):  # most files have no mistake
        return msgspec.convert(value, kind)
    bare = _bare(kind)
    struct = _struct(value, bare, key, mistakes)
    if struct is BAD:
        return BAD
    if struct is not None:
        return _table(value, struct, key, mistakes)
    many = get_origin(bare) is tuple and get_args(bare)[1:] == (...,) and isinstance(value, list)
    if many and _whole(read_list(value, get_args(bare)[0], key, mistakes), tuple) is BAD:
        return BAD
    if get_origin(bare) is dict and isinstance(value, dict):
        return _whole(read_entries(value, get_args(bare)[1], key, mistakes), dict)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, _, inside = str(error).partition(" - at `$")
        mistakes.add(what.replace("`", "'"), key + inside.rstrip("`"), _remedy(value, bare))
        return BAD


def _bare(kind: Any) -> Any:
    """A type without what is said about it, and without None where that is the only other."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    others = [one for one in get_args(kind) if one is not type(None)]
    return others[0] if get_origin(kind) in {Union, UnionType} and len(others) == 1 else kind


def read_list(values: list[Any], kind: Any, key: str, mistakes: Mistakes) -> list[Any]:
    """Each element as the model has it, or BAD in its place."""
    return [read(value, kind, f"{key}[{i}]", mistakes) for i, value in enumerate(values)]


def read_entries(values: Mapping[str, Any], kind: Any, key: str, mistakes: Mistakes) -> dict[str, Any]:
    """Each entry of a table whose keys are names, as the model has it, or BAD in its place."""
    return {name: read(value, kind, named(key, name), mistakes) for name, value in values.items()}


def check_keys(value: Mapping[str, Any], struct: type[msgspec.Struct], key: str, mistakes: Mistakes) -> None:
    """Tell keys that a table may not have, and those that it must have and has not."""
    fields = fields_of(struct)
    names = [field.name for field in fields]
    for unknown in (name for name in value if name not in names and name != struct.__struct_config__.tag_field):
        near = difflib.get_close_matches(unknown[:80], names, n=1)
        mistakes.add(f"unknown key {unknown!r}", key or "(top)", (f"did you mean {near[0]!r}? " if near else "") + SEE)
    missing = [repr(field.name) for field in fields if field.required and field.name not in value]
    if missing:
        mistakes.add(f"missing: {', '.join(missing)}", key or "(top)", SEE)


def _table(value: Mapping[str, Any], struct: type[msgspec.Struct], key: str, mistakes: Mistakes) -> Any:
    before = len(mistakes.found)
    check_keys(value, struct, key, mistakes)
    for field in fields_of(struct):
        if field.name in value:
            read(value[field.name], field.type, f"{key}.{field.name}", mistakes)
    return msgspec.convert(value, struct) if len(mistakes.found) == before else BAD


def _struct(value: Any, kind: Any, key: str, mistakes: Mistakes) -> Any:
    """The struct that a table is read as; None where it is read as something else, BAD where it says none that there is."""
    kinds = get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)
    structs = [one for one in kinds if isinstance(one, type) and issubclass(one, msgspec.Struct)]
    if not structs or not isinstance(value, dict):
        return None
    field = structs[0].__struct_config__.tag_field
    if field is None:
        return structs[0]
    by_tag = {str(one.__struct_config__.tag): one for one in structs}
    tag = value.get(field)
    if isinstance(tag, str) and tag in by_tag:
        return by_tag[tag]
    if field not in value:
        mistakes.add(f"missing: {field!r}", key, f"known: {', '.join(by_tag)}; {SEE}")
    else:
        mistakes.add(f"there is no {tag!r}", f"{key}.{field}", f"{choices(str(tag), by_tag)}; {SEE}")
    return BAD


def _remedy(value: Any, kind: Any) -> str:
    words = list(_words(kind))
    return f"{choices(str(value), words)}; {SEE}" if words else SEE


def _words(kind: Any) -> Iterable[str]:
    """The words that a type knows, none where it takes any."""
    if get_origin(kind) in {Union, UnionType}:
        for one in get_args(kind):
            yield from _words(one)
    elif get_origin(kind) is Literal:
        yield from (str(word) for word in get_args(kind))
    elif isinstance(kind, type) and issubclass(kind, Enum):
        yield from (str(one.value) for one in kind)


def _whole(read: Any, kind: Any) -> Any:
    values = read.values() if isinstance(read, dict) else read
    return BAD if any(value is BAD for value in values) else kind(read)
