"""`watch`: look without being asked, raise an alert once for what is new, and say what was looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ungcuu.cli.commands._watch_deployment import VERB as DEPLOYMENT
from ungcuu.cli.commands._watch_hold import VERB as HOLD
from ungcuu.cli.commands._watch_rehearse import VERB as REHEARSE
from ungcuu.core.errors import Exit, Outcome, UngcuuError, UsageFault
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Argument, Context, Hosts, Option, Phase, Result, Verb, Websites

if TYPE_CHECKING:
    from ungcuu.watch.alerts import Alert
    from ungcuu.watch.outside.zone import Zone
    from ungcuu.watch.round import Round

_EVERY, _WEEKLY = "*:0/5", "Tue 09:30"
_SHOWN = 40
_STYLES = {"critical": "bad", "high": "bad", "medium": "warn"}


def _preflight(context: Context) -> None:
    """Refuse facts of the wrong form before a host is asked."""
    from ungcuu.hosts import website_facts

    website_facts.require(context.site, context.hosts, "watch")


def _round(context: Context) -> Result:
    """One round at each host. What fails at one of them does not keep the others from being looked at."""
    from ungcuu.watch import round as rounds

    done: list[Round] = []
    faults: dict[str, UngcuuError] = {}
    for host in context.hosts:
        try:
            done.append(rounds.go(context, host, full=bool(context.options["full"])))
        except UngcuuError as error:
            faults[host] = error
            context.out.line(f"{host}: {error.what}", "bad")
    for this in done:
        _show(context, this)
    if len(context.hosts) == 1 and faults:
        raise faults[context.host]
    pinged = _ping(context, done) if not faults else {}
    raised = sum(alert.open for this in done for alert in this.raised)
    bad = [*faults, *(this.host for this in done if this.why or this.undelivered)]
    data = {
        "rounds": [_document(this) for this in done],
        "raised": [alert.document() for this in done for alert in this.raised],
        "sent": [row.record() | {"host": this.host} for this in done for row in this.sent],
        "pinged": pinged,
    }
    message = _("{count} new alerts").format(count=raised)
    if bad:
        message += "; " + _("NOT done as it should be: {hosts}").format(hosts=", ".join(dict.fromkeys(bad)))
        return Result(Outcome.NOT_DONE, message, data)
    return Result(message=message, data=data, code=Exit.FOUND if raised else None)


def _document(this: Round) -> dict[str, object]:
    seen = {"outside": _seen(this), "logs": _read(this), "accepted": this.accepted}
    return this.row() | {"host": this.host} | seen


def _why(alert: Alert) -> str:
    """Say which run of ungcuu explains it, where one does: then nobody is notified."""
    explained = alert.sight.explained
    return " · " + _("explained by: {run}").format(run=explained) if explained else ""


def _show(context: Context, this: Round) -> None:
    """Say what was looked at, what was not, what is new, what a person accepted, and who was notified."""
    from ungcuu.cli.commands.scan import show_accepted

    for alert in this.raised[:_SHOWN]:
        sight = alert.sight
        style = _STYLES.get(sight.severity, "")
        context.out.line(f"{sight.severity:<8} {this.host} · {_(sight.title)}: {sight.place}", style)
        context.out.line(f"         {sight.id} · {sight.rule}{_why(alert)}", "quiet")
    if len(this.raised) > _SHOWN:
        context.out.line(_("… and {count} more").format(count=len(this.raised) - _SHOWN))
    show_accepted(context, this.host, {"accepted": this.accepted})
    if this.busy:
        context.out.line(
            _("{host}: not looked at: {verb} is under way there").format(host=this.host, verb=this.busy), "warn"
        )
    elif this.why:
        context.out.line(_("{host}: could not be looked at: {why}").format(host=this.host, why=this.why), "bad")
    elif this.partly:
        text = _("{host}: scanned, NOT whole: it did not report everything, and the next round scans again")
        context.out.line(text.format(host=this.host), "warn")
    elif this.full:
        context.out.line(_("{host}: scanned whole").format(host=this.host), "quiet")
    else:
        text = _(
            "{host}: nothing has changed below {count} folders; the database, accounts and processes were not looked "
            "at in this round"
        )
        context.out.line(text.format(host=this.host, count=this.folders), "quiet")
    if this.logs:
        text = _("{host}: {count} new lines of access logs were read")
        context.out.line(text.format(host=this.host, count=this.logs.lines), "quiet")
        for what in this.logs.unseen:
            context.out.line(_("{host}: not looked at: {what}").format(host=this.host, what=what), "warn")
    _show_outside(context, this)
    for row in this.sent:
        name = f"{this.host} · {row.tier}/{row.number} · {row.delivery.kind}"
        if row.delivery.ok:
            context.out.line(_("{name}: notified of {count} alerts").format(name=name, count=len(row.ids)), "quiet")
        else:
            context.out.line(_("{name}: NOT notified: {why}").format(name=name, why=row.delivery.words), "bad")


def _show_outside(context: Context, this: Round) -> None:
    """Say what was seen from outside, and what was not."""
    view = this.outside
    if view is None:
        return
    if view.why:
        text = _("{host}: not looked at from outside: {what}")
        context.out.line(text.format(host=this.host, what=view.why), "warn")
        return
    text = _("{host}: {count} pages were compared from outside, as several visitors")
    context.out.line(text.format(host=this.host, count=view.pages), "quiet")
    for what in view.unseen:
        context.out.line(_("{host}: not looked at from outside: {what}").format(host=this.host, what=what), "warn")


def _seen(this: Round) -> dict[str, object] | None:
    """Return the view from outside as plain data, without the sights: they are alerts."""
    view = this.outside
    if view is None:
        return None
    return {"pages": view.pages, "why": view.why, "unseen": view.unseen, "whole": view.whole, "tls": view.grade}


def _read(this: Round) -> dict[str, object] | None:
    """Return what was read of access logs as plain data, without the sights: they are alerts."""
    return {"lines": this.logs.lines, "unseen": this.logs.unseen} if this.logs else None


def _approve(context: Context) -> Result:
    """Keep the health page, as a plain visitor gets it now, as what it must look like."""
    from ungcuu.core.errors import Refused
    from ungcuu.watch.outside import appearance, asking, judge, look, surroundings
    from ungcuu.watch.outside.visitors import OTHERS, PLAIN

    host = context.name_of(context.host)
    site = look.site_of(context.site.variables(context.host), context.host)
    if site is None:
        raise Refused(_("{host} serves no website.").format(host=host), _("Nothing was approved."), "ungcuu --help")
    answers = [(visitor, asking.ask(site, site.path, visitor)) for visitor in (PLAIN, *OTHERS, PLAIN)]
    page = judge.Looked(site.path, answers[0][1], answers[-1][1], answers[1:-1])
    found = [*judge.wrong(host, page, site.text), *judge.hidden(host, page)]
    if found:
        text = "".join(f"\n  {_(one.title)}: {one.place}" for one in found[:10])
        raise Refused(
            _("The page of {host} is not as it should be:").format(host=host) + text,
            _("Nothing was approved."),
            f"ungcuu scan {host}",
        )
    features = page.first.features
    around = surroundings.around(site, page.first)
    look.approve(context.settings, host, features, around)
    without = appearance.approve(context.settings, host, site)
    shown = {"title": features.title, "programs of": sorted(features.program_hosts), "words": len(features.words)}
    about = {"links to": sorted(features.link_hosts), "surroundings": around.document()}
    context.record("approved_page", {"path": site.path, **shown, **about}, host)
    context.out.table(
        [
            (_("title"), features.title or "–"),
            (_("words"), str(len(features.words))),
            (_("links to"), ", ".join(sorted(features.link_hosts)) or "–"),
            (_("loads programs of"), ", ".join(sorted(features.program_hosts)) or "–"),
            (_("security headers"), ", ".join(around.headers) or "–"),
            (_("TLS, A to F"), around.grade or "–"),
            (_("addresses"), ", ".join(around.addresses) or "–"),
            *_zone_rows(around.zone),
            (
                _("picture"),
                _("none: {why}").format(why=without) if without else _("kept; one an hour is compared with it"),
            ),
        ]
    )
    return Result(message=_("{host}: the page is approved as it is now").format(host=host))


def _zone_rows(zone: Zone | None) -> list[tuple[str, str]]:
    """What was approved of the zone in which the website's name stands."""
    if zone is None or not zone.name:
        unasked = zone is None or zone.silent
        none, silent = _("none was found: name servers are not watched"), _("not known: the resolver did not answer")
        return [(_("zone"), silent if unasked else none)]
    titles = ((_("name servers"), zone.servers), (_("mail servers"), zone.mail), (_("certificates by"), zone.issuers))
    rows = [(title, _("not known") if found is None else ", ".join(found) or "–") for title, found in titles]
    return [(_("zone"), zone.name), *rows]


def _ping(context: Context, done: list[Round]) -> dict[str, bool]:
    """Let the outside addresses know of each round that looked whole and delivered what was due; else stay silent."""
    from ungcuu.watch.choices import from_facts
    from ungcuu.watch.ping import ping

    answered: dict[str, bool] = {}
    known: dict[str, bool] = {}
    for this in done:
        address = from_facts(context.site.variables(this.host)).ping
        if not address or this.undelivered or not _looked(context, this):
            continue
        answered[this.host] = known[address] = known[address] if address in known else ping(address)
        if not answered[this.host]:
            context.out.line(_("{host}: watch_ping_address did not answer").format(host=this.host), "warn")
    return answered


def _looked(context: Context, this: Round) -> bool:
    """Whether the watch of a host sees what it has to: the host could be looked at, was read whole, and so its website.

    A round that left the host to another run counts until :mod:`ungcuu.watch.health` says that nobody looks any more:
    a backup is no alarm. A host that is isolated answers nobody from outside.
    """
    from datetime import UTC, datetime

    from ungcuu.case.host_past import HostPast
    from ungcuu.watch import health, store

    if this.busy:
        return not health.has_stopped(store.load(context.settings, this.host).rounds, datetime.now(UTC))
    if this.why or this.partly:
        return False
    blind = this.outside is not None and this.outside.why
    return not blind or bool(HostPast(context.settings.state, this.host).isolation_mode())


def _install(context: Context) -> Result:
    """Have rounds run by the clock of this controller from now on, or no more."""
    from ungcuu.run import schedule

    words, calendar = ("watch", "round", "website"), str(context.options["schedule"])
    rehearsal, weekly = ("watch", "rehearse", "website"), str(context.options["rehearse"])
    hold = ("watch", "hold", "website")
    if calendar == schedule.NEVER:
        schedule.remove(rehearsal)
        schedule.remove(hold)
        gone = schedule.remove(words)
        return Result(message=_("the watch is stopped") if gone else _("no watch was set up"))
    timer = schedule.install(context.settings, context.site.inventory, calendar, words, spread="20s")
    if weekly == schedule.NEVER:
        schedule.remove(rehearsal)
    else:
        schedule.install(context.settings, context.site.inventory, weekly, rehearsal)
    if context.options["no_hold"]:
        schedule.remove(hold)
    else:
        schedule.keep_running(context.settings, context.site.inventory, hold)
    if not schedule.lingers():
        context.out.line(_("It runs only while you are logged in. For always: loginctl enable-linger"), "warn")
    message = _("all websites are looked at: {calendar}; ungcuu doctor reports a watch that stopped")
    return Result(
        message=message.format(calendar=calendar), data={"schedule": {"calendar": calendar, "timer": str(timer)}}
    )


def _report(context: Context) -> Result:
    """Show alerts that are open, and what the watch did over time."""
    from ungcuu.watch import health, history, store
    from ungcuu.watch.alerts import ORDER

    known_hosts = store.hosts(context.settings)
    names = context.options["names"] or known_hosts
    if unknown := [name for name in names if name not in known_hosts]:
        raise UsageFault(
            _("The watch never looked at {hosts}.").format(hosts=", ".join(unknown)),
            _("Nothing was changed."),
            "ungcuu watch report",
        )
    data: dict[str, Any] = {}
    for host in names:
        known = store.load(context.settings, host)
        numbers = history.numbers(known)
        data[host] = numbers | {"alerts_open": [one.document() for one in known.open()]}
        data[host]["explained"] = [one.document() for one in known.alerts.values() if one.sight.explained]
        context.out.line(host, "strong")
        context.out.table(_rows(numbers))
        for trouble in health.troubles(context.settings, host):
            context.out.line(f"! {trouble.text} → {trouble.command}", trouble.level)
        waiting = sorted(known.open(), key=lambda one: (ORDER.index(one.sight.severity), one.raised))
        for one in waiting[:_SHOWN]:
            line = f"{one.sight.id}  {one.sight.severity:<8} {one.raised}  {_(one.sight.title)}: {one.sight.place}"
            context.out.line(line, _STYLES.get(one.sight.severity, ""))
        if len(waiting) > _SHOWN:
            context.out.line(_("… and {count} more").format(count=len(waiting) - _SHOWN))
        explained = [one for one in known.alerts.values() if one.sight.explained and not one.gone]
        for one in explained[:_SHOWN]:
            context.out.line(f"{one.sight.id}  {one.sight.place}{_why(one)}", "quiet")
    return Result(message="" if names else _("the watch never looked at a host"), data={"watch": data})


def _rows(numbers: dict[str, Any]) -> list[tuple[str, str]]:
    delay = numbers["delay_seconds"]
    return [
        (_("rounds"), f"{numbers['rounds']} ({numbers['since'] or '–'} – {numbers['last'] or '–'})"),
        (_("of these, whole scans"), str(numbers["full"])),
        (_("of these, failed"), str(numbers["failed"])),
        (_("seconds of one round (median)"), str(numbers["seconds"] or "–")),
        (_("alerts"), ", ".join(f"{count} {name}" for name, count in numbers["alerts"].items()) or "–"),
        (_("false alarms"), str(numbers["false_alarms"])),
        (
            _("seconds from change to message (median, most)"),
            f"{delay['median']}, {delay['most']}" if delay else "–",
        ),
    ]


VERB = Verb(
    name="watch",
    phase=Phase.DETECT,
    summary=N_("Look at hosts without being asked, and notify people of what is new"),
    hosts=Hosts.NONE,
    verbs=(
        Verb(
            name="round",
            phase=Phase.DETECT,
            summary=N_("Look once: quickly, and by a whole scan where something changed"),
            description=N_(
                "Names and times of files are compared with the last round; where one differs, and once an hour, the "
                "host is scanned. Pages are asked for as visitors and as search engines. Each new finding raises one "
                "alert, which is sent to watch_targets until somebody acknowledges it. Nothing is changed on the host. "
                "Exit code 13: there are new alerts."
            ),
            read_only=True,
            takes_lock=False,
            journaled=False,
            hosts=Hosts.MANY,
            options=(Option("--full", N_("scan whole, whatever has changed"), kind="flag", default=False),),
            preflight=_preflight,
            run=_round,
            steps_before=(
                N_("Compare the names and times of files with the last round"),
                N_("Scan the host where something changed, or once an hour"),
                N_("Read the new lines of access logs"),
                N_("Ask for pages as visitors and search engines do, and compare"),
                N_("Raise an alert for each new finding, and journal it"),
                N_("Notify people of what is due"),
            ),
            examples=("ungcuu watch round web01", "ungcuu watch round website --full"),
        ),
        Verb(
            name="approve",
            phase=Phase.DETECT,
            summary=N_("Approve the health page as it is now: the watch compares with it from outside"),
            description=N_(
                "Look at the page in a browser first. It is refused where it lacks its text, or where search engines "
                "get something else than visitors."
            ),
            read_only=True,
            takes_lock=False,
            hosts=Hosts.ONE,
            websites=Websites.EACH,
            preflight=_preflight,
            run=_approve,
            steps_before=(
                N_("Ask for the page as several visitors"),
                N_("Keep its words, and the machines that it links to and loads programs of"),
            ),
            examples=("ungcuu watch approve web01",),
        ),
        DEPLOYMENT,
        REHEARSE,
        HOLD,
        Verb(
            name="install",
            phase=Phase.DETECT,
            summary=N_("Have rounds at all websites run by this controller's clock"),
            read_only=True,
            takes_lock=False,
            hosts=Hosts.NONE,
            options=(
                Option(
                    "--schedule",
                    N_("a time of systemd's OnCalendar, or never; every five minutes by default"),
                    default=_EVERY,
                    metavar="WHEN",
                ),
                Option(
                    "--rehearse",
                    N_("when a harmless file is planted to try the watch, or never; weekly by default"),
                    default=_WEEKLY,
                    metavar="WHEN",
                ),
                Option("--no-hold", N_("keep no connection to the hosts up"), kind="flag", default=False),
            ),
            run=_install,
            steps_before=(N_("Write systemd units of this account, and start them"),),
            examples=("ungcuu watch install", "ungcuu watch install --schedule never"),
        ),
        Verb(
            name="report",
            phase=Phase.DETECT,
            summary=N_("Show open alerts, delay from change to message, alarms and false alarms"),
            read_only=True,
            takes_lock=False,
            journaled=False,
            hosts=Hosts.NONE,
            arguments=(Argument("names", required=False, many=True),),
            run=_report,
            steps_before=(N_("Read what the watch wrote down"),),
            examples=("ungcuu watch report", "ungcuu watch report web01 --json"),
        ),
    ),
)
