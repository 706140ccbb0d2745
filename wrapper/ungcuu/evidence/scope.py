"""How far the intruder came: addresses, accounts, files, and data that may have left. Pure, over items of triage.

What it says is bounded by what the host told: logs can be cut, times set back, and ``relatime`` hides most reads. It
names what is there; that something isn't named proves nothing, and ``Scope.limits`` says so to the reader.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from ungcuu.evidence.reading import FileRow, archive_lines, file_rows, journal_entries
from ungcuu.evidence.store import Item
from ungcuu.i18n import N_
from ungcuu.screen import clean

MOST = 500  # rows of each list; the numbers beside them count all
LARGE = 1 << 20  # bytes of a response that is worth a line of its own

LIMITS = (
    N_("Only what the host still told is named here: an intruder with root can remove lines and set times back."),
    N_("Most reads leave no trace, since access times are updated once a day at most."),
    N_("Bytes are those of web responses; what left by other ways is not counted."),
)

# Source: Apache's "combined" format, which nginx uses too.
_REQUEST = re.compile(
    rb'(?P<address>[0-9A-Fa-f.:]{2,45}) \S+ \S+ \[(?P<time>[^\]]{20,30})\] "(?P<method>[A-Z]{3,10}) (?P<path>\S+)[^"]*"'
    rb" (?P<status>\d{3}) (?P<size>\d+|-)"
)
_ARCHIVE = re.compile(r"\.(zip|rar|7z|tar|gz|tgz|bz2|xz|sql|bak|dump|db|csv|xlsx?)$", re.IGNORECASE)
_LOGIN = re.compile(rb"Accepted \S+ for (?P<account>\S{1,64}) from (?P<address>[0-9A-Fa-f.:]{2,45}) port")
_SUDO = re.compile(rb"\s*(?P<account>\S{1,64}) : .*USER=(?P<as>\S{1,64}) ; COMMAND=")
_ACCOUNT = re.compile(
    rb"(?:new user: name=|delete user '|change user '|password changed for |to group ')(?P<account>[^',\s]{1,64})"
)
_CHANGERS = frozenset({b"useradd", b"usermod", b"userdel", b"passwd", b"chpasswd", b"chage", b"gpasswd", b"groupadd"})


@dataclass(frozen=True)
class Request:
    """One line of a web server's log. ``time`` is aware, ``size`` in bytes, ``path`` without query, decoded."""

    address: str
    time: datetime
    method: str
    path: str
    status: int
    size: int


@dataclass(frozen=True)
class Address:
    """An address that asked for what a finding names, or that logged in since the first sign."""

    address: str
    why: str
    requests: int
    sent: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class Account:
    """An account of the host that somebody used or changed since the first sign."""

    account: str
    acts: tuple[str, ...]
    count: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class Scope:
    """What is known of how far it went. Texts are clean; lists hold at most ``MOST`` rows, counts hold all."""

    since: datetime
    addresses: tuple[Address, ...]
    accounts: tuple[Account, ...]
    changed: tuple[str, ...]
    changed_count: int
    read: tuple[str, ...]
    read_count: int
    left_bytes: int
    responses: tuple[Request, ...]
    limits: tuple[str, ...] = LIMITS


def scope(
    since: datetime,
    suspects: Sequence[str],
    requests: Callable[[], Iterable[Request]],
    entries: Iterable[Mapping[str, bytes]],
    files: Iterable[FileRow],
) -> Scope:
    """Return how far it went since ``since`` (aware; from there on, inclusive).

    ``suspects`` are the URL paths of findings below the web root. ``requests`` is called twice, so that no log is held
    in memory: the first reading finds the addresses, the second all that they did.
    """
    touched = _Tally()
    marked = _suspicious(suspects, requests())
    for entry in entries:
        _read_entry(entry, since, touched, marked)
    addresses, left, responses = _sum_up(marked, since, requests())
    changed, read, numbers = _files(files, since.timestamp())
    return Scope(since, addresses, touched.accounts(), changed, numbers[0], read, numbers[1], left, responses)


def scope_of(
    folder: Path, items: Iterable[Item], since: datetime, findings: Iterable[Mapping[str, Any]], root: str
) -> Scope:
    """Return the scope from the items of one host in an evidence folder; an item that isn't there adds nothing.

    ``findings`` are the scan's documents; those of files below ``root``, the web root, count.
    """
    held = {item.id: folder / item.sha256 for item in items if item.sha256}
    base = f"{root.rstrip('/')}/"
    paths = (str(finding.get("path")) for finding in findings)
    suspects = [path[len(base) - 1 :] for path in paths if path.startswith(base)]

    def requests() -> Iterable[Request]:
        if "web_logs" in held:
            yield from (found for _name, line in archive_lines(held["web_logs"]) if (found := request(line)))

    entries = journal_entries(held["journal"]) if "journal" in held else ()
    return scope(since, suspects, requests, entries, _rows(held, base))


def _rows(held: Mapping[str, Path], base: str) -> Iterable[FileRow]:
    """Yield each file once: those of the web root from its own manifest, which holds the unchanged ones too."""
    if "changed_files" in held:
        own = "web_manifest" in held
        yield from (row for row in file_rows(held["changed_files"]) if not (own and row.path.startswith(base)))
    if "web_manifest" in held:
        yield from file_rows(held["web_manifest"])


def request(line: bytes) -> Request | None:
    """Return a line of a log in the combined format, or None for another line."""
    found = _REQUEST.match(line)
    if not found:
        return None
    try:
        address = ipaddress.ip_address(found["address"].decode("ascii"))
        time = datetime.strptime(found["time"].decode("ascii"), "%d/%b/%Y:%H:%M:%S %z")
    except ValueError:
        return None
    path = unquote_to_bytes(found["path"].partition(b"?")[0]).decode("utf-8", "backslashreplace")
    size = int(found["size"][:18]) if found["size"] != b"-" else 0
    return Request(
        str(address),
        time.astimezone(UTC),
        found["method"].decode("ascii"),
        clean(path, 300),
        int(found["status"]),
        size,
    )


def _suspicious(suspects: Sequence[str], requests: Iterable[Request]) -> dict[str, str]:
    """Return the addresses that asked for what a finding names, with the first such path."""
    wanted = frozenset(clean(path, 300) for path in suspects)
    marked: dict[str, str] = {}
    for one in requests:
        named = one.path in wanted or any(one.path.startswith(f"{path}/") for path in wanted)
        if named and len(marked) < MOST:
            marked.setdefault(one.address, one.path)
    return marked


def _sum_up(
    marked: Mapping[str, str], since: datetime, requests: Iterable[Request]
) -> tuple[tuple[Address, ...], int, tuple[Request, ...]]:
    """Count all requests of the marked addresses; name large responses to them, and archives sent to anyone."""
    sums: dict[str, Address] = {}
    large: list[Request] = []
    left = 0
    for one in requests:
        if one.address in marked:
            before = sums.get(one.address) or Address(one.address, marked[one.address], 0, 0, one.time, one.time)
            sums[one.address] = Address(
                one.address, before.why, before.requests + 1, before.sent + one.size,
                min(before.first, one.time), max(before.last, one.time),
            )  # fmt: skip
        if one.time >= since and one.status in (200, 206):
            known = one.address in marked
            left += one.size if known else 0
            if (known and one.size >= LARGE) or (_ARCHIVE.search(one.path) and (known or one.size >= LARGE)):
                large = sorted([*large, one], key=lambda row: -row.size)[:MOST]
    silent = [Address(address, why, 0, 0, since, since) for address, why in marked.items() if address not in sums]
    return tuple(sorted([*sums.values(), *silent], key=lambda row: (-row.requests, row.address))), left, tuple(large)


class _Tally:
    """Counts what was done with each account."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[set[str], int, datetime, datetime]] = {}

    def add(self, account: bytes, act: str, time: datetime) -> None:
        name = clean(account, 64)
        if name not in self._found and len(self._found) >= MOST:
            return
        acts, count, first, last = self._found.get(name, (set(), 0, time, time))
        self._found[name] = (acts | {act}, count + 1, min(first, time), max(last, time))

    def accounts(self) -> tuple[Account, ...]:
        rows = [
            Account(name, tuple(sorted(acts)), count, first, last)
            for name, (acts, count, first, last) in self._found.items()
        ]
        return tuple(sorted(rows, key=lambda row: row.account))


def _read_entry(entry: Mapping[str, bytes], since: datetime, touched: _Tally, marked: dict[str, str]) -> None:
    stamp = entry.get("_SOURCE_REALTIME_TIMESTAMP") or entry.get("__REALTIME_TIMESTAMP") or b""
    if not (stamp.isdigit() and len(stamp) < 18):
        return
    time = datetime.fromtimestamp(int(stamp) / 1e6, UTC)
    if time < since:
        return
    who, message = entry.get("SYSLOG_IDENTIFIER", b""), entry.get("MESSAGE", b"")
    if who in (b"sshd", b"sshd-session") and (login := _LOGIN.match(message)):
        touched.add(login["account"], "login", time)
        if login["address"].decode("ascii") in marked:
            touched.add(login["account"], "login from a suspicious address", time)
    elif who == b"sudo" and (used := _SUDO.match(message)):
        touched.add(used["account"], f"sudo as {clean(used['as'], 64)}", time)
    elif who in _CHANGERS and (change := _ACCOUNT.search(message)):
        touched.add(change["account"], f"changed by {who.decode('ascii')}", time)


def _files(rows: Iterable[FileRow], since: float) -> tuple[tuple[str, ...], tuple[str, ...], tuple[int, int]]:
    """Return paths changed and paths read since then. ctime decides: unlike mtime, touch can't set it back."""
    changed: dict[str, None] = {}
    read: dict[str, None] = {}
    numbers = [0, 0]
    for row in rows:
        kind = 0 if row.changed >= since else 1 if row.kind == "f" and row.accessed >= since else None
        if kind is None:
            continue
        held, path = (changed, read)[kind], clean(row.path.encode("utf-8", "surrogateescape"), 400)
        numbers[kind] += path not in held
        if len(held) < MOST:
            held.setdefault(path)
    return tuple(changed), tuple(read), (numbers[0], numbers[1])
