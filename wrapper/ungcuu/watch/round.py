"""One round at one host: look, raise what is new, notify, write down what was looked at and what was not.

quick look (one SSH session, names and times alone) → full scan, when anything changed or the last one is old → new
lines of access logs → pages as strangers get them → alerts → journal → notification → the round's own row

A host that another run of ungcuu holds is left alone: what is half changed is no finding. What a round did not look at
stays as it is; only a whole look may say that something has gone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ungcuu.case.host_past import HostPast
from ungcuu.core.atomic import held, make_private
from ungcuu.core.clock import format_time, now, parse_time
from ungcuu.core.errors import InventoryError, Locked, UngcuuError
from ungcuu.core.i18n import _
from ungcuu.core.settings import Settings
from ungcuu.hosts import ssh
from ungcuu.run import locks, website_runs
from ungcuu.run.ledger import Recorder, open_ledger
from ungcuu.run.verb import Context
from ungcuu.watch import alerts, notice, packages, quick_look, sights, store
from ungcuu.watch.alerts import Alert, Sight
from ungcuu.watch.choices import Choices, from_facts
from ungcuu.watch.explained import explain, needed, own_times
from ungcuu.watch.logs.look import LogView
from ungcuu.watch.logs.look import look as look_at_logs
from ungcuu.watch.outside import appearance
from ungcuu.watch.outside.asking import Site
from ungcuu.watch.outside.look import View, look, site_of, together
from ungcuu.watch.rehearsal import named

FULL_EVERY = timedelta(hours=1)  # database, accounts and processes have no marks: a full scan looks at them
BLIND_AFTER = 2
_PICTURE = "picture "  # and the website: what its last picture showed, in the notes


@dataclass
class Round:
    """What one round did. ``looked``: the sources of alerts that were looked at whole. ``why`` it could not look.

    ``partly``: the host was scanned, and did not report everything; the next round scans again. ``accepted``: what a
    person accepted for as long as today, which raises no alert. ``answering``: the websites that gave a page.
    """

    host: str
    begun: str = field(default_factory=now)
    busy: str = ""
    why: str = ""
    changed: list[str] = field(default_factory=list)
    folders: int = 0
    looked: set[str] = field(default_factory=set)
    partly: bool = False
    accepted: list[dict[str, Any]] = field(default_factory=list)
    logs: LogView | None = None
    outside: View | None = None
    answering: list[tuple[str, Site]] = field(default_factory=list)
    seen: list[Sight] = field(default_factory=list)
    raised: list[Alert] = field(default_factory=list)
    sent: list[notice.Sent] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def full(self) -> bool:
        """Whether the host was scanned."""
        return "scan" in self.looked

    @property
    def undelivered(self) -> int:
        """How many messages were not taken by their address."""
        return sum(not row.delivery.ok for row in self.sent)

    def row(self) -> dict[str, Any]:
        """Return it as the file of the watch keeps it."""
        return {
            "time": self.begun,
            "seconds": self.seconds,
            "busy": bool(self.busy),
            "why": self.why,
            "changed": len(self.changed),
            "full": self.full,
            "looked": sorted(self.looked),
            "raised": len(self.raised),
            "undelivered": self.undelivered,
        }


def go(context: Context, host: str, *, full: bool = False) -> Round:
    """Do one round.

    Raises:
        Locked: Another round at this host is under way.
        ControllerFault, JournalError: This controller can't keep what is found.
    """
    folder = make_private(context.settings.host_dir(host))
    try:
        with held(folder / "watch.round", 0.2):
            return _go(context, host, full)
    except TimeoutError as error:
        raise Locked(
            _("Another round at {host} is under way.").format(host=host),
            _("Nothing was looked at by this one."),
            f"ungcuu watch round {host}",
        ) from error


def _go(context: Context, host: str, full: bool) -> Round:
    begun, this = time.monotonic(), Round(host)
    notes = store.load(context.settings, host).notes
    notes.pop("rehearsal", None)  # not this round's to keep: it may end meanwhile
    if holder := locks.holder(context.settings, host):
        this.busy = str(holder.get("verb") or "?")
    else:
        try:
            with ExitStack() as stack:
                parts = website_runs.each_of(context, host, stack)
                _look(parts, this, notes, full)
                _look_at_logs(parts, this, notes)
                _look_from_outside(parts, this, notes)
        except InventoryError as error:
            this.why = error.what
            _note_blindness(this, notes)
    this.seconds = round(time.monotonic() - begun, 2)
    ledger, _cases = open_ledger(context.settings, (host,), None, False, lambda text: context.out.line(text, "warn"))
    _keep(context, this, notes, ledger)
    choices = from_facts(context.site.variables(host))
    _notify(context, this, choices, ledger)
    with store.changing(context.settings, host) as known:
        known.rounds.append(this.row())
    _take_pictures(context.settings, this)
    return this


def _take_pictures(settings: Settings, this: Round) -> None:
    """Look at the pages of the websites where that is due; the next round says what was seen."""
    for name, site in this.answering:
        kept = store.load(settings, this.host).notes.get(_PICTURE + name) or {}
        found = appearance.look(settings, name, site, kept)
        with store.changing(settings, this.host) as known:
            known.notes[_PICTURE + name] = found


def _look(parts: Sequence[Context], this: Round, notes: dict[str, Any], full: bool) -> None:
    """Look at the host; what keeps it from being looked at is written down and ends nothing.

    ``parts``: one context for each of its websites, where it has several.
    """
    context = parts[0]
    known = [one.site.variables(this.host) for one in parts]
    try:
        roots = [str(variables.get("website_root") or "/var/www") for variables in known]
        marks = quick_look.look(context.target(this.host), roots, known[0])
        this.changed, this.folders = marks.changed(notes.get("marks") or {}), len(marks.folders)
        if full or this.changed or _old(notes):
            _scan(parts, this)
            if this.full:
                notes |= {"marks": dict(marks.folders), "full": this.begun}
    except UngcuuError as error:
        this.why = error.what
    _note_blindness(this, notes)


def _note_blindness(this: Round, notes: dict[str, Any]) -> None:
    """Twice in a row without a look is an alert of its own."""
    notes["failed"] = int(notes.get("failed") or 0) + 1 if this.why else 0
    if not this.why:
        this.looked.add("watch")
    elif notes["failed"] >= BLIND_AFTER:
        this.looked.add("watch")
        this.seen.append(sights.blind(this.host, this.why))


def _look_at_logs(parts: Sequence[Context], this: Round, notes: dict[str, Any]) -> None:
    """Read what is new in the logs. What they show has happened: no later look may say that it has gone."""
    if this.why:
        return
    this.logs = LogView()
    own = own_times(parts[0].settings.state, this.host)
    for context in parts:
        name = context.name_of(this.host)
        kept = notes if name == this.host else notes.setdefault(f"logs {name}", {})
        try:
            view = look_at_logs(context.target(this.host), context.site.variables(this.host), kept, own)
        except UngcuuError as error:
            view = LogView(unseen=[_("access logs: {why}").format(why=error.what)])
        this.logs.sights += view.sights
        this.logs.lines = max(this.logs.lines, view.lines)  # each website's rules read the same logs
        this.logs.unseen += [text for text in view.unseen if text not in this.logs.unseen]
    this.seen += this.logs.sights


def _look_from_outside(parts: Sequence[Context], this: Round, notes: dict[str, Any]) -> None:
    """Ask for pages as strangers do. A host that is isolated answers nobody, and is not looked at."""
    found = [(one, site_of(one.site.variables(this.host), this.host)) for one in parts]
    sites = [(one, site) for one, site in found if site is not None]
    if not sites:
        return
    if HostPast(parts[0].settings.state, this.host).isolation_mode():
        this.outside = View(why=_("the host is isolated"))
        return
    views = [_view(one, this.host, site, notes) for one, site in sites]
    answering = (not view.why and all(sight.rule != "outside.silent" for sight in view.sights) for view in views)
    this.answering = [
        (one.name_of(this.host), site) for (one, site), good in zip(sites, answering, strict=True) if good
    ]
    this.outside = views[0] if len(views) == 1 else together(views)
    this.seen += this.outside.sights
    if this.outside.whole:
        this.looked.add("outside")


def _view(context: Context, host: str, site: Site, notes: dict[str, Any]) -> View:
    """Look at one website; the pages for its next round are kept under its name."""
    name = context.name_of(host)
    key = "outside_again" if name == host else f"outside_again {name}"
    try:
        again, other = list(notes.get(key) or ()), _second_machine(context, host)
        view = look(context.settings, name, site, again, other)
    except UngcuuError as error:
        return View(why=error.what)
    if not view.why:
        notes[key] = view.again
        appearance.known(context.settings, name, site, notes.get(_PICTURE + name) or {}, view)
    return view


def _second_machine(context: Context, host: str) -> ssh.Target | None:
    """The machine that the inventory names for a second look from outside."""
    name = str(context.site.variables(host).get("isolation_vantage") or "")
    return context.site.target(name) if name in context.site.hosts and name != host else None


def _old(notes: dict[str, Any]) -> bool:
    last = str(notes.get("full") or "")
    return not last or datetime.now(UTC) - parse_time(last) >= FULL_EVERY


def _scan(parts: Sequence[Context], this: Round) -> None:
    """Scan the host, for each of its websites; the findings are read from the files that the scans keep.

    What is the host's own is found by each of the scans, and is one alert.

    Raises:
        UngcuuError: It was not scanned whole.
    """
    from ungcuu.run.failures import problem_of

    seen: set[tuple[str, str, str]] = set()
    for context in parts:
        name = context.name_of(this.host)
        result = context.run_playbook("scan", {}, (this.host,), deadline=900.0)
        if problem := problem_of("scan", True, result):
            raise problem
        rows = _findings(context, name, this)
        # As it is now: a rehearsal may have begun while the host was scanned.
        planted = str(store.load(context.settings, this.host).notes.get("rehearsal") or "")
        found = [named(one, row, planted) for one, row in zip(sights.of_findings(name, rows), rows, strict=True)]
        found = [one for one in found if (one.rule, one.place, one.mark) not in seen]
        seen |= {(one.rule, one.place, one.mark) for one in found}
        root = str(context.site.variables(this.host).get("website_root") or "/var/www")
        work = packages.work(context.target(this.host), root) if needed(found) else []
        this.seen += explain(context.settings.state, this.host, root, found, work)
    if not this.partly:
        this.looked.add("scan")


def _findings(context: Context, name: str, this: Round) -> list[dict[str, Any]]:
    """What a scan found. What it did not read looks as if it had gone: that the host hid something is a finding."""
    document = json.loads((context.settings.host_dir(name) / "findings.json").read_text("utf-8"))
    rows: list[dict[str, Any]] = document["findings"]
    this.accepted += [row | {"host": name} for row in document.get("accepted") or ()]
    if document.get("complete") is not False:
        return rows
    this.partly = True
    return [row for row in rows if not str(row["rule"]).endswith("removed")]


def _keep(context: Context, this: Round, notes: dict[str, Any], ledger: Recorder) -> None:
    """Put what was seen into the file, and journal each alert that it raised."""
    with store.changing(context.settings, this.host) as known:
        known.alerts, this.raised = alerts.merge(known.alerts, this.seen, this.looked, format_time(datetime.now(UTC)))
        known.notes = known.notes | notes
    for alert in this.raised:
        sight = alert.sight
        about = {"do": "raised", "alert": sight.id, "rule": sight.rule, "severity": sight.severity}
        about |= {"place": sight.place, "since": sight.since, "explained": sight.explained}
        ledger.append("alert", {**about, "host": this.host})


def _notify(context: Context, this: Round, choices: Choices, ledger: Recorder) -> None:
    this.sent = notice.dispatch(context.settings, this.host, choices)
    for row in this.sent:
        ledger.append("notification", {**row.record(), "host": this.host})
