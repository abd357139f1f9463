"""The report in headless Chromium: with JavaScript and without it, wide and narrow, light and dark."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Dialog, Page, sync_playwright

from harness.report.html import write_report
from tests.report.pages import hostile_run, usual_run

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
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


def test_no_script_runs_from_a_name(browser: Browser, pages: dict[str, str], javascript: bool) -> None:
    it = opened(browser, pages["hostile"], javascript=javascript)
    assert it.page.title().startswith("Whiteout Lab")
    assert it.complaints == []
    assert it.requests == [pages["hostile"]]
    assert it.page.locator("img").count() == 0
    it.page.context.close()


@pytest.mark.parametrize("kind", ["usual", "hostile"])
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


@pytest.mark.parametrize("kind", ["usual", "hostile"])
def test_on_paper_it_is_light_and_nothing_is_cut(browser: Browser, pages: dict[str, str], kind: str) -> None:
    it = opened(browser, pages[kind], width=794, dark=True)  # A4 at 96 dpi, without margins
    it.page.emulate_media(media="print")
    assert it.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert it.page.evaluate("document.documentElement.scrollWidth") <= 794
    assert it.page.pdf(format="A4").startswith(b"%PDF")
    it.page.context.close()
