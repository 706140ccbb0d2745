"""What is known good of a website: the file lists of its signed baselines, and what a person accepted with a reason.

1. Only root writes them here, on the controller's order; no website host reaches them.
2. A list counts for points that were taken after it, and for earlier ones: somebody signed that file as good since.
   An older list than the one that was valid when a point was taken never counts: old code has known holes.
"""

from __future__ import annotations

import argparse
import datetime
import fcntl
import hashlib
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ungcuu_vault.common import VaultError, now, parse_time, stamp, write_json
from ungcuu_vault.site import Site

FORMAT = 1
_MOST_BYTES = 256 << 20
_MOST_LISTS = 100
_SHA = re.compile(r"[0-9a-f]{64}")
_FOLDER = "known-good"
_ACCEPTED = "accepted.json"
_OURS = "ours.json"


@dataclass(frozen=True)
class FileList:
    """The files of one signed baseline: path → (type, SHA-256 or a link's target)."""

    taken: str
    sha256: str
    files: Mapping[str, tuple[str, str]]

    @property
    def moment(self) -> datetime.datetime:
        """When the baseline was taken, by the controller's clock."""
        return parse_time(self.taken)

    def brief(self) -> dict[str, str]:
        """Which baseline that is."""
        return {"taken": self.taken, "sha256": self.sha256}


@dataclass(frozen=True)
class Known:
    """All that vouches for a file: lists (oldest first), files that ungcuu put there, accepted files and gaps."""

    lists: tuple[FileList, ...] = ()
    ours: Mapping[str, str] = field(default_factory=dict)
    accepted: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    gone: Mapping[str, Any] = field(default_factory=dict)

    def valid(self, moment: str) -> FileList | None:
        """The list that was valid then: the newest one that is not younger."""
        older = [one for one in self.lists if one.moment <= parse_time(moment)]
        return older[-1] if older else None

    def later(self, moment: str) -> tuple[FileList, ...]:
        """Lists that were signed since."""
        return tuple(one for one in self.lists if one.moment > parse_time(moment))

    def fingerprint(self) -> str:
        """Changes with anything that a verdict depends on."""
        parts = [[one.sha256 for one in self.lists], self.ours, self.accepted, self.gone]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def load(site: Site) -> Known:
    """Read what this vault keeps of a site.

    Raises:
        VaultError: one of the files can't be read; nothing is called clean then.
    """
    lists = [_file_list(_read(path)) for path in sorted((site.store / _FOLDER).glob("*.json"))]
    accepted = _read(site.store / _ACCEPTED)
    return Known(
        tuple(sorted(lists, key=lambda one: one.moment)),
        _read(site.store / _OURS),
        accepted.get("files", {}),
        accepted.get("gone", {}),
    )


def know(site: Site, arguments: argparse.Namespace) -> dict[str, Any]:
    """Keep the file list that the controller gives on standard input; `lists` counts those that are kept.

    With `--check` nothing is kept; `changed` says whether it would be.

    Raises:
        VaultError: it is not such a list.
    """
    raw = sys.stdin.buffer.read(_MOST_BYTES + 1)
    try:
        document = json.loads(raw) if len(raw) <= _MOST_BYTES else None
        _check(document, site.name)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise VaultError(f"what was given is not the file list of a baseline: {error}") from None
    assert isinstance(document, dict)
    folder, wanted = site.store / _FOLDER, {site.store / _OURS: document["ours"]}
    if document["taken"]:
        name = re.sub(r"[^0-9TZ]", "", stamp(parse_time(document["taken"]))) + f"-{document['sha256'][:16]}.json"
        wanted[folder / name] = {key: document[key] for key in ("format", "host", "taken", "sha256", "files")}
    news = [path for path, content in wanted.items() if not (path.exists() and _read(path) == content)]
    if arguments.check:
        return {"changed": bool(news), "lists": len(list(folder.glob("*.json")))}
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in news:
        write_json(path, wanted[path])
        path.chmod(0o600)
    for old in sorted(folder.glob("*.json"))[:-_MOST_LISTS]:
        old.unlink()
    return {"changed": bool(news), "lists": len(list(folder.glob("*.json")))}


def _check(document: Any, site: str) -> None:
    if document["format"] != FORMAT or document["host"] != site:
        raise ValueError("another format, or another host")
    rows = [*document["ours"].items(), *((path, target) for path, _, target in document["files"])]
    if not all(isinstance(text, str) for row in rows for text in row):
        raise TypeError("a path or a hash is not a text")
    if document["taken"]:
        parse_time(document["taken"])
        if not _SHA.fullmatch(document["sha256"]):
            raise ValueError("no hash of the baseline")


def accept(site: Site, point: Mapping[str, Any], files: Mapping[str, str], gone: list[str], word: Any) -> None:
    """Record that a person accepts these files (path → hash) and that these paths are gone.

    `word` says who, when and why.
    """
    with (site.store / "accepted.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = _read(site.store / _ACCEPTED)
        kept, left = known.get("files", {}), known.get("gone", {})
        for path, digest in files.items():
            kept[path] = kept.get(path, {}) | {digest: {**word, "point": point["id"]}}
        for path in gone:
            left[path] = {**word, "point": point["id"]}
        write_json(site.store / _ACCEPTED, {"files": kept, "gone": left})


def word_of(raw: bytes) -> dict[str, str]:
    """Who accepts, and why, as the controller hands it on.

    Raises:
        VaultError: no reason is given.
    """
    try:
        document = json.loads(raw)
        by, reason = str(document["by"])[:80], str(document["reason"]).strip()[:500]
    except (KeyError, TypeError, ValueError):
        raise VaultError("nobody says who accepts it and why") from None
    if not reason or not by:
        raise VaultError("a reason is needed to accept it")
    return {"by": by, "reason": reason, "time": stamp(now())}


def _file_list(document: Any) -> FileList:
    files = {str(path): (str(kind), str(target)) for path, kind, target in document["files"]}
    return FileList(str(document["taken"]), str(document["sha256"]), files)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise VaultError(f"{path} can't be read: {error}") from None


def below(paths: Mapping[str, Any], folder: str) -> Iterator[str]:
    """The paths below a folder."""
    return (path for path in paths if path.startswith(folder.rstrip("/") + "/"))
