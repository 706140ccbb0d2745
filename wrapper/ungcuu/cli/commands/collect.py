"""`collect`: evidence into the case folder, hashed, with its custody record; the host's disks are not written to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ungcuu.core.errors import Outcome
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Context, Option, Phase, Result, Verb

if TYPE_CHECKING:
    from ungcuu.run.tally import RunResult


_NAMES = {
    "days": "evidence_days",
    "patience": "evidence_patience",
    "memory_of": "evidence_processes",
    "disk": "evidence_disks",
}


def _variables(options: Mapping[str, object]) -> Mapping[str, object]:
    """Return the role's variables for these options; the role's own defaults stand for what isn't given."""
    given: dict[str, object] = {"evidence_profile": options["profile"], "evidence_again": options["again"]}
    for option, variable in _NAMES.items():
        if value := options.get(option):
            given[variable] = list(value) if isinstance(value, tuple) else value
    return given


def _before(context: Context) -> Mapping[str, object]:
    """Name the case of each host, and the person for the custody record."""
    return {"evidence_collected_by": context.settings.operator, "evidence_cases": dict(context.cases)}


def _record_late(context: Context) -> int:
    """Record what an interrupted collection kept but could not record; return how many items."""
    from ungcuu.case.case import find
    from ungcuu.case.integrity import evidence_of, manifest_rows, sha256_of

    count = 0
    for host, case_id in context.cases.items():
        case = find(context.settings, case_id)
        known = evidence_of(case.records())
        for digest, row in manifest_rows(case.evidence / f"manifest-{host}.jsonl").items():
            kept = case.evidence / digest
            if digest not in known and kept.is_file() and sha256_of(kept) == digest:
                context.record("evidence", row, host)
                count += 1
    return count


def _after(context: Context, result: RunResult) -> Result | None:
    """Sum up what was taken; a collection that stopped early is reported by the run itself."""
    if result.outcome is not Outcome.DONE:
        return None
    from ungcuu.core.sentences import shown

    late = _record_late(context)
    items, custody = result.data_of("evidence"), result.data_of("custody")
    counts: dict[str, int] = {}
    for item in items:
        counts[str(item.get("outcome"))] = counts.get(str(item.get("outcome")), 0) + 1
    size = sum(value for item in items if isinstance(value := item.get("size"), int))
    folders = sorted({str(record.get("to")) for record in custody})
    lines = [_summary(counts, size), *(_("evidence: {folder}").format(folder=folder) for folder in folders)]
    lines += [
        f"{item.get('outcome')}: {item.get('host')} {item.get('id')}: {shown(item.get('reason') or '')}"
        for item in items
        if item.get("outcome") in ("FAILURE", "CUT_OFF")
    ]
    if kept := sum(value for record in custody if isinstance(value := record.get("kept"), int)):
        lines.append(_("{count} items were in the case already; --again takes them as they are now").format(count=kept))
    if late:
        lines.append(_("{count} items of an interrupted collection were recorded only now").format(count=late))
    if any(record.get("read_only_view") is False for record in custody):
        lines.append(_("The host refused a read-only view of its disks: access times may have changed."))
    data = {"items": len(items), "bytes": size, "counts": counts, "folders": folders}
    return Result(Outcome.DONE, "\n".join(lines), data)


def _summary(counts: Mapping[str, int], size: int) -> str:
    """Return one line: how many items of which outcome."""
    if not counts:
        return _("nothing new: the case holds it all already (--again takes it once more)")
    parts = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    return _("{items} items, {size} bytes: {parts}").format(items=sum(counts.values()), size=size, parts=parts)


VERB = Verb(
    name="collect",
    phase=Phase.CONTAIN,
    summary=N_("Stream evidence into the case folder, hashed, without writing to the host's disks"),
    description=N_(
        "Takes evidence in order of volatility, over SSH alone: also while the host is isolated, and without Python. "
        "What the case holds already is not taken twice, so a collection that was interrupted goes on where it stopped."
    ),
    playbook="collect",
    each_alone=True,
    options=(
        Option(
            "--profile",
            N_("volatile: what a restart wipes; triage: also logs, accounts, persistence; full: also site, database"),
            kind="choice",
            choices=("volatile", "triage", "full"),
            default="triage",
        ),
        Option("--again", N_("Take again what the case holds already"), kind="flag", default=False),
        Option("--days", N_("Days back for logs and changed files (default 30)"), kind="int", metavar="DAYS"),
        Option("--patience", N_("Multiply all time limits, for a slow line"), kind="float", metavar="FACTOR"),
        Option("--memory-of", N_("Also take the memory of this process"), kind="int", multiple=True, metavar="PID"),
        Option("--disk", N_("Also take an image of this block device (profile full)"), multiple=True, metavar="DEVICE"),
    ),
    variables=_variables,
    before=_before,
    after=_after,
    deadline=2 * 86400.0,
    examples=("ungcuu collect web01 --profile volatile", "ungcuu collect web01 --profile full --case 2026-0001"),
)
