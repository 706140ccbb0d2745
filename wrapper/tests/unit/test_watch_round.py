"""A round: one alert for what is new, silence for nobody, and no word about what was not looked at."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from watched_site import HIGH, MEDIUM, World, world

from ungcuu.cli import main, registry
from ungcuu.core.clock import format_time
from ungcuu.core.errors import Exit, Outcome, UsageFault
from ungcuu.core.settings import Settings
from ungcuu.core.terminal import Screen
from ungcuu.detect import findings
from ungcuu.hosts.site import Site
from ungcuu.run import locks
from ungcuu.run.verb import Context
from ungcuu.watch import health, history, rehearsal, store
from ungcuu.watch import round as rounds
from ungcuu.watch.alerts import Sight
from ungcuu.watch.outside.look import View

__all__ = ["world"]


FOUND = findings.finding(
    "web01", "upload.code", findings.Severity.CRITICAL, "file", "/var/www/x.php", evidence={"ctime": 1795887151}
)


def test_a_new_finding_is_one_alert_one_message_and_in_the_journal(world: World) -> None:
    world.found = [FOUND]
    assert [one.sight.id for one in world.round().raised] == [FOUND.id]
    assert world.round(full=True).raised == []
    assert len(world.sent) == 1
    assert [row["alert"] for row in world.journal("alert")] == [FOUND.id]
    assert [row["do"] for row in world.journal("notification")] == ["delivered"]


def test_without_a_change_nothing_is_scanned_until_an_hour_has_gone(world: World) -> None:
    assert world.round().full
    again = world.round()
    assert (world.scans, again.full, again.looked) == (1, False, {"watch"})
    world.folders["/etc"] = "2"
    assert world.round().changed == ["/etc"]
    with store.changing(world.settings, "web01") as known:
        known.notes["full"] = format_time(datetime.now(UTC) - timedelta(hours=1))
    assert world.round().full
    assert world.scans == 3


def test_a_scan_that_failed_is_done_again_in_the_next_round(world: World) -> None:
    """Seen failing with the marks kept before the scan: a change at the time of a failure was never looked at."""
    world.round()
    world.folders["/etc"] = "2"
    world.fails = True
    assert world.round().why
    world.fails = False
    assert world.round().full


def test_a_host_that_falls_silent_is_an_alert(world: World) -> None:
    """An intruder who cuts the watch off must not be met with silence: seen failing without `sights.blind`."""
    world.found = [FOUND]
    world.round()
    world.lost = True
    assert world.round().raised == []
    (alert,) = world.round().raised
    assert alert.sight.rule == "watch.blind"
    assert "\x1b" not in alert.sight.place
    assert not store.load(world.settings, "web01").alerts[FOUND.id].gone, "what was not looked at has not gone"
    world.lost = False
    world.round()
    assert store.load(world.settings, "web01").alerts[alert.sight.id].gone


def websites(*names: str) -> dict[str, Any]:
    facts = ("website_health_path", "website_health_text")
    return {
        "websites": [
            {
                "name": name,
                "website_name": f"{name}.vn",
                "website_root": f"/var/www/{name}",
                **dict.fromkeys(facts, "/x"),
            }
            | {"website_user": name}
            for name in names
        ]
    }


def test_each_website_of_a_host_is_looked_at_and_scanned(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at the first one alone would call what it never saw quiet."""
    asked: list[tuple[str, str]] = []

    def outside(_settings: Settings, name: str, site: Any, _again: list[str], _other: object) -> View:
        asked.append((name, site.name))
        return View(whole=True, again=[f"/{name}"])

    monkeypatch.setattr(rounds, "look", outside)
    world.facts, world.found = websites("a", "b"), [FOUND]
    done = world.round()
    assert not done.why and done.looked == {"watch", "scan", "outside"} and world.scans == 2
    assert world.roots == [["/var/www/a", "/var/www/b"]]
    assert world.scanned == ["web01/a", "web01/b"]
    assert asked == [("web01/a", "a.vn"), ("web01/b", "b.vn")]
    assert [one.sight.host for one in done.raised] == ["web01/a"], "what is the host's own is one alert"
    assert store.load(world.settings, "web01").notes["outside_again web01/b"] == ["/web01/b"]


def test_a_list_that_can_not_be_read_leaves_the_host_unwatched_and_says_so(world: World) -> None:
    world.facts = {"websites": [{"name": "portal"}]}
    first, second = world.round(), world.round()
    assert "website_root is missing" in first.why and not first.looked
    assert [one.sight.rule for one in second.raised] == ["watch.blind"] and world.scans == 0


def test_a_message_that_was_not_taken_is_said_and_sent_again(world: World) -> None:
    world.found, world.took = [FOUND], False
    assert world.round().undelivered == 1
    assert next(row.text for row in health.troubles(world.settings, "web01")).startswith("1 ")
    world.took = True
    assert world.round().undelivered == 0
    assert [row["do"] for row in world.journal("notification")] == ["not delivered", "delivered"]


def test_a_host_that_another_run_holds_is_left_alone(world: World) -> None:
    """What is half changed is no finding: seen failing without the look at the lock."""
    with locks.hold(world.settings, ("web01",), "patch", ""):
        this = world.round()
    assert (this.busy, this.looked, world.scans) == ("patch", set(), 0)


def test_a_watch_that_stopped_is_said(world: World) -> None:
    world.round()
    world.round()
    assert health.troubles(world.settings, "web01") == []
    later = datetime.now(UTC) + timedelta(minutes=21)
    (trouble,) = health.troubles(world.settings, "web01", later)
    assert (trouble.level, "ungcuu watch round web01") == ("bad", trouble.command)


def test_a_host_that_is_held_all_the_time_is_not_looked_at(world: World) -> None:
    """A run that hung held the host for days; its rounds did nothing, and counted as looks."""
    world.round()
    world.round()
    with store.changing(world.settings, "web01") as known:
        for minutes in range(5, 65, 5):
            late = datetime.now(UTC) + timedelta(minutes=minutes)
            known.rounds.append(known.rounds[-1] | {"time": format_time(late), "busy": True})
    (trouble,) = health.troubles(world.settings, "web01", late)
    assert (trouble.level, "ungcuu watch round web01") == ("bad", trouble.command)


def pinged(world: World, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> bool:
    """Whether a round with these changes lets the outside address know; its own address, so that none is asked."""
    this = world.round()
    for name, value in changes.items():
        setattr(this, name, value)
    monkeypatch.setattr("ungcuu.watch.round.go", lambda *_words, **_more: this)
    monkeypatch.setattr("ungcuu.watch.ping.ping", lambda _address: True)
    verb = registry.find_verb(["watch", "round"])
    context = Context(world.settings, verb, Screen(io.StringIO()), hosts=("web01",), options={"full": False})
    facts = {"watch_ping_address": "https://ping.invalid/x"}
    context.__dict__["site"] = Site(world.settings.state, world.settings, {"web01": facts}, {"website": ("web01",)})
    assert verb.run is not None
    return bool(verb.run(context).data["pinged"])


@pytest.mark.parametrize(
    ("changes", "heard"),
    [
        ({}, True),
        ({"outside": View(unseen=["the approved page: none"])}, True),
        ({"busy": "backup"}, True),
        ({"why": "timed out"}, False),
        ({"partly": True}, False),
        ({"outside": View(why="the website answers 503: it is busy")}, False),
    ],
)
def test_who_listens_for_the_watch_hears_of_whole_rounds_alone(
    world: World, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], *, heard: bool
) -> None:
    """Seen failing: a host under load that did not report everything, and a website not looked at, pinged as well."""
    assert pinged(world, monkeypatch, **changes) is heard


def test_an_isolated_host_is_still_watched(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ungcuu.case.host_past.HostPast.isolation_mode", lambda _self: "full")
    assert pinged(world, monkeypatch, outside=View(why="the host is isolated"))


def test_a_host_that_is_held_for_long_is_heard_of_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen failing: a run that hung held the host for days, and each round that did nothing pinged."""
    world.round()
    with store.changing(world.settings, "web01") as known:
        row = known.rounds[-1]
        known.rounds[:] = [row | {"time": ago(minutes), "busy": minutes < 30} for minutes in range(30, 0, -5)]
    with locks.hold(world.settings, ("web01",), "patch", ""):
        assert not pinged(world, monkeypatch)


def ago(minutes: int) -> str:
    return format_time(datetime.now(UTC) - timedelta(minutes=minutes))


def test_a_host_without_a_watch_is_said(world: World) -> None:
    (trouble,) = health.troubles(world.settings, "web02")
    assert trouble.level == "warn"


def test_the_numbers_know_delay_and_false_alarms(world: World) -> None:
    world.round()
    changed = int(datetime.now(UTC).timestamp()) + 1
    world.found = [
        findings.finding("web01", "upload.code", findings.Severity.HIGH, "f", "/x", evidence={"ctime": changed})
    ]
    world.round(full=True)
    told = history.numbers(store.load(world.settings, "web01"))
    assert told["delay_seconds"] is not None
    assert (told["rounds"], told["full"], told["open"], told["false_alarms"]) == (2, 2, 1, 0)


def acknowledge(world: World, *ids: str, reason: str = "", **options: Any) -> Any:
    verb = registry.load("ack")
    given = registry.with_defaults(verb, {"ids": ids, **options})
    context = Context(world.settings, verb, Screen(io.StringIO()), options=given, reason=reason)
    assert verb.check is not None
    assert verb.run is not None
    verb.check(context)
    return verb.run(context)


def test_an_acknowledged_alert_is_journaled_and_quiet(world: World) -> None:
    world.found = [FOUND]
    world.round()
    acknowledge(world, FOUND.id[:6], reason="ours", false_alarm=True)
    alert = store.load(world.settings, "web01").alerts[FOUND.id]
    assert (alert.by, alert.false_alarm, alert.open) == ("an", True, False)
    assert world.journal("alert")[-1]["do"] == "acknowledged"
    with pytest.raises(UsageFault):
        acknowledge(world, "ffffffff")
    with pytest.raises(UsageFault):
        acknowledge(world, FOUND.id, false_alarm=True)


def test_the_outcome_says_that_somebody_was_not_notified(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A round that reached nobody is not done, whatever it found."""
    world.found, world.took = [FOUND], False
    this = world.round()
    monkeypatch.setattr(rounds, "go", lambda *_words, **_: this)
    verb = registry.find_verb(["watch", "round"])
    context = Context(world.settings, verb, Screen(io.StringIO()), hosts=("web01",), options={"full": False})
    context.__dict__["site"] = Site(world.settings.state, world.settings, {"web01": {}}, {})
    assert verb.run is not None
    result = verb.run(context)
    assert result.outcome is Outcome.NOT_DONE
    this.sent = []
    assert verb.run(context).code is Exit.FOUND


def test_the_report_is_typed_and_shows_what_is_open(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Through the command line, as a message asks for it: with a host, without, and with one that nobody knows."""
    world.found = [FOUND]
    world.round()
    monkeypatch.setenv("UNGCUU_STATE", str(world.settings.state))
    for words in (["watch", "report"], ["watch", "report", "web01"]):
        assert main.run(words) == Exit.OK
        assert FOUND.id in capsys.readouterr().out
    assert main.run(["watch", "report", "../web01"]) == Exit.USAGE


def test_what_a_scan_did_not_reach_has_not_gone(world: World) -> None:
    """A host under load did not report everything: seen raising 4,430 alerts of removed programs, and ending others."""
    world.found = [FOUND]
    world.round()
    gone = findings.finding("web01", "program.removed", MEDIUM, "file", "/usr/bin/x")
    short = findings.finding("web01", "reading.incomplete", HIGH, "host", "host")
    world.found, world.complete = [gone, short], False
    this = world.round(full=True)
    assert [one.sight.rule for one in this.raised] == ["reading.incomplete"]
    assert (this.partly, this.full) == (True, False)
    assert not store.load(world.settings, "web01").alerts[FOUND.id].gone
    world.folders["/etc"] = "2"
    world.round()
    world.complete = True
    assert world.round().full, "the change is looked at again until it was looked at whole"


def test_a_rehearsal_that_begins_or_ends_while_the_host_is_scanned(world: World) -> None:
    """Seen failing with the note that was read when the round began: people were woken by a file of our own."""

    def begin() -> None:
        with store.changing(world.settings, "web01") as known:
            known.notes["rehearsal"] = "5" * 64

    def end() -> None:
        with store.changing(world.settings, "web01") as known:
            known.notes.pop("rehearsal")

    seen = {"sha256": "5" * 64}
    critical = findings.Severity.CRITICAL
    world.found = [findings.finding("web01", "upload.code", critical, "file", "/var/www/r.php", evidence=seen)]
    world.meanwhile = begin
    (alert,) = world.round().raised
    assert alert.sight.title == rehearsal.TITLE
    world.meanwhile = end
    world.round(full=True)
    assert "rehearsal" not in store.load(world.settings, "web01").notes


def test_what_a_log_showed_has_happened_and_does_not_go_away(world: World) -> None:
    """The next round reads other lines: an alert that went away with them would tell nobody."""
    guessed = Sight("ab12", "web01", "logs", "log.guessed", "critical", "x", "198.51.100.66: /wp-login.php (40 ×)")
    world.logged = [guessed]
    assert [one.sight for one in world.round().raised] == [guessed]
    assert "198.51.100.66" in world.sent[0]
    world.logged = []
    world.round(full=True)
    alert = store.load(world.settings, "web01").alerts["ab12"]
    assert (alert.open, alert.gone) == (True, "")
