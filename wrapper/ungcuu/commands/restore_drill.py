"""`restore-drill`: restore the newest point on a disposable host and compare every file and every row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ungcuu.i18n import N_, _
from ungcuu.verb import Hosts, Option, Phase, Result, Verb

if TYPE_CHECKING:
    from ungcuu.context import Context


def _preflight(context: Context) -> None:
    """Refuse a host that is a website itself: the drill would replace what lives there."""
    from ungcuu.errors import Refused

    place = _place(context)
    if place in context.site.groups.get("website", ()):
        raise Refused(
            _("{host} is a website host: the drill would replace its website.").format(host=place),
            _("Nothing was changed."),
            f"ungcuu restore-drill {context.host} --on SPARE",
        )


def _place(context: Context) -> str:
    """The disposable host that was named, else the first of the group `spare`."""
    from ungcuu.errors import UsageFault

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
    import time

    from ungcuu.errors import Outcome
    from ungcuu.problems import problem_of
    from ungcuu.restore_points import newest

    place, began = _place(context), time.monotonic()
    result = context.run_playbook("restore_drill", {"restore_drill_on": place}, (context.host, place))
    if result.outcome is not Outcome.DONE:
        problem = problem_of(context.verb.name, False, result)
        if problem is not None:
            raise problem
    point = newest(context.settings.host_dir(context.host))
    data: Mapping[str, Any] = {
        "on": place,
        "point": point.as_data() if point else None,
        "rpo_seconds": round(point.age_seconds()) if point else None,
        "rto_seconds": round(time.monotonic() - began, 1),
    }
    detail = f"{point.short if point else '-'} on {place}, RTO {data['rto_seconds']} s, RPO {data['rpo_seconds']} s"
    context.record("proof", {"name": "restore drill", "side": "controller", "passed": True, "detail": detail})
    message = _("{host}: proven on {place}; every file and every row is what was saved. RTO {rto} s, RPO {rpo} s")
    said = message.format(host=context.host, place=place, rto=data["rto_seconds"], rpo=data["rpo_seconds"])
    return Result(message=said, data={"restore_drill": data})


VERB = Verb(
    name="restore-drill",
    phase=Phase.PREPARE,
    summary=N_("Prove the newest restore point by restoring it on a disposable host"),
    description=N_("A backup is proven by a restore only. What stands on the disposable host is replaced."),
    hosts=Hosts.ONE,
    options=(Option("--on", N_("disposable host; the first of the group 'spare' by default"), metavar="HOST"),),
    preflight=_preflight,
    run=_run,
    steps_before=(
        N_("Install what the website stood on"),
        N_("Restore the newest point there"),
        N_("Compare every file and every row with the vault"),
        N_("Record when, and how long it took"),
    ),
    deadline=6 * 3600.0,
    examples=("ungcuu restore-drill web01",),
)
