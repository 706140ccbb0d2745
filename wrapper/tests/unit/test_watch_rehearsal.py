"""A rehearsal: the planted file is noticed, called what it is, and taken away; a watch that is silent is an alert."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from watched_site import World, world

from ungcuu.cli import registry
from ungcuu.core.errors import InventoryError, Outcome, Refused, StepFailed
from ungcuu.core.settings import Settings
from ungcuu.core.terminal import Screen
from ungcuu.detect import heuristics
from ungcuu.detect.findings import Severity, finding
from ungcuu.hosts.remote_program import program
from ungcuu.hosts.site import Site
from ungcuu.hosts.ssh import Target
from ungcuu.run.verb import Context, Result
from ungcuu.watch import alerts, rehearsal, store
from ungcuu.watch import round as rounds
from ungcuu.watch.alerts import Alert, Sight
from ungcuu.watch.choices import Choices
from ungcuu.watch.message import compose
from ungcuu.watch.outside.look import View

__all__ = ["world"]

FACTS = {"website_root": "/var/www/portal", "website_writable_paths": ["uploads"]}
CHOICES = Choices(targets=("json://x",), language="en")
FOUND = Sight("ab", "web01", "scan", "upload.code", "critical", "program code", "/var/www/portal/uploads/x.php")


def planted() -> rehearsal.Planted:
    return rehearsal.place("web01", FACTS)


def host(one: rehearsal.Planted, do: str) -> dict[str, Any]:
    """The real program, on folders of the test."""
    config = {"do": do, "root": one.root, "below": one.below, "name": one.name, "content": one.content}
    feed = program("rehearsal", config)
    done = subprocess.run([sys.executable, "-I", "-S", "-B", "-"], input=feed, capture_output=True, check=True)
    return dict(json.loads(done.stdout))


@pytest.fixture
def there(tmp_path: Path) -> rehearsal.Planted:
    (tmp_path / "web/uploads").mkdir(parents=True)
    return replace(planted(), root=str(tmp_path / "web"))


@pytest.mark.skipif(os.geteuid() != 0, reason="the file has to be root's")
def test_the_file_is_roots_alone_and_goes_away(there: rehearsal.Planted) -> None:
    """A planted program that visitors could call would be no harmless one."""
    assert host(there, "plant")["done"] == "planted"
    about = Path(there.path).stat()
    assert (about.st_mode & 0o777, about.st_uid) == (0o600, 0)
    assert host(there, "plant")["done"] == "failed", "what stands there is never replaced"
    assert host(there, "remove")["done"] == "removed"
    assert not Path(there.path).exists()
    assert host(there, "remove")["done"] == "gone"


@pytest.mark.skipif(os.geteuid() != 0, reason="the file has to be root's")
@pytest.mark.parametrize("what", ["content", "owner", "link"])
def test_another_file_is_never_removed(there: rehearsal.Planted, what: str) -> None:
    """The website's account owns the folder, and may put what it likes there: seen failing without the comparison."""
    host(there, "plant")
    path = Path(there.path)
    if what == "content":
        path.write_text(there.content + "more")
    elif what == "owner":
        os.chown(path, 65534, 65534)
    else:
        path.rename(path.with_name("moved"))
        path.symlink_to("moved")
    assert host(there, "remove")["done"] in ("another", "failed")
    assert path.is_symlink() or path.exists()


def test_no_link_leads_elsewhere(there: rehearsal.Planted, tmp_path: Path) -> None:
    """Root would otherwise write where the website's account wants it: seen failing without O_NOFOLLOW."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "web/uploads").rmdir()
    (tmp_path / "web/uploads").symlink_to(tmp_path / "elsewhere")
    assert host(there, "plant")["done"] == "failed"
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_what_is_planted_is_code_to_a_scan() -> None:
    """Seen failing with a comment alone, which a scan rightly passes over: each rehearsal would have been silent."""
    assert not heuristics.only_remarks(planted().content.encode())


def test_a_finding_is_called_a_rehearsal_by_its_content_alone() -> None:
    one = planted()
    assert one.path.startswith("/var/www/portal/uploads/ungcuu-rehearsal-")
    row = {"evidence": {"sha256": one.sum}}
    assert rehearsal.named(FOUND, row, one.sum).title == rehearsal.TITLE
    for other in ({"evidence": {"sha256": "0" * 64}}, {"evidence": {}}, {}):
        assert rehearsal.named(replace(FOUND, place=one.path), other, one.sum).title == FOUND.title
    assert rehearsal.named(FOUND, {"evidence": {"sha256": ""}}, "").title == FOUND.title


def test_a_real_finding_does_not_stand_below_the_title_of_a_rehearsal() -> None:
    """Seen failing with groups made of severity and rule: the message called both a rehearsal."""
    moment = "2026-11-28T12:00:00.000Z"
    trial = Alert(replace(FOUND, id="cd", title=rehearsal.TITLE, place="/a"), moment)
    text = compose("web01", [trial, Alert(FOUND, moment)], "main").text
    assert text.index("REHEARSAL") < text.index("/a") < text.index("program code") < text.index("x.php")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, tmp_path, "an")


def raise_alert(settings: Settings, one: rehearsal.Planted, delivered: bool) -> None:
    sight = replace(FOUND, title=rehearsal.TITLE, place=one.path)
    with store.changing(settings, "web01") as known:
        known.alerts, _raised = alerts.merge(known.alerts, [sight], {"scan"}, one.time)
        if delivered:
            known.alerts["ab"] = replace(known.alerts["ab"], delivered={"main/1": one.time})


def test_an_alert_that_arrived_is_acknowledged(settings: Settings) -> None:
    one = planted()
    raise_alert(settings, one, delivered=True)
    outcome = rehearsal.wait(settings, one, CHOICES, time.monotonic() + 9)
    assert outcome == rehearsal.Outcome(0.0, 0.0, "ab")
    assert rehearsal.keep(settings, one, outcome, CHOICES, "an") == []
    known = store.load(settings, "web01")
    assert (known.alerts["ab"].by, known.open()) == ("an", [])


@pytest.mark.parametrize("raised", [True, False])
def test_silence_is_an_alert(settings: Settings, raised: bool) -> None:
    """Not raised, or raised and taken by nobody: a rehearsal that is content with either proves nothing."""
    one = planted()
    if raised:
        raise_alert(settings, one, delivered=False)
    outcome = rehearsal.wait(settings, one, CHOICES, time.monotonic() + 0.05, sleep=lambda _seconds: time.sleep(0.02))
    assert not outcome.good(CHOICES)
    assert outcome.good(Choices()) is raised, "where nobody is to be notified, the alert alone counts"
    (silent,) = rehearsal.keep(settings, one, outcome, CHOICES, "an")
    assert (silent.sight.rule, silent.sight.severity) == ("watch.rehearsal", "high")
    assert "seen by this controller" in compose("web01", [silent], "main").text
    rehearsal.keep(settings, one, rehearsal.Outcome(1.0, 1.0, ""), CHOICES, "an")
    assert store.load(settings, "web01").alerts[silent.sight.id].gone, "the next good one ends it"


def rehearsed(world: World, monkeypatch: pytest.MonkeyPatch, **facts: Any) -> tuple[Result, list[str]]:
    """Rehearse at a host with these facts: what is planted is found by each scan of the next round."""
    monkeypatch.setattr(rounds, "look", lambda *_words: View(whole=True))
    world.facts = {"watch_targets": ["json://x"], **facts}
    paths: list[str] = []

    def ask(_target: Target, do: str, one: rehearsal.Planted) -> str:
        if do == "plant":
            paths.append(one.path)
            evidence = {"sha256": one.sum}
            world.found = [finding("web01", "upload.code", Severity.CRITICAL, "file", one.path, evidence=evidence)]
            world.round(full=True)
        return {"plant": "planted", "remove": "removed"}[do]

    monkeypatch.setattr(rehearsal, "ask", ask)
    verb = registry.find_verb(["watch", "rehearse"])
    context = Context(world.settings, verb, Screen(io.StringIO()), hosts=("web01",), options={"within": 1})
    site = Site(world.settings.state, world.settings, {"web01": world.facts}, {"website": ("web01",)})
    context.__dict__["site"] = site
    assert verb.preflight is not None and verb.run is not None
    verb.preflight(context)
    return verb.run(context), paths


LISTED = {
    "website_health_path": "/",
    "website_health_text": "x",
    "website_writable_paths": ["uploads"],
}


def test_a_host_with_several_websites_is_rehearsed_at_the_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen failing: it was refused, and with it the weekly rehearsal of every other host of the group."""
    several = [
        {"name": name, "website_name": f"{name}.vn", "website_root": f"/srv/{name}", "website_user": name, **LISTED}
        for name in ("portal", "intranet")
    ]
    done, (path,) = rehearsed(world, monkeypatch, websites=several)
    assert path.startswith("/srv/portal/uploads/")
    assert done.outcome is Outcome.DONE, done.message
    known = store.load(world.settings, "web01")
    assert [one.sight.host for one in known.alerts.values()] == ["web01/portal"] and not known.open()


@pytest.mark.parametrize("facts", [{"websites": [{"name": "portal"}]}, {"websites": [], "website_root": ""}])
def test_a_host_without_a_website_that_is_described_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any]
) -> None:
    with pytest.raises((InventoryError, Refused)):
        rehearsed(world, monkeypatch, **facts)


def test_each_alert_of_one_planted_file_is_acknowledged(settings: Settings) -> None:
    """Seen failing: another website's scan may name the same file by another rule, and somebody was left with it."""
    one = planted()
    raise_alert(settings, one, delivered=False)
    other = replace(FOUND, id="cd", host="web01/b", rule="web.code-added", title=rehearsal.TITLE, place=one.path)
    with store.changing(settings, "web01") as known:
        known.alerts["cd"] = Alert(other, one.time, delivered={"main/1": one.time})
    outcome = rehearsal.seen(settings, one, CHOICES)
    assert outcome == rehearsal.Outcome(0.0, 0.0, "cd")
    rehearsal.keep(settings, one, outcome, CHOICES, "an")
    assert store.load(settings, "web01").open() == []


@pytest.mark.parametrize("answer", [b"[" * 4000, b"[]", b"", b'{"done": "x", "why": ""}'])
def test_an_answer_of_another_form_is_a_failed_step(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A nested one was an internal error of ungcuu."""
    monkeypatch.setattr(rehearsal, "run_program", lambda *_, **_more: answer)
    with pytest.raises(StepFailed):
        rehearsal.ask(Target("web01", "192.0.2.1"), "plant", rehearsal.Planted("web01", "/var/www", "x"))
