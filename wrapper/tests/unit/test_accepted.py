"""A person accepts single findings, with reason, owner and an end: for a baseline, a re-assessment, a sweep."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ungcuu.cli.commands.scan import show_accepted
from ungcuu.cli.registry import load
from ungcuu.core.errors import Refused, Tampered, UsageFault
from ungcuu.core.settings import Settings
from ungcuu.core.terminal import Screen
from ungcuu.detect import accepted, baseline, scan
from ungcuu.detect.baseline import Snapshot
from ungcuu.detect.findings import Finding, Severity, finding
from ungcuu.prepare.verify import Check
from ungcuu.recover.reassess import Entry, judge
from ungcuu.run.verb import Context

TODAY = datetime.now(UTC).date()
WORD = accepted.Word("our own theme's tool", "Lê Bình", (TODAY + timedelta(days=30)).isoformat(), "binh")


def seen(path: str, digest: str = "a", severity: Severity = Severity.CRITICAL) -> Finding:
    return finding("web01", "upload.code", severity, "file", path, evidence={"sha256": digest * 64, "ctime": 1})


def subject(state: Path, case: str = "") -> Any:
    past = SimpleNamespace(in_incident=lambda: True, barring_case=lambda: case)
    return SimpleNamespace(state=state, name="web01", host="web01", past=past)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What a scan of the host finds; add to it."""
    found: list[Finding] = []
    monkeypatch.setattr(scan, "read", lambda _subject: Snapshot(ended=True))
    monkeypatch.setattr(scan, "judge", lambda *_a: scan.Judged(list(found), {}))
    monkeypatch.setattr(scan, "application", lambda *_a: {})
    return found


def take(state: Path, *ids: str, word: accepted.Word = WORD) -> scan.NewBaseline:
    return scan.take_baseline(subject(state), scan.Accept(ids, word if ids else None))


def test_each_finding_needs_a_word_of_its_own(tmp_path: Path, host: list[Finding]) -> None:
    """One switch for all signed the web shell beside the false alarm. Seen with one id taken for all: it was signed."""
    first, second = seen("/w/a.php"), seen("/w/b.php")
    host += [first, second]
    assert [item.id for item in take(tmp_path, first.id).doubts] == [second.id]
    assert not (tmp_path / "hosts/web01/baseline.json").exists()
    assert accepted.load(tmp_path, "web01") == {}, "what did not lead to a baseline is not kept"
    assert take(tmp_path, first.id, second.id).doubts == []
    assert (tmp_path / "hosts/web01/baseline.json").exists()


def test_the_word_holds_for_what_was_seen_and_until_its_day(tmp_path: Path, host: list[Finding]) -> None:
    """Seen without the comparison of what was seen: another file at the same place was signed."""
    host.append(seen("/w/a.php"))
    take(tmp_path, host[0].id)
    assert take(tmp_path).doubts == []
    host[0] = replace(host[0], evidence={"sha256": "a" * 64, "ctime": 9})
    assert take(tmp_path).doubts == [], "another time of change is no other content"
    host[0] = seen("/w/a.php", "b")
    assert len(take(tmp_path).doubts) == 1
    known = accepted.load(tmp_path, "web01")
    old = seen("/w/a.php")
    last = date.fromisoformat(WORD.until)
    assert accepted.holding(known, [old], last) and not accepted.holding(known, [old], last + timedelta(days=1))
    assert accepted.files(known, last) == {("/w/a.php", "a" * 64)}
    assert accepted.files(known, last + timedelta(days=1)) == frozenset()


def test_an_id_that_names_nothing_is_refused(tmp_path: Path, host: list[Finding]) -> None:
    host.append(seen("/w/a.php"))
    with pytest.raises(Refused, match="has no finding 0123"):
        take(tmp_path, host[0].id, "0123")


def test_what_was_written_into_the_file_by_others_is_not_believed(tmp_path: Path) -> None:
    """Who can write the file could excuse a web shell."""
    accepted.add(tmp_path, "web01", [seen("/w/a.php")], WORD)
    path = baseline.host_folder(tmp_path, "web01") / accepted.FILE
    path.write_text(path.read_text().replace("/w/a.php", "/w/b.php"))
    with pytest.raises(Tampered):
        accepted.load(tmp_path, "web01")


def scanned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *found: Finding) -> scan.ScanResult:
    """What `scan` makes of these findings; each was accepted as it is when it was first seen."""
    monkeypatch.setattr(scan, "read", lambda *_a: Snapshot(ended=True))
    monkeypatch.setattr(scan, "judge", lambda *_a: scan.Judged(list(found), {}))
    monkeypatch.setattr(scan.root_loss, "remember", lambda *_a, **_k: None)
    about = subject(tmp_path)
    about.target = None
    return scan.scan(about)


def test_a_scan_lists_it_apart_until_its_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An alert for what a person answers for teaches people to look away; and silence about it would be a false word.

    Seen failing with the findings left as they are.
    """
    first, second = seen("/w/a.php"), seen("/w/b.php")
    accepted.add(tmp_path, "web01", [first], WORD)
    result = scanned(tmp_path, monkeypatch, first, second)
    assert [item.id for item in result.findings] == [second.id]
    (row,) = result.summary()["accepted"]
    assert (row["id"], row["owner"], row["until"]) == (first.id, "Lê Bình", WORD.until)
    assert not result.clean and scanned(tmp_path, monkeypatch, first).clean
    assert len(scanned(tmp_path, monkeypatch, seen("/w/a.php", "b")).findings) == 1, "another content"
    over = replace(WORD, until=(TODAY - timedelta(days=1)).isoformat())
    accepted.add(tmp_path, "web01", [first], over)
    assert len(scanned(tmp_path, monkeypatch, first).findings) == 1, "its last day has passed"


def test_a_scan_says_who_answers_for_it(tmp_path: Path) -> None:
    """`Nothing was found` alone would be false."""
    said = StringIO()
    options = {option.key: None for option in load("scan").options}
    ctx = Context(Settings(tmp_path, tmp_path, "binh"), load("scan"), Screen(said), hosts=("web01",), options=options)
    row = {"id": "1", "severity": "critical", "rule": "upload.code", "path": "/w/a.php", "owner": "Lê Bình"}
    show_accepted(ctx, "web01", {"accepted": [row | {"until": "2027-06-30"}]})
    assert "accepted by Lê Bình until 2027-06-30: critical upload.code: /w/a.php" in said.getvalue()


def test_lost_root_is_not_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setuid shell that somebody called harmless must not open the way back to service. Seen failing without."""
    item, asked = seen("/usr/bin/zz"), []
    accepted.add(tmp_path, "web01", [item], WORD)
    scanned(tmp_path, monkeypatch)
    monkeypatch.setattr(scan, "judge", lambda *_a: scan.Judged([item], {}))
    monkeypatch.setattr(scan.root_loss, "remember", lambda _s, _t, found, _i, **_k: asked.extend(found))
    about = subject(tmp_path)
    about.target = None
    scan.scan(about)
    assert asked == [item]


def test_no_baseline_while_a_case_is_open(tmp_path: Path, host: list[Finding]) -> None:
    """What the intruder left would be known-good. Seen failing (it was signed) without the question."""
    with pytest.raises(Refused, match="UC-1") as refusal:
        scan.take_baseline(subject(tmp_path, "UC-1"))
    assert "ungcuu release web01" in refusal.value.fix
    assert not (tmp_path / "hosts/web01/baseline.json").exists()


def test_a_reassessment_does_not_count_it_and_names_owner_reason_and_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = seen("/w/a.php")
    accepted.add(tmp_path, "web01", [item], WORD)
    entry = Entry("the upload form took PHP; it is gone", "binh")
    good = Check("web01", "website", "test", "passed")

    def outcome(found: Finding) -> Any:
        result = replace(scanned(tmp_path, monkeypatch, found), baseline="t")
        return judge("web01", result, [good], entry)

    done = outcome(item)
    assert (done.outcome, [row["by"] for row in done.excused]) == ("clean", ["Lê Bình"])
    assert done.excused[0]["reason"] == f"our own theme's tool ({WORD.until})"
    assert outcome(seen("/w/a.php", "b")).outcome == "not clean"


@pytest.mark.parametrize(
    ("options", "reason", "words"),
    [
        ({"owner": "x"}, "r", "are for --accept"),
        ({"accept": ("1",), "archive": "a.zip"}, "r", "does not go with"),
        ({"accept": ("1",), "owner": "x", "until": "2027-01-01"}, "", "needs --owner"),
        ({"accept": ("1",), "owner": "x"}, "r", "needs --owner"),
        ({"accept": ("1",), "owner": "x", "until": "soon"}, "r", "is a day like"),
        ({"accept": ("1",), "owner": "x", "until": "2020-01-01"}, "r", "from today on"),
        ({"accept": ("1",), "owner": "x", "until": "2999-01-01"}, "r", "from today on"),
    ],
)
def test_a_word_that_says_too_little_is_refused(
    tmp_path: Path, options: dict[str, Any], reason: str, words: str
) -> None:
    verb = load("baseline")
    (tmp_path / "a.zip").touch()
    known = {option.key: None for option in verb.options} | options
    known |= {"archive": str(tmp_path / "a.zip")} if "archive" in options else {}
    settings = Settings.from_environment({"UNGCUU_STATE": str(tmp_path)})
    ctx = Context(settings, verb, Screen(StringIO()), hosts=("web01",), options=known, reason=reason)
    assert verb.check
    with pytest.raises(UsageFault, match=words):
        verb.check(ctx)
