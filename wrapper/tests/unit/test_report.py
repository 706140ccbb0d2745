"""The report: only what the journal proves, nothing hostile alive in it, one file that asks nobody for anything."""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from casebook import Book, clock_of, settings_in, write_case

from ungcuu.case.case import Case, open_case
from ungcuu.case.integrity import check
from ungcuu.case.journal import MAX_RECORD
from ungcuu.case.record import Record
from ungcuu.core import i18n
from ungcuu.core.settings import Settings
from ungcuu.recover import restore_points
from ungcuu.report import build, render, shown_bytes, shown_seconds, timeline, write_report
from ungcuu.report import document as printing
from ungcuu.report.chart import WIDTH
from ungcuu.report.format import MOST_ROWS
from ungcuu.report.labels import DEEDS, LABELS

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
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


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path / "state")


def document(case: Case) -> str:
    return render(build(case.records(), check(case), "ab" * 32, NOW))


class Reader(HTMLParser):
    """Tags, attributes and visible text of a document."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._skip = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._skip += tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._skip -= tag == "style"

    def handle_data(self, data: str) -> None:
        if not self._skip and data.strip():
            self.words.append(data.strip())

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


# --- what it shows ------------------------------------------------------------------------------------------------


def test_a_whole_case_is_told(settings: Settings) -> None:
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


def test_a_failed_proof_and_one_nobody_could_take_are_told_apart(settings: Settings) -> None:
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


# --- files and words ----------------------------------------------------------------------------------------------


def test_the_report_is_written_beside_the_journal_and_its_hash_into_it(settings: Settings) -> None:
    case = write_case(settings)
    (path,) = write_report(case)
    assert path == case.folder / "report.html" and path.stat().st_mode & 0o777 == 0o600
    again = check(case)
    assert again.ok and not again.notes
    path.write_text("another")
    assert not check(case).ok, "a report that was changed after it was drawn up"


DRILLED = {
    "points": [
        {
            "id": "4e3a0bd1" * 8,
            "time": "2026-11-24T18:30:00Z",
            "host": "web01",
            "bytes": 5 << 20,
            "files": 12,
            "proven": "2026-11-24T20:00:00Z",
            "drill": {"on": "spare01", "rto_seconds": 61.4, "rpo_seconds": 5400},
        }
    ],
    "asked": "2026-11-25T02:00:00Z",
    "schedule": {"active": False},
}


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("last restore drill: 25/11/2026 03:00:00 on spare01", "RTO) 61 s", "RPO) 90 min 0 s", "is not active")),
        ("vi", ("lần diễn tập khôi phục gần nhất: 25/11/2026 03:00:00", "RTO) 61 giây", "RPO) 90 phút 0 giây")),
    ],
)
def test_the_newest_restore_drill_stands_in_every_report(
    settings: Settings, language: str, words: tuple[str, ...]
) -> None:
    """Whoever reads the report of an incident must see whether the backups were ever proven, and what is wrong."""
    case = write_case(settings)
    i18n.set_language(language)
    try:
        never = Reader(write_report(case, language)[0].read_text("utf-8")).text
        folder = settings.host_dir("web01")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / restore_points.FILE).write_text(json.dumps(DRILLED), encoding="utf-8")
        text = Reader(write_report(case, language)[0].read_text("utf-8")).text
        assert i18n._("no restore was ever proven") not in text
        assert i18n._("no restore point is known") in never
    finally:
        i18n.set_language("en")
    for word in words:
        assert word in text, word
    assert "4e3a0bd1" in text


def test_a_report_can_be_drawn_up_again_and_in_both_languages(settings: Settings) -> None:
    case = write_case(settings)
    for language in ("en", "vi", "en"):
        write_report(case, language)
    assert check(case).ok and (case.folder / "report.vi.html").exists()


def test_a_pdf_without_its_program_is_refused_with_the_mend(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printing.shutil, "which", lambda _name: None)
    with pytest.raises(printing.ControllerFault) as caught:
        write_report(write_case(settings), pdf=True)
    assert caught.value.fix == "apt install weasyprint"


def test_a_pdf_is_made(settings: Settings) -> None:
    if printing.shutil.which("weasyprint") is None:
        pytest.skip("weasyprint is not installed")
    made = write_report(write_case(settings), pdf=True)
    assert made[1].read_bytes().startswith(b"%PDF-")


def test_the_template_has_no_words_of_its_own_and_every_label_is_used() -> None:
    """A word in the template would stay English in a Vietnamese report."""
    template = (files("ungcuu") / "templates" / "report.html.j2").read_text(encoding="utf-8")
    source = "".join(path.read_text("utf-8") for path in Path(printing.__file__).parent.glob("*.py"))
    used = set(re.findall(r"L\.(\w+)", template)) | set(re.findall(r"LABELS\[\"(\w+)\"\]", source))
    assert used == set(LABELS)
    bare = re.sub(r"<style>.*?</style>|{#.*?#}|{%.*?%}|{{.*?}}|<[^>]*>", " ", template, flags=re.DOTALL)
    assert set(re.findall(r"[A-Za-z]{2,}", bare)) <= {"TLP", "ungcuu"}


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "–"),
        (0.04, "0.0 s"),
        (9.96, "10.0 s"),
        (61, "61 s"),
        (588.2, "9 min 48 s"),
        (27120, "7 h 32 min"),
        (400000, "4 days 15 h"),
    ],
)
def test_durations_as_people_say_them(seconds: float | None, shown: str) -> None:
    assert shown_seconds(seconds) == shown


def test_a_decimal_is_written_as_the_reader_s_language_does() -> None:
    """Seen failing: a Vietnamese letter had "9.1 giây"."""
    i18n.set_language("vi")
    assert (shown_seconds(9.06), shown_bytes(1536)) == ("9,1 giây", "1,5 KiB")
    i18n.set_language("en")
    assert (shown_seconds(9.06), shown_bytes(1536)) == ("9.1 s", "1.5 KiB")


def test_sizes_as_people_say_them() -> None:
    assert [shown_bytes(n) for n in (0, 1023, 1024, 5 << 30, True, "x")] == [
        "0 B",
        "1023 B",
        "1.0 KiB",
        "5.0 GiB",
        "–",
        "–",
    ]


def test_the_longest_record_fits(settings: Settings) -> None:
    case = open_case(settings, ["web01"], "x")
    case.note("x" * (MAX_RECORD - 2000))
    assert len(document(case)) < 200_000


def test_the_picture_has_every_run_in_its_place(settings: Settings) -> None:
    """A director reads the picture alone: one bar a run, in the order of time, as long as it took, inside the frame."""
    case = write_case(settings)
    drawn = re.search(r"<svg.*?</svg>", document(case), re.DOTALL)
    assert drawn
    picture = ElementTree.fromstring(drawn[0])  # noqa: S314 - our own drawing
    bars = [row for row in picture.iter("{http://www.w3.org/2000/svg}rect") if row.get("rx")]
    runs = case.facts.runs
    assert len(bars) == len(runs) > 5
    at = [(float(bar.attrib["y"]), float(bar.attrib["x"]), float(bar.attrib["width"])) for bar in bars]
    assert all(up[0] < down[0] and up[1] <= down[1] for up, down in pairwise(at))
    assert all(x >= 0 and x + width <= WIDTH for _y, x, width in at)
    longest = max(runs, key=lambda run: run.seconds or 0)
    assert max(at, key=lambda bar: bar[2]) == at[sorted(runs, key=lambda run: run.started).index(longest)]
    named = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text") if text.get("text-anchor") == "end"]
    assert len(named) >= len(bars) and all(named)


@pytest.mark.parametrize("language", ["en", "vi"])
@pytest.mark.parametrize("outcome", ["NOT DONE", "UNKNOWN", ""])
def test_no_run_is_told_as_done_that_was_not(settings: Settings, outcome: str, language: str) -> None:
    """Report, chart and timeline said "Website restored" of a restore that had failed, been refused, or was unknown.

    Seen failing with the outcome left out of ``deed``.
    """
    with clock_of() as clock:
        book = Book(open_case(settings, ["web01"], "x", "y", "high"), clock)
        for verb in DEEDS:
            with book.run(verb, outcome=outcome):
                change = {"action": "restore", "point": {"time": "2026-11-20T00:00:00Z"}, "kept": {"folder": "/k"}}
                book.report("change", change)
                book.report("inverse", {"action": "restore 20261122", "undo": "ungcuu-site undo 20261122"})
    i18n.set_language(language)
    try:
        shown = html.unescape(document(book.case))
        table = timeline.as_text(timeline.build(book.case), "csv", UTC)
        wrong = [text for text in (*DEEDS.values(), "Website restored") if i18n._(text) in shown + table]
        assert not wrong
        assert i18n._("Not done: {what}").partition(":")[0] in shown or outcome != "NOT DONE"
        assert "Restored to the state of" not in shown and "Website restored to" not in shown
    finally:
        i18n.set_language("en")


def test_a_run_that_was_done_is_told_as_done(settings: Settings) -> None:
    with clock_of() as clock:
        book = Book(open_case(settings, ["web01"], "x", "y", "high"), clock)
        with book.run("restore"):
            pass
    assert "Website restored from the vault" in document(book.case)


def test_what_a_person_excused_is_shown_with_who_and_why(settings: Settings) -> None:
    """A verdict that lets a host return to service must be seen by whoever signs; critical ones stand in red."""
    row = {"finding": "ab12", "rule": "upload.code", "path": "/x.php", "by": "hoa", "reason": "made by our own theme"}
    with clock_of() as clock:
        book = Book(open_case(settings, ["web01"], "x", "y", "high"), clock)
        with book.run("reassess"):
            excused = [row | {"severity": "critical"}, row | {"severity": "medium", "path": "/y.php"}]
            book.report("reassessment", {"outcome": "clean", "left": [], "excused": excused})
    shown = html.unescape(document(book.case))
    assert (
        'class="excused">Did not count: critical finding ab12 (/x.php); hoa called it a false alarm: made by' in shown
    )
    assert 'class="missing">Did not count: medium finding ab12 (/y.php)' in shown
