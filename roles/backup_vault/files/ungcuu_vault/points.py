"""Restore points: which there are, which to take, and what speaks against the others."""

from __future__ import annotations

import argparse
import hashlib
import itertools
import re
from typing import Any

from ungcuu_vault import join, judge, refusals, restorable, review, trusted, whole
from ungcuu_vault.common import VaultError, ask_restic, busy, now, parse_time, stamp
from ungcuu_vault.files import why_no_links
from ungcuu_vault.look import members
from ungcuu_vault.schedule import schedule
from ungcuu_vault.site import Site

_ID = re.compile(r"[0-9a-f]{8,64}")
_UNKNOWN_CODE = "point_unknown_code"
# The words of each code, as ungcuu.core.check_phrases has them: this program says them in its own messages.
_WORDS = {
    "point_newer": "newer than asked for",
    "point_after_sign": "taken after the first sign of compromise ({time})",
    "point_damaged": "it is damaged",
    "point_skewed": "its own clock disagrees with the vault's",
    "point_holds": "holds {said}",
    "point_not_whole": "is not whole: {said}",
    "point_not_judged": "could not be judged: {said}",
    _UNKNOWN_CODE: "no baseline is older: its code was judged by content rules alone",
}
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{1,60}")
_DIFFERENCE = re.compile(rb"^Files:\s+(\d+) new,\s+(\d+) removed,\s+(\d+) changed", re.M)
_MOST_COMPARED = 20
_TOLD_WHOLE = 20  # points of which every named file is given; the list must stay short enough to be read


def list_points(site: Site, _: argparse.Namespace) -> dict[str, Any]:
    """All points, newest first; what speaks against this host's runs: refused ones, points that no run made."""
    held = site.held()
    if trusted.exists(site.store):
        _compare_newest(site, held)
    gone = trusted.let_go(site.store)
    ledger = [review.renewed(site, point) for point in site.ledger() if point["id"] not in gone]
    known = {point["id"] for point in ledger}
    rows = [
        (point if number < _TOLD_WHOLE else review.briefly(point)) | {"missing": point["id"] not in held}
        for number, point in enumerate(reversed(ledger))
    ]
    return {
        "points": rows,
        "strangers": [{"id": identity} for identity in sorted(held - known - gone)],
        "refused": [row | {"host": site.name} for row in refusals.rows(site.store)],
        "waiting": [] if busy(site.name) else join.waiting(site),
        "problems": [reason] if (reason := why_no_links(site.store)) else [],
        "asked": stamp(now()),
        "schedule": schedule(site),
    }


def _compare_newest(site: Site, held: set[str]) -> None:
    """Note in the ledger what changed from each point to the next, for the newest that nobody compared yet."""
    ledger = [point for point in site.ledger() if point["id"] in held]
    pairs = [pair for pair in itertools.pairwise(ledger) if "changed" not in pair[1]]
    for before, point in pairs[-_MOST_COMPARED:]:
        with site.view(before["id"], point["id"]) as repository:
            said = ask_restic(repository, site.password, "diff", "--no-lock", before["id"], point["id"])
        # The last one: names of files stand before it, and a name may hold anything.
        if counts := _DIFFERENCE.findall(said):
            site.note(point["id"], changed=dict(zip(("new", "removed", "changed"), map(int, counts[-1]), strict=True)))


def choose(site: Site, arguments: argparse.Namespace) -> dict[str, Any]:
    """The point that a restore would take, why newer ones are passed over, and what speaks against restoring it."""
    passed_over: list[dict[str, Any]] = []
    point = choose_point(site, arguments, passed_over)
    only = ["files"] if arguments.path else arguments.only.split(",")
    return {"point": point, "passed_over": passed_over, "refused": refusal(site, point, arguments, only)}


def refusal(site: Site, point: dict[str, Any], arguments: argparse.Namespace, only: list[str]) -> str:
    """Why a point is not restored unless a person says so; empty when nothing speaks against it.

    Its code counts where code is restored. That it has shrunk counts where nobody named it by its id.
    """
    _judged(site, point)
    if {"files", "config"} & set(only) and not arguments.allow_suspect and (words := review.against(point)):
        return f"the point {point['id'][:8]} of {point['time']} is suspect: {words}"
    accepted = arguments.accept.split(",")
    if "files" in only and not arguments.path and (words := restorable.in_words(point, accepted)):
        return f"a restore of the point {point['id'][:8]} of {point['time']} is refused by its checks: {words}"
    if not _ID.fullmatch(arguments.at) and not whole.sound(point):
        return f"the point {point['id'][:8]} of {point['time']} is not whole: {whole.in_words(point)}"
    return ""


def choose_point(
    site: Site, arguments: argparse.Namespace, passed_over: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """By id (8 characters or more), by time (the newest at or before it), the latest, or the newest clean one.

    Where none is clean, `--clean` takes the newest in which the content rules alone found nothing.

    Raises:
        VaultError: no point fits.
    """
    over = [] if passed_over is None else passed_over
    join.settle_if_free(site)
    held = site.held()
    ledger: list[dict[str, Any]] = [point for point in site.ledger() if point["id"] in held]
    if _ID.fullmatch(arguments.at):
        found = [point for point in ledger if point["id"].startswith(arguments.at)]
        if len(found) != 1:
            raise VaultError(f"{site.name} has {len(found)} restore points {arguments.at}")
        return found[0]
    limit = None if arguments.at == "latest" else parse_time(arguments.at)
    first_sign = parse_time(arguments.before) if arguments.before else None
    second_best: dict[str, Any] | None = None
    for point in reversed(ledger):
        reason = _against(point, limit, first_sign) or (_unclean(site, point) if arguments.clean else {})
        if not reason:
            return point
        if second_best is None and reason["code"] == _UNKNOWN_CODE:
            second_best = point
        over.append({"id": point["id"], "time": point["time"], "reason": reason})
    if second_best is not None:
        over[:] = [row for row in over if row["id"] != second_best["id"]]
        return second_best
    reasons = (
        "; ".join(f"{row['id'][:8]} of {row['time']}: {_words(row['reason'])}" for row in over) or "there are none"
    )
    raise VaultError(f"no restore point of {site.name} fits: {reasons}")


def _words(reason: dict[str, Any]) -> str:
    return _WORDS[reason["code"]].format(**reason)


def _against(point: dict[str, Any], limit: Any, first_sign: Any) -> dict[str, Any]:
    """Why a point is passed over for its time, as a code with its values; empty when nothing speaks against it."""
    taken = parse_time(point["arrived"])
    if limit is not None and taken > limit:
        return {"code": "point_newer"}
    if first_sign is not None and taken >= first_sign:
        return {"code": "point_after_sign", "time": stamp(first_sign)}
    if point.get("damaged"):
        return {"code": "point_damaged"}
    return {"code": "point_skewed"} if point.get("skewed") else {}


def _unclean(site: Site, point: dict[str, Any]) -> dict[str, Any]:
    """Why a point is not clean, as a code with its values; empty for one that is."""
    verdict = _judged(site, point)["verdict"]
    if words := review.against(point):
        return {"code": "point_holds", "said": words}
    if not whole.sound(point):
        return {"code": "point_not_whole", "said": whole.in_words(point)}
    if verdict["verdict"] == judge.CLEAN:
        return {}
    if verdict.get("why") == "no baseline":
        return {"code": _UNKNOWN_CODE}
    return {"code": "point_not_judged", "said": str(verdict.get("detail", ""))}


def look(site: Site, arguments: argparse.Namespace) -> dict[str, Any]:
    """Judge one point, and remember the verdict in the ledger."""
    return {"point": _judged(site, choose_point(site, arguments))}


def _judged(site: Site, point: dict[str, Any]) -> dict[str, Any]:
    """The point with the verdict that now holds; it is looked into where nobody did so yet."""
    tried = point.get("verdict", {}).get("why")
    done = "verdict" in point and tried != "failed"
    return review.renewed(site, point) if done else review.review(site, point)


def hashes(site: Site, arguments: argparse.Namespace) -> dict[str, Any]:
    """What a restore must equal: one hash over path and content of every file, and the hash of the table dump."""
    point = choose_point(site, arguments)
    root, rows, tables = point["source"]["root"].strip("/"), [], ""
    with site.view(point["id"]) as repository:
        for member, source in members(site, repository, point["id"], "/"):
            name = member.name.strip("/")
            if source and name.startswith(root + "/"):
                digest = hashlib.file_digest(source, "sha256").hexdigest()
                rows.append(f"{name[len(root) + 1 :]}\0{digest}\n".encode("utf-8", "surrogateescape"))
            elif source and name == "var/lib/ungcuu/backup/current/tables.sql":
                tables = _hash_of_tables(source, str(site.settings["site"]["database"]["name"]))
            elif source and name == "var/lib/ungcuu/backup/current/database.pgdump":
                tables = hashlib.file_digest(source, "sha256").hexdigest()
    found = {"files": hashlib.sha256(b"".join(sorted(rows))).hexdigest()}
    return {"point": point, "hashes": found | ({"tables": tables} if tables else {})}


def _hash_of_tables(source: Any, name: str) -> str:
    """The dump's heading names the schema, which a restore may give another name while it tries it."""
    head = source.read(1000)
    digest = hashlib.sha256(head.replace(f"Database: {name}".encode(), b"Database: "))
    while block := source.read(2**20):
        digest.update(block)
    return digest.hexdigest()


def packages(site: Site, arguments: argparse.Namespace) -> dict[str, Any]:
    """Packages that the website's host had been given by hand: well-formed names only."""
    point = choose_point(site, arguments)
    listed = "/var/lib/ungcuu/backup/current/packages-by-hand.txt"
    with site.view(point["id"]) as repository:
        names = ask_restic(repository, site.password, "dump", "--no-lock", point["id"], listed)
    lines = names.decode("ascii", "replace").splitlines()
    return {"packages": sorted({line for line in lines if _PACKAGE.fullmatch(line)})}


def proven(site: Site, arguments: argparse.Namespace) -> dict[str, Any]:
    """Record that a point was restored and tried: the only proof that a backup is one. RPO and RTO in seconds."""
    point, moment = choose_point(site, arguments), now()
    rpo = round((moment - parse_time(point["time"])).total_seconds() - arguments.seconds)
    drill = {"on": arguments.to or site.name, "rto_seconds": round(arguments.seconds, 1), "rpo_seconds": max(0, rpo)}
    site.note(point["id"], proven=stamp(moment), drill=drill)
    return {"id": point["id"], "proven": stamp(moment), **drill}
