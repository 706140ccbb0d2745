"""A copy that a restore of ungcuu left is reported in one line; what an intruder hides in it is not."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from detected import POLICY, ROOT, file, found, snapshot

from ungcuu.core.check_phrases import Seen
from ungcuu.core.phrases import phrase
from ungcuu.detect.comparison import Comparison
from ungcuu.detect.detectors import interesting

PROGRAM = Path(__file__).parents[3] / "roles/website_backup/files"
ID = "20261128T040000Z-6f770578"
STAGES = "/var/www/.ungcuu-stage"
STAGE = f"{STAGES}/{ID}/portal"
LIVE = [file(f"{ROOT}/wp-includes/f{number}.php", sha256=f"{number:064x}") for number in range(2600)]


def folders(mode: int = 0o700, uid: int = 0) -> list[dict[str, Any]]:
    names = (STAGES, f"{STAGES}/{ID}", STAGE, f"{STAGE}/wp-includes")
    return [file(name, "system", type="dir", mode=mode, uid=uid, sha256="") for name in names]


def staged() -> list[dict[str, Any]]:
    return [{**row, "path": row["path"].replace(ROOT, STAGE), "area": "system"} for row in LIVE]


def test_a_left_stage_is_one_line_and_does_not_spoil_the_scan() -> None:
    """A refused restore left 2,600 findings behind it. Seen failing with ``Stages.take`` answering no."""
    before, now = snapshot(file=LIVE), snapshot(file=[*LIVE, *folders(), *staged()])
    (one,) = found(before, now)
    assert (one.rule, one.severity.value, one.path) == ("own.stage", "low", f"{STAGES}/{ID}")
    assert one.seen == phrase(Seen.STAGE_KNOWN, count=2600)
    assert interesting(Comparison(POLICY, before, now)) == []


def test_what_the_website_never_had_is_named_and_spoils_the_scan() -> None:
    """The name of our folder is no hiding place. Seen failing with every file of a stage taken as known."""
    evil = [
        file(f"{STAGE}/wp-includes/evil.php", "system", sha256="e" * 64),
        file(f"{STAGE}/wp-includes/f7.php", "system", sha256="e" * 64),
        file(f"{STAGE}/wp-includes/f8.php", "system", sha256=f"{8:064x}", mode=0o4755),
    ]
    rows = [row for row in staged() if not row["path"].endswith(("/f7.php", "/f8.php"))]
    own, other = sorted(
        found(snapshot(file=LIVE), snapshot(file=[*LIVE, *folders(), *rows, *evil])), key=lambda f: f.rule
    )
    assert (own.rule, other.rule, other.severity.value) == ("own.stage", "own.stage-differs", "medium")
    assert other.evidence["files"] == sorted(row["path"] for row in evil)


@pytest.mark.parametrize("more", [{"mode": 0o755}, {"uid": 33}])
def test_a_stage_that_others_may_enter_is_none_of_ours(more: dict[str, int]) -> None:
    """We make it for root alone: anything else was made, or opened, by somebody else."""
    rules = {one.rule for one in found(snapshot(file=LIVE), snapshot(file=[*LIVE, *folders(**more), *staged()[:3]]))}
    assert rules == {"web.code-added"}


@pytest.mark.parametrize("path", [f"{STAGES}/evil.sh", f"{STAGES}/{ID}/other/x.php", f"{STAGES}/x/portal/f.php"])
def test_another_form_of_path_is_none_of_ours(path: str) -> None:
    (one,) = found(snapshot(file=LIVE), snapshot(file=[*LIVE, *folders(), file(path, "system")]))
    assert one.path == path


def test_media_in_a_staged_copy_are_not_reported_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The live tree's media are not in a snapshot, so nothing could be compared with them."""
    from ungcuu.remote.host_state import system

    monkeypatch.setitem(system.CONFIG, "web_writable", ["wp-content/uploads"])
    web, media = ROOT.encode(), f"{STAGE}/wp-content/uploads/2026/a.jpg".encode()
    assert system.staged_media(media, web)
    for path in (f"{STAGE}/index.php", f"{STAGES}/{ID}/other/wp-content/uploads/a", f"{ROOT}/wp-content/uploads/a"):
        assert not system.staged_media(path.encode(), web)


@pytest.mark.parametrize(
    ("step", "goes"), [("staging", True), ("checked", True), ("swapping", False), ("restored", False)]
)
def test_only_a_stage_that_is_not_in_use_is_removed(
    step: str, goes: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Once the swap has begun, what stands there may be the way back. Seen failing without the look at the step."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(PROGRAM))
    from ungcuu_site import common, stage, state

    area = tmp_path / "area"
    for module in (common, stage, state):
        monkeypatch.setattr(module, "RESTORE_AREA", area)
    monkeypatch.setattr(common, "AREA", tmp_path)
    copy = tmp_path / "www/.ungcuu-stage" / ID / "portal"
    copy.mkdir(parents=True)
    (area / ID / "config").mkdir(parents=True)
    (area / ID / "state.json").write_text(json.dumps({"step": step, "site": {"root": str(tmp_path / "www/portal")}}))
    if goes:
        stage.drop({"restore": ID})
        assert json.loads((area / ID / "state.json").read_text())["step"] == "dropped"
    else:
        with pytest.raises(common.RefusedError, match="not in use"):
            stage.drop({"restore": ID})
    assert copy.exists() != goes and (area / ID / "config").exists() != goes
