"""How results, states and waivers become a status; the documents that stay."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from ungcuu.core import i18n
from ungcuu.prepare import audit, controls
from ungcuu.prepare.verify import Check
from ungcuu.recover import restore_points
from ungcuu.report import audit_page

TODAY = date(2026, 11, 22)
MAPPING = {"cis_debian12": "", "devsec": "", "tcvn_14423": ""}


def control(name: str, **more: object) -> controls.Control:
    """A control whose test is test_NAME in the role `r`."""
    fields: dict[str, object] = {
        "id": name,
        "title": name,
        "title_vi": name,
        "why": "w",
        "level": 2,
        "default": "enforce",
        "role": "r",
        "check": f"roles/r/tests/test_r.py::test_{name}",
        "mapping": MAPPING,
    }
    return controls.Control(**{**fields, **more})


def check(name: str, outcome: str, message: str = "") -> Check:
    """One result."""
    return Check("web01", "r", f"test_{name}", outcome, message=message)


def status(outcome: str | None, waiver: dict[str, str] | None = None, state: str = "enforce") -> audit.Row:
    """The row of one control `a`."""
    known = [control("a")]
    checks = [check("a", outcome, "said")] if outcome else []
    waived = audit.waivers({"controls_waivers": [waiver] if waiver else []}, known, TODAY)
    return audit.judge(known, {"a": state}, checks, waived)[0]


WAIVER = {"control": "a", "owner": "An", "reason": "old plugin", "expires": "2026-12-31"}


@pytest.mark.parametrize(
    ("outcome", "waiver", "expected"),
    [
        ("passed", None, "pass"),
        ("failed", None, "fail"),
        ("error", None, "not assessed"),
        ("not assessed", None, "not assessed"),
        ("not assessed", WAIVER, "not assessed"),
        ("skipped", None, "not applicable"),
        (None, None, "not assessed"),
        ("failed", WAIVER, "waived"),
        ("failed", {**WAIVER, "expires": "2026-11-22"}, "waived"),
        ("failed", {**WAIVER, "expires": "2026-11-21"}, "fail"),
        ("failed", {**WAIVER, "expires": "soon"}, "fail"),
        ("failed", {**WAIVER, "owner": " "}, "fail"),
        ("failed", {**WAIVER, "reason": ""}, "fail"),
        ("passed", WAIVER, "pass"),
    ],
)
def test_status(outcome: str | None, waiver: dict[str, str] | None, expected: str) -> None:
    """A check that did not run does not count as passed; a waiver counts only while it is complete and in force."""
    assert status(outcome, waiver).status == expected


def test_what_was_not_assessed_lowers_the_score_and_names_the_fact(tmp_path: Path) -> None:
    """A fact taken out of the inventory must neither be the host's fault nor lift the score."""
    known = [control("a"), control("b")]
    checks = [check("a", "passed"), check("b", "not assessed", "fact website_user is missing")]
    found = audit.audit_host("web01", {}, known, checks, tmp_path)
    assert (found.score, found.denominator) == (50, 2)
    assert (found.rows[1].status, found.rows[1].detail) == ("not assessed", i18n._("fact website_user is missing"))
    assert "not assessed" in audit_page.keep(found, tmp_path)[1].read_text("utf-8")


def test_an_expired_waiver_is_reported() -> None:
    """The auditor must see why a waived control fails again."""
    assert "2026-11-21" in status("failed", {**WAIVER, "expires": "2026-11-21"}).detail


def test_off_is_not_counted() -> None:
    """A control that the site has switched off neither lifts nor lowers the score."""
    assert status("passed", state="off").status == "off"


def test_states_follow_level_and_overrides() -> None:
    """A control above the site's level is only checked; YAML's bare off is understood; unknown names are refused."""
    known = [control("a"), control("b", level=3), control("c", needs=["nginx"]), control("d", default="audit")]
    assert controls.decide(known, {}, 2, set()) == {"a": "enforce", "b": "audit", "c": "absent", "d": "audit"}
    assert controls.decide(known, {"a": False, "d": "enforce"}, 3, {"nginx"}) == {
        "a": "off",
        "b": "enforce",
        "c": "enforce",
        "d": "enforce",
    }
    with pytest.raises(ValueError, match="typo"):
        controls.decide(known, {"typo": "audit"}, 2, set())


def test_documents_and_drift(tmp_path: Path) -> None:
    """The second audit shows what changed since the first; what a host said can't become markup."""
    known = [control("a"), control("b")]
    first = audit.audit_host("web01", {}, known, [check("a", "passed"), check("b", "passed")], tmp_path)
    assert (first.score, first.drift) == (100, ())
    audit_page.keep(first, tmp_path)
    said = "<script>alert(1)</script>\x1b[2J"
    second = audit.audit_host("web01", {}, known, [check("a", "failed", said), check("b", "passed")], tmp_path)
    assert second.drift == ({"id": "a", "before": "pass", "now": "fail"},)
    document, page = audit_page.keep(second, tmp_path)
    assert json.loads(document.read_text("utf-8"))["score"] == 50
    html = page.read_text("utf-8")
    assert "<script>" not in html and "\x1b" not in html and "&lt;script&gt;" in html
    assert len(list((tmp_path / "audits").glob("*.json"))) >= 1


def test_the_page_says_whether_the_host_can_be_restored(tmp_path: Path) -> None:
    """A hardened host without a proven backup is not safe, and whoever signs the page must see it."""
    known = [control("a")]
    found = audit.audit_host("web01", {}, known, [check("a", "passed")], tmp_path)
    document, page = audit_page.keep(found, tmp_path)
    assert i18n._("no restore was ever proven") in page.read_text("utf-8")
    drill = {"on": "spare01", "rto_seconds": 90.0, "rpo_seconds": 60}
    point = {"id": "01" * 32, "time": "2026-11-24T19:00:00Z", "host": "web01", "files": 9, "bytes": 9}
    proven = point | {"proven": "2026-11-24T20:00:00Z", "drill": drill}
    listed = {"asked": "2026-11-24T21:00:00Z", "points": [proven]}
    (tmp_path / restore_points.FILE).write_text(json.dumps(listed), "utf-8")
    document, page = audit_page.keep(found, tmp_path)
    assert "spare01" in page.read_text("utf-8")
    assert "spare01" in json.loads(document.read_text("utf-8"))["backups"]["drill"]
