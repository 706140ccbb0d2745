"""How a run's files join the trusted set: `incoming` (the host writes), `arrived` (it can't any more), `checked`.

    incoming/NAME            a clone of the trusted set by hard links; only this is served, and only during the run
    arrived/NAME/repository  the same folder, root's now; run.json beside it says what the run was
    arrived/NAME/made        the index that the vault made of the new packs
    arrived/NAME/verdict.json  the check is through: what joins, and the rows for the ledger

A step that was interrupted is done again by the next one who holds the site's lock (`settle`). The row in the ledger
comes last: until then no point is offered.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ungcuu_vault import refusals, trusted, verify
from ungcuu_vault.arrival import Arrival, RefusedError, compare, set_locks_aside, take
from ungcuu_vault.common import ODD_ANSWER, VaultError, locked, now, parse_time, stamp, write_json
from ungcuu_vault.files import Files, clone, flush, read_json, remove, size
from ungcuu_vault.measure import measure
from ungcuu_vault.site import Site

_INCOMING, _ARRIVED, _RUN, _VERDICT, _CLONE, _MADE = (
    "incoming",
    "arrived",
    "run.json",
    "verdict.json",
    "repository",
    "made",
)
_UNFINISHED = "unfinished"
_LOCKS_ASIDE = "locks-left-behind"
_MOST_TRIES = 2
_SKEW_SECONDS = 120
_SPARE_BYTES = 256 * 2**20
_WORTH_KEEPING = 16 * 2**20  # of a run that broke off: less is sent again as fast as it is checked


def open_clone(site: Site, everything: bool = False) -> Path:
    """A folder for one run to write into: the trusted set's files, and of its points the newest, or all."""
    for name in (_UNFINISHED, _INCOMING):
        (site.store / name).mkdir(exist_ok=True)
        (site.store / name).chmod(0o711)
    folder = Path(tempfile.mkdtemp(dir=site.store / _UNFINISHED))
    known = trusted.files(site.store)
    shown = known.snapshots if everything else frozenset([row["id"] for row in site.ledger()][-1:]) & known.snapshots
    clone(site.repository, folder, Files(known.keys, known.index, shown, known.data))
    # Only whole: of half a clone, left by a kill, one would think that the host had removed files.
    return folder.rename(site.store / _INCOMING / folder.name)


@contextlib.contextmanager
def run_folder(site: Site, everything: bool = False) -> Iterator[Path]:
    """A clone for one run. When the run breaks off, the packs that arrived whole are kept for the next one."""
    folder = open_clone(site, everything)
    try:
        yield folder
    except (VaultError, OSError, *ODD_ANSWER) as error:
        reason = broke_off(site, folder)
        if reason and isinstance(error, VaultError):
            error.reason = f"{error.reason}; {reason}"
        raise


def broke_off(site: Site, folder: Path) -> str:
    """Deal with a run that did not end: why it was refused, or nothing."""
    try:
        finish(site, arrive(site, folder, {"kind": "broken off"}))
    except VaultError as error:
        return error.reason
    return ""


def arrive(site: Site, folder: Path, run: dict[str, Any]) -> Path:
    """Take a run's folder away from the account; from here on the host can do nothing to it. Flushed to the disk."""
    arrived = site.store / _ARRIVED / f"{stamp(now())}-{secrets.token_hex(4)}"
    arrived.mkdir(parents=True)
    arrived.parent.chmod(0o700)
    write_json(arrived / _RUN, run | {"arrived": stamp(now()), "tries": 0})
    folder.rename(arrived / _CLONE)
    flush([arrived, arrived.parent, site.store])
    take(arrived / _CLONE)
    return arrived


def finish(site: Site, arrived: Path) -> list[dict[str, Any]]:
    """Check what arrived and let it join; the new rows of the ledger.

    Raises:
        RefusedError: it was set aside; the trusted set is as before.
    """
    run = read_json(arrived / _RUN)
    if run is None or not (arrived / _CLONE).is_dir():
        remove(arrived)
        return []
    verdict = read_json(arrived / _VERDICT)
    if verdict is None:
        verdict = _judged(site, arrived, run)
    return _commit(site, arrived, verdict)


def _judged(site: Site, arrived: Path, run: dict[str, Any]) -> dict[str, Any]:
    """Check a run, and write the verdict down; a run that is refused is set aside.

    Raises:
        RefusedError: with what was seen.
    """
    folder, arrival = arrived / _CLONE, Arrival()
    try:
        take(folder)
        arrival = compare(folder, site.repository, trusted.files(site.store))
        set_locks_aside(folder, site.store / _LOCKS_ASIDE)
        arrival.refuse_at_sight()
        if run["tries"] >= _MOST_TRIES:
            raise RefusedError("check", f"the check of what arrived was begun {run['tries']} times and never ended")
        write_json(arrived / _RUN, run | {"tries": run["tries"] + 1})
        verdict = _CHECKS[run["kind"]](site, arrived, run, arrival.new)
    except VaultError as error:
        kind = error.kind if isinstance(error, RefusedError) else "check"
        try:
            if run["kind"] != "broken off" or isinstance(error, RefusedError):
                refusals.aside(site.store, folder, arrival.new, kind, error.reason)
        finally:
            _clear(arrived)
        raise error if isinstance(error, RefusedError) else RefusedError(kind, error.reason) from None
    write_json(arrived / _VERDICT, verdict)
    return verdict


def _commit(site: Site, arrived: Path, verdict: dict[str, Any]) -> list[dict[str, Any]]:
    """Let what was found good join the trusted set, then the ledger. Done again after a crash, it does nothing more."""
    rows = [row | {"state": "checked"} for row in verdict["rows"]]
    index, data = frozenset(verdict["index"]), frozenset(verdict["data"])
    source = arrived / _CLONE
    # The vault's index takes the place of the host's, in the same folder, so that all is linked from one.
    for name in index:
        with contextlib.suppress(FileExistsError):
            os.link(arrived / _MADE / name, source / "index" / name)
    trusted.add(site.store, source, Files(index=index, snapshots=frozenset(row["id"] for row in rows), data=data))
    known = {row["id"] for row in site.ledger()}
    if fresh := [row for row in rows if row["id"] not in known]:
        site.change_ledger(lambda points: [*points, *fresh])
    _clear(arrived)
    return rows


def _clear(arrived: Path) -> None:
    """Remove a run that is dealt with; its description first, so that half of it is never taken for a run."""
    (arrived / _RUN).unlink(missing_ok=True)
    flush([arrived])
    remove(arrived)


def _check_backup(site: Site, arrived: Path, run: dict[str, Any], new: Files) -> dict[str, Any]:
    """One point, the one that the run's answer names, and packs that hold what they say."""
    claimed = str(run["summary"].get("snapshot_id", ""))
    mine = [identity for identity in new.snapshots if len(claimed) >= 8 and identity.startswith(claimed)]
    if len(mine) != 1 or len(new.snapshots) != 1:
        words = f"{len(new.snapshots)} points arrived from {site.name} where one was asked for"
        raise RefusedError("snapshot", f"{words}: none is offered for a restore")
    found: list[Any] = []
    checked = _check(site, arrived, new, lambda folder: found.append(measure(site, folder, mine[0])))
    sizes, heading = found[0]
    return checked | {"rows": [_row(run, mine[0], sizes, heading)]}


def _row(run: dict[str, Any], identity: str, sizes: dict[str, Any], heading: dict[str, Any]) -> dict[str, Any]:
    """A row of the ledger, dated by the vault's own clock."""
    began, arrived = parse_time(run["began"]), parse_time(run["arrived"])
    seconds = (arrived - began).total_seconds()
    skew = (parse_time(str(heading["time"])) - began).total_seconds()
    return (
        run["point"]
        | sizes
        | {
            "id": identity,
            "time": run["began"],
            "arrived": run["arrived"],
            "paths": [str(path) for path in heading["paths"]],
            "seconds": seconds,
            "skewed": not -_SKEW_SECONDS < skew < seconds + _SKEW_SECONDS,
            "added_bytes": int(run["summary"].get("data_added", 0)),
            "checked": stamp(now()),
        }
    )


def _check_copy(site: Site, arrived: Path, run: dict[str, Any], new: Files) -> dict[str, Any]:
    """The first vault's points that were asked for, and no others."""
    wanted = {row["id"]: row for row in run["rows"]}
    found: list[dict[str, dict[str, Any]]] = []
    checked = _check(site, arrived, new, lambda folder: found.append(verify.snapshots(folder, site.password)))
    rows = []
    for identity, claims in (found[0] if found else {}).items():
        first = str(claims.get("original"))
        if first not in wanted:
            raise RefusedError("snapshot", f"the point {identity[:8]} is a copy of none that was asked for")
        rows.append(wanted.pop(first) | {"id": identity, "first": first, "copied": run["arrived"]})
    return checked | {"rows": sorted(rows, key=lambda row: str(row["arrived"]))}


def _check_broken_off(site: Site, arrived: Path, _: dict[str, Any], new: Files) -> dict[str, Any]:
    """Whole packs are kept, so that a long first backup goes on where it broke off. No point, whatever was written."""
    if len(new.snapshots) > 1 and not site.settings.get("source"):  # a second vault copies many in one run
        raise RefusedError("snapshot", f"{len(new.snapshots)} points arrived from {site.name} in a run that broke off")
    nothing: dict[str, Any] = {"index": [], "data": [], "rows": []}
    paths = [arrived / _CLONE / path for path in Files(data=new.data).paths()[1:]]
    if sum(map(size, paths)) < _WORTH_KEEPING or shutil.disk_usage(site.store).free < _SPARE_BYTES:
        return nothing
    index, good = verified(site, arrived, new.data, site.repository, trusted.files(site.store).keys)
    return nothing | {"index": sorted(index), "data": sorted(good)}


def _check(site: Site, arrived: Path, new: Files, look: Callable[[Path], object]) -> dict[str, Any]:
    """Check new packs, the host's index and the whole of the new points; `look` reads them meanwhile.

    Raises:
        RefusedError: with what was seen.
    """
    source, made, password = arrived / _CLONE, arrived / _MADE, site.password
    known, repository = trusted.files(site.store), site.repository
    with trusted.temporary(site.store) as scratch:
        packs = verify.pack_folder(scratch / "packs", repository, source, known.keys, new.data)
        index = verify.own_index(packs, password, made) if new.data else frozenset()
        joins = Files(index=index, snapshots=new.snapshots, data=new.data)
        point = verify.candidate(scratch / "point", (repository, known), (source, joins), made)
        theirs = verify.index_folder(scratch / "theirs", repository, source, known.keys, new.index)
        bad, own, claimed, missing, _, _ = verify.together(
            partial(verify.bad_packs, packs, password, new.data) if new.data else frozenset,
            partial(verify.claims, packs, password, index),
            partial(_claims_of_host, theirs, password, new.index),
            partial(verify.whole, point, password) if new.snapshots else str,
            partial(_look, look, point) if new.snapshots else bool,
            partial(flush, (source / path for path in joins.paths()[1:] if not path.startswith("index/"))),
        )
    if wrong := sorted(bad | (new.data - own.keys())):
        raise RefusedError("pack", f"{len(wrong)} packs are not what they say they are: {wrong[0][:8]}")
    verify.compare_claims(claimed, own)
    if missing:
        raise RefusedError("structure", f"the point is not whole: {missing}")
    return {"index": sorted(index), "data": sorted(new.data)}


def _look(look: Callable[[Path], object], folder: Path) -> None:
    """A point that can't even be listed is refused by what the check says of it."""
    try:
        look(folder)
    except (VaultError, KeyError, TypeError, ValueError) as error:
        raise RefusedError("structure", f"the point can't be read: {error}") from None


def _claims_of_host(folder: Path, password: str, names: frozenset[str]) -> verify.Claims:
    try:
        return verify.claims(folder, password, names)
    except VaultError as error:
        raise RefusedError("index", f"an index that the host wrote can't be read: {error.reason}") from None


def verified(
    site: Site, arrived: Path, data: frozenset[str], repository: Path, keys: frozenset[str]
) -> tuple[frozenset[str], frozenset[str]]:
    """An index of exactly the packs among these that hold what they say, and those packs."""
    good = data
    while good:
        with trusted.temporary(site.store) as scratch:
            remove(arrived / _MADE)
            packs = verify.pack_folder(scratch / "packs", repository, arrived / _CLONE, keys, good)
            index = verify.own_index(packs, site.password, arrived / _MADE)
            listed = frozenset(verify.claims(packs, site.password, index))
            bad = verify.bad_packs(packs, site.password, listed)
        if listed == good and not bad:
            return index, good
        good = (good & listed) - bad
    return frozenset(), frozenset()


_CHECKS: dict[str, Callable[[Site, Path, dict[str, Any], Files], dict[str, Any]]] = {
    "backup": _check_backup,
    "copy": _check_copy,
    "broken off": _check_broken_off,
}


def settle(site: Site) -> None:
    """Finish or set aside what a killed run left. Call it under the site's own lock.

    A refusal is noted like any other; it does not stop what is to be done now.
    """
    if not trusted.exists(site.store):
        return
    trusted.clean(site.store)
    remove(site.store / _UNFINISHED)
    for folder in _left(site.store / _INCOMING):
        broke_off(site, folder)
    for arrived in _left(site.store / _ARRIVED):
        with contextlib.suppress(RefusedError):
            finish(site, arrived)
    if gone := trusted.let_go(site.store) & {row["id"] for row in site.ledger()}:
        site.change_ledger(lambda points: [row for row in points if row["id"] not in gone])


def settle_if_free(site: Site) -> None:
    """The same before a point is chosen; not while a run is at work, whose point comes by itself."""
    if _left(site.store / _INCOMING) or _left(site.store / _ARRIVED):
        with contextlib.suppress(VaultError), locked(site.name):
            settle(site)


def waiting(site: Site) -> list[dict[str, Any]]:
    """Points that arrived and are not checked yet."""
    runs = [read_json(folder / _RUN) for folder in _left(site.store / _ARRIVED)]
    return [{"time": run["began"], "arrived": run["arrived"]} for run in runs if run and run["kind"] == "backup"]


def _left(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []
