"""`ack`: say that you take care of an alert, so that nobody is notified of it again."""

from __future__ import annotations

from collections.abc import Iterator

from ungcuu.cli import intake
from ungcuu.core.errors import UsageFault
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Argument, Context, Hosts, Option, Phase, Result, Verb


def _check(context: Context) -> None:
    """Refuse a false alarm that nobody could explain later."""
    again = "ungcuu ack ID --false-alarm --reason '…'"
    if not context.options["ids"] and not context.options["all_of"]:
        raise UsageFault(_("Which alert? Name its id, or a host with --all-of."), _("Nothing was changed."), again)
    if context.options["false_alarm"] and context.options["confirm"]:
        raise UsageFault(
            _("An alert is a false alarm or an incident, not both."),
            _("Nothing was changed."),
            "ungcuu ack ID --confirm",
        )
    if context.options["false_alarm"] and not context.reason:
        raise UsageFault(_("A false alarm needs a reason."), _("Nothing was changed."), again)


def _run(context: Context) -> Result:
    """Acknowledge the alerts, and journal who did."""
    from ungcuu.core.clock import now
    from ungcuu.run.ledger import open_ledger
    from ungcuu.watch import alerts, store

    moment, done = now(), []
    who, false = context.settings.operator, bool(context.options["false_alarm"])
    for host, ids in _chosen(context):
        if context.options["confirm"]:
            _confirm(context, host, ids)
        # The journal of the host's open case, where there is one. First: what can't be recorded is not done.
        ledger, _cases = open_ledger(context.settings, (host,), context.case, False, lambda _text: None)
        with store.changing(context.settings, host) as known:
            about = {"do": "acknowledged", "alerts": ids, "by": who, "reason": context.reason, "false_alarm": false}
            ledger.append("alert", {**about, "host": host})
            for key in ids:
                known.alerts[key] = alerts.acknowledge(known.alerts[key], who, context.reason, false, moment)
        done += [{"host": host, "id": key} for key in ids]
    message = _("{count} alerts are acknowledged by {who}; nobody is notified of them again").format(
        count=len(done), who=who
    )
    return Result(message=message, data={"acknowledged": done})


def _confirm(context: Context, host: str, ids: list[str]) -> None:
    """Open a case for what a person says is an incident, detected when its first alert was raised."""
    from ungcuu.core.clock import parse_time
    from ungcuu.core.phrases import CaseTitle, phrase
    from ungcuu.core.settings import machine_of
    from ungcuu.watch import store
    from ungcuu.watch.alerts import ORDER

    if not intake.without_case(context.settings, (host,)):
        return
    known = store.load(context.settings, host).alerts
    mine = sorted((known[key] for key in ids), key=lambda one: ORDER.index(one.sight.severity))
    worst = mine[0].sight
    first = parse_time(min(one.raised for one in mine))
    title = phrase(CaseTitle.FOUND, title=worst.title, place=worst.place)
    hosts = (machine_of(host),)
    intake.open_for(context, hosts, title, worst.severity, detected=first, by="ungcuu watch", way="detection-system")


def _chosen(context: Context) -> Iterator[tuple[str, list[str]]]:
    """Yield each host with the ids that were meant: by their beginning, as long as that is unique.

    Raises:
        UsageFault: There is no such alert, or more than one.
    """
    from ungcuu.watch import store

    known = {host: store.load(context.settings, host) for host in store.hosts(context.settings)}
    wanted: dict[str, list[str]] = {}
    if whole := context.options["all_of"]:
        wanted[whole] = [one.sight.id for one in known[whole].open()] if whole in known else []
        if not wanted[whole]:
            raise _none(str(whole))
    for word in context.options["ids"]:
        found = [(host, key) for host, row in known.items() for key, one in row.alerts.items() if key.startswith(word)]
        if len(found) != 1:
            raise _none(word, len(found))
        wanted.setdefault(found[0][0], []).append(found[0][1])
    for host, ids in wanted.items():
        yield host, list(dict.fromkeys(ids))


def _none(word: str, count: int = 0) -> UsageFault:
    message = _("{count} alerts begin with {word}.") if count else _("There is no open alert {word}.")
    return UsageFault(
        message.format(word=word, count=count), _("Nothing was changed."), _("ungcuu watch report   (lists them)")
    )


VERB = Verb(
    name="ack",
    phase=Phase.DETECT,
    summary=N_("Acknowledge an alert: you take care of it, and nobody is notified of it again"),
    description=N_(
        "An acknowledged alert is raised again when something else stands at its place, or when it comes back after "
        "it had gone. A false alarm is counted in ungcuu watch report; it does not change what a scan finds."
    ),
    hosts=Hosts.NONE,
    read_only=True,
    takes_lock=False,
    journaled=False,
    arguments=(Argument("ids", required=False, many=True),),
    options=(
        Option("--all-of", N_("acknowledge all open alerts of this host"), metavar="HOST"),
        Option("--false-alarm", N_("it was harmless; needs --reason"), kind="flag", default=False),
        Option("--confirm", N_("it is an incident: a case is opened where none is open"), kind="flag", default=False),
        intake.PERSONAL_DATA,
    ),
    check=_check,
    run=_run,
    steps_before=(
        N_("With --confirm: open a case, detected when the alert was raised"),
        N_("Write down who takes care of which alert, in the journal too"),
    ),
    examples=(
        "ungcuu ack 3f0a91bc",
        "ungcuu ack 3f0a91bc --confirm",
        "ungcuu ack --all-of web01 --reason 'on it, Mr An'",
    ),
)
