"""The gate before the return to service opens only when scan, checks and a person's statement agree."""

from __future__ import annotations

from typing import Any

import pytest

from ungcuu.case.facts import Finding as CaseFinding
from ungcuu.core.check_phrases import Left, Unrotated
from ungcuu.core.phrases import phrase
from ungcuu.detect.findings import Finding, Severity, finding, reported
from ungcuu.detect.root_loss import Loss
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


def verdict_on(item: Finding, verdict: str = "false alarm", **changed: Any) -> CaseFinding:
    """What the case holds of a finding that a person judged."""
    said = {"verdict": verdict, "operator": "hoa", "reason": "made by our own theme"}
    data = item.document() | changed
    return CaseFinding(item.id, item.host, item.severity.value, "", item.path, verdict, "", data, said)


def test_a_false_alarm_does_not_count_and_is_shown() -> None:
    """Who said it and why stand in the signed record. Seen failing without the verdicts of the case."""
    found = scan(Severity.CRITICAL)
    done = judge("web01", found, [GOOD], SAID, [verdict_on(found.findings[0])])
    assert (done.outcome, done.left) == ("clean", ())
    (row,) = done.document()["excused"]
    assert (row["severity"], row["by"], row["reason"]) == ("critical", "hoa", "made by our own theme")
    assert judge("web01", found, [GOOD], SAID).outcome == "not clean"


@pytest.mark.parametrize(
    "changed",
    [{"evidence": {"sha256": "b" * 64}}, {"severity": "medium"}, {"seen": "another"}, {"path": "/y"}],
)
def test_a_verdict_holds_for_what_was_judged_alone(changed: dict[str, Any]) -> None:
    """Whoever changes the same file again must be found. Seen failing with the id alone compared."""
    found = scan(Severity.HIGH)
    done = judge("web01", found, [GOOD], SAID, [verdict_on(found.findings[0], **changed)])
    assert done.outcome == "not clean" and not done.excused


def test_an_accepted_finding_still_counts() -> None:
    """Accepting a risk closes a case; it does not make a host clean."""
    found = scan(Severity.HIGH)
    assert judge("web01", found, [GOOD], SAID, [verdict_on(found.findings[0], "accepted")]).outcome == "not clean"


def test_no_verdict_brings_a_lost_root_back() -> None:
    """Loss of root is judged apart from the findings that a person may answer."""
    found = scan(
        Severity.CRITICAL, root_lost=Loss("web01", "2026-01-01T00:00:00.000Z", ("program.modified /usr/bin/x",))
    )
    done = judge("web01", found, [GOOD], SAID, [verdict_on(found.findings[0])])
    assert done.outcome == "root lost"


def test_what_rotate_can_not_replace_is_a_persons_word() -> None:
    """A site whose administrators keep their old passwords is no clean one; silence must not pass for done."""
    left = [phrase(Unrotated.ADMINISTRATORS)]
    done = judge("web01", scan(Severity.LOW), [GOOD], SAID, unrotated=left)
    assert done.outcome == "not clean" and done.left == (phrase(Left.UNROTATED, what=left),)
    looked = Entry(SAID.how, SAID.by, "the passwords were changed by hand, each by its owner")
    done = judge("web01", scan(Severity.LOW), [GOOD], looked, unrotated=left)
    assert done.outcome == "clean" and done.application["unrotated"] == left
