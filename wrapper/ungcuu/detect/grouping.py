"""Many findings in a few lines: those of one rule and severity together, with the folders that hold them. Pure."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MANY = 5  # findings of one rule that still get a line each
_PLACES = 4


@dataclass(frozen=True)
class Group:
    """Findings of one host, rule and severity. ``places``: the folders below ``folder`` that hold most, with counts;
    ``others`` counts the rest.
    """

    rows: Sequence[Mapping[str, Any]]
    folder: str = ""
    places: tuple[tuple[str, int], ...] = ()
    others: int = 0

    @property
    def first(self) -> Mapping[str, Any]:
        """One of them, for what all have in common."""
        return self.rows[0]


def grouped(rows: Iterable[Mapping[str, Any]]) -> list[Group]:
    """Return the findings in their order, as groups; what is no file, or of which there are few, stands alone."""
    together: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for number, row in enumerate(rows):
        same = tuple(str(row.get(name)) for name in ("host", "severity", "rule"))
        key = same if str(row.get("path", "")).startswith("/") else (*same, str(number))
        together.setdefault(key, []).append(row)
    out: list[Group] = []
    for found in together.values():
        out += [_group(found)] if len(found) > MANY else [Group([row]) for row in found]
    return out


def _group(rows: Sequence[Mapping[str, Any]]) -> Group:
    folders = [posixpath.dirname(str(row["path"])) for row in rows]
    common = posixpath.commonpath(folders)
    below = Counter(_below(folder, common) for folder in folders)
    places = tuple(below.most_common(_PLACES)) if len(below) > 1 else ()
    return Group(rows, common, places, sum(below.values()) - sum(count for _, count in places) if places else 0)


def _below(folder: str, common: str) -> str:
    """Name the folder next below the common one."""
    rest = folder.removeprefix(common).strip("/")
    return rest.partition("/")[0] + "/" if rest else "./"
