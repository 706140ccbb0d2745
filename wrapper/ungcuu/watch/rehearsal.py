"""A rehearsal of the watch: a harmless file is planted, and its alert has to arrive. Silence is an alert of its own.

plant the file → wait until a round has raised its alert, and each address took it → remove the file, acknowledge

The rehearsal starts no round: what is tried is the watch as it runs, with its timer, its scan and its addresses. The
alert is called a rehearsal only while the content is the planted one.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ungcuu.core.clock import format_time, now, parse_time
from ungcuu.core.errors import StepFailed
from ungcuu.core.i18n import N_, _
from ungcuu.core.settings import Settings
from ungcuu.core.terminal import clean
from ungcuu.hosts import ssh
from ungcuu.hosts.remote_program import run_program
from ungcuu.watch import alerts, store
from ungcuu.watch.alerts import Alert, Sight
from ungcuu.watch.choices import Choices
from ungcuu.watch.sights import digest

TITLE = N_("REHEARSAL: a harmless file that ungcuu planted to try the watch; nothing needs to be done")
SILENT = N_("a rehearsal planted a file, and the watch raised no alert or reached nobody in time")
_SECONDS, _ANSWER, _POLL = 20, 4096, 3.0  # the first twice at most: who interrupts it waits for the removal


@dataclass(frozen=True)
class Planted:
    """One planted file. ``below`` the website's folder ``root``."""

    host: str
    root: str
    below: str
    name: str = field(default_factory=lambda: f"ungcuu-rehearsal-{secrets.token_hex(6)}.php")
    time: str = field(default_factory=now)

    @property
    def path(self) -> str:
        """Where it stands on the host."""
        return posixpath.join(self.root, self.below.strip("/"), self.name)

    @property
    def content(self) -> str:
        """What stands in it: a value that is given back to nobody. A scan passes over a file of comments alone."""
        return f"<?php return '{self.name}'; // ungcuu watch rehearse, {self.time}: it does nothing\n"

    @property
    def sum(self) -> str:
        """By what a round knows it again: the content holds a name that nobody can guess."""
        return hashlib.sha256(self.content.encode()).hexdigest()


def place(host: str, known: Mapping[str, Any]) -> Planted:
    """Return where a file is planted: in the first folder for uploads, else in the website's own."""
    writable = known.get("website_writable_paths") or [""]
    return Planted(host, str(known["website_root"]), str(writable[0]))


def ask(target: ssh.Target, do: str, planted: Planted) -> str:
    """Plant or remove the file; return what was done.

    Raises:
        StepFailed: It could not be done, or the host did not answer as expected.
        Undetermined: The connection was lost midway.
    """
    config = {"do": do, "root": planted.root, "below": planted.below, "name": planted.name, "content": planted.content}
    raw = run_program(target, "rehearsal", config, _SECONDS, _ANSWER, changes=True)
    try:
        answer = json.loads(raw)
        done, why = str(answer["done"]), clean(str(answer["why"]), 200)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        done, why = "failed", type(error).__name__
    if done not in ("planted", "removed", "gone"):
        raise StepFailed(
            _("{host}: the file of the rehearsal, {path}: {why}").format(
                host=planted.host, path=planted.path, why=why or done
            ),
            _("Nothing else was changed on it."),
            f"ungcuu scan {planted.host}",
        )
    return done


def named(sight: Sight, row: Mapping[str, Any], planted: str) -> Sight:
    """Return the sight of a finding, called a rehearsal where its content is the planted one."""
    evidence = row.get("evidence")
    content = evidence.get("sha256") if isinstance(evidence, Mapping) else None
    return replace(sight, title=TITLE) if planted and content == planted else sight


@dataclass(frozen=True)
class Outcome:
    """What became of a rehearsal: after how many seconds the alert was raised, and the last address took it."""

    raised: float | None = None
    delivered: float | None = None
    alert: str = ""

    def good(self, choices: Choices) -> bool:
        """Whether the alert was raised, and reached somebody where somebody is to be reached."""
        return self.raised is not None and (not choices.targets or self.delivered is not None)


def seen(settings: Settings, planted: Planted, choices: Choices) -> Outcome:
    """Return what the watch has made of the file so far; where several alerts name it, of one that was delivered."""
    wanted = {f"main/{number}" for number in range(1, len(choices.targets) + 1)}
    found = []
    for alert in _of(planted, store.load(settings, planted.host).alerts.values()):
        took = max((alert.delivered[one] for one in wanted), default="") if wanted <= alert.delivered.keys() else ""
        delivered = _after(planted, took) if took else None
        found.append(Outcome(_after(planted, alert.raised), delivered, alert.sight.id))
    return next((one for one in found if one.delivered is not None), found[0] if found else Outcome())


def _of(planted: Planted, known: Iterable[Alert]) -> list[Alert]:
    """The alerts of one planted file: each website of a host that sees it may raise its own."""
    return [one for one in known if one.sight.title == TITLE and posixpath.basename(one.sight.place) == planted.name]


def _after(planted: Planted, moment: str) -> float:
    return round((parse_time(moment) - parse_time(planted.time)).total_seconds(), 1)


def wait(
    settings: Settings,
    planted: Planted,
    choices: Choices,
    until: float,
    sleep: Callable[[float], object] = time.sleep,
) -> Outcome:
    """Wait until the alert has arrived, at most until this time of the monotonic clock."""
    while not (outcome := seen(settings, planted, choices)).good(choices) and time.monotonic() < until:
        sleep(_POLL)
    return outcome


def keep(settings: Settings, planted: Planted, outcome: Outcome, choices: Choices, by: str) -> list[Alert]:
    """Acknowledge the alert of a rehearsal, raise one of a rehearsal that nobody noticed; return what was raised."""
    moment = format_time(datetime.now(UTC))
    key = digest("watch.rehearsal", planted.host)
    silent = Sight(key, planted.host, "rehearsal", "watch.rehearsal", "high", SILENT, planted.path)
    silent = replace(silent, command=f"ungcuu watch report {planted.host}", mark=moment)
    with store.changing(settings, planted.host) as known:
        rows = [] if outcome.good(choices) else [silent]
        known.alerts, raised = alerts.merge(known.alerts, rows, {"rehearsal"}, moment)
        known.notes.pop("rehearsal", None)
        for alert in _of(planted, known.alerts.values()):
            known.alerts[alert.sight.id] = alerts.acknowledge(alert, by, "rehearsal", False, moment)
    return raised
