"""Make a site's trusted set: of a new repository, or of the one that the first release kept (a plain folder).

In the first release the host wrote into the folder that restores read. So all of it is checked once, like a run: every
pack is read, the index is rebuilt, only points of the ledger stay. A point that is damaged is named in the ledger;
packs that are not what they say are kept in `damaged`, since some of their pieces may still be good.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ungcuu_vault import refusals, trusted, verify
from ungcuu_vault.arrival import compare, set_locks_aside, take
from ungcuu_vault.common import VaultError, account, ask_restic
from ungcuu_vault.files import Files, data_path, link_files, make_folders, need_links, remove, take_file
from ungcuu_vault.join import settle, verified
from ungcuu_vault.site import Site

_ADOPTING, _CLONE, _MADE, _DAMAGED = "adopting", "repository", "made", "damaged"


def prepare(site: Site, make: Callable[[Path], object] | None = None) -> bool:
    """Make password and trusted set once, and settle what a killed run left. Call it under the site's own lock.

    `make` writes a new repository into a folder of the account's; True when something was made.

    Raises:
        VaultError: the file system can't do what is needed, or restic failed.
    """
    site.store.mkdir(parents=True, exist_ok=True)
    site.store.chmod(0o711)  # the account may pass through, not look around
    need_links(site.store)
    made = site.make_password()
    if not trusted.exists(site.store):
        made = True
        if to_adopt(site.store):
            _adopt(site)
        else:
            _create(site, make or (lambda folder: ask_restic(folder, site.password, "init")))
    settle(site)
    return made


def to_adopt(store: Path) -> bool:
    """Whether the site still has the first release's repository."""
    plain = store / "repository"
    return (plain.is_dir() and not plain.is_symlink()) or (not plain.exists() and (store / _ADOPTING / _CLONE).is_dir())


def _create(site: Site, make: Callable[[Path], object]) -> None:
    with trusted.temporary(site.store) as scratch:
        folder = scratch / "new"
        folder.mkdir(mode=0o700)
        os.chown(folder, account().pw_uid, account().pw_gid)
        make(folder)
        take(folder)
        if reason := take_file(folder / "config"):
            raise VaultError(f"the new repository can't be used: {reason}")
        found = compare(folder, folder, Files())
        trusted.install(site.store, folder, Files(keys=found.new.keys))


def _adopt(site: Site) -> None:
    """Check the first release's repository and make the trusted set of it. Done again after a crash."""
    store, adopting = site.store, site.store / _ADOPTING
    folder = adopting / _CLONE
    if not folder.exists():
        adopting.mkdir(mode=0o700, exist_ok=True)
        (store / "repository").rename(folder)
    take(folder)
    if reason := take_file(folder / "config"):
        raise VaultError(f"the repository of {site.name} can't be used: its config is {reason}")
    arrival = compare(folder, folder, Files())
    set_locks_aside(folder, store / "locks-left-behind")
    keys = _our_key(site, folder, arrival.new.keys)
    remove(adopting / _MADE)
    index, good = verified(site, adopting, arrival.new.data, folder, keys)
    wanted = frozenset(row["id"] for row in site.ledger()) & arrival.new.snapshots
    link_files(adopting / _MADE, folder / "index", index)
    whole = Files(keys, index, wanted, good)
    damaged = _damaged(site, folder, whole)
    for identity, reason in damaged.items():
        site.note(identity, damaged=reason)
    _keep_the_rest(site, folder, arrival.new, whole, arrival.odd)
    trusted.install(store, folder, whole)
    remove(adopting)


def _our_key(site: Site, folder: Path, keys: frozenset[str]) -> frozenset[str]:
    """The key that our password opens, the oldest where there are several: the vault made it first."""
    for name in sorted(keys, key=lambda name: (folder / "keys" / name).stat().st_mtime):
        with trusted.temporary(site.store) as scratch, contextlib.suppress(VaultError):
            make_folders(scratch, writable=False, shards=())
            link_files(folder, scratch, Files(keys=frozenset([name])).paths())
            ask_restic(scratch, site.password, "cat", "config", "--no-lock")
            return frozenset([name])
    raise VaultError(f"no key of the repository of {site.name} opens with the vault's password")


def _damaged(site: Site, folder: Path, whole: Files) -> dict[str, str]:
    """Points that lack pieces, with restic's words; looked at one by one only when not all are whole."""
    found = {}
    for names in ([whole.snapshots], [frozenset([name]) for name in sorted(whole.snapshots)]):
        found = {}
        for some in names:
            with trusted.temporary(site.store) as scratch:
                these = Files(whole.keys, whole.index, some, whole.data)
                make_folders(scratch, writable=False, shards={name[:2] for name in whole.data})
                link_files(folder, scratch, these.paths())
                if reason := verify.whole(scratch, site.password):
                    found |= dict.fromkeys(some, reason)
        if not found:
            break
    return found


def _keep_the_rest(site: Site, folder: Path, there: Files, whole: Files, odd: list[str]) -> None:
    """Note what does not join: keys, points of no run, packs that are not what they say."""
    bad = there.data - whole.data
    for name in bad:
        (site.store / _DAMAGED).mkdir(mode=0o700, exist_ok=True)
        (folder / data_path(name)).rename(site.store / _DAMAGED / name)
    strangers, keys = there.snapshots - whole.snapshots, there.keys - whole.keys
    found: list[Any] = [
        f"{len(keys)} keys that the vault did not make" if keys else "",
        f"{len(strangers)} points that no run of ungcuu made" if strangers else "",
        f"{len(bad)} packs that are not what they say they are (kept in {_DAMAGED})" if bad else "",
        f"{len(odd)} files that no backup writes" if odd else "",
    ]
    if words := ", ".join(text for text in found if text):
        rest = Files(keys=keys, snapshots=strangers)
        refusals.aside(site.store, folder, rest, "adopted", f"the repository of the first release held {words}")
