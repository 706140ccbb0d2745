"""A round: one alert for what is new, silence for nobody, and no word about what was not looked at."""

from __future__ import annotations

import io
import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from ungcuu.case.journal import read_records
from ungcuu.cli import main, registry
from ungcuu.core.clock import format_time
from ungcuu.core.errors import Exit, Outcome, Refused, StepFailed, Unreachable, UsageFault
from ungcuu.core.settings import Settings
from ungcuu.core.terminal import Screen
from ungcuu.detect import findings
from ungcuu.hosts.site import Site
from ungcuu.run import locks
from ungcuu.run.ledger import open_ledger
from ungcuu.run.tally import HostResult, RunResult
from ungcuu.run.verb import Context, Verb
from ungcuu.watch import health, history, packages, quick_look, rehearsal, store
from ungcuu.watch import round as rounds
from ungcuu.watch.alerts import Sight
from ungcuu.watch.delivery import Delivery
from ungcuu.watch.explained import Work
from ungcuu.watch.logs.look import LogView
from ungcuu.watch.outside.look import View
from ungcuu.watch.ping import ping

FOUND = findings.finding(
    "web01", "upload.code", findings.Severity.CRITICAL, "file", "/var/www/x.php", evidence={"ctime": 1795887151}
)


EXPLAINED = [
    (findings.Severity.MEDIUM, "DONE", True),
    (findings.Severity.MEDIUM, "NOT DONE", False),
    (findings.Severity.HIGH, "DONE", False),
]


class World:
    """A host whose folders, findings and reach a test sets; the controller's side is the real one."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings = Settings(folder, folder, "an")
        self.folders, self.found, self.scans = {"/etc": "1"}, list[findings.Finding](), 0
        self.lost, self.sent = False, list[str]()
        self.roots, self.scanned = list[list[str]](), list[str]()
        self.took, self.fails, self.facts = True, False, dict[str, Any]()
        self.complete = True
        self.logged, self.meanwhile = list[Sight](), lambda: None
        self.packages = list[Work]()
        monkeypatch.setattr(quick_look, "look", self.look)
        monkeypatch.setattr(rounds.packages, "work", lambda *_words: self.packages)
        monkeypatch.setattr(rounds, "look_at_logs", lambda *_words: LogView(list(self.logged), 3))
        monkeypatch.setattr(rounds.notice.dispatch, "__defaults__", (self.send, None))

    def look(self, _target: object, roots: list[str], _known: object) -> quick_look.Marks:
        self.roots.append(roots)
        if self.lost:
            raise Unreachable("web01 could not be reached: \x1b[31mtimed out")
        return quick_look.Marks(dict(self.folders))

    def send(self, _address: str, message: Any) -> Delivery:
        self.sent.append(message.text)
        return Delivery("json", "" if self.took else "refused")

    def play(self, context: Context, playbook: str, _more: object, hosts: tuple[str, ...], **_: object) -> RunResult:
        assert playbook == "scan"
        if self.fails:
            return RunResult("scan", Outcome.NOT_DONE, {})
        self.scans += 1
        self.meanwhile()
        self.scanned.append(context.name_of("web01"))
        path = self.settings.host_dir(self.scanned[-1]) / "findings.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [one.document() for one in self.found]
        path.write_text(json.dumps({"findings": rows, "complete": self.complete}))
        return RunResult("scan", Outcome.DONE, {host: HostResult(Outcome.DONE) for host in hosts})

    def round(self, **options: Any) -> rounds.Round:
        facts = {"watch_targets": ["json://x"], "website_root": "/var/www", **self.facts}
        verb = registry.find_verb(["watch", "round"])
        context = Context(self.settings, verb, Screen(io.StringIO()), hosts=("web01",), options={"full": False})
        context.__dict__["site"] = Site(self.settings.state, self.settings, {"web01": facts}, {"website": ("web01",)})
        context.play = self.play
        return rounds.go(context, "web01", **options)

    def journal(self, kind: str) -> list[Mapping[str, Any]]:
        folder = self.settings.operations
        return [record.data for record in read_records(folder) if record.kind == kind]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


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


@pytest.mark.parametrize(("severity", "outcome", "explained"), EXPLAINED)
def test_what_a_run_of_ours_changed_is_listed_and_alarms_nobody(
    world: World, severity: findings.Severity, outcome: str, explained: bool
) -> None:
    """A grave finding always reaches a person, whatever ran then: seen failing without the look at GRAVE."""
    ledger, _cases = open_ledger(world.settings, ("web01",), None, False, lambda _text: None)
    about = {"run": "r1", "verb": "patch", "hosts": ["web01"]}
    ledger.append("run_started", about)
    changed = int(datetime.now(UTC).timestamp())
    ledger.append("run_finished", {**about, "outcome": outcome, "outcomes": {"web01": outcome}})
    world.found = [findings.finding("web01", "upload.code", severity, "file", "/x", evidence={"ctime": changed})]
    (alert,) = world.round().raised
    assert bool(alert.sight.explained) is explained
    assert (world.sent == []) is explained
    assert alert.sight.id in store.load(world.settings, "web01").alerts


DPKG = """+0700
2026-11-28 03:00:00 startup archives unpack
2026-11-28 03:00:01 upgrade nginx:amd64 1.22.1-9 1.22.1-9+deb12u3
2026-11-28 03:00:05 status installed nginx:amd64 1.22.1-9+deb12u3
2026-11-28 09:30:00 install \x1b[31m evil 1
2026-11-28 09:30:00 configure tree:amd64 2.1 <none>
2026-11-28 25:30:00 install tree:amd64 <none> 2.1
2026-11-28 12:00:00 install tree:amd64 <none> 2.1
"""


def test_the_log_of_dpkg_is_read_with_its_zone_and_whatever_stands_there() -> None:
    first, second = packages.parse(DPKG)
    assert (first.name, second.name) == ("dpkg 28/11/2026 03:00 +0700: nginx", "dpkg 28/11/2026 12:00 +0700: tree")
    assert format_time(first.begun) == "2026-11-27T20:00:00.000Z"
    assert list(packages.parse("nonsense")) == []


@pytest.mark.parametrize(
    ("path", "explained"), [("/usr/bin/tree", True), ("/var/www/tree", False), ("/home/an/.ssh/rc", False)]
)
def test_a_package_explains_what_packages_bring(world: World, path: str, explained: bool) -> None:
    """A root that has gone can write that log: it must explain nothing of the website, and nothing grave."""
    now = datetime.now(UTC)
    world.packages = [Work("dpkg: tree", now - timedelta(minutes=1), now, never=("/var/www/", "/home/"))]
    seen = {"ctime": int(now.timestamp()) - 30}
    medium, critical = findings.Severity.MEDIUM, findings.Severity.CRITICAL
    world.found = [
        findings.finding("web01", rule, severity, "file", path, evidence=seen)
        for rule, severity in (("upload.program", medium), ("upload.code", critical))
    ]
    raised = {one.sight.severity: bool(one.sight.explained) for one in world.round().raised}
    assert raised == {"medium": explained, "critical": False}


MEDIUM, HIGH, CRITICAL = findings.Severity.MEDIUM, findings.Severity.HIGH, findings.Severity.CRITICAL
DEPLOYED = [
    (("web.changed", MEDIUM, "/var/www/theme.php"), 0, True),
    (("web.code-added", HIGH, "/var/www/theme.php"), 0, True),
    (("web.code-added", CRITICAL, "/var/www/theme.php"), 0, False),
    (("upload.program", HIGH, "/var/www/theme.php"), 0, False),
    (("web.changed", MEDIUM, "/etc/passwd"), 0, False),
    (("web.changed", MEDIUM, "/var/www/theme.php"), 60, False),
]


@pytest.mark.parametrize(("what", "before", "explained"), DEPLOYED)
def test_an_announced_deployment_explains_the_website_in_its_time(
    world: World, what: tuple[str, findings.Severity, str], before: int, explained: bool
) -> None:
    """Seen failing without ``below``: who announces a theme does not announce an account."""
    verb = registry.find_verb(["watch", "deployment"])
    ledger, _cases = open_ledger(world.settings, ("web01",), None, False, lambda _text: None)
    options = {"minutes": 30}
    context = Context(
        world.settings, verb, Screen(io.StringIO()), hosts=("web01",), options=options, reason="a theme", journal=ledger
    )
    assert verb.run is not None
    verb.run(context)
    seen = {"ctime": int(datetime.now(UTC).timestamp()) - before}
    rule, severity, path = what
    world.found = [findings.finding("web01", rule, severity, "file", path, evidence=seen)]
    (alert,) = world.round().raised
    assert ("a theme" in alert.sight.explained) is explained


def test_a_deployment_without_end_or_reason_is_refused(world: World) -> None:
    verb = registry.find_verb(["watch", "deployment"])
    for minutes in (0, 481):
        with pytest.raises(UsageFault):
            registry_check(world, verb, minutes)
    context = Context(world.settings, verb, Screen(io.StringIO()), hosts=("web01",), options={"minutes": 5})
    assert verb.preflight is not None
    with pytest.raises(Refused):
        verb.preflight(context)


def registry_check(world: World, verb: Verb, minutes: int) -> None:
    assert verb.check is not None
    verb.check(Context(world.settings, verb, Screen(io.StringIO()), hosts=("web01",), options={"minutes": minutes}))


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


def marks(tree: Path, *excluded: str) -> Mapping[str, str]:
    feed = resources.files("ungcuu.remote").joinpath("tree_marks.sh").read_bytes()
    command = quick_look.arguments([f"{tree.parent}/t*", f"{tree}/a"], excluded)
    done = subprocess.run(command, input=feed, capture_output=True, check=True)
    return quick_look.parse("web01", done.stdout).folders


@pytest.mark.parametrize("what", ["content", "new", "mode", "renamed", "link", "deep"])
def test_every_kind_of_change_changes_the_mark(tmp_path: Path, what: str) -> None:
    """Content with its old time set back too: `ctime` shows it. Seen failing without `st_ctime_ns` in the line."""
    tree = tmp_path / "tree"
    (tree / "a/b").mkdir(parents=True)
    file = tree / "a/file"
    file.write_text("one")
    before = marks(tree)
    assert marks(tree) == before
    if what == "content":
        stood = file.stat()
        file.write_text("two")
        os.utime(file, ns=(stood.st_atime_ns, stood.st_mtime_ns))
    elif what == "new":
        (tree / "a/new").touch()
    elif what == "mode":
        file.chmod(0o4755)
    elif what == "renamed":
        file.rename(tree / "a/other")
    elif what == "link":
        (tree / "a/b").rmdir()
        (tree / "a/b").symlink_to("/etc")
    else:
        (tree / "a/b/\udcff").write_text("x")
    assert marks(tree) != before


def test_an_answer_of_another_form_is_refused() -> None:
    sum_ = b"a" * 64 + b"  -"
    for odd in (b"", b"[]", b"0\n" + sum_ + b"\n/etc", b"0\nx\n/etc\0", b"\0", b"0\n" + sum_ + b"\n/etc\0rest"):
        with pytest.raises(StepFailed):
            quick_look.parse("web01", odd)
    half = quick_look.parse("web01", b"124\n" + sum_ + b"\n/etc\0" + b"0\n" + sum_ + b"\n/boot\0")
    assert half.changed({"/etc": "a" * 32, "/boot": "a" * 32}) == ["/etc"]


def test_what_is_excluded_does_not_change_the_mark_and_its_like_does(tmp_path: Path) -> None:
    """A path with the signs of a pattern is that path alone."""
    for name in ("tree/a/c[x]", "tree/a/cx"):
        (tmp_path / name).mkdir(parents=True)
    odd = str(tmp_path / "tree/a/c[x]")
    before = marks(tmp_path / "tree", odd)
    assert set(before) == {str(tmp_path / "tree"), str(tmp_path / "tree/a")}
    (tmp_path / "tree/a/c[x]/new").touch()
    assert marks(tmp_path / "tree", odd) == before
    (tmp_path / "tree/a/cx/new").touch()
    assert marks(tmp_path / "tree", odd) != before


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302 if "moved" in self.path else 200)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_the_ping_is_one_request_and_follows_nobody(listener: tuple[str, list[str]]) -> None:
    address, asked = listener
    assert ping(f"{address}/token")
    assert not ping(f"{address}/moved")
    assert not ping("http://127.0.0.1:9/")
    assert asked == ["/token", "/moved"]
