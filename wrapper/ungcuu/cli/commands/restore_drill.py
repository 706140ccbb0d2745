"""`restore-drill`: restore the newest point on a disposable host and compare every file and every row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Context, Hosts, Option, Phase, Result, Verb, Websites

if TYPE_CHECKING:
    from ungcuu.core.errors import NotVerified


def _preflight(context: Context) -> None:
    """Refuse a host that is a website itself: the drill would replace what lives there."""
    from ungcuu.core.errors import Refused

    place = _place(context)
    if place in context.site.groups.get("website", ()):
        raise Refused(
            _("{host} is a website host: the drill would replace its website.").format(host=place),
            _("Nothing was changed."),
            f"ungcuu restore-drill {context.host} --on SPARE",
        )


def _place(context: Context) -> str:
    """The disposable host that was named, else the first of the group `spare`."""
    from ungcuu.core.errors import UsageFault

    known = tuple(context.site.groups.get("spare", ()))
    place = context.options["on"] or (known[0] if known else "")
    if place not in context.site.hosts:
        raise UsageFault(
            _("No disposable host is known: the inventory's group 'spare' is empty, or does not have {host}.").format(
                host=place or "–"
            ),
            _("Nothing was changed."),
            f"ungcuu restore-drill {context.host} --on SPARE",
        )
    return str(place)


def _run(context: Context) -> Result:
    from ungcuu.core.errors import Outcome
    from ungcuu.recover.restore_points import drill_data, proven
    from ungcuu.run import locks
    from ungcuu.run.failures import problem_of

    if context.options["schedule"]:
        return _schedule(context, str(context.options["schedule"]))
    place, folder = _place(context), context.settings.host_dir(context.host)
    before = proven(folder)
    with locks.hold(context.settings, (place,), context.verb.name, context.reason):
        result = context.run_playbook("restore_drill", {"restore_drill_on": place}, (context.host, place))
    problem = problem_of(context.verb.name, False, result)
    if problem is not None:
        raise problem
    point = proven(folder)
    if point is None or result.outcome is not Outcome.DONE or (before and before.proven == point.proven):
        raise _unproven(context.host)
    message = _("{host}: proven on {place}; every file and every row is what was saved. RTO {rto} s, RPO {rpo} s")
    rto, rpo = point.rto_seconds or 0, point.rpo_seconds or 0
    said = message.format(host=context.host, place=place, rto=round(rto, 1), rpo=round(rpo))
    context.record("change", drill_data(folder))
    return Result(
        message=said,
        data={"restore_drill": {"on": place, "point": point.as_data(), "rto_seconds": rto, "rpo_seconds": rpo}},
    )


def _schedule(context: Context, calendar: str) -> Result:
    """Have this drill run by the clock from now on, or no more."""
    from ungcuu.run import schedule

    words = ("restore-drill", context.host, "--on", _place(context), "--reason", "by the clock")
    if calendar == schedule.NEVER:
        gone = schedule.remove(words)
        message = _("{host}: the drill is no longer scheduled") if gone else _("{host}: no drill was scheduled")
        return Result(message=message.format(host=context.host))
    timer = schedule.install(context.settings, context.site.inventory, calendar, words)
    if not schedule.lingers():
        context.out.line(_("It runs only while you are logged in. For always: loginctl enable-linger"), "warn")
    message = _("{host}: a drill is scheduled for {calendar}; ungcuu doctor reports a missed one")
    data = {"schedule": {"calendar": calendar, "timer": str(timer)}}
    return Result(message=message.format(host=context.host, calendar=calendar), data=data)


def _unproven(host: str) -> NotVerified:
    from ungcuu.core.errors import NotVerified

    return NotVerified(
        _("The drill ended, but the vault has no new proof of a restore of {host}.").format(host=host),
        _("Live data is untouched."),
        f"ungcuu restore-points {host}",
    )


VERB = Verb(
    name="restore-drill",
    phase=Phase.PREPARE,
    websites=Websites.NONE,
    summary=N_("Prove the newest restore point by restoring it on a disposable host"),
    description=N_("Only a restore proves a backup. What is on the disposable host is replaced."),
    hosts=Hosts.ONE,
    options=(
        Option("--on", N_("disposable host; the first of the group 'spare' by default"), metavar="HOST"),
        Option(
            "--schedule",
            N_("do not drill now but on this controller's schedule: a time of systemd's OnCalendar, or never"),
            metavar="WHEN",
        ),
    ),
    preflight=_preflight,
    run=_run,
    steps_before=(
        N_("Install the software that the website ran on"),
        N_("Restore the newest point there"),
        N_("Compare every file and every row with the vault"),
        N_("Record when, and how long it took"),
    ),
    deadline=6 * 3600.0,
    examples=("ungcuu restore-drill web01", "ungcuu restore-drill web01 --schedule 'Sun *-*-* 03:00'"),
)
