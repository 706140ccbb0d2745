"""dpkg's word excuses a file only when the package itself has it; a version counts when somebody trusted knows it."""

from __future__ import annotations

from typing import Any

import pytest

from ungcuu.case.host_past import installed_by
from ungcuu.case.record import Record
from ungcuu.detect import detectors
from ungcuu.detect.baseline import Snapshot
from ungcuu.detect.comparison import Comparison, Policy
from ungcuu.detect.packages_truth import Packaged, Truth, claims, judged

OLD, NEW = ("bash", "amd64", "1"), ("bash", "amd64", "2")
SUM, OTHER = "a" * 64, "b" * 64
PATH = "/usr/bin/bash"


def snapshot(version: str, *rows: dict[str, Any]) -> Snapshot:
    known = Snapshot(ended=True)
    known.rows["package"] = {("bash", "amd64"): {"name": "bash", "architecture": "amd64", "version": version}}
    known.rows["file"] = {(item["path"],): item for item in rows}
    return known


def row(path: str = PATH, digest: str = SUM, mode: int = 0o755, **more: object) -> dict[str, Any]:
    return {
        "path": path,
        "area": "program",
        "type": "file",
        "mode": mode,
        "uid": 0,
        "gid": 0,
        "sha256": digest,
        "package": "bash",
        "package_ok": True,
        **more,
    }


def comparison(*rows: dict[str, Any]) -> Comparison:
    """A baseline with the old version; now the new one, and these files."""
    before = snapshot("1", row(digest="0" * 64))
    return Comparison(Policy("web01", "/var/www/portal"), before, snapshot("2", *rows))


def found(proven: Truth, *rows: dict[str, Any]) -> set[tuple[str, str]]:
    """Rules and paths, of the packages and of every other judge."""
    now = comparison(*rows)
    after, told = judged(now, proven, claims(now))
    return {(item.rule, item.path) for item in [*told, *detectors.detect(after)]} - {("package.changed", "dpkg")}


def signed(**files: Packaged) -> Truth:
    return Truth({NEW: "signed index"}, {NEW: {PATH: Packaged(SUM, 0o755, 0, 0), **files}})


def test_an_honest_update_is_no_alarm() -> None:
    assert found(signed(), row()) == set()


def test_a_package_whose_content_is_another_is_reported() -> None:
    """Seen failing, with the next two, with the comparison with the package taken out."""
    assert found(signed(), row(digest=OTHER)) == {("package.forged", PATH), ("program.modified", PATH)}


def test_a_file_that_the_package_never_had_is_reported_and_taken() -> None:
    """Forged ``md5sums`` claimed a setuid program. What is not the package's is moved, not reinstalled."""
    evil = row("/usr/bin/bashbug2", OTHER, 0o4755, area="privileged")
    assert found(signed(), row(), evil) == {("package.forged", evil["path"]), ("privilege.file", evil["path"])}
    after, told = judged(comparison(row(), evil), signed(), claims(comparison(row(), evil)))
    assert told[0].action["do"] == "move"
    assert "package" not in (after.now.file(evil["path"]) or {})


def test_a_right_that_the_package_does_not_give_is_reported() -> None:
    assert ("package.forged", PATH) in found(signed(), row(mode=0o4755))
    given = Truth({NEW: "signed index"}, {NEW: {PATH: Packaged(SUM, 0o755, 0, 0, scripted=True)}})
    assert found(given, row(mode=0o4755)) == set()


def test_a_version_that_nobody_knows_excuses_nothing() -> None:
    assert found(Truth(), row()) == {("package.unknown", "bash"), ("program.modified", PATH)}


def test_without_the_archive_one_finding_says_so() -> None:
    """No network is no forgery: no flood of findings, and no clean scan."""
    assert found(Truth(why="no network"), row()) == {("package.unproven", "dpkg")}


def test_a_patch_run_of_ours_vouches_for_a_version_but_for_no_new_root() -> None:
    ours = Truth({NEW: "patch run"}, why="no network")
    assert found(ours, row()) == set()
    evil = row("/usr/bin/bashbug2", OTHER, 0o4755, area="privileged")
    assert ("privilege.file", evil["path"]) in found(ours, row(), evil)


@pytest.mark.parametrize("outcome", ["DONE", "NOT DONE", "UNKNOWN"])
def test_only_a_done_run_on_this_host_counts(outcome: str) -> None:
    """Anybody may plan: what was not installed by us is not vouched for."""
    plan = {"name": "patch_plan", "packages": [{"name": "bash", "to": "2"}]}
    rows: list[tuple[str, dict[str, Any]]] = [
        ("run_started", {"run": "r", "verb": "patch", "hosts": ["web01"]}),
        ("snapshot", {"host": "web01", "data": plan}),
        ("run_finished", {"run": "r", "verb": "patch", "hosts": ["web01"], "outcome": outcome}),
    ]
    records = [Record(n, "2026-11-28T08:00:00.000Z", "", kind, data, "", "") for n, (kind, data) in enumerate(rows)]
    assert list(installed_by(records, "web01")) == ([("bash", "2")] if outcome == "DONE" else [])
    assert list(installed_by(records, "web02")) == []
