"""Swap: the checked stage becomes the website; what was live is kept; all of it goes back when the site then fails.

The order is files, configuration, database; each step is written to the state file before the next begins, and undoing
takes the same steps backwards. A killed swap is undone by `undo`, whatever step it died in.
"""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import time
from pathlib import Path
from typing import Any

from ungcuu_site import database, health, programs, rotate
from ungcuu_site.common import (
    KEPT_AREA,
    RESTORE_AREA,
    Names,
    RefusedError,
    checked_name,
    database_of,
    exchange,
    last_words,
    locked,
    move,
    now,
    restore_id,
    run,
    say,
    write_json,
)
from ungcuu_site.stage import stage_root
from ungcuu_site.state import load

_HEALTH_SECONDS = 20


def swap(request: dict[str, Any]) -> dict[str, Any]:
    """Swap a checked stage in.

    Raises:
        RefusedError: not checked, a check failed, or the site did not answer afterwards (then everything was put back).
    """
    identity = restore_id(request)
    with locked("restore"):
        state = load(identity)
        if state["step"] == "restored":
            return _answer(state)
        if state["step"] != "checked" or not state["passed"]:
            raise RefusedError(
                f"only a stage that passed its checks can be swapped in; this one stands at '{state['step']}'"
            )
        began = time.monotonic()
        # One file of several that are missing can't make a broken page whole: such a restore must not make it worse.
        broken = _is_partial(state) and not health.works(state["site"])
        try:
            _swap_in(identity, state)
            state["health"] = _health(state["site"], broken)
        except Exception as error:  # whatever it was: a website that is swapped by half must not stay
            say("step", text="put back what was live")
            state["failure"] = str(error)[:400]
            try:
                _put_back(identity, state)
            except RefusedError as second:
                raise RefusedError(f"the restored site fails: {error}; put back, but {second}", second.state) from None
            raise RefusedError(f"the restored site fails: {error}", "what was live before is live again") from None
        state["written_since"] = _written_since(identity, state)
        state |= {"seconds": round(time.monotonic() - began, 2), "restored": now()}
        _step(identity, state, "restored")
        return _answer(state)


def _is_partial(state: dict[str, Any]) -> bool:
    parts = {"files", "config"} | ({"database"} if state["site"].get("database") else set())
    return bool(state.get("path")) or not parts <= set(state["only"])


def _health(site: dict[str, Any], broken: bool) -> dict[str, Any]:
    """The page afterwards; one that was broken before may stay so, and the answer says it.

    Raises:
        RefusedError: it was right before, and is not now.
    """
    try:
        return health.wait_for(site, _HEALTH_SECONDS)
    except RefusedError as error:
        if not broken:
            raise
        return {"text": False, "as_before": str(error)}


def undo(request: dict[str, Any]) -> dict[str, Any]:
    """Put back what was live before a restore; what had been restored takes the stage's place."""
    identity = restore_id(request)
    with locked("restore"):
        state = load(identity)
        _put_back(identity, state)
        return {"restore": identity, "step": state["step"]}


def state(request: dict[str, Any]) -> dict[str, Any]:
    """Where a restore stands; without an id, all that this host knows."""
    if request.get("restore"):
        return _answer(load(restore_id(request)))
    known = sorted(RESTORE_AREA.iterdir()) if RESTORE_AREA.is_dir() else []
    return {"restores": [_answer(load(folder.name)) for folder in known if (folder / "state.json").exists()]}


def prove(request: dict[str, Any]) -> dict[str, Any]:
    """Ask the website, as a visitor would."""
    return {"health": health.wait_for(request["site"], _HEALTH_SECONDS)}


def _answer(state: dict[str, Any]) -> dict[str, Any]:
    wanted = (
        "failure",
        "restore",
        "step",
        "point",
        "only",
        "path",
        "counts",
        "kept",
        "written_since",
        "seconds",
        "health",
        "restored",
        "proofs",
    )
    return {key: state[key] for key in wanted if key in state}


def _step(identity: str, state: dict[str, Any], step: str) -> None:
    state["step"] = step
    write_json(RESTORE_AREA / identity / "state.json", state)


def _names(identity: str, facts: dict[str, Any]) -> Names:
    """The website's database, the scratch one, and the one that keeps what was live."""
    return Names(checked_name(facts["name"]), database_of(identity, "stage"), database_of(identity, "kept"))


def _swap_in(identity: str, state: dict[str, Any]) -> None:
    kept = KEPT_AREA / identity
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    state["kept"] = {"folder": str(kept)}
    state["credentials_kept"] = rotate.carry_over(state["site"], stage_root(state["site"], identity), identity)
    if "files" in state["only"]:
        live, staged = _places(identity, state)
        if state.get("path"):
            _fit_in(live, staged)
        state["tree"] = _identity(staged)
        _step(identity, state, "swapping files")
        state["kept"]["files"] = str(_swap_tree(live, staged, kept))
    if "config" in state["only"]:
        staged = RESTORE_AREA / identity / "config"
        # Known before the first file is written, so that a killed swap can be undone too.
        state["config_added"] = [str(live) for source, live in _pairs(staged) if not os.path.lexists(live)]
        _step(identity, state, "swapping configuration")
        state["kept"]["config"] = _swap_config(staged, kept / "config", state["config_paths"])
    if "database" in state["only"] and state["site"].get("database"):
        _step(identity, state, "swapping database")
        state["kept"]["database"] = _swap_database(identity, state["site"]["database"], kept / "database")
    _step(identity, state, "swapped")
    _restart(state)


def _places(identity: str, state: dict[str, Any]) -> tuple[Path, Path]:
    """What is replaced, and what it is replaced by: the web root, or one path below it."""
    root, staged = Path(state["site"]["root"]), stage_root(state["site"], identity)
    return (root / state["path"], staged / state["path"]) if state.get("path") else (root, staged)


def _fit_in(live: Path, staged: Path) -> None:
    """Give one restored path the owner of what it replaces, or of its folder.

    Raises:
        RefusedError: its folder is gone, or a link leads to another one.
    """
    if not live.parent.is_dir() or live.parent.resolve() != live.parent or live.is_symlink():
        raise RefusedError(f"{live} can't be put in its place: its folder is gone, or a link stands in the way")
    owner = (live if live.exists() else live.parent).stat()
    os.chown(staged, owner.st_uid, owner.st_gid)


def _identity(tree: Path) -> list[int]:
    """Device and inode: which of two trees stands at a path, whatever was renamed in between."""
    known = tree.stat()
    return [known.st_dev, known.st_ino]


def _swap_tree(live: Path, staged: Path, kept: Path) -> Path:
    """One exchange where the kernel can; gives where the tree that was live is kept."""
    say("step", text="swap the web root")
    place = kept / "root"
    if live.exists() and exchange(staged, live):
        move(staged, place)
        return place
    if live.exists():
        move(live, place)
    move(staged, live)
    return place


def _swap_config(staged: Path, kept: Path, folders: list[str]) -> dict[str, list[str]]:
    """Replace only what differs; what the restore point does not have is taken out. All of it is kept below `kept`."""
    done: dict[str, list[str]] = {"replaced": [], "added": [], "taken_out": []}
    for source, live in _pairs(staged):
        if _same(source, live):
            continue
        done["replaced" if _keep(live, kept) else "added"].append(str(live))
        live.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        _put(source, live)
    for folder in folders:
        for live in _entries(Path(folder)) if (staged / folder.lstrip("/")).is_dir() else []:
            if not os.path.lexists(staged / str(live).lstrip("/")):
                _keep(live, kept)
                live.unlink()
                done["taken_out"].append(str(live))
    return done


def _pairs(staged: Path) -> list[tuple[Path, Path]]:
    """Each staged file of the configuration with its place on the live host."""
    return [(source, Path("/") / source.relative_to(staged)) for source in _entries(staged)]


def _entries(folder: Path) -> list[Path]:
    """All files and links below a folder, without following any link."""
    found = []
    for parent, folders, files in os.walk(folder):
        here = [Path(parent, name) for name in (*folders, *files)]
        found += [path for path in here if path.is_symlink() or not path.is_dir()]
    return sorted(found)


def _keep(live: Path, kept: Path) -> bool:
    """Copy a file that will be replaced to its own path below `kept`; False where there was none."""
    if not os.path.lexists(live):
        return False
    place = kept / str(live).lstrip("/")
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _copy(live, place)
    return True


def _put(source: Path, live: Path) -> None:
    """Replace a file in one step."""
    fresh = live.with_name(live.name + ".ungcuu-new")
    fresh.unlink(missing_ok=True)
    _copy(source, fresh)
    fresh.replace(live)


def _copy(source: Path, target: Path) -> None:
    shutil.copy2(source, target, follow_symlinks=False)
    known = source.lstat()
    os.chown(target, known.st_uid, known.st_gid, follow_symlinks=False)


def _same(one: Path, other: Path) -> bool:
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink()
    return other.is_file() and filecmp.cmp(one, other, shallow=False)


def _swap_database(identity: str, facts: dict[str, Any], kept: Path) -> str:
    """The checked database takes the live one's place, which is kept; gives the name that it has there."""
    say("step", text="swap the database")
    names = _names(identity, facts)
    kept.mkdir(mode=0o700, exist_ok=True)
    database.engine(facts).swap_in(names, RESTORE_AREA / identity / "database", kept, facts["user"])
    return names.aside


def _put_back(identity: str, state: dict[str, Any]) -> None:
    """The steps of `_swap_in` backwards; each looks at what is there, so that it can be repeated."""
    kept, site = KEPT_AREA / identity, state["site"]
    if site.get("database"):
        _put_back_database(identity, site["database"], kept / "database")
    for place in _entries(kept / "config"):
        _put(place, Path("/") / place.relative_to(kept / "config"))
    for added in state.get("config_added", []):
        Path(added).unlink(missing_ok=True)
    if state.get("tree"):
        live, staged = _places(identity, state)
        _put_back_tree(live, staged, kept / "root", state["tree"])
    _step(identity, state, "undone")
    _restart(state)


def _put_back_tree(live: Path, staged: Path, place: Path, restored: list[int]) -> None:
    """`restored` identifies the restored tree, in whatever step the swap died, or an undoing of it."""
    staged.parent.mkdir(mode=0o700, exist_ok=True)
    # After a move entry by entry an inode says nothing any more: a freed one is given to the next folder.
    aside = place.with_name("restored-is-aside")
    if live.exists() and _identity(live) == restored and not aside.exists():
        if not place.exists() and staged.exists():  # died between the exchange and the move that follows it
            exchange(staged, live)
        elif not place.exists():  # nothing was there before
            move(live, staged)
        elif not exchange(place, live):
            _merge(live, staged)
            aside.touch()
    if place.exists() and (aside.exists() or _identity(place) != restored):
        _merge(place, live)
    if place.exists():
        _merge(place, staged)


def _merge(source: Path, target: Path) -> None:
    """Move a tree, or go on where moving it entry by entry had stopped."""
    if not os.path.lexists(target):
        move(source, target)
        return
    if target.is_dir() and not target.is_symlink():
        for entry in sorted(source.iterdir()):
            _merge(entry, target / entry.name)
        shutil.rmtree(source)


def _put_back_database(identity: str, facts: dict[str, Any], kept: Path) -> None:
    database.engine(facts).put_back(_names(identity, facts), kept, facts["user"])


def _restart(state: dict[str, Any]) -> None:
    """Restart the servers on what is now there, after their own parsers have accepted it.

    A reload is not enough: a sandboxed service holds mounts of the folders that it may write, and those are still the
    compromised tree's; and a worker that ran the intruder's code must not live on. Behind a proxy that is the website's
    own program, which would serve the replaced code from its memory.
    """
    run(["systemctl", "daemon-reload"])  # units are configuration, too
    active, failed = _services("active"), _services("failed")
    active += [unit for unit in programs.of_website(state["site"]["root"]) if unit not in active]
    if state.get("kept", {}).get("config") and "nginx.service" in active:
        tested = run(["nginx", "-t", "-q"])
        if tested.returncode:
            raise RefusedError(f"nginx refuses the restored configuration: {last_words(tested.stderr)}")
    down = []
    for unit in active + failed:
        # systemd refuses a unit that was started several times within seconds, and leaves it down.
        run(["systemctl", "reset-failed", unit])
        started = run(["systemctl", "restart", unit])
        if started.returncode and unit in active:
            down.append(f"{unit} does not start: {last_words(started.stderr)}")
    if down:
        raise RefusedError("; ".join(down), f"the step '{state['step']}' is done, the service is down")


def _services(status: str) -> list[str]:
    """The web servers and PHP's pools in one state; one that failed was meant to run, one that was stopped was not."""
    command = ["systemctl", "list-units", "--type=service", f"--state={status}", "--plain", "--no-legend"]
    units = [word for word in run(command).stdout.decode().split() if word.endswith(".service")]
    web = re.compile(r"(nginx|apache2|php[0-9.]*-fpm)\.service")
    return [unit for unit in units if web.fullmatch(unit)]


def _written_since(identity: str, state: dict[str, Any]) -> dict[str, Any]:
    """What was written after the restore point and is no longer live: listed here, kept in the compromised tree."""
    site, kept = state["site"], KEPT_AREA / identity
    result: dict[str, Any] = {"files": [], "rows": []}
    if "files" in state["only"]:
        if state.get("path"):
            old = {state["path"]: kept / "root"}
        else:
            old = {below: kept / "root" / below for below in site.get("writable_paths", [])}
        for below, place in old.items():
            result["files"] += _newer(place, Path(site["root"]) / below, below)
    facts = site.get("database")
    if "database" in state["only"] and facts:
        engine, names = database.engine(facts), _names(identity, facts)
        result["rows"] = engine.compare(names.aside, names.live) if engine.exists(names.aside) else []
    write_json(kept / "written-since.json", result)
    shown = {"files": result["files"][:200], "files_total": len(result["files"]), "rows": result["rows"][:100]}
    return shown | {"list": str(kept / "written-since.json")}


def _newer(old: Path, new: Path, label: str) -> list[dict[str, Any]]:
    found = []
    for folder, _, names in os.walk(old):
        for name in names:
            path = Path(folder, name)
            if path.is_symlink() or not path.is_file():
                continue
            other, relative = new / path.relative_to(old), path.relative_to(old)
            if (
                not other.is_file()
                or other.stat().st_size != path.stat().st_size
                or not filecmp.cmp(other, path, shallow=False)
            ):
                found.append({"path": f"{label}/{relative}", "bytes": path.stat().st_size, "new": not other.exists()})
    return found
