"""The sheet to print with a kit: what a person needs who stands before a bare machine. No secret stands on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ungcuu import __version__
from ungcuu.core import i18n
from ungcuu.core.clock import now
from ungcuu.core.settings import Settings
from ungcuu.core.signing import fingerprint, public_key
from ungcuu.core.templates import html_environment
from ungcuu.hosts import reporting_site
from ungcuu.hosts.enrolment import pinned_keys
from ungcuu.hosts.site import Site
from ungcuu.prepare.kit.contents import Contents
from ungcuu.report.format import shown_time


def sheets(site: Site, settings: Settings, contents: Contents, kit: Path, sha256: str) -> dict[str, str]:
    """Return the sheet in each language, by the language's code."""
    before, found = i18n.language(), {}
    try:
        for language in i18n.LANGUAGES:
            i18n.set_language(language)
            found[language] = _sheet(site, settings, contents, kit, sha256)
    finally:
        i18n.set_language(before)
    return found


def _sheet(site: Site, settings: Settings, contents: Contents, kit: Path, sha256: str) -> str:
    stated = reporting_site.load(settings)
    websites = [host for host in site.groups.get("website", ()) if host in site.hosts]
    context: dict[str, Any] = {
        "language": i18n.language(),
        "made": shown_time(now()),
        "version": __version__,
        "kit": kit.name,
        "sha256": sha256,
        "organisation": stated.organisation.name,
        "signer": fingerprint(public_key(settings.keys)),
        "hosts": [_host(site, host) for host in site.hosts],
        "websites": websites or list(site.hosts),
        "allowed": sorted({str(one) for host in websites for one in _listed(site, host, "management_addresses")}),
        "phones": list(_phones(stated)),
        "lacks": contents.lacks,
        "vault_passwords": bool(contents.vault_passwords),
    }
    return html_environment().get_template("kit_sheet.html.j2").render(context | {"_": i18n._})


def _host(site: Site, host: str) -> dict[str, object]:
    target, stated = site.target(host), site.variables(host)
    return {
        "name": host,
        "address": f"{target.user}@{target.address}" + (f":{target.port}" if target.port != 22 else ""),
        "local": stated.get("ansible_connection") == "local",
        "keys": [key.fingerprint for key in pinned_keys(target.known_hosts, host)],
        "switch": stated.get("isolation_switch_note") or "",
    }


def _listed(site: Site, host: str, name: str) -> list[object]:
    value = site.variables(host).get(name)
    return value if isinstance(value, list) else []


def _phones(stated: reporting_site.ReportingSite) -> Iterator[tuple[str, str]]:
    """Who can be called, in the order in which one would."""
    if stated.contact.name:
        yield stated.contact.name, stated.contact.phone
    if stated.organisation.name:
        yield stated.organisation.name, stated.organisation.phone
    for contact in stated.contacts:
        yield f"{contact.name} ({i18n._(reporting_site.ROLES[contact.role])})", contact.phone
        if contact.deputy is not None:
            yield f"{contact.deputy.name} ({contact.name})", contact.deputy.phone
