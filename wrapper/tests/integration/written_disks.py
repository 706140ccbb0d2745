"""All that a container ever wrote to its disk, seen from outside, so that a collection is caught writing."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from ungcuu.lab import Lab
from ungcuu.lab.podman import inspect

# What a login itself writes, whoever logs in and whatever for: sshd, PAM and logind, not the collector.
LOGIN_TRACES = (
    "var/log/wtmp",
    "var/log/lastlog",
    "var/log/btmp",
    "var/log/auth.log",
    "var/log/syslog",
    "var/lib/wtmpdb",
)


def disk(host: Lab) -> dict[str, tuple[object, ...]]:
    """All that the host has ever written to its disk, as seen from outside: it can neither hide nor disturb it."""
    known = inspect(host.container("web01"))
    assert known
    top = known["GraphDriver"]["Data"]["UpperDir"]
    found: dict[str, tuple[object, ...]] = {}
    _walk(Path(top), Path(), found)
    return {path: facts for path, facts in found.items() if not path.startswith(LOGIN_TRACES)}


def _walk(top: Path, relative: Path, found: dict[str, tuple[object, ...]]) -> None:
    path = top / relative
    facts = path.lstat()
    folder, content = stat.S_ISDIR(facts.st_mode), ""
    if stat.S_ISREG(facts.st_mode):
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOATIME), "rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
    times = (facts.st_mtime_ns, facts.st_ctime_ns, facts.st_atime_ns)
    found[str(relative)] = (facts.st_mode, facts.st_uid, facts.st_gid, 0 if folder else facts.st_size, *times, content)
    if folder:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOATIME)
        names = os.listdir(descriptor)  # noqa: PTH208  (a Path would set the folder's access time)
        os.close(descriptor)
        for name in names:
            _walk(top, relative / name, found)


def difference(before: dict[str, tuple[object, ...]], after: dict[str, tuple[object, ...]]) -> dict[str, object]:
    changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    return {path: (before.get(path), after.get(path)) for path in changed}
