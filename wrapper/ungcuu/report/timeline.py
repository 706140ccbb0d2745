"""One table of time: the case journal, the host's own journal, its web server's logs and the times of its files.

1. Each entry has the time by the controller's clock. A host's times are corrected by its measured skew, and what the
   host itself said stands beside it: an intruder can set clocks and file times, so the source is always named.
2. Order: time, then the sequence number of the case journal, which no clock can disturb.
3. Evidence is read as a stream, bounded, and never unpacked.
4. What leaves as CSV is safe in a spreadsheet, as JSON lines it suits Timesketch.
"""

from __future__ import annotations

import contextlib
import csv
import io
import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import TextIO

from ungcuu.case.case import Case
from ungcuu.case.evidence.extent import moment, request
from ungcuu.case.evidence.readers import FileRow, archive_lines, file_rows, journal_entries
from ungcuu.case.extent import held_evidence, root_of, skews
from ungcuu.case.facts import hosts_of, payload
from ungcuu.case.record import Record
from ungcuu.core.terminal import clean
from ungcuu.report.format import attempt, deed, pairs
from ungcuu.report.labels import EVENTS

MOST = 500_000  # entries from one item of a host; beyond that the table says that it was cut

HostTime = tuple[datetime, str, str]  # the host's time, what, text


@dataclass(frozen=True)
class Entry:
    """One thing at one time. ``host_time`` is the host's own time before correction; ``origin`` a record or a hash."""

    time: datetime
    source: str
    host: str
    what: str
    text: str
    origin: str
    seq: int = 0
    host_time: datetime | None = None


def build(
    case: Case,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    matching: Sequence[str] = (),
) -> list[Entry]:
    """Return the table of a case between two moments, with only what matches an indicator where some are given.

    Raises:
        Tampered: the journal can't be read.
    """
    records = case.records()
    wanted = [_matcher(text) for text in matching]

    def is_wanted(entry: Entry) -> bool:
        return (
            (since is None or entry.time >= since)
            and (until is None or entry.time <= until)
            and (not wanted or any(match(entry) for match in wanted))
        )

    sources = (from_journal(records), *from_evidence(case, records))
    entries = [entry for source in sources for entry in _bounded(filter(is_wanted, source))]
    return sorted(entries, key=lambda entry: (entry.time, entry.seq, entry.host, entry.text))


def _bounded(entries: Iterable[Entry]) -> Iterator[Entry]:
    for count, entry in enumerate(entries):
        if count == MOST:
            yield replace(entry, what="cut here", text=f"{MOST} entries of this item are in the table, no more")
            return
        yield entry


def _matcher(text: str) -> Callable[[Entry], bool]:
    """An address matches whole addresses; any other text matches anywhere, in upper or lower case."""
    try:
        pattern = re.compile(rf"(?<![0-9A-Za-z.:]){re.escape(str(ipaddress.ip_address(text)))}(?![0-9A-Za-z:]|\.[0-9])")
    except ValueError:
        pattern = re.compile(re.escape(text), re.IGNORECASE)
    return lambda entry: bool(pattern.search(entry.text) or pattern.search(entry.what) or pattern.search(entry.host))


def from_journal(records: Iterable[Record]) -> Iterator[Entry]:
    """Every record of the case, the steps too."""
    for record in records:
        data = payload(record)
        what = EVENTS.get(record.kind, record.kind)
        verb = str(data.get("verb") or "")
        if record.kind == "run_started":
            what = f"{what}: {attempt(verb)}"
        if record.kind == "run_finished":
            what = f"{what}: {deed(verb, str(data.get('outcome') or ''))}"
        text = pairs(data, 2000)
        yield Entry(
            record.moment, "case journal", ",".join(hosts_of(data)), what, text, f"record {record.seq}", record.seq
        )


def from_evidence(case: Case, records: Sequence[Record]) -> Iterator[Iterator[Entry]]:
    """Entries from the items of triage that show times: the host's journal, the web server's logs, lists of files."""
    skew = skews(records)
    for host, held in held_evidence(case, records).items():
        off = skew.get(host, timedelta(0))
        for name, (source, read) in _READERS.items():
            if name in held:
                yield _corrected(read(held), (source, host, f"evidence {held[name].name}"), off)


def _corrected(times: Iterable[HostTime], place: tuple[str, str, str], skew: timedelta) -> Iterator[Entry]:
    source, host, origin = place
    for time, what, text in times:
        with contextlib.suppress(OverflowError):
            yield Entry(time - skew, source, host, what, text, origin, 0, time)


def read_host_journal(held: Mapping[str, Path]) -> Iterator[HostTime]:
    """Each entry of the host's own journal: who said it, and what."""
    for entry in journal_entries(held["journal"]):
        when = _moment(entry.get("__REALTIME_TIMESTAMP", b""))
        if when is None:
            continue
        who = entry.get("SYSLOG_IDENTIFIER") or entry.get("_COMM") or b""
        unit = entry.get("_SYSTEMD_UNIT", b"")
        text = clean(entry.get("MESSAGE", b""), 2000) + (f" ({clean(unit, 80)})" if unit else "")
        yield when, clean(who, 80), text


def read_web_logs(held: Mapping[str, Path]) -> Iterator[HostTime]:
    """Each request that the web server logged; the archive of its logs is read as a stream and not unpacked."""
    for _name, line in archive_lines(held["web_logs"]):
        if (one := request(line)) is not None:
            yield one.time, f"{one.method} {one.status}", f"{one.address} {one.asked} ({one.size} bytes)"


def read_web_root(held: Mapping[str, Path]) -> Iterator[HostTime]:
    """Times of each entry of the web root."""
    for row in file_rows(held["web_manifest"]):
        yield from _times(row)


def read_changed_files(held: Mapping[str, Path]) -> Iterator[HostTime]:
    """Times of what was changed elsewhere; the web root has a list of its own."""
    root = root_of(held)
    for row in file_rows(held["changed_files"]):
        if not (root and row.path.startswith(f"{root}/")):
            yield from _times(row)


_READERS: Mapping[str, tuple[str, Callable[[Mapping[str, Path]], Iterator[HostTime]]]] = {
    "journal": ("host's journal", read_host_journal),
    "web_logs": ("web server's log", read_web_logs),
    "web_manifest": ("file times", read_web_root),
    "changed_files": ("file times", read_changed_files),
}


def _times(row: FileRow) -> Iterator[HostTime]:
    """One entry for each of the times of a file that is not the same. Its reading is left out: backups read all."""
    times: dict[datetime, list[str]] = {}
    for name, seconds in (("changed", row.modified), ("inode changed", row.changed), ("made", row.born)):
        if (when := moment(seconds)) is not None:
            times.setdefault(when, []).append(name)
    path = clean(row.path.encode("utf-8", "surrogateescape"), 1000)
    text = f"{path} ({clean(row.kind, 4)} {row.mode:04o}, {row.size} bytes)"
    for when, names in times.items():
        yield when, f"file {', '.join(names)}", text


def _moment(stamp: bytes) -> datetime | None:
    return moment(int(stamp) / 1e6) if stamp.isdigit() and len(stamp) < 18 else None


# --- going out ----------------------------------------------------------------------------------------------------

COLUMNS = ("utc", "local", "host_time", "host", "source", "what", "text", "origin")


def write_csv(entries: Iterable[Entry], file: TextIO, local: tzinfo) -> int:
    """Write the table as CSV (RFC 4180); returns the number of rows. No cell is taken for a formula."""
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    count = 0
    for entry in entries:
        row = (
            entry.time.isoformat(timespec="milliseconds"),
            entry.time.astimezone(local).isoformat(timespec="milliseconds"),
            entry.host_time.isoformat(timespec="milliseconds") if entry.host_time else "",
            entry.host,
            entry.source,
            entry.what,
            entry.text,
            entry.origin,
        )
        writer.writerow([harmless(cell) for cell in row])
        count += 1
    return count


def harmless(cell: object) -> str:
    """A cell that a spreadsheet shows and does not compute (CWE-1236), cleaned like everything that people see."""
    text = clean(cell, 4000)
    return f"'{text}" if text.lstrip(" '\"").startswith(("=", "+", "-", "@", "|", "%")) else text


def write_timesketch(entries: Iterable[Entry], file: TextIO) -> int:
    """Write JSON lines with Timesketch's required fields: message, datetime, timestamp_desc. Returns how many."""
    count = 0
    for entry in entries:
        row = {
            "message": clean(f"{entry.what}: {entry.text}", 4000),
            "datetime": entry.time.isoformat(timespec="microseconds"),
            "timestamp_desc": clean(entry.what, 200),
            "host": clean(entry.host, 200),
            "source": entry.source,
            "host_time": entry.host_time.isoformat(timespec="microseconds") if entry.host_time else None,
            "origin": entry.origin,
        }
        file.write(json.dumps(row, ensure_ascii=True) + "\n")
        count += 1
    return count


def as_text(entries: Iterable[Entry], form: str, local: tzinfo) -> str:
    """The table in one of the two forms, ``csv`` or ``jsonl``."""
    out = io.StringIO(newline="")
    if form == "csv":
        write_csv(entries, out, local)
    else:
        write_timesketch(entries, out)
    return out.getvalue()
