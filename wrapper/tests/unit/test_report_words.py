"""The report as a file, and its words: durations, sizes, both languages, what was done and what was not."""

from __future__ import annotations

import html
import json
import re
from datetime import UTC
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from casebook import Book, clock_of, write_case
from reported import Reader, document, settings

from ungcuu.case.case import open_case
from ungcuu.case.integrity import check
from ungcuu.case.journal import MAX_RECORD
from ungcuu.core import i18n
from ungcuu.core.settings import Settings
from ungcuu.recover import restore_points
from ungcuu.report import document as printing
from ungcuu.report import timeline
from ungcuu.report.chart import WIDTH
from ungcuu.report.document import write_report
from ungcuu.report.format import shown_bytes, shown_seconds
from ungcuu.report.labels import DEEDS, LABELS

__all__ = ["settings"]


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


def test_a_pdf_without_its_program_is_refused_with_the_fix(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_no_run_is_shown_as_done_that_was_not(settings: Settings, outcome: str, language: str) -> None:
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


def test_a_run_that_was_done_is_shown_as_done(settings: Settings) -> None:
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
