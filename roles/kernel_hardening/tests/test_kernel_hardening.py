"""What the kernel really does, and what it will do after the next boot where it can't be seen now."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host

_NETWORK = {
    "net.ipv4.conf.all.accept_redirects": "0",
    "net.ipv4.conf.all.accept_source_route": "0",
    "net.ipv4.conf.all.log_martians": "1",
    "net.ipv4.conf.all.rp_filter": "1",
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.default.accept_redirects": "0",
    "net.ipv4.ip_forward": "0",
    "net.ipv4.tcp_syncookies": "1",
    "net.ipv6.conf.all.accept_redirects": "0",
}
_MEMORY = {
    "kernel.dmesg_restrict": "1",
    "kernel.kptr_restrict": "2",
    "kernel.randomize_va_space": "2",
    "kernel.sysrq": "0",
    "kernel.yama.ptrace_scope": "2",
}
_FILES = {
    "fs.protected_fifos": "2",
    "fs.protected_hardlinks": "1",
    "fs.protected_regular": "2",
    "fs.protected_symlinks": "1",
    "fs.suid_dumpable": "0",
}


def wrong_settings(host: Host, expected: dict[str, str]) -> dict[str, str]:
    """Settings that differ now, and those that the next boot would leave as they are.

    A container's /proc/sys is read-only: there all files, in the order of the boot, are all that can be asked for. The
    last one to name a key decides: Debian's 99-protect-links.conf would reset two of these.
    """
    readonly = host.run("test -w /proc/sys/kernel/sysrq").rc != 0
    files = host.check_output("/usr/lib/systemd/systemd-sysctl --cat-config").splitlines()
    rows = [line.partition("=") for line in files if "=" in line and not line.startswith(("#", ";"))]
    planned = {key.strip().removeprefix("-"): value.strip() for key, _, value in rows}
    wrong = {key: f"at boot: {planned.get(key)}" for key, value in expected.items() if planned.get(key) != value}
    if not readonly:
        for key, value in expected.items():
            now = host.run(f"cat /proc/sys/{key.replace('.', '/')}")
            if now.rc == 0 and now.stdout.strip() != value:
                wrong[key] = f"now: {now.stdout.strip()}"
    return wrong


@pytest.mark.control("kernel-network")
def test_network_settings(host: Host) -> None:
    """A neighbour on the segment must not redirect or spoof the site's traffic."""
    assert wrong_settings(host, _NETWORK) == {}


@pytest.mark.control("kernel-memory")
def test_memory_settings(host: Host) -> None:
    """Addresses and other processes' memory are what a local exploit needs."""
    assert wrong_settings(host, _MEMORY) == {}


@pytest.mark.control("kernel-files")
def test_link_and_dump_settings(host: Host) -> None:
    """A memory dump of PHP or the database holds the site's passwords."""
    assert wrong_settings(host, _FILES) == {}
    assert host.check_output("sh -lc 'ulimit -c'").strip() == "0"
    assert "hard core 0" in host.check_output("cat /etc/security/limits.d/90-ungcuu.conf")


@pytest.mark.control("kernel-modules")
def test_unused_modules_cannot_be_loaded(host: Host) -> None:
    """Rarely used protocols are where privilege escalations keep being found: modprobe itself is asked."""
    if host.run("command -v modprobe").rc != 0:
        pytest.skip("no modprobe here")
    said = {
        name: host.run(f"modprobe --showconfig | grep -x 'install {name} /bin/false'").rc for name in ("dccp", "sctp")
    }
    assert said == {"dccp": 0, "sctp": 0}


@pytest.mark.control("apparmor")
def test_apparmor_profiles_are_enforced(host: Host) -> None:
    """A profile that only complains stops nobody; asked of the kernel, for every profile that a package brought."""
    enabled = host.run("cat /sys/module/apparmor/parameters/enabled").stdout.strip()
    if enabled != "Y" or host.run("test -w /sys/kernel/security/apparmor").rc != 0:
        pytest.skip("this kernel has no AppArmor, or lets no container load profiles")
    profiles = json.loads(host.check_output("aa-status --json"))["profiles"]
    assert profiles, "no profile is loaded"
    shipped = set(host.check_output("find /etc/apparmor.d -maxdepth 1 -type f -printf '%%f\n'").split())
    complaining = {name for name, mode in profiles.items() if mode == "complain"}
    assert {name for name in complaining if name.strip("/").replace("/", ".") in shipped} == set()
    assert host.service("apparmor").is_enabled
