"""Which website of a host is meant: the one that is named, the one that an inventory states, else the best founded."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from ungcuu.hosts.discovery.facts import application, name_of
from ungcuu.hosts.discovery.reading import Survey
from ungcuu.hosts.discovery.vhosts import Website


def served(survey: Survey) -> list[Website]:
    """Return the websites of a host, the best founded first; folders beside them (icons, scripts) are left out."""
    found = [site for site in survey.websites if site.path == "/" or _application(survey, site)]
    by_root: dict[str, Website] = {}
    for site in sorted(found, key=lambda site: _weight(survey, site), reverse=True):
        by_root.setdefault(site.root, site)  # an alias to the same folder is no website of its own
    return list(by_root.values())


def _application(survey: Survey, site: Website) -> str:
    app = application(survey.folder(site), site.root)
    return app.name if app else ""


def _weight(survey: Survey, site: Website) -> tuple[bool, bool, bool, bool, bool, bool]:
    folder = survey.folder(site)
    app = _application(survey, site)
    works = any(page.status == 200 for page in folder.pages)
    return (folder.exists, app not in ("", "php"), bool(app), works, bool(name_of(survey, site)), site.path == "/")


def named(survey: Survey, wanted: str) -> Website | None:
    """Return the website of this label, name or root."""
    found = served(survey)
    whole = [site for site in found if wanted in (site.label, site.root)]
    return next(iter([*whole, *(site for site in found if wanted in (*site.names, name_of(survey, site)))]), None)


def stated(survey: Survey, variables: Mapping[str, Any]) -> Website | None:
    """Return the website that an inventory means: by its name, else by its root, else the best founded one."""
    name = str(variables.get("website_name") or "").lower()
    root = posixpath.normpath(str(variables.get("website_root") or "/nonexistent"))
    found = served(survey)
    by_name = [site for site in found if name and name in (*site.names, name_of(survey, site))]
    by_root = [site for site in by_name or found if site.root == root]
    return next(iter([*by_root, *by_name, *found]), None)
