"""`restore-points`: what could be restored, how old it is, and what speaks for or against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ungcuu.cli.options import VIA
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Context, Phase, Result, Verb, Websites

if TYPE_CHECKING:
    from ungcuu.recover.restore_points import RestorePoint
    from ungcuu.run.tally import RunResult

_MOST = 10  # points that are explained


def _after(context: Context, result: RunResult) -> Result | None:
    from ungcuu.core.errors import Outcome
    from ungcuu.recover.restore_points import alerts, drill_data, last_proven, load

    if result.outcome is not Outcome.DONE:
        return None
    data: dict[str, object] = {}
    for host in context.hosts:
        folder = context.settings.host_dir(context.name_of(host))
        points, wrong = load(folder), alerts(folder)
        known = {"last_proven": last_proven(folder), "drill": drill_data(folder)}
        known["alerts"] = [alert.text for alert in wrong]
        data[host] = {"points": [point.as_data() for point in points], **known}
        context.out.table([_heading(), *(_row(point) for point in points)])
        _say_judgements(context, host, points)
        for alert in wrong:
            context.out.line(f"{host}: {alert.text}", "bad" if alert.severity == "high" else "warn")
    return Result(data={"restore_points": data})


def _say_judgements(context: Context, host: str, points: tuple[RestorePoint, ...]) -> None:
    """Say what was looked at in the newest point, and what speaks against others."""
    held = [point for point in points if not point.missing]
    for point in [*held[:1], *(point for point in held[1:] if point.doubtful)][:_MOST]:
        for text in point.judged():
            context.out.line(f"{point.short}: {text}", "bad" if point.doubtful else "")
    if any(point.doubtful for point in held[:1]):
        again = f"ungcuu accept-point {host} {held[0].short} --reason '…'"
        context.out.line(_("If that is as it should be: {command}").format(command=again))


def _heading() -> tuple[str, ...]:
    return (_("point"), _("time (UTC)"), _("MiB"), _("files"), _("changed"), _("new MiB"), _("judged"), _("proven"))


def _row(point: RestorePoint) -> tuple[str, ...]:
    verdict = point.verdict.label()
    if point.verdict.clean is not False:
        verdict = _("not whole") if point.whole.whole is False else verdict
        verdict = _("restore refuses it") if point.checks.restorable is False else verdict
    state = _("gone from the vault") if point.missing else verdict
    size, added = f"{point.bytes / 2**20:.0f}", f"{point.added_bytes / 2**20:.1f}"
    return (point.short, point.time, size, str(point.files), point.changed or "–", added, state, _proof(point))


def _proof(point: RestorePoint) -> str:
    """How long ago a restore of this point was proven, and how long it took."""
    from datetime import UTC, datetime

    from ungcuu.recover.restore_points import parse_time

    if not point.proven:
        return _("never")
    hours = (datetime.now(UTC) - parse_time(point.proven)).total_seconds() / 3600
    age = (
        _("{days} days ago").format(days=int(hours // 24))
        if hours >= 48
        else _("{hours} h ago").format(hours=int(hours))
    )
    return f"{age}, RTO {point.rto_seconds:.0f} s" if point.rto_seconds else age


VERB = Verb(
    name="restore-points",
    phase=Phase.RECOVER,
    websites=Websites.EACH,
    summary=N_("List what could be restored, its age and whether it was ever proven"),
    playbook="restore_points",
    read_only=True,
    takes_lock=False,
    options=(VIA,),
    after=_after,
    examples=("ungcuu restore-points web01",),
)
