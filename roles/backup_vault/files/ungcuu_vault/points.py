"""Restore points: which there are, which to take, and what speaks against the others."""

from __future__ import annotations

import argparse
import hashlib
import itertools
import re
import tarfile
from typing import Any

from ungcuu_vault import join, refusals, trusted
from ungcuu_vault.common import VaultError, ask_restic, busy, last_words, now, parse_time, restic, stamp
from ungcuu_vault.files import why_no_links
from ungcuu_vault.schedule import schedule
from ungcuu_vault.site import Site

_SCRIPT = re.compile(r"\.(?:php[0-9]?|phtml|phar|pht|phps|cgi|pl|py|sh|asp|aspx|jsp)(?:\.|$)", re.I)
_CODE = re.compile(rb"<\?php|^#!|^\x7fELF", re.I)
_HARMLESS = re.compile(rb"\s*<\?php\s*(?://[^\n]*\s*|#[^\n]*\s*|/\*.*?\*/\s*)*(?:\?>\s*)?", re.S)
_CONTROL = {".htaccess", ".user.ini"}
_HEAD_BYTES = 65536
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{1,60}")
_DIFFERENCE = re.compile(rb"^Files:\s+(\d+) new,\s+(\d+) removed,\s+(\d+) changed", re.M)
_MOST_COMPARED = 20


def list_points(site: Site, _: argparse.Namespace) -> dict[str, Any]:
    """All points, newest first; what speaks against this host's runs: refused ones, points that no run made."""
    held = site.held()
    if trusted.exists(site.store):
        _compare_newest(site, held)
    gone = trusted.let_go(site.store)
    ledger = [point for point in site.ledger() if point["id"] not in gone]
    known = {point["id"] for point in ledger}
    return {
        "points": [point | {"missing": point["id"] not in held} for point in reversed(ledger)],
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
    """The point that a restore would take, and why newer ones are passed over."""
    passed_over: list[dict[str, str]] = []
    return {"point": choose_point(site, arguments, passed_over), "passed_over": passed_over}


def choose_point(
    site: Site, arguments: argparse.Namespace, passed_over: list[dict[str, str]] | None = None
) -> dict[str, Any]:
    """By id (8 characters or more), by time (the newest at or before it), the latest, or the newest clean one.

    Raises:
        VaultError: no point fits.
    """
    over = [] if passed_over is None else passed_over
    join.settle_if_free(site)
    held = site.held()
    ledger: list[dict[str, Any]] = [point for point in site.ledger() if point["id"] in held]
    if re.fullmatch(r"[0-9a-f]{8,64}", arguments.at):
        found = [point for point in ledger if point["id"].startswith(arguments.at)]
        if len(found) != 1:
            raise VaultError(f"{site.name} has {len(found)} restore points {arguments.at}")
        return found[0]
    limit = None if arguments.at == "latest" else parse_time(arguments.at)
    first_sign = parse_time(arguments.before) if arguments.before else None
    for point in reversed(ledger):
        reason = _against(site, point, limit, first_sign, arguments.clean)
        if not reason:
            chosen: dict[str, Any] = point
            return chosen
        over.append({"id": point["id"], "time": point["time"], "reason": reason})
    reasons = "; ".join(f"{row['id'][:8]} of {row['time']}: {row['reason']}" for row in over) or "there are none"
    raise VaultError(f"no restore point of {site.name} fits: {reasons}")


def _against(site: Site, point: dict[str, Any], limit: Any, first_sign: Any, clean: bool) -> str:
    """Why a point is passed over; empty when nothing speaks against it."""
    taken = parse_time(point["arrived"])
    if limit is not None and taken > limit:
        return "newer than asked for"
    if first_sign is not None and taken >= first_sign:
        return f"taken after the first sign of compromise ({stamp(first_sign)})"
    if point.get("damaged"):
        return "it is damaged"
    if point.get("skewed"):
        return "its own clock disagrees with the vault's"
    if clean:
        verdict = _scanned(site, point)
        if not verdict["clean"]:
            return "holds " + ", ".join(verdict["reasons"][:5])
    return ""


def scan(site: Site, arguments: argparse.Namespace) -> dict[str, Any]:
    """Look into one point and remember the verdict in the ledger."""
    point = choose_point(site, arguments)
    return {"id": point["id"], "scan": _scanned(site, point)}


def _scanned(site: Site, point: dict[str, Any]) -> dict[str, Any]:
    if "scan" not in point:
        point["scan"] = _look_into(site, point) | {"time": stamp(now())}
        site.note(point["id"], scan=point["scan"])
    verdict: dict[str, Any] = point["scan"]
    return verdict


def _look_into(site: Site, point: dict[str, Any]) -> dict[str, Any]:
    """Read the web root as a stream; nothing is unpacked. Programs among uploads, and links that leave the root."""
    root = point["source"]["root"].strip("/")
    writable = [f"{root}/{below}/" for below in site.settings["site"].get("writable_paths", [])]
    bad = set(site.settings.get("bad_hashes", []))
    reasons = []
    dump = ["dump", "--no-lock", "--archive=tar", point["id"], "/" + root]
    with site.view(point["id"]) as repository, restic(repository, site.password, dump) as process:
        assert process.stdout is not None and process.stderr is not None
        with tarfile.open(fileobj=process.stdout, mode="r|", bufsize=2**20) as archive:
            for member in archive:
                reason = _wrong_with(archive, member, root, writable, bad)
                if reason:
                    reasons.append(f"{reason} {ascii(member.name[len(root) + 1 :])[1:-1]}")
        while process.stdout.read(2**20):
            pass
        words = process.stderr.read(65536)
    if process.returncode:
        raise VaultError(f"the repository can't give the whole point: {last_words(words)}")
    return {"clean": not reasons, "reasons": reasons[:50]}


def _wrong_with(
    archive: tarfile.TarFile, member: tarfile.TarInfo, root: str, writable: list[str], bad: set[str]
) -> str:
    name = "/" + member.name.strip("/")
    if member.issym():
        return (
            "a link out of the web root:"
            if member.linkname.startswith("/") or ".." in member.linkname.split("/")
            else ""
        )
    if not member.isreg():
        return "" if member.isdir() else "a device or pipe:"
    source = archive.extractfile(member)
    content = source.read(_HEAD_BYTES) if source else b""
    if bad and source:
        digest = hashlib.sha256(content)
        while block := source.read(2**20):
            digest.update(block)
        if digest.hexdigest() in bad:
            return "a file that was found to be hostile:"
    if (
        any(("/" + folder) in name for folder in writable)
        and name.startswith(f"/{root}/")
        and _is_program(name, content)
    ):
        return "a program among uploads:"
    return ""


def _is_program(name: str, head: bytes) -> bool:
    base = name.rsplit("/", 1)[-1]
    if base == "index.php" and _HARMLESS.fullmatch(head):
        return False
    return bool(_SCRIPT.search(base)) or base in _CONTROL or bool(_CODE.search(head))


def hashes(site: Site, arguments: argparse.Namespace) -> dict[str, Any]:
    """What a restore must equal: one hash over path and content of every file, and the hash of the table dump."""
    point = choose_point(site, arguments)
    root, rows, tables = point["source"]["root"].strip("/"), [], ""
    dump = ["dump", "--no-lock", "--archive=tar", point["id"], "/"]
    with site.view(point["id"]) as repository, restic(repository, site.password, dump) as process:
        assert process.stdout is not None
        with tarfile.open(fileobj=process.stdout, mode="r|", bufsize=2**20) as archive:
            for member in archive:
                source = archive.extractfile(member) if member.isreg() else None
                name = member.name.strip("/")
                if source and name.startswith(root + "/"):
                    digest = hashlib.file_digest(source, "sha256").hexdigest()  # type: ignore[arg-type]
                    rows.append(f"{name[len(root) + 1 :]}\0{digest}\n".encode("utf-8", "surrogateescape"))
                elif source and name == "var/lib/ungcuu/backup/current/tables.sql":
                    tables = _hash_of_tables(source, str(site.settings["site"]["database"]["name"]))
                elif source and name == "var/lib/ungcuu/backup/current/database.pgdump":
                    tables = hashlib.file_digest(source, "sha256").hexdigest()  # type: ignore[arg-type]
        while process.stdout.read(2**20):
            pass
    if process.returncode:
        raise VaultError("the repository can't give the whole point")
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
