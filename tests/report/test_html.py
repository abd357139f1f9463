"""The report as text: whole, inert, linked, and small."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import BrokenMachinery
from harness.profile import Profile
from harness.report.html import render, write_report
from harness.report.markup import anchor, link, name
from tests.entries import folder
from tests.factory import PLAIN_UPPER, FakeCell, make_run, scenario
from tests.report.pages import HOSTILE, hostile_run, parse, usual_run


@pytest.fixture
def usual(tmp_path: Path) -> str:
    return render([usual_run(tmp_path / "run")])


def test_every_link_leads_somewhere_and_ids_are_unique(usual: str, tmp_path: Path) -> None:
    for html in (usual, render([hostile_run(tmp_path / "hostile")])):
        page = parse(html)
        assert len(page.ids) == len(set(page.ids))
        assert {href[1:] for href in page.hrefs if href.startswith("#")} <= set(page.ids)


def test_every_cell_that_is_not_excluded_has_its_place(usual: str) -> None:
    page = parse(usual)
    for cell in ("ghost-marker[fuse-overlayfs-1.14-user]", "named[kernel-6.18-root]", "ghost-marker[kernel-6.18-user]"):
        assert anchor(cell) in page.ids
        assert "#" + anchor(cell) in page.hrefs


def test_the_first_screen_says_what_was_found_before_the_grid(usual: str) -> None:
    text = parse(usual.partition('<div class="scroll gridbox"')[0]).text
    assert "leave a character device 0:0 .wh..opq, a whiteout of a marker's own name" in text
    assert "things that no defect explains" in text
    assert text.index("things that no defect explains") < text.index("fuse-overlayfs 1.4, 1.14 leave")
    assert text.index("Which defects each version has") < text.index("1 cell did not run")
    assert "1 cell did not run: no world" in text
    assert "1 cell broke: mount refused" in text


def test_a_field_says_symbol_and_code_and_more_to_a_screen_reader(usual: str) -> None:
    labels = {values.get("title"): values.get("href") for tag, values in parse(usual).tags if tag == "a"}
    label = "ghost-marker, fuse-overlayfs 1.14, root: new finding: 2 unnamed: WL101, WL106"
    assert labels[label] == "#ghost-marker.fuse-overlayfs-1.14-root"
    assert ">✗101 106</a>" in usual


def test_the_section_shows_tree_classes_views_script_and_evidence(usual: str) -> None:
    section = usual.partition('data-scenario="ghost-marker" ')[2] or usual.split('<section class="scenario')[1]
    for words in ("The tree", "Who writes what", "Who sees what", "Why it matters", "Reproduce", "Evidence"):
        assert f"<h3>{words}</h3>" in section
    assert "mkdir a/new\n</pre>" in section
    assert "44 66 0:41 / /mnt/merged rw - fuse.fuse-overlayfs" in section
    assert "fuse-overlayfs: the same in 1.4 and 1.14." in section
    assert "trusted.* could not be read in the profile user" in section


def test_hostile_names_are_inert(tmp_path: Path) -> None:
    html = render([hostile_run(tmp_path / "run")])
    page = parse(html)
    assert page.count("script") == 1
    assert page.count("style") == 1
    assert page.count("img") == 0
    assert not any(key.startswith("on") for _, values in page.tags for key in values)
    assert all(href.startswith(("#", "https://")) for href in page.hrefs)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", html)
    assert "right\\xe2\\x80\\xaeleft" in page.text
    assert "line\\nbreak\\r\\t\\x1b[31m" in page.text
    assert "\\xff\\xfe invalid" in page.text
    assert HOSTILE[5].decode() in page.text
    assert "{{ 7 * 7 }}{% raw %}" in page.text


def test_the_policy_allows_this_script_and_style_alone(usual: str) -> None:
    policy = next(v["content"] for tag, v in parse(usual).tags if v.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    for tag in ("script", "style"):
        body = usual.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "style=" not in usual.replace("</style>", "").partition("</head>")[2].partition("<script>")[0]


def test_nothing_is_loaded(usual: str) -> None:
    page = parse(usual)
    assert not [values for _, values in page.tags if "src" in values or "srcset" in values]
    assert page.count("link") == 0
    assert "url(" not in usual
    assert "@import" not in usual


def test_tables_have_scopes_and_the_page_its_landmarks(usual: str) -> None:
    page = parse(usual)
    assert all("scope" in values for tag, values in page.tags if tag == "th")
    for landmark in ("header", "main", "footer"):
        assert page.count(landmark) == 1
    sections = [values for tag, values in page.tags if tag == "section"]
    assert all(values["aria-labelledby"] in page.ids for values in sections)


def test_of_a_cell_in_two_runs_the_latest_is_shown(tmp_path: Path) -> None:
    first = make_run(tmp_path / "one", [FakeCell(), FakeCell("kernel", "6.18", upper=PLAIN_UPPER)])
    second = make_run(tmp_path / "two", [FakeCell(upper=PLAIN_UPPER)])
    html = render([first, second])
    assert "✗101" not in html.partition("<tbody>")[2].partition("</tbody>")[0]
    assert "1 cell also recorded in an earlier run: the latest is shown" in html


def test_what_is_cut_is_said(tmp_path: Path) -> None:
    many = [folder(b"d%04d" % number) for number in range(400)]
    run = make_run(tmp_path / "run", [FakeCell(upper=many, script=b"#!/bin/sh\n" + b"true\n" * 20_000)])
    text = parse(render([run])).text
    assert "more rows cut to keep this page small" in text
    assert "left out to keep this page small (100,010 bytes): it is cells/0/script.sh of the run" in text


def test_of_very_many_cells_one_for_each_class_has_its_mounts(tmp_path: Path) -> None:
    cells = [
        FakeCell(version=f"1.{number}", profile=profile, scenario=scenario(f"s{place}"))
        for place in range(10)
        for number in range(65)
        for profile in Profile
    ]
    html = render([make_run(tmp_path / "run", cells)])
    assert html.count("44 66 0:41 / /mnt/merged") == 10  # both profiles leave the same upper here
    assert "Mounts and logs are shown of one cell for each class" in html


def test_a_report_of_one_thousand_cells_is_below_five_megabytes_and_has_them_all(tmp_path: Path) -> None:
    cells = [
        FakeCell(version=version, profile=profile, scenario=scenario(f"s{number:02}"))
        for number in range(50)
        for version in ("1.4", "1.8", "1.10", "1.13", "1.14", "1.15", "1.16", "2.0.0", "2.0.1", "2.1.0")
        for profile in Profile
    ]
    html = render([make_run(tmp_path / "run", cells)])
    assert len(html.encode()) < 5_000_000
    assert len(parse(html).ids) > 1000


def test_the_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    run = usual_run(tmp_path / "run")
    write_report(run, tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text("utf-8").endswith("</html>")
    with pytest.raises(BrokenMachinery, match="cannot be written"):
        write_report(run, tmp_path / "no" / "r.html")
    with pytest.raises(BrokenMachinery, match="cannot be read"):
        write_report(tmp_path / "nothing", tmp_path / "r.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.html", "run"]


@given(st.text())
def test_anchors_are_safe_in_an_address(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]*", anchor(text))


@given(st.text("abc<>&\"'\\", max_size=8))
def test_a_name_is_marked_exactly_when_it_is_escaped(text: str) -> None:
    html = str(name(text))
    assert parse(html).text.startswith(text)
    assert ("esc-mark" in html) == ("\\" in text)


def test_links_are_short_and_never_scripts() -> None:
    assert ">o/n#12</a>" in link("https://github.com/o/n/issues/12")
    assert ">o/n@0123456789</a>" in link("https://github.com/o/n/commit/0123456789abcdef")
    assert "<a" not in link("javascript:alert(1)")
    assert "<a" not in link("just words <b>")
