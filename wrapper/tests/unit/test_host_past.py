"""What a scan is told of a host's past: incident, isolation."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import content

from ungcuu.case.case import open_case
from ungcuu.case.host_past import HostPast
from ungcuu.contain import isolation_state

NOW = datetime(2026, 11, 22, 2, 14, tzinfo=UTC)


def test_an_isolated_host_is_in_an_incident_until_its_release(tmp_path: Path) -> None:
    """Seen failing with the mark of the isolation not asked for: root's loss could be forgotten after a cut."""
    settings = content.make(tmp_path)
    folder, past = settings.host_dir("web01"), HostPast(settings.state, "web01")
    assert (past.isolation_mode(), past.in_incident()) == ("", False)
    isolation_state.mark_isolated(folder, "web01", "egress", NOW)
    assert (past.isolation_mode(), past.in_incident()) == ("egress", True)
    assert not HostPast(settings.state, "web02").in_incident()
    isolation_state.mark_released(folder, NOW)
    assert (past.isolation_mode(), past.in_incident()) == ("", False)


def test_a_host_with_an_open_case_is_in_an_incident(tmp_path: Path) -> None:
    """Seen failing with the case not asked for."""
    settings = content.make(tmp_path)
    open_case(settings, ["web01"], "defaced")
    assert HostPast(settings.state, "web01").in_incident()
    assert HostPast(settings.state, "web01").isolation_mode() == ""
    assert not HostPast(settings.state, "web02").in_incident()


def test_a_case_bars_a_baseline_until_the_host_is_back(tmp_path: Path) -> None:
    """Seen failing with the release not asked for, and with the second isolation not asked for."""
    settings = content.make(tmp_path)
    past = HostPast(settings.state, "web01")
    assert past.barring_case() == ""
    case = open_case(settings, ["web01"], "defaced")
    assert past.barring_case() == case.id
    for outcome, barred in (("NOT DONE", case.id), ("DONE", "")):
        about = {"verb": "release", "hosts": ["web01"], "run": f"r-{outcome}"}
        case.journal().append("run_started", about)
        case.journal().append("run_finished", about | {"outcome": outcome})
        assert past.barring_case() == barred
    isolation_state.mark_isolated(settings.host_dir("web01"), "web01", "full", NOW)
    assert past.barring_case() == case.id
    assert HostPast(settings.state, "web02").barring_case() == ""
