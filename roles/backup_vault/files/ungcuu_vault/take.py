"""Take a restore point, and record what really arrived."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import threading
import time
from collections.abc import Iterator
from typing import Any

from ungcuu_vault import adopt, join, pull, review
from ungcuu_vault.common import locked, need_space, now, stamp
from ungcuu_vault.site import Site
from ungcuu_vault.tunnel import TUNNEL_PORT, Session, server

_SPARE_BYTES = 256 * 2**20
_PATIENCE_SECONDS = 120.0
_TURN_SECONDS = 3 * 3600.0
_LEAST_BYTES = 64 * 2**20
_WATCH_SECONDS = 0.3


def prepare(site: Site, _: argparse.Namespace) -> dict[str, Any]:
    """Make the site's password and repository, once.

    It waits for a run under way: the vault finishes what a controller that died had begun, the check included.
    """
    with locked(site.name, _PATIENCE_SECONDS):
        return {"changed": pull.make(site) if site.settings.get("source") else adopt.prepare(site)}


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
    # Websites of one host take turns: it saves one at a time, and their timers start them together.
    host = str(site.settings.get("host") or site.name)
    with locked(site.name), locked(f"{host}.turn", _TURN_SECONDS):
        adopt.prepare(site)
        need_space(site.store, _SPARE_BYTES)
        began, clock = now(), time.monotonic()
        with join.run_folder(site) as folder, server(site, folder) as (port, credentials):
            request = {
                "do": "save",
                "name": site.name,
                "site": site.settings["site"],
                "password": site.password,
                "repository": f"rest:http://{credentials}@127.0.0.1:{TUNNEL_PORT}/",
            }
            with Session(site, request, port) as session, _watch_space(site, session):
                answer = session.answer()
            run = _run(site, answer, began)
        arrived = join.arrive(site, folder, run)
        safe = time.monotonic() - clock
        point = join.finish(site, arrived)[0]
        times = {"arrived_seconds": round(safe, 2), "checked_seconds": round(time.monotonic() - clock, 2)}
        point = review.review(site, point)
        return {"point": point, "memory_kib": _count(answer.get("peak_kib")), **times}


def _count(value: object) -> int:
    """A number from the host that no decision depends on; 0 where it is not a number."""
    return value if type(value) is int and 0 <= value < 1 << 62 else 0


def _run(site: Site, answer: dict[str, Any], began: Any) -> dict[str, Any]:
    """What is noted of a run when it arrived: all that its row in the ledger needs, by our own settings."""
    summary = answer["summary"]
    return {
        "kind": "backup",
        "began": stamp(began),
        "summary": {
            "snapshot_id": str(summary.get("snapshot_id", "")),
            "data_added": _count(summary.get("data_added")),
        },
        "point": {"host": site.name, "source": _source(site, answer)},
    }


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
