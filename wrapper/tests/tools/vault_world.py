"""The vault's program on this machine, with folders of its own: real restic, real files and accounts, no host.

A host is whoever writes into a run's folder, as the append-only server would for it: new names, never a known one. The
keys open in a millisecond (restic_forge), so that hundreds of runs fit into a test.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import pwd
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import restic_forge as forge

PROGRAM = Path(__file__).parents[3] / "roles/backup_vault/files"
PASSWORD = "only-for-tests"
ACCOUNT = "nobody"
MODULES = (
    "common",
    "files",
    "trusted",
    "site",
    "arrival",
    "refusals",
    "verify",
    "join",
    "adopt",
    "retention",
    "keep",
    "points",
)


def why_not() -> str:
    """Why this machine can't run it; empty where it can."""
    if os.geteuid() != 0:
        return "needs root: the vault's account and root are two"
    missing = [name for name in ("restic", "setpriv") if not shutil.which(name)]
    return f"{' and '.join(missing)} not installed" if missing else ""


class World:
    """One site, its trusted set, and the hashes of what each point must give."""

    def __init__(self, base: Path) -> None:
        self.base, self.whole = base, {}  # type: Path, dict[str, dict[str, str]]
        base.chmod(0o711)
        for module in [name for name in sys.modules if name.split(".")[0] == "ungcuu_vault"]:
            del sys.modules[module]
        sys.path.insert(0, str(PROGRAM))
        from ungcuu_vault import common

        common.ACCOUNT, common.STORE = ACCOUNT, base / "store"
        common.SETTINGS, common.RUN = base / "settings", base / "run"
        self.vault = SimpleNamespace(**{name: __import__(f"ungcuu_vault.{name}", fromlist=["x"]) for name in MODULES})
        sys.path.remove(str(PROGRAM))
        self._settings()
        self.site = self.vault.site.Site.load("web01")
        self.source = base / "source"
        (self.source / "www").mkdir(parents=True)
        self.source.chmod(0o755)
        self.template = base / "template"
        self.master = self._template()

    def _settings(self) -> None:
        for name in ("store", "settings/sites", "settings/passwords"):
            (self.base / name).mkdir(parents=True)
        (self.base / "store").chmod(0o711)
        row = {
            "name": "web01",
            "keep": {"hourly": "2d"},
            "source": {},
            "site": {"root": str(self.base / "source/www"), "config_paths": []},
        }
        (self.base / "settings/sites/web01.json").write_text(json.dumps(row))
        (self.base / "settings/passwords/web01").write_text(PASSWORD)

    def _template(self) -> forge.Key:
        """A new repository whose only key opens at once."""
        restic(self.template, "init", "--repository-version=1")  # no compression: Python reads it
        master = forge.master_key(self.template, PASSWORD)
        for path in (self.template / "keys").iterdir():
            path.unlink()
        content = forge.key_file(master, PASSWORD)
        (self.template / "keys" / forge.name(content)).write_bytes(content)
        return master

    def make(self, folder: Path) -> None:
        """What `restic init` would leave, as the account's."""
        shutil.copytree(self.template, folder, dirs_exist_ok=True)
        own(folder)

    def prepare(self) -> None:
        """What each action begins with."""
        self.vault.adopt.prepare(self.site, self.make)

    @contextmanager
    def locked(self) -> Iterator[None]:
        with self.vault.common.locked("web01"):
            yield

    def change(self, random: Any) -> None:
        """Something new on the website."""
        for _ in range(random.randint(1, 3)):
            path = self.source / "www" / f"{random.randint(0, 9)}.bin"
            path.write_bytes(random.randbytes(random.choice((10, 5000, 700_000))))

    def honest(self, folder: Path) -> str:
        """What an honest host writes into a run's folder; the id of its point."""
        said = restic(folder, "backup", "--json", "--host=web01", "--tag=ungcuu", str(self.source / "www"))
        summary = json.loads(said.splitlines()[-1])
        return str(summary["snapshot_id"])

    def backup(self, write: Any = None, snapshot: bool = True) -> dict[str, Any]:
        """One run: an honest point (or none), and whatever `write` puts beside it. The new row of the ledger.

        Raises:
            VaultError: the vault refused it.
        """
        common, join = self.vault.common, self.vault.join
        with self.locked():
            self.prepare()
            began = common.stamp(common.now())
            with join.run_folder(self.site) as folder:
                honest = identity = self.honest(folder) if snapshot else "00000000"
                if write:
                    identity = write(folder) or identity
            run = {"kind": "backup", "began": began, "summary": {"snapshot_id": identity}, "point": {"host": "web01"}}
            rows: list[dict[str, Any]] = join.finish(self.site, join.arrive(self.site, folder, run))
        # A point of the intruder's own making is what it is: from now on it stays that.
        point = rows[0]["id"]
        self.whole[point] = self.on_disk() if point.startswith(honest) else self.in_point(point)
        return rows[0]

    def on_disk(self) -> dict[str, str]:
        """Hash of each file of the website now."""
        root = self.source / "www"
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in root.iterdir()}

    def in_point(self, identity: str) -> dict[str, str]:
        """Hash of each file that a point gives back, read as the vault reads it."""
        with self.site.view(identity) as repository:
            said = self.vault.common.ask_restic(
                repository, PASSWORD, "dump", "--no-lock", "--archive=tar", identity, str(self.source / "www")
            )
        found = {}
        with tarfile.open(fileobj=io.BytesIO(said)) as archive:
            for member in archive:
                if content := archive.extractfile(member) if member.isreg() else None:
                    found[member.name.rpartition("/")[2]] = hashlib.sha256(content.read()).hexdigest()
        return found

    def restores(self) -> None:
        """Every point of the ledger gives back, byte for byte, what was saved; each that was checked is there."""
        ledger = [row["id"] for row in self.site.ledger()]
        assert set(ledger) <= self.site.held()
        for identity in ledger:
            assert self.in_point(identity) == self.whole[identity], identity[:8]


def own(folder: Path) -> None:
    """Give a folder and all in it to the account."""
    known = pwd.getpwnam(ACCOUNT)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, known.pw_uid, known.pw_gid)


def put(folder: Path, kind: str, content: bytes, name: str = "") -> None:
    """Write a file as the append-only server would: under a new name, as the account's."""
    name = name or forge.name(content)
    path = folder / "data" / name[:2] / name if kind == "data" else folder / kind / name
    with suppress(FileExistsError):
        path.parent.mkdir(exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(descriptor, content)
        os.close(descriptor)
        own(path.parent)


def restic(repository: Path, *arguments: str) -> str:
    """Run restic as root would not: the host's own, with the site's password."""
    environment = {"PATH": os.environ["PATH"], "RESTIC_PASSWORD": PASSWORD, "HOME": "/nonexistent"}
    command: Sequence[str] = ["restic", "--no-cache", "-r", str(repository), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if (repository / "locks").is_dir():
        own(repository) if repository.name == "template" else _own_new(repository)
    return done.stdout


def _own_new(folder: Path) -> None:
    """What root's restic wrote becomes the account's, as if the server had written it."""
    known = pwd.getpwnam(ACCOUNT)
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_nlink == 1:
            os.chown(path, known.pw_uid, known.pw_gid)
