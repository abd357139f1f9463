"""The page of ``inspect``: what it says, without script, and inert whatever the names are."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from harness.judge.inspected import Below
from harness.layers.told import Told, explained, told_of
from harness.report.inspect_page import MOST, inspect_page
from harness.runs.decide import known_defects
from harness.snapshot.image import Layer, Opened
from harness.snapshot.model import EMPTY, Entry, Kind, Snapshot
from tests.entries import file, folder, gone, tree

LOWER = tree([file("d/old"), file("d/older"), file("f")])
EVIL = '<script>alert(1)</script>\x1b[31m\u202e"><img src=x onerror=alert(1)>'
REPAIR = "whiteout-lab seal upper --for oci --output layer.tar"


def told(*upper: Entry, form: str = "folder", name: str = "", lower: Snapshot | None = LOWER, **more: object) -> Told:
    top = tree(upper)
    below = Below()
    if lower is not None:
        below.add(Layer("", "folder", lower))
    layer = Layer(name, form, top, tuple(upper), **more)  # type: ignore[arg-type]
    return explained(told_of(layer, below), known_defects())


def page(*every: Told, path: str = "upper", repair: str = REPAIR) -> str:
    layers = tuple(one.layer for one in every)
    return inspect_page(path, Opened("folder", layers), every, repair)


class Text(HTMLParser):
    """What stands on a page, and its elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag in {"td", "th", "p"}:
            self.said.append(" ")
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def text(page: str) -> str:
    return re.sub(r"\s+", " ", "".join(Text(page).said))


FOUNDING = (folder("d", user_fuseoverlayfs_opaque="y"), gone("d/.wh..opq"), gone("f"))


def test_it_says_what_each_mark_hides_who_sees_what_what_explains_it_and_how_to_repair_it() -> None:
    said = text(page(told(*FOUNDING)))
    assert "hides 2 names: d/old, d/older" in said
    assert "hides it" in said
    assert "kernel overlay (root) ✗ another one comes back: d/old, d/older" in said
    assert "fuse-overlayfs (user) ✓ as it is meant" in said
    assert "WL101 marker-of-a-marker · left by fuse-overlayfs-ghost-marker" in said
    assert "sylabs/singularity#3176" in said
    assert REPAIR in said
    assert "Known by the documented rules of each reader." in said


def test_without_the_layers_below_nothing_is_said_of_what_is_hidden_or_seen() -> None:
    said = text(page(told(*FOUNDING, lower=None)))
    assert "hides" not in said.partition("What the findings mean")[0]
    assert "Who would see what" not in said
    assert "What they hide is told with the layers below: --lower." in said
    assert "not judged: WL103" in said


def test_a_tree_without_a_finding_says_so_and_one_that_was_not_seen_whole_says_less() -> None:
    assert "No findings </h2>" not in page(told(file("a")), repair="")
    clean = page(told(file("a")), repair="")
    assert "No findings" in text(clean)
    assert "<pre>" not in clean
    part = Layer("", "folder", Snapshot.of(EMPTY, unseen=["the folder x: Permission denied"]), missed=True)
    said = text(page(told_of(part, Below()), repair=""))
    assert "No findings in what was seen" in said
    assert "not seen: the folder x: Permission denied" in said
    unread = Layer("layer 1", "unread", EMPTY, unread="it is damaged")
    assert "It cannot be read: it is damaged" in text(page(told_of(unread, Below()), repair=""))


def test_nothing_of_a_tree_is_alive_on_the_page() -> None:
    name = EVIL.replace("/", "%").encode()
    entries = [
        EMPTY.entries[b""],
        Entry(b".wh." + name, Kind.FILE),
        Entry(name, Kind.DIR, xattrs={b"user.overlay.opaque": b"y"}),
    ]
    snapshot = Snapshot.of(entries, unseen=(EVIL,))
    layer = Layer(EVIL, "tar", snapshot, tuple(entries), notes=(EVIL,), reached=(EVIL,))
    below = Below()
    below.add(Layer("", "folder", tree([file(name)])))
    made = inspect_page(
        EVIL, Opened("OCI layout", (layer,), (EVIL,)), [explained(told_of(layer, below), known_defects())], EVIL
    )
    assert "\\x1b" in text(made), "it is there, escaped"
    assert "\x1b" not in made
    assert "\u202e" not in made
    tags = Text(made).tags
    assert "script" not in tags
    assert "img" not in tags
    assert made.count("evil") == 0
    assert "default-src 'none'" in made
    assert "script-src" not in made


def test_what_is_much_is_cut_and_counted() -> None:
    many = told(*(gone(f"gone-{number:05}") for number in range(MOST + 7)))
    made = page(many)
    assert made.count('class="badge b-gone"') == MOST
    assert "7 marks more: inspect --json names them all" in text(made)
    assert "7 findings more: inspect --json names them all" in text(made)
    assert len(made) < 1_000_000
