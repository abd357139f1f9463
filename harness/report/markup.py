"""Small pieces of HTML that stand thousands of times: names, looks with their badges, sentences. Everything is escaped here."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote

from markupsafe import Markup, escape

from harness.compare.describe import Look
from harness.compare.words import Name, Words
from harness.names import printable
from harness.whiteouts.encodings import ENCODINGS, Encoding, Says

_SAID = {Says.GONE: "gone", Says.OPAQUE: "opaque", Says.HOLDS: "holds"}
LONG = 44  # characters; a longer name may be broken anywhere
_SAFE_IN_URL = "!#$%&'()*+,/:;=?@[]~"  # what stands for itself there; all else is written as %xx
_SAFE_ID = re.compile(r"[A-Za-z0-9.-]")


def fill(form: str, *fields: object) -> Markup:
    """HTML of ours with text of others in its fields: escaped, and without a character that is not shown as what it is."""
    return Markup(form).format(*(f if isinstance(f, Markup) else printable(str(f)) for f in fields))  # noqa: S704


def name(text: str) -> Markup:
    """A name in the escaped text form. A backslash in it means that it is not shown as it is: that is marked."""
    text = printable(text)
    extra = "long" if len(text) > LONG else ""
    if "\\" in text:
        return fill(
            '<code class="name esc {}" title="this name is not printable as it is: it is shown escaped">{}</code>'
            '<span class="esc-mark" role="img" aria-label="escaped">esc</span>',
            extra,
            text,
        )
    return fill('<code class="name {}">{}</code>', extra, text)


def words(sentence: Words) -> Markup:
    """A sentence with its names."""
    return Markup("").join(
        name(printable(word.text)) if isinstance(word, Name) else escape(printable(word)) for word in sentence
    )


@lru_cache(maxsize=64)
def badge(encoding: Encoding) -> Markup:
    """A marker: one look everywhere, and its sentence on hover and for a screen reader."""
    row = ENCODINGS[encoding]
    return fill(
        '<span class="badge b-{}" title="{}"><span class="vh">marker: </span><span class="says">{}</span> {}</span>',
        row.says.value,
        f"{row.sentence}. Read by: {row.read_by}.",
        _SAID[row.says],
        row.badge,
    )


@lru_cache(maxsize=4096)
def look(one: Look, flags: tuple[tuple[str, bool], ...] = ()) -> Markup:
    """What stands at a path in one field of a table; *flags* are findings there: code, and whether it is new."""
    if not one.word and not one.markers:
        return Markup('<span class="none" role="img" aria-label="nothing">·</span>')
    parts: list[Markup] = []
    if one.word:
        parts.append(fill('<span class="w">{}</span>', one.word))
    parts += [fill('<span class="d">{}</span>', detail.text) for detail in one.details]
    parts += [badge(encoding) for encoding in one.markers]
    parts += [flag(code, new=new) for code, new in flags]
    return Markup(" ").join(parts)


@lru_cache(maxsize=256)
def flag(code: str, *, new: bool) -> Markup:
    """A finding at the place where it is."""
    return fill(
        '<a class="flag {}" href="#_code.{}"><span aria-hidden="true">✗</span> {}{}</a>',
        "new" if new else "known",
        code,
        code,
        " new" if new else "",
    )


@lru_cache(maxsize=1024)
def defect(title: str, known: str) -> Markup:
    """The name of a defect. *known*: the id of its row in the table of defects; empty where the run does not have it."""
    return fill('<a href="#{}">{}</a>', known, title) if known else fill("{}", title)


def link(url: str) -> Markup:
    """A link to the outside where it is one, else text. GitHub's are shown short: ``owner/name#12``."""
    if not url.startswith(("https://", "http://")):
        return escape(printable(url))
    short = re.fullmatch(r"https://github\.com/([^/]+/[^/]+)/(?:issues|pull|discussions)/(\d+).*", url)
    commit = re.fullmatch(r"https://github\.com/([^/]+/[^/]+)/commit/([0-9a-f]{7,}).*", url)
    text = url.removeprefix("https://")
    if short:
        text = f"{short[1]}#{short[2]}"
    elif commit:
        text = f"{commit[1]}@{commit[2][:10]}"
    return fill(
        '<a class="out" rel="noreferrer" href="{}">{}</a>', quote(url, safe=_SAFE_IN_URL, errors="replace"), text
    )


@lru_cache(maxsize=4096)  # each cell's is asked for in every place that links to it
def anchor(text: str) -> str:
    """An id that is safe in an address: ``ghost-marker[kernel-6.18-root]`` becomes ``ghost-marker.kernel-6.18-root``.

    What is not a letter, a digit, ``.`` or ``-`` is written ``_hex``; ids of the page itself begin with ``_`` and a letter
    that is no hexadecimal digit is never needed there, so the two do not meet.
    """
    plain = text.replace("[", ".").removesuffix("]")
    return "".join(c if _SAFE_ID.match(c) else "_" + c.encode("utf-8", "surrogateescape").hex() for c in plain)
