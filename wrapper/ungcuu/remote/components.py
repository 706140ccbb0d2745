"""Read which parts a website's application is made of, and their versions. Runs on the host; changes nothing.

A part's file is a stranger's text: nothing in it is run, and of what it says only names and versions of a narrow form
leave the host. Standard library only.
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ungcuu.remote.config import CONFIG

MOST = 2000  # parts
_HEAD, _WHOLE = 64 << 10, 16 << 20  # bytes of a file that is searched, and of a list that is parsed
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+~_-]{0,60}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/@-]{0,100}")

Found = tuple[str, str]  # name, version; an empty version: it could not be read


def main() -> None:
    """Print one JSON document: the parts, files that could not be read, and whether there were too many."""
    root = str(CONFIG["root"])
    parts: list[dict[str, Any]] = []
    left: list[str] = []
    for number, rule in enumerate(CONFIG["components"]):
        for path in sorted({path for pattern in rule["files"] for path in _files(root, pattern)}):
            try:
                found = list(_parts(rule, path))
            except (OSError, ValueError, RecursionError) as error:
                left.append(f"{path}: {type(error).__name__}")
                continue
            parts += [{"rule": number, "name": name, "version": version, "path": path} for name, version in found]
    shown, owners = parts[:MOST], _owners(sorted({part["path"] for part in parts[:MOST]}))
    for part in shown:
        part["package"] = owners.get(os.path.realpath(part["path"]), "")
    print(json.dumps({"parts": shown, "left": left[:50], "too_many": len(parts) > MOST}))


def _files(root: str, pattern: str) -> Iterator[str]:
    """Files that a pattern names: below the root, or anywhere where it is absolute."""
    base = "/" if pattern.startswith("/") else root
    return map(str, Path(base).glob(pattern.lstrip("/")))


def _parts(rule: Mapping[str, Any], path: str) -> Iterator[Found]:
    """Yield what one file says."""
    if rule["reads"] == "text":
        text = _text(path, _HEAD)
        if not rule["marker"] or rule["marker"] in text:
            match = re.search(rule["version"], text, re.MULTILINE)
            yield _named(rule, path), _version(match[1] if match else "")
        return
    known = json.loads(_text(path, _WHOLE))
    if rule["reads"] == "json":
        yield _name(rule["name"] or str(known.get("name", ""))) or _named(rule, path), _version(known.get("version"))
        return
    for row in known.get("packages", []) if isinstance(known, dict) else known:
        if isinstance(row, dict) and _name(row.get("name")):
            yield _name(row.get("name")), _version(row.get("version"))


def _named(rule: Mapping[str, Any], path: str) -> str:
    """The rule's own name, else that of the part's folder, or of a file that is a part by itself."""
    if rule["name"]:
        return str(rule["name"])
    file = Path(path)
    return _name(file.stem if file.parent.name in rule["alone_in"] else file.parent.name) or "?"


def _name(value: object) -> str:
    return value if isinstance(value, str) and _NAME.fullmatch(value) else ""


def _version(value: object) -> str:
    text = str(value or "").strip()
    return text if _VERSION.fullmatch(text) else ""


def _text(path: str, most: int) -> str:
    """The text of a plain file; a pipe or a device is none."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as handle:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("no plain file")
        return handle.read(most).decode("utf-8", "replace")


def _owners(paths: list[str]) -> dict[str, str]:
    """Path → Debian package and its version, where a package owns the file."""
    if not paths:
        return {}
    real = sorted({os.path.realpath(path) for path in paths})
    owners: dict[str, str] = {}
    for line in _said(["dpkg-query", "-S", *real]):
        packages, _colon, path = line.rpartition(": ")
        if path in real and not packages.startswith("diversion "):
            owners[path] = packages.split(",")[0].split(":")[0]
    names = sorted(set(owners.values()))
    listed = _said(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *names]) if names else []
    versions = dict(line.split(" ", 1) for line in listed if " " in line)
    return {path: f"{name} {versions.get(name, '')}".strip() for path, name in owners.items()}


def _said(command: list[str]) -> list[str]:
    try:
        done = subprocess.run(command, capture_output=True, timeout=30, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.decode("utf-8", "replace").splitlines()


if __name__ == "__main__":
    main()
