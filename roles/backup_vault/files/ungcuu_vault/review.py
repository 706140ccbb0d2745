"""Review a point: is it whole, is its code clean? The ledger keeps the answers, a file of root's what they stand on.

A review that fails spoils nothing: the point is there, "not judged", and the next run that needs a verdict tries again.
A later baseline or a person's word changes a verdict without reading the point again.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import sys
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ungcuu_vault import judge, known, look, restorable, whole
from ungcuu_vault.common import VaultError, locked, stream_restic
from ungcuu_vault.measure import part_of
from ungcuu_vault.site import Site

_FOLDER = "looked-at"
_WORTH = 128 << 20  # bytes of a web root from which on reading single files is faster than reading all


def review(site: Site, point: dict[str, Any]) -> dict[str, Any]:
    """Judge a point, and note it in the ledger; `point` is changed too. A verdict that still holds is kept."""
    try:
        facts = known.load(site)
        kept = _kept(site, point)
        if not kept or kept.get("root") != point["source"]["root"]:
            kept = _look(site, point, facts)
        _conclude(site, point, kept, facts)
    except look.TooMuchError:
        _note(site, point, verdict=judge.not_judged("too much"))
    except (VaultError, OSError, ValueError, KeyError, EOFError, tarfile.TarError) as error:
        _note(site, point, verdict=judge.not_judged("failed", f"{type(error).__name__}: {error}"[:300]))
    return point


def renewed(site: Site, point: dict[str, Any]) -> dict[str, Any]:
    """The point with the verdict that now holds, where that takes no reading; else as it is."""
    with contextlib.suppress(VaultError, OSError, ValueError, KeyError, EOFError):
        facts = known.load(site)
        if point.get("known") != facts.fingerprint() and (kept := _kept(site, point)):
            _conclude(site, point, kept, facts)
    return point


def briefly(point: Mapping[str, Any]) -> dict[str, Any]:
    """The point with three of the files that its judgement names."""
    found, entire = point.get("verdict"), point.get("whole")
    short: dict[str, Any] = {"verdict": found | {"suspects": found.get("suspects", [])[:3]}} if found else {}
    return {**point, **short, **({"whole": entire | {"missing": entire["missing"][:3]}} if entire else {})}


def against(point: Mapping[str, Any]) -> str:
    """What speaks against restoring it, in words; empty for nothing."""
    return judge.in_words(point.get("verdict", {}))


def accept(site: Site, arguments: argparse.Namespace) -> dict[str, Any]:
    """Take a person's word for a point: its suspect files, what is missing in it, and that it is smaller than before.

    With `--path` for that file alone. The word (who, why) comes on standard input.

    Raises:
        VaultError: no such point, nothing to accept, no reason.
    """
    word = known.word_of(sys.stdin.buffer.read(65536))
    with locked(f"{site.name}.accept"):
        point = _by_id(site, arguments.at)
        review(site, point)
        kept = _kept(site, point)
        if not kept:
            raise VaultError(f"the point {point['id'][:8]} could not be judged: {point['verdict'].get('detail', '')}")
        facts = known.load(site)
        digests = _verdict(site, point, kept, facts)["digests"]
        if arguments.path:
            full = f"{kept['root'].rstrip('/')}/{arguments.path.removeprefix(kept['root'].rstrip('/')).strip('/')}"
            digests = {path: digest for path, digest in digests.items() if path == full}
        gone = [] if arguments.path else whole.again(kept["whole"], point, facts)["missing"]
        open_words = [] if arguments.path else [whole.in_words(point)]
        if not digests and not any(open_words) and not gone:
            raise VaultError(f"there is nothing to accept in the point {point['id'][:8]}")
        known.accept(site, point, digests, gone, word)
        if any(open_words):
            _note(site, point, accepted=word | {"what": open_words[0]})
        _conclude(site, point, kept, known.load(site))
    return {"point": point, "accepted": word, "files": sorted(digests)[:50], "total": len(digests), "gone": len(gone)}


def seen(site: Site, _: argparse.Namespace) -> dict[str, Any]:
    """What the vault saw outside the writable folders in the newest point that it looked into: path, kind, SHA-256.

    No program of the website's host has a part in it, so it can contradict them.
    """
    held = site.held()
    for point in reversed(site.ledger()):
        usable = point["id"] in held and not point.get("damaged") and not point.get("skewed")
        if usable and (kept := _kept(site, point)):
            rows = [
                [row["path"], row["type"], row.get("hash", "")] for row in kept["rows"].values() if row["area"] == "web"
            ]
            return {"point": {"id": point["id"], "time": point["time"]}, "root": kept["root"], "rows": rows}
    return {"point": None, "rows": []}


def forget_others(site: Site, kept: set[str]) -> None:
    """Remove what was noted of points that are gone."""
    for path in (site.store / _FOLDER).glob("*.json.gz"):
        if path.name.removesuffix(".json.gz") not in kept:
            path.unlink()


def _by_id(site: Site, text: str) -> dict[str, Any]:
    found = [point for point in site.ledger() if len(text) >= 8 and point["id"].startswith(text)]
    if len(found) != 1:
        raise VaultError(f"{site.name} has {len(found)} restore points {text}")
    return found[0]


def _look(site: Site, point: dict[str, Any], facts: known.Known) -> dict[str, Any]:
    """Look into a point and keep what was seen."""
    before = _before(site, point)
    with site.view(*([before["id"]] if before else []), point["id"]) as repository:
        listing = _listing(site, repository, point["id"])
        moment = str(point["time"])
        where = look.places(site, point, lambda path, digest: judge.vouched(facts, moment, path, digest), listing.odd)
        rows = None
        if before and listing.sizes["files"] > _WORTH:
            known_rows = _kept(site, before)["rows"]
            rows = look.changed(site, repository, point, where, before=before["id"], known=known_rows)
        rows = look.whole(site, repository, point, where) if rows is None else rows
    point["sizes"] = listing.sizes
    entire = whole.judge(site, point, listing, facts)
    kept = {"root": point["source"]["root"], "rows": rows, "whole": entire, "opened": listing.opened}
    _keep(site, point, kept)
    return kept


def _listing(site: Site, repository: Path, identity: str) -> whole.Listing:
    listing, root = whole.Listing(site), str(site.settings["site"]["root"]).rstrip("/")
    for line in stream_restic(repository, site.password, "ls", "--json", "--no-lock", identity):
        row = json.loads(line)
        if row.get("struct_type") == "node":
            listing.see(row, part_of(str(row["path"]), root))
    return listing


def _before(site: Site, point: Mapping[str, Any]) -> dict[str, Any] | None:
    """The newest earlier point that was looked at, of the same place."""
    held = site.held()
    for row in reversed(site.ledger()):
        same = row["source"]["root"] == point["source"]["root"] and row["time"] <= point["time"]
        if row["id"] != point["id"] and row["id"] in held and same and not row.get("damaged"):
            return row if _kept(site, row) else None
    return None


def _conclude(site: Site, point: dict[str, Any], kept: Mapping[str, Any], facts: known.Known) -> None:
    found = _verdict(site, point, kept, facts)
    found.pop("digests")
    entire = whole.noted(whole.again(kept["whole"], point, facts))
    sizes = {"sizes": point["sizes"]} if "sizes" in point else {}
    _note(
        site,
        point,
        verdict=found,
        whole=entire,
        known=facts.fingerprint(),
        **_restorable(site, point, kept, facts),
        **sizes,
    )


def _verdict(site: Site, point: Mapping[str, Any], kept: Mapping[str, Any], facts: known.Known) -> dict[str, Any]:
    where = look.places(site, point, lambda _path, _digest: False)
    return judge.verdict(point, kept["rows"], facts, where, site.settings.get("bad_hashes", ()))


def _restorable(
    site: Site, point: Mapping[str, Any], kept: Mapping[str, Any], facts: known.Known
) -> dict[str, dict[str, Any]]:
    """What a restore would refuse; nothing where an older vault looked, which did not ask."""
    if "opened" not in kept:
        return {}
    where = look.places(site, point, lambda _path, _digest: False)
    return {"restorable": restorable.judge(kept["rows"], kept["opened"], where, _vouched(point, facts))}


def _vouched(point: Mapping[str, Any], facts: known.Known) -> Callable[[look.Row], bool]:
    return lambda row: judge.vouched(facts, str(point["time"]), row["path"], row.get("hash", ""))


def vouched_for(site: Site, point: Mapping[str, Any]) -> dict[str, str]:
    """What the stage would refuse, and a baseline or a person vouches for; see restorable.py."""
    kept = _kept(site, point)
    if not kept:
        return {}
    where = look.places(site, point, lambda _path, _digest: False)
    return restorable.vouched_for(kept["rows"], where, _vouched(point, known.load(site)))


def _note(site: Site, point: dict[str, Any], **fields: Any) -> None:
    point.update(fields)
    site.note(point["id"], **fields)


def _path(site: Site, identity: str) -> Path:
    return site.store / _FOLDER / f"{identity}.json.gz"


def _keep(site: Site, point: Mapping[str, Any], kept: Mapping[str, Any]) -> None:
    path = _path(site, point["id"])
    path.parent.mkdir(mode=0o700, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=3) as handle:
        handle.write(json.dumps(kept, separators=(",", ":")).encode())
    fresh.replace(path)


def _kept(site: Site, point: Mapping[str, Any]) -> dict[str, Any]:
    """What was seen in a point; empty where nobody looked, or the file is torn."""
    try:
        found = json.loads(gzip.decompress(_path(site, point["id"]).read_bytes()))
    except (OSError, ValueError, EOFError):
        return {}
    return found if isinstance(found, dict) and {"root", "rows", "whole"} <= set(found) else {}
