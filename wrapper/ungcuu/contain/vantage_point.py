"""The second machine that looks at an isolated host from outside: which one, and what the card holds of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ungcuu.contain import allowlist

if TYPE_CHECKING:
    from ungcuu.hosts import ssh
    from ungcuu.hosts.site import Site

PORTS = (21, 22, 25, 53, 80, 443, 3306, 5432, 8080, 8443, 9000)


def describe(site: Site, host: str) -> dict[str, Any]:
    """Return what a look at this host needs, as plain data for its card."""
    variables = site.variables(host)
    vantage = vantage_of(site, host)
    vault = variables.get("website_vault_host")
    own = [variables.get("ansible_host") or host, variables.get("host_address_ipv6")]
    addresses = variables.get("isolation_host_addresses") or [address for address in own if address]
    ports = {*map(int, variables.get("isolation_dead_ports") or PORTS), *map(int, variables.get("website_ports") or ())}
    return {
        "addresses": [str(address) for address in addresses],
        "ports": sorted(ports),
        "switch": " ".join(str(variables.get("isolation_switch_note") or "").split()),
        "vantage": described(vantage, site.target(vantage), is_vault=vantage == vault) if vantage else None,
    }


def vantage_of(site: Site, host: str) -> str:
    """Return the inventory's name of the machine that looks from outside; empty where there is none.

    ``isolation_vantage`` names it, else it is the lab's intruder, else the vault where that is a machine of its own.
    """
    variables = site.variables(host)
    named = variables.get("isolation_vantage")
    vault = variables.get("website_vault_host")
    candidates = [named] if named is not None else [*site.groups.get("intruder", ())[:1], vault]
    return next((str(name) for name in candidates if name and _is_other(site, host, str(name))), "")


def _is_other(site: Site, host: str, name: str) -> bool:
    """Whether it is a machine of its own: neither the host nor this controller."""
    return name in site.hosts and name != host and site.variables(name).get("ansible_connection") != "local"


def described(name: str, target: ssh.Target, *, is_vault: bool) -> dict[str, Any]:
    """Return a vantage as the card holds it."""
    return {
        "name": name,
        "address": target.address,
        "port": target.port,
        "user": target.user,
        "key": str(target.key) if target.key else None,
        "known_hosts": str(target.known_hosts),
        "options": list(target.options),
        "is_vault": is_vault,
    }


def may_log_in(vantage: Mapping[str, Any], allowed: allowlist.AllowList) -> bool:
    """Whether the allow-list lets the vantage reach SSH: then it can't prove that SSH is closed to others."""
    if vantage.get("is_vault"):
        return True
    try:
        seen = allowlist.allow_list([str(vantage["address"])])
    except allowlist.Unresolved:
        return False
    return any(allowed.holds(address.partition("/")[0]) for address in (*seen.ipv4, *seen.ipv6))
