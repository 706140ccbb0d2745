"""`restore-points`: what could be restored, how old it is, and what speaks for or against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ungcuu.i18n import N_, _
from ungcuu.verb import Phase, Result, Verb

if TYPE_CHECKING:
    from ungcuu.context import Context
    from ungcuu.restore_points import RestorePoint
    from ungcuu.runner import RunResult


def _after(context: Context, result: RunResult) -> Result | None:
    from ungcuu.errors import Outcome
    from ungcuu.restore_points import alerts, drill_data, last_proven, load

    if result.outcome is not Outcome.DONE:
        return None
    data: dict[str, object] = {}
    for host in context.hosts:
        folder = context.settings.host_dir(host)
        points, wrong = load(folder), alerts(folder)
        known = {"last_proven": last_proven(folder), "drill": drill_data(folder)}
        known["alerts"] = [alert.text for alert in wrong]
        data[host] = {"points": [point.as_data() for point in points], **known}
        context.out.table([_heading(), *(_row(point) for point in points)])
        for alert in wrong:
            context.out.line(f"{host}: {alert.text}", "warn")
    return Result(data={"restore_points": data})


def _heading() -> tuple[str, ...]:
    return (_("point"), _("time (UTC)"), _("MiB"), _("files"), _("changed"), _("new MiB"), _("scan"), _("proven"))


def _row(point: RestorePoint) -> tuple[str, ...]:
    verdict = {None: _("not scanned"), True: _("clean"), False: _("suspicious")}[point.clean]
    state = _("gone from the vault") if point.missing else verdict
    size, added = f"{point.bytes / 2**20:.0f}", f"{point.added_bytes / 2**20:.1f}"
    return (point.short, point.time, size, str(point.files), point.changed or "–", added, state, _proof(point))


def _proof(point: RestorePoint) -> str:
    """How long ago a restore of this point was proven, and how long it took."""
    from datetime import UTC, datetime

    from ungcuu.restore_points import parse_time

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
    summary=N_("List what could be restored, its age and whether it was ever proven"),
    playbook="restore_points",
    read_only=True,
    after=_after,
    examples=("ungcuu restore-points web01",),
)
