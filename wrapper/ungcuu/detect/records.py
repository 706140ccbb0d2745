"""The form of what a host reports: the fields of each kind of record, and which of them name it. Pure.

A record that does not fit is refused whole: nothing of it is repaired.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

TEXT_LIMIT = 8192  # characters of one field
LINE_LIMIT = 64 << 10  # bytes of one record
LONGEST_LINE = LINE_LIMIT << 5  # of one with a file's content

_FILE: dict[str, type] = {
    "path": str, "area": str, "type": str, "size": int, "mode": int, "uid": int, "gid": int, "mtime": int,
    "ctime": int, "sha256": str, "target": str, "xattrs": dict, "marks": list, "package": str, "package_ok": bool,
    "big": bool, "bytecode": str, "conffile": bool,
}  # fmt: skip # a table
SCHEMA: Mapping[str, Mapping[str, type]] = {
    "file": _FILE,
    "line": {"set": str, "path": str, "number": int, "sha256": str, "text": str, "account": str,
             "fingerprint": str, "type": str, "options": str, "comment": str},
    "account": {"name": str, "uid": str, "gid": str, "home": str, "shell": str, "password": str, "digest": str},
    "group": {"name": str, "gid": str, "members": list},
    "unit": {"name": str, "path": str, "state": str, "active": str, "type": str, "transient": bool, "main": list},
    "listener": {"proto": str, "address": str, "port": int, "exe": str, "comm": str, "uid": int, "unit": str},
    "process": {"pid": int, "start": str, "exe": str, "comm": str, "uid": int, "deleted": bool, "replaced": bool,
                "argv": str, "website": bool, "ppid": int, "unit": str, "session": str, "script": str, "loaded": list,
                "forced": str, "sha256": str},
    "running": {"uid": int, "unit": str, "exe": str, "script": str},
    "fact": {"set": str, "name": str, "detail": str, "text": str, "source": str},
    "module": {"name": str, "tainting": bool},
    "package": {"name": str, "architecture": str, "version": str},
    "database": {"set": str, "name": str, "detail": str},
    "coverage": {"topic": str, "why": str},
    "privileged": {"path": str},
    "runtime": {"path": str, "sha256": str},
    "unread": {"path": str, "why": str},
    "limit": {"section": str},
    "failed": {"section": str, "why": str},
    "section": {"name": str, "seconds": float},
    "content": {"path": str, "data": str},
    "end": {"seconds": float, "time": int},
}  # fmt: skip # a table
IDENTITY: Mapping[str, tuple[str, ...]] = {
    "file": ("path",),
    "line": ("set", "path", "sha256"),
    "account": ("name",),
    "group": ("name",),
    "unit": ("name",),
    "listener": ("proto", "address", "port"),
    "module": ("name",),
    "package": ("name", "architecture"),
    "database": ("set", "name"),
    "coverage": ("topic",),
    "privileged": ("path",),
    "runtime": ("path",),
    "running": ("uid", "unit", "exe", "script"),
    "fact": ("set", "name"),
}
_NEEDED = {
    "file": ("area", "type", "mode", "uid", "gid"),
    "process": ("pid", "start"),
    "package": ("version",),
    "coverage": ("why",),
    "runtime": ("sha256",),
}


def checked(line: bytes) -> dict[str, Any] | None:
    """Return one record with its known fields only, or None when it is not of the expected form."""
    if len(line) > (LONGEST_LINE if line.startswith(b'{"k":"content"') else LINE_LIMIT):
        return None
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError):
        return None
    schema = SCHEMA.get(raw.get("k", "")) if isinstance(raw, dict) and isinstance(raw.get("k"), str) else None
    if schema is None:
        return None
    row = {"k": raw["k"]}
    for name, value in raw.items():
        wanted = schema.get(name)
        if wanted is None:
            continue
        if not fits(value, wanted, 1 << 21 if name == "data" else TEXT_LIMIT):
            return None
        row[name] = value
    needed = (*IDENTITY.get(raw["k"], ()), *_NEEDED.get(raw["k"], ()))
    return row if all(name in row for name in needed) else None


def fits(value: object, wanted: type, limit: int) -> bool:
    """Whether a value of a host is of the wanted type, printable and bounded."""
    if wanted is str:
        return isinstance(value, str) and len(value) <= limit and value.isprintable()
    if wanted is bool:
        return isinstance(value, bool)
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63
    if wanted is float:
        # Neither a whole number that no float holds, nor infinity, nor what is no number.
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1 << 63
    if wanted is list:
        return isinstance(value, list) and len(value) < 10_000 and all(fits(item, str, limit) for item in value)
    return (
        isinstance(value, dict)
        and len(value) < 64
        and all(fits(k, str, 256) and fits(v, str, limit) for k, v in value.items())
    )
