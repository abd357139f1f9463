"""A page as a parser sees it, and runs that are hostile."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from harness.compare.changes import Changes
from harness.compare.nights import remembered
from harness.profile import Profile
from harness.runs.history import Night, State
from harness.runs.results import read_results
from harness.scenario.model import Scenario
from harness.scenario.steps import Write
from tests.defects import known
from tests.entries import file, folder, gone
from tests.factory import PLAIN_UPPER, FakeCell, make_run, scenario

HOSTILE = (
    b"<script>document.title='owned'</script>",
    b'"><img src=x onerror="document.title=1">',
    b"line\nbreak\r\t\x1b[31m",
    b"right\xe2\x80\xaeleft",
    b"\xff\xfe invalid",
    b"n" * 255,
    b"{{ 7 * 7 }}{% raw %}",
    b"</style></script><!-- -->",
)


@dataclass
class Page(HTMLParser):
    """What of a page the tests ask for."""

    ids: list[str] = field(default_factory=list)
    hrefs: list[str] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append((tag, values))
        if "id" in values:
            self.ids.append(values["id"] or "")
        if tag == "a":
            self.hrefs.append(values.get("href") or "")

    def handle_data(self, data: str) -> None:
        self.text += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def parse(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    return page


def hostile_scenario() -> Scenario:
    evil = "<script>document.title='owned'</script>"
    return Scenario(
        1, evil, evil, (Write(path="a/" + evil.replace("/", "-"), text=evil),), ("javascript:alert(1)", evil),
        ({"a/f": "old"},), env={"X": evil}, name="hostile",
    )  # fmt: skip


def hostile_run(run: Path) -> Path:
    """Every name that can hurt, in every place where a name can stand."""
    names = [file(b"a/" + name.replace(b"/", b"_"), name) for name in HOSTILE]
    upper = [folder(b"a", trusted_overlay_opaque=b"y"), *names, gone(b"a/.wh.<b>")]
    evil = HOSTILE[0].decode()
    here = (known("WL106", evil, "javascript:document.title='owned'"),)
    cells = [
        FakeCell(
            version="1.14", scenario=hostile_scenario(), known=here, upper=upper, view=names, oracle=[file(b"a/lost<b>")],
            script=b"#!/bin/sh\n# </script><script>document.title='owned'</script> \xff\n", log=evil + "\n\x1b[31m",
        ),
        FakeCell("kernel", "6.18", scenario=hostile_scenario(), broken=evil),
        FakeCell(version="1.4", scenario=hostile_scenario(), skipped=evil),
        FakeCell(profile=Profile.USER),
    ]  # fmt: skip
    return make_run(run, cells, {"file system": evil})


def usual_run(run: Path) -> Path:
    """Two scenarios on three tools, with something new, known, broken and skipped."""
    here = (
        known("WL101", "the founding case", "https://github.com/sylabs/singularity/issues/3176"),
        known("WL106", "nothing below"),
    )
    named = scenario("named")
    return make_run(
        run,
        [
            *(
                FakeCell(version=version, profile=profile, scenario=one, known=here if one is named else ())
                for one in (scenario(), named)
                for version in ("1.4", "1.14")
                for profile in Profile
            ),
            FakeCell("kernel", "6.18", upper=PLAIN_UPPER),
            FakeCell("kernel", "6.18", profile=Profile.USER, broken="mount refused"),
            FakeCell("kernel", "6.18", scenario=named, skipped="no world"),
            FakeCell("fuse-overlayfs+stack", "1.14", scenario=named, skipped="not for it", excluded=True),
        ],
        {"work file system": "ext4"},
    )


def nights_of(run: Path, number: int = 3, **odd: State) -> list[Night]:
    """Nights before that of a run, which is the last; in the first one what is *odd* was otherwise."""
    last = remembered(read_results(run), Changes(same=10), 0)
    return [
        Night(
            run=f"r{ago}", started=last.started - datetime.timedelta(days=ago), kernel="", version="", exit=0, cells={}, changed={},
            scenarios={**last.scenarios, **({name.replace("_", "-"): state for name, state in odd.items()} if ago == number - 1 else {})},
            defects=last.defects,
        )
        for ago in range(number - 1, 0, -1)
    ] + [last]  # fmt: skip
