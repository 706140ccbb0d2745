"""Append-only journal of a case: hash-chained, signed, with a signed head outside the folder it describes.

The protocol, which docs/explanation/evidence-and-journal.md explains to a third party:

1. ``journal.jsonl`` holds one record a line, ASCII only: ``{body…,"hash":"…","sig":"…"}``. The body is canonical JSON
   (sorted keys, no spaces) of ``data kind prev seq time``.
2. ``hash`` is SHA-256 over the line's bytes without ``,"hash":…,"sig":…``: ``sed`` and ``sha256sum`` can check it.
3. ``prev`` is the hash of the record before; the first record's is SHA-256 over ``ungcuu journal v1``, the case's name.
4. ``sig`` is Ed25519, base64, over the 64 characters of ``hash``.
5. ``heads/<case>.json`` names the last record and is signed over the canonical JSON of ``case hash seq time``. It is
   replaced atomically after the record is on disk, so it may lag by one record after a kill, never lead.
6. Who checks a journal (:mod:`ungcuu.case.journal_check`) reads it and its head as one (:func:`snapshot`): what is
   being written must not look like tampering.
7. A line without its line feed was torn by a kill or a full disk: it is set aside in a file of its own, and that is
   recorded. Everything else that does not fit is tampering, and nothing is appended to it.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ungcuu.case.record import Record, genesis, seal, unseal
from ungcuu.core.atomic import make_private, put, sync_folder, write_all, write_beside
from ungcuu.core.clock import now
from ungcuu.core.errors import JournalError, Tampered
from ungcuu.core.i18n import _
from ungcuu.core.signing import canonical, signed, signing_key

NAME = "journal.jsonl"
MAX_RECORD = 1 << 20  # bytes of one line; larger things are evidence, not records
LOCK_SECONDS = 30.0
STILL_SECONDS = 10.0  # how long who reads waits for a moment in which nobody writes

_HEAD_KEYS = {"case", "hash", "seq", "time"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


# --- the journal --------------------------------------------------------------------------------------------------


class Journal:
    """Sole writer of a case folder. Safe for many threads and processes: each append takes a file lock."""

    def __init__(self, folder: Path, key: Ed25519PrivateKey, heads_dir: Path) -> None:
        """Use :meth:`open`."""
        from filelock import FileLock  # late: who only reads a journal has not always got it (plain ansible-playbook)

        self.folder = folder
        self.case = folder.name
        self.path = folder / NAME
        self.head_path = heads_dir / f"{self.case}.json"
        self._key = key
        self._lock = FileLock(heads_dir / f"{self.case}.lock", LOCK_SECONDS, 0o600, thread_local=False)
        self._threads = threading.Lock()
        self._size = -1  # bytes of the file up to which the two below are known to be true
        self._seq = 0
        self._hash = genesis(self.case)

    @classmethod
    def open(cls, folder: Path, key_dir: Path, heads_dir: Path) -> Journal:
        """Open or begin the journal in ``folder``. A torn last line is set aside and recorded.

        Raises:
            JournalError: the folder or the key can't be written; the disk is full.
            Tampered: the end of the journal does not fit its signature or its head.
        """
        if not _NAME.match(folder.name):
            raise JournalError(_("Not a name for a case: {name}").format(name=repr(folder.name)))
        try:
            for place in (folder, heads_dir):
                make_private(place)
        except OSError as error:
            raise _unwritable(folder, error) from error
        journal = cls(folder, signing_key(key_dir), heads_dir)
        with journal._locked():
            journal._catch_up()
        return journal

    @property
    def public(self) -> Ed25519PublicKey:
        """The key with which :func:`ungcuu.case.journal_check.verify` checks this journal."""
        return self._key.public_key()

    def append(self, kind: str, data: Mapping[str, Any]) -> Record:
        """Write one record and return once it and the head are on disk. On an error nothing was accepted.

        Raises:
            JournalError: it can't be written.
            Tampered: the journal was changed by someone else.
        """
        with self._locked():
            self._catch_up()
            return self._append(kind, data)

    def records(self) -> list[Record]:
        """All records, oldest first. Signatures are the business of :func:`ungcuu.case.journal_check.verify`."""
        return read_records(self.folder)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with self._threads:
            try:
                self._lock.acquire()
            except TimeoutError as error:  # what FileLock raises
                raise JournalError(
                    _("Another process has held the journal {path} for too long").format(path=self.path)
                ) from error
            except OSError as error:
                raise _unwritable(self.path, error) from error
            try:
                yield
            finally:
                self._lock.release()

    def _append(self, kind: str, data: Mapping[str, Any]) -> Record:
        body = {"data": data, "kind": kind, "prev": self._hash, "seq": self._seq + 1, "time": now()}
        line, record = seal(body, self._key)
        if len(line) > MAX_RECORD:
            raise JournalError(_("A record of {size} bytes is too large for the journal").format(size=len(line)))
        start = max(self._size, 0)
        self._size = -1  # whatever happens from here on, the next append looks at the file again
        self._write(line, start)
        self._publish(record, start)
        self._size, self._seq, self._hash = start + len(line), record.seq, record.hash
        return record

    def _write(self, line: bytes, start: int) -> None:
        try:
            fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                try:
                    write_all(fd, line)
                    os.fsync(fd)
                except OSError:
                    os.ftruncate(fd, start)
                    raise
            finally:
                os.close(fd)
            if start == 0:
                sync_folder(self.folder)
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def _publish(self, record: Record, start: int) -> None:
        """Replace the head. When that fails the record is removed again: the caller gets an error."""
        try:
            spare = write_beside(self.head_path, _head(self.case, record, self._key), mode=0o600)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.truncate(self.path, start)
            raise _unwritable(self.head_path, error) from error
        try:
            spare.replace(self.head_path)
            sync_folder(self.head_path.parent)
        except OSError as error:
            raise _unwritable(self.head_path, error) from error

    def _catch_up(self) -> None:
        """Learn the end of the file, unless it is as this object left it. Repair what a kill may have left."""
        try:
            size = self.path.stat().st_size if self.path.exists() else 0
            if size == self._size:
                return
            whole, torn = _tail(self.path, size)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        record = self._trusted_last(whole)
        self._size, self._seq, self._hash = size - len(torn), record.seq, record.hash
        if torn:
            self._set_aside(torn)

    def _trusted_last(self, line: bytes) -> Record:
        """The last whole record, checked against its signature and the head; a head that lags is renewed."""
        head = read_head(self.head_path)
        if head is not None and (problem := head_problem(head, self.case, self.public)):
            raise self._tampered(problem)
        if not line:
            if head is not None:
                raise self._tampered(_("the journal is empty, its head names record {seq}").format(seq=head["seq"]))
            return Record(0, "", "", "", {}, genesis(self.case), "")
        record, problem = unseal(line, self.public)
        if record is None:
            raise self._tampered(problem)
        if head is None or record.seq != head["seq"]:
            self._reconcile(record, head)
        elif record.hash != head["hash"]:
            raise self._tampered(_("the last record is not the one that the head names"))
        return record

    def _reconcile(self, last: Record, head: Mapping[str, Any] | None) -> None:
        """A kill between record and head leaves the head one behind. Anything else is someone's work."""
        seq, digest = (head["seq"], head["hash"]) if head else (0, genesis(self.case))
        if last.seq != seq + 1 or last.prev != digest:
            raise self._tampered(
                _("the journal ends at record {last}, its head names record {seq}").format(last=last.seq, seq=seq)
            )
        try:
            put(self.head_path, _head(self.case, last, self._key))
        except OSError as error:
            raise _unwritable(self.head_path, error) from error

    def _set_aside(self, torn: bytes) -> None:
        """Move the torn end of the file into a file of its own, then say so in the journal."""
        digest = hashlib.sha256(torn).hexdigest()
        name = f"torn-{self._seq + 1}-{digest[:16]}"
        try:
            put(self.folder / name, torn)
            os.truncate(self.path, self._size)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        self._append("torn", {"file": name, "bytes": len(torn), "sha256": digest})

    def _tampered(self, problem: str) -> Tampered:
        return Tampered(
            _("The journal {path} was changed: {problem}").format(path=self.path, problem=problem),
            _("Nothing was written to it and nothing was done on a host."),
            f"ungcuu case verify {self.case}",
        )


# --- reading --------------------------------------------------------------------------------------------------------


def read_records(folder: Path) -> list[Record]:
    """Read the records of a journal without checking signatures; a torn last line is left out.

    Raises:
        Tampered: a line is not a record.
    """
    try:
        lines = (folder / NAME).read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unwritable(folder / NAME, error) from error
    return [_parsed(line, number, folder) for number, line in enumerate(lines, 1) if line.endswith(b"\n")]


def read_head(path: Path) -> Mapping[str, Any] | None:
    """Read a head; None where there is none. What is no head comes back as an empty mapping, which no check passes."""
    data = _bytes(path)
    return None if data is None else _mapping(data)


@dataclass(frozen=True)
class Snapshot:
    """Journal and head as they were at one moment. ``data`` is None where the journal can't be read: ``problem``."""

    data: bytes | None
    head: Mapping[str, Any] | None
    head_bytes: bytes = b""
    problem: str = ""

    def records(self, folder: Path) -> list[Record]:
        """Return the records, signatures unchecked; a torn last line is left out.

        Raises:
            Tampered: a line is not a record.
        """
        lines = (self.data or b"").splitlines(keepends=True)
        return [_parsed(line, number, folder) for number, line in enumerate(lines, 1) if line.endswith(b"\n")]


def snapshot(folder: Path, head: Path) -> Snapshot:
    """Read a journal and its head as one: no record is appended in between, and none is half-written.

    Appending is held back by the writers' own lock where that can be opened. Where it can't (a copy, another account)
    both are read until the head is the same before and after, for at most ``STILL_SECONDS``.
    """
    end = time.monotonic() + STILL_SECONDS
    while True:
        with _held_still(head.with_suffix(".lock")) as held:
            before, data, problem, after = _bytes(head), *journal_bytes(folder), _bytes(head)
        torn = bool(data) and not (data or b"").endswith(b"\n")
        if held or (before == after and not torn) or time.monotonic() > end:
            return Snapshot(data, None if after is None else _mapping(after), after or b"", problem)
        time.sleep(0.05)


@contextlib.contextmanager
def _held_still(lock: Path) -> Iterator[bool]:
    """Hold the writers' lock, shared, for a moment; False where it can't be had. Nothing is created."""
    try:
        fd = os.open(lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        yield False
        return
    try:
        yield _shared(fd)
    finally:
        os.close(fd)  # the lock goes with it


def _shared(fd: int) -> bool:
    end = time.monotonic() + STILL_SECONDS
    while time.monotonic() < end:
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.005)
        except OSError:  # a file system without locks
            return False
        else:
            return True
    return False


def _bytes(path: Path) -> bytes | None:
    """Return what a head holds; None where there is none, and nothing where it can't be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError:
        return b""


def _mapping(data: bytes) -> Mapping[str, Any]:
    try:
        head = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return head if isinstance(head, dict) else {}


def journal_bytes(folder: Path) -> tuple[bytes | None, str]:
    """Return what a journal holds, or None and why it can't be read."""
    try:
        return (folder / NAME).read_bytes(), ""
    except OSError as error:
        return None, _("the journal can't be read: {error}").format(error=error.strerror)


def head_problem(head: Mapping[str, Any], case: str, key: Ed25519PublicKey) -> str:
    """Return what is wrong with a head; empty where it is one of this case, and signed."""
    body = {name: head.get(name) for name in _HEAD_KEYS}
    if set(head) != _HEAD_KEYS | {"sig"} or type(body["seq"]) is not int or body["seq"] < 1:
        return _("the head is damaged")
    if not signed(canonical(body), head["sig"], key):
        return _("the signature of the head is wrong")
    return "" if body["case"] == case else _("the head belongs to another case")


def _parsed(line: bytes, number: int, folder: Path) -> Record:
    record, problem = unseal(line, None)
    if record is None:
        raise Tampered(
            _("Record {number} of {path} can't be read: {problem}").format(
                number=number, path=folder / NAME, problem=problem
            ),
            fix=f"ungcuu case verify {folder.name}",
        )
    return record


def _head(case: str, record: Record, key: Ed25519PrivateKey) -> bytes:
    body = {"case": case, "hash": record.hash, "seq": record.seq, "time": record.time}
    sig = base64.b64encode(key.sign(canonical(body))).decode()
    return canonical(body | {"sig": sig}) + b"\n"


# --- files --------------------------------------------------------------------------------------------------------


def _tail(path: Path, size: int) -> tuple[bytes, bytes]:
    """The last whole line and what stands after it, without reading the rest of the file."""
    if not size:
        return b"", b""
    with path.open("rb") as file:
        step = 1 << 14
        while True:
            start = max(0, size - step)
            file.seek(start)
            data = file.read(size - start)
            head, feed, torn = data.rpartition(b"\n")
            _, found, line = head.rpartition(b"\n")
            if feed and (found or start == 0):
                return line + b"\n", torn
            if start == 0:
                return b"", data
            step *= 8


def _unwritable(path: Path, error: OSError) -> JournalError:
    return JournalError(
        _("The journal can't be written: {path}: {error}").format(path=path, error=error.strerror or error),
        _("Nothing was done on a host: without a journal there is no run."),
        "df -h " + str(path.parent),
    )
