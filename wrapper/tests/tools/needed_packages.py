"""What a distribution of this environment needs at run time, for tests that make an environment of their own."""

from __future__ import annotations

from importlib import metadata

from packaging.requirements import Requirement


def needed(name: str, found: dict[str, metadata.Distribution]) -> dict[str, metadata.Distribution]:
    """Return a distribution and all that it needs here, by name."""
    if name not in found:
        found[name] = metadata.distribution(name)
        for text in found[name].requires or []:
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                needed(wanted.name.lower(), found)
    return found
