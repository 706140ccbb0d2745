"""Lists of known-good files: the sums of an application's release, signed by this controller.

1. A list says of a content that it is a release's. It says nothing of the place: code among uploads stays a finding.
2. A list whose signature is wrong ends a scan, as a baseline does: who can write it could excuse a web shell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ungcuu.core import clock
from ungcuu.core.atomic import make_private
from ungcuu.detect import baseline

FOLDER = "known-good"
NAME = re.compile(r"[a-z0-9][a-z0-9._+-]{0,79}")


@dataclass(frozen=True)
class KnownList:
    """One signed list. ``archive`` is the SHA-256 of the archive that it was made of; ``published`` whether a
    publisher's checksums were compared.
    """

    name: str
    made: str
    archive: str
    published: bool
    sums: frozenset[str]


def save(state: Path, name: str, archive: str, sums: Iterable[str], published: bool) -> KnownList:
    """Sign a list and keep it; one of the same name is replaced."""
    made = KnownList(name, clock.now(), archive, published, frozenset(sums))
    document = {
        "format": baseline.FORMAT,
        "host": _signed_name(name),
        "made": made.made,
        "archive": archive,
        "published": published,
        "sums": sorted(made.sums),
    }
    baseline.sign(make_private(state / FOLDER) / f"{name}.json", document, state / "keys")
    return made


def load_all(state: Path) -> list[KnownList]:
    """Return the lists that this controller signed.

    Raises:
        Tampered: The signature of one is wrong.
    """
    return [_load(state, path) for path in sorted((state / FOLDER).glob("*.json"))]


def sums(state: Path) -> frozenset[str]:
    """Return the sums of all lists.

    Raises:
        Tampered: The signature of one is wrong.
    """
    return frozenset().union(*(one.sums for one in load_all(state)))


def forget(state: Path, name: str) -> bool:
    """Remove a list; False where there is none."""
    path = state / FOLDER / f"{name}.json"
    if not NAME.fullmatch(name) or not path.exists():
        return False
    path.unlink()
    path.with_suffix(".sig").unlink(missing_ok=True)
    return True


def _load(state: Path, path: Path) -> KnownList:
    known = baseline.verified(path, state / "keys", _signed_name(path.stem))
    found = frozenset(map(str, known["sums"]))
    return KnownList(path.stem, str(known["made"]), str(known["archive"]), bool(known["published"]), found)


def _signed_name(name: str) -> str:
    return f"{FOLDER}/{name}"  # no host's name: such a document can't pass for a baseline
