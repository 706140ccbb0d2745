"""What the patching role decides on the controller, and the parsers of the program that it puts on the host."""

from __future__ import annotations

import importlib
import importlib.util
import json
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ungcuu.prepare import patch_view

ROLE = Path(__file__).parents[3] / "roles/patching"


def load(path: str) -> ModuleType:
    """A file of the role as a module."""
    spec = importlib.util.spec_from_file_location("role_" + Path(path).stem, ROLE / path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


filters: Any = load("filter_plugins/patching.py")
debsecan: Any = load("filter_plugins/debsecan.py")
versions: Any = load("files/ungcuu_patch/versions.py")


@pytest.fixture
def changelog(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The program's parts import each other by name, as they do on the host."""
    monkeypatch.syspath_prepend(str(ROLE / "files"))
    yield importlib.import_module("ungcuu_patch.changelog")
    for name in [name for name in sys.modules if name.partition(".")[0] == "ungcuu_patch"]:
        sys.modules.pop(name)


PAIRS = [
    ("1.0", "1.0", 0),
    ("1.0-1", "1.0-1+deb12u1", -1),
    ("1.0~rc1", "1.0", -1),
    ("1:0.9", "2.0", 1),
    ("3.0.9-1", "3.0.11-1~deb12u2", -1),
    ("2.9.14+dfsg-1.3~deb12u4", "2.9.14+dfsg-1.3~deb12u6", -1),
    ("1.0a", "1.0+", -1),
    ("1.0-1", "1.0-1b1", -1),
    ("1.0", "1.0-0", 0),
    ("0.10", "0.9", 1),
    ("~~", "~", -1),
    ("1.2-~", "1.2", -1),
]


@pytest.mark.parametrize(("left", "right", "expected"), PAIRS)
def test_versions_compare_as_policy_says(left: str, right: str, expected: int) -> None:
    """A hole is closed or open by this order alone."""
    found = versions.Version(left).compare(versions.Version(right))
    assert (found > 0) - (found < 0) == expected


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="dpkg is the judge here")
@pytest.mark.parametrize(("left", "right", "expected"), PAIRS)
def test_dpkg_agrees(left: str, right: str, expected: int) -> None:
    """Our table could be wrong in the same way as our code."""
    word = {-1: "lt", 0: "eq", 1: "gt"}[expected]
    assert subprocess.run(["dpkg", "--compare-versions", left, word, right], check=False).returncode == 0


CHANGELOG = """demo (2.0-1+deb12u3) bookworm-security; urgency=high

  * CVE-2026-0003 and again CVE-2026-0001: mended better.

 -- A Person <a@example.org>  Fri, 20 Nov 2026 10:00:00 +0700

demo (2.0-1+deb12u2) bookworm-security; urgency=high

  * Mend CVE-2026-0001 (closes: #1).

 -- A Person <a@example.org>  Sun, 01 Nov 2026 00:00:00 +0000

demo (2.0-1+deb12u1) bookworm; urgency=medium

  * CVE-2026-0000, installed already.

 -- A Person <a@example.org>  Thu, 01 Oct 2026 00:00:00 +0000
"""


def test_a_changelog_shows_what_an_upgrade_closes_and_since_when(changelog: Any) -> None:
    """Exposure counts from the first fix; what was closed before the installed version is no news."""
    assert changelog.closed(CHANGELOG, "2.0-1+deb12u1") == [
        {"id": "CVE-2026-0001", "version": "2.0-1+deb12u2", "published": "2026-11-01T00:00:00Z"},
        {"id": "CVE-2026-0003", "version": "2.0-1+deb12u3", "published": "2026-11-20T03:00:00Z"},
    ]


@pytest.mark.parametrize(
    ("window", "moment", "inside"),
    [
        ("sat-sun 22:00-04:00", "2026-11-21T23:30", True),  # Saturday night
        ("sat-sun 22:00-04:00", "2026-11-23T03:59", True),  # Sunday's night reaches into Monday
        ("sat-sun 22:00-04:00", "2026-11-21T03:00", False),  # Friday's night is not in it
        ("sat-sun 22:00-04:00", "2026-11-23T04:00", False),
        ("fri-mon 08:00-09:00", "2026-11-23T08:59", True),  # a range over the end of the week
        ("wed 12:00-13:30", "2026-11-25T13:30", False),
    ],
)
def test_maintenance_windows(window: str, moment: str, inside: bool) -> None:
    """An upgrade an hour past the window meets the people whom the window protects."""
    assert filters.in_window(window, datetime.fromisoformat(moment)) is inside


def test_a_window_that_is_not_understood_is_an_error() -> None:
    """Read as "always" or "never", a typing error would be found on the wrong day."""
    with pytest.raises(ValueError, match="sat-sun 22:00-04:00"):
        filters.in_window("weekends", datetime(2026, 11, 21))


def test_a_freeze_holds_on_both_its_days_and_shows_its_reason() -> None:
    """Nobody patches at Tet; who tries learns until when, and why."""
    freeze = [{"from": "2026-02-14", "to": "2026-02-22", "reason": "Tết"}]
    moments = ("2026-02-13T16:59Z", "2026-02-13T17:00Z", "2026-02-22T16:59Z", "2026-02-22T17:00Z")
    said = [filters.patching_not_now([], freeze, "Asia/Ho_Chi_Minh", moment) for moment in moments]
    assert [bool(reasons) for reasons in said] == [False, True, True, False]
    assert "Tết" in said[1][0]


HOSTILE = "\x1b[2J{{ lookup('pipe', 'id') }}\u202ex"


def test_nothing_of_a_host_comes_through_as_it_was() -> None:
    """A plan from a compromised host is an attack on the controller's screen, templates and paths."""
    row = {"name": "../../x", "from": "1.0", "to": HOSTILE, "security": "yes", "cves": [{"id": HOSTILE}]}
    good = {
        "name": "demo",
        "from": "1.0",
        "to": "2.0",
        "why": HOSTILE,
        "bytes": 10**30,
        "cves": [{"id": "CVE-2026-1111"}],
    }
    raw = {"packages": [row, good, HOSTILE, None], "restarts": [HOSTILE, "nginx.service"], "reboot": [HOSTILE, 7]}
    plan = filters.patching_plan(raw | {"lock": HOSTILE, "unfinished": [HOSTILE], "shortages": [HOSTILE]})
    text = json.dumps(plan, ensure_ascii=False)
    assert [row["name"] for row in plan["packages"]] == ["demo"]
    assert plan["restarts"] == ["nginx.service"]
    assert not any(sign in text for sign in ("{{", "}}", "\x1b", "\\u001b", "\u202e"))


@pytest.mark.parametrize("text", ["", "null", "[]", "{", '{"packages": 7}', "[" * 100000, "x" * 9_000_000])
def test_an_unreadable_answer_is_a_fault_not_a_crash(text: str) -> None:
    """Whatever a host prints, the run ends with a sentence."""
    plan = filters.patching_plan(text)
    assert plan["packages"] == []
    assert plan["fault"] or text == '{"packages": 7}'
    assert filters.patching_state(text)["outcome"] == ""


STATES = [
    ({"outcome": "rolled_back", "fault": {"code": "unhealthy", "words": "sick"}}, "were put back", "--plan"),
    ({"outcome": "rollback_failed", "fault": {"code": "x", "words": "a"}}, "between two", "ungcuu restore web01"),
    ({"outcome": "failed", "fault": {"code": "x", "words": "No package was changed"}}, "No package", "ungcuu patch"),
    ({"outcome": "", "stage": "upgrading"}, "without a result", "ungcuu patch web01"),
]


@pytest.mark.parametrize(("state", "told", "following"), STATES)
def test_every_ending_says_state_and_next_command(state: dict[str, Any], told: str, following: str) -> None:
    """At three in the morning the message is all that the operator has."""
    words = filters.patching_verdict(filters.patching_state(json.dumps({"state": state})), "web01")
    assert told in words and words.index("Next: ") < words.index(following)


def plan_of(*rows: dict[str, Any]) -> dict[str, Any]:
    return filters.patching_plan(json.dumps({"packages": list(rows), "restarts": ["nginx.service"]}))


DEMO = {
    "name": "demo",
    "from": "1.0",
    "to": "2.0",
    "security": True,
    "changelog": True,
    "cves": [{"id": "CVE-2026-0001", "published": "2026-11-01T00:00:00Z"}, {"id": "CVE-2026-0002", "published": ""}],
}


def test_exposure_is_counted_in_days_by_hole() -> None:
    """How long a known hole stood open is what the steering board asks."""
    state = filters.patching_state(
        json.dumps({"state": {"outcome": "done", "changed": [{"name": "demo", "from": "1.0", "to": "2.0"}]}})
    )
    result = filters.patching_result(plan_of(DEMO), state, [], "2026-11-22T12:00:00+00:00")
    assert result["exposure_days"] == {"CVE-2026-0001": 21, "CVE-2026-0002": None}
    assert result["longest_exposure_days"] == 21


def test_what_was_undone_closed_nothing() -> None:
    """A report that counts a rolled-back fix as done is worse than none."""
    state = filters.patching_state(
        json.dumps({"state": {"outcome": "rolled_back", "changed": [{"name": "demo", "from": "1.0", "to": "1.0"}]}})
    )
    assert filters.patching_changes(plan_of(DEMO), state) == []


@pytest.mark.parametrize(
    ("changed", "restarted", "kept"),
    [("2.0", ["nginx.service"], True), ("2.1", ["nginx.service"], False), ("2.0", [], False)],
)
def test_the_plan_is_compared_with_what_was_measured(changed: str, restarted: list[str], kept: bool) -> None:
    """Item by item: a version that differs, or a restart that did not happen, is no kept plan."""
    state = {"changed": [{"name": "demo", "from": "1.0", "to": changed}], "restarted": restarted}
    proof = filters.patching_kept_to(plan_of(DEMO), filters.patching_state(json.dumps({"state": state})))
    assert proof["passed"] is kept


def test_the_age_of_the_newest_point_that_can_be_relied_on() -> None:
    """A point that vanished from the vault, or comes from the future, proves no backup."""
    points = [
        {"arrived": "2026-11-22T00:00:00Z"},
        {"arrived": "2026-11-22T10:00:00Z", "missing": True},
        {"arrived": "2026-11-22T11:00:00Z", "skewed": True},
        {"arrived": "2027-01-01T00:00:00Z"},
    ]
    now = "2026-11-22T12:00:00+00:00"
    assert filters.patching_backup_age(json.dumps({"points": points}), now) == 12.0
    assert filters.patching_backup_age("", now) == filters.patching_backup_age(None, now) == -1.0


DEBSECAN = """VERSION 1
CVE-2026-0001,,first
CVE-2026-0002,,second
CVE-2026-0003,,third

demo,0,SHRF,2.0,1.5-fix
demo,1,SL  ,,
other,2,SM?F,9.0,
tool,2,BM?F,3.0,

demo,demo demo-data
"""


@pytest.mark.parametrize("packed", [True, False])
def test_debsecan_data_show_what_is_still_open(tmp_path: Path, packed: bool) -> None:
    """Its file is the only source that knows the holes without a fix."""
    path = tmp_path / "bookworm"
    path.write_bytes(zlib.compress(DEBSECAN.encode()) if packed else DEBSECAN.encode())
    installed = [["demo-data", "1.0", "demo", "1.0"], ["demo", "1.0", "demo", "1.0"], ["tool", "2.0", "tools", "5.0"]]
    plan = {"installed": installed}
    found = [
        (row["cve"], row["package"], row["urgency"], row["fix"]) for row in debsecan.patching_debsecan(plan, str(path))
    ]
    assert found == [
        ("CVE-2026-0001", "demo", "high", True),
        ("CVE-2026-0003", "tool", "medium", True),
        ("CVE-2026-0002", "demo", "low", False),
    ]
    state = {"changed": [{"name": "demo", "to": "2.0"}]}
    after = [row["cve"] for row in debsecan.patching_debsecan(plan, str(path), state)]
    assert after == ["CVE-2026-0003", "CVE-2026-0002"]


def test_a_version_fixed_beside_the_main_line_is_not_open() -> None:
    """Stable gets its fix under another number than unstable."""
    assert debsecan.affected("1.0", "2.0", "1.5")
    assert not debsecan.affected("1.5", "2.0", "1.4 1.5")
    assert not debsecan.affected("2.0", "2.0", "")


def test_another_file_is_refused(tmp_path: Path) -> None:
    """Reading nothing out of a wrong file would say that nothing is open."""
    path = tmp_path / "x"
    path.write_text("<html>")
    with pytest.raises(ValueError, match="not debsecan"):
        debsecan.patching_debsecan({}, str(path))


def test_plan_rows_for_the_screen() -> None:
    """Thirty CVE ids in one cell hide the package that they stand beside."""
    plan = plan_of({**DEMO, "cves": [{"id": f"CVE-2026-{number:04}"} for number in range(1, 31)]})
    (row,) = patch_view.package_rows(plan["packages"])
    assert row["cves"].startswith("CVE-2026-0001, ") and row["cves"].endswith("and 24 more")
    assert (
        patch_view.package_rows(plan_of({**DEMO, "changelog": False, "cves": []})["packages"])[0]["cves"] == "unknown"
    )


def test_a_plan_says_that_now_is_not_the_time() -> None:
    """A plan is made by day and carried out at night: it says so, instead of reading as if it could start now."""
    nothing = {"shortages": [], "broken_configurations": [], "lock": "", "unfinished": []}
    assert patch_view.obstacles_of(nothing) == []
    (said,) = patch_view.obstacles_of({**nothing, "not_now": ["outside the maintenance window"]})
    assert "outside the maintenance window" in said and "--urgent" in said


def test_the_summary_shows_what_is_open_kept_and_due() -> None:
    """The run is over when somebody has read this."""
    result = {
        "packages": 1,
        "exposure_days": {"CVE-2026-0001": 21},
        "reboot": ["a newer kernel is installed"],
        "kept_back": [{"package": "held", "why": "held"}],
        "still_open": [{"fix": True}, {"fix": False}],
        "kept_configurations": ["/etc/x.dpkg-dist"],
    }
    text = "\n".join(patch_view.summary("web01", result))
    for part in ("1 known vulnerabilities", "21 days", "held", "2, 1 of them", "/etc/x.dpkg-dist", "newer kernel"):
        assert part in text
