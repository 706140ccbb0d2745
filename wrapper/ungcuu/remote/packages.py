"""Install and remove Debian packages behind a removal guard. Runs on the managed host: standard library only.

1. apt's own simulation says what would happen, before anything does.
2. When a guarded package (web, database, PHP, SSH server) would go, nothing is done, the chain of reasons is reported.
3. With ``check`` nothing on the disk changes: where package lists are missing they are fetched into memory.
4. A word that is no package's name is refused: apt-get reads "nginx-" as a removal and "-o…" as an option.
5. With ``armed``, the name of a change that dropins.py armed, nothing is installed once that has been reverted, and
   it is not reverted while this goes on.
"""

from __future__ import annotations

import contextlib
import fcntl
import fnmatch
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

LISTS = Path("/var/lib/apt/lists")
MEMORY = ("/run", "/dev/shm", "/tmp")  # noqa: S108  (mkdtemp makes the name)
ROOM = 400 << 20
NAME = re.compile(r"[a-z0-9][a-z0-9.+-]*[a-z0-9+]")
LOCK = Path("/run/ungcuu-packages.lock")  # dropins.py waits for it before it takes a change back
ARMED = Path("/var/lib/ungcuu/armed")
_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
    "HOME": "/root",
    "NEEDRESTART_MODE": "l",
    "APT_LISTCHANGES_FRONTEND": "none",
    "UCF_FORCE_CONFFOLD": "1",
}
_OPTIONS = [
    "-o",
    "Dpkg::Options::=--force-confdef",
    "-o",
    "Dpkg::Options::=--force-confold",
    "-o",
    "DPkg::Lock::Timeout=300",
]


class Refused(Exception):
    """Nothing was done; the text says why."""


def apt(*arguments: str) -> str:
    """Run apt-get; give what it printed."""
    command = ["apt-get", "-q", *_OPTIONS, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, env=_ENVIRONMENT)
    if done.returncode:
        raise Refused(f"apt-get {' '.join(arguments[-6:])} failed: {(done.stderr or done.stdout).strip()[-1500:]}")
    return done.stdout


def installed() -> dict[str, dict[str, str]]:
    """Installed packages: name to version, dependencies and what they provide."""
    form = "${db:Status-Status}\t${Package}\t${Version}\t${Pre-Depends}, ${Depends}\t${Provides}\n"
    text = subprocess.run(["dpkg-query", "-W", "-f", form], capture_output=True, text=True, check=True).stdout
    rows = (line.split("\t") for line in text.splitlines() if line.startswith("installed\t"))
    return {row[1]: {"version": row[2], "depends": row[3], "provides": row[4]} for row in rows}


def names_in(field: str) -> set[str]:
    """Package names in a dependency field, alternatives too."""
    return {match for part in re.split(r"[,|]", field) for match in re.findall(r"^\s*([a-z0-9][a-z0-9.+-]*)", part)}


def chain(goal: str, start: list[str], removed: set[str], known: dict[str, dict[str, str]]) -> list[str]:
    """Why `goal` would go: the dependencies from it down to a package that was asked to go."""
    paths, seen = [[goal]], {goal}
    while paths:
        path = paths.pop(0)
        if path[-1] in start:
            return path
        for name in sorted(names_in(known.get(path[-1], {}).get("depends", "")) & removed - seen):
            seen.add(name)
            paths.append([*path, name])
    return [goal, *start[:1]]


def lists_options(check: bool, max_age: int) -> list[str]:
    """Fresh package lists; in check mode those that are there, or else a private copy (see `memory_folder`)."""
    there = list(LISTS.glob("*_Packages*")) if LISTS.is_dir() else []
    newest = max((LISTS.stat().st_mtime, *(path.stat().st_mtime for path in there))) if there else 0.0
    if there and (check or time.time() - newest < max_age):
        return []
    if not check:
        apt("update")
        return []
    folder = memory_folder()
    options = ["-o", f"Dir::State::Lists={folder}/lists", "-o", f"Dir::Cache={folder}/cache"]
    options += ["-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=", "-o", "Acquire::Languages=none"]
    try:
        apt(*options, "update")
    except Refused:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return options


def memory_folder() -> str:
    """A folder for package lists where memory has room for them, and that apt's own user may write."""
    roomy = [place for place in MEMORY if Path(place).is_dir() and shutil.disk_usage(place).free > ROOM]
    folder = tempfile.mkdtemp(prefix="ungcuu-apt-", dir=roomy[0] if roomy else None)
    Path(folder).chmod(0o755)  # apt fetches as the user _apt
    for name in ("lists/partial", "cache/archives/partial"):
        Path(folder, name).mkdir(parents=True)
        if "_apt" in {user.pw_name for user in pwd.getpwall()}:
            shutil.chown(Path(folder, name), "_apt")
    return folder


def simulate(options: list[str], install: list[str], remove: list[str]) -> tuple[list[str], list[str]]:
    """What apt would install (name=version) and remove."""
    words = [*install, *(f"{name}-" for name in remove)]
    said = apt(*options, "--simulate", "--no-install-recommends", "install", *words)
    new = [f"{name}={version}" for name, version in re.findall(r"^Inst (\S+) (?:\[\S+\] )?\((\S+)", said, re.MULTILINE)]
    return new, re.findall(r"^(?:Remv|Purg) (\S+)", said, re.MULTILINE)


def refuse_guarded(gone: list[str], remove: list[str], guard: list[str], known: dict[str, dict[str, str]]) -> None:
    """Refuse when a guarded package would be removed."""
    lost = [name for name in gone if any(fnmatch.fnmatchcase(name, pattern) for pattern in guard)]
    if lost:
        reasons = "; ".join(" needs ".join(chain(name, remove, set(gone), known)) for name in lost)
        raise Refused(
            f"removal guard: {', '.join(remove) or 'this installation'} would make apt remove {', '.join(lost)}. "
            f"Chain of reasons: {reasons}. Nothing was installed or removed."
        )


def clean_memory(options: list[str]) -> None:
    """Drop the private lists."""
    for option in options:
        if option.startswith("Dir::State::Lists="):
            shutil.rmtree(option.partition("=")[2].removesuffix("/lists"), ignore_errors=True)


def perform(order: dict[str, Any]) -> dict[str, Any]:
    """Do what is ordered; see the protocol at the top."""
    os.umask(0o022)  # a stricter one of the operator would make what daemons must read unreadable
    known = installed()
    virtual = {name for row in known.values() for name in names_in(row["provides"])}
    there = known.keys() | virtual
    # "a|b": satisfied by either, and by whatever provides it; else the first is installed.
    wanted = [name.split("|") for name in order["present"]]
    named = [name for names in (*wanted, order["absent"]) for name in names]
    if wrong := [name for name in named if not NAME.fullmatch(name)]:
        raise Refused(f"no name of a package: {', '.join(map(ascii, wrong))}. Nothing was installed or removed.")
    install = [names[0] for names in wanted if there.isdisjoint(names)]
    remove = [name for name in order["absent"] if name in known]
    if not install and not remove:
        return {"installed": [], "removed": []}
    with contextlib.ExitStack() as stack:
        if not order["check"]:
            fcntl.lockf(stack.enter_context(LOCK.open("w")), fcntl.LOCK_EX)
        return change(order, known, install, remove)


def change(
    order: dict[str, Any], known: dict[str, dict[str, str]], install: list[str], remove: list[str]
) -> dict[str, Any]:
    """Simulate, refuse, install; with ``check`` only simulate."""
    options = lists_options(order["check"], int(order.get("max_age", 3600)))
    try:
        new, gone = simulate(options, install, remove)
        refuse_guarded(gone, remove, order["guard"], known)
    finally:
        clean_memory(options)
    if not order["check"]:
        if order.get("armed") and not (ARMED / order["armed"]).is_dir():
            raise Refused(
                f"The way back that was armed for this installation ({order['armed']}) was used before it began: "
                "the controller took too long. Nothing was installed or removed. Run again."
            )
        words = [*install, *(f"{name}-" for name in remove)]
        apt("--yes", "--no-install-recommends", "install", *words)
    return {"installed": new, "removed": gone}


def main(order: dict[str, Any]) -> dict[str, Any]:
    """Return the outcome; what failed is an answer too."""
    try:
        return perform(order)
    except (Refused, OSError, subprocess.SubprocessError) as error:
        return {"failed": True, "msg": str(error)}
