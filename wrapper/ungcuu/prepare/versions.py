"""Compare versions: as PHP's own ``version_compare`` does, as dates, or as Python's packages have them. Pure.

None stands for two versions that can't be compared: a wrong order would hide a known hole.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from packaging.version import Version

_PHP = re.compile(r"v?\d[0-9A-Za-z.+_~-]{0,60}")
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})([a-z]?)")
_RANKS = {"dev": 0, "alpha": 1, "a": 1, "beta": 2, "b": 2, "rc": 3, "c": 3, "": 4, "pl": 6, "p": 6, "patch": 6}
_NUMBER = 5


def comparable(version: str, scheme: str) -> bool:
    """Whether a version is of a form that this scheme can place."""
    if scheme == "date":
        return bool(_DATE.fullmatch(version))
    if scheme == "pypi":
        return _python(version) is not None
    return bool(_PHP.fullmatch(version)) and all(part.isdecimal() or part in _RANKS for part in _parts(version))


def compare(one: str, other: str, scheme: str) -> int | None:
    """Return -1, 0 or 1; None where the two can't be compared."""
    if not (comparable(one, scheme) and comparable(other, scheme)):
        return None
    keys: dict[str, Callable[[str], Any]] = {"date": str, "pypi": _python}
    key = keys.get(scheme, _key)
    left, right = key(one), key(other)
    return int(left > right) - int(left < right)


def _python(version: str) -> Version | None:
    """A version of a Python package (PEP 440): epochs, pre-releases and post-releases have their order."""
    from packaging.version import InvalidVersion, Version

    try:
        return Version(version)
    except InvalidVersion:
        return None


def _parts(version: str) -> list[str]:
    """Numbers and words; what follows a plus sign is a build, which orders nothing."""
    return re.findall(r"\d+|[a-z]+", version.lower().removeprefix("v").partition("+")[0])


def _key(version: str) -> list[tuple[int, int]]:
    """Numbers stand above the end of a version, and words such as ``beta`` below it; zeros before those say nothing."""
    key: list[tuple[int, int]] = []
    for part in [*_parts(version), ""]:
        if part.isdecimal():
            key.append((_NUMBER, int(part)))
            continue
        while key and key[-1] == (_NUMBER, 0):
            key.pop()
        key.append((_RANKS[part], 0))
    return key
