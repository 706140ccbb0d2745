"""Whether a playbook works on a host at all: the group that its plays name, and the one that the inventory gives it.

Ansible passes over a host that no play names and ends well, so it is refused before the run, with the file to correct.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ungcuu.core.errors import InventoryError
from ungcuu.core.i18n import _
from ungcuu.hosts import inventory_files
from ungcuu.hosts.site import Site
from ungcuu.run.plan import playbook_patterns


def require(site: Site, hosts: Iterable[str], verb: str, playbook: str) -> None:
    """Refuse a host that no play of the playbook works on. No host is asked.

    Raises:
        InventoryError: Names the group, where the host stands in the inventory, and the hosts that are in the group.
    """
    patterns = playbook_patterns(site.settings.content, playbook)
    for host in hosts:
        if not any(_matches(site, host, pattern) for pattern in patterns):
            raise _outside(site, host, verb, _groups(patterns))


def _matches(site: Site, host: str, pattern: str) -> bool:
    """Whether a host pattern may name the host; one that is a template is decided by Ansible."""
    if "{{" in pattern:
        return False
    return any(part in ("all", host) or host in site.groups.get(part, ()) for part in _parts(pattern))


def _groups(patterns: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(part for pattern in patterns if "{{" not in pattern for part in _parts(pattern)))


def _parts(pattern: str) -> list[str]:
    """The groups that a pattern adds; those that it takes away or narrows down to (``!x``, ``&x``) are left out."""
    return [part for part in re.split(r"[:,]", pattern) if part and part[0] not in "!&"]


def _outside(site: Site, host: str, verb: str, wanted: Sequence[str]) -> InventoryError:
    named = next((group for group in wanted if group in site.groups), wanted[0] if wanted else "website")
    own = [group for group, members in site.groups.items() if host in members]
    place = inventory_files.place_of(site.inventory, host) or str(site.inventory)
    members = ", ".join(site.groups.get(named, ())) or "–"
    return InventoryError(
        _("{host} is not in the group {group}, which {verb} works on; it is in {own}   ({place})").format(
            host=host, group=", ".join(wanted), verb=verb, own=", ".join(own) or _("no group"), place=place
        ),
        _("Nothing was touched."),
        _("Move {host} below {group}: hosts: in that file, or name a host of that group: {members}").format(
            host=host, group=named, members=members
        ),
    )
