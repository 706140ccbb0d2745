"""The parts of a website's application, as its host shows them, each with its known vulnerabilities.

What a host says is a claim: names and versions are checked for their form, and everything else is dropped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ungcuu.core.errors import StepFailed
from ungcuu.core.i18n import N_, _
from ungcuu.hosts import profiles, remote_program, ssh
from ungcuu.hosts.profile_form import Component
from ungcuu.hosts.profiles import Profile
from ungcuu.prepare.advisories import Advisories, Hole, Verdict, load
from ungcuu.prepare.versions import comparable

KINDS = (N_("core"), N_("plugin"), N_("theme"), N_("library"))
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+~_-]{0,60}|")
_SECONDS = 60.0
_SHOWN = 6


@dataclass(frozen=True)
class Part:
    """One part. ``package``: the Debian package that its file is of, which may have closed a hole by itself."""

    kind: str
    name: str
    version: str
    path: str
    package: str
    holes: tuple[Hole, ...] = ()
    known: bool = True  # whether advisories could be asked for it at all

    def row(self) -> dict[str, str]:
        """Return it for a person's table."""
        return {
            "part": f"{_(self.kind)} {self.name}",
            "version": self.version or _("not known"),
            "package": self.package or "–",
            "vulnerabilities": self.words(),
        }

    def words(self) -> str:
        """Say what is known of its holes."""
        affected = [_named(hole) for hole in self.holes if hole.verdict is Verdict.AFFECTED]
        open_ones = [hole.id for hole in self.holes if hole.verdict is Verdict.NOT_KNOWN]
        said = [_listed(affected)] if affected else []
        if affected and self.package:
            said[0] += " " + _("(by the upstream version; Debian's package may have fixed it)")
        if open_ones:
            said.append(_("not known: {ids}").format(ids=_listed(open_ones)))
        if not said:
            said.append(_("none known") if self.known else _("not known"))
        return "; ".join(said)

    def as_data(self) -> dict[str, object]:
        """Return it for ``--json``."""
        holes = [
            {"id": hole.id, "aliases": list(hole.aliases), "verdict": hole.verdict.value, "fixed": hole.fixed}
            for hole in self.holes
        ]
        return {
            "kind": self.kind,
            "name": self.name,
            "version": self.version,
            "path": self.path,
            "package": self.package,
            "advisories": self.known,
            "vulnerabilities": holes,
        }


def _named(hole: Hole) -> str:
    name = next((alias for alias in hole.aliases if alias.startswith("CVE-")), hole.id)
    return _("{id} (fixed in {version})").format(id=name, version=hole.fixed) if hole.fixed else name


def _listed(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (_(" and {count} more").format(count=more) if more > 0 else "")


@dataclass(frozen=True)
class Parts:
    """All parts of one host's application. ``left``: what was not looked at, and why."""

    parts: tuple[Part, ...]
    advisories: str
    left: tuple[str, ...]

    def affected(self) -> list[Part]:
        """Return the parts with a hole that is known to concern their version."""
        return [part for part in self.parts if any(hole.verdict is Verdict.AFFECTED for hole in part.holes)]

    def as_data(self) -> dict[str, object]:
        """Return it for ``--json`` and for the audit's document."""
        return {
            "parts": [part.as_data() for part in self.parts],
            "advisories": self.advisories,
            "not_looked_at": list(self.left),
        }


def read(target: ssh.Target, variables: Mapping[str, Any], inventory: Path) -> Parts:
    """Ask a website's host for the parts of its application. Nothing is changed on it.

    Raises:
        InventoryError: The site's facts or its advisories are not as they have to be.
        UngcuuError: The host could not be reached, or did not answer as expected.
    """
    profile = profile_of(variables)
    if profile is None or not profile.components or not variables.get("website_root"):
        left = _("the parts of the application: website_application names no profile that knows them")
        return Parts((), Advisories().age(datetime.now(UTC)), (left,))
    known = _advisories(variables, inventory)
    asked = {"root": str(variables["website_root"]), "components": [vars(rule) for rule in profile.components]}
    answer = remote_program.run_program(target, "components", asked, _SECONDS, 8 << 20)
    return judged(answer, profile, known, target.name)


def profile_of(variables: Mapping[str, Any]) -> Profile | None:
    """Return the profile of a site's application, with what the site states."""
    facts = variables.get("website_profile_facts")
    return profiles.of_site(str(variables.get("website_application") or ""), facts)


def _advisories(variables: Mapping[str, Any], inventory: Path) -> Advisories:
    """Read the site's file; a relative path begins in the inventory's folder."""
    named = str(variables.get("website_advisories") or "")
    base = inventory if inventory.is_dir() else inventory.parent
    return load(base / Path(named).expanduser()) if named else Advisories()


def judged(answer: bytes, profile: Profile, known: Advisories, host: str) -> Parts:
    """Check what a host answered, and judge each part by the advisories.

    Raises:
        StepFailed: It is not the program's document.
    """
    try:
        said = json.loads(answer)
        rows = [(profile.components[int(row["rule"])], _checked(row)) for row in said["parts"]]
        left = [str(text)[:300] for text in said["left"]]
        more = bool(said["too_many"])
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise StepFailed(
            _("{host} did not say which parts its application has: {error}").format(host=host, error=error),
            _("Nothing was changed on it."),
            f"ungcuu doctor {host}",
        ) from error
    parts = [_judged(row, rule, known) for rule, row in rows]
    if not any(part.kind == "core" for part in parts) and any(rule.kind == "core" for rule in profile.components):
        left.append(_("{title} itself: its version was not found").format(title=profile.title))
    if more:
        left.append(_("further parts: there are too many"))
    parts.sort(key=lambda part: (KINDS.index(part.kind), part.name))
    return Parts(tuple(parts), known.age(datetime.now(UTC)), tuple(left))


def _checked(row: Mapping[str, Any]) -> dict[str, str]:
    kept = {name: str(row[name])[:400] for name in ("name", "version", "path", "package")}
    if not _VERSION.fullmatch(kept["version"]) or not all(text.isprintable() for text in kept.values()):
        raise ValueError("a part of another form")
    return kept


def _judged(row: Mapping[str, str], rule: Component, known: Advisories) -> Part:
    names = [name.replace("{name}", row["name"]) for name in rule.advisories]
    holes = known.holes(names, row["version"], rule.scheme)
    askable = bool(known.place and names) and comparable(row["version"], rule.scheme)
    return Part(rule.kind, **row, holes=tuple(holes), known=askable)
