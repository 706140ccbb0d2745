"""A second vault: copy restore points from the first one, whose repositories can be read and not changed.

1. Only points of the first vault's ledger are copied; what else lies in its repository is never looked at.
2. The copies have a password, a ledger and a policy of their own: nothing that happens to the first vault removes one.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ungcuu_vault.common import (
    RUN,
    SETTINGS,
    VaultError,
    account,
    as_account,
    last_words,
    locked,
    need_space,
    now,
    run_folder,
    secret_pipe,
    stamp,
)  # fmt: skip
from ungcuu_vault.site import Site
from ungcuu_vault.tunnel import ssh_options

_SPARE_BYTES = 256 * 2**20
_LARGEST_LEDGER = 16 * 2**20


def pull(site: Site, _: argparse.Namespace) -> dict[str, Any]:
    """Copy what the first vault has and this one lacks.

    Raises:
        VaultError: the first vault can't be reached, or gives something else; earlier copies are whole.
    """
    with locked(site.name), _private_folder() as folder:
        source = site.settings["source"]
        theirs = _their_ledger(site, source, folder)
        need_space(site.store, _SPARE_BYTES)
        prepare(site)
        mine = {row.get("first", ""): row for row in site.ledger()}
        wanted = [row for row in theirs if row["id"] not in mine]
        if wanted:
            _restic(site, "copy", *(row["id"] for row in wanted))
            arrived = {str(row.get("original")): str(row["id"]) for row in site.snapshots().values()}
            copied = [
                row | {"id": arrived[row["id"]], "first": row["id"], "copied": stamp(now()), "proven": ""}
                for row in wanted
                if row["id"] in arrived
            ]
            site.change_ledger(lambda points: [*points, *copied])
            if len(copied) != len(wanted):
                raise VaultError(f"{len(wanted) - len(copied)} of {len(wanted)} points of {site.name} did not arrive")
        return {"copied": len(wanted), "points": len(site.ledger())}


def prepare(site: Site) -> bool:
    """Make the repository of the copies, cut into the same pieces as the first one; True when it was made."""
    return site.prepare(lambda: _restic(site, "init", "--copy-chunker-params"))


@contextmanager
def _private_folder() -> Iterator[Path]:
    run_folder()
    folder = Path(tempfile.mkdtemp(prefix="pull-", dir=RUN))
    os.chown(folder, account().pw_uid, account().pw_gid)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _ssh(source: dict[str, Any]) -> list[str]:
    return ["ssh", *ssh_options(source["name"]), "-p", str(source["port"]), f"{account().pw_name}@{source['address']}"]


def _their_ledger(site: Site, source: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    command = ["sftp", "-q", "-b", "-", *ssh_options(source["name"]), "-P", str(source["port"])]
    target, local = f"{account().pw_name}@{source['address']}", folder / "ledger.json"
    order = f"get /{site.name}/ledger.json {local}\n".encode()
    done = subprocess.run([*command, target], input=order, capture_output=True, check=False, **as_account())
    if done.returncode or local.stat().st_size > _LARGEST_LEDGER:
        raise VaultError(f"{source['name']} can't be read: {last_words(done.stderr)}", "earlier copies are whole")
    rows = json.loads(local.read_text("utf-8"))
    return [row for row in rows if isinstance(row, dict) and _is_id(row.get("id"))]


def _is_id(text: object) -> bool:
    return isinstance(text, str) and len(text) == 64 and all(letter in "0123456789abcdef" for letter in text)


def _restic(site: Site, *arguments: str) -> None:
    """Run restic on our own repository, with the first vault's as the one to copy from."""
    source = site.settings["source"]
    theirs = (SETTINGS / "passwords" / f"{site.name}.source").read_text("ascii").strip()
    mine, other = secret_pipe(site.password), secret_pipe(theirs)
    verb, *rest = arguments
    command = [
        "restic", "--no-cache", "--no-lock", f"--repo={site.repository}", f"--password-file=/dev/fd/{mine}",
        "-o", f"sftp.command={shlex.join(_ssh(source))} -s sftp", verb, f"--from-password-file=/dev/fd/{other}",
        f"--from-repo=sftp:{source['name']}:/{site.name}/repository", *rest,
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False, pass_fds=[mine, other], **as_account()
        )
    finally:
        os.close(mine)
        os.close(other)
    if done.returncode:
        raise VaultError(f"restic {verb} failed: {last_words(done.stderr)}", "earlier copies are whole")
