"""The gate before the return to service opens only when scan, checks and a person's statement agree."""

from __future__ import annotations

from typing import Any

import pytest

from ungcuu.detect.findings import Severity, finding, reported
from ungcuu.detect.scan import ScanResult
from ungcuu.prepare.verify import Check
from ungcuu.recover.reassess import Entry, judge

GOOD = Check("web01", "ssh_hardening", "test_x", "passed")
SAID = Entry("The upload form without login was removed.", "hoa")


def scan(*found: Severity, **more: Any) -> ScanResult:
    items = [finding("web01", "upload.code", severity, "file", f"/x{n}") for n, severity in enumerate(found)]
    known: dict[str, Any] = {"baseline": "2026-01-01T00:00:00.000Z", "complete": True, "seconds": 1.0, "first_sign": ""}
    return ScanResult("web01", "2026-01-02T00:00:00.000Z", items, **(known | more))


def test_clean() -> None:
    """Everything agrees; a low finding (an account that was locked) does not stand in the way."""
    done = judge("web01", scan(Severity.LOW), [GOOD], SAID)
    assert (done.outcome, done.left) == ("clean", ())
    assert done.document()["entry"] == {"closed": True, "how": SAID.how, "by": "hoa"}


@pytest.mark.parametrize(
    ("found", "checks", "entry"),
    [
        (scan(Severity.MEDIUM), [GOOD], SAID),
        (scan(Severity.CRITICAL), [GOOD], SAID),
        (scan(baseline=""), [GOOD], SAID),
        (scan(complete=False), [GOOD], SAID),
        (scan(), [], SAID),
        (scan(), [Check("web01", "r", "t", "skipped")], SAID),
        (scan(), [GOOD, Check("web01", "r", "t", "failed")], SAID),
        (scan(), [GOOD, Check("web01", "r", "t", "error")], SAID),
        (scan(), [GOOD], Entry("", "hoa")),
        (scan(), [GOOD], Entry("   ok      ", "hoa")),
    ],
)
def test_not_clean(found: ScanResult, checks: list[Check], entry: Entry) -> None:
    """Each gap alone keeps the host from returning to service, and is named."""
    done = judge("web01", found, checks, entry)
    assert done.outcome == "not clean" and done.left


def test_what_a_run_hands_on_is_bounded() -> None:
    """An intruder chooses names, their length and their number; the worst findings, which come first, always pass."""
    many = [finding("web01", "upload.code", Severity.CRITICAL, "file", f"/{n}", seen="x") for n in range(600)]
    assert len(reported(many)) == 500
    place = {"do": "move", "path": "/" + "a" * 40_000}
    long = [finding("web01", "upload.code", Severity.CRITICAL, "file", f"/{n}", action=place) for n in range(500)]
    assert 50 < len(reported(long)) < 200
    assert reported(long)[0]["data"]["path"] == "/0"
