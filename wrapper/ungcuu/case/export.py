"""One bundle of a case that a third party checks with ``tar``, ``sha256sum`` and ``openssl``, without ungcuu.

1. The hand-over is recorded first, so the bundle holds the record of its own making.
2. ``SHA256SUMS`` names every file of the bundle but itself and its signature; it is signed with the journal's key.
3. Evidence goes in as it lies, named by its hash; nothing is unpacked or renamed.
4. The bundle appears under its name when it is whole, or not at all.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import BinaryIO

from ungcuu.case.case import Case
from ungcuu.case.integrity import check, evidence_of
from ungcuu.case.journal import NAME, Snapshot, snapshot
from ungcuu.case.record import Record
from ungcuu.core.clock import now
from ungcuu.core.errors import ControllerFault, Tampered
from ungcuu.core.i18n import _
from ungcuu.core.signing import fingerprint, public_pem, signing_key

README = "README.txt"
SUMS = "SHA256SUMS"


@dataclass(frozen=True)
class Bundle:
    """A bundle that was written. ``key`` is the fingerprint that travels by another way."""

    path: Path
    sha256: str
    key: str
    bytes: int


def export_case(case: Case, target: Path, *, to: str = "", purpose: str = "") -> Bundle:
    """Write the bundle of a case to ``target``, which must not exist.

    Raises:
        Tampered: the case was changed; nothing is exported as proof that is none.
        ControllerFault: the bundle can't be written, or ``target`` exists.
        JournalError: the hand-over can't be recorded.
    """
    found = check(case)
    if not found.ok:
        raise Tampered(
            _("Case {case} was changed: {why}").format(case=case.id, why="; ".join(found.lines()[:3])),
            _("Nothing was exported."),
            f"ungcuu case verify {case.id}",
        )
    if target.exists():
        raise ControllerFault(_("{path} exists already").format(path=target), _("Nothing was exported."))
    try:
        return _write(case, target, to, purpose)
    except OSError as error:
        raise ControllerFault(
            _("The bundle can't be written: {error}").format(error=error), _("No bundle was left behind.")
        ) from error


def _write(case: Case, target: Path, to: str, purpose: str) -> Bundle:
    fd, name = tempfile.mkstemp(prefix=".export-", dir=target.parent)
    try:
        with os.fdopen(fd, "w+b") as file:
            _record(case, target, to, purpose)
            key = _fill(case, file)
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.seek(0, os.SEEK_END)
        os.link(name, target)  # never over a file that appeared meanwhile
    finally:
        Path(name).unlink(missing_ok=True)
    return Bundle(target, digest, key, size)


def _record(case: Case, target: Path, to: str, purpose: str) -> None:
    """The custody entry of this hand-over."""
    data = {
        "from": "controller",
        "to": to or _("not named"),
        "what": f"bundle {target.name}",
        "when": now(),
        "purpose": purpose,
        "operator": case.settings.operator,
    }
    case.journal().append("custody", data)


def _fill(case: Case, file: BinaryIO) -> str:
    """Write all members, the signed list of hashes last; returns the key's fingerprint."""
    key = signing_key(case.settings.keys)
    mark = fingerprint(key.public_key())
    sums: list[str] = []
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        seen = snapshot(case.folder, case.head)  # a run may write on: journal, head and list must fit together
        records = seen.records(case.folder)
        for name, data in _texts(case, mark, seen, records):
            _add(archive, case.id, name, data)
            sums.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")
        for name, path in _files(case, records):
            sums.append(f"{_add_file(archive, case.id, name, path)}  {name}\n")
        listing = "".join(sums).encode()
        _add(archive, case.id, SUMS, listing)
        _add(archive, case.id, f"{SUMS}.sig", key.sign(listing))
    return mark


def _texts(case: Case, mark: str, seen: Snapshot, records: list[Record]) -> Iterator[tuple[str, bytes]]:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = signing_key(case.settings.keys).public_key()
    templates = files("ungcuu") / "templates"
    readme = (templates / "export-readme.txt").read_text(encoding="utf-8")
    yield README, readme.format(case=case.id, fingerprint=mark).encode()
    yield "check-journal.sh", (templates / "check-journal.sh").read_bytes()
    yield "key.pem", public_pem(public)
    yield "key.ssh", public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b" ungcuu journal\n"
    yield NAME, seen.data or b""
    yield "head.json", seen.head_bytes
    yield "evidence.tsv", _listing(records)


def _listing(records: list[Record]) -> bytes:
    """Names for the hashes: tab-separated, ASCII-escaped, one line each."""
    rows = ["sha256\tbytes\thost\toutcome\twhat\n"]
    for digest, data in evidence_of(records).items():
        cells = [digest, data.get("size", data.get("bytes", "")), data.get("host", ""), data.get("outcome", "")]
        cells.append(data.get("what") or data.get("name") or data.get("id") or "")
        rows.append("\t".join(_cell(cell) for cell in cells) + "\n")
    return "".join(rows).encode()


def _cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula and no terminal for a command."""
    from ungcuu.core.terminal import clean

    text = clean(value, 300).replace("\t", " ")
    return f"'{text}" if text[:1] in "=+-@" and not text.lstrip("-").isdigit() else text


def _files(case: Case, records: list[Record]) -> Iterator[tuple[str, Path]]:
    """Evidence that the journal knows, then reports, torn records and the collectors' own lists."""
    for digest in evidence_of(records):
        yield f"evidence/{digest}", case.evidence / digest
    for path in sorted(case.evidence.glob("manifest-*.jsonl")):
        yield f"evidence/{path.name}", path
    for pattern in ("report*.html", "report*.pdf", "timestamp-*", "torn-*", "sent-*"):
        for path in sorted(case.folder.glob(pattern)):
            yield path.name, path


def _add(archive: tarfile.TarFile, folder: str, name: str, data: bytes) -> None:
    archive.addfile(_member(f"{folder}/{name}", len(data)), io.BytesIO(data))


def _add_file(archive: tarfile.TarFile, folder: str, name: str, path: Path) -> str:
    """Stream a file into the archive and return the hash of what went in."""
    with path.open("rb") as file:
        reader = _Hashing(file)
        archive.addfile(_member(f"{folder}/{name}", os.fstat(file.fileno()).st_size), reader)
    return reader.digest.hexdigest()


class _Hashing:
    """A file that is hashed as it is read."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.digest = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self.digest.update(data)
        return data


def _member(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o600, 0
    return info
