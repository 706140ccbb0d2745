"""What drills measured, over time: gaps stay gaps, a missed target is said, and no text becomes markup or a formula."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from preparedness_world import World, at, typed
from selectolax.lexbor import LexborHTMLParser as HTMLParser
from test_report import ATTACKS

from ungcuu.core.errors import Exit
from ungcuu.core.i18n import in_language, set_language
from ungcuu.report.preparedness import drill_trend

NOW = "2026-11-28T03:00:00.000Z"


@pytest.fixture(autouse=True)
def language() -> Iterator[None]:
    set_language("en")
    yield
    set_language("en")


def recorded(world: World, *drills: dict[str, Any]) -> list[drill_trend.Drill]:
    for ago, data in zip(range(len(drills), 0, -1), drills, strict=True):
        with at(ago):
            world.operations().append("drill", {"scenario": "webshell", "outcome": "DONE", "operator": "an", **data})
    return drill_trend.drills(world.settings)


def rows(found: list[drill_trend.Drill]) -> dict[str, dict[str, str]]:
    return {row["title"]: row for row in drill_trend.rows_of("webshell", found)}


def test_a_measure_is_compared_with_those_before_it_and_with_its_target(tmp_path: Path) -> None:
    found = recorded(
        World(tmp_path / "w"),
        {"seconds_to_detect": 20, "seconds_to_contain": 9.0, "lost": {"files": 3, "rows": 1, "minutes": 4.5}},
        {"seconds_to_detect": 22, "seconds_to_contain": 5.0, "lost": {"files": 3, "rows": 1, "minutes": 4.6}},
        {"seconds_to_detect": 1200, "seconds_to_contain": 3.4, "lost": {"files": 0, "rows": 1, "minutes": 4.5}},
    )
    shown = rows(found)
    late = shown["to detect"]
    assert (late["course"], late["missed"], late["target"]) == ("worse", "target missed", "15 min")
    assert (shown["to contain"]["course"], shown["to contain"]["last"], shown["to contain"]["best"]) == (
        "better",
        "3.4 s",
        "3.4 s",
    )
    assert shown["minutes of data lost"]["course"] == "about the same" and shown["files lost"]["course"] == "better"


def test_what_was_not_measured_is_a_gap_and_never_an_older_value(tmp_path: Path) -> None:
    """Seen failing with the last value that there was: a drill that recovered nothing was shown as fast as ever."""
    found = recorded(
        World(tmp_path / "w"),
        {"seconds_to_recover": 200.0},
        {"outcome": "NOT DONE", "error": "contain"},
        {"seconds_to_recover": 210.0},
        {"outcome": "NOT DONE", "error": "release", "seconds_to_contain": 2.0},
    )
    shown = rows(found)
    assert (shown["to recover"]["last"], shown["to recover"]["course"]) == ("–", "not measured")
    page = HTMLParser(drill_trend.page(found, NOW))
    picture = next(svg for svg in page.css("svg.trend") if "to recover" in svg.text())
    assert len(picture.css("circle")) == 2 and picture.text().count("×") == 2
    assert len(picture.css("line")) == 1, "the axis alone: no line leads over a gap"
    assert "4 drills, 2 of them to the end" in page.text() and "not done" in page.text()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1, True, "3", None, [1]])
def test_a_value_that_no_drill_can_have_measured_counts_as_not_measured(tmp_path: Path, value: object) -> None:
    data = {"seconds_to_detect": value, "seconds_to_contain": 1.0}
    record = type("Record", (), {"data": data, "time": NOW, "seq": 1, "kind": "drill"})()
    assert dict(drill_trend._drill(record).values) == {"seconds_to_contain": 1.0}


@pytest.mark.parametrize(
    "attack", [*ATTACKS, "=HYPERLINK(1)", "+1+1", "@SUM(1)", "\t=1", "-2+3", " =cmd|' /C calc'!A0"]
)
def test_hostile_text_is_neither_markup_nor_a_formula(tmp_path: Path, attack: str) -> None:
    """Seen failing with the cells written as they are."""
    world = World(tmp_path / "w")
    hostile = recorded(world, {"scenario": attack, "error": attack, "case": attack, "operator": attack, "lost": attack})
    harmless = recorded(World(tmp_path / "h"), {"scenario": "x", "error": "x", "case": "x", "operator": "x"})

    def tags(found: list[drill_trend.Drill]) -> list[str | None]:
        return [node.tag for node in HTMLParser(drill_trend.page(found, NOW)).css("*")]

    assert tags(hostile) == tags(harmless)
    table = list(csv.reader(io.StringIO(drill_trend.as_csv(hostile).removeprefix("\ufeff"), newline="")))
    assert len(table) == 2 and not [
        cell for cell in table[1] if re.match(r"[\s'\"]*[=+@|%-]", cell.lstrip("'")) and not cell.startswith("'")
    ]


@pytest.mark.parametrize("spoken", ["en", "vi"])
def test_as_it_is_typed(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, spoken: str) -> None:
    world = World(tmp_path_factory.mktemp("drills"))
    assert typed(world, "drill", "report")["drills"] == []
    recorded(world, {"seconds_to_detect": 14.2, "case": "UC-20261125-001"}, {"scenario": "gone", "false_alarms": 0})
    pages = tmp_path / "drills.html", tmp_path / "drills.csv"
    told = typed(world, "--lang", spoken, "drill", "report", "--html", str(pages[0]), "--csv", str(pages[1]))
    assert [one["scenario"] for one in told["drills"]] == ["webshell", "gone"]
    assert told["trends"]["webshell"][0]["course"] == "first" and told["trends"]["gone"][0]["values"] == [0]
    text = pages[0].read_text("utf-8")
    with in_language(spoken):
        assert drill_trend.heading("webshell") in text and drill_trend.heading("ransomware").split(": ")[1] in text
    assert pages[1].read_bytes().startswith(b"\xef\xbb\xbfutc,scenario,outcome")
    refused = typed(world, "drill", "report", "--html", str(pages[0]), code=Exit.CONTROLLER)
    assert "--html" in str(refused), "a page that was written before is never overwritten"
    typed(world, "drill", "report", "nothing", code=Exit.USAGE)
    only = typed(world, "drill", "report", "webshell")
    assert len(only["drills"]) == 1


@pytest.mark.parametrize("spoken", ["en", "vi"])
def test_on_the_screen_it_fits_into_80_columns(tmp_path: Path, spoken: str) -> None:
    world = World(tmp_path / "w")
    slow = {"seconds_to_detect": 39000.0, "seconds_to_contain": 7000.0, "lost": {"minutes": 1440.5}}
    recorded(world, {"seconds_to_detect": 10.0}, slow)
    command = [sys.executable, "-m", "ungcuu", "--lang", spoken, "drill", "report"]
    environment = {
        "UNGCUU_STATE": str(world.settings.state),
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "COLUMNS": "80",
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "✗" in done.stdout and max(map(len, done.stdout.splitlines())) <= 80
