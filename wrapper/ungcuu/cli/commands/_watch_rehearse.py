"""`watch rehearse`: plant a harmless file, and see whether the watch notices it and reaches somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ungcuu.core.errors import Outcome, Refused, UngcuuError, UsageFault
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Context, Hosts, Option, Phase, Result, Verb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ungcuu.watch.rehearsal import Planted

_MOST = 240


def _check(context: Context) -> None:
    """Refuse a time in which nothing could arrive, or nobody would wait."""
    if not 1 <= context.options["within"] <= _MOST:
        raise UsageFault(
            _("--within has to be 1 to {most}.").format(most=_MOST),
            _("Nothing was touched."),
            "ungcuu watch rehearse HOST --within 15",
        )


def _preflight(context: Context) -> None:
    """Refuse hosts without a website that is described: there is no folder to plant a file in."""
    from ungcuu.hosts import website_facts

    website_facts.require(context.site, context.hosts, "watch")
    for host in context.hosts:
        if not _website(context, host).get("website_root"):
            raise Refused(
                _("{host}: no website is described; there is no folder to plant a file in.").format(host=host),
                _("Nothing was touched."),
                f"ungcuu doctor {host}",
            )


def _website(context: Context, host: str) -> Mapping[str, Any]:
    """What is known of the website at which a file is planted: of several the first one of the list.

    Raises:
        InventoryError: The list is wrong.
    """
    from ungcuu.hosts import websites

    listed = websites.of_host(context.site, host)
    site = websites.laid_over(context.site, host, listed[0].name) if listed else context.site
    return site.variables(host)


def _run(context: Context) -> Result:
    """Plant a file at each host, wait for all of them, and clean up whatever happened."""
    import time

    from ungcuu.watch import rehearsal, store

    until = time.monotonic() + 60 * context.options["within"]
    planted: dict[str, Planted] = {}
    left: dict[str, str] = {}
    rows: dict[str, dict[str, object]] = {}
    try:
        for host in context.hosts:
            one = rehearsal.place(host, _website(context, host))
            with store.changing(context.settings, host) as known:
                known.notes["rehearsal"] = one.sum
            planted[host] = one  # before it is there: a connection that is lost midway may leave it
            rehearsal.ask(context.target(host), "plant", one)
            context.out.line(_("{host}: planted {path}").format(host=host, path=one.path), "quiet")
        for host, one in planted.items():
            rows[host] = _waited(context, one, until)
    finally:
        for host, one in planted.items():
            try:
                rehearsal.ask(context.target(host), "remove", one)
            except UngcuuError as error:
                left[host] = error.what
                context.out.line(error.what, "bad")
    silent = [host for host, row in rows.items() if not row["good"]]
    data = {"rehearsals": rows, "left": left}
    if silent or left:
        message = _("The watch was NOT heard of: {hosts}").format(hosts=", ".join(silent)) if silent else ""
        files = _("not removed: {paths}").format(paths=", ".join(planted[host].path for host in left)) if left else ""
        return Result(Outcome.NOT_DONE, "; ".join(filter(None, (message, files))), data)
    return Result(message=_("the watch noticed what was planted, and said so"), data=data)


def _waited(context: Context, one: Planted, until: float) -> dict[str, object]:
    """Wait for one host's alert; keep and say what became of it."""
    from ungcuu.watch import notice, rehearsal
    from ungcuu.watch.choices import from_facts

    choices = from_facts(context.site.variables(one.host))
    outcome = rehearsal.wait(context.settings, one, choices, until)
    raised = rehearsal.keep(context.settings, one, outcome, choices, context.settings.operator)
    sent = notice.dispatch(context.settings, one.host, choices) if raised else []
    good = outcome.good(choices)
    about = {"path": one.path, "planted": one.time, "good": good}
    about |= {"raised_after": outcome.raised, "delivered_after": outcome.delivered}
    context.record("rehearsal", about, one.host)
    if good:
        text = _("{host}: the alert was raised after {raised} seconds, delivered after {delivered}")
        delivered = outcome.delivered if outcome.delivered is not None else _("– (no watch_targets)")
        context.out.line(text.format(host=one.host, raised=outcome.raised, delivered=delivered), "good")
    else:
        text = _("{host}: no alert was delivered in time; {count} addresses took the message about it")
        context.out.line(text.format(host=one.host, count=sum(row.delivery.ok for row in sent)), "bad")
    return about


VERB = Verb(
    name="rehearse",
    phase=Phase.DETECT,
    summary=N_("Plant a harmless file, and see whether its alert arrives; silence is an alert"),
    description=N_(
        "The file does nothing and is readable by root alone, in the first writable folder of the website; of a host "
        "with several websites, of the first one in its list. It is removed afterwards and its alert acknowledged. "
        "Until then a scan shows it as critical. No round is started: what is tried is the watch as it runs."
    ),
    takes_lock=False,
    hosts=Hosts.MANY,
    options=(
        Option(
            "--within", N_("minutes in which the alert has to arrive, 1 to 240"), kind="int", default=15, metavar="N"
        ),
    ),
    check=_check,
    preflight=_preflight,
    run=_run,
    deadline=5 * 3600.0,
    steps_before=(
        N_("Plant a file that nothing can run or read"),
        N_("Wait until the watch has raised its alert, and somebody was notified"),
        N_("Remove the file, and acknowledge the alert"),
        N_("Raise an alert where none arrived, and notify people of that"),
    ),
    examples=("ungcuu watch rehearse web01", "ungcuu watch rehearse website --within 10"),
)
