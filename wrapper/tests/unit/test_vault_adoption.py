"""What else may happen to a site on the vault: an older repository, a run that breaks off, a disk without links."""

# ruff: noqa: S311 - seeds that can be tried again
from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
import restic_forge as forge
from vault_kill import first_release, leftovers, needs_root, world
from vault_world import World, put

pytestmark = needs_root
__all__ = ["world"]


def test_the_first_release_s_repository_is_taken_over(world: World) -> None:
    """It may be poisoned already: garbage among its indexes and points, another key. Its points restore again."""
    points = first_release(world)
    plain = world.site.repository
    for kind in ("index", "snapshots", "keys", "data"):
        put(plain, kind, os.urandom(400))
    put(plain, "keys", forge.key_file(world.master, "another"))
    assert world.site.held() >= set(points), "before it is taken over, nothing may be called missing"
    with world.locked():
        world.prepare()
    assert [row["id"] for row in world.site.ledger()] == points
    assert world.site.held() == set(points)
    world.restores()
    (row,) = world.vault.refusals.rows(world.site.store)
    assert row["kind"] == "adopted"
    assert "2 keys" in row["reason"] and "1 points" in row["reason"] and "1 packs" in row["reason"]
    world.backup()
    world.restores()
    assert leftovers(world) == []


def test_damaged_points_of_the_first_release_are_named_and_not_lost(world: World) -> None:
    """A pack that rotted away takes its own points with it, and no other; the pack itself is kept."""
    world.change(random.Random(7))
    before = set(world.vault.trusted.files(world.site.store).data)
    newest = world.backup()["id"]
    points = first_release(world)
    fresh = [path for path in world.site.repository.glob("data/*/*") if path.name not in before]
    damaged = max(fresh, key=lambda path: path.stat().st_size)
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    with world.locked():
        world.prepare()
    ledger = {row["id"]: row for row in world.site.ledger()}
    assert list(ledger) == points
    assert {identity for identity, row in ledger.items() if row.get("damaged")} == {newest}
    assert (world.site.store / "damaged" / damaged.name).read_bytes() == bytes(content)
    for identity in points[:-1]:
        assert world.in_point(identity) == world.whole[identity]


def test_packs_of_a_run_that_broke_off_are_kept(world: World) -> None:
    """A first backup of days over a slow line must not start again; torn packs are not kept, and no point is made."""
    held = world.site.held()
    (world.source / "www/large.bin").write_bytes(os.urandom(20 * 2**20))

    def torn(folder: Path) -> str:
        put(folder, "data", os.urandom(5000))
        raise world.vault.common.VaultError("the connection was lost")

    with pytest.raises(world.vault.common.VaultError, match="was lost"):
        world.backup(torn)
    assert world.site.held() == held
    assert world.vault.refusals.rows(world.site.store) == []
    kept = world.vault.trusted.files(world.site.store).data
    world.backup()
    again = world.vault.trusted.files(world.site.store).data - kept
    assert sum((world.site.repository / world.vault.files.data_path(name)).stat().st_size for name in again) < 2**20
    world.restores()


def test_a_disk_without_hard_links_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said before anything is written, by `prepare` and by the list that `doctor` asks for."""

    def no_link(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_link)
    with pytest.raises(world.vault.common.VaultError, match="ext4"):
        world.backup()
    assert "hard links" in world.vault.files.why_no_links(world.site.store)


def test_a_file_that_is_still_written_does_not_join(world: World) -> None:
    """Whoever took the server over may hold a pack open, to change it once it was checked."""
    held = []

    def hold(folder: Path) -> str:
        content = forge.pack(world.master, [forge.Blob(b"x" * 100)])[0]
        put(folder, "data", content)
        name = forge.name(content)
        held.append((folder / "data" / name[:2] / name).open("r+b"))
        return ""

    try:
        with pytest.raises(world.vault.common.VaultError, match="still being written"):
            world.backup(hold)
    finally:
        held[0].close()
    world.restores()
