"""What explains a change that the watch sees: a run of ours, a package, an announced deployment."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from watched_site import CRITICAL, HIGH, MEDIUM, World, world

from ungcuu.cli import registry
from ungcuu.core.clock import format_time
from ungcuu.core.errors import Refused, UsageFault
from ungcuu.core.terminal import Screen
from ungcuu.detect import findings
from ungcuu.run.ledger import open_ledger
from ungcuu.run.verb import Context, Verb
from ungcuu.watch import packages, store
from ungcuu.watch.explained import Work

__all__ = ["world"]


EXPLAINED = [
    (findings.Severity.MEDIUM, "DONE", True),
    (findings.Severity.MEDIUM, "NOT DONE", False),
    (findings.Severity.HIGH, "DONE", False),
]


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


@pytest.mark.parametrize(
    ("outcomes", "explained"),
    [
        ({"web01/portal": "DONE"}, True),
        ({"web01/portal": "DONE", "web01/intranet": "DONE"}, True),
        ({"web01/portal": "DONE", "web01/intranet": "NOT DONE"}, False),
        ({"web01/portal": "DONE", "web02": "NOT DONE"}, True),
        ({"web02/portal": "DONE"}, False),
        ({"web010/portal": "DONE"}, False),
    ],
)
def test_a_run_about_one_website_explains_what_changed_on_its_host(
    world: World, outcomes: dict[str, str], *, explained: bool
) -> None:
    """Seen failing: the machine's name was looked for, so each restore of one website raised alerts of itself."""
    ledger, _cases = open_ledger(world.settings, ("web01",), None, False, lambda _text: None)
    about = {"run": "r1", "verb": "restore", "hosts": list(outcomes)}
    ledger.append("run_started", about)
    changed = int(datetime.now(UTC).timestamp())
    ledger.append("run_finished", {**about, "outcome": "DONE", "outcomes": outcomes})
    world.found = [findings.finding("web01", "web.changed", MEDIUM, "file", "/x", evidence={"ctime": changed})]
    (alert,) = world.round().raised
    assert bool(alert.sight.explained) is explained


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
