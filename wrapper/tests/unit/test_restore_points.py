"""The controller's copy of the vault's list."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ungcuu import restore_points


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
