"""Look after a repository: check it, and let old points go by age."""

from __future__ import annotations

import argparse
import re
from typing import Any

from ungcuu_vault.common import VaultError, ask_restic, last_words, locked, now, parse_time, printable, restic
from ungcuu_vault.site import Site

_COLLAPSE = 0.5  # a newest point smaller than this share of the one before it stops all removal
_SKEW_SECONDS = 600


def check(site: Site, arguments: argparse.Namespace) -> dict[str, Any]:
    """restic's own check; `--deep` reads every byte. Damaged points are named, whole ones too.

    Raises:
        VaultError: the repository is damaged.
    """
    deep = ["--read-data"] if arguments.deep else []
    with locked(site.name), restic(site.repository, site.password, ["check", "--no-lock", *deep]) as process:
        output, errors = process.communicate()
        if not process.returncode:
            return {"points": len(site.ledger()), "deep": arguments.deep}
        usable = [point["id"][:8] for point in site.ledger() if _readable(site, point["id"])]
    packs = sorted(set(re.findall(r"pack ([0-9a-f]{8})", printable((output + errors).decode("utf-8", "replace")))))
    words = f"the repository of {site.name} is damaged: {last_words(errors)}; packs {', '.join(packs) or 'not named'}"
    raise VaultError(words, f"points that can still be read whole: {', '.join(usable) or 'none'}")


def _readable(site: Site, identity: str) -> bool:
    dump = ["dump", "--no-lock", "--archive=tar", identity, "/"]
    with site.view(identity) as repository, restic(repository, site.password, dump) as process:
        assert process.stdout is not None
        while process.stdout.read(2**20):
            pass
    return process.returncode == 0


def tidy(site: Site, _: argparse.Namespace) -> dict[str, Any]:
    """Let points go that are older than the policy keeps. Ages only: forged points can't push good ones out by number.

    Raises:
        VaultError: something looks tampered with; nothing is removed then.
    """
    with locked(site.name):
        set_locks_aside(site)
        ledger, held = site.ledger(), site.snapshots()
        _refuse_oddities(site, ledger, held)
        policy = [f"--keep-within-{unit}={span}" for unit, span in sorted(site.settings["keep"].items())]
        ask_restic(site.repository, site.password, "forget", "--group-by=host", *policy, "--prune")
        left = site.snapshots()
        site.change_ledger(lambda points: [point for point in points if point["id"] in left])
        return {"kept": len(left), "removed": len(held) - len(left)}


def disown(site: Site, _: argparse.Namespace) -> dict[str, Any]:
    """Let go of what no run of ours made, once somebody has looked into it; until then `tidy` removes nothing."""
    with locked(site.name):
        set_locks_aside(site)
        known = {point["id"] for point in site.ledger()}
        strangers = sorted(site.snapshot_ids() - known)
        if strangers:
            ask_restic(site.repository, site.password, "forget", "--prune", *strangers)
        return {"removed": len(strangers)}


def set_locks_aside(site: Site) -> int:
    """Take away locks that a host left behind, or forged, to stop backups; tells how many.

    Call it under the site's own lock: no run of ours is at work then, and no server stands, so none of them is ours.
    They are kept beside the repository, since a lock that nobody should have made is a trace.
    """
    locks, aside = site.repository / "locks", site.store / "locks-left-behind"
    found = [path for path in locks.iterdir() if path.is_file()] if locks.is_dir() else []
    for path in found:
        aside.mkdir(mode=0o700, exist_ok=True)
        path.rename(aside / path.name)
    return len(found)


def _refuse_oddities(site: Site, ledger: list[dict[str, Any]], held: dict[str, dict[str, Any]]) -> None:
    known = {point["id"]: point for point in ledger}
    strangers = [identity[:8] for identity in held if identity not in known]
    if strangers:
        raise VaultError(f"{site.name} holds points that no run made: {', '.join(strangers[:5])}")
    if missing := [identity[:8] for identity in known if identity not in held]:
        raise VaultError(f"{site.name} lacks points of the ledger: {', '.join(missing[:5])}")
    for identity, row in held.items():
        off = (parse_time(str(row["time"])) - parse_time(known[identity]["time"])).total_seconds()
        if abs(off) > known[identity]["seconds"] + _SKEW_SECONDS or parse_time(str(row["time"])) > now():
            raise VaultError(f"the point {identity[:8]} claims another time than it arrived at")
    if len(ledger) > 1 and any(ledger[-1][key] < _COLLAPSE * ledger[-2][key] for key in ("bytes", "files")):
        raise VaultError(f"the newest point of {site.name} is less than half of the one before it")
