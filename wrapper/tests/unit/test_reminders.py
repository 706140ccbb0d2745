"""Reminders of deadlines by the watch's addresses, over real servers on loopback: until somebody acknowledges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from officeworld import Office
from preparedness_world import NOW, typed
from test_schedule import asked
from test_watch_delivery import EVIL, SECRET, _Hook, hook

from ungcuu.case import reporting
from ungcuu.case.case import Case, open_case
from ungcuu.core.errors import Exit
from ungcuu.core.i18n import set_language
from ungcuu.hosts.reporting_site import ReportingSite, load
from ungcuu.report import reminders
from ungcuu.run import schedule
from ungcuu.watch.choices import Choices
from ungcuu.watch.delivery import Delivery
from ungcuu.watch.message import Message

__all__ = ["asked", "hook"]  # fixtures


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    set_language("en")
    yield Office(tmp_path)
    set_language("en")


def test_what_is_overdue_reaches_the_deputy_and_what_was_not_taken_stays_due(tmp_path: Path) -> None:
    """Seen failing with every reminder that was tried counted as given."""
    office = Office(tmp_path)
    # Of a clock of its own: a day later, by the clock of the machine, another reminder was due as well.
    case, present = office.incident, NOW + timedelta(days=1)
    got: list[tuple[str, Message]] = []

    def send(address: str, message: Message) -> Delivery:
        got.append((address, message))
        return Delivery("json", "refused" if address == "down" else "")

    def rounds(after: timedelta, *targets: str) -> reminders.Sent:
        fresh = Case(case.settings, case.id)
        due = reporting.due_now(fresh, present + after)
        choices = [Choices(targets, ("deputy",), "en")]
        got.clear()
        return reminders.dispatch(fresh, due, choices, load(office.settings), present + after, send=send)

    assert {one.step for one in rounds(timedelta(), "main").given} == {"escalated"}, "at once, and nobody has yet"
    assert {address for address, _message in got} == {"main", "deputy"}
    refused = rounds(timedelta(), "down")
    assert refused.failed and refused.given == [], "the deputy alone is not enough"
    assert not refused.nobody and [row["why"] for row in refused.rows] == ["refused", ""]
    two = rounds(timedelta(), "down", "main")
    assert two.failed and two.given, "one of two addresses is enough, and the other is named"
    text = got[-1][1].text
    assert "you are the deputy" in text and f"ungcuu case ack {case.id} notify-now" in text
    assert "Công an tỉnh Ví Dụ" in text and "overdue for" in got[-1][1].title


def test_as_the_timer_runs_it(office: Office, hook: _Hook) -> None:
    """No address, one that refuses, one that takes it, then ack. Seen failing without `nobody`: a timer without any
    address looked like one that works.
    """
    command = ("case", "remind", office.incident.id, "--send")
    nobody = typed(office, *command, code=Exit.NOT_DONE)
    assert "NOT all delivered" in nobody["message"] and nobody["reminders"]
    variables = office.inventory / "group_vars"
    variables.mkdir()
    (variables / "website.yml").write_text(f"watch_targets: ['{hook.address}']\nwatch_language: vi\n", "utf-8")
    hook.status = 500
    typed(office, *command, code=Exit.NOT_DONE)
    assert not hook.got
    hook.status = 200
    assert typed(office, *command)["reminders"] and hook.got, "what was not taken was sent again"
    assert "quá hạn" in hook.got[0]["title"] and office.incident.id in hook.got[0]["message"]
    assert typed(office, *command)["reminders"] == [], "not again within four hours"
    journal = (office.incident.folder / "journal.jsonl").read_text("utf-8")
    assert SECRET not in journal and '"not delivered"' in journal and '"how":"notification"' in journal
    typed(office, "case", "ack", office.incident.id, "notify-now")
    due = reporting.due_now(Case(office.settings, office.incident.id), datetime.now(UTC) + timedelta(hours=5))
    assert "notify-now" not in {one.clock.key for one in due}


def test_a_title_makes_no_link_in_a_message(office: Office) -> None:
    with_title = open_case(office.settings, ["web02"], EVIL.replace("\n", " "), severity="critical")
    due = reporting.due_now(with_title, datetime.now(UTC) + timedelta(days=9))
    told = reminders.compose(with_title, due, ReportingSite(), datetime.now(UTC), "main").text
    assert "http://" not in told and "www.evil" not in told and "\x1b" not in told and "\u202e" not in told
    assert "the inventory names no contact" in told


def test_the_timer_sends(asked: list[list[str]], tmp_path: Path) -> None:
    settings = replace(Office(tmp_path).settings)
    timer = schedule.install(settings, tmp_path, "*:0/10", ("case", "remind", "--send"), spread="20s")
    assert timer.name == "ungcuu-case-remind.timer"
    assert '"case" "remind" "--send"' in timer.with_suffix(".service").read_text("utf-8")
