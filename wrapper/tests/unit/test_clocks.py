"""What is due when and to whom: the profiles as data, the clocks of a case, and what stops them."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from casebook import START, clock_of, settings_in

from ungcuu.case import reporting, reporting_profile
from ungcuu.case.case import Case, open_case
from ungcuu.case.clocks import State, book, due_reminders, read_book, reminded
from ungcuu.case.facts import Facts
from ungcuu.case.integrity import check
from ungcuu.cli.registry import find_verb, with_defaults
from ungcuu.core.clock import format_time
from ungcuu.core.errors import ControllerFault, Exit, Refused, UsageFault
from ungcuu.core.settings import Settings
from ungcuu.core.terminal import Screen
from ungcuu.hosts.data_files import read_text
from ungcuu.hosts.reporting_site import Contact, ReportingSite, load
from ungcuu.report.calendar import as_ics
from ungcuu.report.people import remaining
from ungcuu.run import flow

DETECTED = datetime(2026, 10, 24, 20, 30, tzinfo=UTC)  # Europe's clocks go back that night
FACTS = Facts(case="UC-20261025-001", detected=format_time(DETECTED), severity="critical", hosts=("web01",))
ZONES = ("UTC", "Asia/Ho_Chi_Minh", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Antarctica/Troll")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "inventory" / "reporting").mkdir(parents=True)
    return replace(settings_in(tmp_path / "state"), inventory=tmp_path / "inventory")


@pytest.fixture
def case(settings: Settings) -> Iterator[Case]:
    with clock_of():
        yield open_case(
            settings, ["web01"], "x", severity="critical", detected_at=START, facts={"reporting": ["vn-2026"]}
        )


def dues(facts: Facts, *names: str, present: datetime = DETECTED) -> dict[str, datetime | None]:
    profiles = [reporting_profile.load(name) for name in names]
    return {clock.key: clock.due for clock in book([], facts, profiles, present).clocks}


def run(settings: Settings, verb: list[str], **options: object) -> flow.Report:
    found = find_verb(verb)
    screen = Screen(io.StringIO())
    request = flow.Request(found, (), with_defaults(found, options), reason=str(options.pop("reason", "")))
    return flow.execute(request, settings, screen, lambda *_: None)


def test_each_profile_gives_the_due_times_of_its_law() -> None:
    """The figures of shared law, one by one: NĐ 331/2026 Điều 31, Luật 91/2025 Điều 23, TT 20/2017, NIS2 Article 23."""
    day = timedelta(days=1)
    assert dues(FACTS, "vn-2026") == {
        "notify-now": DETECTED,
        "notify-24h": DETECTED + day,
        "report-72h": DETECTED + 3 * day,
        "closing": None,
    }
    assert dues(FACTS, "vn-pdp") == {"data-72h": DETECTED + 3 * day}
    ended = replace(FACTS, recovered=format_time(DETECTED + 2 * day))
    assert dues(ended, "vn-2017") == {"initial-5d": DETECTED + 5 * day, "closing-5d": DETECTED + 7 * day}
    month_later = datetime(2026, 11, 27, 20, 30, tzinfo=UTC)  # after the notification's due time: nothing was sent yet
    assert dues(FACTS, "generic")["final-1m"] == month_later


@pytest.mark.parametrize("zone", ZONES)
def test_due_times_do_not_depend_on_the_controllers_zone(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a year of detections, every 11 hours, over both changes of the clock.

    Seen failing with the months counted in the local zone.
    """
    moments = [DETECTED + timedelta(hours=11 * step) for step in range(0, 400)]
    names = reporting_profile.shipped()
    wanted = [dues(replace(FACTS, detected=format_time(moment)), *names) for moment in moments]
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        local = ZoneInfo(zone)
        for moment, expected in zip(moments, wanted, strict=True):
            facts = replace(FACTS, detected=format_time(moment.astimezone(local)))
            assert dues(facts, *names, present=moment.astimezone(local)) == expected
            stage = reporting_profile.load("generic").stages[2]
            assert stage.due_after(moment.astimezone(local)) == stage.due_after(moment)
    finally:
        os.environ.pop("TZ")
        time.tzset()


def test_a_month_ends_on_the_last_day_of_a_shorter_one() -> None:
    stage = reporting_profile.load("generic").stages[2]
    assert stage.due_after(datetime(2027, 1, 31, 23, 59, tzinfo=UTC)) == datetime(2027, 2, 28, 23, 59, tzinfo=UTC)
    assert stage.due_after(datetime(2026, 12, 31, tzinfo=UTC)) == datetime(2027, 1, 31, tzinfo=UTC)


def test_what_is_not_known_counts_as_the_stricter() -> None:
    """Seen failing with `!= "no"` turned into `== "yes"`: the clock of personal data did not run while nobody knew."""
    clocks = read_book([], FACTS, DETECTED)
    data = clocks.clock("data-72h")
    assert data is not None and data.uncertain and data.state is State.RUNNING
    assert "data-72h" not in dues(replace(FACTS, personal_data="no"), "vn-pdp")
    assert "notify-now" in dues(replace(FACTS, severity="a word that nobody knows"), "vn-2026")
    assert set(dues(replace(FACTS, severity="medium"), "vn-2026")) == {"report-72h", "closing"}


def test_personal_data_has_a_clock_of_its_own() -> None:
    later = DETECTED + timedelta(hours=60)
    known = replace(FACTS, personal_data="yes", personal_data_at=format_time(later))
    assert dues(known, "vn-pdp", "vn-2026")["data-72h"] == later + timedelta(hours=72)
    assert dues(known, "vn-pdp", "vn-2026")["report-72h"] == DETECTED + timedelta(hours=72)


def test_a_profile_out_of_date_or_never_verified_says_so() -> None:
    old = reporting_profile.load("vn-2017")
    today = date(2026, 11, 28)
    assert any("out of date" in text for text in old.doubts(today))
    assert any("Nobody has compared" in text for text in old.doubts(today))
    checked = replace(reporting_profile.load("vn-2026"), verified_on=date(2026, 9, 1))
    assert checked.doubts(today) == []
    assert checked.doubts(date(2028, 1, 1)) != [] and checked.doubts(date(2026, 8, 1)) != []


GOOD = """
name: ours
title: {en: ours, vi: của ta}
valid_from: 2026-01-01
legal_basis: [a rule]
stages:
  - key: first
    title: {en: a, vi: b}
    trigger: every
    clock: detected
    due: 4 hours
    form: initial
    recipients: [owner]
    channel: {en: a, vi: b}
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("due: 4 hours", "due: soon", "stages.0.due"),
        ("due: 4 hours", "due: 0 hours", "stages.0.due"),
        ("valid_from: 2026-01-01", "valid_from: 2026-02-30", "day is out of range"),
        ("valid_from: 2026-01-01", "valid_from: tomorrow", "valid_from"),
        ("valid_from: 2026-01-01", "valid_from: 2026-01-01\nvalid_to: 2025-01-01", "valid_to: lies before"),
        ("recipients: [owner]", "recipients: [someone@example.test]", "stages.0.recipients.0"),
        ("recipients: [owner]", "recipients: []", "stages.0.recipients"),
        ("clock: detected", "clock: sent", "stages.0.after"),
        ("clock: detected", "clock: sent\n    after: none", "stages.0.after"),
        ("form: initial", "form: letter", "stages.0.form"),
        ("    trigger: every\n", "", "stages.0.trigger: is missing"),
        ("name: ours", "name: ours\nsend_to: x@example.test", "send_to: is unknown"),
        ("name: ours", "name: ../ours", "name"),
        ("{en: a, vi: b}\n    trigger", "{en: a}\n    trigger", "stages.0.title.vi: is missing"),
        ("stages:", "stages: !!python/object/apply:os.system [id]\nx:", "x.yml"),
        ("name: ours", "name: [", "x.yml:"),
    ],
)
def test_a_faulty_profile_is_refused_with_its_place(old: str, new: str, said: str) -> None:
    assert read_text(reporting_profile.Profile, GOOD, "x.yml").name == "ours"
    assert old in GOOD
    with pytest.raises(ControllerFault) as caught:
        read_text(reporting_profile.Profile, GOOD.replace(old, new), "x.yml")
    assert said in caught.value.what and "x.yml" in caught.value.what


def test_a_site_s_own_profile_wins_and_a_large_file_is_refused(settings: Settings) -> None:
    assert settings.inventory is not None
    folder = settings.inventory / "reporting"
    (folder / "vn-2026.yml").write_text(GOOD.replace("name: ours", "name: vn-2026"), "utf-8")
    assert [stage.key for stage in reporting_profile.load("vn-2026", folder).stages] == ["first"]
    (folder / "vn-2026.yml").write_text("#" * (2 << 20), "utf-8")
    with pytest.raises(ControllerFault, match="larger than"):
        reporting_profile.load("vn-2026", folder)
    with pytest.raises(UsageFault):
        reporting_profile.load("../../etc/passwd", folder)


def test_a_profile_that_is_gone_is_named_and_the_default_ones_take_its_place() -> None:
    """A clock that nobody sees would be worse than one too many. Seen failing without the default ones."""
    clocks = read_book([], replace(FACTS, reporting=("ours",)), DETECTED)
    assert {"notify-24h", "data-72h"} <= {clock.key for clock in clocks.clocks}
    assert "ours" in clocks.doubts[0]


def test_recipients_come_from_the_inventory_alone(settings: Settings) -> None:
    assert load(settings) == ReportingSite()
    assert settings.inventory is not None
    file = settings.inventory / "reporting" / "site.yml"
    file.write_text(
        "organisation: {name: Sở Công Thương}\ncontacts:\n  - {role: owner, name: UBND tỉnh, checked: 2026-11-01}\n",
        "utf-8",
    )
    contact = load(settings).of("owner")
    assert contact is not None and contact.name == "UBND tỉnh" and contact.doubt(date(2026, 11, 28)) == ""
    assert contact.doubt(date(2027, 11, 28)) and Contact("owner", "x").doubt(date(2026, 11, 28)) == "never checked"
    file.write_text("contacts:\n  - {role: owner, name: a}\n  - {role: owner, name: b}\n", "utf-8")
    with pytest.raises(ControllerFault, match=r"site.yml:3: contacts.1.role: is given twice"):
        load(settings)


def test_sending_stops_the_clock_only_when_every_recipient_has_it(case: Case, tmp_path: Path) -> None:
    letter = tmp_path / "812-SCT-VP.pdf"
    letter.write_bytes(b"%PDF signed")
    when = START + timedelta(hours=2)
    first = reporting.file_sent(
        case, "notify-24h", letter, recipients=("response-team",), channel="document system", when=when
    )
    assert not first.stopped and first.missing == ("specialist-authority", "owner")
    last = reporting.file_sent(case, "notify-24h", letter, channel="document system", when=when)
    assert last.state is State.SENT and last.sent == when and last.missing == ()
    late = reporting.file_sent(case, "report-72h", letter, channel="post", when=START + timedelta(hours=73))
    assert late.state is State.LATE
    assert check(Case(case.settings, case.id)).ok


def test_a_proof_of_sending_that_was_changed_or_removed_is_noticed(case: Case, tmp_path: Path) -> None:
    """Seen failing without `sent` among the kinds whose files a check knows."""
    letter = tmp_path / "letter.pdf"
    letter.write_bytes(b"%PDF signed")
    reporting.file_sent(case, "closing", letter, channel="post", when=START + timedelta(hours=2))
    kept = next(case.folder.glob("sent-*.pdf"))
    kept.write_bytes(b"%PDF changed")
    assert any("was changed" in line for line in check(case).lines())
    kept.unlink()
    assert any("is missing" in line for line in check(case).lines())


def test_a_host_stops_no_clock(case: Case) -> None:
    """A compromised host could have silenced a deadline.

    Seen failing with `case_updated` taken out of ``case.facts._OURS``. The fold of the clocks looks at nothing that is
    nested in a record, where a host's data lie, and asks `from_host` besides.
    """
    with clock_of():
        journal = case.journal()
        for kind in ("sent", "acknowledged"):
            data = {"stage": "notify-24h", "recipient": "owner", "time": format_time(START), "operator": "x"}
            journal.append(kind, {"host": "web01", "data": data})
        journal.append("task_done", {"host": "web01", "data": {"task": "notify-24h", "operator": "x"}})
        journal.append("case_updated", {"host": "web01", "data": {"personal_data": "no", "severity": "low"}})
    fresh = Case(case.settings, case.id)
    clock = reporting.book_of(fresh, START).clock("notify-24h")
    assert clock is not None and clock.state is State.RUNNING and not clock.to and not clock.acknowledged
    assert fresh.facts.severity == "critical"


@pytest.mark.parametrize(
    ("content", "hours", "channel", "error"),
    [
        (None, 1, "post", ControllerFault),
        (b"", 1, "post", ControllerFault),
        (b"x", 80_000, "post", UsageFault),
        (b"x", -1, "post", UsageFault),
        (b"x", 1, " ", UsageFault),
    ],
)
def test_what_proves_nothing_is_not_filed(
    case: Case, content: bytes | None, hours: int, channel: str, error: type[Exception]
) -> None:
    letter = case.settings.state / "letter.pdf"
    if content is not None:
        letter.write_bytes(content)
    before = len(case.records())
    with pytest.raises(error):
        reporting.file_sent(case, "notify-24h", letter, channel=channel, when=START + timedelta(hours=hours))
    assert len(case.records()) == before and not list(case.folder.glob("sent-*"))


def test_reminders_come_once_then_go_to_the_deputy_until_somebody_acknowledges(case: Case) -> None:
    clock = reporting.book_of(case, START).clock("notify-24h")
    assert clock is not None and clock.due is not None

    def steps(after: timedelta) -> dict[str, str]:
        fresh, present = Case(case.settings, case.id), START + after
        due = reporting.due_now(fresh, present)
        for one in due:
            reporting.give(fresh, one, present, "screen")
        return {one.clock.key: one.step for one in due}

    assert steps(timedelta(hours=1)) == {"notify-now": "escalated"}
    assert steps(timedelta(hours=4)) == {} and steps(timedelta(hours=5)) == {"notify-now": "escalated"}
    reporting.acknowledge(Case(case.settings, case.id), "notify-now")
    assert steps(timedelta(hours=13)) == {"notify-24h": "before-12h"}
    assert steps(timedelta(hours=13)) == {}
    assert steps(timedelta(hours=23, minutes=30)) == {"notify-24h": "before-1h"}, "one that was missed is not made up"
    assert steps(timedelta(hours=25)) == {"notify-24h": "escalated"}
    reporting.acknowledge(Case(case.settings, case.id), "report-72h")
    assert steps(timedelta(hours=71)) == {"notify-24h": "escalated"}, "nobody acknowledged this one"
    kinds = [record.kind for record in Case(case.settings, case.id).records()]
    assert kinds.count("reminder") == 6 and kinds.count("acknowledged") == 2
    given = reminded(Case(case.settings, case.id).records())
    assert due_reminders(clock, given, clock.due + timedelta(days=400))
    reporting.acknowledge(Case(case.settings, case.id), "notify-24h")
    assert steps(timedelta(days=400)) == {}


def test_a_clock_that_was_set_back_silences_no_reminder(case: Case) -> None:
    """Seen failing with the age of the last reminder alone: nothing was said until the clock had caught up."""
    later = START + timedelta(days=300)
    for one in reporting.due_now(case, later):
        reporting.give(case, one, later, "screen")
    again = reporting.due_now(Case(case.settings, case.id), START + timedelta(days=10))
    assert {one.clock.key for one in again if one.escalated} >= {"notify-now", "notify-24h", "report-72h"}


def test_only_a_running_deadline_can_be_acknowledged(case: Case) -> None:
    with pytest.raises(Refused):
        reporting.acknowledge(case, "closing")
    with pytest.raises(UsageFault, match="no deadline"):
        reporting.acknowledge(case, "notify-48h")


def test_a_fact_that_changes_moves_the_clocks_and_needs_a_reason(case: Case) -> None:
    with pytest.raises(UsageFault):
        reporting.update(case, {"severity": "low"}, " ")
    reporting.update(case, {"severity": "medium", "personal_data": "no"}, "only the test page")
    fresh = Case(case.settings, case.id)
    assert {clock.key for clock in reporting.book_of(fresh).clocks} == {"report-72h", "closing"}


def test_the_calendar_holds_what_runs_and_nothing_breaks_its_lines(case: Case) -> None:
    title = "x\r\nEND:VCALENDAR\r\n" + "cổng thông tin; " * 30
    text = as_ics([(case.id, title, reporting.book_of(case, START))], START)
    lines = text.split("\r\n")
    assert max(len(line.encode()) for line in lines) <= 75 and lines.count("END:VCALENDAR") == 1
    assert f"DTSTART:{START + timedelta(hours=24):%Y%m%dT%H%M%SZ}" in lines
    assert text.count("BEGIN:VEVENT") == 3 and "\n" not in text.replace("\r\n", "")


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(192, "in 3 h 12 min"), (5, "in 5 min"), (-65, "overdue for 1 h 5 min"), (60 * 50, "in 2 days 2 h")],
)
def test_the_time_left_is_said_in_words(minutes: int, words: str) -> None:
    assert remaining(START + timedelta(minutes=minutes), START) == words


def test_profile_check_names_faults_and_doubtful_contacts(settings: Settings) -> None:
    report = run(settings, ["profile", "check"])
    assert report.code is Exit.OK, report.document
    assert "specialist-authority" in report.document["contacts_in_doubt"]
    assert settings.inventory is not None
    (settings.inventory / "reporting" / "ours.yml").write_text(GOOD.replace("4 hours", "soon"), "utf-8")
    report = run(settings, ["profile", "check"])
    assert report.code is Exit.NOT_VERIFIED and "ours.yml:11" in report.document["faults"][0]


def test_closing_a_case_stops_no_deadline_and_says_so(settings: Settings, case: Case) -> None:
    """Seen failing without the lines of `case close`."""
    screen, found = io.StringIO(), find_verb(["case", "close"])
    request = flow.Request(found, (), with_defaults(found, {"case_id": case.id}))
    assert flow.execute(request, settings, Screen(screen), lambda *_: None).code is Exit.OK
    assert "notify-24h" in screen.getvalue() and "does not stop" in screen.getvalue()
    report = run(settings, ["case", "deadlines"])
    assert "notify-24h" in {row["stage"] for row in report.document["deadlines"]}


def test_status_and_deadlines_say_what_is_due(settings: Settings, case: Case) -> None:
    report = run(settings, ["case", "status"], case_id=case.id)
    assert report.code is Exit.OK, report.document
    assert {clock["stage"] for clock in report.document["clocks"]} == {
        "notify-now",
        "notify-24h",
        "report-72h",
        "closing",
    }
    assert report.document["profile_doubts"]
    report = run(settings, ["case", "deadlines"], ics=str(settings.state / "x.ics"))
    assert report.code is Exit.OK and (settings.state / "x.ics").read_text("utf-8").startswith("BEGIN:VCALENDAR")
