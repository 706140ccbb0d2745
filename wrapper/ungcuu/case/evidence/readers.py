"""Reads items of evidence for the timeline and the scope, without unpacking anything.

Every byte was chosen by whoever had the host. So: archives are read as a stream and nothing is written; lengths that a
file claims are bounds to check, not to trust; no field, line or record is held beyond its limit; what is damaged ends
the reading of that file, with what was read so far. Texts come back as they are: clean them before they are shown.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

LINE_MOST = 64 << 10  # bytes of one line, field or record
MEMBER_MOST = 1 << 30  # bytes that are read of one member, unpacked
_CHUNK = 1 << 18
_BLOCK = 512
_PAX_MOST = 1 << 20
_ENTRY_FIELDS = 256
_LATEST = 1e11  # seconds since 1970: some three thousand years
_DIGEST = re.compile(rb"[0-9a-f]{64}")


@dataclass(frozen=True)
class FileRow:
    """One entry of a list of files. Times are seconds since 1970; ``born`` is None where the host doesn't know it."""

    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    inode: int
    accessed: float
    modified: float
    changed: float
    born: float | None
    path: str
    target: str


def file_rows(path: Path) -> Iterator[FileRow]:
    """Yield the entries of ``web_manifest``, ``changed_files`` or ``setuid_files``; damaged ones are left out."""
    texts = _split(path, b"\0")
    for record in texts:
        row = _file_row(record, next(texts, b""))
        if row is not None:
            yield row


def _file_row(record: bytes, target: bytes) -> FileRow | None:
    fields = record.split(b"\t", 11)
    if len(fields) != 12:
        return None
    kind, mode, uid, gid, size, inode, _links, accessed, modified, changed, born, name = fields
    try:
        return FileRow(
            _text(kind),
            int(mode, 8),
            int(uid),
            int(gid),
            int(size),
            int(inode),
            _moment(accessed),
            _moment(modified),
            _moment(changed),
            _born(born),
            _text(name),
            _text(target),
        )
    except ValueError:
        return None


def _moment(field: bytes) -> float:
    """Return a time that a date can be made of; the host may write ``inf`` or ``nan``, and no timeline has those.

    Raises:
        ValueError: It is none.
    """
    moment = float(field)
    if not abs(moment) < _LATEST:
        raise ValueError("no time")
    return moment


def _born(field: bytes) -> float | None:
    """Return the time of birth; GNU find writes ``-``, nothing, or ``-1.-0000000010`` where it is unknown."""
    try:
        return max(_moment(field), 0.0) or None
    except ValueError:
        return None


def hash_rows(path: Path) -> Iterator[tuple[str, str]]:
    """Yield path and SHA-256 of each entry that ``sha256sum --zero`` wrote; damaged ones are left out."""
    for record in _split(path, b"\0"):
        digest, name = record[:64], record[66:]
        if _DIGEST.fullmatch(digest) and name.startswith(b"/"):
            yield _text(name), digest.decode("ascii")


def archive_lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and line of each regular member of an archive of text logs; what ends in ``.gz`` is unpacked."""
    with path.open("rb") as file:
        for name, size in _members(file):
            pieces = _pieces(file, size)
            if name.endswith(".gz"):
                pieces = _gunzip(pieces)
            for line in _lines(pieces, b"\n"):
                yield name, line


def journal_entries(path: Path) -> Iterator[dict[str, bytes]]:
    """Yield the entries of a journal in systemd's export format; the first value counts where a field repeats.

    Source: https://systemd.io/JOURNAL_EXPORT_FORMATS/
    """
    with path.open("rb") as file:
        entry: dict[str, bytes] = {}
        while line := file.readline(LINE_MOST):
            if line == b"\n":
                if entry:
                    yield entry
                entry = {}
                continue
            name, equals, value = line.rstrip(b"\n").partition(b"=")
            if not equals:
                value = _binary_field(file)
            elif not line.endswith(b"\n"):
                _skip_line(file)
            if len(entry) < _ENTRY_FIELDS:
                entry.setdefault(_text(name), value)
        if entry:
            yield entry


def _binary_field(file: BinaryIO) -> bytes:
    size = int.from_bytes(file.read(8), "little")
    value = file.read(min(size, LINE_MOST))
    if size > LINE_MOST:
        file.seek(min(file.tell() + size - LINE_MOST, os.fstat(file.fileno()).st_size))
    file.read(1)
    return value


def _skip_line(file: BinaryIO) -> None:
    while (rest := file.readline(LINE_MOST)) and not rest.endswith(b"\n"):
        pass


def _split(path: Path, separator: bytes) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from _lines(_pieces(file, path.stat().st_size), separator)


def _pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    left = min(size, MEMBER_MOST)
    while left > 0 and (piece := file.read(min(left, _CHUNK))):
        left -= len(piece)
        yield piece


def _gunzip(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack bounded steps of bounded total, so that a bomb costs time but no memory."""
    unpack, total = zlib.decompressobj(31), 0
    for piece in pieces:
        rest = piece
        while rest and total < MEMBER_MOST:
            try:
                out = unpack.decompress(rest, _CHUNK)
            except zlib.error:
                return
            total += len(out)
            yield out
            rest = unpack.unconsumed_tail
            if unpack.eof:
                rest, unpack = unpack.unused_data, zlib.decompressobj(31)


def _lines(pieces: Iterator[bytes], separator: bytes) -> Iterator[bytes]:
    """Yield separated records; one that is too long is cut, its rest dropped."""
    held, dropping = b"", False
    for piece in pieces:
        *whole, held = (held + piece).split(separator)
        for line in whole:
            if not dropping:
                yield line[:LINE_MOST]
            dropping = False
        if len(held) > LINE_MOST:
            if not dropping:
                yield held[:LINE_MOST]
            held, dropping = b"", True
    if held and not dropping:
        yield held


def _members(file: BinaryIO) -> Iterator[tuple[str, int]]:
    """Yield name and size of each plain regular member; the file stands at its content then.

    Source: POSIX.1-2001, pax interchange format; GNU tar manual, "Basic Tar Format".
    """
    extra: dict[str, str] = {}
    while True:
        header = file.read(_BLOCK)
        if len(header) < _BLOCK or not header.strip(b"\0") or not _sound(header):
            return
        kind, size = header[156:157], _number(header[124:136])
        after = file.tell() + -(-size // _BLOCK) * _BLOCK
        if kind == b"x" and size <= _PAX_MOST:
            extra = _pax(file.read(size))
        elif kind in (b"0", b"\0", b"7"):
            size = int(extra["size"]) if extra.get("size", "").isdecimal() else size
            after = file.tell() + -(-size // _BLOCK) * _BLOCK
            if not any(key.startswith("GNU.sparse.") for key in extra):
                yield extra.get("path") or _name(header), size
            extra = {}
        elif kind not in (b"g", b"x"):
            extra = {}
        file.seek(min(after, os.fstat(file.fileno()).st_size))


def _sound(header: bytes) -> bool:
    total = sum(header[:148]) + 8 * 32 + sum(header[156:])
    return header[148:156].strip(b" \0") == b"%o" % total or _number(header[148:156]) == total


def _number(field: bytes) -> int:
    if field[0] & 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    return int(digits, 8) if digits and all(digit in b"01234567" for digit in digits) else 0


def _name(header: bytes) -> str:
    name, prefix = header[:100].split(b"\0")[0], header[345:500].split(b"\0")[0]
    return _text(prefix + b"/" + name if prefix else name)


def _pax(data: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    while data:
        length, _space, _rest = data.partition(b" ")
        if not length.isdigit() or not len(length) + 1 < int(length[:9]) <= len(data):
            break
        record, data = data[len(length) + 1 : int(length[:9])].rstrip(b"\n"), data[int(length[:9]) :]
        key, _equals, value = record.partition(b"=")
        found[_text(key)] = _text(value)
    return found


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
