"""The known-good state of a host: read over SSH, checked field by field, signed, compared later.

What holds:

1. The host only ever receives a program on standard input; nothing is written on it.
2. What it answers is a claim. Each record is checked against ``SCHEMA``; what does not fit is counted as a problem,
   never repaired. Bytes and records are bounded.
3. A reading that did not reach its end, or that left a part out, says so; it never becomes a baseline.
4. A baseline is used only when its Ed25519 signature and the host's name in it are right.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ungcuu.core import clock, settings, signing
from ungcuu.core.atomic import make_private, put
from ungcuu.core.check_phrases import Seen
from ungcuu.core.errors import StepFailed, Tampered
from ungcuu.core.i18n import _
from ungcuu.core.phrases import Coded, phrase
from ungcuu.core.sentences import shown
from ungcuu.detect import file_list, plausible
from ungcuu.detect.file_rows import FileRows, side_by_side
from ungcuu.detect.records import IDENTITY, LONGEST_LINE, checked
from ungcuu.hosts import remote_program, ssh

Row = Mapping[str, Any]

FORMAT = 1
RECORD_LIMIT = 400_000  # of everything but files, which are not held in memory
OTHER_BYTES = 48 << 20  # of the same
READER = 3  # what a reading looks at: 1 was the first, 2 knew no gaps; a baseline of those knows less
PROCESS_LIMIT = 5000
PROBLEM_LIMIT = 200
LIST_LIMIT = 200_000  # items in lists of all records together: many short texts weigh ten times what they measured

_ESCAPE = re.compile(r"\\(?:\\|x([0-9a-f]{2}))")


def _empty_rows() -> dict[str, MutableMapping[tuple[Any, ...], Row]]:
    return {kind: FileRows() if kind == "file" else {} for kind in IDENTITY}


@dataclass
class Snapshot:
    """One reading of a host, each record checked. ``rows`` maps a kind to its records by identity; those of files are
    on disk. ``most_files``: how many files were plausible.
    """

    rows: dict[str, MutableMapping[tuple[Any, ...], Row]] = field(default_factory=_empty_rows)
    processes: list[Row] = field(default_factory=list)
    contents: dict[str, str] = field(default_factory=dict)
    problems: list[Coded] = field(default_factory=list)
    seconds: float = 0.0
    clock: int = 0
    ended: bool = False
    reader: int = READER
    most_files: int = 0

    @property
    def complete(self) -> bool:
        """Whether the host reported everything that was asked."""
        return self.ended and not self.problems

    def of(self, kind: str) -> Mapping[tuple[Any, ...], Row]:
        """Return the records of one kind by identity."""
        return self.rows.get(kind, {})

    def file(self, path: str) -> Row | None:
        """Return the record of one file."""
        return self.rows["file"].get((path,))


class TooMuchError(Exception):
    """A host reports more than is plausible; what came before is kept."""


class Reading:
    """Takes what a host says piece by piece. One line of it is in memory at a time, whatever the host sends."""

    def __init__(self, most_files: int = plausible.FIRST) -> None:
        self.most_files = most_files
        self._snapshot = Snapshot(most_files=most_files)
        self._rest = b""
        self._bad = self._others = self._other_bytes = self._items = self._files = self._file_bytes = 0
        self._over: Coded | None = None

    def push(self, block: bytes) -> None:
        """Take the next bytes.

        Raises:
            TooMuchError: The host is to be stopped.
        """
        *lines, self._rest = (self._rest + block).split(b"\n")
        for line in lines:
            self.take(line)
        if len(self._rest) > LONGEST_LINE:
            endless, self._rest = self._rest, b""
            self.take(endless)

    def take(self, line: bytes) -> None:
        """Take one line; one that does not fit is a problem, not an error.

        Raises:
            TooMuchError: The host is to be stopped.
        """
        row = checked(line)
        if row is None:
            self._bad += 1
        if row is not None and row["k"] == "file":
            self._files += 1
            self._file_bytes += len(line)
            if self._files > self.most_files or self._file_bytes > self.most_files * plausible.BYTES_EACH:
                self._stop(phrase(Seen.TOO_MANY_FILES, count=self.most_files))
        else:
            self._others += 1
            self._other_bytes += len(line)
            self._items += sum(len(value) for value in (row or {}).values() if isinstance(value, list | dict))
            if self._others > RECORD_LIMIT or self._other_bytes > OTHER_BYTES or self._items > LIST_LIMIT:
                self._stop(phrase(Seen.TOO_MANY_RECORDS, count=RECORD_LIMIT))
        if row is not None:
            _keep(self._snapshot, row)

    def _stop(self, why: Coded) -> None:
        self._over = why
        raise TooMuchError

    def end(self) -> Snapshot:
        """Return the snapshot that was shown, with what is wrong with it."""
        found = self._snapshot
        if self._rest:
            with contextlib.suppress(TooMuchError):
                self.take(self._rest)
        if self._over:
            found.problems.append(self._over)
        if self._bad:
            found.problems.append(phrase(Seen.BAD_RECORDS, count=self._bad))
        if not found.ended and not self._over:
            found.problems.append(phrase(Seen.READING_BROKE_OFF))
        return found


def parse(lines: Iterable[bytes], most_files: int = plausible.FIRST) -> Snapshot:
    """Return the snapshot that these lines show."""
    reading = Reading(most_files)
    with contextlib.suppress(TooMuchError):
        for line in lines:
            reading.take(line)
    return reading.end()


def _keep(snapshot: Snapshot, row: dict[str, Any]) -> None:
    kind = row.pop("k")
    if kind in IDENTITY:
        snapshot.rows[kind][tuple(row[name] for name in IDENTITY[kind])] = row
    elif kind == "process" and len(snapshot.processes) < PROCESS_LIMIT:
        snapshot.processes.append(row)
    elif kind == "content":
        snapshot.contents[row.get("path", "")] = row.get("data", "")
    elif kind in ("unread", "limit", "failed") and len(snapshot.problems) >= PROBLEM_LIMIT:
        return
    elif kind == "unread":
        # Files come and go while they are read; only a refusal to read hides something.
        if row.get("why") not in ("FileNotFoundError", "NotADirectoryError"):
            snapshot.problems.append(phrase(Seen.NOT_READABLE, path=row.get("path", "")[:200], why=row.get("why", "")))
    elif kind in ("limit", "failed"):
        code = Seen.SECTION_LIMIT if kind == "limit" else Seen.SECTION_FAILED
        snapshot.problems.append(phrase(code, section=row.get("section", ""), why=row.get("why", "")))
    elif kind == "end":
        snapshot.ended, snapshot.seconds = True, float(row.get("seconds", 0))
        snapshot.clock = int(row.get("time", 0))


def path_bytes(text: str) -> bytes:
    """Return the bytes of a path that the host escaped: inverse of the reader's ``escaped``."""
    out, start = bytearray(), 0
    for match in _ESCAPE.finditer(text):
        out += text[start : match.start()].encode("utf-8", "surrogateescape")
        out += bytes([int(match[1], 16)]) if match[1] else b"\\"
        start = match.end()
    return bytes(out + text[start:].encode("utf-8", "surrogateescape"))


# --- reading ------------------------------------------------------------------------------------------------------


def read_host(
    target: ssh.Target, config: Mapping[str, Any], seconds: float = 90.0, most_files: int = plausible.FIRST
) -> Snapshot:
    """Return the host's own account of its state. ``seconds`` bounds the reading on the host.

    Raises:
        UngcuuError: It could not be reached, or did not answer as expected.
    """
    reading = Reading(most_files)
    with contextlib.suppress(TooMuchError):
        remote_program.stream_program(
            target,
            "host_state",
            {**config, "seconds": seconds},
            reading.push,
            seconds=seconds + 30,
            quota=2 * OTHER_BYTES + most_files * plausible.BYTES_EACH,
        )
    return reading.end()


# --- the signed file ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Baseline:
    """A signed known-good state."""

    host: str
    taken: str
    snapshot: Snapshot
    sha256: str


def host_folder(state: Path, host: str) -> Path:
    """Return the folder of one host, made on first use, mode 0700."""
    return make_private(settings.host_folder(state, host))


def sign(path: Path, document: Mapping[str, Any], keys: Path) -> None:
    """Write a document and its Ed25519 signature (``.sig`` beside it, hexadecimal).

    While one document takes the place of another, both signatures stand there: a run that is killed between the two
    files leaves the one document or the other, and none that looks forged.
    """
    data, signatures = signing.canonical(document), path.with_suffix(".sig")
    key = signing.signing_key(keys)
    signature = f"{key.sign(data).hex()}\n"
    with contextlib.suppress(OSError, ValueError):  # there is none before it, or one that nobody signed
        put(signatures, f"{signature}{_signature_of(path, path.read_bytes(), key.public_key()).hex()}\n")
    if not path.exists():
        put(signatures, signature)
    put(path, data)
    put(signatures, signature)


def _signature_of(path: Path, data: bytes, key: Ed25519PublicKey) -> bytes:
    """Return the signature of ``data`` from beside a document, where two stand while it is being replaced.

    Raises:
        OSError, ValueError: There is none.
    """
    for row in path.with_suffix(".sig").read_text("ascii").split()[:2]:
        with contextlib.suppress(InvalidSignature):
            key.verify(bytes.fromhex(row), data)
            return bytes.fromhex(row)
    raise ValueError("no signature of it")


def verified(path: Path, keys: Path, host: str) -> dict[str, Any]:
    """Return a signed document.

    Raises:
        FileNotFoundError: There is none.
        Tampered: The signature, the form or the host's name in it is wrong.
    """
    data = path.read_bytes()
    fix = _("Find out who changed {path}; restore it from a backup of the controller.").format(path=path)
    try:
        _signature_of(path, data, signing.public_key(keys))
        document = json.loads(data)
    except (OSError, ValueError) as error:
        raise Tampered(
            _("{path} does not match its signature.").format(path=path), _("Nothing was done on the host."), fix
        ) from error
    if not isinstance(document, dict) or document.get("host") != host or document.get("format") != FORMAT:
        raise Tampered(_("{path} belongs to another host.").format(path=path), _("Nothing was done on the host."), fix)
    return document


def save(state: Path, host: str, snapshot: Snapshot) -> bool:
    """Sign the snapshot as the host's baseline; the one before is kept beside it. Returns whether it differs.

    Raises:
        StepFailed: The reading is not complete.
    """
    require_complete(snapshot, host)
    path = host_folder(state, host) / "baseline.json"
    rows = {
        kind: [known[key] for key in sorted(known, key=repr)] for kind, known in snapshot.rows.items() if kind != "file"
    }
    if path.exists():
        old = _read(path, state / "keys", host)
        if old.snapshot.reader == READER and _is_steady(old.snapshot, snapshot):
            return False
        _keep_old(path, old.taken)
    files = file_list.write(path.parent, snapshot.rows["file"])
    document = {"format": FORMAT, "host": host, "taken": clock.now(), "reader": READER, "rows": rows, "files": files}
    sign(path, document, state / "keys")
    return True


def require_complete(snapshot: Snapshot, host: str) -> None:
    """Refuse a reading that left something out: it must never become a baseline.

    Raises:
        StepFailed: The reading is not complete.
    """
    if not snapshot.complete:
        raise StepFailed(
            _("The state of {host} could not be read whole: {why}").format(host=host, why=shown(snapshot.problems[:5])),
            _("The baseline is as it was."),
            f"ungcuu doctor {host}",
        )


_FLEETING = frozenset({"active", "mtime", "ctime", "comm", "source"})


def _is_steady(before: Snapshot, now: Snapshot) -> bool:
    """Whether two states are the same in all that stays the same on a host that nobody changed."""
    for kind in IDENTITY.keys() - {"file", "listener", "unit", "runtime", "running"}:
        old, new = before.of(kind), now.of(kind)
        if old.keys() != new.keys() or any(_steady(old[key]) != _steady(new[key]) for key in old):
            return False
    if bool(before.of("runtime")) != bool(now.of("runtime")):
        return False
    return not any(
        _steady(old or {}) != _steady(new or {})
        for path, old, new in side_by_side(before.of("file"), now.of("file"), unlike=True)
        # One file for each login that is open, named by its number.
        if not path.startswith("/run/systemd/transient/")
    )


def _steady(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _FLEETING}


def _keep_old(path: Path, taken: str) -> None:
    name = re.sub(r"[^0-9TZ]", "", taken) or "unknown"
    for suffix in (".json", ".sig"):
        shutil.copy2(path.with_suffix(suffix), path.with_name(f"baseline-{name}{suffix}"))


def load(state: Path, host: str) -> Baseline | None:
    """Return the host's baseline, or None where none was taken.

    Raises:
        Tampered: Its signature is wrong.
    """
    path = settings.host_folder(state, host) / "baseline.json"
    return _read(path, state / "keys", host) if path.exists() else None


def _read(path: Path, keys: Path, host: str) -> Baseline:
    document = verified(path, keys, host)
    snapshot = Snapshot(ended=True, reader=int(document.get("reader", 1)))
    for kind, known in document["rows"].items():
        for row in known:
            snapshot.rows[kind][tuple(row[name] for name in IDENTITY[kind])] = row
    if "files" in document:  # in an earlier form they stand in the document itself
        file_list.read(path.parent, document["files"], snapshot.rows["file"])
    digest = path.with_suffix(".sig").read_text("ascii").split()[0]
    return Baseline(host, str(document["taken"]), snapshot, digest)


def before(state: Path, host: str, moment: str) -> Baseline | None:
    """Return the newest baseline that was taken before a moment (the journal's form); one kept beside it counts too.

    Raises:
        Tampered: Its signature is wrong.
    """
    folder = settings.host_folder(state, host)
    found = [
        (str(verified(path, state / "keys", host).get("taken", "")), path) for path in folder.glob("baseline*.json")
    ]
    older = [(taken, path) for taken, path in found if taken and taken < moment]
    return _read(max(older)[1], state / "keys", host) if older else None


def check_signature(state: Path, hosts: Iterable[str]) -> None:
    """Raise before a host is touched when a baseline is not what was signed.

    Raises:
        Tampered: The first baseline whose signature is wrong.
    """
    for host in hosts:
        path = settings.host_folder(state, host) / "baseline.json"
        if path.exists():
            file_list.check(path.parent, verified(path, state / "keys", host).get("files"))
