"""What is in the folder of a run that the trusted set does not have, and what speaks against the run at first sight.

Looked at when the server has stopped and the folders are root's: nothing changes any more.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from ungcuu_vault.common import VaultError
from ungcuu_vault.files import CONFIG, ID, KINDS, Files, data_path, remove, size, take_file, take_folder

_MIB = 2**20
# restic makes packs of up to 128 MiB and indexes of some 10 MiB; what is larger is there to fill memory.
_LARGEST = {"keys": _MIB, "index": 64 * _MIB, "snapshots": 16 * _MIB, "data": 256 * _MIB}
_MOST_INDEXES = 1000
_UNFINISHED = ".rest-server-temp"  # restic's own server leaves these when a connection breaks
_LOCKS = "locks"


class RefusedError(VaultError):
    """The host wrote what no honest backup writes: nothing of the run joins what is trusted."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason, "earlier restore points are whole and restore; look at the host")
        self.kind = kind


@dataclass
class Arrival:
    """New files by kind, all of them root's now; names that are there and should not be."""

    new: Files = field(default_factory=Files)
    odd: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    def refuse_at_sight(self) -> None:
        """Refuse what no backup of restic writes.

        Raises:
            RefusedError: with its kind and what was seen.
        """
        if self.new.keys:
            raise RefusedError("key", f"the host added {len(self.new.keys)} keys to the repository")
        if self.changed:
            raise RefusedError("changed", f"files that the vault had were replaced or removed: {_first(self.changed)}")
        if self.odd:
            raise RefusedError("names", f"files that no backup writes: {_first(self.odd)}")
        if len(self.new.index) > _MOST_INDEXES:
            raise RefusedError("index", f"the host wrote {len(self.new.index)} indexes")


def _first(names: list[str]) -> str:
    return ", ".join(sorted(names)[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def take(clone: Path) -> None:
    """Make the folders of a run root's, so that nothing is added, removed or renamed in them any more.

    Raises:
        VaultError: one of them was replaced by something else.
    """
    take_folder(clone)
    for kind in KINDS:
        take_folder(clone / kind)
    for entry in os.scandir(clone / "data"):
        if entry.is_dir(follow_symlinks=False):
            take_folder(Path(entry.path))


def compare(clone: Path, repository: Path, known: Files, may_remove: bool = False) -> Arrival:
    """Compare a folder with the trusted set that it was cloned from, and make what is new root's."""
    arrival = Arrival()
    found: dict[str, set[str]] = {kind: set() for kind in KINDS}
    arrival.odd += [entry.name for entry in os.scandir(clone) if entry.name not in (CONFIG, _LOCKS, *KINDS)]
    if (clone / _LOCKS).is_symlink():
        arrival.odd.append(_LOCKS)
    if not _same(clone / CONFIG, repository / CONFIG):
        arrival.changed.append(CONFIG)
    for kind in KINDS:
        seen = set()
        names: frozenset[str] = getattr(known, kind)
        for entry in _entries(clone, kind, arrival):
            seen.add(entry.name)
            if entry.name in names:
                if not _same(Path(entry.path), repository / _path(kind, entry.name)):
                    arrival.changed.append(f"{kind}/{entry.name}")
            elif reason := _wrong_with(entry, kind):
                arrival.odd.append(f"{kind}/{entry.name} ({reason})")
            else:
                found[kind].add(entry.name)
        if kind != "snapshots" and not may_remove:  # of those a run is shown the newest alone
            arrival.changed += [f"{kind}/{name}" for name in names - seen]
    arrival.new = Files(**{kind: frozenset(names) for kind, names in found.items()})
    return arrival


def _path(kind: str, name: str) -> str:
    return data_path(name) if kind == "data" else f"{kind}/{name}"


def _entries(clone: Path, kind: str, arrival: Arrival) -> list[os.DirEntry[str]]:
    """Entries of one kind where restic keeps them; others are noted as odd."""
    entries = list(os.scandir(clone / kind))
    if kind != "data":
        return entries
    found = []
    for shard in entries:
        if not shard.is_dir(follow_symlinks=False):
            arrival.odd.append(f"data/{shard.name}")
            continue
        for entry in os.scandir(shard.path):
            if _UNFINISHED in entry.name and entry.is_file(follow_symlinks=False):
                continue
            if entry.name.startswith(shard.name) and len(shard.name) == 2:
                found.append(entry)
            else:
                arrival.odd.append(f"data/{shard.name}/{entry.name}")
    return found


def _wrong_with(entry: os.DirEntry[str], kind: str) -> str:
    if not ID.fullmatch(entry.name):
        return "not a name of restic's"
    if entry.is_symlink() or not entry.is_file(follow_symlinks=False):
        return "not a file"
    if size(Path(entry.path)) > _LARGEST[kind]:
        return f"larger than {_LARGEST[kind] // _MIB} MiB"
    return take_file(Path(entry.path))


def _same(one: Path, other: Path) -> bool:
    """Two names of one file."""
    try:
        first, second = one.lstat(), other.lstat()
    except OSError:
        return False
    return (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino)


def set_locks_aside(clone: Path, aside: Path) -> int:
    """Keep locks that a run left behind beside the repository: one that nobody should have made is a trace."""
    if not (clone / _LOCKS).is_dir() or (clone / _LOCKS).is_symlink():
        return 0
    take_folder(clone / _LOCKS)
    found = [Path(entry.path) for entry in os.scandir(clone / _LOCKS) if entry.is_file(follow_symlinks=False)]
    for path in found[:100]:
        if size(path) <= 65536 and ID.fullmatch(path.name):
            aside.mkdir(mode=0o700, exist_ok=True)
            path.rename(aside / path.name)
    remove(clone / _LOCKS)
    return len(found)
