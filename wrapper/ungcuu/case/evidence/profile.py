"""Profiles: what is taken, how, why and within which limits. Data, in ``roles/evidence/profiles/*.yml``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

FORMS = ("text", "nul", "tar", "raw", "sql", "journal")
_ID = re.compile(r"[a-z][a-z0-9_]{1,39}")
_SIZE = re.compile(r"(\d+) (B|KiB|MiB|GiB|TiB)")
_UNIT = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_NEEDED = {"id", "what", "why", "form", "bytes", "seconds"}
_ALLOWED = _NEEDED | {"command", "files", "accept", "each"}


class ProfileError(ValueError):
    """A profile that can't be used: which file, which item, what is wrong."""


@dataclass(frozen=True)
class Spec:
    """One item of a profile.

    ``how`` is a POSIX shell script; ``limit_bytes`` and ``limit_seconds`` bound what it may deliver; ``accept`` holds
    the exit statuses that mean success. ``each`` names a list that the operator gives (processes, disks): the item is
    taken once for each, with the value in ``$ITEM``.
    """

    profile: str
    id: str
    what: str
    why: str
    how: str
    form: str
    limit_bytes: int
    limit_seconds: float
    accept: tuple[int, ...] = (0,)
    each: str = ""


def load_profile(folder: Path, name: str, choices: Mapping[str, Sequence[str]] | None = None) -> list[Spec]:
    """Return the items of ``<folder>/<name>.yml`` in their order; ``choices`` holds the operator's lists for ``each``.

    Raises:
        ProfileError: There is no such profile, or an item of it is wrong.
    """
    path = folder / f"{name}.yml"
    if not re.fullmatch(r"[a-z_]+", name) or not path.is_file():
        known = ", ".join(sorted(entry.stem for entry in folder.glob("*.yml")))
        raise ProfileError(f"there is no profile {name!r}; there are {known}")
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        raise ProfileError(f"{path}: a profile is a mapping with a list 'items'")
    specs = [_spec(path, name, entry) for entry in document["items"]]
    ids = [spec.id for spec in specs]
    if twice := sorted({item for item in ids if ids.count(item) > 1}):
        raise ProfileError(f"{path}: more than one item is called {', '.join(twice)}")
    return [made for spec in specs for made in _expand(spec, choices or {})]


def parse_size(text: str) -> int:
    """Return bytes for a text such as ``16 MiB``.

    Raises:
        ProfileError: It isn't a number and a unit.
    """
    found = _SIZE.fullmatch(text)
    if not found:
        raise ProfileError(f"{text!r} is not a size; write it as '16 MiB'")
    return int(found[1]) * _UNIT[found[2]]


def _spec(path: Path, profile: str, entry: Any) -> Spec:
    where = f"{path}, item {entry.get('id') if isinstance(entry, dict) else entry!r}"
    if not isinstance(entry, dict) or not _NEEDED <= set(entry) <= _ALLOWED:
        raise ProfileError(f"{where}: needs {', '.join(sorted(_NEEDED))} and 'command' or 'files', and nothing else")
    if ("command" in entry) == ("files" in entry):
        raise ProfileError(f"{where}: needs either 'command' or 'files'")
    if not _ID.fullmatch(str(entry["id"])) or entry["form"] not in FORMS:
        raise ProfileError(f"{where}: 'id' is lower case letters, digits and _; 'form' is one of {', '.join(FORMS)}")
    how = str(entry["command"]) if "command" in entry else _archive([str(place) for place in entry["files"]])
    return Spec(
        profile=profile,
        id=str(entry["id"]),
        what=str(entry["what"]),
        why=str(entry["why"]),
        how=how.strip(),
        form=str(entry["form"]),
        limit_bytes=parse_size(str(entry["bytes"])),
        limit_seconds=float(entry["seconds"]),
        accept=tuple(int(code) for code in entry.get("accept", [0, 1] if "files" in entry else [0])),
        each=str(entry.get("each", "")),
    )


def _expand(spec: Spec, choices: Mapping[str, Sequence[str]]) -> list[Spec]:
    """Make one item of each chosen value. The record's id holds its number, not the value: a path is not a name."""
    if not spec.each:
        return [spec]
    values = choices.get(spec.each, ())
    return [
        replace(spec, id=f"{spec.id}_{number}", what=f"{spec.what} ({value})", how=f"ITEM={quote(value)}\n{spec.how}")
        for number, value in enumerate(values, 1)
    ]


def _archive(places: list[str]) -> str:
    """Return the script that streams what is there of these shell patterns as one archive."""
    return f"archive {' '.join(places)}"


def quote(value: str) -> str:
    """Quote a value of the operator's for the shell, line feeds included.

    Raises:
        ProfileError: It holds a NUL byte, which no argument can carry.
    """
    if "\0" in value:
        raise ProfileError("a value holds a NUL byte")
    return "'" + value.replace("'", "'\\''") + "'"
