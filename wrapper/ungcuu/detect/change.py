"""One changed file in words, and the actions that answer it."""

from __future__ import annotations

from ungcuu.core.check_phrases import Seen
from ungcuu.core.phrases import TextOrCode, phrase
from ungcuu.detect.baseline import Row
from ungcuu.detect.findings import Do


def evidence(row: Row | None, **more: object) -> dict[str, object]:
    """What is known of a file, for the finding; ``more`` where it is not empty."""
    row = row or {}
    names = ("sha256", "size", "mode", "uid", "gid", "mtime", "ctime", "target", "package")
    known: dict[str, object] = {name: row[name] for name in names if name in row}
    if "mode" in known:
        known["mode"] = f"{row['mode']:04o}"
    return known | {name: value for name, value in more.items() if value}


def move(row: Row) -> dict[str, object]:
    """The action that takes it to quarantine, as it was seen."""
    return {"do": Do.MOVE.value, "path": row["path"], "sha256": row.get("sha256", ""), "type": row.get("type", "file")}


def rights(row: Row) -> str:
    """Owner, group and mode (octal)."""
    return f"{row.get('uid')}:{row.get('gid')} {row.get('mode', 0):04o}"


def mode(path: str, old: Row, new: Row) -> dict[str, object]:
    """The action that gives back owner, group and mode."""
    same = {"path": path, "sha256": new.get("sha256", ""), "type": new.get("type", "file")}
    return {"do": Do.MODE.value, **same, "mode": old["mode"], "uid": old["uid"], "gid": old["gid"]}


def state(row: Row | None) -> TextOrCode:
    """Content and rights in one line."""
    if row is None:
        return phrase(Seen.NOT_PRESENT)
    return f"{row.get('sha256') or row.get('target') or row.get('type')} {rights(row)}"
