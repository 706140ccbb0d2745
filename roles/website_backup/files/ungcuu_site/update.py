"""Update: a release of the application is put in place of the one that stands there, and goes back if it fails.

The order is dump of the database, files, the application's own upgrade of its database, web server. Each step is
written down before it begins, and `update_undo` takes them backwards, whatever step an update died in:

    prepared → dumping → exchanging → upgrading → updated → kept
                        any of them → undone
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import tarfile
from pathlib import Path
from typing import Any

from ungcuu.remote import release_tree
from ungcuu_site import database, health, swap
from ungcuu_site.common import (
    AREA,
    Names,
    RefusedError,
    checked_name,
    database_of,
    last_words,
    locked,
    now,
    restore_id,
    run,
    say,
    write_json,
)
from ungcuu_site.file_flags import closed_again, open_for_change

UPDATE_AREA = AREA / "update"
_SETTLED = ("kept", "undone")
_REMEMBERED = 3  # updates that can be undone later
_HEALTH_SECONDS = 30
_UPGRADE_SECONDS = 3000


def prepare(request: dict[str, Any]) -> dict[str, Any]:
    """Unpack what was sent, and find what it changes; nothing of the website is touched.

    Raises:
        RefusedError: an earlier update is not settled, or the tree can't take this one.
    """
    identity, site = restore_id(request), request["site"]
    with locked("restore"):
        if still := [row for row in _known() if row["step"] not in _SETTLED]:
            raise RefusedError(f"the update {still[0]['update']} is not settled; it stands at '{still[0]['step']}'")
        folder = UPDATE_AREA / identity
        _clear_unfinished()
        (folder / "new").mkdir(mode=0o700, parents=True)
        files = _unpack(Path(request["payload"]), folder / "new")
        found = release_tree.differences(Path(site["root"]), files, [], [], [])
        found["removed"] = _to_remove(request, files)
        state = {
            "update": identity,
            "step": "prepared",
            "site": site,
            "changes": found,
            "upgrade": request["upgrade"],
            "archive": str(request["archive"]),
            "versions": request["versions"],
            "before": request["before"],
        }
        _step(state, "prepared")
        return {"update": identity, "counts": {name: len(rows) for name, rows in found.items()}}


def _clear_unfinished() -> None:
    """Remove what was sent for an update that never began."""
    for folder in UPDATE_AREA.iterdir() if UPDATE_AREA.is_dir() else ():
        if not (folder / "state.json").exists():
            shutil.rmtree(folder)


def _to_remove(request: dict[str, Any], files: dict[str, str]) -> list[str]:
    """What the plan found to be removed; refused where it lies elsewhere than in the application's own folders.

    What was sent holds only the files that differ, so nothing may be concluded here from what it lacks.
    """
    names = [str(name) for name in request["removed"]]
    inside = tuple(f"{folder}/" for folder in request["replaces"])
    wrong = [name for name in names if not name.startswith(inside) or ".." in name.split("/") or name in files]
    if wrong:
        raise RefusedError(f"{wrong[0]!a} is not the application's to remove")
    return names


def _unpack(payload: Path, target: Path) -> dict[str, str]:
    """Path → SHA-256. The controller checked every name; a member that is no plain file is refused here again."""
    files = {}
    with tarfile.open(payload) as archive:
        for member in archive:
            place = target / member.name
            source = archive.extractfile(member) if member.isreg() else None
            if source is None or not place.resolve().is_relative_to(target.resolve()):
                raise RefusedError(f"what was sent holds something else than files: {member.name!a}")
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with place.open("xb") as handle:
                shutil.copyfileobj(source, handle)
            files[member.name] = release_tree.digest(place)
    payload.unlink()
    return files


def update(request: dict[str, Any]) -> dict[str, Any]:
    """Put a prepared release in place, and everything back where that fails.

    Raises:
        RefusedError: it failed; what was live before is live again, or the message says what is not.
    """
    identity = restore_id(request)
    with locked("restore"):
        state = load(identity)
        if state["step"] != "prepared":
            raise RefusedError(f"only an update that was prepared can begin; this one stands at '{state['step']}'")
        try:
            _put_in_place(state)
        except (RefusedError, OSError) as error:
            state["failure"] = str(error)[:400]
            say("step", text="put back what was live")
            try:
                _put_back(state)
            except (RefusedError, OSError) as second:
                raise RefusedError(f"{error}; put back, but {second}", f"stands at '{state['step']}'") from None
            raise RefusedError(str(error), "what was live before is live again") from None
        _step(state, "updated")
        return _answer(state)


def _put_in_place(state: dict[str, Any]) -> None:
    site, folder = state["site"], UPDATE_AREA / state["update"]
    if facts := site.get("database"):
        _step(state, "dumping")
        (folder / "database").mkdir(mode=0o700)
        state["dumped"] = database.engine(facts).dump(checked_name(facts["name"]), folder / "database")
    root, changes = Path(site["root"]), state["changes"]
    touched = [*changes["changed"], *changes["added"], *changes["removed"]]
    state["folders"] = [str(path) for path in _missing_folders(root, changes["added"])]
    state["flags"] = open_for_change([root / name for name in touched])
    _step(state, "exchanging")
    _exchange(state, root, folder)
    _step(state, "upgrading")
    _upgrade(state)
    swap._restart(state)
    closed_again(state["flags"])
    state["health"] = health.wait_for(site, _HEALTH_SECONDS)


def _missing_folders(root: Path, names: list[str]) -> list[Path]:
    """Folders that the release brings, the outermost first."""
    wanted = {parent for name in names for parent in (root / name).parents if parent.is_relative_to(root)}
    return sorted(path for path in wanted if not path.exists())


def _exchange(state: dict[str, Any], root: Path, folder: Path) -> None:
    """Every file in one step of its own; what it replaces is kept first, with its owner and rights."""
    changes = state["changes"]
    for place in map(Path, state["folders"]):
        place.mkdir(mode=0o755, exist_ok=True)
        _dress(place, place.parent, 0o7777)
    for name in (*changes["changed"], *changes["added"]):
        live, fresh = root / name, folder / "new" / name
        _dress(fresh, live if live.exists() else live.parent, 0o666)
        swap._keep(live, folder / "old")
        swap._put(fresh, live)
    for name in changes["removed"]:
        swap._keep(root / name, folder / "old")
        (root / name).unlink(missing_ok=True)


def _dress(path: Path, like: Path, rights: int) -> None:
    known = like.stat()
    os.chown(path, known.st_uid, known.st_gid)
    path.chmod(known.st_mode & rights)


def _upgrade(state: dict[str, Any]) -> None:
    """Run the application's own upgrade as the website's account.

    Raises:
        RefusedError: it failed, or did not end; with its last words.
    """
    site, asked = state["site"], state["upgrade"]
    command = ["/usr/bin/php", "-d", "display_errors=stderr", *asked["command"]]
    if not (asked["command"] or asked["program"]):
        return
    say("step", text="upgrade the application's database")
    account = pwd.getpwnam(site["user"]).pw_name
    environment = [f"UNGCUU_WEBSITE={site['name']}", "HOME=/nonexistent", "PATH=/usr/bin:/bin"]
    words = ["timeout", "-k", "10", str(_UPGRADE_SECONDS), "runuser", "-u", account, "--", "env", "-i", *environment]
    done = run([*words, *command], asked["program"].encode(), cwd=site["root"])
    if done.returncode:
        raise RefusedError(f"the application's own upgrade failed: {last_words(done.stderr or done.stdout)}")


def undo(request: dict[str, Any]) -> dict[str, Any]:
    """Put back files and database from before an update."""
    identity = restore_id(request)
    with locked("restore"):
        state = load(identity)
        if state["step"] == "undone":
            return _answer(state)
        if state["step"] == "kept" and (newer := [row for row in _known() if _is_after(row, identity)]):
            raise RefusedError(f"the update {newer[0]['update']} came after it: undo that one first")
        _put_back(state)
        return _answer(state)


def _is_after(row: dict[str, Any], identity: str) -> bool:
    return str(row["update"]) > identity and row["step"] != "undone"


def _put_back(state: dict[str, Any]) -> None:
    """The steps of `_put_in_place` backwards; each looks at what is there, so that it can be repeated."""
    began, site, folder = state.get("reached", state["step"]), state["site"], UPDATE_AREA / state["update"]
    state["reached"] = began
    if began in ("exchanging", "upgrading", "updated", "kept"):
        _step(state, "putting back")
        root = Path(site["root"])
        touched = [root / name for rows in ("changed", "added", "removed") for name in state["changes"][rows]]
        state["flags"] = open_for_change(touched) | state["flags"]
        for place in swap._entries(folder / "old"):
            swap._put(place, Path("/") / place.relative_to(folder / "old"))
        for place in touched:  # a copy that was cut off
            place.with_name(f"{place.name}.ungcuu-new").unlink(missing_ok=True)
        for name in state["changes"]["added"]:
            (root / name).unlink(missing_ok=True)
        for place in reversed(state["folders"]):
            if Path(place).is_dir() and not any(Path(place).iterdir()):
                Path(place).rmdir()
        if site.get("database") and began in ("upgrading", "updated", "kept"):
            _put_back_database(state, folder)
        swap._restart(state)
        closed_again(state["flags"])
    _step(state, "undone")


def _put_back_database(state: dict[str, Any], folder: Path) -> None:
    """The dump is imported beside the live database and takes its place; the live one is kept under another name."""
    facts, engine = state["site"]["database"], database.engine(state["site"]["database"])
    identity = state["update"]
    names = Names(checked_name(facts["name"]), database_of(identity, "stage"), database_of(identity, "kept"))
    user = str(facts["user"])
    (folder / "database-after").mkdir(mode=0o700, exist_ok=True)
    if not engine.exists(names.aside) or not engine.tables(names.aside):
        engine.drop(names.aside)  # an empty one: it died before anything was renamed
        engine.import_beside(folder / "database", names.scratch, user, facts | state["dumped"])
        engine.swap_in(names, folder / "database", folder / "database-after", user)
    state["kept_database"] = names.aside
    state["rows"] = engine.compare(names.aside, names.live)[:50]


def keep(request: dict[str, Any]) -> dict[str, Any]:
    """Keep an update that passed its trials; what is older than the last few can no longer be undone."""
    identity = restore_id(request)
    with locked("restore"):
        state = load(identity)
        if state["step"] not in ("updated", "kept"):
            raise RefusedError(f"only an update that is in place can be kept; this one stands at '{state['step']}'")
        shutil.rmtree(UPDATE_AREA / identity / "new", ignore_errors=True)
        _step(state, "kept")
        for row in _known()[_REMEMBERED:]:
            if row["step"] in _SETTLED:
                shutil.rmtree(UPDATE_AREA / row["update"])
        return _answer(state)


def standing(_: dict[str, Any]) -> dict[str, Any]:
    """Where every update of this host stands, the newest first."""
    return {"updates": [_answer(row) for row in _known()]}


def load(identity: str) -> dict[str, Any]:
    """The update's state.

    Raises:
        RefusedError: this host knows no such update.
    """
    try:
        document: dict[str, Any] = json.loads((UPDATE_AREA / identity / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise RefusedError(f"this host knows no update {identity}") from None
    return document


def _known() -> list[dict[str, Any]]:
    folders = sorted(UPDATE_AREA.iterdir(), reverse=True) if UPDATE_AREA.is_dir() else []
    return [load(folder.name) for folder in folders if (folder / "state.json").exists()]


def _step(state: dict[str, Any], step: str) -> None:
    state |= {"step": step, "time": now()}
    write_json(UPDATE_AREA / state["update"] / "state.json", state)


def _answer(state: dict[str, Any]) -> dict[str, Any]:
    wanted = ("update", "step", "time", "failure", "archive", "versions", "before", "health", "kept_database", "rows")
    counts = {name: len(rows) for name, rows in state["changes"].items()}
    return {key: state[key] for key in wanted if key in state} | {"counts": counts}
