"""Compare a website's tree with a release of its application: what putting it in place would change. Changes nothing.

Runs on the host, and is part of the program that does it there, so that a plan and the run have one source. Standard
library only.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

_HEAD = 64 << 10
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+~_-]{0,60}")


class NotOneTreeError(Exception):
    """The release can't be put in place: a path of it is a link, or a folder where it has a file."""


def main(order: Mapping[str, Any]) -> dict[str, Any]:
    """Return what differs, and the version that stands there; or why the tree can't take the release."""
    try:
        found = differences(
            Path(order["root"]), order["files"], order["replaces"], order["keeps"], order["may_be_missing"]
        )
        return {
            **found,
            "version": version(Path(order["root"]), order["version"]),
            "package": _package(order),
        }
    except (NotOneTreeError, OSError) as error:
        return {"failed": True, "msg": str(error)}


def differences(
    root: Path,
    files: Mapping[str, str],
    replaces: Sequence[str],
    keeps: Sequence[str],
    may_be_missing: Sequence[str],
) -> dict[str, list[str]]:
    """Return what a release changes, adds and removes below the root, and what of it stands there already.

    Args:
        root: The document root.
        files: Path below it → SHA-256 of the release's file.
        replaces: Folders that hold nothing but the application's own: what the release lacks there is removed.
        keeps: Paths that belong to the site; nothing at or below them is touched.
        may_be_missing: What is removed once the site is installed; it does not come back.

    Raises:
        NotOneTreeError: A path of the release is a link on the host, or leads through one.
    """
    if not root.is_dir():
        raise NotOneTreeError(f"there is no folder {root}")
    found: dict[str, list[str]] = {"changed": [], "added": [], "same": [], "removed": []}
    for name, digest in sorted(files.items()):
        if _is_below(name, keeps):
            continue
        old = _digest(root, name)
        if old is None and any(_is_below(name, [part]) and not os.path.lexists(root / part) for part in may_be_missing):
            continue
        found["added" if old is None else "same" if old == digest else "changed"].append(name)
    known = set(files)
    for folder in replaces:
        found["removed"] += [name for name in _files(root, folder) if name not in known and not _is_below(name, keeps)]
    return found


def version(root: Path, place: Mapping[str, str]) -> str:
    """Return the version that the application's own file states; empty where it states none."""
    try:
        descriptor = os.open(root / place["file"], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb") as handle:
        match = re.search(place["pattern"], handle.read(_HEAD).decode("utf-8", "replace"), re.MULTILINE)
    return match[1] if match and _VERSION.fullmatch(match[1]) else ""


def _package(order: Mapping[str, Any]) -> str:
    """The Debian package that brought the application, where one did."""
    place = Path(order["root"], order["version"]["file"]).resolve()
    try:
        done = subprocess.run(["dpkg-query", "-S", str(place)], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace").partition(":")[0].strip() if done.returncode == 0 else ""


def _is_below(name: str, folders: Sequence[str]) -> bool:
    return any(name == folder or name.startswith(f"{folder}/") for folder in folders)


def _digest(root: Path, name: str) -> str | None:
    """SHA-256 of the file that stands there; None for none."""
    at = root
    for part in Path(name).parts:
        at = at / part
        try:
            known = at.lstat()
        except FileNotFoundError:
            return None
        is_last = at == root / name
        if stat.S_ISLNK(known.st_mode):
            raise NotOneTreeError(f"{at} is a link: this application is shared with others, or comes from a package")
        if not (stat.S_ISREG(known.st_mode) if is_last else stat.S_ISDIR(known.st_mode)):
            raise NotOneTreeError(f"{at} is not a {'file' if is_last else 'folder'}")
    return digest(root / name)


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _files(root: Path, folder: str) -> Iterator[str]:
    """Files and links below a folder, no link followed."""
    for parent, folders, names in os.walk(root / folder):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in sorted([*names, *links]):
            yield Path(parent, name).relative_to(root).as_posix()
