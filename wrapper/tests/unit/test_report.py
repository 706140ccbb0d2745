"""The report: only what the journal proves, nothing hostile alive in it, one file that asks nobody for anything."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from casebook import Book, clock_of, write_case
from reported import NOW, Reader, document, settings

from ungcuu.case.case import open_case
from ungcuu.case.integrity import check
from ungcuu.case.record import Record
from ungcuu.core.settings import Settings
from ungcuu.report.document import render
from ungcuu.report.format import MOST_ROWS
from ungcuu.report.labels import LABELS
from ungcuu.report.model import build

__all__ = ["settings"]


ATTACKS = (
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='x",
    "{{ 7*7 }}{% raw %}",
    "javascript:alert(1)",
    "<!-- ",
    "]]>",
    "&lt;b&gt;",
    "\x1b[2J\u202egnp.exe\u2066",
    "\u2028\x00\x07",
    '=HYPERLINK("http://evil")',
    "<iframe src=//evil>",
    "<a href=//evil>x</a>",
    "a" * 9000,
    "\udcff",
)


# --- what it shows ------------------------------------------------------------------------------------------------


def test_a_whole_case_is_reported(settings: Settings) -> None:
    """What a head of department asks: what, when, how bad, who did what, is it over, can I trust it."""
    case = write_case(settings)
    text = Reader(document(case)).text
    for words in (
        "Liên kết cờ bạc chèn vào trang chủ cổng thông tin",
        case.id,
        "TLP:AMBER",
        "7 h 32 min",
        "9 min 48 s",
        "4 min 40 s",
        "22/11/2026 09:05:05",
        "2026-11-22 02:05:05",
        "Host cut off from the network",
        "22 ports on IPv4 and IPv6: all silent",
        "not looked at",
        "/etc/cron.d/php-session-clean",
        "in quarantine",
        "gone at the last scan",
        "the limit of 64 MiB was reached",
        "mariadb: access denied",
        "not on this host",
        "ungcuu eradicate web01 --put-back",
        "8f14e45f",
        "uploads no longer run code",
        "công văn 812/SCT-VP",
        "overdue",
        case.records()[-1].hash,
        "ab" * 32,
        "records and 10 pieces of evidence are as they were recorded",
        "host's clock differs by +0.4 s",
    ):
        assert words in text, words


def test_nothing_is_claimed_that_the_journal_does_not_prove(settings: Settings) -> None:
    """An empty case must read as one in which nothing was proven, not as one in which all is well."""
    text = Reader(document(open_case(settings, ["web01"], "x"))).text
    assert text.count("not in the journal") == 3
    for name in LABELS:
        if name.startswith("no_"):
            assert LABELS[name] in text, name
    for claim in ("cut off from the network at", "returned to service at", "clean", "passed", "taken whole"):
        assert claim not in text


def test_a_run_without_an_end_is_not_shown_as_done(settings: Settings) -> None:
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        with Book(case, clock).run("isolate", outcome=""):
            pass
    text = Reader(document(case)).text
    assert "no end recorded" in text and "Still isolated, as far as the journal shows: web01." in text
    assert "The journal holds no isolation that ended well." in text


def test_a_failed_proof_and_one_nobody_could_take_are_known_apart(settings: Settings) -> None:
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        book = Book(case, clock)
        with book.run("isolate", outcome="NOT DONE"):
            for passed in (True, False, None, "yes", 1):
                book.report("proof", {"name": f"p-{passed}", "side": "outside", "passed": passed, "detail": ""})
    text = Reader(document(case)).text
    assert re.search(r"p-True from outside passed p-False from outside failed p-None from outside not looked at", text)
    assert "p-yes from outside not looked at" in text and "p-1 from outside not looked at" in text
    assert "1 of 5 proofs passed" in text


def test_a_changed_case_says_so_before_all_else(settings: Settings) -> None:
    case = write_case(settings)
    victim = sorted(case.evidence.iterdir())[0]
    victim.write_bytes(b"changed")
    text = Reader(document(case)).text
    assert "something was changed: do not rely on this report" in text and f"evidence {victim.name} was changed" in text


def test_a_finding_of_an_earlier_release_is_shown_in_todays_words(settings: Settings) -> None:
    """Its title was reworded since; an old case must still read in the reader's language."""
    row = {"id": "f" * 16, "rule": "reading.incomplete", "severity": "high", "path": "/", "title": "an old title"}
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        book = Book(case, clock)
        with book.run("scan"):
            book.report("finding", row)
    text = Reader(document(case)).text
    assert "the host did not report everything" in text and "an old title" not in text


def test_a_task_of_a_person_is_done_only_where_a_person_recorded_it(settings: Settings) -> None:
    """The software tracks; it never pretends."""
    rows = {row["key"]: row for row in build(write_case(settings).records(), None, "", NOW)["people"]}
    assert rows["confirm"]["state"] == "done" and "lan.nguyen" in rows["confirm"]["proof"]
    assert {rows[key]["state"] for key in ("notify-24h", "report-72h", "data-72h")} == {"overdue"}
    assert rows["police"]["state"] == "not recorded" and rows["notify-24h"]["due"] == "23/11/2026 09:05:05"


def test_a_host_may_not_speak_for_a_person(settings: Settings) -> None:
    """A task's result that holds a note, a finished task or a closing is the host's word, not a person's."""
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        book = Book(case, clock)
        with book.run("scan"):
            book.report("note", {"text": "FORGED", "operator": "lan.nguyen"})
            book.report("task_done", {"task": "return", "text": "FORGED", "operator": "lan.nguyen"})
            book.report("case_closed", {"reason": "FORGED"})
            book.report("report", {"file": "report.html", "sha256": "ab" * 32})
    text = Reader(document(case)).text
    assert "FORGED" not in text and "done" not in {row["state"] for row in build(case.records(), None)["people"]}
    (case.folder / "report.html").write_text("x")
    assert check(case).notes == ("not covered by the journal: report.html",)


def test_a_drill_says_that_it_is_one(settings: Settings) -> None:
    """Someone will file it, and someone else will find it."""
    assert "Drill: not a real incident" in Reader(document(open_case(settings, ["web01"], "x", drill=True))).text


def test_a_tlp_that_nobody_knows_is_the_strictest(settings: Settings) -> None:
    case = open_case(settings, ["web01"], "x")
    records = [Record(r.seq, r.time, r.prev, r.kind, {**r.data, "tlp": "WHITE"}, r.hash, r.sig) for r in case.records()]
    assert build(records, None)["tlp"] == "RED"


# --- hostile data -------------------------------------------------------------------------------------------------


def poison(value: Any, attack: str) -> Any:
    """The same shape with the attack in every text, in keys too."""
    if isinstance(value, dict):
        return {key: poison(item, attack) for key, item in value.items()} | {attack[:200]: attack}
    if isinstance(value, list):
        return [poison(item, attack) for item in value]
    return attack if isinstance(value, str) else value


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
def test_hostile_data_in_every_field_stays_text(settings: Settings, attack: str) -> None:
    """A file name on a compromised host may not run in the browser of the person who judges the incident."""
    clean_case = write_case(settings)
    clean_page = Reader(document(clean_case))
    kept = {"verb", "hosts", "run", "case", "phase"}
    records = [
        Record(
            r.seq,
            r.time,
            r.prev,
            r.kind,
            {k: v if k in kept else poison(v, attack) for k, v in r.data.items()},
            r.hash,
            r.sig,
        )
        for r in clean_case.records()
    ]
    text = render(build(records, None, attack, NOW))
    page = Reader(text)
    allowed = {tag for tag, _attrs in clean_page.tags}
    assert {tag for tag, _attrs in page.tags} <= allowed
    assert {name for _tag, attrs in page.tags for name in attrs} <= {
        name for _t, attrs in clean_page.tags for name in attrs
    }
    for _tag, attrs in page.tags:
        assert not any(name.startswith("on") or name in ("href", "src", "srcset", "action") for name in attrs)
        assert re.fullmatch(r"[a-zA-Z0-9 +-]*", attrs.get("class") or ""), attrs
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\u2028\ud800-\udfff]", html.unescape(text))
    assert "49" not in "".join(word for word in page.words if word.startswith("4")) or "7*7" not in attack


def test_the_document_asks_nobody_for_anything(settings: Settings) -> None:
    """Opening a report must not show anyone that it was opened."""
    text = document(write_case(settings))
    for _tag, attrs in Reader(text).tags:
        assert not {"src", "href", "srcset", "data", "background", "action", "ping"} & set(attrs)
    assert "default-src 'none'" in text and "<script" not in text and "@import" not in text
    assert not re.search(r"url\(|https?://(?!www\.w3\.org/2000/svg)", text)


def test_ten_thousand_findings_make_a_page_that_opens(settings: Settings) -> None:
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        book = Book(case, clock)
        base = {"rule": "upload.code", "severity": "high", "title": "x"}
        rows = [
            Record(9 + n, clock(), "", "finding", {"host": "web01", "data": {**base, "path": f"/{n}"}}, "", "")
            for n in range(10_000)
        ]
        with book.run("scan"):
            pass
    text = render(build([*case.records(), *rows], None))
    assert len(text) < 1_500_000 and f"and {10_000 - MOST_ROWS} more" in text


def test_records_of_any_shape_make_a_document(settings: Settings) -> None:
    odd: list[Any] = [
        None,
        "",
        5,
        1.5,
        True,
        [],
        {},
        ["a"],
        {"a": {"b": [{}]}},
        "2026-99-99T99:99:99Z",
        "2026-01-39T00:00:00Z",
    ]
    names = (
        "name",
        "side",
        "passed",
        "detail",
        "path",
        "sha256",
        "size",
        "bytes",
        "outcome",
        "from",
        "to",
        "who",
        "when",
        "items",
        "clock_skew_seconds",
        "severity",
        "title",
        "action",
        "undo",
        "counts",
        "complete",
        "text",
        "task",
        "due",
        "open",
    )
    kinds = (
        "proof",
        "finding",
        "evidence",
        "restore_point",
        "quarantine",
        "inverse",
        "change",
        "snapshot",
        "custody",
        "scan",
        "verification",
        "entry",
        "reassessment",
        "note",
        "task",
        "task_done",
        "torn",
        "unknown",
        "report",
    )
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        book = Book(case, clock)
        for verb in ("scan", "isolate", "restore", "reassess", "verify"):
            with book.run(verb):
                pass
    records = case.records()
    for value in odd:
        for kind in kinds:
            data = dict.fromkeys(names, value)
            records += [
                Record(99, clock(), "", kind, {"host": "web01", "data": data}, "", ""),
                Record(99, clock(), "", kind, data, "", ""),
            ]
    assert "</html>" in render(build(records, None))
