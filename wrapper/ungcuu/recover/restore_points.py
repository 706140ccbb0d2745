"""Restore points as the controller last heard of them from the vault: `<state>/hosts/<host>/restore_points.json`.

The vault's ledger is the truth; this copy answers "how old is the last good backup?" without asking anybody. It is
written by the playbooks `backup`, `restore_points` and `restore_drill`, and read by doctor, patch and the reports.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ungcuu.core.atomic import make_private, put_json
from ungcuu.core.i18n import N_, _
from ungcuu.core.phrases import Change
from ungcuu.core.settings import kept_name, machine_of
from ungcuu.core.terminal import clean
from ungcuu.hosts import vault
from ungcuu.recover.point_verdict import (
    CodeVerdict,
    Completeness,
    Restorable,
    code_verdict,
    completeness,
    restorable,
)

if TYPE_CHECKING:
    from ungcuu.hosts.site import Site

FILE = "restore_points.json"
SECOND_FILE = "second_vault.json"  # the same list as a second vault gives it, where the inventory names one
BACKUP_HOURS = 48  # a newest point older than this means that a backup was missed
PROOF_DAYS = 92  # a restore is to be proven once a quarter
_MOST_BYTES = 8 << 20
_MOST_REFUSED = 20


@dataclass(frozen=True)
class RestorePoint:
    """One restore point. Times are UTC by the vault's clock; `proven` is empty until it happened.

    `changed` counts files against the point before, as "+new -removed ~changed". RTO and RPO are those of the drill
    that proved the point, on the host `proven_on`.
    """

    id: str
    time: str
    host: str
    bytes: int
    files: int
    added_bytes: int = 0
    changed: str = ""
    verdict: CodeVerdict = field(default_factory=CodeVerdict)
    whole: Completeness = field(default_factory=Completeness)
    checks: Restorable = field(default_factory=Restorable)
    proven: str = ""
    proven_on: str = ""
    rto_seconds: float | None = None
    rpo_seconds: float | None = None
    missing: bool = False

    @property
    def short(self) -> str:
        """The id as people say it."""
        return self.id[:8]

    def age_seconds(self, now: datetime | None = None) -> float:
        """Seconds since the point was taken: the RPO if the host were lost now."""
        return ((now or datetime.now(UTC)) - parse_time(self.time)).total_seconds()

    def as_data(self) -> dict[str, object]:
        """Return the point for the journal and `--json`; `judged` in words."""
        return asdict(self) | {"clean": self.verdict.clean, "scanned": self.verdict.time, "judged": self.judged()}

    def judged(self) -> list[str]:
        """What the vault judged of it: what is missing, or who accepted that, and the verdict on its code."""
        words = (self.whole.words(), self.whole.acceptance(), self._refusal(), self.verdict.words())
        return [text for text in words if text]

    def _refusal(self) -> str:
        """What a restore would refuse; empty for nothing."""
        found = self.checks.words()
        return _("a restore would refuse it: {what}").format(what=found) if found else ""

    @property
    def doubtful(self) -> bool:
        """Whether it is not whole, a restore would refuse it, or its code is suspect."""
        return False in (self.whole.whole, self.checks.restorable, self.verdict.clean)


@dataclass(frozen=True)
class Schedule:
    """The vault's timer of one host; `last_run` is empty for never."""

    active: bool
    last_run: str = ""
    result: str = ""


def parse_time(text: str) -> datetime:
    """A time as the vault writes it.

    Raises:
        ValueError: it is none.
    """
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def parse(document: Mapping[str, Any]) -> tuple[RestorePoint, ...]:
    """Return the points of a vault's answer, newest first; what is not a point is left out."""
    points = []
    rows = document.get("points")
    for row in rows if isinstance(rows, list) else ():
        try:
            points.append(_point(row))
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
    return tuple(sorted(points, key=lambda point: point.time, reverse=True))


def load(host_folder: Path) -> tuple[RestorePoint, ...]:
    """Return the points that the controller knows of a host, newest first; none where it never asked."""
    return parse(_document(host_folder))


def _document(host_folder: Path, name: str = FILE) -> Mapping[str, Any]:
    try:
        path = host_folder / name
        if path.stat().st_size > _MOST_BYTES:
            return {}
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def newest(host_folder: Path) -> RestorePoint | None:
    """Return the newest point that the vault still holds."""
    return next((point for point in load(host_folder) if not point.missing), None)


def proven(host_folder: Path) -> RestorePoint | None:
    """Return the point whose restore was proven last, by trying it."""
    found = [point for point in load(host_folder) if point.proven]
    return max(found, key=lambda point: point.proven, default=None)


def last_proven(host_folder: Path) -> str:
    """When a restore of this host's backups was last proven by trying it; empty for never."""
    point = proven(host_folder)
    return point.proven if point else ""


def schedule(host_folder: Path) -> Schedule | None:
    """Return the vault's timer as it was last heard of; None where nothing is known of one."""
    return _schedule(_document(host_folder))


def _schedule(document: Mapping[str, Any]) -> Schedule | None:
    row = document.get("schedule")
    if not isinstance(row, dict):
        return None
    return Schedule(row.get("active") is True, clean(str(row.get("last_run")), 30), clean(str(row.get("result")), 30))


@dataclass(frozen=True)
class Backups:
    """What a report shows of a host's backups: as the vault last reported to the controller, at `asked` (UTC)."""

    host: str
    asked: str
    newest: RestorePoint | None
    proven: RestorePoint | None
    alerts: tuple[str, ...]


def known_backups(host: str, host_folder: Path, now: datetime | None = None) -> Backups:
    """Gather that from the host's folder on the controller."""
    asked = clean(str(_document(host_folder).get("asked") or ""), 30)
    wrong = tuple(alert.text for alert in alerts(host_folder, now))
    return Backups(host, asked, newest(host_folder), proven(host_folder), wrong)


@dataclass(frozen=True)
class Alert:
    """Something that is wrong with a host's backups, and the verb that helps. `severity` is high or medium."""

    text: str
    verb: str = "backup"
    severity: str = "medium"


def refresh(site: Site, host: str, host_folder: Path) -> bool:
    """Ask the host's vault for its list and keep it; False, with the older list left, where it does not answer.

    A second vault is asked too; one that does not answer is noted as such.
    """
    variables = site.variables(machine_of(host))
    second = str(variables.get("website_second_vault_host") or "")
    if second:
        document = _points(site, second, host) or {"outcome": "UNKNOWN"}
        put_json(make_private(host_folder) / SECOND_FILE, document | {"vault": second})
    else:
        (host_folder / SECOND_FILE).unlink(missing_ok=True)
    known = _points(site, str(variables.get("website_vault_host") or ""), host)
    if known is None:
        return False
    put_json(make_private(host_folder) / FILE, known)
    return True


def _points(site: Site, name: str, host: str) -> dict[str, Any] | None:
    """The list as a vault gives it; None where it gives none."""
    if name not in site.hosts:
        return None
    document = vault.ask(name, site.variables(name), "points", kept_name(host))
    return document if document and isinstance(document.get("points"), list) else None


def alerts(host_folder: Path, now: datetime | None = None) -> list[Alert]:
    """Return what is wrong with a host's backups: none, old, not started, failed, never proven, not copied."""
    moment = now or datetime.now(UTC)
    return (
        _alerts_of(_document(host_folder), moment) + _proof_alerts(host_folder, moment) + _copies(host_folder, moment)
    )


def _alerts_of(document: Mapping[str, Any], moment: datetime) -> list[Alert]:
    """What is wrong with the points that one vault holds."""
    points = parse(document)
    held = [point for point in points if not point.missing]
    if not held:
        return [Alert(_("no restore point is known"))]
    found = []
    found += _judgement_alerts(held[0])
    hours = int(held[0].age_seconds(moment) // 3600)
    if hours >= BACKUP_HOURS:
        found.append(Alert(_("a backup was missed: the newest restore point is {hours} hours old").format(hours=hours)))
    found += _timer_alerts(_schedule(document))
    if lost := sum(point.missing for point in points):
        found.append(Alert(_("{count} restore points are gone from the vault").format(count=lost), "restore-points"))
    found += _refusals(document)
    if count := _strangers(document):
        found.append(
            Alert(_("the repository holds {count} points that no run of ungcuu made").format(count=count), "scan")
        )
    return found


def _judgement_alerts(point: RestorePoint) -> list[Alert]:
    """What the vault judged of the newest point: not whole, not restorable, suspect, or that it could not be judged."""
    found = []
    if words := point.checks.words():
        text = _("a restore would refuse the newest restore point {point}: {what}")
        found.append(Alert(text.format(point=point.short, what=words), "restore-points", "high"))
    if words := point.whole.words():
        text = _("the newest restore point {point} {what}").format(point=point.short, what=words)
        found.append(Alert(text, "restore-points", "high"))
    if point.verdict.clean is False:
        text = _("the newest restore point {point} is {what}").format(point=point.short, what=point.verdict.words())
        found.append(Alert(text, "restore-points", "high"))
    elif point.verdict.why in ("failed", "too much"):
        text = _("the newest restore point {point} is {what}").format(point=point.short, what=point.verdict.words())
        found.append(Alert(text, "restore-points"))
    return found


def _proof_alerts(host_folder: Path, moment: datetime) -> list[Alert]:
    """Whether the last proof of a restore is young enough; silent where there is nothing to prove."""
    if newest(host_folder) is None:
        return []
    last = proven(host_folder)
    if last is None:
        return [Alert(_("no restore was ever proven"), "restore-drill")]
    days = (moment - parse_time(last.proven)).days
    if days > PROOF_DAYS:
        words = _("a restore drill was missed: the last proven restore is {days} days old")
        return [Alert(words.format(days=days), "restore-drill")]
    return []


def _copies(host_folder: Path, moment: datetime) -> list[Alert]:
    """What is wrong with the copies on the second vault, where there is one."""
    document = _document(host_folder, SECOND_FILE)
    if not document:
        return []
    vault = clean(str(document.get("vault")), 80)
    if document.get("outcome") != "DONE":
        return [Alert(_("the second vault {vault} does not answer").format(vault=vault), "doctor")]
    words = _("second vault {vault}: {what}")
    wrong = _alerts_of(document, moment)
    return [Alert(words.format(vault=vault, what=row.text), row.verb, row.severity) for row in wrong]


# What the vault saw in a run that it refused, by the kind it gives; its own words are in its answer to that run.
_REFUSED = {
    "key": N_("the host added a key to the repository"),
    "index": N_("the host wrote an index that is garbage or does not describe what it sent"),
    "snapshot": N_("the host wrote more restore points than one, or another than it named"),
    "pack": N_("a pack is not what its name or its header says"),
    "names": N_("the host wrote files that no backup writes"),
    "changed": N_("files that the vault had were replaced or removed"),
    "structure": N_("the restore point is not whole"),
    "check": N_("the vault could not check what arrived"),
    "adopted": N_("the repository of an earlier release held keys, points or packs that are not the vault's"),
}


def _refusals(document: Mapping[str, Any]) -> list[Alert]:
    """Runs that the vault refused, points that wait for their check, and a disk that it can't work on."""
    found = []
    for row in _rows(document, "refused"):
        cause = _REFUSED.get(str(row.get("kind")), N_("it was not an honest backup"))
        words = _("the vault refused what {host} wrote at {when}: {cause}. Earlier restore points are whole")
        moment = clean(str(row.get("time")), 30)
        found.append(Alert(words.format(host=clean(str(row.get("host")), 80), when=moment, cause=_(cause)), "scan"))
    if count := len(_rows(document, "waiting")):
        found.append(Alert(_("{count} restore points arrived and are not checked yet").format(count=count)))
    if document.get("problems"):
        words = _("the vault's file system makes no hard links: put its backups on ext4, XFS or Btrfs")
        found.append(Alert(words, "doctor"))
    return found


def _rows(document: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = document.get(name)
    found: list[Mapping[str, Any]] = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return found[:_MOST_REFUSED]


def _strangers(document: Mapping[str, Any]) -> int:
    rows = document.get("strangers")
    return len(rows) if isinstance(rows, list) else 0


def _timer_alerts(timer: Schedule | None) -> list[Alert]:
    if timer is None:
        return []
    if not timer.active:
        return [Alert(_("nothing starts the backups: the vault's timer is not active"))]
    if timer.result not in ("success", ""):
        words = _("the scheduled backup at {when} failed: {result}")
        return [Alert(words.format(when=timer.last_run or _("an unknown time"), result=timer.result))]
    return []


def drill_data(host_folder: Path) -> dict[str, object]:
    """Return the last proof of these backups, for journals and reports; `proven` is empty where there is none."""
    point = proven(host_folder)
    if point is None:
        return {"action": str(Change.LAST_PROVEN), "proven": ""}
    return {
        "action": str(Change.LAST_PROVEN),
        "point": point.short,
        "time": point.time,
        "proven": point.proven,
        "on": point.proven_on,
        "rto_seconds": point.rto_seconds,
        "rpo_seconds": point.rpo_seconds,
    }


def _changes(row: Mapping[str, Any]) -> str:
    """What changed since the point before; empty where the vault has not compared them."""
    counts = row.get("changed")
    if not isinstance(counts, dict):
        return ""
    return f"+{int(counts['new'])} -{int(counts['removed'])} ~{int(counts['changed'])}"


def _point(row: Mapping[str, Any]) -> RestorePoint:
    drill = row.get("drill") or {}
    point = RestorePoint(
        id=str(row["id"]),
        time=str(row["time"]),
        host=clean(str(row["host"]), 80),
        bytes=int(row["bytes"]),
        files=int(row["files"]),
        added_bytes=int(row.get("added_bytes") or 0),
        changed=_changes(row),
        verdict=code_verdict(row),
        whole=completeness(row),
        checks=restorable(row),
        proven=_proven(row),
        proven_on=clean(str(drill.get("on") or ""), 80),
        rto_seconds=float(drill["rto_seconds"]) if "rto_seconds" in drill else None,
        rpo_seconds=float(drill["rpo_seconds"]) if "rpo_seconds" in drill else None,
        missing=bool(row.get("missing")),
    )
    int(point.id, 16)
    point.age_seconds()
    return point


def _proven(row: Mapping[str, Any]) -> str:
    text = str(row.get("proven") or "")
    if text:
        parse_time(text)
    return text
