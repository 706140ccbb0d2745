"""Stream a restore point to a host, which unpacks it beside its live data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ungcuu_vault.common import VaultError, last_words, locked, restic
from ungcuu_vault.points import choose_point
from ungcuu_vault.site import Site
from ungcuu_vault.tunnel import Session

_DUMP_FOLDER = "/var/lib/ungcuu/backup/current"
_PARTS = ("files", "database", "config")


def stage(site: Site, arguments: argparse.Namespace) -> dict[str, Any]:
    """Send one point (or one part of it) to the site's own host, or to another that this vault knows.

    Raises:
        VaultError: no such point, refused by the host, or lost on the way; live data is untouched in every case.
    """
    target = Site.load(arguments.to) if arguments.to else site
    only = [part for part in _PARTS if part in arguments.only.split(",")]
    if not only:
        raise VaultError("--only takes files, database, config")
    with locked(f"{target.name}.restore"):
        point = choose_point(site, arguments)
        request = {
            "do": "stage",
            "restore": arguments.restore,
            "point": {key: point[key] for key in ("id", "time", "host")},
            "site": target.settings["site"],
            "source_root": point["source"]["root"],
            "config_paths": point["source"]["config_paths"],
            "only": only,
            "bytes": point["bytes"],
        }
        answer, sent = _send(site, target, point["id"], request, _subtree(point, only))
        expected = {part: point["counts"][part] for part in only}
        return {
            "point": point,
            "restore": arguments.restore,
            "expected": expected,
            "counts": answer["counts"],
            "sent": sent,
        }


def _subtree(point: dict[str, Any], only: list[str]) -> str:
    """The smallest folder of the point that holds what is asked for."""
    if only == ["files"]:
        # Its parent, since a dump holds what lies in a folder and not the folder, whose mode would be lost.
        return str(Path(point["source"]["root"]).parent)
    return _DUMP_FOLDER if only == ["database"] else "/"


def _send(site: Site, target: Site, identity: str, request: dict[str, Any], folder: str) -> tuple[dict[str, Any], int]:
    dump = ["dump", "--no-lock", "--archive=tar", identity, folder]
    with restic(site.repository, site.password, dump) as source, Session(target, request) as session:
        assert source.stdout is not None and source.stderr is not None
        session.stream(source.stdout)
        errors = source.stderr.read(65536) if source.poll() else b""
        answer = session.answer()
        source.stdout.close()
        if source.wait():
            raise VaultError(f"the repository can't give the whole point: {last_words(errors or source.stderr.read())}")
    if answer["bytes"] != session.sent:
        raise VaultError("what arrived on the host is not what was sent", "live data is untouched")
    return answer, session.sent
