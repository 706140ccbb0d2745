"""What was not looked at in the application's data: said, a finding when it is new, and a gate before the release."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from detected import found, only, snapshot
from test_reassess import GOOD, SAID, scan

from ungcuu.cli.commands import doctor
from ungcuu.core.check_phrases import Left
from ungcuu.core.phrases import phrase
from ungcuu.detect.baseline import Snapshot, save
from ungcuu.detect.coverage import REASONS, TOPICS, sentences, unread
from ungcuu.hosts import profiles
from ungcuu.recover.reassess import Entry, judge
from ungcuu.report import findings as report_findings


def read(*gaps: str, rows: Sequence[dict[str, str]] = ()) -> Snapshot:
    """A reading in which these topics (topic=why) were not read."""
    why = dict.fromkeys(TOPICS, "") | dict(gap.split("=") for gap in gaps)
    return snapshot(coverage=[{"topic": topic, "why": text} for topic, text in why.items()], database=list(rows))


def test_what_is_no_longer_read_is_a_finding_and_a_known_gap_is_none() -> None:
    """An administrator in a table that nobody reads is not seen; the same alarm every day is not looked at.

    Seen failing with the comparison of the gaps taken out, in both directions.
    """
    known = read("server=engine", "tokens=not-in-profile")
    assert found(known, known) == []
    assert only(found(known, read("server=engine", "tokens=not-in-profile no-table")))[:2] == (
        "application.unread",
        "medium",
    )
    assert [item.path for item in found(read(), read("administrators=no-answer"))] == ["administrators"]
    assert {item.path for item in found(read(), snapshot())} == set(TOPICS)
    assert [item.rule for item in found(read("content=engine"), read())] == ["baseline.old"]


def test_rows_of_a_topic_that_one_side_did_not_read_are_no_findings_of_their_own() -> None:
    """A database that does not answer must not look as if every administrator were gone, nor the other way round."""
    rows = [{"set": "administrator", "name": "an", "detail": "x"}]
    assert [item.rule for item in found(read(rows=rows), read("administrators=no-answer"))] == ["application.unread"]
    assert [item.rule for item in found(read("administrators=engine"), read(rows=rows))] == ["baseline.old"]
    assert [item.rule for item in found(read(), read(rows=rows))] == ["database.administrator"]


def test_a_database_that_is_stopped_is_not_read_and_nothing_of_it_is_gone() -> None:
    """In maintenance the server is stopped and that part of the reading breaks off: a scan named each of its own
    procedures and accounts as gone. Seen failing before.
    """
    rows = [{"set": name, "name": "an", "detail": "x"} for name in ("administrator", "routine", "user", "content")]
    assert {(item.rule, item.path) for item in found(read(rows=rows), snapshot())} == {
        ("application.unread", topic) for topic in TOPICS
    }


def test_a_host_can_not_make_up_a_reason() -> None:
    """What it says of a topic is a claim: a word that is unknown is a gap, and is not shown."""
    assert unread(read("content=<b>fine</b>"))["content"] == ["not-said"]
    assert sentences({"content": ["not-said"], "other": ["x"], "server": "no list"}) == ["pages (the host did not say)"]


@pytest.mark.parametrize("name", profiles.known())
def test_each_gap_of_a_profile_has_a_reason_in_words(name: str) -> None:
    gaps = profiles.load(name).gaps()
    assert set(gaps) <= set(TOPICS) and {code for codes in gaps.values() for code in codes} <= set(REASONS)
    assert len(sentences(gaps)) == len(gaps)


def test_a_host_is_not_released_while_nobody_has_looked_at_what_no_scan_reads() -> None:
    """Seen failing with the condition taken out: the intruder's administrator of such an application would stay."""
    gap = scan(checked={"application": {"unread": {"administrators": ["no-profile"]}}})
    done = judge("web01", gap, [GOOD], SAID)
    assert done.outcome == "not clean" and done.left == (phrase(Left.APPLICATION_UNREAD, topics=["administrators"]),)
    looked = Entry(SAID.how, "hoa", "I compared the list of administrators with the one on paper.")
    done = judge("web01", gap, [GOOD], looked)
    assert done.outcome == "clean"
    assert done.document()["application"] == {
        "unread": {"administrators": ["no-profile"]},
        "how": looked.application,
        "by": "hoa",
        "unrotated": [],
    }
    assert judge("web01", scan(checked={"application": {"unread": {}}}), [GOOD], SAID).outcome == "clean"


def test_the_report_says_what_the_newest_scan_did_not_look_at() -> None:
    """Who reads the report must not take silence for "clean"; what an older scan did not see may be seen by now."""

    def run(*gaps: str) -> Any:
        row = {"host": "web01", "checked": {"application": {"unread": {gap: ["no-profile"] for gap in gaps}}}}
        return SimpleNamespace(of=lambda kind: [row] if kind == "scan" else [])

    wanted = ["web01: pages (there is no profile for this application)"]
    assert report_findings.unread([run("tokens"), run("content")]) == wanted
    assert report_findings.unread([run("content"), run()]) == []


@pytest.mark.parametrize(
    ("application", "level", "told"),
    [
        ("wordpress", "good", "WordPress"),
        (
            "drupal",
            "warn",
            "not look at: standing passwords and keys of programs (the profile can't read it)",
        ),
        ("own", "warn", "there is no profile for own"),
    ],
)
def test_doctor_says_it_before_there_is_a_baseline(tmp_path: Path, application: str, level: str, told: str) -> None:
    site = SimpleNamespace(
        groups={"website": ("web01",)},
        variables=lambda _host: {"website_application": application},
        inventory=tmp_path,
        settings=SimpleNamespace(content=tmp_path),
    )
    context: Any = SimpleNamespace(site=site, settings=SimpleNamespace(state=tmp_path), name_of=str)
    checks = doctor._application(context, "web01")
    assert [check.level for check in checks if told in check.text] == [level]


def test_doctor_says_what_the_baseline_was_made_without(tmp_path: Path) -> None:
    site = SimpleNamespace(
        groups={"website": ("web01",)}, variables=lambda _host: {"website_application": "wordpress"}, inventory=tmp_path
    )
    context: Any = SimpleNamespace(site=site, settings=SimpleNamespace(state=tmp_path), name_of=str)
    save(tmp_path, "web01", read("content=no-table"))
    (check,) = doctor._application(context, "web01")
    assert (check.level, check.text.endswith("it took too long)")) == ("warn", True)
