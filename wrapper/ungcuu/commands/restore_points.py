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
    from ungcuu.restore_points import last_proven, load

    if result.outcome is not Outcome.DONE:
        return None
    data: dict[str, object] = {}
    for host in context.hosts:
        points, proven = load(context.settings.host_dir(host)), last_proven(context.settings.host_dir(host))
        data[host] = {"points": [point.as_data() for point in points], "last_proven": proven}
        context.out.table([_heading(), *(_row(point) for point in points)])
    return Result(data={"restore_points": data})


def _heading() -> tuple[str, ...]:
    return (_("point"), _("time (UTC)"), _("MiB"), _("files"), _("new MiB"), _("scan"), _("restore proven"))


def _row(point: RestorePoint) -> tuple[str, ...]:
    verdict = {None: _("not scanned"), True: _("clean"), False: _("suspicious")}[point.clean]
    state = _("gone from the vault") if point.missing else verdict
    size, added = f"{point.bytes / 2**20:.0f}", f"{point.added_bytes / 2**20:.1f}"
    return (point.short, point.time, size, str(point.files), added, state, point.proven or _("never"))


VERB = Verb(
    name="restore-points",
    phase=Phase.RECOVER,
    summary=N_("List what could be restored, its age and whether it was ever proven"),
    playbook="restore_points",
    read_only=True,
    after=_after,
    examples=("ungcuu restore-points web01",),
)
