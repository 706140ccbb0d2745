"""A second vault: copy restore points from the first one, whose repositories can be read and not changed.

1. Only points of the first vault's ledger are copied; what else lies in its repository is never looked at.
2. The copies have a password, a ledger and a policy of their own: nothing that happens to the first vault removes one.
3. What was copied joins the trusted set after the same checks as a host's run (`join`).
4. Of a row of that ledger only what is known and well-formed is taken over: the first vault may be an intruder's.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ungcuu_vault import adopt, join, review
from ungcuu_vault.common import (
    ODD_ANSWER,
    RUN,
    SETTINGS,
    WITH_US,
    VaultError,
    account,
    as_account,
    last_words,
    locked,
    need_space,
    now,
    parse_time,
    run_folder,
    secret_pipe,
    stamp,
    write_json,
)
from ungcuu_vault.site import Site
from ungcuu_vault.tunnel import ssh_options

_ID = re.compile(r"[0-9a-f]{64}")
_SKEW = datetime.timedelta(minutes=10)
_TAKEN = "taken.json"
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
        need_space(SETTINGS if not site.store.exists() else site.store, _SPARE_BYTES)
        make(site)
        taken = _taken(site)
        wanted = [row for row in theirs if row["id"] not in taken]
        if wanted:
            began = stamp(now())
            with join.run_folder(site, everything=True) as arriving:
                _restic(site, arriving, "copy", *(row["id"] for row in wanted))
            run = {"kind": "copy", "began": began, "rows": wanted}
            copied = join.finish(site, join.arrive(site, arriving, run))
            write_json(
                site.store / _TAKEN, sorted(taken & {row["id"] for row in theirs} | {row["first"] for row in copied})
            )
            for row in copied:
                review.review(site, row)
            if len(copied) != len(wanted):
                raise VaultError(f"{len(wanted) - len(copied)} of {len(wanted)} points of {site.name} did not arrive")
        return {"copied": len(wanted), "points": len(site.ledger())}


def _taken(site: Site) -> set[str]:
    """The first vault's points that were copied once: what the policy here let go since is not copied again."""
    path = site.store / _TAKEN
    noted = json.loads(path.read_text("ascii")) if path.exists() else []
    return {*noted, *(str(row.get("first")) for row in site.ledger())}


def make(site: Site) -> bool:
    """Make the repository of the copies, cut into the same pieces as the first one; True when it was made."""
    return adopt.prepare(site, lambda folder: _restic(site, folder, "init", "--copy-chunker-params"))


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
    # What it gives lies in memory: a file without end is cut off.
    limited = [*WITH_US, "prlimit", f"--fsize={_LARGEST_LEDGER + 1}", "--"]
    command = [*limited, "sftp", "-q", "-b", "-", *ssh_options(source["name"]), "-P", str(source["port"])]
    target, local = f"{account().pw_name}@{source['address']}", folder / "ledger.json"
    order = f"get /{site.name}/ledger.json {local}\n".encode()
    done = subprocess.run([*command, target], input=order, capture_output=True, check=False, **as_account())
    if done.returncode or local.stat().st_size > _LARGEST_LEDGER:
        raise VaultError(f"{source['name']} can't be read: {last_words(done.stderr)}", "earlier copies are whole")
    try:
        return [_checked(row, site.name) for row in json.loads(local.read_text("utf-8"))]
    except ODD_ANSWER as error:
        words = f"the ledger that {source['name']} gives is none: {type(error).__name__}: {error}"
        raise VaultError(words, "earlier copies are whole") from None


def _checked(row: dict[str, Any], site: str) -> dict[str, Any]:
    """A restore point as the first vault describes it, without its scan and its proof: those are made here again.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: one of its fields is not what it should be.
    """
    source, counts = row["source"], row["counts"]
    if not _ID.fullmatch(row["id"]) or row["host"] != site:
        raise ValueError(f"no point of {site}")
    if any(parse_time(row[name]) > now() + _SKEW for name in ("time", "arrived")):
        raise ValueError("a point of the future")
    return {
        "id": row["id"],
        "host": site,
        **{name: stamp(parse_time(row[name])) for name in ("time", "arrived")},
        **{name: int(row[name]) for name in ("bytes", "files", "added_bytes")},
        "seconds": float(row["seconds"]),
        "skewed": bool(row["skewed"]),
        "paths": _texts(row["paths"]),
        "counts": {part: int(counts[part]) for part in ("files", "database", "config")},
        "source": {
            **{name: _texts([source[name]])[0] for name in ("root", "consistency")},
            **{name: _texts(source[name]) for name in ("config_paths", "config_missing")},
        },
    }


def _texts(values: list[Any]) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError("a text is none")
    return values


def _restic(site: Site, repository: Path, *arguments: str) -> None:
    """Run restic on a folder of ungcuu, with the first vault's as the one to copy from."""
    source = site.settings["source"]
    theirs = (SETTINGS / "passwords" / f"{site.name}.source").read_text("ascii").strip()
    mine, other = secret_pipe(site.password), secret_pipe(theirs)
    verb, *rest = arguments
    command = [
        *WITH_US,
        "restic",
        "--no-cache",
        "--no-lock",
        f"--repo={repository}",
        f"--password-file=/dev/fd/{mine}",
        "-o",
        f"sftp.command={shlex.join(_ssh(source))} -s sftp",
        verb,
        f"--from-password-file=/dev/fd/{other}",
        f"--from-repo=sftp:{source['name']}:/{site.name}/repository",
        *rest,
    ]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False, pass_fds=[mine, other], **as_account()
        )
    finally:
        os.close(mine)
        os.close(other)
    if done.returncode:
        raise VaultError(f"restic {verb} failed: {last_words(done.stderr)}", "earlier copies are whole")
