"""Look at every file of a point as it comes from the repository, and keep what a verdict needs of it.

Nothing is unpacked to a disk, and of each file at most half a megabyte is held. Where the point before was looked at
and little changed since, only what changed is read: restic compares by content, not by what the host said of times.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ungcuu.detect import heuristics
from ungcuu.remote import stage_rules
from ungcuu.remote.host_state.marks import content_marks
from ungcuu.remote.host_state.reading import escaped
from ungcuu_vault.common import VaultError, ask_restic, last_words, restic
from ungcuu_vault.site import Site

Row = dict[str, Any]
MOST_ROWS = 400_000
MOST_SECONDS = 3600.0
_MARKED_BYTES = 16 << 20  # of one file that is searched for code; and its end
_CHUNK = 1 << 20
_FEW = 12  # files that are read one by one instead of the whole point


class TooMuchError(Exception):
    """The point holds more than is looked at, or takes longer than it may."""


@dataclass(frozen=True)
class Places:
    """Where things are in a point, as it was taken.

    `excused` says of a path and a hash whether something known vouches for it; `odd` are paths of links and devices.
    """

    root: str
    writable: tuple[str, ...]
    config: tuple[str, ...]
    excused: Callable[[str, str], bool]
    odd: frozenset[str] = frozenset()

    def area(self, path: str) -> str:
        """web, upload or config; empty for what is none of them."""
        if any(path.startswith(folder + "/") for folder in self.writable):
            return "upload"
        if path.startswith(self.root + "/"):
            return "web"
        return "config" if any(path == name or path.startswith(name + "/") for name in self.config) else ""


def places(
    site: Site, point: Mapping[str, Any], excused: Callable[[str, str], bool], odd: Iterable[str] = ()
) -> Places:
    """The places of a point."""
    root = str(point["source"]["root"]).rstrip("/")
    writable = tuple(f"{root}/{str(name).strip('/')}" for name in site.settings["site"].get("writable_paths", []))
    return Places(root, writable, tuple(map(str, point["source"]["config_paths"])), excused, frozenset(odd))


def whole(site: Site, repository: Path, point: Mapping[str, Any], where: Places) -> dict[str, Row]:
    """Read the web root and the configuration of a point; what matters, by path.

    Raises:
        VaultError: the repository can't give it.
        TooMuchError: see there.
    """
    found: dict[str, Row] = {}
    until = time.monotonic() + MOST_SECONDS
    for folder in [where.root, *_tops(where)]:
        for member, source in members(site, repository, point["id"], folder):
            if row := _row(where, member, source):
                found[row["path"]] = row
            if len(found) > MOST_ROWS or time.monotonic() > until:
                raise TooMuchError
    return found


def changed(
    site: Site, repository: Path, point: Mapping[str, Any], where: Places, *, before: str, known: Mapping[str, Row]
) -> dict[str, Row] | None:
    """The same from what was found in the point before; None where too much changed, or it can't be decided so."""
    differing = changes(site, repository, before, str(point["id"]), where)
    if differing is None:
        return None
    found = dict(known)
    for path in [*differing["gone"], *differing["read"]]:
        found.pop(escaped(os.fsencode(path)), None)
    for path in differing["read"]:
        row = _one(site, repository, str(point["id"]), path, where)
        if row:
            found[row["path"]] = row
    return found


def _tops(where: Places) -> list[str]:
    """Folders that together hold the configuration: few, since each costs a start of restic."""
    tops = {"/" + name.split("/")[1] for name in where.config if name.count("/") > 1}
    return sorted(top for top in tops if not where.root.startswith(top + "/") and top != "/var")


def members(
    site: Site, repository: Path, identity: str, folder: str
) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """Yield each entry below a folder of a point as the repository gives it; a file with its bytes.

    Raises:
        VaultError: the repository can't give it to its end.
    """
    dump = ["dump", "--no-lock", "--archive=tar", identity, folder]
    with tempfile.TemporaryFile() as errors, restic(repository, site.password, dump, stderr=errors) as process:
        assert process.stdout is not None
        with tarfile.open(fileobj=process.stdout, mode="r|", bufsize=_CHUNK) as archive:
            while (member := archive.next()) is not None:
                yield member, archive.extractfile(member) if member.isreg() else None
                archive.members.clear()  # else it remembers every file of the website
        while process.stdout.read(_CHUNK):
            pass
        if process.wait():
            errors.seek(0)
            raise VaultError(f"the repository can't give the whole point: {last_words(errors.read())}")


def _row(where: Places, member: tarfile.TarInfo, source: IO[bytes] | None) -> Row | None:
    """What is kept of one entry; None for what does not matter."""
    path = escaped(os.fsencode("/" + member.name.strip("/")))
    area = where.area(path)
    if not area or member.isdir():
        return None
    row: Row = {"path": path, "area": area, "type": "file" if member.isreg() else "link" if member.issym() else "other"}
    if member.issym():
        row["hash"] = escaped(os.fsencode(member.linkname))
    elif source is not None:
        row |= {"size": member.size} | ({"rights": True} if member.mode & 0o6000 else {})
        row |= _look(source, path, area, where)
    return row if _matters(row) else None


def _look(source: IO[bytes], path: str, area: str, where: Places) -> Row:
    """Hash, marks, and what the content rules say where nothing known vouches for the file."""
    digest, marks, head, tail, last, seen = hashlib.sha256(), set[str](), b"", b"", b"", 0
    while block := source.read(_CHUNK):
        digest.update(block)
        if seen < _MARKED_BYTES:
            marks |= content_marks(tail + block, first=not seen)
        head = head or block[: heuristics.LIMIT]
        tail, seen = block[-8:] if len(block) > 8 else tail + block, seen + len(block)
        last = block
    if seen > _MARKED_BYTES:
        marks |= content_marks(last, first=False)
    if b"\0" in head[:4096]:
        marks.discard("short-tag")
    row: Row = {"hash": digest.hexdigest()} | ({"marks": sorted(marks)} if marks else {})
    if area == "upload" and stage_rules.is_program(posixpath.basename(path), head[: stage_rules.HEAD_BYTES]):
        row["program"] = True
    return row if where.excused(path, row["hash"]) else row | _judged(head, path, area, marks)


def _judged(head: bytes, path: str, area: str, marks: set[str]) -> Row:
    """What one file gives away; nothing for most."""
    row: Row = {}
    if area == "config":
        return {"runs": True} if heuristics.runs_other_code(head) else row
    if heuristics.SERVER_NAME.search(path) and heuristics.changes_server(head):
        row["server"] = True
    if marks & {"php", "short-tag", "phar"} or heuristics.CODE_NAME.search(path):
        verdict = heuristics.judge(head) if area == "upload" else heuristics.judge_unknown(head)
        row |= {"signs": list(verdict.names), "weight": verdict.weight} if verdict.names else {}
        row |= {"idle": True} if area == "upload" and heuristics.only_remarks(head) else {}
    if area == "web" and heuristics.PAGE_NAME.search(path) and heuristics.hidden_links(head).suspicious:
        row["hidden"] = True
    return row


def _matters(row: Row) -> bool:
    """Of uploads only what is no media is kept; of the rest everything."""
    if row["area"] != "upload" or row["type"] != "file":
        return True
    named = heuristics.CODE_NAME.search(row["path"]) or heuristics.SERVER_NAME.search(row["path"])
    return bool(named or row.get("marks") or row.get("rights") or row.get("program"))


def changes(site: Site, repository: Path, before: str, identity: str, where: Places) -> dict[str, Sequence[str]] | None:
    """Paths to read again, and paths that are gone; None where a name is not clear."""
    read, gone = [], []
    for line in ask_restic(repository, site.password, "diff", "--json", "--no-lock", before, identity).splitlines():
        row = json.loads(line)
        if row.get("message_type") != "change":
            continue
        path, kind = str(row["path"]), str(row["modifier"])
        if not path.isprintable() or "\ufffd" in path or not path.startswith("/"):
            return None
        if path.endswith("/") or not where.area(path):
            continue
        if kind not in ("+", "-", "M") or path in where.odd:
            return None
        (gone if kind == "-" else read).append(path)
        if len(read) > _FEW:
            return None
    return {"read": read, "gone": gone}


def _one(site: Site, repository: Path, identity: str, path: str, where: Places) -> Row | None:
    """One file by itself.

    Raises:
        VaultError: it is no file, or the repository can't give it.
    """
    area = where.area(path)
    with restic(repository, site.password, ["dump", "--no-lock", identity, path]) as process:
        assert process.stdout is not None and process.stderr is not None
        counted = _Counted(process.stdout)
        looked = _look(counted, escaped(os.fsencode(path)), area, where)
        words = process.stderr.read(65536)
    if process.returncode:
        raise VaultError(f"the repository can't give {posixpath.basename(path)}: {last_words(words)}")
    row = {"path": escaped(os.fsencode(path)), "area": area, "type": "file", "size": counted.bytes, **looked}
    return row if _matters(row) else None


class _Counted:
    """A stream that counts."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self.bytes = stream, 0

    def read(self, size: int) -> bytes:
        block = self._stream.read(size)
        self.bytes += len(block)
        return block
