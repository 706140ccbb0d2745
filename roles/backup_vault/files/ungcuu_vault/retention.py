"""Let points go: restic works on a clone of the trusted set, and what it leaves is checked and becomes the next set.

Nothing in the set in use changes meanwhile. The index of the next set is made from the packs that are left.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ungcuu_vault import trusted, verify
from ungcuu_vault.arrival import compare, take
from ungcuu_vault.common import VaultError, ask_restic
from ungcuu_vault.files import Files, clone, link_files, remove
from ungcuu_vault.site import Site

_REWRITING = "rewriting"


def rewrite(site: Site, forget: list[str]) -> dict[str, Any]:
    """Have restic forget by these words and prune; how many points are left, how many went.

    Call it under the site's own lock.

    Raises:
        VaultError: restic failed, or what it left is not whole; nothing is removed then.
    """
    remove(site.store / _REWRITING)
    parent = site.store / _REWRITING
    parent.mkdir(mode=0o711)
    parent.chmod(0o711)
    try:
        folder, before = Path(tempfile.mkdtemp(dir=parent)), trusted.files(site.store)
        clone(site.repository, folder, before)
        ask_restic(folder, site.password, "forget", *forget, "--prune")
        take(folder)
        left = _checked(site, folder, before)
        gone = before.snapshots - left.snapshots
        if gone or left.data != before.data:
            trusted.install(site.store, folder, left, gone)
            site.change_ledger(lambda points: [point for point in points if point["id"] not in gone])
        return {"kept": len(left.snapshots), "removed": len(gone)}
    finally:
        remove(parent)


def _checked(site: Site, folder: Path, before: Files) -> Files:
    """What is left, with an index of the vault's own making.

    Raises:
        VaultError: something in it is not what it should be.
    """
    arrival = compare(folder, site.repository, before, may_remove=True)
    arrival.refuse_at_sight()
    if arrival.new.snapshots:
        raise VaultError("restic wrote a point where it was asked to remove some: nothing was removed")
    snapshots = frozenset(path.name for path in (folder / "snapshots").iterdir())
    data = Files.of(folder).data
    with trusted.temporary(site.store) as scratch:
        packs = verify.pack_folder(scratch / "packs", site.repository, folder, before.keys, data)
        index = verify.own_index(packs, site.password, scratch / "made") if data else frozenset()
        listed = frozenset(verify.claims(packs, site.password, index))
        bad = data - listed
        if arrival.new.data:
            fresh = verify.pack_folder(scratch / "fresh", site.repository, folder, before.keys, arrival.new.data)
            verify.own_index(fresh, site.password, scratch / "made-of-fresh")
            bad |= verify.bad_packs(fresh, site.password, arrival.new.data)
        if bad:
            raise VaultError(f"packs are not what they say they are: {', '.join(sorted(bad)[:3])}: nothing was removed")
        made = Files(index=index, snapshots=snapshots, data=data)
        point = verify.candidate(scratch / "points", (folder, Files(before.keys)), (folder, made), scratch / "made")
        if missing := verify.whole(point, site.password):
            raise VaultError(f"what would be left is not whole: {missing}: nothing was removed")
        link_files(scratch / "made", folder / "index", index)
    return Files(before.keys, index, snapshots, data)
