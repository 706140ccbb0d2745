"""Whether a case folder was changed: evidence, the collector's list, the journal, its head and the key."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from casebook import Book, clock_of, collect, settings_in, write_case

from ungcuu.case.case import open_case
from ungcuu.case.integrity import check
from ungcuu.core.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path / "state")


def test_an_untouched_case_is_whole(settings: Settings) -> None:
    result = check(write_case(settings))
    assert result.ok and result.evidence == 10 and result.lines() == []


def test_every_change_of_evidence_is_named(settings: Settings) -> None:
    """Evidence whose hash differs is no evidence; evidence that nobody recorded is no evidence either."""
    case = write_case(settings)
    changed, gone, linked, replaced = sorted(case.evidence.iterdir())[:4]
    changed.write_bytes(changed.read_bytes() + b"x")
    gone.unlink()
    linked.rename(settings.state / "moved")
    linked.symlink_to(settings.state / "moved")
    replaced.unlink()
    os.mkfifo(replaced)
    (case.evidence / ("0" * 64)).write_text("planted")
    result = check(case)
    assert not result.ok and result.evidence == 6
    told = "\n".join(result.problems)
    for path, word in ((changed, "changed"), (gone, "missing"), (linked, "missing"), (replaced, "changed")):
        assert any(path.name in line and word in line for line in result.problems), told
    assert f"does not know: evidence/{'0' * 64}" in told


def test_a_changed_list_of_the_collector_is_named(settings: Settings) -> None:
    import hashlib

    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        manifest = case.evidence / "manifest-web01.jsonl"
        manifest.write_text('{"record":"item"}\n')
        digest = hashlib.sha256(manifest.read_bytes()).hexdigest()
        Book(case, clock).report("custody", {"from": "web01", "manifest_sha256": digest})
    manifest.write_text(manifest.read_text() + '{"record":"custody"}\n')
    assert check(case).ok, "it grows after the hand-over that names it"
    manifest.write_text('{"record":"other"}\n')
    assert not check(case).ok


def test_a_changed_journal_is_named_with_its_first_bad_record(settings: Settings) -> None:
    case = write_case(settings)
    path = case.folder / "journal.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"outcome":"DONE"', b'"outcome":"D0NE"', 1))
    result = check(case)
    assert not result.ok and result.journal.first_bad and str(result.journal.first_bad) in result.lines()[0]


def test_a_missing_head_and_a_missing_key_are_named(settings: Settings) -> None:
    case = write_case(settings)
    saved = case.head.read_bytes()
    case.head.unlink()
    assert "head is missing" in check(case).lines()[0]
    case.head.write_bytes(saved)
    (settings.keys / "journal_ed25519.pub").unlink()
    assert not check(case).ok


def test_what_the_journal_does_not_cover_is_said_without_alarm(settings: Settings) -> None:
    case = write_case(settings)
    (case.folder / "scan of the letter \x1b[2J.pdf").write_text("x")
    result = check(case)
    assert result.ok and "\x1b" not in result.notes[0] and "not covered" in result.notes[0]


def test_checking_changes_nothing(settings: Settings) -> None:
    case = write_case(settings)
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in settings.state.rglob("*")}
    check(case)
    assert before == {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in settings.state.rglob("*")}


def test_collecting_twice_counts_once(settings: Settings) -> None:
    with clock_of() as clock:
        case = open_case(settings, ["web01"], "x")
        book = Book(case, clock)
        collect(book)
        collect(book)
    assert check(case).ok and check(case).evidence == 10
