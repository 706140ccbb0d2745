"""The board in a real browser: axe-core finds nothing serious, a keyboard reaches all of it, a telephone shows it.

Both languages, at 390 and 1280 pixels. `./check` installs Chromium and axe-core; without them these tests are skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import PROGRAM, Browser
from officeworld import Office

from ungcuu.core.i18n import set_language
from ungcuu.report import board
from ungcuu.report.document import write_report
from ungcuu.report.preparedness import page as summary

AXE = Path(__file__).resolve().parents[3] / ".check/axe/axe_playwright_python/axe.min.js"
WIDTHS = (390, 1280)
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed: ./check installs it")

# What a keyboard should reach, in the order of the page; where the focus is, and whether it can be seen there.
FOCUSABLE = "[...document.querySelectorAll('a[href], [tabindex]')].length"
FOCUSED = """(() => {
  const all = [...document.querySelectorAll('a[href], [tabindex]')], here = document.activeElement;
  const style = getComputedStyle(here);
  return {index: all.indexOf(here), seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0};
})()"""
JUDGED = "axe.run().then(found => ({violations: found.violations, passes: found.passes.length}))"
SCROLLED = """(() => {
  const box = [...document.querySelectorAll('.wide')].find(b => b.scrollWidth > b.clientWidth + 8);
  if (!box) return null;
  box.focus();
  return true;
})()"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A board with a bit of everything, as `board --out` writes it."""
    set_language("en")
    out = tmp_path_factory.mktemp("board")
    office = Office(out / "office")
    for name, text in board.pages(office.view(), office.settings, "vi").items():
        path = out / "pages" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return out / "pages"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as made:
        yield made


def pages(folder: Path) -> list[str]:
    """One page of each kind in each language."""
    cases = sorted(path.name for path in (folder / "vi").glob("UC-*.html"))[:1]
    return [f"{code}/{name}" for code in ("vi", "en") for name in ("index.html", "wall.html", *cases)]


@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_serious(browser: Browser, folder: Path, width: int) -> None:
    """Seen failing with grey text on grey, and with pages that renewed themselves."""
    if not AXE.is_file():
        pytest.skip("axe-core is not there: ./check installs it")
    for name in pages(folder):
        browser.open((folder / name).as_uri(), width)
        browser.run(AXE.read_text("utf-8") + "; 1")
        found: dict[str, Any] = browser.run(
            "axe.run().then(r => ({violations: r.violations, passes: r.passes.length}))"
        )
        assert found["passes"] >= 5, "axe looked at nothing"
        bad = [
            (rule["id"], rule["impact"], [node["html"][:120] for node in rule["nodes"]][:3])
            for rule in found["violations"]
            if not (rule["id"] == "meta-refresh" and name.endswith("wall.html"))  # its reader chose that
        ]
        assert not bad, f"{name} at {width}: {bad}"


@pytest.mark.parametrize("width", WIDTHS)
def test_a_keyboard_alone_reaches_everything(browser: Browser, folder: Path, width: int) -> None:
    """Links and what scrolls, in order, each with a ring that can be seen. Seen failing without the ring."""
    for name in pages(folder):
        browser.open((folder / name).as_uri(), width)
        count, reached = browser.run(FOCUSABLE), []
        for _number in range(count):
            browser.press("Tab", 9)
            reached.append(browser.run(FOCUSED))
        assert [one["index"] for one in reached] == list(range(count)), f"{name} at {width}"
        assert all(one["seen"] for one in reached), f"{name} at {width}: a focus that nobody sees"


def test_a_wide_table_scrolls_by_keyboard_and_the_page_does_not(browser: Browser, folder: Path) -> None:
    """Seen failing with tables that do not scroll by themselves."""
    for name in pages(folder):
        browser.open((folder / name).as_uri(), 390)
        assert browser.run("document.documentElement.scrollWidth") <= 390, name
        if browser.run(SCROLLED):
            browser.press("ArrowRight", 39)
            moved = "new Promise(d => setTimeout(() => d(document.activeElement.scrollLeft), 400))"
            assert browser.run(moved) > 0, name


def test_the_browser_keeps_the_policy_and_loads_nothing(browser: Browser, folder: Path) -> None:
    """A script that somebody got into a page is not run by a browser that keeps its policy."""
    page = folder / "vi" / "index.html"
    spoilt = page.with_name("spoilt.html")
    spoilt.write_text(page.read_text("utf-8").replace("</body>", "<script>window.evil = 1</script></body>"), "utf-8")
    browser.open(spoilt.as_uri(), 1280)
    spoilt.unlink()
    assert browser.run("window.evil === undefined") is True
    assert browser.run("performance.getEntriesByType('resource').length") == 0


def test_a_telephone_shows_the_reports_in_whole_words(browser: Browser, tmp_path: Path) -> None:
    """Seen failing: states stood letter below letter, and the drawing was two centimetres high with nothing to read."""
    office, path = Office(tmp_path / "office"), tmp_path / "summary.html"
    path.write_text(summary.render(office.view(), summary.Quarter(2026, 4)), "utf-8")
    for report in (path, *write_report(office.incident, "vi")):
        browser.open(report.as_uri(), 390)
        assert browser.run("document.documentElement.scrollWidth") <= 390
        tall = browser.run("Math.max(0, ...[...document.querySelectorAll('.chip')].map(one => one.offsetHeight))")
        drawn = browser.run("Math.min(760, ...[...document.querySelectorAll('.picture')].map(one => one.clientWidth))")
        assert tall <= 60 and drawn == 760
