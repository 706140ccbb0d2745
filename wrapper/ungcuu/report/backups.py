"""What the vault last reported of the backups of the case's hosts, with the result of the newest restore drill."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ungcuu.core.clock import format_time
from ungcuu.core.i18n import _
from ungcuu.recover.restore_points import Backups, RestorePoint, parse_time
from ungcuu.report.format import shown_bytes, shown_seconds, shown_time


def section(known: Sequence[Backups]) -> list[dict[str, Any]]:
    """One entry a host: the newest restore point, the last proven restore, what is wrong."""
    return [
        {
            "host": one.host,
            "asked": _time(one.asked),
            "newest": _newest(one.newest),
            "drill": drill(one.proven),
            "proven": one.proven is not None,
            "alerts": list(one.alerts),
        }
        for one in known
    ]


def _newest(point: RestorePoint | None) -> str:
    if point is None:
        return _("no restore point is known")
    said = _("newest restore point: {point} of {time}, {files} files, {size}").format(
        point=point.short, time=_time(point.time), files=point.files, size=shown_bytes(point.bytes)
    )
    return "; ".join([said, *point.judged()])


def drill(point: RestorePoint | None) -> str:
    """When a restore was last proven, where, and how long it took; or that none ever was."""
    if point is None:
        return _("no restore was ever proven")
    return _(
        "last restore drill: {when} on {host}, point {point} of {time}; every file and every row was what had been "
        "saved; recovery time (RTO) {rto}, age of the data (RPO) {rpo}"
    ).format(
        when=_time(point.proven),
        host=point.proven_on or "–",
        point=point.short,
        time=_time(point.time),
        rto=shown_seconds(point.rto_seconds),
        rpo=shown_seconds(point.rpo_seconds),
    )


def _time(text: str) -> str:
    """A time as the vault writes it, in the report's form; a dash where there is none."""
    try:
        return shown_time(format_time(parse_time(text)))
    except ValueError:
        return "–"
