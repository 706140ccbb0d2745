"""An isolated host: what is loaded, what keeps it loaded, and what it can still do. Changes nothing."""

from __future__ import annotations

import difflib

import pytest
from testinfra.host import Host

TABLE = "nft -s list table inet ungcuu_isolation"
DEVICES = "nft -s list table netdev ungcuu_isolation"


@pytest.fixture(autouse=True)
def isolated(host: Host) -> None:
    """These properties hold of an isolated host alone."""
    if not host.file("/etc/ungcuu/isolation.nft").exists:
        pytest.skip("the host is not isolated")


def test_live_rules_are_the_kept_rules(host: Host) -> None:
    """One rule more, or a policy that accepts, is the intruder's way back in; so the whole table is compared."""
    live = host.run(TABLE).stdout
    inet = 'sed "/^# devices/,\\$d" /etc/ungcuu/isolation.nft'
    kept = host.run(f"unshare -n sh -c '{inet} | nft -f - && {TABLE}'").stdout
    assert kept, "the kept rules can't be loaded"
    assert live == kept, "\n".join(
        difflib.unified_diff(kept.splitlines(), live.splitlines(), "kept", "live", "", "", 3, "")
    )


def test_every_chain_drops_what_it_does_not_know(host: Host) -> None:
    """A chain with policy accept fails open when its rules are flushed."""
    chains = [line for line in host.run(TABLE).stdout.splitlines() if "type filter hook" in line]
    assert len(chains) == 3
    assert all("priority raw; policy drop;" in line or "priority -300; policy drop;" in line for line in chains)


def test_every_device_is_closed(host: Host) -> None:
    """A network namespace with a macvlan, and raw packets, pass everything but the hooks of the device itself."""
    chains = [line for line in host.run(DEVICES).stdout.splitlines() if "type filter hook" in line]
    assert len(chains) == 2, "the kernel or nft takes no hooks on devices"
    assert all("policy drop;" in line for line in chains)
    for name in host.check_output("ls /sys/class/net").split():
        if host.file(f"/sys/class/net/{name}/type").content_string.strip() != "772":
            assert all(name in line.replace('"', " ").replace(",", " ").split() for line in chains), name


def test_no_shortcut_for_known_connections(host: Host) -> None:
    """An established-accept rule would keep the intruder's open session alive."""
    assert "ct state" not in host.run(TABLE).stdout


def test_rules_load_before_the_network(host: Host) -> None:
    """Between an interface coming up and the rules, the intruder's cron job could call home."""
    assert host.service("ungcuu-isolation").is_enabled
    assert "network-pre.target" in host.check_output("systemctl show -p Before --value ungcuu-isolation.service")


def test_a_flush_is_undone(host: Host) -> None:
    """Docker, fail2ban or a hand may flush the whole rule set."""
    guard = host.service("ungcuu-isolation-guard")
    assert guard.is_enabled
    assert guard.is_running


def test_nftables_service_keeps_the_rules(host: Host) -> None:
    """Debian's unit flushes everything when it stops; a restart would open the host for good."""
    for what, does in {"ExecStart": "start", "ExecReload": "start", "ExecStop": "stop"}.items():
        runs = host.check_output(f"systemctl show -p {what} --value nftables.service")
        assert f"argv[]=/bin/sh /etc/ungcuu/isolation.sh {does} /etc/ungcuu ;" in runs, what


def test_names_resolve_no_more(host: Host) -> None:
    """DNS is a way out: a tunnel through the resolver needs no open port."""
    assert host.run("timeout 5 getent ahosts outside.example").rc != 0
