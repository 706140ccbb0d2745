"""Records for log systems: every format says the same, and nothing that a host stated can break out of its field."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from casebook import Book, clock_of, settings_in, write_case

from ungcuu.case.case import Case, open_case
from ungcuu.case.journal import Journal
from ungcuu.cli.registry import find_verb, with_defaults
from ungcuu.core.errors import Exit
from ungcuu.core.i18n import set_language
from ungcuu.core.settings import Settings
from ungcuu.core.terminal import Screen
from ungcuu.report import records
from ungcuu.run import flow

ROOT = Path(__file__).resolve().parents[3]
# RFC 5424, section 6: the header, one element of structured data, the message.
NAME, VALUE = r'[^\s=\]"]{1,32}', r'(?:[^"\\\]]|\\["\\\]])*'
LINE = re.compile(
    r"<(?P<pri>\d{1,3})>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z [!-~]{1,255} [!-~]{1,48} - [!-~]{1,32} "
    rf'\[ungcuu@\d+(?P<data>(?: {NAME}="{VALUE}")*)\] (?P<text>.*)'
)
ATTACK = 'x"] forged <0>1\n<0>1 2026-11-22T00:00:00Z h a - - -\\\x1b[31m\u202e'


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    set_language("en")
    return settings_in(tmp_path / "state")


@pytest.fixture
def case(settings: Settings) -> Case:
    return write_case(settings)


def parameters(line: str) -> dict[str, str]:
    found = LINE.fullmatch(line)
    assert found, line
    pairs = re.findall(rf'({NAME})="({VALUE})"', found["data"])
    return {name: re.sub(r'\\(["\\\]])', r"\1", value) for name, value in pairs}


def test_every_record_is_a_line_of_rfc_5424(settings: Settings, case: Case) -> None:
    found, unread = records.events(settings)
    assert unread == [] and len(found) == len(case.records())
    for one in found:
        said = parameters(records.syslog(one))
        assert said["id"] == one.id and said["hash"] == one.hash
    assert len({one.id for one in found}) == len(found)


def test_all_formats_say_the_same(settings: Settings, case: Case) -> None:
    found, _unread = records.events(settings)
    for one in found:
        line, entry, document = records.syslog(one), records.journald(one), json.loads(records.ecs(one))
        known = dict(row.split("=", 1) for row in entry.splitlines())
        said = parameters(line)
        assert known["UNGCUU_ID"] == said["id"] == document["event"]["id"]
        assert known["PRIORITY"] == str(document["event"]["severity"])
        assert said.get("host", "") == ",".join(document.get("host", {}).get("name", []))
        assert said["from_host"] == document["labels"]["from_host"]
    critical = [one for one in found if one.fields.get("severity") == "critical" and one.kind == "finding"]
    assert critical and records.syslog(critical[0]).startswith(f"<{13 * 8 + 2}>1 ")


def test_no_field_breaks_out(settings: Settings) -> None:
    """Seen failing without the escaping of RFC 5424, and with an uncleaned line feed in journald's format."""
    with clock_of() as clock:
        case = open_case(settings, ["web01"], ATTACK)
        Book(case, clock).report("finding", dict.fromkeys(("rule", "severity", "path", "title", "verb"), ATTACK))
        Book(case, clock).report(ATTACK, {"what": ATTACK}, host=ATTACK)
    for one in records.events(settings)[0]:
        line = records.syslog(one)
        assert "\n" not in line and "\x1b" not in line and "\u202e" not in line
        # Each field whole: one that ends early would leave the rest of it to be read as the message.
        assert parameters(line) == {name: value for name, value in records._all_fields(one).items() if value}
        rows = records.journald(one).splitlines()
        assert all(re.match(r"(__REALTIME_TIMESTAMP|[A-Z][A-Z0-9_]*)=", row) for row in rows)
        assert "\n" not in records.ecs(one)


def test_a_host_s_word_is_marked(settings: Settings) -> None:
    """A record that a host handed over must not pass for one of the controller."""
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        Book(case, clock).report("run_finished", {"verb": "restore", "outcome": "DONE"})
    marked = {one.kind: one.from_host for one in records.events(settings)[0]}
    assert marked == {"case_opened": False, "run_finished": True}


def run(settings: Settings, **options: object) -> flow.Report:
    verb = find_verb(["records"])
    request = flow.Request(verb, (), with_defaults(verb, options))
    return flow.execute(request, settings, Screen(io.StringIO()), lambda *_: None)


def test_a_journal_that_can_not_be_read_is_named(settings: Settings, case: Case, tmp_path: Path) -> None:
    """An export that lacks a case in silence would be taken for the whole."""
    Journal.open(settings.operations, settings.keys, settings.heads).append("note", {"text": "x"})
    (case.folder / "journal.jsonl").write_bytes(b"{}\n")
    report = run(settings, out=str(tmp_path / "out"))
    assert report.code is Exit.TAMPERED and report.document["unread"] == [case.id]
    assert len((tmp_path / "out").read_text("utf-8").splitlines()) == report.document["records"] == 1


def test_only_what_is_newer(settings: Settings, case: Case) -> None:
    found, _unread = records.events(settings)
    middle = datetime.fromisoformat(found[len(found) // 2].time)
    later, _unread = records.events(settings, middle)
    assert 0 < len(later) < len(found) and all(datetime.fromisoformat(one.time) > middle for one in later)
    assert records.events(settings, datetime.now(UTC).replace(year=2100))[0] == []


def test_the_page_names_every_field() -> None:
    page = (ROOT / "docs/reference/records.md").read_text("utf-8")
    common = ("id", "time", "kind", "journal", "host", "from_host", "hash")
    assert [name for name in (*common, *records._PLAIN) if f"| `{name}` |" not in page] == []
