"""`case sweep`: today's detectors over every restore point, so that the break-in is dated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ungcuu.cli.commands.case.management import chosen
from ungcuu.core.errors import Exit, Outcome, Refused
from ungcuu.core.i18n import _
from ungcuu.run.verb import Context, Result

if TYPE_CHECKING:
    from ungcuu.case.case import Case
    from ungcuu.detect.sweep import Sweep

_MOST = 200  # files that the record names; the earliest first


def sweep(context: Context) -> Result:
    """Sweep the points of each host of the case, record what was found, and show it."""
    from ungcuu.report.sweeps import sentences

    case = chosen(context)
    case.refuse_closed()
    lines: list[str] = []
    rows: list[dict[str, Any]] = []
    broken: list[str] = []
    for host in case.facts.hosts:
        data = _one(context, case, host)
        rows.append(data)
        lines += sentences(data)
        if data["why"]:
            broken.append(host)
            lines.append(_("{host}: the sweep is not whole: {why}.").format(host=host, why=data["why"]))
        case.journal().append("sweep", data)
    found = any(row["found"] or row["suspects"] for row in rows)
    lines += _next(case, rows)
    return Result(
        outcome=Outcome.NOT_DONE if broken else Outcome.DONE,
        message="\n".join(lines),
        data={"case": case.id, "sweeps": rows},
        code=Exit.FOUND if found and not broken else None,
    )


def _one(context: Context, case: Case, host: str) -> dict[str, Any]:
    from datetime import UTC, datetime

    from ungcuu.core.settings import kept_name, machine_of
    from ungcuu.detect import accepted, known_good
    from ungcuu.detect import sweep as sweeping

    vault = str(context.site.variables(machine_of(host)).get("website_vault_host") or "")
    if vault not in context.site.hosts:
        raise Refused(
            _("{host} has no vault in the inventory: there are no restore points to look into.").format(host=host),
            _("Nothing was changed."),
            f"ungcuu doctor {machine_of(host)}",
        )
    context.doing(_("Judge the restore points"), vault, host)
    excused = accepted.files(accepted.load(context.settings.state, host), datetime.now(UTC).date())
    seen = sweeping.Sweep(named=_named(case, host), excused=excused)
    listed = sorted(known_good.sums(context.settings.state))
    why = sweeping.run(vault, context.site.variables(vault), kept_name(host), seen, listed)
    return _record(host, seen, why) | {"unseen": _unseen(context, case, host, seen)}


def _unseen(context: Context, case: Case, host: str, seen: Sweep) -> list[str]:
    """Files of the newest point that the last whole scan of the host, a later one, no longer showed.

    What ungcuu itself moved to quarantine is none of them.
    """
    from ungcuu.detect.scan import last_scan

    point, scan = (
        next((one for one in reversed(seen.points) if one.ended), None),
        last_scan(context.settings.state, host),
    )
    if point is None or not scan or not scan.get("complete") or str(scan["time"]) <= point.time:
        return []
    moved = {one.path for one in case.facts.findings if one.host == host and one.state == "quarantined"}
    return sorted(point.detected.keys() - moved - {str(row.get("path")) for row in scan["findings"]})


def _named(case: Case, host: str) -> dict[str, str]:
    """The sums of files that findings of the case name, and that no person called a false alarm."""
    from ungcuu.case.facts import FALSE_ALARM

    found = {}
    for one in case.facts.findings:
        digest = (one.data.get("evidence") or {}).get("sha256")
        if one.host == host and one.severity in ("critical", "high") and one.state != FALSE_ALARM and digest:
            found[str(digest)] = one.id
    return found


def _record(host: str, seen: Sweep, why: str) -> dict[str, Any]:
    traces, clean = seen.traces, seen.newest_clean
    return {
        "host": host,
        "points": [one.brief() for one in seen.points],
        "judged": seen.judged,
        "unjudged": seen.unjudged,
        "found": len(traces),
        "traces": [one.brief() for one in traces[:_MOST]],
        "suspects": _suspects(seen)[:_MOST],
        "newest_clean": {"id": clean.id, "time": clean.time} if clean else {},
        "why": why,
    }


def _suspects(seen: Sweep) -> list[dict[str, str]]:
    """What the vault's own rules object to and no detector here does, each path at its first point."""
    known = {one.path for one in seen.traces}
    first: dict[str, dict[str, str]] = {}
    for point in seen.points:
        for path, rule in point.suspects:
            if path not in known:
                first.setdefault(path, {"path": path, "rule": rule, "point": point.id, "time": point.time})
    return list(first.values())


def _next(case: Case, rows: list[dict[str, Any]]) -> list[str]:
    """The command that restores from before the break-in, where one is known."""
    return [
        _("To restore it: {command}").format(
            command=f"ungcuu restore {row['host']} --at {row['newest_clean']['id'][:8]} --case {case.id}"
        )
        for row in rows
        if row["newest_clean"] and (row["found"] or row["suspects"])
    ]
