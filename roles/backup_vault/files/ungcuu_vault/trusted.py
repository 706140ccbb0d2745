"""The trusted set of a site: a repository of files that the vault has checked, and a list of files for each point.

1. `repository` is a link to `sets/N`. Its files and folders are root's; the account without rights may read them.
2. Files are only added to a set. What removes or rewrites (retention) makes the next set beside it, and the link
   changes in one step: after a crash the site has the old set or the new one, each with its own lists.
3. A point's list names every file of the repository as it was when the point was checked. Reading happens on a view: a
   folder of hard links to exactly those files. Whatever is written later is not in it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from ungcuu_vault.common import VaultError, account, write_json
from ungcuu_vault.files import Files, flush, folders_of, link_files, make_folders, read_json, remove

_SETS, _VIEWS, _LINK, _POINTS, _GONE = "sets", "views", "repository", "points", "let-go.json"


@contextlib.contextmanager
def _held(store: Path, mode: int) -> Iterator[None]:
    """The set's lock: shared while its files are linked, alone while the link changes and the old set goes."""
    with (store / "set.lock").open("w") as lock:
        fcntl.flock(lock, mode)
        yield


def exists(store: Path) -> bool:
    """Whether the site has a trusted set."""
    return (store / _LINK).is_symlink()


def files(store: Path) -> Files:
    """All files of the set."""
    return Files.of(store / _LINK)


def points(store: Path) -> set[str]:
    """Ids of the points that the set can give."""
    repository = store / _LINK
    return {path.stem for path in (repository / _POINTS).glob("*.json")} & files(store).snapshots


def let_go(store: Path) -> set[str]:
    """Ids of the points that retention let go when it made this set: the ledger may not know yet, after a crash."""
    return set(read_json(store / _LINK / _GONE) or ())


def list_of(store: Path, identity: str) -> Files:
    """The files of one point.

    Raises:
        VaultError: the set has no such point.
    """
    try:
        return Files.load(store / _LINK / _POINTS / f"{identity}.json")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VaultError(f"the vault has no list of files for the point {identity[:8]}: {error}") from None


@contextlib.contextmanager
def view(store: Path, identities: Iterable[str]) -> Iterator[Path]:
    """A repository made of exactly the files of these points, for the account to read; gone afterwards.

    A pack that is missing is left out: another point's perhaps, and restic names it where it is this one's.

    Raises:
        VaultError: no such point, or its files are gone.
    """
    with temporary(store) as folder:
        with _held(store, fcntl.LOCK_SH):
            wanted = Files()
            for identity in identities:
                one = list_of(store, identity)
                wanted |= Files(one.keys, one.index, frozenset({identity}), one.data)
            repository = (store / _LINK).resolve()
            there = Files.of(repository)
            make_folders(folder, writable=False, shards={name[:2] for name in wanted.data})
            kept = Files(wanted.keys, wanted.index, wanted.snapshots, wanted.data & there.data)
            link_files(repository, folder, kept.paths())
        yield folder


@contextlib.contextmanager
def temporary(store: Path) -> Iterator[Path]:
    """A folder that root owns and the account may read, gone afterwards; what a killed run left goes first."""
    views = store / _VIEWS
    views.mkdir(exist_ok=True)
    views.chmod(0o711)
    with (store / "views.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _clean(views)
        folder = Path(tempfile.mkdtemp(dir=views))
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    try:
        os.chown(folder, 0, account().pw_gid)
        folder.chmod(0o750)
        yield folder
    finally:
        remove(folder)
        os.close(descriptor)


def _clean(views: Path) -> None:
    """Remove what no process holds: its lock ended with it."""
    for entry in list(os.scandir(views)):
        with contextlib.suppress(OSError):
            descriptor = os.open(entry.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(Path(entry.path))
            finally:
                os.close(descriptor)


def add(store: Path, source: Path, new: Files) -> None:
    """Let checked files of root join the set, and give each new point its list. Done twice, it does nothing more."""
    repository = (store / _LINK).resolve()
    before = files(store)
    flush(source / path for path in new.paths()[1:])
    link_files(source, repository, new.paths()[1:])
    flush(folders_of(repository, new))
    write_lists(repository, new.snapshots, Files(new.keys, before.index | new.index, data=before.data | new.data))


def write_lists(repository: Path, identities: Iterable[str], common: Files) -> None:
    """Write the list of each of these points: what all have in common, and its own snapshot."""
    keys = common.keys or Files.of(repository).keys
    for identity in identities:
        one = Files(keys, common.index, frozenset({identity}), common.data)
        one.save(repository / _POINTS / f"{identity}.json")
    flush([repository / _POINTS])


def install(store: Path, source: Path, whole: Files, gone: Iterable[str] = ()) -> None:
    """Make the next set of these files, with a list for each of its points, and put it in the place of the one before.

    `source` holds files of root that were checked. `gone` are points of the set before that this one lacks.
    """
    sets = store / _SETS
    sets.mkdir(exist_ok=True)
    sets.chmod(0o711)
    fresh = Path(tempfile.mkdtemp(dir=sets))
    os.chown(fresh, 0, account().pw_gid)
    make_folders(fresh, writable=False)
    (fresh / _POINTS).mkdir(mode=0o700)
    flush(source / path for path in whole.paths())
    link_files(source, fresh, whole.paths())
    flush(folders_of(fresh, whole))
    write_lists(fresh, whole.snapshots, whole)
    write_json(fresh / _GONE, sorted(gone))
    flush([fresh, sets])
    swap(store, fresh)


def swap(store: Path, fresh: Path) -> None:
    """Point the link at another set in one step; sets that nothing points at go."""
    link = store / f"{_LINK}.{secrets.token_hex(4)}"
    link.symlink_to(fresh.relative_to(store))
    with _held(store, fcntl.LOCK_EX):
        link.rename(store / _LINK)
        flush([store])
    clean(store)


def clean(store: Path) -> None:
    """Remove sets and links that a crash left beside the set in use. Call it under the site's own lock."""
    for path in store.glob(f"{_LINK}.*"):
        path.unlink()
    if not exists(store):
        return
    used = (store / _LINK).resolve()
    with _held(store, fcntl.LOCK_EX):
        for path in (store / _SETS).iterdir():
            if path != used:
                remove(path)
