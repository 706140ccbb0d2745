"""Timers on the controller: units that systemd reads as they were meant, and nothing left behind by `never`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ungcuu.core.errors import ControllerFault, UsageFault
from ungcuu.core.settings import Settings
from ungcuu.run import schedule

WORDS = ("restore-drill", "web01", "--on", "spare01")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """systemd's programs are never started: this machine's own timers stay as they are."""
    calls: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        return subprocess.CompletedProcess(command, int("nonsense" in command), "", "no such thing")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return calls


def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "state 100%", tmp_path, "a person")


def test_units_run_the_verb_as_it_is_typed(asked: list[list[str]], tmp_path: Path) -> None:
    """A percent sign or a blank in a path must reach the verb as it is, not as systemd's own notation."""
    timer = schedule.install(settings(tmp_path), tmp_path / "in$ite", "Sun 03:00", WORDS)
    service = timer.with_suffix(".service").read_text("utf-8")
    assert "OnCalendar=Sun 03:00\n" in timer.read_text("utf-8")
    assert f'Environment="UNGCUU_STATE={tmp_path}/state 100%%"' in service
    assert f'"--inventory" "{tmp_path}/in$$ite" "restore-drill" "web01" "--on" "spare01"' in service
    assert asked[-1] == ["systemctl", "--user", "enable", "--now", "ungcuu-restore-drill-web01.timer"]


def test_a_watch_is_not_put_off_by_a_quarter_of_an_hour(asked: list[list[str]], tmp_path: Path) -> None:
    """Rounds of five minutes that start up to fifteen minutes late would not be rounds of five minutes."""
    words = ("watch", "round", "website")
    timer = schedule.install(settings(tmp_path), tmp_path, "*:0/5", words, spread="20s")
    assert timer.name == "ungcuu-watch-round.timer"
    assert "RandomizedDelaySec=20s\n" in timer.read_text("utf-8")


def test_the_clock_finds_the_password_of_the_site_s_vault(
    asked: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it no encrypted fact can be read at night: seen failing with the state folder alone."""
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(tmp_path / "vault"))
    service = schedule.install(settings(tmp_path), tmp_path, "weekly", WORDS).with_suffix(".service").read_text("utf-8")
    assert (
        f'Environment="UNGCUU_STATE={tmp_path}/state 100%%" "ANSIBLE_VAULT_PASSWORD_FILE={tmp_path}/vault"' in service
    )


def test_never_takes_the_units_away(asked: list[list[str]], tmp_path: Path) -> None:
    timer = schedule.install(settings(tmp_path), tmp_path, "weekly", WORDS)
    assert schedule.remove(WORDS)
    assert list(timer.parent.iterdir()) == []
    assert ["systemctl", "--user", "disable", "--now", timer.name] in asked
    assert not schedule.remove(WORDS)


@pytest.mark.parametrize(
    ("states", "named"),
    [
        (("active", "inactive"), {}),
        (("", ""), {"ungcuu-case-remind.timer": ("is-active", False)}),  # no systemd that answers
        (("inactive", "inactive"), {"ungcuu-case-remind.timer": ("enable --now", True)}),
        (("active", "failed"), {"ungcuu-case-remind.service": ("status", True)}),
    ],
)
def test_a_timer_that_stands_still_is_named(
    asked: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, states: Any, named: Any
) -> None:
    """Nobody is reminded by it, and nothing else says so. A host's own timer is not ours to judge.

    Seen failing where systemd is silent: the timer counted as running.
    """
    made = schedule.install(settings(tmp_path), tmp_path, "*:0/10", ("case", "remind", "--send"))
    made.with_name("ungcuu-integrity.timer").write_text("[Unit]\nDescription=Compare the files\n")
    said = dict(zip(("is-active", "is-failed"), states, strict=True))
    monkeypatch.setattr(
        subprocess, "run", lambda words, **_: subprocess.CompletedProcess(words, 0, said[words[-2]] + "\n", "")
    )
    found = schedule.standing_still()
    assert list(found) == list(named)
    assert all(what in found[name][0] and found[name][1] is known for name, (what, known) in named.items())


def test_what_runs_all_the_time_is_started_again(asked: list[list[str]], tmp_path: Path) -> None:
    """It takes the inventory of now, comes back after a restart, and `never` ends it."""
    words = ("watch", "hold", "website")
    unit = schedule.keep_running(settings(tmp_path), tmp_path, words)
    text = unit.read_text("utf-8")
    assert unit.name == "ungcuu-watch-hold.service"
    assert "Restart=always\n" in text and "WantedBy=default.target\n" in text and '"watch" "hold" "website"' in text
    assert asked[-2:] == [["systemctl", "--user", "enable", unit.name], ["systemctl", "--user", "restart", unit.name]]
    assert schedule.remove(words)
    assert ["systemctl", "--user", "disable", "--now", unit.name] in asked and not unit.exists()


@pytest.mark.parametrize("calendar", ["nonsense", "weekly\nExecStart=/bin/sh"])
def test_no_time_no_timer(asked: list[list[str]], tmp_path: Path, calendar: str) -> None:
    """A time that systemd does not know would be a drill that never comes."""
    with pytest.raises(UsageFault):
        schedule.install(settings(tmp_path), tmp_path, calendar, WORDS)
    assert not (tmp_path / "config").exists()


def test_a_controller_without_systemd_is_reported(
    asked: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A schedule that was not set up must not look as if it were."""

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, int("systemctl" in command), "", "not booted with systemd")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(ControllerFault, match="not booted"):
        schedule.install(settings(tmp_path), tmp_path, "weekly", WORDS)


def test_a_controller_without_systemd_is_shown_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was an internal error of ungcuu, after which "what was under way may or may not have happened"."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ControllerFault, match="systemd-analyze"):
        schedule.install(settings(tmp_path), tmp_path, "weekly", WORDS)


def test_an_option_is_no_time(tmp_path: Path) -> None:
    """systemd-analyze takes it and ends well; the timer would never start."""
    with pytest.raises(UsageFault):
        schedule.install(settings(tmp_path), tmp_path, "--help", WORDS)
