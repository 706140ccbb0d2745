"""One table of all hosts, fast, and never more than what was recorded."""

from __future__ import annotations

import json
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from casebook import Book, clock_of, settings_in, write_case

from ungcuu.case.case import find, open_case
from ungcuu.case.journal import Journal
from ungcuu.core.settings import Settings
from ungcuu.report.hosts_table import overview
from ungcuu.report.measures import in_force

PRESENT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path / "state")


def keep(settings: Settings, host: str, name: str, document: object) -> None:
    settings.host_dir(host).mkdir(parents=True, exist_ok=True)
    (settings.host_dir(host) / name).write_text(json.dumps(document), "utf-8")


def test_a_row_says_what_was_recorded_and_nothing_else(settings: Settings) -> None:
    keep(settings, "web01", "audit.json", {"score": 87, "time": "2026-11-20T10:00:00+00:00"})
    keep(settings, "web01", "findings.json", {"complete": True, "counts": {"high": 2, "low": 1}})
    keep(settings, "web02", "audit.json", ["no", "audit"])
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        with Book(case, clock).run("patch"):
            pass
        with Book(case, clock).run("patch", host="web02", outcome="UNKNOWN"):
            pass
    one, two = overview(settings, PRESENT).hosts
    assert (one.score, one.findings, one.complete, one.cases) == (87, 3, True, [case.id])
    assert one.patched.startswith("2026-11-22")
    assert (two.score, two.patched, two.scanned, two.cases) == (None, "", False, [])


def test_a_website_of_a_host_stands_under_the_name_that_people_type(settings: Settings) -> None:
    keep(settings, "web01/portal", "findings.json", {"complete": True, "counts": {}})
    assert [row.host for row in overview(settings, PRESENT).hosts] == ["web01/portal"]


def test_a_host_can_not_close_its_case_in_the_table(settings: Settings) -> None:
    """Seen failing without `from_host`: the case and its deadlines were gone from the table."""
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        Book(case, clock).report("case_closed", {"kind": "case_closed", "reason": "forged"})
    found = overview(settings, PRESENT)
    assert found.hosts[0].cases == [case.id] and found.clocks
    case.close("x")
    assert overview(settings, PRESENT).clocks == ()


def test_an_exercise_counts_for_its_hosts_and_a_drill_for_none(settings: Settings) -> None:
    """`drill run` plays on hosts of its own: the lab's web01 is not the site's."""
    for host in ("web01", "web02"):
        keep(settings, host, "findings.json", {"complete": True, "counts": {}})
    with clock_of() as clock:
        open_case(settings, ["web02"], "x", drill=True)
        journal = Journal.open(settings.operations, settings.keys, settings.heads)
        journal.append("drill", {"scenario": "webshell", "outcome": "NOT DONE", "hosts": ["web01"]})
        case = open_case(settings, ["web01"], "x")
        Book(case, clock).report("case_opened", {"drill": True, "hosts": ["web01"]})  # a host's word
    found = overview(settings, PRESENT)
    one, two = found.hosts
    assert one.drilled == "" and two.drilled.startswith("2026-11-22")
    assert found.drill is not None and found.drill[1:] == ("webshell", "NOT DONE")


def test_what_holds_an_incident_back_has_its_owner(settings: Settings) -> None:
    """Seen failing with a damaged list of blocks taken for an empty one."""
    rows = [
        {
            "network": "203.0.113.7",
            "owner": "an",
            "reason": "scanner",
            "since": "2026-11-22T03:00:00.000Z",
            "until": "",
        },
        {
            "network": "203.0.113.8",
            "owner": "an",
            "reason": "x",
            "since": "2026-11-22T03:00:00.000Z",
            "until": "2026-11-22T04:00:00+00:00",
        },
    ]
    with clock_of() as clock:
        case = open_case(settings, ["web01", "web02"], "x")
        for verb, host in (("isolate", "web01"), ("isolate", "web02"), ("lock", "web02"), ("release", "web02")):
            with Book(case, clock).run(verb, host):
                pass
    keep(settings, "web01", "blocks.json", rows)
    lines = [one.line for one in in_force(settings, find(settings, case.id).facts, PRESENT)]
    assert len(lines) == 4 and "web01: cut off from the network, lan.nguyen, since 22/11/2026" in lines[0]
    assert "scanner, an" in lines[1] and "its time is over" in lines[2] and "web02: accounts locked" in lines[3]
    keep(settings, "web01", "blocks.json", [{"network": 1}])
    assert any("can't be read" in one.line for one in in_force(settings, find(settings, case.id).facts, PRESENT))


def test_a_case_that_can_not_be_read_is_named(settings: Settings) -> None:
    with clock_of():
        case = open_case(settings, ["web01"], "x")
    (case.folder / "journal.jsonl").write_bytes(b"{}\n")
    assert overview(settings, PRESENT).unreadable == (case.id,)


def test_fifty_hosts_and_two_hundred_cases_take_no_half_second(settings: Settings) -> None:
    """180 closed cases of 57 records, 20 open ones, 50 hosts: the aim is half a second for the whole command."""
    closed = write_case(settings)
    opened = write_case(settings, close=False)
    for number in range(50):
        keep(settings, f"host{number}", "findings.json", {"complete": True, "counts": {"high": 1}})
    for number in range(198):
        source = closed if number < 179 else opened
        shutil.copytree(source.folder, settings.cases / f"UC-20261001-{number + 1:03d}")
    start = time.process_time()  # not of the clock: the machine may be busy with other tests
    found = overview(settings, PRESENT)
    took = time.process_time() - start
    assert len(found.hosts) == 51 and len(found.hosts[-1].cases) == 20
    assert took < 1, f"{took:.2f} s; twice the aim, for a machine that is slower"
