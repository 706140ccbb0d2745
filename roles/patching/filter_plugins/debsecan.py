"""Read debsecan's data: which known vulnerabilities the installed packages still have.

The file is what security-tracker.debian.org serves as ``debsecan/release/1/<codename>``: zlib-compressed text in three
parts parted by empty lines: names (``id,flags,description``), rows (``package,number of the name,flags,fixed version,
other fixed versions``) and binary packages by source. The flags are: kind (B: a binary package's name, else a
source's), urgency (L, M, H), remote (R, ?), and F where a fix is to be had.
"""

from __future__ import annotations

import importlib.util
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MAX_DATA = 256 * 1024 * 1024
MAX_ROWS = 5000
URGENCY = {"L": "low", "M": "medium", "H": "high"}
VERSION = re.compile(r"[A-Za-z0-9.+:~-]{1,120}")

_spec = importlib.util.spec_from_file_location(
    "ungcuu_patching_versions", Path(__file__).parents[1] / "files/ungcuu_patch/versions.py"
)
assert _spec is not None and _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
Version = _module.Version


def sections(path: str) -> list[list[str]]:
    """The three parts of the file, line by line.

    Raises:
        ValueError: not debsecan's data.
    """
    raw = Path(path).read_bytes()
    text = zlib.decompressobj().decompress(raw, MAX_DATA).decode("utf-8") if raw[:1] == b"\x78" else raw.decode("utf-8")
    head, _, rest = text.partition("\n")
    if head != "VERSION 1":
        raise ValueError(f"{path} is not debsecan's data (its first line is not VERSION 1)")
    return [part.splitlines() for part in [*rest.split("\n\n", 2), "", "", ""][:3]]


def affected(version: str, fixed: str, others: str) -> bool:
    """Whether an installed version has the hole: older than the fixed one, and none of the other fixed ones."""
    now = Version(version)
    if any(now == Version(other) for other in others.split()):
        return False
    return not fixed or bool(now < Version(fixed))


def patching_debsecan(
    plan: Mapping[str, Any], path: str, state: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """What is still open on a host: ``{cve, package, urgency, remote, fix}``, those with a fix first.

    ``plan`` is the host's, with its installed packages; ``state`` says what was changed since.
    """
    changed = {row["name"]: row["to"] for row in (state or {}).get("changed", [])}
    sources: dict[str, str] = {}
    binaries: dict[str, str] = {}
    for row in plan.get("installed", [])[:MAX_ROWS]:
        name, version, source, source_version = (str(cell) for cell in row)
        if all(VERSION.fullmatch(cell) for cell in (version, source_version)):
            binaries[name] = changed.get(name, version)
            sources[source] = changed.get(name, sources.get(source, source_version))
    names, rows, _ = sections(path)
    found = {}
    for line in rows:
        package, number, flags, fixed, others = line.split(",", 4)
        version = (binaries if flags[0] == "B" else sources).get(package)
        if version and affected(version, fixed, others):
            cve = names[int(number)].split(",", 1)[0]
            found[cve, package] = {
                "cve": cve,
                "package": package,
                "urgency": URGENCY.get(flags[1], "not yet set"),
                "remote": flags[2] == "R",
                "fix": flags[3] == "F",
            }
    return sorted(found.values(), key=lambda row: (not row["fix"], row["package"], row["cve"]))[:MAX_ROWS]


class FilterModule:
    """Filters of the role."""

    def filters(self) -> dict[str, Any]:
        """Name to function."""
        return {"patching_debsecan": patching_debsecan}
