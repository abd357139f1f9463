"""What every fact has: a name, one line that says what it is, and whether it stays the same from night to night."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from typing import ClassVar, get_type_hints

import msgspec
from msgspec import Meta

Flat = str | int | bool | list[str]


def lasts(says: str) -> Meta:
    """A fact that is the same every night, as long as the tool does the same: part of a finding's key."""
    return Meta(description=says, extra={"lasts": True})


def passing(says: str) -> Meta:
    """A fact that may be another one tomorrow (a size, a program's whole words), or that says nothing of which finding it is."""
    return Meta(description=says)


class FactsBase(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="rule"):
    """The facts of one finding; each rule has its own. The tag is the rule's name. Names and paths are in the escaped text form."""

    code: ClassVar[str]

    @classmethod
    def names(cls) -> dict[str, str]:
        """The facts by name, each with its line."""
        return {name: meta.description or "" for name, meta in _described(cls).items()}

    def flat(self) -> dict[str, Flat]:
        """The facts by name, as a TOML file would say them; what there is none of is left out."""
        return {name: made for name in _described(type(self)) if (made := _plain(getattr(self, name))) is not None}

    def lasting(self) -> dict[str, Flat]:
        """Those that are part of the key."""
        stays = {name for name, meta in _described(type(self)).items() if (meta.extra or {}).get("lasts")}
        return {name: value for name, value in self.flat().items() if name in stays}


@cache
def _described(kind: type[FactsBase]) -> Mapping[str, Meta]:
    hints = get_type_hints(kind, include_extras=True)
    return {name: meta for name in kind.__struct_fields__ for meta in getattr(hints[name], "__metadata__", ())}


def _plain(value: object) -> Flat | None:
    if isinstance(value, tuple):
        return [str(one) for one in value] or None
    return value if value is None or isinstance(value, bool | int) else str(value)


class Field(StrEnum):
    """What of an entry can differ."""

    TYPE = "type"
    CONTENT = "content"
    MODE = "mode"
    OWNER = "owner"
    DEVICE = "device"
    TARGET = "target"
    LINKS = "links"  # the first of the names that are the same file
    XATTR = "xattr"


class Digest(msgspec.Struct, frozen=True):
    """A content that is too long to be told: size in bytes, the first twelve digits of its SHA-256."""

    size: int
    sha256: str


Value = str | int | tuple[int, int] | Digest | None


class Difference(msgspec.Struct, frozen=True, omit_defaults=True):
    """One field of an entry: what it is, and what it must be; ``name`` is of an xattr. None: there is none."""

    field: Field
    seen: Value
    wanted: Value
    name: str = ""

    @property
    def about(self) -> str:
        """``mode``, ``xattr user.a``."""
        return f"{self.field} {self.name}".rstrip()


# What is told of each field by itself, and whether it says which finding it is: contents and owners may be others on another machine.
_LASTING = {Field.TYPE, Field.MODE, Field.DEVICE, Field.TARGET, Field.LINKS}
_FIELDS = {
    Field.TYPE: "the type of the entry: dir, file, link, char, block, fifo, socket",
    Field.CONTENT: 'the content; of a long one "SIZE bytes, sha256 DIGITS"',
    Field.MODE: "the mode as four octal digits",
    Field.OWNER: "owner and group, as UID:GID",
    Field.DEVICE: "the device, as MAJOR:MINOR",
    Field.TARGET: "where a symbolic link points to",
    Field.LINKS: "the first of the other names of the same file",
    Field.XATTR: "the xattrs that differ and are there, each as NAME=VALUE",
}


class Differing(FactsBase, frozen=True, kw_only=True, omit_defaults=True):
    """Facts of which a part is what differs, field by field."""

    sides: ClassVar[tuple[tuple[str, str], tuple[str, str]]] = (("is", "is"), ("must", "must be"))
    differences: tuple[Difference, ...] = ()

    @classmethod
    def names(cls) -> dict[str, str]:
        found = super().names() | {"differs": "the fields that differ: type, content, mode, …, xattr NAME"}
        for field, says in _FIELDS.items():
            found |= {f"{field}_{side}": f"{says}; {word}" for side, word in cls.sides}
        return found

    def flat(self) -> dict[str, Flat]:
        if not self.differences:
            return super().flat()
        return super().flat() | {"differs": [one.about for one in self.differences]} | dict(self._fields())

    def _fields(self) -> Iterator[tuple[str, Flat]]:
        for number, (side, _) in enumerate(self.sides):
            xattrs: list[str] = []
            for one in self.differences:
                value = (one.seen, one.wanted)[number]
                if value is not None and one.field is Field.XATTR:
                    xattrs.append(f"{one.name}={value}")
                elif value is not None:
                    yield f"{one.field}_{side}", _text(one.field, value)
            if xattrs:
                yield f"{Field.XATTR}_{side}", xattrs

    def lasting(self) -> dict[str, Flat]:
        flat = self.flat()
        stays = {"differs", *(f"{field}_{self.sides[0][0]}" for field in _LASTING)}
        return super().lasting() | {name: flat[name] for name in flat if name in stays}


def _text(field: Field, value: Value) -> str:
    if isinstance(value, Digest):
        return f"{value.size} bytes, sha256 {value.sha256}"
    if isinstance(value, tuple):
        return f"{value[0]}:{value[1]}"
    return f"{value:04o}" if field is Field.MODE and isinstance(value, int) else str(value)
