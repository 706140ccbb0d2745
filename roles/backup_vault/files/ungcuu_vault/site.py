"""One website host as the vault knows it: how to reach it, what to save, where its repository and ledger are."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ungcuu_vault import trusted
from ungcuu_vault.common import SETTINGS, STORE, VaultError, account, write_json

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True)
class Site:
    """Settings of one website host, from the file that Ansible wrote."""

    name: str
    settings: dict[str, Any]

    @classmethod
    def load(cls, name: str) -> Site:
        """Read the settings.

        Raises:
            VaultError: the vault has no such site.
        """
        if not _NAME.fullmatch(name):
            raise VaultError("that is no host's name")
        try:
            return cls(name, json.loads((SETTINGS / "sites" / f"{name}.json").read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise VaultError(f"the vault has no settings for {name}: {error}") from None

    @property
    def store(self) -> Path:
        """Folder of this site on the vault."""
        return STORE / "sites" / self.name

    @property
    def repository(self) -> Path:
        """The trusted set: files that the vault has checked. To read points, take a `view`."""
        return self.store / "repository"

    @contextlib.contextmanager
    def view(self, *points: str) -> Iterator[Path]:
        """A repository to read these points from (whole ids), while the context lasts. All reading happens on one.

        It is made of the points' own files: what was written later is not in it.
        """
        with trusted.view(self.store, points) as folder:
            yield folder

    @property
    def password(self) -> str:
        """The repository's password: root's, on the vault only.

        Raises:
            VaultError: it is missing.
        """
        try:
            return (SETTINGS / "passwords" / self.name).read_text(encoding="ascii").strip()
        except OSError as error:
            raise VaultError(f"the password of {self.name}'s repository can't be read: {error.strerror}") from None

    def make_password(self) -> bool:
        """Make the repository's password, once; True when it was made."""
        secret = SETTINGS / "passwords" / self.name
        if secret.exists():
            return False
        with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
            handle.write(secrets.token_urlsafe(32) + "\n")
        return True

    def ledger(self) -> list[dict[str, Any]]:
        """Restore points that runs of this vault made, oldest first."""
        path = self.store / "ledger.json"
        if not path.exists():
            return []
        try:
            points: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise VaultError(f"the ledger {path} can't be read: {error}") from None
        if not isinstance(points, list) or not all(isinstance(row, dict) and "id" in row for row in points):
            raise VaultError(f"the ledger {path} is damaged: it is no list of restore points")
        return points

    def change_ledger(self, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
        """Replace the ledger by what `change` makes of it, one change at a time: a scan may end while a backup does."""
        with (self.store / "ledger.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            write_json(self.store / "ledger.json", change(self.ledger()))
            # A second vault reads it through the account; only root writes it.
            os.chown(self.store / "ledger.json", 0, account().pw_gid)
            (self.store / "ledger.json").chmod(0o640)

    def note(self, identity: str, **fields: object) -> None:
        """Add what was found out about one point to the ledger."""
        self.change_ledger(lambda points: [row | fields if row["id"] == identity else row for row in points])

    def held(self) -> set[str]:
        """Ids of the points that can be read: by names of files alone, without the cost of opening a repository."""
        if trusted.exists(self.store):
            return trusted.points(self.store)
        # The first release's repository, which the next run checks before anything is read from it.
        plain = [self.repository / "snapshots", self.store / "adopting/repository/snapshots"]
        return {path.name for folder in plain if folder.is_dir() for path in folder.iterdir()}
