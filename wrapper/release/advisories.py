"""Compare what is shipped with advisories that somebody supplies (OSV's JSON for PyPI); nothing is fetched."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path

from ungcuu.core.errors import InventoryError
from ungcuu.prepare.advisories import Verdict, load

SCHEME = "pypi"


class Vulnerable(Exception):
    """A part is affected, or nobody can say that it is not; the text names each."""


def compare(
    parts: Iterable[tuple[str, str]], path: Path, accepted: Collection[str], now: datetime | None = None
) -> str:
    """Return what was looked at and found. ``parts``: names and versions; ``accepted``: ids of advisories.

    Raises:
        Vulnerable: An advisory concerns a part and was not accepted, or one was accepted that concerns none.
        ValueError: The advisories can't be read, or none of them is about PyPI.
    """
    try:
        known = load(path)
    except InventoryError as error:
        raise ValueError(error.what.removeprefix("website_advisories: ")) from error
    if not any(name.startswith("pypi:") for name in known.entries):
        raise ValueError(f"{path}: none of its {known.count} advisories is about a package of PyPI")
    lines, found = [known.age(now or datetime.now(UTC))], set()
    for name, version in sorted(set(parts)):
        names = {f"pypi:{name.replace('-', mark)}" for mark in "-_."}
        for hole in known.holes(sorted(names), version, SCHEME):
            ids = {hole.id, *hole.aliases}
            found |= ids
            said = "affected" if hole.verdict is Verdict.AFFECTED else "not known whether it is affected"
            fixed = f"; fixed in {hole.fixed}" if hole.fixed else ""
            lines.append(f"{name} {version}: {hole.id} {said}{fixed}" + (" (accepted)" if ids & set(accepted) else ""))
    left = [line for line in lines[1:] if not line.endswith("(accepted)")]
    left += [f"--accept {one}: it concerns nothing that is shipped" for one in sorted(set(accepted) - found)]
    if left:
        raise Vulnerable("\n".join([lines[0], *left]))
    return "\n".join(lines if len(lines) > 1 else [lines[0], "None concerns a part that is shipped."]) + "\n"
