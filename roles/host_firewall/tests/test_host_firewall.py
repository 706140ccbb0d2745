"""The kernel's rules compared whole, and asked from outside where the lab has an outside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

import pytest
from testinfra.host import Host


def ruleset(host: Host) -> list[dict[str, Any]]:
    """The table as the kernel holds it."""
    return [dict(row) for row in json.loads(host.check_output("nft -j list table inet ungcuu_firewall"))["nftables"]]


def elements(rules: list[dict[str, Any]], name: str) -> set[str]:
    """Members of a set, networks as address/length."""
    for row in rules:
        if row.get("set", {}).get("name") == name:
            members = row["set"].get("elem", [])
            return {
                f"{m['prefix']['addr']}/{m['prefix']['len']}" if isinstance(m, dict) and "prefix" in m else str(m)
                for m in members
            }
    return set()


@pytest.mark.control("firewall-default-drop")
def test_rules_are_exactly_the_expected_ones(host: Host, site: Mapping[str, Any]) -> None:
    """One forgotten rule is an open door: every rule is looked at, in order, and the policy."""
    rules = ruleset(host)
    chains = {row["chain"]["name"]: row["chain"]["policy"] for row in rules if "chain" in row}
    assert chains == {"input": "drop", "forward": "drop"}
    lines = [line.strip() for line in host.check_output("nft -s list chain inet ungcuu_firewall input").splitlines()]
    accepted = [line for line in lines if line.endswith("accept")]
    names = [
        "iif",
        "ct state",
        "icmp",
        "icmpv6",
        "icmpv6",
        "tcp dport 22 ip saddr @management_ipv4",
        "tcp dport 22 ip6 saddr @management_ipv6",
    ]
    if ports := site.get("host_firewall_public_ports", site.get("website_ports", [])):
        names.append("tcp dport {" if len(set(map(int, ports))) > 1 else f"tcp dport {ports[0]} ")  # as nft prints it
    assert len(accepted) == len(names), accepted
    assert [line for line, name in zip(accepted, names, strict=True) if not line.startswith(name)] == []
    assert host.service("ungcuu-firewall").is_enabled


@pytest.mark.control("firewall-ssh")
def test_ssh_only_from_management_addresses(host: Host, site: Mapping[str, Any]) -> None:
    """Nobody else can even try to log in."""
    rules = ruleset(host)
    vault = [site["website_vault_address"]] if site.get("website_vault_address") else []
    allowed = [*(site.get("host_firewall_ssh_addresses") or site["management_addresses"]), *vault]
    # nft prints addresses in their shortest form, an inventory need not.
    expected = {str(ip_network(a)).removesuffix("/32").removesuffix("/128") for a in allowed}
    assert elements(rules, "management_ipv4") | elements(rules, "management_ipv6") == expected
