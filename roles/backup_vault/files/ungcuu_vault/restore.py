"""Stream a restore point to a host, which unpacks it beside its live data."""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from ungcuu_vault import review
from ungcuu_vault.common import VaultError, ask_restic, last_words, locked, parse_time, restic
from ungcuu_vault.points import choose_point, refusal
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
    only = ["files"] if arguments.path else [part for part in _PARTS if part in arguments.only.split(",")]
    if not only:
        raise VaultError("--only takes files, database, config")
    with locked(f"{target.name}.restore"):
        point = choose_point(site, arguments)
        if reason := refusal(site, point, arguments, only):
            raise VaultError(reason)
        request = {
            "do": "stage",
            "restore": arguments.restore,
            "point": {key: point[key] for key in ("id", "time", "host")},
            "site": target.settings["site"],
            "source_root": point["source"]["root"],
            "config_paths": point["source"]["config_paths"],
            "only": only,
            "path": arguments.path,
            "bytes": point["bytes"],
        }
        expected = {part: point["counts"][part] for part in only}
        folder, heading = _subtree(point, only), b""
        if arguments.path:
            folder = f"{point['source']['root'].rstrip('/')}/{arguments.path}"
        dump = ["dump", "--no-lock", "--archive=tar", point["id"], folder]
        with (
            site.view(point["id"]) as repository,
            restic(repository, site.password, dump) as source,  # it opens the repository while we look into it
        ):
            if arguments.path:
                listed = _listing(repository, site.password, point["id"], folder)
                heading, expected["files"], request["bytes"] = _one_path(listed, point["id"], folder)
            answer, sent = _send(target, request, source, heading)
        return {
            "point": point,
            "restore": arguments.restore,
            "expected": expected,
            "vouched_for": review.vouched_for(site, point) if "files" in only else {},
            "counts": answer["counts"],
            "sent": sent,
        }


def _subtree(point: dict[str, Any], only: list[str]) -> str:
    """The smallest folder of the point that holds what is asked for."""
    if only == ["files"]:
        # Its parent, since a dump holds what lies in a folder and not the folder, whose mode would be lost.
        return str(Path(point["source"]["root"]).parent)
    return _DUMP_FOLDER if only == ["database"] else "/"


def _listing(repository: Path, password: str, identity: str, path: str) -> bytes:
    return ask_restic(repository, password, "ls", "--json", "--no-lock", "--recursive", identity, path)


def _one_path(listed: bytes, identity: str, path: str) -> tuple[bytes, int, int]:
    """The head of a tar archive for one file or folder of a point; how many files, and how many bytes it holds.

    Raises:
        VaultError: the point has no such file or folder.
    """
    nodes = {}
    for line in listed.splitlines():
        with contextlib.suppress(ValueError):
            row = json.loads(line)
            if row.get("struct_type") == "node":
                nodes[str(row["path"])] = row
    node = nodes.get(path)
    if node is None or node["type"] not in ("file", "dir"):
        raise VaultError(f"the restore point {identity[:8]} has no file or folder {path}")
    sizes = [int(row.get("size", 0)) for row in nodes.values() if row["type"] == "file"]
    head = tarfile.TarInfo(path.lstrip("/"))
    head.type = tarfile.REGTYPE if node["type"] == "file" else tarfile.DIRTYPE
    head.mode, head.mtime = int(node["mode"]) & 0o777, int(parse_time(str(node["mtime"])).timestamp())
    head.size = int(node.get("size", 0)) if head.isreg() else 0
    return head.tobuf(), len(sizes), sum(sizes)


def _send(
    target: Site, request: dict[str, Any], source: subprocess.Popen[bytes], head: bytes
) -> tuple[dict[str, Any], int]:
    """Send what restic gives; the host's answer, and how many bytes went."""
    assert source.stdout is not None and source.stderr is not None
    with Session(target, request) as session:
        session.stream(source.stdout, head)
        errors = source.stderr.read(65536) if source.poll() else b""
        answer = session.answer()
        source.stdout.close()
        if source.wait():
            raise VaultError(f"the repository can't give the whole point: {last_words(errors or source.stderr.read())}")
    if answer["bytes"] != session.sent:
        raise VaultError("what arrived on the host is not what was sent", "live data is untouched")
    return answer, session.sent
