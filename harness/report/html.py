"""The report: one HTML file, from recordings alone, with nothing in it that reaches out."""

from __future__ import annotations

import base64
import hashlib
import stat
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from harness import __version__
from harness.compare.words import count
from harness.errors import BrokenMachinery, UsageError
from harness.judge.defects.model import Defect
from harness.machine.cache import write_whole
from harness.names import printable
from harness.report import markup
from harness.report.load import LoadedRuns, load
from harness.report.model import page
from harness.report.night import NightWords


def render(runs: Sequence[Path]) -> str:
    """The page of one or several runs, from their folders."""
    return page_of(load(runs))


def page_of(loaded: LoadedRuns, night: NightWords | None = None) -> str:
    """The page of runs that were read; of a *night* with what changed since the baseline, and with past nights."""
    return rendered("report.html.jinja", nights=night is not None, page=page(loaded), night=night)


def rendered(template: str, *, nights: bool = False, **what: object) -> str:
    """A page made of one of the templates, with the style and script that all share, and with *nights* what theirs needs besides."""
    style, script = _asset("report.css"), _asset("report.js")
    if nights:
        style += "\n" + _asset("nights.css")
    return (
        _environment()
        .get_template(template)
        .render(
            **what,
            style=Markup(style),  # noqa: S704 - our own files
            script=Markup(script),  # noqa: S704
            style_hash=_hash(style),
            script_hash=_hash(script),
            version=__version__,
        )
    )


def write_report(
    runs: Path | Sequence[Path], output: Path, *, judge_again: bool = False, defects: Sequence[Defect] = ()
) -> LoadedRuns:
    """Write the report of a run, or of several, in one step: a reader never sees half of it. Returns what it was made of.

    With *judge_again* the recordings are judged by the rules of now and by *defects*, and the page says so.
    It becomes a new regular file, or takes the place of one; through a symbolic link, that which the link leads to. Raises UsageError
    where something else stands there, BrokenMachinery where it cannot be written.
    """
    _regular(output)  # before all else is read
    loaded = load([runs] if isinstance(runs, Path) else runs, judge_again=judge_again, defects=defects)
    write_html(page_of(loaded), output)
    return loaded


def write_html(text: str, output: Path) -> None:
    """Write a page in one step, as ``write_report`` does."""
    target = _regular(output)
    try:
        write_whole(target, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise BrokenMachinery(
            f"cannot be written: {error.strerror}",
            where=str(output),
            remedy="name a file in a folder that exists, on a disk with room",
        ) from error


def _regular(output: Path) -> Path:
    """The file to write: what *output* leads to, when that is a regular file or nothing."""
    try:
        target = output.resolve()
        mode = target.lstat().st_mode
    except FileNotFoundError:
        return target
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        message = error.strerror if isinstance(error, OSError) else "its links lead in a circle"
        raise UsageError(f"cannot be written to: {message}", where=str(output), remedy="name another file") from error
    if not stat.S_ISREG(mode):
        raise UsageError(
            "the report is written to a regular file, and this is none", where=str(output), remedy="name another file"
        )
    return target


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("harness.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_inert,
    )
    environment.filters |= {
        "words": markup.words,
        "name": markup.name,
        "badge": markup.badge,
        "link": markup.link,
        "anchor": markup.anchor,
        "count": count,
        "verbatim": escape,
    }
    environment.globals["flag"] = markup.flag
    return environment


def _inert(value: object) -> object:
    """Whatever stands in a recording, no control character of it reaches the page: a last guard, after the recorder's own."""
    return printable(value) if type(value) is str and not value.isprintable() else value


def _asset(name: str) -> str:
    return resources.files("harness.report").joinpath("templates", name).read_text(encoding="utf-8").strip()


def _hash(text: str) -> str:
    """What the page's own policy allows: this text and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
