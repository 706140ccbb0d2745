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

from ungcuu_vault.common import SETTINGS, STORE, VaultError, account, ask_restic, write_json

_ID = re.compile(r"[0-9a-f]{64}")
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
        """The restic repository, owned by the account without rights."""
        return self.store / "repository"

    @contextlib.contextmanager
    def view(self, *points: str) -> Iterator[Path]:
        """A repository to read these points from (whole ids), while the context lasts. All reading happens on one."""
        yield self.repository

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

    def prepare(self, make: Callable[[], object] | None = None) -> bool:
        """Make the password and the repository (by `make`, or a new one), once; True when something was made."""
        self.store.mkdir(parents=True, exist_ok=True)
        self.store.chmod(0o711)  # the account may pass through, not look around
        if (self.repository / "config").exists():
            return False
        secret = SETTINGS / "passwords" / self.name
        if not secret.exists():
            with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
                handle.write(secrets.token_urlsafe(32) + "\n")
        known = account()
        self.repository.mkdir(mode=0o700, exist_ok=True)
        os.chown(self.repository, known.pw_uid, known.pw_gid)
        if make:
            make()
        else:
            ask_restic(self.repository, self.password, "init")
        return True

    def ledger(self) -> list[dict[str, Any]]:
        """Restore points that runs of this vault made, oldest first."""
        path = self.store / "ledger.json"
        if not path.exists():
            return []
        try:
            points: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise VaultError(f"the ledger {path} can't be read: {error}") from None
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

    def snapshot_ids(self) -> set[str]:
        """Ids of what the repository holds: the names of its files, without the cost of opening it."""
        try:
            return {path.name for path in (self.repository / "snapshots").iterdir() if _ID.fullmatch(path.name)}
        except OSError as error:
            raise VaultError(f"the repository of {self.name} can't be read: {error.strerror}") from None

    def snapshots(self) -> dict[str, dict[str, Any]]:
        """What the repository itself claims to hold, by id."""
        output = ask_restic(self.repository, self.password, "snapshots", "--json", "--no-lock")
        return {str(row["id"]): row for row in json.loads(output or b"[]") or []}
