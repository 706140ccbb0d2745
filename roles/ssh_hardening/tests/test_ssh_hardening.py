"""What the running sshd offers and does; its files are asked only where the wire can't show it."""

from __future__ import annotations

import secrets
import socket
import struct
from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host

_LISTS = ("kex", "host_key", "cipher_in", "cipher_out", "mac_in", "mac_out")
_ALLOWED = {
    "kex": {
        "mlkem768x25519-sha256",
        "sntrup761x25519-sha512",
        "sntrup761x25519-sha512@openssh.com",
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",
        # Not algorithms: markers of the strict key exchange (CVE-2023-48795) and of extensions.
        "kex-strict-s-v00@openssh.com",
        "ext-info-s",
    },
    "host_key": {"ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"},
    "cipher_out": {
        "chacha20-poly1305@openssh.com",
        "aes256-gcm@openssh.com",
        "aes128-gcm@openssh.com",
        "aes256-ctr",
        "aes192-ctr",
        "aes128-ctr",
    },
    "mac_out": {"hmac-sha2-512-etm@openssh.com", "hmac-sha2-256-etm@openssh.com"},
}


def offered(address: str, port: int = 22) -> tuple[str, dict[str, set[str]]]:
    """The banner and the algorithms that sshd offers in its key exchange (RFC 4253, section 7.1)."""
    with socket.create_connection((address, port), timeout=10) as connection:
        stream = connection.makefile("rwb")
        banner = stream.readline().decode("ascii", "replace").strip()
        stream.write(b"SSH-2.0-ungcuu-check\r\n")
        stream.flush()
        length, padding = struct.unpack(">IB", stream.read(5))
        payload = stream.read(length - 1)[: length - 1 - padding]
    offset, lists = 17, {}
    for name in _LISTS:
        (size,) = struct.unpack_from(">I", payload, offset)
        lists[name] = set(payload[offset + 4 : offset + 4 + size].decode("ascii").split(","))
        offset += 4 + size
    return banner, lists


@pytest.fixture
def effective(host: Host) -> dict[str, set[str]]:
    """Sshd's own view of its configuration."""
    rows: dict[str, set[str]] = {}
    for line in host.check_output("sshd -T").splitlines():
        key, _, value = line.partition(" ")
        rows.setdefault(key, set()).add(value)
    return rows


def differing(effective: Mapping[str, set[str]], expected: Mapping[str, str]) -> dict[str, set[str]]:
    """What differs from the expectation, to be shown whole."""
    return {key: effective.get(key, set()) for key, value in expected.items() if effective.get(key) != {value}}


@pytest.mark.control("ssh-crypto")
def test_only_modern_algorithms_on_the_wire(site: Mapping[str, Any]) -> None:
    """A clean file is no proof: a daemon that was not reloaded still offers the old algorithms."""
    _, lists = offered(str(site["ansible_host"]))
    surplus = {name: lists[name] - allowed for name, allowed in _ALLOWED.items() if lists[name] - allowed}
    assert surplus == {}


@pytest.mark.control("ssh-keys-only")
def test_passwords_are_not_accepted(host: Host, effective: dict[str, set[str]], site: Mapping[str, Any]) -> None:
    """Guessed passwords are the commonest way in; asked on the wire as an unknown user.

    No ``.ssh/rc`` either: one that hangs keeps the responder's `isolate` from sending its rules.
    """
    expected = {"authenticationmethods": "publickey", "passwordauthentication": "no", "permitemptypasswords": "no"}
    expected |= {"permituserrc": "no", "permituserenvironment": "no"}
    assert (
        differing(effective, expected | {"kbdinteractiveauthentication": "no", "hostbasedauthentication": "no"}) == {}
    )
    said = host.run(
        "ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o PubkeyAuthentication=no "
        f"nobody-{secrets.token_hex(4)}@127.0.0.1 true || exit 1"
    ).stderr
    assert "Permission denied (publickey)." in said


@pytest.mark.control("ssh-root")
def test_root_cannot_log_in(effective: dict[str, set[str]]) -> None:
    """Every robot tries root first."""
    assert differing(effective, {"permitrootlogin": "no"}) == {}


@pytest.mark.control("ssh-groups")
def test_only_the_management_group_may_log_in(
    host: Host, effective: dict[str, set[str]], site: Mapping[str, Any]
) -> None:
    """An account that an intruder adds must not open SSH for him, nor read who else may come in."""
    groups = site.get("ssh_hardening_groups") or [site.get("ansible_user", "ungcuu")]
    assert effective.get("allowgroups") == set(groups)
    assert host.file("/etc/ssh/sshd_config").mode == 0o600


@pytest.mark.control("ssh-limits")
def test_guessing_is_slow_and_idle_sessions_end(effective: dict[str, set[str]]) -> None:
    """Bounds what a robot can try at once and how long a forgotten session stays open."""
    expected = {"maxauthtries": "3", "logingracetime": "30", "maxstartups": "10:30:60", "clientaliveinterval": "300"}
    assert differing(effective, expected | {"clientalivecountmax": "2", "maxsessions": "10"}) == {}


@pytest.mark.control("ssh-forwarding")
def test_no_forwarding_through_the_host(effective: dict[str, set[str]]) -> None:
    """A stolen session must not become a tunnel into the office network."""
    expected = {"allowtcpforwarding": "no", "allowagentforwarding": "no", "x11forwarding": "no", "permittunnel": "no"}
    assert differing(effective, expected | {"allowstreamlocalforwarding": "no", "gatewayports": "no"}) == {}


@pytest.mark.control("ssh-log")
def test_logins_are_logged_with_their_key(effective: dict[str, set[str]]) -> None:
    """An investigation needs the key's fingerprint, which only this level logs."""
    assert differing(effective, {"loglevel": "VERBOSE"}) == {}


@pytest.mark.control("ssh-banner")
def test_a_warning_is_shown_before_login(host: Host, effective: dict[str, set[str]], site: Mapping[str, Any]) -> None:
    """The warning counts in court, and sshd should not add Debian's patch level to it."""
    assert differing(effective, {"banner": "/etc/issue.net"}) == {}
    assert "Debian" not in offered(str(site["ansible_host"]))[0]
    assert host.file("/etc/issue.net").content_string.strip()
