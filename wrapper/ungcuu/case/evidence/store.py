"""Where evidence lies: files named by their SHA-256, and a manifest of what was taken, one line an item."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import mmap
import os
import re
import tempfile
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from ungcuu.core.atomic import make_private
from ungcuu.core.phrases import Coded

_CHECK_EVERY = 32 << 20  # bytes between two looks at the free space
_BATCH = 1 << 20  # bytes that are hashed and written at once
_AHEAD = 4  # batches that may wait for the disk
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,250}")


class Outcome(StrEnum):
    """How it went with one item."""

    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    MISSING = "MISSING"
    EMPTY = "EMPTY"
    CUT_OFF = "CUT_OFF"


@dataclass(frozen=True)
class Item:
    """The record of one item. Times are UTC of the controller's clock, ISO 8601; ``size`` is in bytes.

    ``sha256`` names the file in the evidence folder; it is empty where nothing was delivered. ``reason`` and
    ``complaint`` (what the command wrote on standard error) are cleaned of control characters.
    """

    host: str
    profile: str
    id: str
    what: str
    why: str
    how: str
    form: str
    outcome: Outcome
    reason: str | Coded
    sha256: str
    size: int
    exit_status: int | None
    complaint: str
    started: str
    finished: str

    def as_data(self) -> dict[str, Any]:
        """Return the record as plain data."""
        return {**asdict(self), "outcome": self.outcome.value}


def utc_now() -> str:
    """Return the time now, UTC, with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def check_space(folder: Path, keep_free: int) -> None:
    """Leave room for journals: a case whose controller has no disk left can't be worked on.

    Raises:
        OSError: Less than ``keep_free`` bytes are left.
    """
    room = os.statvfs(folder)
    if room.f_bavail * room.f_frsize < keep_free:
        raise OSError(errno.ENOSPC, f"less than {keep_free >> 20} MiB are left in {folder}")


class Partial:
    """A file that is being received. It gets its name from what it holds, once that is complete and on disk.

    A thread hashes and writes one batch while the stream fills the next ones. Full batches go to the disk past the
    page cache where the file system can: 0.3 s of CPU less for each GiB, and the last fsync finds nothing left to do.
    """

    def __init__(self, folder: Path, host: str, keep_free: int = 0) -> None:
        self._folder, self._keep_free = folder, keep_free
        descriptor, name = tempfile.mkstemp(prefix=f".partial-{host}-", dir=folder)
        self._path, self._descriptor = Path(name), descriptor
        self._digest = hashlib.sha256()
        self._batch, self._filled = mmap.mmap(-1, _BATCH), 0  # aligned to pages, as writing past the cache demands
        self._writer: ThreadPoolExecutor | None = None
        self._under_way: deque[Future[mmap.mmap]] = deque()
        self._past_cache = False
        self._unchecked = self.size = 0

    def write(self, data: bytes) -> None:
        """Append bytes.

        Raises:
            OSError: The disk is full or fails; it may be an earlier piece that it had no room for.
        """
        self.size += len(data)
        left = memoryview(data)
        while left:
            piece = left[: _BATCH - self._filled]
            self._batch[self._filled : self._filled + len(piece)] = piece
            self._filled += len(piece)
            left = left[len(piece) :]
            if self._filled == _BATCH:
                self._hand_over()

    def keep(self) -> str:
        """Put the file under its hash, on disk and read-only, and return the hash; "" for an empty file.

        Raises:
            OSError: The disk is full or fails.
        """
        if not self.size:
            self.drop()
            return ""
        try:
            while self._under_way:
                self._under_way.popleft().result()
            self._past_the_cache(False)
            self._store(self._batch, self._filled)
            os.fchmod(self._descriptor, 0o400)
            os.fsync(self._descriptor)
        except OSError:
            self.drop()
            raise
        self._close()
        digest = self._digest.hexdigest()
        self._path.replace(self._folder / digest)
        _sync(self._folder)
        return digest

    def drop(self) -> None:
        """Forget it."""
        self._close()
        self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._writer:
            self._writer.shutdown(cancel_futures=True)
        os.close(self._descriptor)

    def _hand_over(self) -> None:
        if self._writer is None:
            self._writer = ThreadPoolExecutor(1, "evidence")
            self._past_the_cache(True)
        self._under_way.append(self._writer.submit(self._store, self._batch, self._filled))
        full = len(self._under_way) > _AHEAD
        self._batch, self._filled = self._under_way.popleft().result() if full else mmap.mmap(-1, _BATCH), 0

    def _store(self, batch: mmap.mmap, size: int) -> mmap.mmap:
        """Hash and write a batch; return its memory, to be filled again."""
        self._unchecked += size
        if self._unchecked > _CHECK_EVERY:
            self._unchecked = 0
            check_space(self._folder, self._keep_free)
        left = memoryview(batch)[:size]
        self._digest.update(left)
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except OSError as error:
                if error.errno != errno.EINVAL or not self._past_cache:
                    raise
            if left:
                # What is left need not begin or end where a block does. A disk that is full says so on the next try.
                self._past_the_cache(False)
        return batch

    def _past_the_cache(self, wanted: bool) -> None:
        self._past_cache = False
        with contextlib.suppress(OSError):  # not every file system can
            fcntl.fcntl(self._descriptor, fcntl.F_SETFL, os.O_DIRECT if wanted else 0)
            self._past_cache = wanted


class Store:
    """The evidence folder of one case, as one host's collection sees it."""

    def __init__(self, folder: Path, host: str, keep_free: int = 0) -> None:
        """Make the folder where it is missing (mode 0700) and clear what a killed collection left half received.

        Raises:
            ValueError: The inventory's host name can't be part of a file name.
            OSError: The folder can't be written, or another collection of this host writes to it.
        """
        if not _HOST.fullmatch(host):
            raise ValueError(f"{host!r} can't be used as a host name")
        self.folder, self.host, self.keep_free = folder, host, keep_free
        make_private(folder)
        self.manifest = folder / f"manifest-{host}.jsonl"
        self._lock = _only_one(self.manifest)
        for leftover in folder.glob(f".partial-{host}-????????"):
            leftover.unlink(missing_ok=True)

    def close(self) -> None:
        """Let the next collection of this host have the folder."""
        os.close(self._lock)

    def receive(self) -> Partial:
        """Start to receive one item."""
        return Partial(self.folder, self.host, self.keep_free)

    def add(self, record: Mapping[str, Any]) -> None:
        """Append one line to the manifest; it is on disk when this returns. A torn last line is ended first."""
        line = json.dumps(record, ensure_ascii=True, sort_keys=True) + "\n"
        descriptor = os.open(self.manifest, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = "\n" + line
            os.write(descriptor, line.encode("ascii"))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def records(self) -> list[dict[str, Any]]:
        """Return the manifest's lines; a line that a kill tore is left out."""
        if not self.manifest.exists():
            return []
        found = []
        for line in self.manifest.read_bytes().splitlines():
            with contextlib.suppress(ValueError, RecursionError):
                record = json.loads(line)
                if isinstance(record, dict):
                    found.append(record)
        return found

    def taken(self) -> dict[tuple[str, str], Item]:
        """Return what was taken with SUCCESS, by profile and id; ``holds`` shows whether it is still there."""
        found: dict[tuple[str, str], Item] = {}
        for record in self.records():
            if record.get("record") == "item" and record.get("outcome") == Outcome.SUCCESS:
                with contextlib.suppress(TypeError, ValueError):
                    item = _item(record)
                    found[item.profile, item.id] = item
        return found

    def holds(self, sha256: str, size: int) -> bool:
        """Whether the folder holds that content, read and hashed again."""
        path = self.folder / sha256
        if not re.fullmatch(r"[0-9a-f]{64}", sha256) or not path.is_file() or path.stat().st_size != size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256

    def not_handed_over(self) -> list[Item]:
        """Return the items recorded since the last hand-over: a killed collection took them and reported nothing."""
        open_items: list[Item] = []
        for record in self.records():
            if record.get("record") == "custody":
                open_items.clear()
            elif record.get("record") == "item":
                with contextlib.suppress(TypeError, ValueError):
                    open_items.append(_item(record))
        return open_items


def _item(record: Mapping[str, Any]) -> Item:
    """Return the item of a manifest's line.

    Raises:
        TypeError, ValueError: The line is damaged.
    """
    data = {key: record[key] for key in Item.__dataclass_fields__ if key in record}
    return Item(**{**data, "outcome": Outcome(str(record.get("outcome")))})


def _only_one(manifest: Path) -> int:
    """Hold the manifest. A killed ansible-playbook leaves its worker behind, which goes on collecting for a while."""
    descriptor = os.open(manifest, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise OSError(error.errno, "another collection of this host is still writing there", str(manifest)) from error
    return descriptor


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
