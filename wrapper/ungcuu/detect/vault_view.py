"""The vault as a third reader: files of a restore point that nothing on the host can have changed since.

1. The point was read on the vault, by its own programs: what lies to every program of the host can't change that.
2. A file whose time of change, and that of every folder above it up to the web root, is older than the point, must be
   as the point holds it. Where the host says that it is another one, or none, one of the two is untrue.
3. What changed later is not compared: its times say so. Root can forge times of the host, and so escape; it can't be
   made to look as if a change were hidden where there is none, but by putting an older disk back.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ungcuu.core.check_phrases import Seen
from ungcuu.core.phrases import Coded, TextOrCode, phrase
from ungcuu.detect.baseline import Row, Snapshot
from ungcuu.detect.comparison import HIGH, Comparison
from ungcuu.detect.findings import Finding
from ungcuu.detect.readers import MOST_SHOWN

MARGIN = 180  # seconds; the vault takes a point whose host's clock is 120 s off its own
_KINDS = ("file", "link")


@dataclass(frozen=True)
class VaultView:
    """What the vault saw in one point. ``time``: when it was begun, seconds since 1970 by the vault's clock; ``files``
    maps a path to its kind and SHA-256, or a link's target. ``why`` is set where there is nothing to compare with.
    """

    point: str = ""
    time: float = 0.0
    root: str = ""
    files: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    why: str | Coded = ""


@dataclass(frozen=True)
class Contradiction:
    """One file that the host shows otherwise than the point, and can't have changed since. ``path`` is escaped."""

    path: str
    host: TextOrCode
    vault: TextOrCode


@dataclass(frozen=True)
class VaultComparison:
    """What came of it. ``compared`` counts the files that can't have changed since the point."""

    view: VaultView
    contradictions: Sequence[Contradiction] = ()
    compared: int = 0

    def summary(self) -> dict[str, Any]:
        """Return it as findings.json holds it."""
        moment = datetime.fromtimestamp(self.view.time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if self.view.point else ""
        return {
            "point": self.view.point,
            "time": moment,
            "compared": self.compared,
            "contradictions": len(self.contradictions),
            "why": self.view.why,
        }


def parse(answer: Mapping[str, Any] | None) -> VaultView:
    """Return the view in a vault's answer; what is not of the expected form is a view of nothing, with the reason."""
    if answer is None:
        return VaultView(why=phrase(Seen.VAULT_SILENT))
    try:
        if not answer["point"]:
            return VaultView(why=phrase(Seen.VAULT_NO_POINT))
        moment = datetime.fromisoformat(str(answer["point"]["time"]).replace("Z", "+00:00")).timestamp()
        rows = {str(path): (str(kind), str(digest)) for path, kind, digest in answer["rows"] if kind in _KINDS}
        return VaultView(str(answer["point"]["id"]), moment, str(answer["root"]).rstrip("/"), rows)
    except (KeyError, TypeError, ValueError):
        return VaultView(why=phrase(Seen.VAULT_FORM))


def compare(snapshot: Snapshot, view: VaultView) -> VaultComparison:
    """Compare a reading of the host with what the vault saw."""
    if view.why:
        return VaultComparison(view)
    quiet = _quiet_folders(snapshot, view)
    found, compared = [], 0
    for path, (kind, digest) in view.files.items():
        row = snapshot.file(path)
        if not quiet(posixpath.dirname(path)) or (row is not None and not _old(row, view)):
            continue
        if row is None and not snapshot.complete:
            continue  # what an interrupted reading did not reach is no contradiction
        said = _said(row)
        if said is None:
            continue
        compared += 1
        if said != (kind, digest):
            found.append(Contradiction(path, _shown(*said), _shown(kind, digest)))
    return VaultComparison(view, tuple(found), compared)


def _quiet_folders(snapshot: Snapshot, view: VaultView) -> Any:
    """Return a test: whether nothing was added, removed or renamed in a folder, or above it, since the point.

    A folder that the host does not show is judged by the ones above: taking it away would have changed them.
    """
    known: dict[str, bool] = {}

    def quiet(folder: str) -> bool:
        if folder not in known:
            row = snapshot.file(folder)
            unchanged = _old(row, view) if row is not None else folder != view.root
            inside = folder.startswith(view.root + "/")
            known[folder] = unchanged and (folder == view.root or (inside and quiet(posixpath.dirname(folder))))
        return known[folder]

    return quiet


def _old(row: Row, view: VaultView) -> bool:
    changed = row.get("ctime")
    return isinstance(changed, int) and 0 < changed < view.time - MARGIN


def _said(row: Row | None) -> tuple[str, str] | None:
    """What the host says of a file; None where it gave neither a sum nor a target."""
    if row is None:
        return "none", ""
    value = row.get("target" if row.get("type") == "link" else "sha256")
    return (str(row.get("type")), str(value)) if value or row.get("type") not in _KINDS else None


def _shown(kind: str, value: str) -> TextOrCode:
    return phrase(Seen.NO_SUCH_FILE) if kind == "none" else f"{kind} {value}".strip()


def vault_view(comparison: Comparison, seen: VaultComparison) -> Iterator[Finding]:
    """What the vault saw otherwise than the host says."""
    for one in seen.contradictions[:MOST_SHOWN]:
        yield comparison.find(
            "reader.vault",
            HIGH,
            "reading",
            one.path,
            expected=one.vault,
            seen=one.host,
            evidence={"of": len(seen.contradictions), "point": seen.view.point[:8]},
        )
