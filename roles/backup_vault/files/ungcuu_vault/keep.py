"""Look after a repository: check it, and let old points go by age."""

from __future__ import annotations

import argparse
import contextlib
import re
from collections.abc import Iterator
from typing import Any

from ungcuu_vault import adopt, refusals, retention, review, trusted, verify, whole
from ungcuu_vault.common import VaultError, last_words, locked, now, parse_time, printable, restic
from ungcuu_vault.site import Site

_SKEW_SECONDS = 600


def check(site: Site, arguments: argparse.Namespace) -> dict[str, Any]:
    """restic's own check; `--deep` reads every byte. Damaged points are named, whole ones too.

    Raises:
        VaultError: the repository is damaged.
    """
    deep = ["--read-data"] if arguments.deep else []
    with _settled(site), restic(site.repository, site.password, ["check", "--no-lock", *deep]) as process:
        output, errors = process.communicate()
        if not process.returncode:
            return {"points": len(site.ledger()), "deep": arguments.deep}
        usable = [point["id"][:8] for point in site.ledger() if _readable(site, point["id"])]
    packs = sorted(set(re.findall(r"pack ([0-9a-f]{8})", printable((output + errors).decode("utf-8", "replace")))))
    words = f"the repository of {site.name} is damaged: {last_words(errors)}; packs {', '.join(packs) or 'not named'}"
    raise VaultError(words, f"points that can still be read whole: {', '.join(usable) or 'none'}")


@contextlib.contextmanager
def _settled(site: Site) -> Iterator[None]:
    with locked(site.name):
        adopt.prepare(site)
        yield


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
        adopt.prepare(site)
        _refuse_oddities(site, site.ledger(), verify.snapshots(site.repository, site.password))
        policy = [f"--keep-within-{unit}={span}" for unit, span in sorted(site.settings["keep"].items())]
        done = retention.rewrite(site, ["--group-by=host", *policy])
        review.forget_others(site, {point["id"] for point in site.ledger()})
        return done


def disown(site: Site, _: argparse.Namespace) -> dict[str, Any]:
    """Remove what refused runs had written, once somebody has looked; until then `tidy` removes nothing."""
    with locked(site.name):
        adopt.prepare(site)
        known = {point["id"] for point in site.ledger()}
        strangers = sorted(trusted.files(site.store).snapshots - known)
        if strangers:
            retention.rewrite(site, strangers)
        return {"removed": len(strangers) + refusals.forget(site.store)}


def _refuse_oddities(site: Site, ledger: list[dict[str, Any]], held: dict[str, dict[str, Any]]) -> None:
    known = {point["id"]: point for point in ledger}
    if rows := refusals.rows(site.store):
        words = f"a run of {site.name} at {rows[-1]['time']} was refused ({rows[-1]['reason']})"
        raise VaultError(
            f"{words}: nothing is removed before somebody has looked and run `ungcuu-vault disown {site.name}`"
        )
    strangers = [identity[:8] for identity in held if identity not in known]
    if strangers:
        raise VaultError(f"{site.name} holds points that no run made: {', '.join(strangers[:5])}")
    if missing := [identity[:8] for identity in known if identity not in held]:
        raise VaultError(f"{site.name} lacks points of the ledger: {', '.join(missing[:5])}")
    for identity, row in held.items():
        off = (parse_time(str(row["time"])) - parse_time(known[identity]["time"])).total_seconds()
        if abs(off) > known[identity]["seconds"] + _SKEW_SECONDS or parse_time(str(row["time"])) > now():
            raise VaultError(f"the point {identity[:8]} claims another time than it arrived at")
    if ledger and not whole.sound(ledger[-1]):
        raise VaultError(f"the newest point of {site.name} {whole.in_words(ledger[-1])}")
