"""Folds the records of a case into what they prove. Pure.

There is no second copy: what a command or a report says about a case is folded from the records each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from ungcuu.case.facts import (
    PERSONAL_DATA,
    PHASES,
    Facts,
    Finding,
    RootLost,
    Run,
    from_host,
    hosts_of,
    payload,
)
from ungcuu.case.record import Record
from ungcuu.contain.endings import CutEnding
from ungcuu.core.clock import format_time
from ungcuu.core.phrases import Change, code_of
from ungcuu.detect.findings import substance

# The phase that a verb's success brings a case to; verbs that are not here leave it where it is.
_PHASE_OF_VERB = {
    "isolate": "contain",
    "block": "contain",
    "collect": "contain",
    "eradicate": "recover",
    "restore": "recover",
    "rotate": "recover",
    "reassess": "recover",
    "release": "review",
}
_SCANS = ("scan", "reassess")
# Kinds that steer a case. A task's result is the host's word, so none of these is believed when it came in one.
_OURS = {
    "case_opened",
    "case_closed",
    "phase",
    "detected",
    "first_sign",
    "run_started",
    "run_finished",
    "verdict",
    "outside",
    "root_lost_override",
    "root_regained",
    "case_updated",
    "sweep",
}


def derive(records: Iterable[Record]) -> Facts:
    """Fold the records of a journal into what they prove. Pure."""
    fold = _Fold()
    for record in records:
        fold.take(record)
    return fold.facts()


class _Fold:
    """The accumulator of :func:`derive`."""

    def __init__(self) -> None:
        self._facts = Facts()
        self._phase_since: dict[str, str] = {}
        self._runs: list[Run] = []
        self._isolated: dict[str, str] = {}  # host → "yes" or "unsure"
        self._outside: dict[str, str] = {}  # host → what was last seen from outside
        self._claimed: set[str] = set()  # hosts that said in the run under way that they are cut off
        self._findings: dict[tuple[str, str], Finding] = {}
        self._quarantined: dict[str, tuple[str, str]] = {}  # id in quarantine → finding
        self._root_lost: dict[str, RootLost] = {}
        self._seen: set[tuple[str, str]] = set()  # findings of the scan under way, or of the last one, of each host

    def take(self, record: Record) -> None:
        """Account for one record; a kind without a method here changes nothing that is derived."""
        handler = getattr(self, f"_on_{record.kind}", None)
        if handler is not None and not (record.kind in _OURS and from_host(record)):
            handler(record, payload(record))

    def facts(self) -> Facts:
        """Return what has been folded so far."""
        return replace(
            self._facts,
            phase_since=dict(self._phase_since),
            runs=tuple(self._runs),
            root_lost=tuple(self._root_lost.values()),
            findings=tuple(self._findings.values()),
            isolated=tuple(sorted(host for host in self._isolated if self._outside.get(host) != "open")),
            lost=tuple(sorted(host for host in self._isolated if self._outside.get(host) == "open")),
            outside=dict(self._outside),
            unsure=tuple(
                sorted(
                    host
                    for host, sure in self._isolated.items()
                    if sure == "unsure" and self._outside.get(host) != "open"
                )
            ),
        )

    def _enter(self, phase: str, when: str) -> None:
        if phase != self._facts.phase:
            self._facts = replace(self._facts, phase=phase)
            self._phase_since[phase] = when

    def _on_case_opened(self, record: Record, data: Mapping[str, Any]) -> None:
        self._facts = replace(
            self._facts,
            case=str(data.get("case") or ""),
            stated_title=str(data.get("title") or ""),
            title_code=code if isinstance(code := data.get("title_code"), Mapping) else {},
            severity=str(data.get("severity") or ""),
            reason=str(data.get("reason") or ""),
            operator=str(data.get("operator") or ""),
            detected_by=str(data.get("detected_by") or ""),
            drill=data.get("drill") is True,
            hosts=hosts_of(data),
            tlp=str(data.get("tlp") or "AMBER"),
            first_sign=_utc(data.get("first_sign")),
            detected=_utc(data.get("detected_at")) or record.time,
            opened=record.time,
            reporting=_words(data.get("reporting")),
        )
        self._phase_since["detect"] = record.time
        self._learn(data, self._facts.detected)

    def _on_case_updated(self, record: Record, data: Mapping[str, Any]) -> None:
        self._learn(data, record.time)
        if data.get("severity"):
            self._facts = replace(self._facts, severity=str(data["severity"]))
        if data.get("detected_by"):
            self._facts = replace(self._facts, detected_by=str(data["detected_by"]))
        if when := _utc(data.get("detected_at")):
            self._facts = replace(self._facts, detected=when)

    def _learn(self, data: Mapping[str, Any], noticed: str) -> None:
        """Take what a person stated of the incident for its reports; what is not stated stays as it was."""
        known, level = self._facts, data.get("system_level")
        leaked = data.get("personal_data")
        self._facts = replace(
            known,
            detected_way=str(data.get("detected_way") or known.detected_way),
            system=str(data.get("system") or known.system),
            system_level=level if isinstance(level, int) and 1 <= level <= 5 else known.system_level,
        )
        if leaked in PERSONAL_DATA:
            since = _utc(data.get("personal_data_at")) or known.personal_data_at or noticed
            self._facts = replace(
                self._facts, personal_data=str(leaked), personal_data_at=since if leaked == "yes" else ""
            )

    def _on_first_sign(self, _record: Record, data: Mapping[str, Any]) -> None:
        if when := _utc(data.get("time")):
            self._facts = replace(self._facts, first_sign=when, first_sign_by="")

    def _on_detected(self, _record: Record, data: Mapping[str, Any]) -> None:
        self._facts = replace(self._facts, detected=_utc(data.get("time")) or self._facts.detected)

    def _on_phase(self, record: Record, data: Mapping[str, Any]) -> None:
        if data.get("phase") in PHASES:
            self._enter(str(data["phase"]), record.time)

    def _on_case_closed(self, record: Record, _data: Mapping[str, Any]) -> None:
        self._enter("closed", record.time)
        self._facts = replace(self._facts, closed=record.time)

    def _on_run_started(self, record: Record, data: Mapping[str, Any]) -> None:
        run = Run(
            verb=str(data.get("verb") or ""),
            hosts=hosts_of(data),
            started=record.time,
            reason=str(data.get("reason") or ""),
            operator=str(data.get("operator") or ""),
            seq=record.seq,
            run=str(data.get("run") or ""),
        )
        self._runs.append(run)
        if run.verb in _SCANS:
            self._seen = {key for key in self._seen if key[0] not in run.hosts}
        if run.verb == "isolate":
            self._claimed -= set(run.hosts)
            self._isolated |= {host: "unsure" for host in run.hosts if host not in self._isolated}

    def _on_run_finished(self, record: Record, data: Mapping[str, Any]) -> None:
        at = self._run_index(data)
        if at is None:
            return
        run = replace(
            self._runs[at],
            finished=record.time,
            outcome=str(data.get("outcome") or ""),
            seconds=_number(data.get("seconds")),
        )
        self._runs[at] = run
        outcomes = data.get("outcomes") if isinstance(data.get("outcomes"), Mapping) else {}
        for host in run.hosts:
            self._settle(run, host, str((outcomes or {}).get(host) or run.outcome))
        if run.outcome == "DONE" and self._facts.phase != "closed":
            self._follow(run)

    def _run_index(self, data: Mapping[str, Any]) -> int | None:
        """The unfinished run that a record ends: by its id where it has one, else the newest of that verb."""
        for at in reversed(range(len(self._runs))):
            run = self._runs[at]
            same = data["run"] == run.run if data.get("run") else data.get("verb", run.verb) == run.verb
            if same and not run.finished:
                return at
        return None

    def _settle(self, run: Run, host: str, outcome: str) -> None:
        """What the end of a run proves about one host."""
        if run.verb == "isolate":
            if outcome == "DONE":
                self._isolated[host] = "yes"
            elif outcome == "NOT DONE" and self._isolated.get(host) == "unsure":
                if host in self._claimed and self._outside.get(host) == "silent":
                    self._isolated[host] = "yes"  # cut off, though something else of the run was not done
                else:
                    del self._isolated[host]
        elif run.verb == "release" and host in self._isolated:
            if outcome == "DONE":
                del self._isolated[host]
                self._outside.pop(host, None)
            elif outcome == "UNKNOWN":
                self._isolated[host] = "unsure"

    def _on_scan(self, _record: Record, data: Mapping[str, Any]) -> None:
        """The end of one whole scan of a host: what it no longer saw is gone. Believed only from a scan under way."""
        host = ",".join(hosts_of(data))
        under_way = any(run.verb in _SCANS and not run.finished and host in run.hosts for run in self._runs)
        if not under_way or data.get("complete") is not True:
            return
        self._forget_unseen(host)
        when = _utc(data.get("first_sign"))
        # What changed after somebody had noticed is no first sign: `restore --clean` would take a point of that time.
        if when and not self._facts.first_sign and when <= self._facts.detected:
            self._facts = replace(self._facts, first_sign=when, first_sign_by="host")

    def _forget_unseen(self, host: str) -> None:
        for key, finding in self._findings.items():
            if finding.host == host and finding.open and key not in self._seen:
                self._findings[key] = replace(finding, state="gone")

    def _follow(self, run: Run) -> None:
        if run.verb == "isolate" and not self._facts.contained:
            self._facts = replace(self._facts, contained=run.finished)
        if run.verb == "release" and not self._isolated:
            self._facts = replace(self._facts, recovered=run.finished)
        if run.verb in _PHASE_OF_VERB and (run.verb != "release" or not self._isolated):
            self._enter(_PHASE_OF_VERB[run.verb], run.finished)

    def _on_finding(self, record: Record, data: Mapping[str, Any]) -> None:
        host = ",".join(hosts_of(data))
        path = str(data.get("path") or "")
        key = (host, str(data.get("id") or f"{data.get('rule') or data.get('check') or ''}:{path}"))
        known = self._findings.get(key)
        self._seen.add(key)
        verdict = known.verdict if known and substance(known.data) == substance(data) else {}
        self._findings[key] = Finding(
            id=key[1],
            host=host,
            severity=str(data.get("severity") or ""),
            title=str(data.get("title") or data.get("summary") or data.get("rule") or data.get("check") or ""),
            path=path,
            state=str(verdict.get("verdict") or "open"),
            seen=known.seen if known else record.time,
            data=data,
            verdict=verdict,
        )

    def _on_root_lost(self, record: Record, data: Mapping[str, Any]) -> None:
        host, listed = ",".join(hosts_of(data)), data.get("findings")
        found = tuple(map(str, listed)) if isinstance(listed, list | tuple) else ()
        since = _utc(data.get("since")) or record.time
        known = self._root_lost.get(host)
        if known is None or (known.since != since and (known.regained or known.override)):
            self._root_lost[host] = RootLost(host, since, found)
        else:
            self._root_lost[host] = replace(known, findings=tuple(dict.fromkeys([*known.findings, *found])))

    def _on_root_regained(self, record: Record, data: Mapping[str, Any]) -> None:
        host = ",".join(hosts_of(data))
        if known := self._root_lost.get(host):
            self._root_lost[host] = replace(known, regained=record.time)

    def _on_root_lost_override(self, record: Record, data: Mapping[str, Any]) -> None:
        host, listed = ",".join(hosts_of(data)), data.get("findings")
        found = tuple(map(str, listed)) if isinstance(listed, list | tuple) else ()
        known = self._root_lost.get(host) or RootLost(host, record.time, found)
        self._root_lost[host] = replace(
            known, override=str(data.get("reason") or ""), by=str(data.get("by") or ""), overridden=record.time
        )

    def _on_quarantine(self, _record: Record, data: Mapping[str, Any]) -> None:
        hosts, path, named = hosts_of(data), str(data.get("path") or ""), str(data.get("finding") or "")
        for key, finding in self._findings.items():
            same = finding.id == named if named else bool(path) and finding.path == path
            if same and (not hosts or finding.host in hosts) and finding.open:
                self._findings[key] = replace(finding, state="quarantined")
                self._quarantined[str(data.get("id") or "")] = key

    def _on_outside(self, _record: Record, data: Mapping[str, Any]) -> None:
        """What this controller and its vantage saw of a host, without asking it."""
        if data.get("state") in ("silent", "open", "unknown"):
            self._outside |= dict.fromkeys(hosts_of(data), str(data["state"]))

    def _on_change(self, record: Record, data: Mapping[str, Any]) -> None:
        """What was put back from quarantine is open again."""
        if (
            code_of(data.get("what")) == Change.ISOLATION
            and data.get("ending") == CutEnding.CUT
            and not from_host(record)
        ):
            self._claimed |= set(hosts_of(data))
        key = (
            self._quarantined.get(str(data.get("item") or "")) if code_of(data.get("what")) == Change.PUT_BACK else None
        )
        if key is not None:
            self._findings[key] = replace(self._findings[key], state="open")

    def _on_verdict(self, _record: Record, data: Mapping[str, Any]) -> None:
        for key, finding in self._findings.items():
            if finding.id == data.get("finding"):
                self._findings[key] = replace(finding, state=str(data.get("verdict") or finding.state), verdict=data)


def _utc(value: object) -> str:
    """A time that someone wrote, in the journal's form; empty where it is none."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return ""
    return format_time(moment) if moment.tzinfo else ""


def _words(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
