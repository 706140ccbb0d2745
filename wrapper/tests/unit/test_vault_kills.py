"""The vault killed at any step of a run, of retention, of a take-over: nothing is lost, and no false alarm is left."""

# ruff: noqa: S311 - seeds that can be tried again
from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable

from vault_kill import adopt, boundaries, first_release, leftovers, needs_root, steps, world
from vault_world import World

pytestmark = needs_root
__all__ = ["steps", "world"]


def test_killed_anywhere_in_a_run(world: World, steps: Callable[..., list[str]]) -> None:
    """SIGKILL at each boundary: earlier points restore, no false alarm is left, and the next run is made.

    Seen failing with a clone that was served before it was whole, and with a run whose description outlived its files.
    """
    world.change(random.Random(99))
    where = boundaries(steps(world.backup, -1))
    adopt(world)
    for at in where:
        world.change(random.Random(at))
        told = steps(world.backup, at)
        assert not [name for name in told if name.startswith("error")], told[-1]
        adopt(world)
        world.restores()
        world.backup()
        assert world.vault.refusals.rows(world.site.store) == [], at
        assert leftovers(world) == []
    world.restores()


def test_killed_anywhere_in_retention(world: World, steps: Callable[..., list[str]]) -> None:
    """The old set or the new one, never half: what the ledger offers restores after each kill."""

    def tidy() -> None:
        with world.locked():
            world.prepare()
            world.vault.retention.rewrite(world.site, ["--group-by=host", "--keep-within-hourly=2d"])

    kept = tempfile.mkdtemp(prefix="vault-kept-")
    try:
        store = world.site.store
        subprocess.run(["cp", "-a", f"{store}/.", kept], check=True)
        where = boundaries(steps(tidy, -1))
        for at in where:
            shutil.rmtree(store)
            subprocess.run(["cp", "-a", kept, store], check=True)
            told = steps(tidy, at)
            assert not [name for name in told if name.startswith("error")], told[-1]
            adopt(world)
            world.restores()
            tidy()
            assert len(world.site.ledger()) == 1
            world.restores()
            assert leftovers(world) == []
        world.backup()
        world.restores()
    finally:
        shutil.rmtree(kept)


def test_a_take_over_that_was_killed_is_done_again(world: World, steps: Callable[..., list[str]]) -> None:
    """An upgrade is a bad moment to lose all backups."""
    points = first_release(world)
    kept = tempfile.mkdtemp(prefix="vault-kept-")
    store = world.site.store

    def prepare() -> None:
        with world.locked():
            world.prepare()

    try:
        subprocess.run(["cp", "-a", f"{store}/.", kept], check=True)
        for at in boundaries(steps(prepare, -1)):
            shutil.rmtree(store)
            subprocess.run(["cp", "-a", kept, store], check=True)
            steps(prepare, at)
            prepare()
            assert world.site.held() == set(points)
            world.restores()
            assert leftovers(world) == []
    finally:
        shutil.rmtree(kept)
