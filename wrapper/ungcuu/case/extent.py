"""How far the intruder came in a case: each host's evidence, read from the first sign on.

1. Evidence is read as a stream, by the names that the journal gives it; of several takings the newest counts.
2. A file is the intruder's own word where the host was the intruder's: `evidence.scope` says what that leaves unproven.
3. What a person called a false alarm names nothing and nobody.
4. What ungcuu wrote is recognised by content, never by name: what was sent is in the journal, what was there before the
   first sign is in the baseline. A file of ungcuu with other content is the intruder's.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

from ungcuu.case.case import Case
from ungcuu.case.evidence.extent import Good, Scope, scope_from
from ungcuu.case.evidence.readers import file_rows, hash_rows
from ungcuu.case.facts import Facts, Finding, hosts_of, payload
from ungcuu.case.indicators import Seen, addresses_of, counts, foreign
from ungcuu.case.record import Record
from ungcuu.contain import card
from ungcuu.core.clock import format_time, parse_time
from ungcuu.core.errors import Tampered
from ungcuu.detect import baseline

READ = ("web_logs", "journal", "web_manifest", "changed_files")  # the items of triage that show something
HASHES = ("web_hashes", "our_files")
_BEFORE = "/var/lib/ungcuu/before"
_HASH = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class HostScope:
    """The scope of one host. ``root`` is its web root, ``lacking`` the items that the case does not hold."""

    host: str
    root: str
    skew: timedelta
    scope: Scope
    lacking: tuple[str, ...]

    @property
    def is_known(self) -> bool:
        """Whether anything was there to read."""
        return set(self.lacking) != set(READ) or bool(self.scope.addresses)


@dataclass(frozen=True)
class CaseScope:
    """The scope of a case from ``since`` on (the journal's form), which is the ``reckoned`` moment's name."""

    since: str
    reckoned: str  # "first_sign", "detected" or "opened"
    hosts: tuple[HostScope, ...]


def scope_of_case(case: Case) -> CaseScope:
    """Read the scope of a case from its evidence.

    Raises:
        Tampered: the journal can't be read.
    """
    records, facts = case.records(), case.facts
    name = next((one for one in ("first_sign", "detected") if getattr(facts, one)), "opened")
    since: str = getattr(facts, name)
    held = held_evidence(case, records)
    skew = skews(records)
    sent = sent_files(records)
    found = []
    for host in sorted({*facts.hosts, *held}):
        files = held.get(host, {})
        known = known_files(files, sent.get(host, {}), _trusted(case, host, since))
        own = own_addresses(case, host, records)
        found.append(
            _host(host, files, facts, parse_time(since), skew=skew.get(host, timedelta(0)), known=known, own=own)
        )
    return CaseScope(since, name, tuple(found))


def sent_files(records: Iterable[Record]) -> dict[str, dict[str, str]]:
    """The files that ungcuu had put on each host when triage was last taken, with their SHA-256."""
    found = {}
    for record in records:
        data = payload(record)
        files = data.get("files")
        if record.kind == "sent_files" and isinstance(files, Mapping):
            found[",".join(hosts_of(data))] = {str(path): str(digest) for path, digest in files.items()}
    return found


def own_addresses(case: Case, host: str, records: Iterable[Record]) -> frozenset[str]:
    """Addresses from which ungcuu asks the website: this controller as the host saw it, and the host's own loopback."""
    seen = {str(payload(record).get("seen_from")) for record in records if record.kind == "change"}
    with contextlib.suppress(card.NoCard):
        seen |= set(card.load(case.settings, host).seen_from)
    return frozenset(seen | {"127.0.0.1", "::1"})


def _trusted(case: Case, host: str, since: str) -> Mapping[str, Mapping[str, Any]]:
    """The files of the newest baseline that is older than the first sign of compromise; none where none is trusted."""
    try:
        good = baseline.before(case.settings.state, host, since)
    except (OSError, Tampered):
        return {}
    return {str(key[0]): row for key, row in good.snapshot.of("file").items()} if good else {}


def known_files(
    held: Mapping[str, Path], sent: Mapping[str, str], trusted: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Good], list[str]]:
    """Return the files with a known content, and those of ungcuu with another one, as the evidence's hashes show."""
    good: dict[str, Good] = {}
    altered = []
    for name in HASHES:
        for path, digest in hash_rows(held[name]) if name in held else ():
            row = trusted.get(path.removeprefix(_BEFORE)) or {}
            if sent.get(path) == digest:
                good[path] = Good()
            elif row.get("sha256") == digest and (name == "web_hashes" or path.startswith(f"{_BEFORE}/")):
                good[path] = Good(int(row["mode"]) & 0o7777, int(row["uid"]), int(row["gid"]))
            elif path in sent:
                altered.append(path)
    return good, altered


def _host(
    host: str,
    held: Mapping[str, Path],
    facts: Facts,
    since: datetime,
    *,
    skew: timedelta,
    known: tuple[Mapping[str, Good], Iterable[str]],
    own: Collection[str],
) -> HostScope:
    findings = [one for one in facts.findings if one.host == host and one.state != "false alarm"]
    root = root_of(held)
    paths = [one.path for one in findings if one.path.startswith("/")]
    found = scope_from(
        held, since, paths, root, known=_named(findings), skew=skew, good=known[0], altered=known[1], own=own
    )
    return HostScope(host, root, skew, found, tuple(name for name in READ if name not in held))


def _named(findings: Iterable[Finding]) -> dict[str, str]:
    """Addresses that findings name, each with the finding's title."""
    return {str(address): one.title or one.id for one in findings for address in addresses_of(one.data)}


def held_evidence(case: Case, records: Iterable[Record]) -> dict[str, dict[str, Path]]:
    """The newest file of each item that this module or the timeline reads, by host and id."""
    found: dict[str, dict[str, Path]] = {}
    for record in records:
        data = payload(record)
        digest, name = str(data.get("sha256") or ""), str(data.get("id") or "")
        if record.kind != "evidence" or name not in (*READ, *HASHES) or not _HASH.match(digest):
            continue
        path = case.evidence / digest
        if path.is_file() and not path.is_symlink():
            found.setdefault(",".join(hosts_of(data)), {})[name] = path
    return found


def root_of(held: Mapping[str, Path]) -> str:
    """The web root: the first entry of its own manifest; empty where there is none."""
    row = next(iter(file_rows(held["web_manifest"])), None) if "web_manifest" in held else None
    return row.path.rstrip("/") if row is not None and row.path.startswith("/") else ""


def skews(records: Iterable[Record]) -> dict[str, timedelta]:
    """How far each host's clock is ahead of the controller's, as the last collection measured it."""
    found = {}
    for record in records:
        data = payload(record)
        skew = data.get("clock_skew_seconds")
        if record.kind != "custody" or isinstance(skew, bool) or not isinstance(skew, int | float):
            continue
        if abs(skew) < 1e9:
            found[str(data.get("from") or "")] = timedelta(seconds=skew)
    return found


def intruders(found: CaseScope, facts: Facts) -> list[Seen]:
    """Addresses that asked for a file which is the intruder's, not merely changed; never one of our own.

    Everybody asks for a front page, also for one that was changed: such visitors are no intruders.
    """
    files = {(one.host, one.path) for one in facts.findings if counts(one) and foreign(one)}
    return [
        Seen(row.address, row.why, format_time(row.first))
        for host in found.hosts
        for row in host.scope.addresses
        if row.requests and not row.own and _asked_for(host, row.why, files)
    ]


def _asked_for(host: HostScope, why: str, files: Collection[tuple[str, str]]) -> bool:
    """Whether a path of the site lies at or below one of these files (PHP takes what follows its name)."""
    place = PurePosixPath(f"{host.root}{why}")
    return any((host.host, str(part)) in files for part in (place, *place.parents))


def as_data(found: CaseScope) -> dict[str, Any]:
    """The scope as plain data, times in the journal's form."""
    hosts = [
        {
            "host": one.host,
            "root": one.root,
            "clock_skew_seconds": one.skew.total_seconds(),
            "lacking": list(one.lacking),
            **_plain(asdict(one.scope)),
        }
        for one in found.hosts
    ]
    return {"since": found.since, "reckoned_from": found.reckoned, "scope": hosts}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return format_time(value) if isinstance(value, datetime) else value
