"""Additions of the drill: people's own work is said one by one, a flood ends, rows are read from filled caches."""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import pytest

from ungcuu.cli.registry import find_verb
from ungcuu.drill import intruder, recovery
from ungcuu.drill.player import Drill
from ungcuu.drill.record import DrillFailed, Phase, Report
from ungcuu.drill.simulation import Own
from ungcuu.drill.stage import Stage

FOUND = [
    {"id": "f1", "rule": "web.changed", "path": "/var/www/x.php"},
    {"id": "f2", "rule": "web.changed", "path": "/y"},
]


def drill(*own: Own) -> Drill:
    one = Drill.__new__(Drill)
    one.say = lambda _text: None
    one.report = Report("x", case="UC-20260101-001")
    one.data = mock.Mock(own=own)
    return one


def test_only_the_named_finding_gets_a_verdict() -> None:
    """Seen failing with every finding excused, and with a verdict that the verb does not know."""
    one = drill(Own("web.changed", "x.php", "the corrected release"))
    with mock.patch.object(Drill, "findings", return_value=FOUND), mock.patch.object(Drill, "verb") as verb:
        recovery.own_up(one, Phase("recover"))
    words = ("case", "verdict", "UC-20260101-001", "f1", "false-alarm", "--reason", "the corrected release")
    verb.assert_called_once_with(*words)
    # A word that the command does not take was typed here once.
    taken = find_verb(["case", "verdict"]).arguments[-1].choices
    assert words[4] in taken


def test_what_belongs_to_the_host_gets_a_verdict_for_each_website_that_found_it() -> None:
    """Seen failing with one finding asked for: a host of two websites could own up to nothing of its own."""
    found = [{"id": name, "rule": "config.web", "path": "/etc/nginx/gia.conf"} for name in ("f1", "f2")]
    found.append({"id": "f3", "rule": "config.web", "path": "/etc/nginx/gia.conf.old"})
    with mock.patch.object(Drill, "findings", return_value=found), mock.patch.object(Drill, "verb") as verb:
        recovery.own_up(drill(Own("config.web", "/etc/nginx/gia.conf", "hardened")), Phase("recover"))
    assert [call.args[3] for call in verb.call_args_list] == ["f1", "f2"]


@pytest.mark.parametrize("place", ["z.php", ""])
def test_work_that_no_scan_sees_or_that_two_findings_fit_fails_the_drill(place: str) -> None:
    one = drill(Own("web.changed", place, "the corrected release"))
    found = mock.patch.object(Drill, "findings", return_value=FOUND)
    with found, mock.patch.object(Drill, "verb"), pytest.raises(DrillFailed, match="people's own work"):
        recovery.own_up(one, Phase("recover"))


@pytest.mark.parametrize(("silent_at", "asked"), [(2, 3), (9, 4)])
def test_a_flood_ends_when_it_is_cut_off_or_has_asked_enough(tmp_path: Path, silent_at: int, asked: int) -> None:
    """Seen failing with a flood that goes on after a silence."""
    log = tmp_path / "log.json"
    answers = [{"status": 0 if number == silent_at else 404} for number in range(10)]
    with mock.patch.object(intruder, "get", side_effect=answers) as get:
        intruder.flood("a", "s", "/?p=", "4", "1000", str(log))
    assert get.call_count == asked
    assert json.loads(log.read_text())["alive"] is False


@pytest.mark.parametrize(
    ("wanted", "begun"),
    [
        ({"held"}, {"hold"}),
        ({"outward"}, {"listen", "call"}),
        ({"held", "outward"}, {"hold", "listen", "call"}),
        ({"flood"}, set()),
    ],
)
def test_only_connections_that_a_scenario_looks_at_are_held(wanted: set[str], begun: set[str]) -> None:
    """A connection from the host that nobody looks at would be a finding that nobody planted."""
    stage = Stage.__new__(Stage)
    stage.address, stage.host, stage.lab = "a", "web01", mock.Mock()
    said = mock.Mock(stdout=b":4444")
    with mock.patch.object(Stage, "execute", return_value=said), mock.patch.object(Stage, "intruder") as done:
        stage.hold_sessions(wanted)
    assert {call.args[0] for call in done.call_args_list} == begun


def test_caches_that_the_application_makes_again_are_filled_before_rows_are_read() -> None:
    """A restore took back the time before a page had asked for one: a row seemed lost. Seen failing without."""
    stage = Stage.__new__(Stage)
    stage.host = "web01"
    answers = [mock.Mock(stdout=b"filled"), mock.Mock(stdout=b'{"files": {}, "rows": {}}')]
    with mock.patch.object(Stage, "execute", side_effect=answers) as done:
        stage.contents()
    assert [b"_get_term_hierarchy" in call.args[2] for call in done.call_args_list] == [True, False]
