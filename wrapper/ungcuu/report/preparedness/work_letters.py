"""Letters on work at the hosts: the security updates of a period, and the audit of one host.

What a host says of itself (its packages, what is still open) is called the host's word. What was not assessed counts as
not held, as it does in the audit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from ungcuu.case.case import Case
from ungcuu.case.derivation import derive
from ungcuu.case.facts import from_host, hosts_of
from ungcuu.case.index import OPERATIONS
from ungcuu.case.journal import read_records
from ungcuu.core.clock import format_time
from ungcuu.core.errors import ControllerFault, UsageFault
from ungcuu.core.i18n import _, language
from ungcuu.core.settings import Settings, typed_name
from ungcuu.hosts.reporting_site import ReportingSite
from ungcuu.prepare.audit import FAIL, NOT_ASSESSED, STATUSES, WAIVED
from ungcuu.prepare.controls import Control
from ungcuu.prepare.patch_view import find as find_result
from ungcuu.report.format import shown_day, shown_place, shown_time, word
from ungcuu.report.forms import Field, Form, reporter
from ungcuu.report.preparedness.period import Period
from ungcuu.report.preparedness.plan import View
from ungcuu.report.preparedness.plan_letters import lines
from ungcuu.report.preparedness.proofs import Proof
from ungcuu.report.runs import by_run


@dataclass(frozen=True)
class Patched:
    """One run of updates on one host: its proof, and what the host reported of it; empty where it reported nothing."""

    proof: Proof
    result: Mapping[str, Any] = field(default_factory=dict)


def patches(settings: Settings, view: View, hosts: Sequence[str], period: Period) -> list[Patched]:
    """Return the runs of updates of these hosts in a period, oldest first, each with what the host reported.

    Raises:
        Tampered: A journal that holds one of them can't be read.
    """
    mine = [
        proof
        for proof in view.known.proofs
        if proof.what == "patch" and proof.host in hosts and period.holds(view.day(proof.time))
    ]
    results: dict[tuple[str, str], Mapping[str, Any]] = {}
    for name in dict.fromkeys(proof.place.rpartition(" ")[0] for proof in mine):
        results |= _results(settings, name)
    known = [Patched(proof, results.get((proof.place, proof.host), {})) for proof in mine]
    return sorted(known, key=lambda one: one.proof.time)


def _results(settings: Settings, name: str) -> dict[tuple[str, str], Mapping[str, Any]]:
    """What the hosts of each run of updates in a journal reported: (place of its end, host) → result."""
    folder = settings.operations if name == OPERATIONS else Case(settings, name).folder
    records = read_records(folder)
    ends = {
        str(record.data.get("run")): f"{name} {record.seq}"
        for record in records
        if record.kind == "run_finished" and not from_host(record)
    }
    found = {}
    for one in by_run(records, derive(records)):
        if one.run.verb == "patch" and one.run.run in ends:
            for host in one.run.hosts:
                mine = [row for row in one.of("snapshot") if host in (hosts_of(row) or one.run.hosts)]
                found[ends[one.run.run], host] = find_result(mine, "patch_result") or {}
    return found


def patch(site: ReportingSite, view: View, period: Period, hosts: Sequence[str], done: Sequence[Patched]) -> Form:
    """Return the report on the security updates of a period."""
    last = {one.proof.host: one for one in done if one.proof.outcome == "DONE"}
    without = [host for host in hosts if host not in last]
    approvals = [
        f"{shown_day(entry.done)} {entry.title}: {entry.text('approved_by') or '–'} ({entry.id})"
        for entry in view.register.of("approval")
        if entry.text("subject") == "change" and period.holds(entry.done)
    ]
    between = _("{first} to {last}").format(first=shown_day(period.first), last=shown_day(period.last))
    fields = (
        *reporter(site, "1. "),
        Field("period", "2. " + _("Period"), True, between),
        Field("hosts", "3. " + _("Hosts"), True, ", ".join(hosts)),
        Field("approvals", "4. " + _("Approved changes"), True, lines(approvals)),
        Field(
            "runs", "5. " + _("Updates, run by run (packages and vulnerabilities: the host's word)"), True, _runs(done)
        ),
        Field("without", "6. " + _("Hosts without a completed update in the period"), False, ", ".join(without)),
        Field("open", "7. " + _("Still open after the last update"), False, lines(_open(last.values()))),
        Field("reboot", "8. " + _("Reboot due"), False, lines(_reboots(last.values()))),
        Field("difficulties", "9. " + _("Difficulties, and their causes")),
        Field("request", "10. " + _("Proposals")),
    )
    return Form("patch", _("REPORT"), _("Security updates of the information systems"), "", fields)


def patch_doubts(view: View) -> tuple[str, ...]:
    """Return why runs may be missing."""
    return view.known.unread


def _runs(done: Sequence[Patched]) -> str:
    return lines((_run(one) for one in done), 60)


def _run(one: Patched) -> str:
    text = f"{shown_time(one.proof.time)} {one.proof.host}: {word(one.proof.outcome)} ({shown_place(one.proof.place)})"
    result = one.result
    if not result:
        return text + "; " + _("what was changed is not recorded")
    parts = [
        _("{packages} packages changed, {cves} known vulnerabilities fixed").format(
            packages=result.get("packages"), cves=len(result.get("exposure_days") or {})
        )
    ]
    if most := result.get("longest_exposure_days"):
        parts.append(_("open before that: up to {most} days").format(most=most))
    if unread := result.get("unread_changelogs") or ():
        parts.append(_("vulnerabilities of {count} packages not known").format(count=len(unread)))
    return "; ".join([text, *parts])


def _open(last: Iterable[Patched]) -> Iterator[str]:
    for one in last:
        for row in one.result.get("kept_back") or ():
            yield f"{one.proof.host}: {row.get('package')}: {row.get('why')}"
        if rows := one.result.get("still_open") or ():
            fixable = sum(1 for row in rows if row.get("fix"))
            yield _("{host}: {count} by debsecan's data, {fixable} of them with a fix").format(
                host=one.proof.host, count=len(rows), fixable=fixable
            )


def _reboots(last: Iterable[Patched]) -> Iterator[str]:
    for one in last:
        if reasons := one.result.get("reboot") or ():
            yield f"{one.proof.host}: {'; '.join(map(str, reasons))}"


def audited(settings: Settings) -> tuple[str, ...]:
    """Return the hosts whose audit is kept, as people type them."""
    folder = settings.state / "hosts"
    found = folder.iterdir() if folder.is_dir() else ()
    return tuple(sorted(typed_name(path.name) for path in found if (path / "audit.json").is_file()))


def load_audit(settings: Settings, host: str) -> Mapping[str, Any]:
    """Return the newest audit of a host.

    Raises:
        UsageFault: It was never audited.
        ControllerFault: Its file can't be read.
    """
    if host not in audited(settings):
        raise UsageFault(
            _("{host} was never audited; audited were: {known}").format(
                host=host, known=", ".join(audited(settings)) or "–"
            ),
            _("Nothing was written."),
            f"ungcuu audit {host}",
        )
    path = settings.host_dir(host) / "audit.json"
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ControllerFault(
            _("{path} can't be read: {error}").format(path=path, error=error),
            _("Nothing was written."),
            f"ungcuu audit {host}",
        ) from error
    if not isinstance(document, dict) or not isinstance(document.get("controls"), list):
        raise ControllerFault(
            _("{path} can't be read: {error}").format(path=path, error=_("it is no audit")),
            _("Nothing was written."),
            f"ungcuu audit {host}",
        )
    return document


def audit(
    site: ReportingSite,
    document: Mapping[str, Any],
    backups: Mapping[str, Any],
    place: str,
    catalogue: Sequence[Control],
) -> Form:
    """Return the report on the audit of one host. ``place`` is the audit's record in a journal, where there is one."""
    rows = [row for row in document["controls"] if isinstance(row, Mapping)]
    titles = {one.id: one.title_vi if language() == "vi" else one.title for one in catalogue}
    counts = document.get("counts") or {}
    host = str(document.get("host") or "")
    when = shown_time(_utc(str(document.get("time") or ""))) + (f" ({shown_place(place)})" if place else "")
    score = _("{passed} of {all} controls that apply hold ({score} %).").format(
        passed=counts.get("pass"), all=document.get("of"), score=document.get("score")
    )
    scope = _("the control catalogue of ungcuu, {count} controls; details are the host's word").format(count=len(rows))
    kept = lines(filter(None, dict.fromkeys([backups["newest"], backups["drill"], *backups["alerts"]])))
    fields = (
        *reporter(site, "1. "),
        Field("host", "2. " + _("Host"), True, host),
        Field("time", "3. " + _("Time of the audit, and its record"), True, when),
        Field("scope", "4. " + _("Checked against"), True, scope),
        Field("score", "5. " + _("Result"), True, score),
        Field(
            "counts",
            _("Controls by status"),
            False,
            "; ".join(f"{_(name)}: {counts[name]}" for name in STATUSES if counts.get(name)),
        ),
        Field("failed", "6. " + _("What fails"), False, lines(_rows(rows, FAIL, titles), 60)),
        Field(
            "not_assessed",
            "7. " + _("What was not assessed, and counts as not held"),
            False,
            lines(_rows(rows, NOT_ASSESSED, titles), 60),
        ),
        Field("waived", "8. " + _("Waivers: who, until when, why"), False, lines(_waivers(rows, titles))),
        Field("drift", "9. " + _("Changes since the audit before"), False, _drift(document)),
        Field("components", "10. " + _("Parts of the application with known vulnerabilities"), False, _parts(document)),
        Field("backups", "11. " + _("Backups"), False, kept),
        Field("measures", "12. " + _("Measures: what, who, until when"), True),
        Field("request", "13. " + _("Proposals")),
    )
    return Form("audit", _("REPORT"), _("Audit of the security of {host}").format(host=host), "", fields)


def _utc(text: str) -> str:
    """The time of an audit, which carries its zone, in the form of records."""
    try:
        return format_time(datetime.fromisoformat(text))
    except ValueError:
        return ""


def _rows(rows: Sequence[Mapping[str, Any]], status: str, titles: Mapping[str, str]) -> Iterator[str]:
    for row in rows:
        if row.get("status") == status:
            detail = str(row.get("detail") or "").strip()
            yield _named(row, titles) + (f": {detail[:200]}" if detail else "")


def _named(row: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    return f"{row.get('id')} ({titles.get(str(row.get('id')), row.get('title'))})"


def _day(text: object) -> str:
    """A day of the inventory as a letter writes it; what is none stays as it stands."""
    try:
        return shown_day(date.fromisoformat(str(text)))
    except ValueError:
        return str(text)


def _waivers(rows: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> Iterator[str]:
    for row in rows:
        if row.get("status") == WAIVED:
            yield f"{_named(row, titles)}: {row.get('owner')}, {_day(row.get('expires'))}, {row.get('reason')}"


def _drift(document: Mapping[str, Any]) -> str:
    if not document.get("previous"):
        return _("this is the first audit")
    changed = [row for row in document.get("drift") or () if isinstance(row, Mapping)]
    return lines(f"{row.get('id')}: {_(str(row.get('before')))} → {_(str(row.get('now')))}" for row in changed) or _(
        "None."
    )


def _parts(document: Mapping[str, Any]) -> str:
    """Parts with known holes, by the site's advisories; how old these are is said."""
    application = document.get("application")
    if not isinstance(application, Mapping):
        return _("not looked at")
    rows = [str(application.get("advisories") or "")]
    for part in application.get("parts") or ():
        holes = [hole for hole in part.get("vulnerabilities") or () if hole.get("verdict") == "affected"]
        if holes:
            rows.append(f"{part.get('name')} {part.get('version')}: {', '.join(str(hole.get('id')) for hole in holes)}")
    rows += [_("not looked at: {what}").format(what=text) for text in application.get("not_looked_at") or ()]
    return lines(rows)


def last_audit(view: View, host: str) -> str:
    """Return the place of the newest audit of a host in a journal; empty where none is known."""
    about = [proof for proof in view.known.proofs if proof.what == "audit" and proof.host == host]
    return max(about, key=lambda proof: proof.time).place if about else ""
