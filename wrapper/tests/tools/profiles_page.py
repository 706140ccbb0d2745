"""Writes docs/reference/profiles.md from the profiles: ``python wrapper/tests/tools/profiles_page.py update``.

A test compares the page with the profiles.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from ungcuu.hosts import profiles

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "profiles.md"


def page() -> str:
    """Return the page."""
    return "\n".join(_page())


def _page() -> Iterator[str]:
    yield "# Application profiles\n"
    yield "Written by `python wrapper/tests/tools/profiles_page.py update`; do not edit.\n"
    yield "A profile is what ungcuu knows of an application, as data: one file in `wrapper/ungcuu/profiles/` each.\n"
    yield "| profile | application | versions | recognised by | configuration | writes media to | writes PHP to |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for profile in map(profiles.load, profiles.known()):
        config = profile.config.paths if profile.config else ()
        lists = (profile.detect.markers, config, profile.writable.media, profile.writable.code)
        cells = [f"`{profile.name}`", profile.title, profile.versions, *map(_code, lists)]
        yield f"| {' | '.join(cells)} |"
    yield ""


def _code(words: tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words) or "—"


if __name__ == "__main__":
    if sys.argv[1:] != ["update"]:
        sys.exit(f"usage: {sys.argv[0]} update")
    PAGE.write_text(page(), "utf-8")
