"""The controller's copy of the vault's list."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ungcuu.recover import restore_points


def row(identity: str = "ab" * 32, time: str = "2026-01-02T03:04:05Z", **more: Any) -> dict[str, Any]:
    return {"id": identity, "time": time, "host": "web01", "bytes": 10, "files": 2, **more}


def test_newest_first_and_missing_ones_passed_over(tmp_path: Path) -> None:
    """doctor must not call a backup good that the vault no longer holds."""
    points = [row("01" * 32), row("02" * 32, "2026-02-02T03:04:05Z", missing=True)]
    (tmp_path / restore_points.FILE).write_text(json.dumps({"points": points}), encoding="utf-8")
    assert [point.short for point in restore_points.load(tmp_path)] == ["02020202", "01010101"]
    newest = restore_points.newest(tmp_path)
    assert newest is not None
    assert newest.short == "01010101"


def test_age_is_counted_from_the_vault_s_clock() -> None:
    point = restore_points.parse({"points": [row()]})[0]
    assert point.age_seconds(datetime(2026, 1, 2, 4, 4, 5, tzinfo=UTC)) == 3600


def test_what_is_no_point_is_left_out(tmp_path: Path) -> None:
    """A vault that was taken over may write anything: the reader takes nothing but points, and never fails."""
    odd = [{}, 3, row("../../x"), row(time="yesterday"), row(bytes="many"), row(host="\x1b[2J")]
    (tmp_path / restore_points.FILE).write_text(json.dumps({"points": odd}), encoding="utf-8")
    found = restore_points.load(tmp_path)
    assert len(found) == 1
    assert "\x1b" not in found[0].host
    (tmp_path / restore_points.FILE).write_text("[", encoding="utf-8")
    assert restore_points.load(tmp_path) == ()
    assert restore_points.load(tmp_path / "nowhere") == ()


def test_last_proven_restore(tmp_path: Path) -> None:
    points = [row("01" * 32, proven="2026-01-05T00:00:00Z"), row("02" * 32)]
    (tmp_path / restore_points.FILE).write_text(json.dumps({"points": points}), encoding="utf-8")
    assert restore_points.last_proven(tmp_path) == "2026-01-05T00:00:00Z"


NOW = datetime(2026, 2, 3, 4, tzinfo=UTC)
GOOD = row(time="2026-02-03T01:30:00Z", proven="2026-02-01T00:00:00Z")
TIMER = {"active": True, "last_run": "2026-02-03T01:30:00Z", "result": "success"}


def told(tmp_path: Path, *points: dict[str, Any], **document: Any) -> str:
    (tmp_path / restore_points.FILE).write_text(json.dumps({"points": points, **document}), encoding="utf-8")
    return "; ".join(alert.text for alert in restore_points.alerts(tmp_path, NOW))


def test_good_backups_raise_no_alert(tmp_path: Path) -> None:
    assert told(tmp_path, GOOD, schedule=TIMER) == ""


def test_what_is_wrong_with_backups_is_reported(tmp_path: Path) -> None:
    """A backup that silently stopped is found on the day it is needed, unless something says so before."""
    assert "no restore point" in told(tmp_path)
    assert "gone" not in told(tmp_path, GOOD)
    assert "a backup was missed" in told(tmp_path, GOOD | {"time": "2026-02-01T01:30:00Z"})
    assert "not active" in told(tmp_path, GOOD, schedule=TIMER | {"active": False})
    assert "failed: exit-code" in told(tmp_path, GOOD, schedule=TIMER | {"result": "exit-code"})
    assert "gone from the vault" in told(tmp_path, GOOD, row("02" * 32, missing=True))
    refused = {"time": "2026-02-03T01:30:00Z", "host": "web01\x1b", "kind": "key", "reason": "x"}
    said = told(tmp_path, GOOD, refused=[refused, refused | {"kind": "index"}, {"kind": []}, 7])
    assert "refused what web01" in said
    assert "added a key" in said
    assert "wrote an index" in said
    assert "\x1b" not in said
    assert "1 restore points arrived" in told(tmp_path, GOOD, waiting=[{}])
    assert "hard links" in told(tmp_path, GOOD, problems=["x"])
    assert "2 points that no run" in told(tmp_path, GOOD, strangers=[{}, {}])
    assert "ever proven" in told(tmp_path, GOOD | {"proven": ""})
    assert "drill was missed" in told(tmp_path, GOOD | {"proven": "2025-10-01T00:00:00Z"})


def test_what_a_drill_measured_stands_beside_its_point(tmp_path: Path) -> None:
    drill = {"on": "spare\x1b01", "rto_seconds": 61.5, "rpo_seconds": 3600}
    changed = {"new": 3, "removed": 1, "changed": 2}
    told(tmp_path, GOOD | {"drill": drill, "changed": changed}, row("02" * 32))
    point = restore_points.load(tmp_path)[0]
    assert (point.rto_seconds, point.rpo_seconds, point.changed) == (61.5, 3600, "+3 -1 ~2")
    assert "\x1b" not in point.proven_on
    assert restore_points.drill_data(tmp_path)["rto_seconds"] == 61.5


def second(tmp_path: Path, document: dict[str, Any]) -> str:
    """What is reported of the copies, beside backups that are well."""
    (tmp_path / restore_points.SECOND_FILE).write_text(json.dumps({"vault": "vault02", **document}), encoding="utf-8")
    return told(tmp_path, GOOD, schedule=TIMER)


def test_what_is_wrong_with_the_copies_is_reported(tmp_path: Path) -> None:
    """A second vault that silently copies nothing any more is none on the day when the first is lost."""
    good = {"outcome": "DONE", "points": [GOOD], "schedule": TIMER}
    assert second(tmp_path, good) == ""
    assert "vault02 does not answer" in second(tmp_path, {"outcome": "UNKNOWN"})
    assert second(tmp_path, good | {"points": []}) == "second vault vault02: no restore point is known"
    assert "is not active" in second(tmp_path, good | {"schedule": TIMER | {"active": False}})
    assert "failed: exit-code" in second(tmp_path, good | {"schedule": {"active": True, "result": "exit-code"}})
    old = GOOD | {"time": "2026-02-01T01:30:00Z", "proven": ""}
    assert second(tmp_path, good | {"points": [old]}).startswith("second vault vault02: a backup was missed")


def judged(**more: Any) -> dict[str, Any]:
    verdict = {
        "verdict": "clean",
        "why": "",
        "time": "2026-02-03T01:31:00Z",
        "files": 2610,
        "bytes": 53 << 20,
        "code": 2285,
        "rules": 20,
        "baseline": {"taken": "2026-02-01T10:00:00.123Z", "sha256": "ab" * 32},
        "suspects": [],
        "total": 0,
    }
    whole = {"shrunk": [], "lacks": [], "missing": [], "missing_total": 0, "entries": []}
    return GOOD | {"verdict": verdict | more.pop("verdict", {}), "whole": whole | more.pop("whole", {}), **more}


def test_clean_says_what_was_looked_at(tmp_path: Path) -> None:
    """ "Clean" alone was said of a point that held a sixth of the website."""
    assert told(tmp_path, judged()) == ""
    words = "; ".join(restore_points.load(tmp_path)[0].judged())
    for part in ("clean: 2285 code files", "baseline of 2026-02-01T10:00:00Z", "2610 files (53 MiB)", "not judged"):
        assert part in words
    told(tmp_path, judged(verdict={"verdict": "not judged", "why": "no baseline", "baseline": None}))
    assert "no baseline is older" in restore_points.load(tmp_path)[0].judged()[0]
    told(tmp_path, GOOD)
    assert restore_points.load(tmp_path)[0].judged() == ["not judged: nobody looked into it yet"]


def test_a_point_that_is_not_whole_or_suspect_is_an_alert_of_severity_high(tmp_path: Path) -> None:
    """Seen failing with `_judgement_alerts` taken out."""
    shrink = {"part": "all", "what": "bytes", "now": 9 << 20, "before": 53 << 20, "before_time": "2026-02-02T01:30:00Z"}
    lacking = {"shrunk": [shrink], "missing": ["/var/www/a.php"], "missing_total": 312, "lacks": ["dump tables.sql"]}
    text = told(tmp_path, judged(whole=lacking))
    assert "holds 9.0 MiB where the one of 2026-02-02T01:30:00Z held 53 MiB" in text
    assert "312 files that the baseline knows are missing" in text
    assert "the database dump tables.sql is missing" in text
    assert [row.severity for row in restore_points.alerts(tmp_path, NOW)] == ["high"]
    word = {"by": "lan", "reason": "archived", "time": "2026-02-03T02:00:00Z"}
    assert told(tmp_path, judged(whole=lacking, accepted=word)) == ""
    assert "accepted by lan" in "; ".join(restore_points.load(tmp_path)[0].judged())
    row = {"path": "/var/www/mu-plugins/x.php\x1b[2J", "rule": "code-added", "signs": ["evaluates-input"]}
    text = told(tmp_path, judged(verdict={"verdict": "suspect", "suspects": [row], "total": 1}))
    assert "suspect: 1 files: /var/www/mu-plugins/x.php" in text and "\x1b" not in text
    assert "looks" not in text and "code that the baseline does not know (evaluates-input)" in text


def test_a_verdict_of_another_form_is_no_point(tmp_path: Path) -> None:
    """A vault that was taken over may call anything clean, but it can't break who reads it."""
    for wrong in ({"verdict": "fine"}, {"verdict": "clean", "files": "many"}, {"verdict": "suspect", "suspects": [3]}):
        assert told(tmp_path, GOOD | {"verdict": wrong}) == "no restore point is known"


def test_what_a_restore_would_refuse_is_an_alert_with_what_helps(tmp_path: Path) -> None:
    """Seen failing with the alert taken out of `_judgement_alerts`."""
    links = {"check": "links", "paths": ["LocalSettings.php\x1b[2J", "a", "b"], "total": 3}
    text = told(tmp_path, judged(restorable={"refused": [links], "not_asked": []}))
    assert "a restore would refuse the newest restore point" in text
    assert "and 1 more" in text and "replace each with the file itself" in text and "\x1b" not in text
    assert restore_points.load(tmp_path)[0].doubtful
    assert told(tmp_path, judged(restorable={"refused": [], "not_asked": []})) == ""
    assert restore_points.load(tmp_path)[0].checks.restorable is True
    assert told(tmp_path, judged()) == "" and restore_points.load(tmp_path)[0].checks.restorable is None
