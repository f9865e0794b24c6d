"""The report in a real browser: on a desk, on a telephone, in print, from the keyboard.

Needs Chromium (``apt-get install chromium``; ``.ci/run`` does); skipped without it.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("no Chromium: apt-get install chromium", allow_module_level=True)

from playwright.sync_api import Page, sync_playwright  # noqa: E402

WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_playwright() as tools:
        found = tools.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield found
        found.close()


@pytest.fixture(scope="module")
def pages(browser: Any, report: Path) -> dict[int, Page]:
    """Return the report open at each width, with what it logged in ``page.logged``."""
    opened = {}
    for width in WIDTHS:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            permissions=["clipboard-read", "clipboard-write"],
        )
        page = context.new_page()
        page.set_default_timeout(60_000)
        logged: list[str] = []
        page.on("console", lambda message, logged=logged: logged.append(message.text))
        page.on("pageerror", lambda error, logged=logged: logged.append(str(error)))
        page.on("request", lambda r, logged=logged: r.url[:5] != "file:" and logged.append(r.url))
        page.goto(report.as_uri())
        page.logged = logged
        opened[width] = page
    return opened


@pytest.fixture
def page(pages: dict[int, Page]) -> Page:
    return pages[WIDTHS[0]]


@pytest.mark.parametrize("width", WIDTHS)
def test_no_error_no_request_no_sideways_scroll(pages: dict[int, Page], width: int) -> None:
    page = pages[width]
    assert [entry for entry in page.logged if not entry.startswith("data:")] == []
    page.evaluate("document.querySelectorAll('main > section details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = false)")


def column(page: Page, caption: str, place: int) -> list[float]:
    """Return what a column of a table is sorted by, as it stands."""
    return page.evaluate(
        """([caption, place]) => [...document.querySelectorAll("table")]
            .find(t => t.caption && t.caption.textContent.startsWith(caption))
            .tBodies[0].innerHTML && [...[...document.querySelectorAll("table")]
            .find(t => t.caption && t.caption.textContent.startsWith(caption))
            .tBodies[0].rows].map(r => r.cells[place].dataset.sort).filter(s => s).map(Number)""",
        [caption, place],
    )


def test_a_table_is_sorted_by_mouse_and_by_keyboard(page: Page) -> None:
    table = page.locator("table", has=page.locator("caption", has_text="Conclusions of the paper"))
    head = table.locator("thead th", has_text="probability").first
    before = column(page, "Conclusions", 2)
    head.click()
    page.wait_for_function("document.querySelector('th[aria-sort=descending]')")
    assert column(page, "Conclusions", 2) == sorted(before, reverse=True) != before
    head.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('th[aria-sort=ascending]')")
    assert column(page, "Conclusions", 2) == sorted(before)


def test_a_row_opens_to_its_arm_and_stays_with_it_when_sorted(page: Page) -> None:
    row = page.locator("tbody tr", has=page.locator("summary", has_text="Shi 2020")).first
    detail = row.locator("details > div")
    assert not detail.is_visible()
    row.locator("summary").focus()
    page.keyboard.press("Enter")
    assert detail.is_visible()
    assert "geptanolimab" in detail.inner_text()
    page.locator("thead th", has_text="response, estimated").click()
    assert row.locator("details > div").is_visible()
    row.locator("summary").click()


def test_the_reference_is_switched_without_a_script(browser: Any, report: Path) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(report.as_uri())
    tables = page.locator("caption", has_text="Compared with")
    assert tables.count() == 5
    for place in (0, 2, 4):
        page.locator(f"input[name=reference][value='{place}']").check()
        assert [tables.nth(i).is_visible() for i in range(5)] == [i == place for i in range(5)]
    page.locator("input[name=reference][value='4']").press("ArrowLeft")
    assert tables.nth(3).is_visible()
    assert page.locator("button:visible").count() == 0
    page.context.close()


def test_a_text_is_copied_with_its_form(page: Page) -> None:
    page.locator("button.copy").nth(1).click()
    page.wait_for_function("document.querySelector('[role=status]:not(:empty)')")
    kinds = page.evaluate("navigator.clipboard.read().then(c => c[0].types)")
    assert set(kinds) == {"text/html", "text/plain"}
    text = page.evaluate("navigator.clipboard.readText()")
    shown = page.locator(".text").nth(1).inner_text()
    assert text.split() == shown.split()


def test_a_csv_is_saved_from_the_page(page: Page) -> None:
    page.locator(".tables details", has_text="pools").first.evaluate("d => d.open = true")
    button = page.locator("button.csv[data-name='pools.csv']")
    button.evaluate("b => b.closest('details').open = true")
    with page.expect_download() as saved:
        button.click()
    text = Path(saved.value.path()).read_text(encoding="utf-8")
    assert text.startswith("id,outcome,label,k")
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = false)")


def test_tables_are_filtered(page: Page) -> None:
    box = page.locator("#tables").locator("xpath=..").locator("input[type=search]")
    box.fill("case_mix treatment")
    shown = page.locator(".tables details:visible")
    assert 0 < shown.count() < page.locator(".tables details").count()
    assert all("case_mix" in text for text in shown.all_inner_texts())
    box.fill("")


def test_every_wide_table_is_reached_from_the_keyboard(page: Page) -> None:
    assert page.evaluate(
        """[...document.querySelectorAll("table")].every(t => t.closest("[tabindex='0']"))"""
    )
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.locator("a.skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_serious(pages: dict[int, Page], width: int) -> None:
    """Contrast, names, keyboard and order, every row of the sections open: half a minute each."""
    page = pages[width]
    page.evaluate(
        """document.querySelectorAll("main details").forEach(d => {
             d.open = !d.closest(".tables") || d.matches(".tables details:first-of-type")})"""
    )
    page.add_script_tag(path=str(Path(__file__).with_name("axe.min.js")))
    found = page.evaluate(
        """axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations
             .filter(v => v.impact === "serious" || v.impact === "critical")
             .map(v => [v.id, v.nodes.length, v.nodes[0].html.slice(0, 200),
                        v.nodes[0].failureSummary]))"""
    )
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = false)")
    assert found == []


def test_it_prints_open_and_within_the_page(page: Page, tmp_path: Path) -> None:
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    captions = page.locator("caption", has_text="Compared with")
    assert all(captions.nth(i).is_visible() for i in range(5))
    page.emulate_media(media="screen")
    printed = page.pdf(path=str(tmp_path / "report.pdf"), format="A4")
    assert printed[:5] == b"%PDF-"
    assert 15 <= printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") <= 120
