"""A release that would ship a known hole stops; what can't be judged is never taken for sound."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "wrapper"))

from release import advisories, make  # noqa: E402  (not part of the package)

NOW = datetime(2026, 11, 29, tzinfo=UTC)
PARTS = [("jinja2", "3.1.6"), ("ruamel-yaml", "0.19.1"), ("one", "2.0.post1")]


def given(folder: Path, *entries: dict[str, Any]) -> Path:
    path = folder / "osv.json"
    path.write_text(json.dumps([entry(0, "elsewhere", "introduced"), *entries]))
    return path


def entry(number: int, name: str, *events: str, ecosystem: str = "PyPI", **more: Any) -> dict[str, Any]:
    """One advisory: ``events`` as ``kind=version``, a kind alone for the very first version."""
    pairs = [(one.partition("=")[0], one.partition("=")[2] or "0") for one in events]
    spans = [{"type": "ECOSYSTEM", "events": [{kind: at} for kind, at in pairs]}]
    affected = [{"package": {"ecosystem": ecosystem, "name": name}, "ranges": spans}]
    return {"id": f"GHSA-{number}", "modified": "2026-11-20T00:00:00Z", "affected": affected, **more}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (entry(1, "Jinja2", "introduced", "fixed=3.1.7"), "jinja2 3.1.6: GHSA-1 affected; fixed in 3.1.7"),
        (entry(1, "ruamel.yaml", "introduced=0.19"), "ruamel-yaml 0.19.1: GHSA-1 affected"),
        (entry(1, "one", "introduced=2.0", "fixed=2.0.post2"), "one 2.0.post1: GHSA-1 affected; fixed in 2.0.post2"),
        (entry(1, "jinja2", "introduced=not a version"), "jinja2 3.1.6: GHSA-1 not known whether"),
    ],
)
def test_a_hole_stops_the_release(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    """Seen failing with PHP's order of versions: 2.0.post1 could not be placed."""
    with pytest.raises(advisories.Vulnerable) as error:
        advisories.compare(PARTS, given(tmp_path, row), (), NOW)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "row",
    [
        entry(1, "jinja2", "introduced", "fixed=3.1.6"),
        entry(1, "jinja2", "introduced=1!0.1"),
        entry(1, "jinja2", "introduced", ecosystem="npm"),
        entry(1, "jinja2", "introduced", withdrawn="2026-11-21T00:00:00Z"),
        entry(1, "one", "introduced=2.0.post2"),
    ],
)
def test_what_concerns_no_part_does_not(tmp_path: Path, row: dict[str, Any]) -> None:
    told = advisories.compare(PARTS, given(tmp_path, row), (), NOW)
    assert "None concerns a part" in told and "9 days old" in told


def test_one_that_was_looked_at_is_named(tmp_path: Path) -> None:
    path = given(tmp_path, entry(1, "jinja2", "introduced", aliases=["CVE-2026-1"]))
    told = advisories.compare(PARTS, path, ("CVE-2026-1",), NOW)
    assert "GHSA-1 affected (accepted)" in told
    with pytest.raises(advisories.Vulnerable, match="concerns nothing that is shipped"):
        advisories.compare(PARTS, path, ("CVE-2026-1", "CVE-2026-2"), NOW)


@pytest.mark.parametrize(
    ("text", "why"), [("{", "osv.json"), ("[]", "none of its 0"), ('[{"id": 1}]', "entry 1 is not an advisory")]
)
def test_files_that_say_nothing_are_no_clean_bill(tmp_path: Path, text: str, why: str) -> None:
    """Seen failing without the look for PyPI: a file of another ecosystem cleared every part."""
    path = tmp_path / "osv.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=why):
        advisories.compare(PARTS, path, (), NOW)


def test_nothing_is_made_of_what_has_a_hole(tmp_path: Path) -> None:
    path = given(tmp_path, entry(1, "cryptography", "introduced"))
    out = tmp_path / "dist"
    done = CliRunner().invoke(make.main, ["--unclean", "--out", str(out), "--advisories", str(path)])
    assert done.exit_code == 1 and "GHSA-1 affected" in done.output and not out.exists()
