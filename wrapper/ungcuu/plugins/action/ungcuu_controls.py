"""Decide each control's state on this host: the catalogue, the inventory's overrides, and a survey of the host.

Its keys and an example: ../modules/ungcuu_controls.py.

Changes nothing. What the host shows is checked for form before anything uses it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.core.check_phrases import Skip
from ungcuu.core.phrases import phrase
from ungcuu.plugins.documented_action import DocumentedAction
from ungcuu.plugins.on_host import run_on_host
from ungcuu.prepare import controls, web_sites

_VERSION = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3})?")
_HOME = re.compile(r"/home/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")
_SITE_FILE = re.compile(r"/etc/(nginx|apache2)/[A-Za-z0-9_.@/-]{1,200}")
_FOLDER = re.compile(r"(/[A-Za-z0-9_@+-][A-Za-z0-9_.@+-]{0,99}){2,12}")
# What the roles put on a host for one website: the name of the website stands at the end, none for the flat variables.
_OF_WEBSITE = re.compile(
    r"/etc/(?:php/[0-9.]{1,7}/fpm/pool\.d/zz-ungcuu|nginx/(?:snippets|conf\.d/00)[/-]ungcuu-site"
    r"|apache2/conf-enabled/zz-ungcuu-site)(-[a-z0-9-]{1,40})?\.conf"
)
_CLUSTER = re.compile(r"[0-9]{1,2}(\.[0-9])?/[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")


def site_files(reply: dict[str, Any], key: str) -> list[str]:
    """Paths of the web server's sites, of the expected form only."""
    paths = [str(path) for path in reply.get(key, [])]
    return [path for path in paths if _SITE_FILE.fullmatch(path) and ".." not in path]


def checked(reply: dict[str, Any]) -> dict[str, Any]:
    """The survey with everything dropped that has not the expected form."""
    php = [version for version in reply.get("php", []) if _VERSION.fullmatch(str(version))]
    version = str(reply.get("ssh_version", ""))
    return {
        "debian": int(reply["debian"]) if str(reply.get("debian", "")).isdecimal() else 0,
        "has": [str(name) for name in reply.get("has", []) if re.fullmatch(r"[a-z]{1,20}", str(name))],
        "php": php,
        "homes": [str(home) for home in reply.get("homes", []) if _HOME.fullmatch(str(home))],
        "nginx_files": site_files(reply, "nginx_files"),
        "apache_files": site_files(reply, "apache_files"),
        "body_bytes": int(reply.get("body_bytes", 0)),
        "clusters": [str(name) for name in reply.get("clusters", []) if _CLUSTER.fullmatch(str(name))],
        "cluster_paths": [str(path) for path in reply.get("cluster_paths", []) if _FOLDER.fullmatch(str(path))],
        "ssh_version": float(version) if _VERSION.fullmatch(version) else 0.0,
        "mlkem": reply.get("kex") is True,
        "pwquality": reply.get("pwquality") is True,
        "container": reply.get("container") is True,
        "memory_mb": int(reply.get("memory_mb", 0)),
    }


STOPPED = (
    "installed and switched on, but not running: {units}. What is set there can't be tried. Nothing was changed. "
    "Start it; or, where nothing needs it, type on the host: systemctl disable --now {units}"
)


def stopped(reply: dict[str, Any]) -> list[str]:
    """Units that should run and do not, of the expected form only."""
    return [str(unit) for unit in reply.get("stopped", []) if re.fullmatch(r"[a-z0-9]{1,20}\.service", str(unit))]


def sandboxed(survey: dict[str, Any]) -> dict[str, str]:
    """Unit of each service that gets a sandbox, with its control."""
    units = {"nginx.service": "sandbox-nginx"} if "nginx" in survey["has"] else {}
    units |= {"apache2.service": "sandbox-apache"} if "apache" in survey["has"] else {}
    units |= {f"php{version}-fpm.service": "sandbox-php" for version in survey["php"]}
    units |= {"mariadb.service": "sandbox-mariadb"} if "mariadb" in survey["has"] else {}
    # The template's drop-in is every cluster's.
    return units | ({"postgresql@.service": "sandbox-postgresql"} if survey["clusters"] else {})


class ActionModule(DocumentedAction):
    """See the module's own text."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the survey, ``states``, ``enforced`` (ids) and ``packages`` that the enforced ones bring."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        args = self.arguments
        catalogue = controls.load(Path(str(args["roles"])))
        reply = run_on_host(self, "survey", {"root": str(args.get("root") or "")})
        if reply.get("failed"):
            return result | {"failed": True, "msg": reply.get("msg", "")}
        if units := stopped(reply):
            return result | {"failed": True, "msg": STOPPED.format(units=" ".join(units))}
        survey = checked(reply)
        try:
            states = controls.decide(
                catalogue, dict(args.get("states") or {}), int(args.get("level", 2)), set(survey["has"])
            )
        except ValueError as error:
            return result | {"failed": True, "msg": str(error)}
        enforced = [name for name, state in states.items() if state == "enforce"]
        scopes = list(args.get("scopes") or controls.SCOPES)
        noticeable = [one.id for one in catalogue if one.id in enforced and one.website and one.scope in scopes]
        packages = {name for control in catalogue if control.id in enforced for name in control.packages}
        survey["sandboxed"] = sandboxed(survey)
        sites = web_sites.checked(reply.get("sites"))
        root = str(reply.get("root") or "")
        listed = [dict(one) for one in args.get("websites") or []]
        whose = web_sites.whose(
            sites, str(args.get("name") or ""), root, "modphp" in survey["has"], named_and_rooted(listed)
        )
        survey |= {"host": "host" in scopes}
        survey |= of_websites(listed, str(args.get("website") or ""), reply.get("ours"), whole=survey["host"])
        decided = {"states": states, "enforced": enforced, "noticeable": noticeable, "packages": sorted(packages)}
        unset = not_set([control for control in catalogue if control.id in enforced], survey, whose)
        return result | survey | decided | whose | {"changed": False, "ungcuu": unset}


def named_and_rooted(listed: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Host name and root of each website that the inventory knows."""
    return [(str(one["website_name"]), str(one["website_root"])) for one in listed if one.get("website_root")]


def of_websites(listed: list[dict[str, Any]], website: str, ours: object, *, whole: bool = True) -> dict[str, Any]:
    """How files for one website are named, and which of them belong to none that the inventory knows any more.

    Files without a name are of a time when the host was one website, the first that is listed. A run about another one
    alone (not ``whole``) lets them be while one has none of its own yet: they are what protects it. A run about the
    first one replaces them: they are read after its new ones, and would stand above them.
    """
    suffixes = [f"-{one['name']}" for one in listed if one.get("name")] or [""]
    found = [str(path) for path in ours] if isinstance(ours, list) else []
    forms = {path: form for path in found if (form := _OF_WEBSITE.fullmatch(path))}
    others = {suffix for suffix in suffixes if suffix != f"-{website}"}
    is_first = suffixes[0] == f"-{website}"
    if not (whole or is_first) and others - {form[1] for form in forms.values()}:
        suffixes.append("")
    return {
        "websites": listed,
        "suffix": f"-{website}" if website else "",
        "suffixes": suffixes,
        "left_over": sorted(path for path, form in forms.items() if (form[1] or "") not in suffixes),
    }


def not_set(enforced: list[controls.Control], survey: dict[str, Any], whose: dict[str, Any]) -> list[dict[str, Any]]:
    """One record for each thing that is not set, since it is not the website's alone."""
    pooled = [control.id for control in enforced if control.scope == "pool"]
    rows = [(pooled, phrase(Skip.SHARED_POOL, unit=pool, names=names)) for pool, names in whose["shared_pools"].items()]
    if survey["php"] and pooled and not whose["pools"] and not whose["shared_pools"]:
        rows.append((pooled, phrase(Skip.NO_POOL)))
    ids = {control.id for control in enforced}
    rows += [
        ([survey["sandboxed"][unit]], phrase(Skip.SHARED_POOL, unit=unit, names=names))
        for unit, names in whose["shared_units"].items()
        if survey["sandboxed"].get(unit) in ids
    ]
    return [
        {"kind": "skip", "data": {"controls": names, "reason": reason, "keys": []}} for names, reason in rows if names
    ]
