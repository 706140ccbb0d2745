"""The known-good state of a host: read over SSH, checked field by field, signed, compared later.

What holds:

1. The host only ever receives a program on standard input; nothing is written on it.
2. What it answers is a claim. Each record is checked against ``SCHEMA``; what does not fit is counted as a problem,
   never repaired. Bytes and records are bounded.
3. A reading that did not reach its end, or that left a part out, says so; it never becomes a baseline.
4. A baseline is used only when its Ed25519 signature and the host's name in it are right.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature

from ungcuu.core import clock, settings, signing
from ungcuu.core.atomic import make_private, put
from ungcuu.core.check_phrases import Seen
from ungcuu.core.errors import StepFailed, Tampered
from ungcuu.core.i18n import _
from ungcuu.core.phrases import Coded, phrase
from ungcuu.core.sentences import shown
from ungcuu.hosts import remote_program, ssh

Row = Mapping[str, Any]

FORMAT = 1
RECORD_LIMIT = 400_000
TEXT_LIMIT = 8192  # characters of one field
READER = 3  # what a reading looks at: 1 was the first, 2 knew no gaps; a baseline of those knows less
PROCESS_LIMIT = 5000
PROBLEM_LIMIT = 200
LINE_LIMIT = 64 << 10  # bytes of one record; one with a file's content may have 32 times as many
LIST_LIMIT = 200_000  # items in lists of all records together: many short texts weigh ten times what they measured

_FILE: dict[str, type] = {
    "path": str, "area": str, "type": str, "size": int, "mode": int, "uid": int, "gid": int, "mtime": int,
    "ctime": int, "sha256": str, "target": str, "xattrs": dict, "marks": list, "package": str, "package_ok": bool,
    "big": bool, "bytecode": str, "conffile": bool,
}  # fmt: skip # a table
SCHEMA: Mapping[str, Mapping[str, type]] = {
    "file": _FILE,
    "line": {"set": str, "path": str, "number": int, "sha256": str, "text": str, "account": str,
             "fingerprint": str, "type": str, "options": str, "comment": str},
    "account": {"name": str, "uid": str, "gid": str, "home": str, "shell": str, "password": str, "digest": str},
    "group": {"name": str, "gid": str, "members": list},
    "unit": {"name": str, "path": str, "state": str, "active": str, "type": str, "transient": bool, "main": list},
    "listener": {"proto": str, "address": str, "port": int, "exe": str, "comm": str, "uid": int},
    "process": {"pid": int, "start": str, "exe": str, "comm": str, "uid": int, "deleted": bool, "replaced": bool,
                "argv": str, "website": bool, "ppid": int, "unit": str, "session": str, "script": str, "loaded": list,
                "forced": str, "sha256": str},
    "running": {"uid": int, "unit": str, "exe": str, "script": str},
    "fact": {"set": str, "name": str, "detail": str, "text": str, "source": str},
    "module": {"name": str, "tainting": bool},
    "package": {"name": str, "architecture": str, "version": str},
    "database": {"set": str, "name": str, "detail": str},
    "coverage": {"topic": str, "why": str},
    "privileged": {"path": str},
    "runtime": {"path": str, "sha256": str},
    "unread": {"path": str, "why": str},
    "limit": {"section": str},
    "failed": {"section": str, "why": str},
    "section": {"name": str, "seconds": float},
    "content": {"path": str, "data": str},
    "end": {"seconds": float, "time": int},
}  # fmt: skip # a table
IDENTITY: Mapping[str, tuple[str, ...]] = {
    "file": ("path",),
    "line": ("set", "path", "sha256"),
    "account": ("name",),
    "group": ("name",),
    "unit": ("name",),
    "listener": ("proto", "address", "port"),
    "module": ("name",),
    "package": ("name", "architecture"),
    "database": ("set", "name"),
    "coverage": ("topic",),
    "privileged": ("path",),
    "runtime": ("path",),
    "running": ("uid", "unit", "exe", "script"),
    "fact": ("set", "name"),
}
_NEEDED = {
    "file": ("area", "type", "mode", "uid", "gid"),
    "process": ("pid", "start"),
    "package": ("version",),
    "coverage": ("why",),
    "runtime": ("sha256",),
}
_ESCAPE = re.compile(r"\\(?:\\|x([0-9a-f]{2}))")


@dataclass
class Snapshot:
    """One reading of a host, each record checked. ``rows`` maps a kind to its records by identity."""

    rows: dict[str, dict[tuple[Any, ...], Row]] = field(default_factory=lambda: {kind: {} for kind in IDENTITY})
    processes: list[Row] = field(default_factory=list)
    contents: dict[str, str] = field(default_factory=dict)
    problems: list[Coded] = field(default_factory=list)
    seconds: float = 0.0
    clock: int = 0
    ended: bool = False
    reader: int = READER

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


def parse(lines: Iterable[bytes]) -> Snapshot:
    """Return the snapshot that these lines show; a line that does not fit is a problem, not an error."""
    snapshot, bad, items = Snapshot(), 0, 0
    for number, line in enumerate(lines):
        if number >= RECORD_LIMIT or items > LIST_LIMIT:
            snapshot.problems.append(phrase(Seen.TOO_MANY_RECORDS, count=RECORD_LIMIT))
            break
        row = checked(line)
        if row is None:
            bad += 1
            continue
        items += sum(len(value) for value in row.values() if isinstance(value, list | dict))
        _keep(snapshot, row)
    if bad:
        snapshot.problems.append(phrase(Seen.BAD_RECORDS, count=bad))
    if not snapshot.ended:
        snapshot.problems.append(phrase(Seen.READING_BROKE_OFF))
    return snapshot


def checked(line: bytes) -> dict[str, Any] | None:
    """Return one record with its known fields only, or None when it is not of the expected form."""
    if len(line) > (LINE_LIMIT << 5 if line.startswith(b'{"k":"content"') else LINE_LIMIT):
        return None
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError):
        return None
    schema = SCHEMA.get(raw.get("k", "")) if isinstance(raw, dict) and isinstance(raw.get("k"), str) else None
    if schema is None:
        return None
    row = {"k": raw["k"]}
    for name, value in raw.items():
        wanted = schema.get(name)
        if wanted is None:
            continue
        if not fits(value, wanted, 1 << 21 if name == "data" else TEXT_LIMIT):
            return None
        row[name] = value
    needed = (*IDENTITY.get(raw["k"], ()), *_NEEDED.get(raw["k"], ()))
    return row if all(name in row for name in needed) else None


def fits(value: object, wanted: type, limit: int) -> bool:
    """Whether a value of a host is of the wanted type, printable and bounded."""
    if wanted is str:
        return isinstance(value, str) and len(value) <= limit and value.isprintable()
    if wanted is bool:
        return isinstance(value, bool)
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63
    if wanted is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if wanted is list:
        return isinstance(value, list) and len(value) < 10_000 and all(fits(item, str, limit) for item in value)
    return (
        isinstance(value, dict)
        and len(value) < 64
        and all(fits(k, str, 256) and fits(v, str, limit) for k, v in value.items())
    )


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


def read_host(target: ssh.Target, config: Mapping[str, Any], seconds: float = 90.0) -> bytes:
    """Return the host's own account of its state, as JSON lines. ``seconds`` bounds the reading on the host."""
    return remote_program.run_program(target, "host_state", {**config, "seconds": seconds}, seconds + 30)


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
    """Write a document and its Ed25519 signature (``.sig`` beside it, hexadecimal)."""
    data = signing.canonical(document)
    signature = signing.signing_key(keys).sign(data)
    put(path.with_suffix(".sig"), signature.hex().encode() + b"\n")
    put(path, data)


def verified(path: Path, keys: Path, host: str) -> dict[str, Any]:
    """Return a signed document.

    Raises:
        FileNotFoundError: There is none.
        Tampered: The signature, the form or the host's name in it is wrong.
    """
    data = path.read_bytes()
    fix = _("Find out who changed {path}; restore it from a backup of the controller.").format(path=path)
    try:
        signature = bytes.fromhex(path.with_suffix(".sig").read_text("ascii").strip())
        signing.public_key(keys).verify(signature, data)
        document = json.loads(data)
    except (OSError, ValueError, InvalidSignature) as error:
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
    rows = {kind: [known[key] for key in sorted(known, key=repr)] for kind, known in snapshot.rows.items()}
    if path.exists():
        old = verified(path, state / "keys", host)
        if old.get("reader", 1) == READER and _steady(old["rows"]) == _steady(rows):
            return False
        _keep_old(path, str(old.get("taken", "")))
    document = {"format": FORMAT, "host": host, "taken": clock.now(), "reader": READER, "rows": rows}
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


def _steady(rows: Mapping[str, Sequence[Row]]) -> bytes:
    """The part of a baseline that stays the same on a host that nobody changed."""
    fleeting = {"active", "mtime", "ctime", "comm", "source"}
    kept = {
        kind: [
            {name: value for name, value in row.items() if name not in fleeting}
            for row in known
            # One file for each login that is open, named by its number.
            if not str(row.get("path", "")).startswith("/run/systemd/transient/")
        ]
        for kind, known in rows.items()
        if kind not in ("listener", "unit", "runtime", "running")
    }
    return signing.canonical({**kept, "runtime": bool(rows.get("runtime"))})


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
    for kind, row in _document_rows(document):
        snapshot.rows[kind][tuple(row[name] for name in IDENTITY[kind])] = row
    digest = path.with_suffix(".sig").read_text("ascii").strip()
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
            verified(path, state / "keys", host)


def _document_rows(document: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    for kind, known in document["rows"].items():
        for row in known:
            yield kind, row
