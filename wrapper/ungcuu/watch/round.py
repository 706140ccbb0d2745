"""One round at one host: look, raise what is new, notify, write down what was looked at and what was not.

quick look (one SSH session, names and times alone) → full scan, when anything changed or the last one is old → new
lines of access logs → pages as strangers get them → alerts → journal → notification → the round's own row

A host that another run of ungcuu holds is left alone: what is half changed is no finding. What a round did not look at
stays as it is; only a whole look may say that something has gone.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ungcuu.case.host_past import HostPast
from ungcuu.core.atomic import held, make_private
from ungcuu.core.clock import format_time, now, parse_time
from ungcuu.core.errors import Locked, Refused, UngcuuError
from ungcuu.core.i18n import _
from ungcuu.hosts import ssh, websites
from ungcuu.run import locks
from ungcuu.run.ledger import Recorder, open_ledger
from ungcuu.run.verb import Context
from ungcuu.watch import alerts, notice, packages, quick_look, sights, store
from ungcuu.watch.alerts import Alert, Sight
from ungcuu.watch.choices import Choices, from_facts
from ungcuu.watch.explained import explain, needed
from ungcuu.watch.logs.look import LogView
from ungcuu.watch.logs.look import look as look_at_logs
from ungcuu.watch.outside.look import View, look, site_of
from ungcuu.watch.rehearsal import named

FULL_EVERY = timedelta(hours=1)  # database, accounts and processes have no marks: a full scan looks at them
BLIND_AFTER = 2


@dataclass
class Round:
    """What one round did. ``looked``: the sources of alerts that were looked at whole. ``why`` it could not look.

    ``partly``: the host was scanned, and did not report everything; the next round scans again.
    """

    host: str
    begun: str = field(default_factory=now)
    busy: str = ""
    why: str = ""
    changed: list[str] = field(default_factory=list)
    folders: int = 0
    looked: set[str] = field(default_factory=set)
    partly: bool = False
    logs: LogView | None = None
    outside: View | None = None
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
        _look(context, this, notes, full)
        _look_at_logs(context, this, notes)
        _look_from_outside(context, this, notes)
    this.seconds = round(time.monotonic() - begun, 2)
    ledger, _cases = open_ledger(context.settings, (host,), None, False, lambda text: context.out.line(text, "warn"))
    _keep(context, this, notes, ledger)
    choices = from_facts(context.site.variables(host))
    _notify(context, this, choices, ledger)
    with store.changing(context.settings, host) as known:
        known.rounds.append(this.row())
    return this


def _look(context: Context, this: Round, notes: dict[str, Any], full: bool) -> None:
    """Look at the host; what keeps it from being looked at is written down and ends nothing."""
    variables = context.site.variables(this.host)
    try:
        if websites.listed(variables):
            raise Refused(
                _("The watch can't look yet at a host whose inventory lists several websites."),
                _("Nothing was looked at."),
                f"ungcuu scan {this.host}",
            )
        marks = quick_look.look(context.target(this.host), str(variables.get("website_root") or "/var/www"), variables)
        this.changed, this.folders = marks.changed(notes.get("marks") or {}), len(marks.folders)
        if full or this.changed or _old(notes):
            _scan(context, this)
            if this.full:
                notes |= {"marks": dict(marks.folders), "full": this.begun}
    except UngcuuError as error:
        this.why = error.what
    notes["failed"] = int(notes.get("failed") or 0) + 1 if this.why else 0
    if not this.why:
        this.looked.add("watch")
    elif notes["failed"] >= BLIND_AFTER:
        this.looked.add("watch")
        this.seen.append(sights.blind(this.host, this.why))


def _look_at_logs(context: Context, this: Round, notes: dict[str, Any]) -> None:
    """Read what is new in the logs. What they show has happened: no later look may say that it has gone."""
    if this.why:
        return
    try:
        this.logs = look_at_logs(context.target(this.host), context.site.variables(this.host), notes)
    except UngcuuError as error:
        this.logs = LogView(unseen=[_("access logs: {why}").format(why=error.what)])
    this.seen += this.logs.sights


def _look_from_outside(context: Context, this: Round, notes: dict[str, Any]) -> None:
    """Ask for pages as strangers do. A host that is isolated answers nobody, and is not looked at."""
    site = site_of(context.site.variables(this.host), this.host)
    if site is None:
        return
    if HostPast(context.settings.state, this.host).isolation_mode():
        this.outside = View(why=_("the host is isolated"))
        return
    try:
        again, other = list(notes.get("outside_again") or ()), _second_machine(context, this.host)
        this.outside = look(context.settings, this.host, site, again, other)
    except UngcuuError as error:
        this.outside = View(why=error.what)
    this.seen += this.outside.sights
    if this.outside.whole:
        this.looked.add("outside")
    if not this.outside.why:
        notes["outside_again"] = this.outside.again


def _second_machine(context: Context, host: str) -> ssh.Target | None:
    """The machine that the inventory names for a second look from outside."""
    name = str(context.site.variables(host).get("isolation_vantage") or "")
    return context.site.target(name) if name in context.site.hosts and name != host else None


def _old(notes: dict[str, Any]) -> bool:
    last = str(notes.get("full") or "")
    return not last or datetime.now(UTC) - parse_time(last) >= FULL_EVERY


def _scan(context: Context, this: Round) -> None:
    """Scan the host; its findings are read from the file that the scan keeps.

    Raises:
        UngcuuError: It was not scanned whole.
    """
    from ungcuu.run.failures import problem_of

    result = context.run_playbook("scan", {}, (this.host,), deadline=900.0)
    if problem := problem_of("scan", True, result):
        raise problem
    document = json.loads((context.settings.host_dir(this.host) / "findings.json").read_text("utf-8"))
    rows = document["findings"]
    this.partly = document.get("complete") is False
    if this.partly:  # what was not read looks as if it had gone; that the host did not report everything is a finding
        rows = [row for row in rows if not str(row["rule"]).endswith("removed")]
    # As it is now: a rehearsal may have begun while the host was scanned.
    planted = str(store.load(context.settings, this.host).notes.get("rehearsal") or "")
    found = [named(one, row, planted) for one, row in zip(sights.of_findings(this.host, rows), rows, strict=True)]
    root = str(context.site.variables(this.host).get("website_root") or "/var/www")
    work = packages.work(context.target(this.host), root) if needed(found) else []
    this.seen += explain(context.settings.state, this.host, root, found, work)
    if not this.partly:
        this.looked.add("scan")


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
