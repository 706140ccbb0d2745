"""Cases that are opened, by a person or by what somebody does: nothing is invented, and nothing holds a cut up."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from officeworld import Office
from preparedness_world import typed

from ungcuu.case.case import Case, find, list_cases, open_case
from ungcuu.case.reporting import book_of
from ungcuu.cli import intake
from ungcuu.cli.registry import find_verb, with_defaults
from ungcuu.contain import early
from ungcuu.core.clock import format_time
from ungcuu.core.errors import Exit, JournalError, Refused
from ungcuu.core.i18n import set_language
from ungcuu.core.terminal import Screen
from ungcuu.drill import scenario
from ungcuu.run.verb import Context
from ungcuu.watch import alerts, store
from ungcuu.watch.alerts import Sight

FINDING = {
    "id": "3f0a91bc5d",
    "rule": "web.new-code",
    "severity": "critical",
    "title": "program code where only media belong",
    "path": "/var/www/x.php",
}
SCANNED = "2026-11-28T04:00:00.000Z"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    set_language("en")
    made = Office(tmp_path)
    find(made.settings, made.incident.id).close("t", force=True)
    yield made
    set_language("en")


def scanned(office: Office, host: str, *findings: dict[str, str]) -> None:
    folder = office.settings.host_dir(host)
    folder.mkdir(parents=True, exist_ok=True)
    counts = {"critical": len(findings)}
    document = {"time": SCANNED, "counts": counts, "complete": True, "findings": list(findings)}
    (folder / "findings.json").write_text(json.dumps(document), "utf-8")


def isolated(office: Office, *hosts: str, reason: str = "", case: str | None = None, **options: object) -> str:
    verb, out = find_verb(["isolate"]), io.StringIO()
    context = Context(office.settings, verb, Screen(out), hosts, options=with_defaults(verb, options), reason=reason)
    context.case = case
    assert verb.intake is not None
    verb.intake(context)
    return out.getvalue()


def newest(office: Office) -> Case:
    return list_cases(office.settings)[-1]


def test_a_cut_opens_one_case_for_all_hosts_that_have_none(office: Office) -> None:
    """What nobody stated stays unknown: both clocks run."""
    scanned(office, "web01", FINDING)
    before = len(list_cases(office.settings))
    said = isolated(office, "web01", "web02", reason="defaced page")
    facts = newest(office).facts
    assert (facts.hosts, facts.title, facts.severity) == (("web01", "web02"), "defaced page", "critical")
    assert (facts.personal_data, facts.detected_way, facts.detected_by) == ("unknown", "", "")
    assert {"vn-2026", "vn-pdp"} == {clock.profile for clock in book_of(newest(office)).pressing}
    assert f"ungcuu case update {facts.case}" in said
    isolated(office, "web01", "web02")
    assert len(list_cases(office.settings)) == before + 1, "a host that has an open case gets no second one"


def test_it_takes_what_is_stated_and_can_be_asked_not_to(office: Office) -> None:
    before = len(list_cases(office.settings))
    isolated(office, "web02", no_case=True)
    isolated(office, "web02", case="UC-20200101-001")
    assert len(list_cases(office.settings)) == before
    moment = datetime.now(UTC) - timedelta(hours=2)
    stated = {"way": "stored-data", "personal_data": "no", "detected_by": "Lê Bình", "severity": "medium"}
    isolated(office, "web02", title="x", detected_at=moment.isoformat(), **stated)
    facts = newest(office).facts
    assert (facts.detected_way, facts.personal_data, facts.detected_by) == ("stored-data", "no", "Lê Bình")
    assert facts.detected == format_time(moment) and (facts.severity, facts.title) == ("medium", "x")
    assert facts.system_level == 0, "the inventory names no system of web02"


@pytest.mark.parametrize("wrong", ["yesterday", "2099-01-01T00:00+07:00"])
def test_a_wrong_time_holds_no_cut_up(office: Office, wrong: str) -> None:
    before = len(list_cases(office.settings))
    said = isolated(office, "web01", detected_at=wrong)
    assert "No case could be opened" in said and "ungcuu case open web01" in said
    assert len(list_cases(office.settings)) == before


def test_a_state_that_cant_be_written_holds_no_cut_up(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen failing without the `except` in `at_isolation`."""

    def full(*_words: object, **_named: object) -> None:
        raise JournalError("no space left")

    monkeypatch.setattr("ungcuu.case.case.open_case", full)
    assert "no space left" in isolated(office, "web01")


def test_the_words_of_a_case_do_not_hold_the_fast_cut_back() -> None:
    """Seen failing with these options unknown to the first look at the words: the full parser came first."""
    words = "isolate web01 --title x --severity high --detected-at 2026-11-22 --detected-by y --way other"
    assert early.parse([*words.split(), "--personal-data", "no", "--no-case"]) == (("web01",), "full", ())
    known = {option.name for option in find_verb(["isolate"]).options}
    assert known <= {*early._WITH_VALUE, *early._FLAGS}


def test_a_confirmed_finding_opens_a_case(office: Office) -> None:
    scanned(office, "web01", FINDING)
    told = typed(office, "case", "open", "web01", "--finding", "3f0a", "--personal-data", "no")
    facts = find(office.settings, told["case"]).facts
    assert (facts.severity, facts.detected, facts.detected_way) == ("critical", SCANNED, "detection-system")
    assert "/var/www/x.php" in facts.title and facts.system == "Trang thông tin điện tử Sở Công Thương"
    typed(office, "case", "open", "web02", "--finding", "3f0a", code=Exit.REFUSED)
    scanned(office, "web02")
    typed(office, "case", "open", "web02", "--finding", "3f0a", code=Exit.USAGE)
    typed(office, "case", "open", "web02", code=Exit.USAGE)


def test_a_person_who_typed_no_title_is_asked(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong answer is asked for again, and Enter alone leaves open what a person does not know."""
    answers = [
        "",
        "Cờ bạc trên trang chủ",
        "yesterday",
        "2026-11-22T09:30+07:00",
        "",
        "maybe",
        "notice-from-others",
        "",
        "no",
    ]
    asked: list[str] = []

    def ask(_out: object, question: str, _state: str) -> str:
        asked.append(question)
        return answers.pop(0)

    monkeypatch.setattr("ungcuu.core.asking.ask", ask)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    verb, out = find_verb(["case", "open"]), io.StringIO()
    options = with_defaults(verb, {"system": "Cổng"})
    verb.run(Context(office.settings, verb, Screen(out), ("web01",), options=options))
    facts = newest(office).facts
    assert not answers and len(asked) == 9 and len(set(asked)) == 6
    assert (facts.title, facts.detected) == ("Cờ bạc trên trang chủ", "2026-11-22T02:30:00.000Z")
    assert (facts.detected_way, facts.detected_by, facts.severity) == ("notice-from-others", "", "high")
    assert (facts.personal_data, facts.system) == ("no", "Cổng")
    assert "Not a time: yesterday" in out.getvalue() and "One of these" in out.getvalue()


def test_a_case_that_was_opened_while_a_person_answered_stays_the_only_one(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`isolate` in another window opens one. Seen failing: the host had two, and what followed went into either."""

    def ask(_out: object, question: str, _state: str) -> str:
        if not list_open(office):
            isolated(office, "web01", reason="Cờ bạc trên trang chủ")
        return "Cờ bạc" if question.startswith("What happened") else ""

    monkeypatch.setattr("ungcuu.core.asking.ask", ask)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    verb = find_verb(["case", "open"])
    context = Context(office.settings, verb, Screen(io.StringIO()), ("web01",), options=with_defaults(verb, {}))
    assert verb.run is not None
    with pytest.raises(Refused, match="already has an open case"):
        verb.run(context)
    assert len(list_open(office)) == 1


def list_open(office: Office) -> list[Case]:
    return [case for case in list_cases(office.settings) if case.facts.phase != "closed"]


def test_the_case_of_an_exercise_is_called_as_its_scenario_in_the_reader_s_language(office: Office) -> None:
    """Seen failing with the title in the language in which the drill was played."""
    opened = typed(office, "case", "open", "web01", "--scenario", "webshell")
    facts = find(office.settings, opened["case"]).facts
    plan = scenario.load("webshell")
    assert facts.drill and facts.severity == plan.severity and facts.title == f"Drill: {plan.title.en}"
    set_language("vi")
    assert facts.title == f"Diễn tập: {plan.title.vi}"
    typed(office, "case", "open", "web02", "--scenario", "nobody", code=Exit.USAGE)


def test_a_confirmed_alert_opens_a_case_from_the_time_of_the_alert(office: Office) -> None:
    """The law counts from detection, and the watch detected it before anybody read the message."""
    raised = format_time(datetime.now(UTC) - timedelta(hours=3))
    rows = [
        Sight(name, "web01", "scan", "web.new-code", severity, "a title", f"/var/www/{name}.php")
        for name, severity in (("aa01", "high"), ("bb02", "critical"))
    ]
    with store.changing(office.settings, "web01") as known:
        known.alerts, _raised = alerts.merge(known.alerts, rows, {"scan"}, raised)
    typed(office, "ack", "aa01", "--confirm", "--false-alarm", "--reason", "x", code=Exit.USAGE)
    typed(office, "ack", "aa01", "bb02", "--confirm")
    facts = newest(office).facts
    assert (facts.hosts, facts.severity, facts.detected) == (("web01",), "critical", raised)
    assert facts.detected_way == "detection-system" and "bb02.php" in facts.title
    kinds = [record.kind for record in newest(office).records()]
    assert kinds == ["case_opened", "alert"], "who confirmed it stands in the case"
    assert not store.load(office.settings, "web01").open()


def test_a_website_of_a_host_counts_as_the_host(office: Office) -> None:
    open_case(office.settings, ["web01/portal"], "x")
    assert intake.without_case(replace(office.settings), ("web01", "web02")) == ("web02",)


def test_the_title_is_true_of_a_cut_that_fails(office: Office) -> None:
    """It stands on the report, in the calendar and in letters. Seen failing: "Host cut off from the network"."""
    isolated(office, "web01")
    assert newest(office).facts.title == "Isolation of the host was ordered"
