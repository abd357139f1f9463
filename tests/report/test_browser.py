"""The report in headless Chromium: with JavaScript and without it, wide and narrow, light and dark."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Dialog, Page, sync_playwright

from harness.compare.changes import Change, Changes, What
from harness.report.html import page_of, write_html, write_report
from harness.report.load import load
from harness.report.night import night_words
from harness.runs.accounts import Subject
from harness.runs.history import State
from tests.report.pages import HOSTILE, hostile_run, nights_of, usual_run

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_NAMES = [name.decode("utf-8", "backslashreplace") for name in HOSTILE]
EVIL = Changes(
    tuple(
        Change(What.CHANGED, Subject(name, name, "root"), name, come=(f"mark upper {name} x", name), reason=name)
        for name in _NAMES
    )
)
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("WHITEOUT_LAB_STRICT") == "1":
            pytest.fail("chromium is not installed, and nothing may be skipped")
        pytest.skip("chromium is not installed: apt install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("reports")
    made = {"usual": usual_run(folder / "usual"), "hostile": hostile_run(folder / "hostile")}
    for key, run in made.items():
        write_report(run, folder / f"{key}.html")
    made["night"] = made["hostile"]
    words = night_words(EVIL, nights_of(made["night"], 30, hostile=State.FLAKY, ghost_marker=State.PASSED))
    write_html(page_of(load([made["night"]]), words), folder / "night.html")
    return {key: (folder / f"{key}.html").as_uri() for key in made}


@pytest.fixture(params=[True, False], ids=["javascript", "plain"])
def javascript(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


class Opened:
    """A page, with everything that it complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", self._refuse)
        page.on("request", lambda request: self.requests.append(request.url))

    def _refuse(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()


def opened(browser: Browser, url: str, *, width: int = 1280, javascript: bool = True, dark: bool = False) -> Opened:
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        java_script_enabled=javascript,
        color_scheme="dark" if dark else "light",
    )
    it = Opened(context.new_page())
    it.page.goto(url)
    return it


@pytest.mark.parametrize("kind", ["hostile", "night"])
def test_no_script_runs_from_a_name(browser: Browser, pages: dict[str, str], kind: str, javascript: bool) -> None:
    it = opened(browser, pages[kind], javascript=javascript)
    assert it.page.title().startswith("Whiteout Lab")
    assert it.complaints == []
    assert it.requests == [pages[kind]]
    assert it.page.locator("img").count() == 0
    it.page.context.close()


@pytest.mark.parametrize("kind", ["usual", "hostile", "night"])
def test_the_page_does_not_scroll_sideways_on_a_phone(
    browser: Browser, pages: dict[str, str], kind: str, javascript: bool
) -> None:
    it = opened(browser, pages[kind], width=360, javascript=javascript)
    width = it.page.locator("html").bounding_box()
    assert width is not None
    assert width["width"] <= 360
    if javascript:
        assert it.page.evaluate("document.documentElement.scrollWidth") <= 360
        assert it.page.evaluate("document.body.scrollWidth") <= 360
    it.page.context.close()


@pytest.mark.parametrize(("width", "seen"), [(1280, 30), (360, 20)])
def test_past_nights_are_seen_without_javascript_and_the_last_ones_where_there_is_little_room(
    browser: Browser, pages: dict[str, str], width: int, seen: int
) -> None:
    it = opened(browser, pages["night"], width=width, javascript=False)
    strip = it.page.locator("section.scenario .nights svg").first
    assert strip.is_visible()
    box, last = strip.bounding_box(), strip.locator("path").last.bounding_box()
    assert box is not None
    assert last is not None
    assert seen * 12 <= box["width"] <= 30 * 12
    assert box["height"] == 12
    assert abs(last["x"] + last["width"] - box["x"] - box["width"]) < 6, "the last night is at the right edge"
    it.page.context.close()


@pytest.mark.parametrize("dark", [True, False])
def test_a_night_of_each_kind_has_a_shape_and_a_colour_of_its_own(
    browser: Browser, pages: dict[str, str], dark: bool
) -> None:
    it = opened(browser, pages["night"], dark=dark)
    looks = {
        str(square.get_attribute("class")): (
            square.locator("path").evaluate("e => getComputedStyle(e).stroke"),
            square.locator("path").evaluate("e => getComputedStyle(e).strokeWidth"),
            (square.locator("text").first.text_content() or "")[:1] if square.locator("text").count() else "",
        )
        for square in it.page.locator("section.scenario .nights g").all()
    }
    assert looks.keys() >= {"n-passed", "n-flaky", "n-new"}
    assert len({look[1:] for look in looks.values()}) == len(looks), "not by colour alone"
    assert all(stroke not in {"none", "rgb(0, 0, 0)"} for stroke, _, _ in looks.values())
    it.page.context.close()


def test_without_javascript_all_is_there_and_nothing_that_does_nothing(browser: Browser, pages: dict[str, str]) -> None:
    it = opened(browser, pages["usual"], javascript=False)
    assert not it.page.locator("#_q").is_visible()
    assert it.page.locator("button:visible").count() == 0
    assert it.page.locator("ul.said li").first.is_visible()
    it.page.locator("details.script summary").first.click()
    assert it.page.locator("details.script pre").first.is_visible()
    it.page.get_by_title("ghost-marker, fuse-overlayfs 1.14, root").click()
    it.page.wait_for_url("**#ghost-marker.fuse-overlayfs-1.14-root")
    assert it.page.locator("tr:target").is_visible()
    it.page.context.close()


def test_the_filter_lives_in_the_address(browser: Browser, pages: dict[str, str]) -> None:
    it = opened(browser, pages["usual"])
    page = it.page
    rows = page.locator(".grid tbody tr:visible")
    assert rows.count() == 2
    page.fill("#_q", "scenario:named")
    assert rows.count() == 1
    assert "q=scenario" in page.url
    address = page.url
    again = opened(browser, address)
    assert again.page.input_value("#_q") == "scenario:named"
    assert again.page.locator("section.scenario:visible").count() == 1
    again.page.keyboard.press("/")
    again.page.keyboard.press("Escape")
    assert again.page.locator("section.scenario:visible").count() == 2
    assert "q=" not in again.page.url
    assert it.complaints == again.complaints == []
    page.context.close()
    again.page.context.close()


@pytest.mark.parametrize(
    ("query", "scenarios", "bright"),
    [
        ("code:WL101 tool:fuse new", ["ghost-marker"], 4),
        ("known", ["named"], 4),
        ("tool:kernel passed", ["ghost-marker"], 1),
        ("broken", ["ghost-marker"], 1),
        ("skipped", ["named"], 1),
        ("wl106", ["ghost-marker", "named"], 8),
        ("tool:1.4 user", [], 0),
        ("failed", ["ghost-marker"], 4),
        ("gone", [], 0),
        ("fuse-overlayfs-wl101", ["named"], 5),
        ("nothing-like-this", [], 0),
    ],
)
def test_the_words_of_the_filter(
    browser: Browser, pages: dict[str, str], query: str, scenarios: list[str], bright: int
) -> None:
    it = opened(browser, pages["usual"] + "?q=" + query.replace(" ", "+"))
    shown = it.page.locator("section.scenario:visible").evaluate_all("all => all.map(s => s.dataset.scenario)")
    assert sorted(shown) == scenarios
    assert it.page.locator(".grid tbody tr:visible td:not(.dim) a").count() == bright
    it.page.context.close()


def test_a_link_to_what_the_filter_hides_opens_it(browser: Browser, pages: dict[str, str]) -> None:
    it = opened(browser, pages["usual"] + "?q=scenario:named")
    it.page.evaluate("location.hash = '#ghost-marker'")
    it.page.wait_for_function("document.getElementById('ghost-marker').checkVisibility()")
    it.page.context.close()


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("nothing-like-this", "“nothing-like-this” means nothing here"),
        ("code:WL999 known", "“code:wl999” means nothing here"),
        ("user", "“user” means nothing here; a tool or profile is tool:user"),
        ("colour:red ghost", "“colour:red” means nothing here"),
        ("gone", "0 of 2 scenarios, 0 of 2 defects"),
        ("known", "1 of 2 scenarios, 2 of 2 defects"),
        ("wl106", "2 of 2 scenarios, 1 of 2 defects"),
    ],
)
def test_a_filter_word_that_means_nothing_says_so(
    browser: Browser, pages: dict[str, str], query: str, says: str
) -> None:
    it = opened(browser, pages["usual"])
    it.page.fill("#_q", query)
    assert it.page.locator("#_qn").text_content() == says
    it.page.context.close()


def test_the_counts_are_filters(browser: Browser, pages: dict[str, str]) -> None:
    it = opened(browser, pages["usual"])
    button = it.page.get_by_role("button", name="not as expected")
    button.click()
    assert it.page.input_value("#_q") == "failed"
    assert button.get_attribute("aria-pressed") == "true"
    assert "q=failed" in it.page.url
    shown = it.page.locator("section.scenario:visible").evaluate_all("all => all.map(s => s.dataset.scenario)")
    assert shown == ["ghost-marker"]
    button.click()
    assert it.page.input_value("#_q") == ""
    assert it.page.locator("section.scenario:visible").count() == 2
    it.page.context.close()


@pytest.mark.parametrize("target", ["ghost-marker", "ghost-marker.fuse-overlayfs-1.14-root", "_defect."])
def test_a_deep_link_wins_over_a_filter(browser: Browser, pages: dict[str, str], target: str) -> None:
    if target == "_defect.":
        it = opened(browser, pages["usual"])
        target = str(it.page.locator("table.defects tbody tr").first.get_attribute("id"))
        it.page.context.close()
    it = opened(browser, pages["usual"] + "?q=nothing-like-this#" + target)
    assert it.page.evaluate("id => document.getElementById(id).checkVisibility()", target)
    assert it.page.input_value("#_q") == ""
    it.page.context.close()


def test_a_link_into_what_is_folded_opens_it(browser: Browser, pages: dict[str, str]) -> None:
    it = opened(browser, pages["usual"])
    cell = "named.fuse-overlayfs-1.14-root"
    seen = "id => document.getElementById(id).checkVisibility({contentVisibilityAuto: true})"
    it.page.evaluate(f"location.hash = '#{cell}'")
    it.page.locator("[data-scenario=named] details.body[open]").wait_for()
    assert it.page.evaluate(seen, cell)
    it.page.context.close()


# What axe-core found in an earlier page, looked for by hand: its rules label-content-name-mismatch and landmark-unique.
_MISNAMED = """() => [...document.querySelectorAll("a, button, summary, input, [role=link], [role=button]")]
  .filter((e) => e.hasAttribute("aria-label"))
  .filter((e) => !e.getAttribute("aria-label").toLowerCase().includes(e.innerText.trim().toLowerCase()))
  .map((e) => e.outerHTML.slice(0, 200))"""
_LANDMARKS = """() => [...document.querySelectorAll("header, main, footer, nav, section, [role=region]")]
  .filter((e) => e.matches("section, [role=region]") ? e.hasAttribute("aria-label") || e.hasAttribute("aria-labelledby") : true)
  .map((e) => (e.getAttribute("role") || {SECTION: "region"}[e.tagName] || e.tagName) + " "
    + (e.getAttribute("aria-label")
      || (e.getAttribute("aria-labelledby") || "").split(" ").map((id) => id && document.getElementById(id).textContent).join(" ")))"""


@pytest.mark.parametrize("kind", ["usual", "hostile", "night"])
def test_names_for_a_screen_reader_hold_what_is_seen_and_landmarks_are_told_apart(
    browser: Browser, pages: dict[str, str], kind: str
) -> None:
    it = opened(browser, pages[kind])
    assert it.page.evaluate(_MISNAMED) == []
    landmarks = it.page.evaluate(_LANDMARKS)
    assert len(landmarks) > 5
    assert sorted(landmarks) == sorted(set(landmarks))
    it.page.context.close()


def test_on_a_phone_the_names_of_defect_and_tool_stay_in_view(browser: Browser, pages: dict[str, str]) -> None:
    it = opened(browser, pages["usual"], width=360)
    for selector, what in ((".scroll:has(> table.defects)", "tbody th"), (".gridbox", "tbody th")):
        box = it.page.locator(selector).first
        went = box.evaluate("e => { e.scrollLeft = 200; return e.scrollLeft; }")
        assert went > 0 or selector == ".gridbox"
        name, around = box.locator(what).first.bounding_box(), box.bounding_box()
        assert name is not None
        assert around is not None
        assert around["x"] <= name["x"] <= around["x"] + 2
    it.page.context.close()


def test_a_table_that_goes_on_has_a_shade_at_its_edge_until_its_end(browser: Browser, pages: dict[str, str]) -> None:
    def shade(it: Opened) -> float:
        return float(
            it.page.evaluate(
                "getComputedStyle(document.querySelector('.scroll:has(> table.defects)'), '::after').opacity"
            )
        )

    narrow, wide = (opened(browser, pages["usual"], width=width) for width in (360, 1600))
    assert (shade(narrow), shade(wide)) == (1, 0)
    narrow.page.locator(".scroll:has(> table.defects)").first.evaluate("e => { e.scrollLeft = e.scrollWidth; }")
    narrow.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert shade(narrow) == 0
    for it in (narrow, wide):
        it.page.context.close()


def test_dark_is_dark_and_the_button_turns_it(browser: Browser, pages: dict[str, str]) -> None:
    def is_dark(it: Opened) -> bool:
        shade = it.page.evaluate("getComputedStyle(document.body).backgroundColor")
        return int(shade.removeprefix("rgb(").split(",")[0]) < 60

    dark, light = (opened(browser, pages["usual"], dark=dark) for dark in (True, False))
    assert (is_dark(dark), is_dark(light)) == (True, False)
    for it in (dark, light):
        it.page.click("#_theme")
    assert (is_dark(dark), is_dark(light)) == (False, True)
    for it in (dark, light):
        it.page.context.close()


def test_by_keyboard_the_first_stop_skips_to_the_grid(browser: Browser, pages: dict[str, str]) -> None:
    it = opened(browser, pages["usual"])
    it.page.keyboard.press("Tab")
    assert it.page.evaluate("document.activeElement.textContent") == "Skip to the grid"
    it.page.keyboard.press("Enter")
    it.page.wait_for_url("**#_grid")
    it.page.context.close()


def test_a_script_can_be_copied(browser: Browser, pages: dict[str, str]) -> None:
    it = opened(browser, pages["usual"])
    it.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    it.page.locator("details.script summary").first.click()
    it.page.locator("button.copy").first.click()
    it.page.wait_for_function("document.querySelector('button.copy').textContent !== 'Copy'")
    assert it.complaints == []
    it.page.context.close()


@pytest.mark.parametrize("kind", ["usual", "hostile", "night"])
def test_on_paper_it_is_light_and_nothing_is_cut(browser: Browser, pages: dict[str, str], kind: str) -> None:
    it = opened(browser, pages[kind], width=794, dark=True)  # A4 at 96 dpi, without margins
    it.page.emulate_media(media="print")
    assert it.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert it.page.evaluate("document.documentElement.scrollWidth") <= 794
    assert it.page.pdf(format="A4").startswith(b"%PDF")
    it.page.context.close()
