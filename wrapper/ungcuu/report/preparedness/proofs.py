"""What the journals and the vault's last report prove, with the place of each record."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ungcuu.case.case import TLP, list_ids
from ungcuu.case.derivation import derive
from ungcuu.case.facts import from_host, hosts_of
from ungcuu.case.index import OPERATIONS, lost
from ungcuu.case.journal import NAME, read_records
from ungcuu.case.lessons import follow_ups, lessons_of
from ungcuu.case.record import Record
from ungcuu.core.clock import format_time
from ungcuu.core.errors import Tampered, UngcuuError
from ungcuu.core.i18n import _
from ungcuu.core.sentences import shown
from ungcuu.core.settings import Settings
from ungcuu.prepare.register.index import Index
from ungcuu.recover.restore_points import Backups, RestorePoint, known_backups, load, parse_time
from ungcuu.report.format import shown_time

FROM_VAULT = ("backup", "restore")
PRACTISED = ("isolate", "collect")  # what a drill proves too; its host is a disposable one
VERBS = ("scan", "patch", "audit", "isolate", "collect")
DRILL, SUMMARY = "drill", "register_report"  # kinds of records in the journal of operations


@dataclass(frozen=True)
class Proof:
    """One record that proves something. ``time`` is in the journal's form; ``place`` is where the record stands."""

    what: str
    time: str
    place: str
    host: str = ""
    outcome: str = "DONE"
    seconds: float | None = None
    detail: str = ""
    practice: bool = False  # of a drill or an exercise
    inventory: str = ""  # with which the run was started


@dataclass(frozen=True)
class CaseSummary:
    """One case, as its journal shows it. Times in the journal's form; empty where it did not happen."""

    id: str
    stated_title: str
    title_code: Mapping[str, Any]  # as in the case's facts: a board shows both languages
    hosts: tuple[str, ...]
    severity: str
    drill: bool
    phase: str
    detected: str
    opened: str
    contained: str
    recovered: str
    closed: str
    seconds_to_detect: float | None
    seconds_to_contain: float | None
    seconds_to_recover: float | None
    isolation: Mapping[str, str] = field(default_factory=dict)  # host → isolated, lost or unsure
    open_findings: int = 0
    root_cause: str = ""
    lesson: Mapping[str, str] = field(default_factory=dict)
    follow_ups: tuple[Mapping[str, str], ...] = ()
    personal_data: str = "unknown"
    tlp: str = "AMBER"
    apart: bool = False  # played by `drill run`, in a state folder of its own

    @property
    def title(self) -> str:
        """The title in the reader's language."""
        return shown(self.title_code) if self.title_code else self.stated_title


@dataclass(frozen=True)
class Known:
    """All of it. ``unread`` says what could not be read; ``unasked`` are hosts whose vault gave no report yet."""

    proofs: tuple[Proof, ...] = ()
    cases: tuple[CaseSummary, ...] = ()
    unread: tuple[str, ...] = ()
    unasked: frozenset[str] = frozenset()


_FORM = " ".join([*VERBS, *(item.name for kind in (Proof, CaseSummary) for item in fields(kind))])


def gather(settings: Settings, hosts: Sequence[str], inventory: Path) -> Known:
    """Read every journal of this controller, and the vault's last report on these hosts.

    A run that was started with another inventory is no proof: the lab's web01 is not the site's.
    """
    proofs: list[Proof] = []
    cases: list[CaseSummary] = []
    unread = [one.text for one in lost(settings)]
    with Index(settings.state) as index:
        for folder in (settings.operations, *(settings.cases / name for name in list_ids(settings))):
            found = _of_journal(index, folder, unread)
            proofs += [proof for proof in found[0] if _same_site(proof.inventory, inventory)]
            cases += found[1]
        played = replace(settings, state=settings.state / "drill")
        for folder in (played.cases / name for name in list_ids(played)):
            found = _of_journal(index, folder, unread)
            kept = [proof for proof in found[0] if proof.what in PRACTISED]
            proofs += [replace(proof, place=f"drill/{proof.place}", practice=True) for proof in kept]
            cases += [replace(case, id=f"drill/{case.id}", drill=True, apart=True) for case in found[1]]
    backups = [known_backups(host, settings.host_dir(host)) for host in hosts]
    for one in backups:
        held = [point for point in load(settings.host_dir(one.host)) if not point.missing]
        proofs += _backups(one, held)
    unasked = frozenset(one.host for one in backups if not one.asked and one.newest is None)
    return Known(tuple(proofs), tuple(cases), tuple(unread), unasked)


def _same_site(started_with: str, inventory: Path) -> bool:
    """Whether a run belongs to the site at hand; one whose folder is gone since was moved or renamed."""
    return started_with in ("", str(inventory.absolute())) or not Path(started_with).exists()


def _of_journal(index: Index, folder: Path, unread: list[str]) -> tuple[list[Proof], list[CaseSummary]]:
    try:
        rows = index.rows(folder / NAME, _rows_of_journal, _FORM)
        proofs = [Proof(**row["proof"]) for row in rows if "proof" in row]
        return proofs, [_case(row["case"]) for row in rows if "case" in row]
    except FileNotFoundError:
        return [], []  # no journal yet; one that is gone is named by its head
    except (OSError, UngcuuError, TypeError, KeyError) as error:
        what = error.what if isinstance(error, UngcuuError) else str(error)
        unread.append(_("{place} can't be read: {why}").format(place=folder.name, why=what))
        return [], []


def _case(row: Mapping[str, Any]) -> CaseSummary:
    return CaseSummary(**{**row, **{name: tuple(row[name]) for name in ("hosts", "follow_ups")}})


def _rows_of_journal(path: Path) -> list[Any]:
    """What one journal proves, as JSON: this is what the index keeps.

    Raises:
        Tampered: A line is not a record.
    """
    records = read_records(path.parent)
    name = path.parent.name
    facts = derive(records)
    rows: list[Any] = [{"proof": asdict(proof)} for proof in _proofs(records, name, practice=facts.drill)]
    if facts.opened:
        rows.append({"case": asdict(_summary(name, records))})
    elif records and name != OPERATIONS:
        raise Tampered(_("it does not begin with the opening of a case"))
    kept: list[Any] = json.loads(json.dumps(rows))  # as the index will give it back
    return kept


def _proofs(records: Sequence[Record], place: str, *, practice: bool) -> Iterator[Proof]:
    rolled_back: set[str] = set()
    started: dict[str, str] = {}  # run → inventory
    scores: dict[str, str] = {}
    for record in records:
        data, where = record.data, f"{place} {record.seq}"
        if record.kind == "run_started":
            started[str(data.get("run"))] = str(data.get("inventory") or "")
            options = data.get("options")
            if isinstance(options, Mapping) and options.get("rollback"):
                rolled_back.add(str(data.get("run")))
        elif record.kind == "audit":
            scores[",".join(hosts_of(data))] = f"{data.get('score')} %"
        elif record.kind == "run_finished" and data.get("verb") in VERBS and str(data.get("run")) not in rolled_back:
            inventory = started.get(str(data.get("run")), "")
            runs = _of_run(record, where, scores)
            yield from (replace(proof, practice=practice, inventory=inventory) for proof in runs)
        elif record.kind == DRILL and not from_host(record):
            seconds = data.get("seconds_to_contain")
            yield Proof(
                "drill",
                record.time,
                where,
                outcome=str(data.get("outcome")),
                seconds=float(seconds) if isinstance(seconds, int | float) else None,
                detail=str(data.get("scenario") or ""),
                practice=True,
            )
        elif record.kind == SUMMARY and not from_host(record):
            yield Proof("summary", record.time, where, detail=str(data.get("period") or ""))


def _of_run(record: Record, where: str, scores: Mapping[str, str]) -> Iterator[Proof]:
    """What the end of a run proves, host by host."""
    data = record.data
    outcomes = data.get("outcomes") if isinstance(data.get("outcomes"), Mapping) else {}
    seconds = data.get("seconds")
    for host in hosts_of(data):
        yield Proof(
            str(data["verb"]),
            record.time,
            where,
            host,
            str((outcomes or {}).get(host) or data.get("outcome")),
            float(seconds) if isinstance(seconds, int | float) else None,
            scores.get(host, "") if data["verb"] == "audit" else "",
        )


def _summary(name: str, records: Sequence[Record]) -> CaseSummary:
    facts, lesson = derive(records), lessons_of(records)
    return CaseSummary(
        id=name,
        stated_title=facts.stated_title,
        title_code=dict(facts.title_code),
        hosts=facts.hosts,
        severity=facts.severity,
        drill=facts.drill,
        phase=facts.phase,
        detected=facts.detected,
        opened=facts.opened,
        contained=facts.contained,
        recovered=facts.recovered,
        closed=facts.closed,
        seconds_to_detect=facts.seconds_to_detect,
        seconds_to_contain=facts.seconds_to_contain,
        seconds_to_recover=facts.seconds_to_recover,
        isolation=dict.fromkeys(facts.isolated, "isolated")
        | dict.fromkeys(facts.unsure, "unsure")
        | dict.fromkeys(facts.lost, "lost"),
        open_findings=len(facts.open_findings),
        personal_data=facts.personal_data,
        tlp=facts.tlp if facts.tlp in TLP else "RED",
        root_cause=lesson.root_cause if lesson else "",
        lesson=asdict(lesson) if lesson else {},
        follow_ups=tuple(asdict(one) for one in follow_ups(records)),
    )


def _backups(known: Backups, points: Sequence[RestorePoint]) -> Iterator[Proof]:
    """Each restore point, and the last proven restore, as the vault last reported. A doubtful point is no backup."""
    asked = ""
    if known.asked:
        asked = _("as the vault reported at {time}").format(time=shown_time(_vault_time(known.asked)))
    place = _("restore point {point}")
    for point in points:
        words = "; ".join(filter(None, [*point.judged(), asked]))
        when, where = _vault_time(point.time), place.format(point=point.short)
        yield Proof("backup", when, where, known.host, "NOT DONE" if point.doubtful else "DONE", detail=words)
    if known.proven is not None:
        when, where = _vault_time(known.proven.proven), place.format(point=known.proven.short)
        yield Proof("restore", when, where, known.host, seconds=known.proven.rto_seconds, detail=asked)


def _vault_time(text: str) -> str:
    return format_time(parse_time(text))
