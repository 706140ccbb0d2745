"""Stream the website's files out of every restore point, oldest first, to whoever judges them: the controller.

1. Nothing is unpacked to a disk. Of each file at most about one MiB goes out (`remote/pieces`), and each
   content once; what a list on standard input knows as good does not go out at all.
2. Of a point after the first only what changed is read, where that is little: restic compares by content.
3. One line of JSON announces what follows. A point that can't be read is named, and the others are still read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import posixpath
import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ungcuu.detect import heuristics
from ungcuu.remote import pieces
from ungcuu.remote.host_state.marks import PHP_TAG
from ungcuu.remote.host_state.reading import escaped
from ungcuu_vault import look, review
from ungcuu_vault.common import VaultError, printable, restic
from ungcuu_vault.site import Site

_MOST_KNOWN = 128 << 20  # bytes of the list of known sums
_NAMED = 50  # suspects of the vault's own verdict that go out with a point
_OVERLAP = 16


@dataclass
class Stream:
    """What goes out, and what went out already. ``sent`` and ``known`` hold sums."""

    out: IO[bytes]
    known: frozenset[bytes]
    sent: set[bytes] = field(default_factory=set)
    points: int = 0

    def line(self, **fields: Any) -> None:
        """One line of JSON."""
        self.out.write(json.dumps(fields, separators=(",", ":")).encode() + b"\n")

    def file(self, path: str, sight: Sight, always: bool) -> None:
        """One file; its bytes follow where they matter and did not go out before."""
        digest = bytes.fromhex(sight.sha256)
        if digest in self.known and not always:
            return
        judged_as = digest + path.rpartition(".")[2][-12:].lower().encode()  # the same text is judged by its name too
        data = b"" if digest in self.known or judged_as in self.sent or not sight.matters else sight.data
        self.sent.add(judged_as)
        self.line(file=path, sha256=sight.sha256, size=sight.size, bytes=len(data))
        self.out.write(data)


@dataclass(frozen=True)
class Sight:
    """What is sent of one file's content. ``matters`` is False for media that hold no code."""

    sha256: str
    size: int
    data: bytes
    matters: bool


def sweep(site: Site, _: argparse.Namespace) -> dict[str, Any]:
    """Send the files of every point that is held; `points` counts those that were read."""
    stream = Stream(sys.stdout.buffer, _known(sys.stdin.buffer.read(_MOST_KNOWN + 1)))
    held, before = site.held(), None
    for point in sorted((row for row in site.ledger() if row["id"] in held), key=lambda row: str(row["time"])):
        found = review.renewed(site, point).get("verdict") or {}
        stream.line(
            point=point["id"],
            time=point["time"],
            root=point["source"]["root"],
            damaged=bool(point.get("damaged")),
            verdict=found.get("verdict", ""),
            suspects=[[row["path"], row["rule"]] for row in found.get("suspects", ())[:_NAMED]],
        )
        before = point if _send(site, point, before, stream) else None
    sys.stdout.buffer.flush()
    return {"points": stream.points}


def _send(site: Site, point: dict[str, Any], before: dict[str, Any] | None, stream: Stream) -> bool:
    """Send one point; False where it could not be read to its end."""
    try:
        where = look.places(site, point, lambda _path, _digest: False)
        same = before if before and before["source"]["root"] == point["source"]["root"] else None
        with site.view(*([same["id"]] if same else []), point["id"]) as repository:
            opened = Opened(site, repository, point, where.root)
            changes = look.changes(site, repository, same["id"], point["id"], where) if same else None
            files = _all(opened, stream) if changes is None else _changed(opened, changes, stream)
    except (VaultError, OSError, ValueError, KeyError, tarfile.TarError) as error:
        stream.line(failed=printable(f"{error}")[:300])
        return False
    stream.points += 1
    stream.line(end=point["id"], files=files)
    return True


@dataclass(frozen=True)
class Opened:
    """A point in a repository that can be read."""

    site: Site
    repository: Path
    point: Mapping[str, Any]
    root: str


def _all(opened: Opened, stream: Stream) -> int:
    stream.line(read="whole")
    count = 0
    for member, source in look.members(opened.site, opened.repository, str(opened.point["id"]), opened.root):
        if source is not None:
            count += 1
            path = escaped(os.fsencode("/" + member.name.strip("/")))
            stream.file(path, _sight(path, source), always=False)
    return count


def _changed(opened: Opened, changes: Mapping[str, Any], stream: Stream) -> int:
    stream.line(read="changed")
    for path in changes["gone"]:
        stream.line(gone=escaped(os.fsencode(path)))
    wanted = [path for path in changes["read"] if path.startswith(opened.root + "/")]
    for path in wanted:
        dump = ["dump", "--no-lock", str(opened.point["id"]), path]
        with restic(opened.repository, opened.site.password, dump) as process:
            assert process.stdout is not None and process.stderr is not None
            sight = _sight(path, process.stdout)
            process.stderr.read(65536)
        if process.returncode:
            raise VaultError(f"the repository can't give {posixpath.basename(path)}")
        stream.file(escaped(os.fsencode(path)), sight, always=True)
    return len(wanted)


def _sight(path: str, source: IO[bytes]) -> Sight:
    """Read one file to its end, in bounded memory."""
    digest, size, code, tail = hashlib.sha256(), 0, False, b""

    def blocks() -> Iterator[bytes]:
        nonlocal size, code, tail
        while block := source.read(pieces.WHOLE):
            digest.update(block)
            size += len(block)
            code = code or bool(PHP_TAG.search(tail + block)) or b"<script" in (tail + block).lower()
            tail = block[-_OVERLAP:]
            yield block

    data = pieces.from_blocks(blocks())
    named = heuristics.CODE_NAME.search(path) or heuristics.SERVER_NAME.search(path)
    return Sight(digest.hexdigest(), size, data, bool(named or code or b"\0" not in data[:4096]))


def _known(raw: bytes) -> frozenset[bytes]:
    """The sums that the controller knows as good.

    Raises:
        VaultError: it is no such list.
    """
    try:
        rows = json.loads(raw)["known"] if len(raw) <= _MOST_KNOWN else None
        return frozenset(bytes.fromhex(text) for text in rows)
    except (TypeError, ValueError, KeyError) as error:
        raise VaultError(f"what was given is no list of known sums: {error}") from None
