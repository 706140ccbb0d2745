"""Whether a restore would take a point: the stage's own checks, asked of what was looked at when it arrived. Pure.

Two of them need the host: PHP's own parser, and the import of the dump. They are named as not asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ungcuu.remote import stage_rules
from ungcuu_vault.look import Places, Row

NAMED = 20  # files of each check that the ledger names
SHOWN = 300  # characters of a path there
NOT_ASKED = (stage_rules.SYNTAX, stage_rules.IMPORT)


def judge(
    rows: Mapping[str, Row], opened: Iterable[str], where: Places, vouched: Callable[[Row], bool]
) -> dict[str, Any]:
    """What the stage's checks would refuse, as the ledger keeps it.

    Args:
        rows: What was seen in the point.
        opened: Files and folders below the root that anyone may write.
        where: The places of the point.
        vouched: Whether a baseline or a person says that a program in a writable folder, or a link, is right there.
    """
    inside = {path: row for path, row in rows.items() if row["area"] in ("web", "upload")}
    links = [path for path, row in inside.items() if _leaves(row, where) and not vouched(row)]
    programs = [path for path, row in inside.items() if row.get("program") and not vouched(row)]
    found = {"links": links, "programs": programs, "modes": list(opened)}
    return {
        "refused": [_refused(check, paths, where.root) for check, paths in found.items() if paths],
        "not_asked": list(NOT_ASKED),
    }


def vouched_for(rows: Mapping[str, Row], where: Places, vouched: Callable[[Row], bool]) -> dict[str, str]:
    """Programs in writable folders, and links out of the root, that are right there.

    By the path below the root: a program's SHA-256, a link's target.
    """
    right = [row for row in rows.values() if (row.get("program") or _leaves(row, where)) and vouched(row)]
    return {row["path"].removeprefix(where.root + "/"): row["hash"] for row in right}


def _leaves(row: Row, where: Places) -> bool:
    inside = row["area"] in ("web", "upload")
    return inside and row["type"] == "link" and stage_rules.leaves(where.root, row["path"], row["hash"])


def in_words(point: Mapping[str, Any], accepted: Sequence[str] = ()) -> str:
    """What a restore would refuse, for the vault's own messages; empty for nothing."""
    rows = (point.get("restorable") or {}).get("refused", ())
    words = [
        f"{stage_rules.ACCEPTABLE[row['check']].replace('_', ' ')}: {', '.join(row['paths'][:3])}"
        + (f" and {row['total'] - 3} more" if row["total"] > 3 else "")
        for row in rows
        if row["check"] not in accepted
    ]
    return "; ".join(words)


def _refused(check: str, paths: Sequence[str], root: str) -> dict[str, Any]:
    names = sorted(path.removeprefix(root + "/")[:SHOWN] for path in paths)
    return {"check": check, "paths": names[:NAMED], "total": len(names)}
