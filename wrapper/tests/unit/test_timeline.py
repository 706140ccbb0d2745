"""The table of time and the indicators: right order, right clock, nothing that runs in a spreadsheet or a pattern."""

from __future__ import annotations

import csv
import io
import json
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from casebook import FINDINGS, START, Book, clock_of, found, settings_in, write_case
from evidence_items import items

from ungcuu.case import indicators
from ungcuu.case import journal as journal_module
from ungcuu.case.case import Case, find, open_case
from ungcuu.core.settings import Settings
from ungcuu.report import timeline
from ungcuu.report.timeline import COLUMNS, Entry, build, harmless

VIETNAM = timezone(timedelta(hours=7))
HOSTILE = (
    "=cmd|' /C calc'!A0",
    "+1",
    "-1+1",
    "@SUM(A1)",
    "|x",
    "%x",
    " =1",
    '"=1',
    "\t=1",
    "\r=1",
    "\n=1",
    "\x1b[2J",
    "\u202ex",
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path / "state")


def with_evidence(settings: Settings, skew: float) -> Case:
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        book = Book(case, clock)
        with book.run("collect"):
            for name, content in items(START).items():
                book.evidence(name, content)
            book.report("custody", {"from": "web01", "clock_skew_seconds": skew})
    return case


def test_a_hosts_times_are_corrected_and_kept(settings: Settings) -> None:
    """A host that runs an hour ahead would otherwise have been cleaned before it was attacked."""
    entries = build(with_evidence(settings, 3600.0))
    login = next(entry for entry in entries if "Accepted publickey" in entry.text)
    assert (login.time, login.host_time, login.source) == (START - timedelta(hours=1), START, "host's journal")
    assert login.what == "sshd" and login.text.endswith("(ssh.service)")
    assert entries == sorted(entries, key=lambda entry: entry.time)


def test_all_sources_are_in_one_table(settings: Settings) -> None:
    """What the readers take must be what the profile delivers: the columns of find, the archive of logs."""
    entries = build(with_evidence(settings, 0.0))
    assert {entry.source for entry in entries} == {"case journal", "host's journal", "web server's log", "file times"}
    made = [entry for entry in entries if entry.source == "file times" and "logo.php" in entry.text]
    assert [entry.what for entry in made] == ["file changed, inode changed", "file made"]
    asked = next(entry for entry in entries if entry.what == "POST 200")
    assert (asked.time, asked.text) == (START, "203.0.113.77 /wp-content/uploads/2026/11/logo.php?c=id (77 bytes)")
    assert not [entry for entry in entries if "twice.php" in entry.text], "the web root has a list of its own"


def test_equal_times_keep_the_journals_order(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clocks stand still and go back; sequence numbers don't."""
    monkeypatch.setattr(journal_module, "now", lambda: "2026-11-22T00:00:00.000Z")
    case = open_case(settings, ["web01"], "x")
    for number in range(9):
        case.note(str(number))
    notes = [entry.seq for entry in build(case) if entry.what == "Note"]
    assert notes == list(range(2, 11))


@pytest.mark.parametrize(
    ("indicator", "hit"),
    [
        ("203.0.113.77", True),
        ("203.0.113.7", False),
        ("3.0.113.77", False),
        ("ACCEPTED", True),
        ("LOGO.php", True),
        ("absent", False),
    ],
)
def test_the_filter_by_indicator(settings: Settings, indicator: str, hit: bool) -> None:
    """203.0.113.7 is not 203.0.113.77: the wrong neighbour would be reported to the police."""
    assert bool(build(with_evidence(settings, 0.0), matching=[indicator])) is hit


def test_since_and_until_are_kept(settings: Settings) -> None:
    case = with_evidence(settings, 0.0)
    every = build(case)
    middle = every[len(every) // 2].time
    assert build(case, since=middle)[0].time >= middle >= build(case, until=middle)[-1].time


@pytest.mark.parametrize("text", HOSTILE)
def test_a_spreadsheet_computes_nothing(text: str) -> None:
    """A file name that is a formula runs on the desk of whoever opens the table (CWE-1236)."""
    shown = harmless(text)
    assert not shown.lstrip(" '\"").startswith(("=", "+", "-", "@", "|", "%")) or shown.startswith("'")
    assert shown.isprintable()


def test_csv_survives_a_round_trip(settings: Settings) -> None:
    entries = [Entry(START, "file times", "web01", what, what, "x", 0, START) for what in HOSTILE]
    rows = list(csv.reader(io.StringIO(timeline.as_text(entries, "csv", VIETNAM), newline="")))
    assert tuple(rows[0]) == COLUMNS and len(rows) == len(HOSTILE) + 1
    assert rows[1][:2] == ["2026-11-22T02:14:05.000+00:00", "2026-11-22T09:14:05.000+07:00"]
    assert all(cell.isprintable() for row in rows for cell in row)


def test_json_lines_have_what_timesketch_needs(settings: Settings) -> None:
    for line in timeline.as_text(build(with_evidence(settings, 1.5)), "jsonl", VIETNAM).splitlines():
        row = json.loads(line)
        assert row["message"] and row["timestamp_desc"]
        assert datetime.fromisoformat(row["datetime"]).tzinfo is not None


@pytest.mark.parametrize("name", ["journal", "web_logs", "web_manifest", "changed_files"])
def test_damaged_evidence_ends_the_reading_and_nothing_else(tmp_path: Path, name: str) -> None:
    good = items(START)[name]
    source, read = timeline._READERS[name]
    assert source
    for number, attack in enumerate(
        (
            b"",
            b"\0" * 5000,
            b"\xff" * 5000,
            b"MESSAGE\n" + b"\xff" * 8,
            b"A" * (3 << 20),
            b"\t" * 40 + b"\0",
            b"__REALTIME_TIMESTAMP=9e99\n\n",
            b"__REALTIME_TIMESTAMP=nan\n\n",
            b"__REALTIME_TIMESTAMP=-1\n\n",
            b"f\t644\t1\t1\t1\t1\t1\tnan\t1e300\t-1\tinf\t/x\0\0",
            good[:-7],
            good[7:],
        )
    ):
        path = tmp_path / str(number)
        path.write_bytes(attack)
        list(read({name: path}))


def test_a_forged_field_in_a_message_stays_in_it(settings: Settings) -> None:
    """A log line may carry line feeds; in the export format it is binary, and must not become another record."""
    entries = [entry for entry in build(with_evidence(settings, 0.0)) if entry.source == "host's journal"]
    assert len(entries) == 3
    assert entries[1].text == "evil\\nMESSAGE=forged"


def test_a_table_that_was_cut_says_so(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader would else take the last line for the end of the story."""
    monkeypatch.setattr(timeline, "MOST", 2)
    entries = [entry for entry in build(with_evidence(settings, 0.0)) if entry.source == "host's journal"]
    assert [entry.what for entry in entries].count("cut here") == 1
    assert len(entries) == 3


# --- indicators ---------------------------------------------------------------------------------------------------


def test_the_same_case_gives_the_same_bundle(settings: Settings) -> None:
    """Two exports that differ would be merged as two incidents."""
    case = write_case(settings)
    assert indicators.as_text(case.facts) == indicators.as_text(find(settings, case.id).facts)


def test_the_bundle_is_what_stix_asks_for(settings: Settings) -> None:
    """The required properties of STIX 2.1 (sections 3, 4.7, 4.6, 7.2) by hand: the validator is not packaged.

    OASIS's stix2-validator, asked once, found this bundle and those of hostile paths valid; it warns that the ids are
    version 5, which is on purpose: the same case gives the same ids.
    """
    bundle = indicators.bundle(write_case(settings).facts)
    kinds = [item["type"] for item in bundle["objects"]]
    assert kinds[:2] == ["marking-definition", "identity"] and set(kinds[2:]) == {"indicator"}
    ids = {item["id"] for item in bundle["objects"]}
    assert len(ids) == len(kinds)
    for item in bundle["objects"]:
        kind, _dashes, number = item["id"].partition("--")
        assert kind == item["type"] and uuid.UUID(number) and item["spec_version"] == "2.1"
        assert datetime.fromisoformat(item["created"]).tzinfo is not None
        if kind == "indicator":
            assert {"pattern", "pattern_type", "valid_from"} <= set(item)
            assert set(item["object_marking_refs"]) | {item["created_by_ref"]} <= ids
    assert bundle["objects"][0]["name"] == "TLP:AMBER"


def test_patterns_of_hostile_paths_stay_patterns(settings: Settings) -> None:
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x", tlp="AMBER+STRICT")
        book = Book(case, clock)
        for number, name in enumerate(("a' OR file:name = 'b", "a\\", "a\n]", "\u202egnp.php", "'" * 9)):
            book.report(
                "finding", {"id": str(number), "severity": "high", "path": f"/up/{name}", "action": {"do": "move"}}
            )
    patterns = [item["pattern"] for item in indicators.bundle(case.facts)["objects"][2:]]
    assert len(patterns) == 5
    for pattern in patterns:
        bare = pattern.replace("\\\\", "").replace("\\'", "")
        assert bare.isprintable() and bare.count("'") == 4, pattern


def test_what_is_nobodys_or_everybodys_is_no_indicator(settings: Settings) -> None:
    """Blocking authorized_keys or 127.0.0.1 everywhere would be the second incident."""
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        book = Book(case, clock)
        base = {"severity": "high", "title": "t"}
        book.report(
            "finding", {**base, "id": "1", "path": "/root/.ssh/authorized_keys", "action": {"do": "remove_lines"}}
        )
        book.report(
            "finding",
            {
                **base,
                "id": "2",
                "path": "listener",
                "evidence": {"address": "127.0.0.1", "remote": ["::1", "fe80::1", "x"]},
            },
        )
        book.report("finding", {**base, "id": "3", "severity": "low", "path": "/low", "action": {"do": "move"}})
        book.report(
            "finding",
            {**base, "id": "4", "path": "/false", "action": {"do": "move"}, "evidence": {"sha256": "ab" * 32}},
        )
        book.report(
            "finding",
            {**base, "id": "5", "path": "process", "evidence": {"remote": "203.0.113.7", "sha256": "cd" * 32}},
        )
        book.journal.append("verdict", {"finding": "4", "verdict": "false alarm", "reason": "x"})
    patterns = [item["pattern"] for item in indicators.bundle(case.facts)["objects"][2:]]
    assert patterns == [f"[file:hashes.'SHA-256' = '{'cd' * 32}']", "[ipv4-addr:value = '203.0.113.7']"]


def test_every_finding_of_the_casebook_has_its_path(settings: Settings) -> None:
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        found(Book(case, clock), "DONE")
    assert len(indicators.bundle(case.facts)["objects"]) == 2 + len(FINDINGS)
