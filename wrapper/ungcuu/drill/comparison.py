"""Whether a host is, byte for byte, as it was before the attack, and what of it was lost. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# The website, and everywhere outside of packages where an intruder can stay.
FOLDERS = ("/var/www", "/etc", "/root", "/home", "/usr/local", "/var/spool/cron", "/tmp", "/var/tmp")  # noqa: S108
# What the verbs themselves put there, and what the system rewrites by itself.
_OURS = (
    "/etc/ungcuu",
    "/etc/.pwd.lock",
    "/etc/.updated",
    "/etc/resolv.conf",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/machine-id",
    "/tmp/systemd-private",  # noqa: S108
    "/var/tmp/systemd-private",  # noqa: S108
    "/var/www/.ungcuu-stage",
)


@dataclass(frozen=True)
class Contents:
    """Files (path → SHA-256) and rows (table → digests) of a host at one moment."""

    files: Mapping[str, str]
    rows: Mapping[str, list[str]]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Contents:
        """Take it from what the host's program printed."""
        return cls(document["files"], document["rows"])


@dataclass
class Difference:
    """What is not as before the attack. ``lost``: what people had written and is no longer there."""

    wrong: list[str] = field(default_factory=list)
    lost_files: list[str] = field(default_factory=list)
    lost_rows: int = 0


# What host_contents.py says of a setting that stands as the installed package brings it.
FROM_PACKAGE = "as its package brings it"


def _skipped(path: str, also: Iterable[str], digest: str | None) -> bool:
    # A masked unit is a link to nothing: what eradicate leaves in the intruder's place.
    return digest == "link /dev/null" or path.startswith((*_OURS, *also))


def compare(good: Contents, before: Contents, after: Contents, also: Iterable[str] = ()) -> Difference:
    """Compare with the last backup (``good``) and with the moment before the attack: each part must be as in one."""
    also, seen = tuple(also), Difference()
    for path in sorted({*good.files, *before.files, *after.files}):
        now = after.files.get(path)
        if _skipped(path, also, now) or now == before.files.get(path):
            continue
        if now == FROM_PACKAGE and not {before.files.get(path), good.files.get(path)} - {None}:
            continue  # new with a patch
        if now is None and path not in good.files:
            seen.lost_files.append(path)
        elif now is None or now != good.files.get(path):
            seen.wrong.append(path)
    for table in sorted({*good.rows, *before.rows}):
        if table not in after.rows:
            seen.wrong.append(f"{table}: not read")
            continue
        known, saved, now_there = set(before.rows.get(table, ())), set(good.rows.get(table, ())), set(after.rows[table])
        if now_there - known - saved or (saved & known) - now_there:
            seen.wrong.append(f"rows of {table}")
        seen.lost_rows += len(known - now_there)
    return seen
