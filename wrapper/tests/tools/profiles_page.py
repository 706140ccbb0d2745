"""Writes docs/reference/profiles.md from the profiles: ``python wrapper/tests/tools/profiles_page.py update``.

A test compares the page with the profiles.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ungcuu.core import sentences
from ungcuu.core.check_phrases import Breaks
from ungcuu.core.phrases import phrase
from ungcuu.detect.coverage import TOPICS
from ungcuu.hosts import profile_form, profiles, trial_form

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "profiles.md"

_INTRODUCTION = """\
A profile is what ungcuu knows of an application, as data: one file in `wrapper/ungcuu/profiles/` each. The site names
its own in `website_application`. A site that was written by hand takes `php`, and states the rest itself:
[site facts](../how-to/site-facts.md).
"""
_TRIED = """
"Tried on": a test installs the application and finds in it what an intruder adds. The other profiles were written after
what is published of the application: where a table differs, that is said as a gap, never passed over.

Code and accounts of the database server are read on MariaDB and PostgreSQL, whatever the application.
"""


_ROTATED = """\
What is left to a person is said by `rotate`, `doctor` and the report, and has to be answered before a release
(`ungcuu reassess HOST --entry-closed … --application-checked …`). Tried on installed applications: WordPress,
MediaWiki on both databases, DokuWiki, and a site that was written by hand; the other profiles were written after what
is published.
"""


def page() -> str:
    """Return the page."""
    return "\n".join(_page())


def _page() -> Iterator[str]:
    yield "# Application profiles\n"
    yield "Written by `python wrapper/tests/tools/profiles_page.py update`; do not edit.\n"
    yield _INTRODUCTION
    known = [profiles.load(name) for name in profiles.known()]
    yield "## Where things stand\n"
    yield "| profile | application | versions | recognised by | configuration | writes media to | writes PHP to |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for profile in known:
        config = profile.config.paths if profile.config else ()
        lists = (profile.detect.markers, config, profile.writable.media, profile.writable.code)
        cells = [f"`{profile.name}`", profile.title, profile.versions, *map(_code, lists)]
        yield f"| {' | '.join(cells)} |"
    yield "\n## What a scan reads of the application's data\n"
    yield "What is not read is said by each scan, and is a person's task before a release:"
    yield "[what was not looked at](../how-to/scan.md#what-was-not-looked-at).\n"
    yield f"| profile | database | tried on | {' | '.join(TOPICS[topic] for topic in profiles.TOPICS)} |"
    yield f"| --- | --- | --- |{' --- |' * len(profiles.TOPICS)}"
    for profile in known:
        cells = [
            f"`{profile.name}`",
            _engines(profile),
            ", ".join(profile.tried_on) or "–",
            *(_topic(profile, name) for name in profiles.TOPICS),
        ]
        yield f"| {' | '.join(cells)} |"
    yield _TRIED
    yield "## What `rotate` replaces, and what an editor's trial does\n"
    yield _ROTATED
    yield "| profile | in the configuration | ended | administrators | what breaks | left to people | editor's trial |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for profile in known:
        yield f"| {' | '.join(_rotated(profile))} |"
    yield "\n## Form of a profile\n"
    yield "A key that is not in this list is refused with file and line; a key in bold has to be there.\n"
    for kind in _KINDS:
        yield f"- `{kind.__name__}`: {', '.join(map(_key, dataclasses.fields(kind)))}"
    yield ""


_KINDS = (
    profiles.Profile, profile_form.Detect, profile_form.Version, profile_form.Config, profile_form.Writable,
    profile_form.Component, profile_form.Release, profile_form.Secrets, profile_form.Ended, profile_form.Accounts,
    trial_form.Trial, trial_form.Step, profile_form.Data, profile_form.Topic, profile_form.Query, profile_form.Text,
    profile_form.Lines, profile_form.Pages, profile_form.SiteFacts,
)  # fmt: skip # a table


def _key(item: dataclasses.Field[Any]) -> str:
    needed = item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    return f"**`{item.name}`**" if needed else f"`{item.name}`"


def _rotated(profile: profiles.Profile) -> list[str]:
    if profile.site_facts:
        return [f"`{profile.name}`", *(["as the site states"] * 6)]
    known = profile.secrets or profile_form.Secrets()
    ended = dict.fromkeys(row.what for row in known.ended)
    ended |= dict.fromkeys(["sessions"] if "sessions" in known.breaks else [])
    left = [sentences.shown(one) for one in profile.unrotated(database=bool(profile.data.engines))]
    trial = [part.replace("_", " ") for part, steps in profile.trial.parts.items() if steps] if profile.trial else []
    return [
        f"`{profile.name}`",
        _code(known.names),
        ", ".join(ended) or "—",
        "new passwords" if profile.accounts else "—",
        "; ".join(sentences.shown(phrase(Breaks(f"breaks_{name.replace('-', '_')}"))) for name in known.breaks) or "—",
        "; ".join(left) or "—",
        ", ".join(trial) or "none: reading alone",
    ]


def _engines(profile: profiles.Profile) -> str:
    if profile.site_facts:
        return "as the site states"
    return ", ".join(profile.data.engines) or "none: files"


def _topic(profile: profiles.Profile, name: str) -> str:
    if profile.site_facts:
        return "as the site states"
    topic = getattr(profile.data, name)
    return "–" if topic is None else "in part" if topic.partly else "yes"


def _code(words: tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words) or "—"


if __name__ == "__main__":
    if sys.argv[1:] != ["update"]:
        sys.exit(f"usage: {sys.argv[0]} update")
    PAGE.write_text(page(), "utf-8")
