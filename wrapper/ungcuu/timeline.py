"""One table of time: the case journal, the host's own journal and the times of its files, side by side.

1. Each entry has the time by the controller's clock. A host's times are corrected by its measured skew, and what the
   host itself said stands beside it: an intruder can set clocks and file times, so the source is always named.
2. Order: time, then the sequence number of the case journal, which no clock can disturb.
3. Evidence is read as a stream, bounded, and never unpacked: archives stay closed, their logs are not in this table.
4. What leaves as CSV is safe in a spreadsheet, as JSON lines it suits Timesketch.
"""

from __future__ import annotations

import csv
import io
import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import BinaryIO, TextIO

from ungcuu.case import Case
from ungcuu.casefacts import hosts_of, payload
from ungcuu.report import deed, pairs
from ungcuu.report_text import EVENTS
from ungcuu.screen import clean
from ungcuu.sealing import Record

MOST = 500_000  # entries from one host; beyond that the table says that it was cut
LINE = 1 << 20  # bytes of one line or field of evidence
_TIMES = {8: "changed", 9: "inode changed", 10: "made"}  # columns of the manifest of the web root

Reader = Callable[[BinaryIO], Iterator[tuple[datetime, str, str, str]]]


@dataclass(frozen=True)
class Entry:
    """One thing at one time. ``told`` is the host's own time before correction; ``origin`` a record or a hash."""

    time: datetime
    source: str
    host: str
    what: str
    text: str
    origin: str
    seq: int = 0
    told: datetime | None = None


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
    entries = [
        entry
        for source in (from_journal(records), from_evidence(case, records))
        for entry in source
        if (since is None or entry.time >= since)
        and (until is None or entry.time <= until)
        and (not wanted or any(match(entry) for match in wanted))
    ]
    return sorted(entries, key=lambda entry: (entry.time, entry.seq, entry.host, entry.text))


def _matcher(text: str) -> Callable[[Entry], bool]:
    """An address matches whole addresses; any other text matches anywhere, in upper or lower case."""
    try:
        pattern = re.compile(rf"(?<![0-9A-Za-z.:]){re.escape(str(ipaddress.ip_address(text)))}(?![0-9A-Za-z:]|\.[0-9])")
    except ValueError:
        pattern = re.compile(re.escape(text), re.IGNORECASE)
    return lambda entry: bool(pattern.search(entry.text) or pattern.search(entry.what) or pattern.search(entry.host))


def skews(records: Iterable[Record]) -> dict[str, timedelta]:
    """How far each host's clock is ahead of the controller's, as the last collection measured it."""
    found = {}
    for record in records:
        data = payload(record)
        skew = data.get("clock_skew_seconds")
        if (
            record.kind == "custody"
            and isinstance(skew, int | float)
            and not isinstance(skew, bool)
            and abs(skew) < 1e9
        ):
            found[str(data.get("from") or "")] = timedelta(seconds=skew)
    return found


def from_journal(records: Iterable[Record]) -> Iterator[Entry]:
    """Every record of the case, the steps too."""
    for record in records:
        data = payload(record)
        what = EVENTS.get(record.kind, record.kind)
        if record.kind in ("run_started", "run_finished"):
            what = f"{what}: {deed(str(data.get('verb') or ''))}"
        text = pairs(data, 2000)
        yield Entry(
            record.moment, "case journal", ",".join(hosts_of(data)), what, text, f"record {record.seq}", record.seq
        )


def from_evidence(case: Case, records: Sequence[Record]) -> Iterator[Entry]:
    """Entries from collected evidence that is not an archive: the host's journal and the manifest of the web root."""
    skew = skews(records)
    for record in records:
        data = payload(record)
        digest, name = str(data.get("sha256") or ""), str(data.get("id") or "")
        if record.kind != "evidence" or not re.fullmatch(r"[0-9a-f]{64}", digest):
            continue
        reader = {"journal": read_host_journal, "web_manifest": read_manifest}.get(name)
        path = case.evidence / digest
        if reader is None or not path.is_file() or path.is_symlink():
            continue
        host = ",".join(hosts_of(data))
        yield from _corrected(path, reader, host, skew.get(host, timedelta(0)), f"evidence {digest}")


def _corrected(path: Path, reader: Reader, host: str, skew: timedelta, origin: str) -> Iterator[Entry]:
    with path.open("rb") as file:
        for count, (told, source, what, text) in enumerate(reader(file)):
            if count == MOST:
                return
            try:
                yield Entry(told - skew, source, host, what, text, origin, 0, told)
            except OverflowError:
                continue


def read_host_journal(file: BinaryIO) -> Iterator[tuple[datetime, str, str, str]]:
    """Read systemd's Journal Export Format (https://systemd.io/JOURNAL_EXPORT_FORMATS/): fields, blank line, fields.

    Fields longer than a megabyte are skipped; a damaged end ends the reading.
    """
    fields: dict[bytes, bytes] = {}
    while line := file.readline(LINE):
        line = line.rstrip(b"\n")
        if not line:
            yield from _host_record(fields)
            fields = {}
        elif b"=" in line:
            name, _eq, value = line.partition(b"=")
            fields[name[:64]] = value
        else:
            length = int.from_bytes(file.read(8), "little")
            if length > LINE:
                return
            fields[line[:64]] = file.read(length)
            file.read(1)
    yield from _host_record(fields)


def _host_record(fields: dict[bytes, bytes]) -> Iterator[tuple[datetime, str, str, str]]:
    when = _moment(fields.get(b"__REALTIME_TIMESTAMP", b""), 1_000_000)
    if when is None:
        return
    who = fields.get(b"SYSLOG_IDENTIFIER") or fields.get(b"_COMM") or b""
    unit = fields.get(b"_SYSTEMD_UNIT", b"")
    yield (
        when,
        "host's journal",
        clean(who, 80),
        clean(fields.get(b"MESSAGE", b""), 2000) + (f" ({clean(unit, 80)})" if unit else ""),
    )


def read_manifest(file: BinaryIO) -> Iterator[tuple[datetime, str, str, str]]:
    """Read ``find -printf`` with NUL at the end: one entry for each of the times of a file that is not the same."""
    rest = b""
    while block := file.read(LINE):
        *lines, rest = (rest + block).split(b"\0")
        if len(rest) > LINE:
            return
        for line in lines:
            yield from _manifest_line(line)


def _manifest_line(line: bytes) -> Iterator[tuple[datetime, str, str, str]]:
    cells = line.split(b"\t", 12)
    if len(cells) != 13:
        return
    told: dict[datetime, list[str]] = {}
    for column, name in _TIMES.items():
        when = _moment(cells[column], 1)
        if when is not None:
            told.setdefault(when, []).append(name)
    kind, mode, size = (clean(cells[column], 20) for column in (0, 1, 4))
    for when, names in told.items():
        yield when, "file times", f"file {', '.join(names)}", f"{clean(cells[12], 1000)} ({kind} {mode}, {size} bytes)"


def _moment(text: bytes, unit: int) -> datetime | None:
    """A number of seconds (or parts of one) since 1970, or None where it is none that a calendar has."""
    try:
        value = float(text[:40]) / unit
        return datetime.fromtimestamp(value, UTC) if 0 < value < 1e11 else None
    except (ValueError, OverflowError, OSError):
        return None


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
            entry.told.isoformat(timespec="milliseconds") if entry.told else "",
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
            "host_time": entry.told.isoformat(timespec="microseconds") if entry.told else None,
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
