"""How far the intruder came: addresses, accounts, files, and data that may have left. Pure, over items of triage.

What it says is bounded by what the host said: logs can be cut, times set back, and ``relatime`` hides most reads. It
names what is there; that something isn't named proves nothing, and ``Scope.limits`` says so to the reader.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote_to_bytes

from ungcuu.case.evidence.readers import FileRow, archive_lines, file_rows, journal_entries
from ungcuu.case.evidence.store import Item
from ungcuu.core.i18n import N_
from ungcuu.core.terminal import clean

MOST = 500  # rows of each list; the numbers beside them count all
LARGE = 1 << 20  # bytes of a response that is worth a line of its own

LIMITS = (
    N_("Only what the host still reported is named here: an intruder with root can remove lines and set times back."),
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
_OUR_FOLDER = re.compile(r"/(?:etc|var/lib|run)/ungcuu/")
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
    query: str = ""

    @property
    def asked(self) -> str:
        """Path and query, as they were asked for."""
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass(frozen=True)
class Address:
    """An address that asked for what a finding names, or that a finding itself names; ``why`` is that path or finding.

    ``requests`` and ``sent`` (bytes) count all that the web server's logs still hold of it. ``own``: this controller or
    the host itself asks from there too; nothing counts as sent away to it.
    """

    address: str
    why: str
    requests: int
    sent: int
    first: datetime
    last: datetime
    own: bool = False


@dataclass(frozen=True)
class Account:
    """An account of the host that somebody used or changed since the first sign."""

    account: str
    acts: tuple[str, ...]
    count: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class FileTimes:
    """When a file that a finding names was changed last (its inode, which touch can't set back), and made."""

    path: str
    changed: datetime
    made: datetime | None


@dataclass(frozen=True)
class Good:
    """A file whose content is known to be good, and what it may look like: for nobody else to write, or as it was."""

    mode: int = 0o755
    uid: int = 0
    gid: int | None = None

    def holds(self, row: FileRow) -> bool:
        """Whether the file is nobody else's than it should be, and no more can be done with it than should be."""
        owned = row.uid == self.uid and self.gid in (None, row.gid)
        return row.kind == "f" and owned and not row.mode & ~self.mode & 0o7777


@dataclass(frozen=True)
class Scope:
    """What is known of how far it went. Texts are clean; lists hold at most ``MOST`` rows, counts hold all.

    ``ours`` were written since then too, but by ungcuu, and hold what it wrote; ``altered`` are those of its files that
    hold something else, and stand among the changed ones.
    """

    since: datetime
    addresses: tuple[Address, ...]
    accounts: tuple[Account, ...]
    changed: tuple[str, ...]
    changed_count: int
    read: tuple[str, ...]
    read_count: int
    left_bytes: int
    responses: tuple[Request, ...]
    named: tuple[FileTimes, ...] = ()
    ours: tuple[str, ...] = ()
    ours_count: int = 0
    altered: tuple[str, ...] = ()
    limits: tuple[str, ...] = LIMITS


def scope(
    since: datetime,
    suspects: Sequence[str],
    requests: Callable[[], Iterable[Request]],
    entries: Iterable[Mapping[str, bytes]],
    files: Iterable[FileRow],
    *,
    known: Mapping[str, str] | None = None,
    watched: Iterable[str] = (),
    good: Mapping[str, Good] | None = None,
    altered: Iterable[str] = (),
    own: Collection[str] = (),
) -> Scope:
    """Return how far it went since ``since`` (aware; from there on, inclusive), all by the host's clock.

    ``suspects`` are the URL paths of findings below the web root, ``known`` are addresses that findings name, each with
    what named it, ``watched`` are the files of findings. ``good`` are the files whose content ungcuu wrote, or put
    back, ``altered`` those of its own that hold something else, ``own`` the addresses from which ungcuu itself asks.
    ``requests`` is called twice, so that no log is held in memory: the first reading finds the addresses, the second
    all that they did.
    """
    touched = _Tally()
    marked = _suspicious(suspects, requests(), known or {})
    for entry in entries:
        _read_entry(entry, since, touched, {row for row in marked if row not in own})
    addresses, left, responses = _sum_up(marked, since, requests(), own)
    tally = _Files(since.timestamp(), frozenset(watched), good or {}, frozenset(altered))
    for row in files:
        tally.take(row)
    return Scope(
        since,
        addresses,
        touched.accounts(),
        tuple(tally.changed),
        tally.counts[0],
        tuple(tally.read),
        tally.counts[1],
        left,
        responses,
        tuple(tally.named.values()),
        tuple(tally.ours),
        tally.counts[2],
        tuple(tally.altered),
    )


def scope_of(
    folder: Path, items: Iterable[Item], since: datetime, findings: Iterable[Mapping[str, Any]], root: str
) -> Scope:
    """Return the scope from the items of one host in an evidence folder; an item that isn't there adds nothing.

    ``findings`` are the scan's documents; those of files below ``root``, the web root, count.
    """
    held = {item.id: folder / item.sha256 for item in items if item.sha256}
    return scope_from(held, since, [str(finding.get("path")) for finding in findings], root)


def scope_from(
    held: Mapping[str, Path],
    since: datetime,
    paths: Sequence[str],
    root: str,
    *,
    known: Mapping[str, str] | None = None,
    skew: timedelta = timedelta(0),
    good: Mapping[str, Good] | None = None,
    altered: Iterable[str] = (),
    own: Collection[str] = (),
) -> Scope:
    """Return the scope from the files that hold a host's items of triage, by id.

    ``since`` and all times that come back are by the controller's clock; the host's own is ahead of it by ``skew``.
    ``paths`` are the files of findings, of which those below the web root ``root`` show addresses.
    """
    base = f"{root.rstrip('/')}/"
    suspects = [path[len(base) - 1 :] for path in paths if root and path.startswith(base)]

    def requests() -> Iterable[Request]:
        if "web_logs" in held:
            yield from (found for _name, line in archive_lines(held["web_logs"]) if (found := request(line)))

    entries = journal_entries(held["journal"]) if "journal" in held else ()
    found = scope(
        since + skew,
        suspects,
        requests,
        entries,
        _rows(held, base),
        known=known,
        watched=paths,
        good=good,
        altered=altered,
        own=own,
    )
    return _by_our_clock(found, since, skew) if skew else found


def _by_our_clock(found: Scope, since: datetime, skew: timedelta) -> Scope:
    return replace(
        found,
        since=since,
        addresses=tuple(replace(row, first=row.first - skew, last=row.last - skew) for row in found.addresses),
        accounts=tuple(replace(row, first=row.first - skew, last=row.last - skew) for row in found.accounts),
        responses=tuple(replace(row, time=row.time - skew) for row in found.responses),
        named=tuple(replace(row, changed=row.changed - skew, made=row.made and row.made - skew) for row in found.named),
    )


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
        time = _log_time(found["time"])
    except ValueError:
        return None
    place, _mark, query = found["path"].partition(b"?")
    path = unquote_to_bytes(place).decode("utf-8", "backslashreplace")
    size = int(found["size"][:18]) if found["size"] != b"-" else 0
    return Request(
        str(address),
        time,
        found["method"].decode("ascii"),
        clean(path, 300),
        int(found["status"]),
        size,
        clean(query, 300),
    )


@lru_cache(4096)
def _log_time(text: bytes) -> datetime:
    """A log has many lines a second, and parsing a time costs more than all the rest of a line."""
    return datetime.strptime(text.decode("ascii"), "%d/%b/%Y:%H:%M:%S %z").astimezone(UTC)


def _suspicious(suspects: Sequence[str], requests: Iterable[Request], known: Mapping[str, str]) -> dict[str, str]:
    """Return the addresses that findings name or that asked for what one names, with the finding or first such path."""
    wanted = frozenset(clean(path, 300) for path in suspects)
    marked = dict(list(known.items())[:MOST])
    if not wanted:
        return marked
    for one in requests:
        named = one.path in wanted or any(one.path.startswith(f"{path}/") for path in wanted)
        if named and len(marked) < MOST:
            marked.setdefault(one.address, one.path)
    return marked


def _sum_up(
    marked: Mapping[str, str], since: datetime, requests: Iterable[Request], own: Collection[str]
) -> tuple[tuple[Address, ...], int, tuple[Request, ...]]:
    """Count all requests of the marked addresses; name large responses to them, and archives sent to anyone."""
    sums: dict[str, Address] = {}
    large: list[Request] = []
    left = 0
    for one in requests:
        if one.address in marked:
            before = sums.get(one.address) or Address(one.address, marked[one.address], 0, 0, one.time, one.time)
            sums[one.address] = Address(
                one.address,
                before.why,
                before.requests + 1,
                before.sent + one.size,
                min(before.first, one.time),
                max(before.last, one.time),
                one.address in own,
            )
        if one.time >= since and one.status in (200, 206):
            known = one.address in marked and one.address not in own
            left += one.size if known else 0
            if (known and one.size >= LARGE) or (_ARCHIVE.search(one.path) and (known or one.size >= LARGE)):
                large = sorted([*large, one], key=lambda row: -row.size)[:MOST]
    silent = [
        Address(address, why, 0, 0, since, since, address in own)
        for address, why in marked.items()
        if address not in sums
    ]
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


def _read_entry(entry: Mapping[str, bytes], since: datetime, touched: _Tally, marked: Collection[str]) -> None:
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


class _Files:
    """Paths changed, read, and written by ungcuu since then. ctime decides: unlike mtime, touch can't set it back."""

    def __init__(
        self, since: float, watched: frozenset[str], good: Mapping[str, Good], altered: frozenset[str]
    ) -> None:
        self.since, self.watched, self.good, self.marked = since, watched, good, altered
        self.changed: dict[str, None] = {}
        self.read: dict[str, None] = {}
        self.ours: dict[str, None] = {}
        self.altered: dict[str, None] = {}
        self.counts = [0, 0, 0]
        self.named: dict[str, FileTimes] = {}
        parents = {str(parent) for path in good for parent in PurePosixPath(path).parents}
        self.folders = {parent for parent in parents if _OUR_FOLDER.match(f"{parent}/")}

    def take(self, row: FileRow) -> None:
        kind = 0 if row.changed >= self.since else 1 if row.kind == "f" and row.accessed >= self.since else None
        if kind is None:
            return
        if kind == 0 and self._is_ours(row):
            kind = 2
        held, path = (self.changed, self.read, self.ours)[kind], clean(row.path.encode("utf-8", "surrogateescape"), 400)
        self.counts[kind] += path not in held
        if len(held) < MOST:
            held.setdefault(path)
        if kind == 0 and row.path in self.marked | self.good.keys() and len(self.altered) < MOST:
            self.altered.setdefault(path)
        if row.path in self.watched and kind != 1 and (when := moment(row.changed)):
            self.named[path] = FileTimes(path, when, moment(row.born))

    def _is_ours(self, row: FileRow) -> bool:
        """A file with the content and rights that it should have, a folder of ungcuu, a link to one of its units."""
        if row.kind == "f":
            return row.path in self.good and row.path not in self.marked and self.good[row.path].holds(row)
        if row.kind == "d":
            return row.path in self.folders and (row.uid, row.mode & 0o7022) == (0, 0)
        place = PurePosixPath(row.path)
        return (
            row.kind == "l"
            and place.name.startswith("ungcuu-")
            and place.name == PurePosixPath(row.target).name
            and row.target in self.good
        )


def moment(seconds: float | None) -> datetime | None:
    """A time since 1970, or None where it is unknown or none that a calendar has."""
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (ValueError, OverflowError, OSError):
        return None
