"""Take a restore point, and record what really arrived."""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ungcuu_vault import pull
from ungcuu_vault.common import VaultError, locked, need_space, now, parse_time, stamp, told_by_restic
from ungcuu_vault.keep import set_locks_aside
from ungcuu_vault.site import Site
from ungcuu_vault.tunnel import TUNNEL_PORT, Session, server

_SPARE_BYTES = 256 * 2**20
_LEAST_BYTES = 64 * 2**20
_WATCH_SECONDS = 0.3
_SKEW_SECONDS = 120


def prepare(site: Site, _: argparse.Namespace) -> dict[str, Any]:
    """Make the site's password and repository, once."""
    with locked(site.name):
        return {"changed": pull.prepare(site) if site.settings.get("source") else site.prepare()}


def run(site: Site, arguments: argparse.Namespace) -> dict[str, Any]:
    """What the timer starts: a backup, or on a second vault a copy of the first one's points."""
    return pull.pull(site, arguments) if site.settings.get("source") else backup(site, arguments)


def probe(site: Site, _: argparse.Namespace) -> dict[str, Any]:
    """Whether the vault reaches the host, and how far its clock is off."""
    with Session(site, {"do": "probe"}) as session:
        answer = session.answer()
    return {"skew_seconds": round(float(answer["time"]) - time.time(), 1), "restic": bool(answer["restic"])}


def backup(site: Site, _: argparse.Namespace) -> dict[str, Any]:
    """Have the host write one restore point through a tunnel; the ledger gets what the repository then holds.

    Raises:
        VaultError: not done, or unknown when the host was lost; the ledger then holds no new point.
    """
    with locked(site.name):
        site.prepare()
        set_locks_aside(site)
        need_space(site.store, _SPARE_BYTES)
        before, began = site.snapshot_ids(), now()
        with server(site) as (port, credentials):
            request = {
                "do": "save",
                "name": site.name,
                "site": site.settings["site"],
                "password": site.password,
                "repository": f"rest:http://{credentials}@127.0.0.1:{TUNNEL_PORT}/",
            }
            with Session(site, request, port) as session, _watch_space(site, session):
                answer = session.answer()
        return {"point": _record(site, answer, before, began), "memory_kib": int(answer.get("peak_kib", 0))}


@contextlib.contextmanager
def _watch_space(site: Site, session: Session) -> Iterator[None]:
    """Cut the backup off before the disk is full: the engine itself would go on trying for a quarter of an hour."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_WATCH_SECONDS):
            if shutil.disk_usage(site.store).free < _LEAST_BYTES:
                session.stop(f"the vault's disk ran full while {site.name} was being saved")
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _record(site: Site, answer: dict[str, Any], before: set[str], began: Any) -> dict[str, Any]:
    """Compare the repository's word with the host's, and write the ledger by the vault's own clock."""
    arrived = now()
    new = site.snapshot_ids() - before
    claimed = str(answer["summary"].get("snapshot_id", ""))
    mine = [identity for identity in new if claimed and identity.startswith(claimed)]
    if len(mine) != 1 or len(new) != 1:
        raise VaultError(
            f"{len(new)} points arrived from {site.name} where one was asked for: none is offered for a restore",
            "earlier restore points are whole; look at the host",
        )
    with site.view(mine[0]) as repository:
        sizes, heading = measure(site, repository, mine[0])
    skew = (parse_time(str(heading["time"])) - began).total_seconds()
    point = {
        "id": mine[0],
        "time": stamp(began),
        "arrived": stamp(arrived),
        "host": site.name,
        "paths": [str(path) for path in heading["paths"]],
        "source": _source(site, answer),
        "seconds": round((arrived - began).total_seconds(), 1),
        "skewed": not -_SKEW_SECONDS < skew < (arrived - began).total_seconds() + _SKEW_SECONDS,
        "added_bytes": int(answer["summary"].get("data_added", 0)),
        **sizes,
    }
    site.change_ledger(lambda points: [*points, point])
    return point


def _source(site: Site, answer: dict[str, Any]) -> dict[str, Any]:
    """Where the parts came from, by our own settings: a later change of the inventory changes no point."""
    asked = site.settings["site"]
    missing = [str(path) for path in answer["facts"].get("config_missing", [])]
    return {
        "root": asked["root"],
        "config_paths": [path for path in asked.get("config_paths", []) if path not in missing],
        "config_missing": [path for path in asked.get("config_paths", []) if path in missing],
        "consistency": str(answer["facts"].get("database", {}).get("consistency", "no database"))[:40],
    }


def measure(site: Site, repository: Path, identity: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Files and bytes of a point, whole and by part, from the vault's own listing; and what it says of itself."""
    heading: dict[str, Any] = {}
    root = site.settings["site"]["root"].rstrip("/")
    counts = {"files": 0, "database": 0, "config": 0}
    total = 0
    for line in told_by_restic(repository, site.password, "ls", "--json", "--no-lock", identity):
        with contextlib.suppress(ValueError):
            row = json.loads(line)
            if row.get("struct_type") == "snapshot":
                heading = row
            if row.get("type") != "file":
                continue
            path = str(row["path"])
            total += int(row.get("size", 0))
            part = "config"
            if path.startswith(root + "/"):
                part = "files"
            elif path.startswith("/var/lib/ungcuu/backup/current/"):
                part = "database"
            counts[part] += 1
    return {"bytes": total, "files": sum(counts.values()), "counts": counts}, heading
