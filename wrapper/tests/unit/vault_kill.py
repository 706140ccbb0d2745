"""A site of the vault with two points, and a way to kill an action of the vault before any of its steps."""

# ruff: noqa: S311 - seeds that can be tried again
from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from vault_world import World, own, why_not

# UNGCUU_VAULT_KILLS=1000 kills at every boundary.
KILLS = int(os.environ.get("UNGCUU_VAULT_KILLS", "10"))
needs_root = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")


@pytest.fixture
def world() -> Iterator[World]:
    """A site with two honest points."""
    base = Path(tempfile.mkdtemp(prefix="vault-world-"))
    try:
        made = World(base)
        for number in range(2):
            made.change(random.Random(number))
            made.backup()
        yield made
    finally:
        shutil.rmtree(base)


@pytest.fixture
def steps() -> Callable[[Callable[[], object], int], list[str]]:
    """Run an action in a child that is killed before its Nth change to the disk or start of a program; its steps."""

    def run(action: Callable[[], object], kill_at: int) -> list[str]:
        reader, writer = os.pipe()
        if not (child := os.fork()):
            taken = 0

            def counted(name: str, function: Any) -> Any:
                def wrapped(*arguments: Any, **options: Any) -> Any:
                    nonlocal taken
                    if taken == kill_at:
                        os.kill(os.getpid(), signal.SIGKILL)
                    taken += 1
                    os.write(writer, f"{name}\n".encode())
                    return function(*arguments, **options)

                return wrapped

            for name in ("link", "rename", "unlink", "mkdir", "fsync", "symlink", "rmdir", "fchown"):
                setattr(os, name, counted(name, getattr(os, name)))
            subprocess.Popen.__init__ = counted("start", subprocess.Popen.__init__)
            try:
                action()
            except BaseException as error:
                os.write(writer, f"error {error!r}\n".encode())
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as told:
            names = told.read().split("\n")[:-1]
        os.waitpid(child, 0)
        return names

    return run


def boundaries(names: list[str]) -> list[int]:
    """Where to kill: before steps that are not one of a long row of the same; some of them, the last ones always."""
    found = [at for at, name in enumerate(names) if at == 0 or name != names[at - 1] or name in ("rename", "start")]
    assert len(found) > 20
    return sorted(random.Random(len(found)).sample(found, min(KILLS, len(found))) + found[-4:])


def adopt(world: World) -> None:
    """Settle, and take a point that was finished then for what is on the website now."""
    with world.locked():
        world.prepare()
    for row in world.site.ledger():
        world.whole.setdefault(row["id"], world.on_disk())


def leftovers(world: World) -> list[str]:
    """What a killed run left in the site's folder."""
    store = world.site.store
    found = [path for name in ("incoming", "arrived", "rewriting") for path in (store / name).glob("*")]
    found += list(store.glob("repository.*")) + list((store / "sets").glob("*"))[1:]
    return [str(path) for path in found]


def first_release(world: World) -> list[str]:
    """The site as the first release kept it: one folder of the account, into which hosts wrote; ids of points."""
    store = world.site.store
    plain = store / "plain"
    shutil.copytree(store / "repository", plain)
    shutil.rmtree(plain / "points")
    (plain / "let-go.json").unlink()
    for path in plain.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    own(plain)
    (store / "repository").unlink()
    for name in ("sets", "views", "incoming", "arrived"):
        shutil.rmtree(store / name)
    plain.rename(store / "repository")
    return [row["id"] for row in world.site.ledger()]
