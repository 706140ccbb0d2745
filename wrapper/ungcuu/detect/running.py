"""What the host runs and holds: units, ports, modules, packages; and whether the reading is whole."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from ungcuu.core.check_phrases import Seen
from ungcuu.core.phrases import Coded, phrase
from ungcuu.detect.baseline import Row
from ungcuu.detect.comparison import HIGH, LOW, MEDIUM, Comparison, is_expected
from ungcuu.detect.findings import Finding

# What roles/isolation puts up where it takes the website down.
_NOTICE, _NOTICE_UNIT = "/etc/ungcuu/maintenance.py", "/etc/systemd/system/ungcuu-maintenance.service"
_GUARDS = frozenset(
    f"{name}.service"
    for name in (
        "auditd",
        "nftables",
        "fail2ban",
        "ssh",
        "apparmor",
        "rsyslog",
        "unattended-upgrades",
        "systemd-journald",
        "cron",
    )
) | {"apt-daily-upgrade.timer"}


def units(comparison: Comparison) -> Iterator[Finding]:
    """Guards that no longer start, and units that run without a file that is known."""
    if comparison.before is None:
        return
    before, now = comparison.before.of("unit"), comparison.now.of("unit")
    for (name,), old in before.items():
        row = now.get((name,), {})
        was_on = str(old.get("state", "")).startswith("enabled")
        if was_on and not str(row.get("state", "")).startswith("enabled"):
            severity = HIGH if name in _GUARDS else MEDIUM
        elif was_on and name in _GUARDS and old.get("active") == "active" and row.get("active") != "active":
            severity = HIGH
        else:
            continue
        yield comparison.find("unit.stopped", severity, "unit", name, expected=_unit_text(old), seen=_unit_text(row))
    for (name,), row in now.items():
        if (name,) not in before and _is_strange_unit(comparison, row):
            yield comparison.find(
                "unit.loaded",
                HIGH,
                "unit",
                name,
                expected=phrase(Seen.NOT_LOADED),
                seen=_unit_text(row),
                evidence={"file": row.get("path", "")},
            )


def _unit_text(row: Row) -> Coded:
    state, active = row.get("state") or phrase(Seen.NO_FILE), row.get("active") or phrase(Seen.NOT_LOADED)
    return phrase(Seen.UNIT, state=state, active=active)


def _is_strange_unit(comparison: Comparison, row: Row) -> bool:
    path = str(row.get("path", ""))
    path = "/usr" + path if path.startswith("/lib/") else path
    known = comparison.now.file(path)
    if (known and known.get("package_ok")) or is_expected(comparison, path):
        return False
    # Its file is reported by itself when it is new or was changed. Its name excuses nothing: anybody can take ours.
    if known and known.get("area") != "program":
        return False
    return row.get("active") in ("active", "activating")


def listeners(comparison: Comparison) -> Iterator[Finding]:
    """Ports that were closed."""
    if comparison.before is None:
        return
    before = comparison.before.of("listener")
    for key, row in comparison.now.of("listener").items():
        proto, address, port = key
        old = before.get(key)
        if old is not None and (not old.get("exe") or not row.get("exe") or old.get("exe") == row.get("exe")):
            continue
        local = _is_loopback(address)
        if old is None and (port >= 32768 and proto.startswith("udp")):
            continue
        trusted = (local and row.get("exe") == "/usr/sbin/sshd") or _is_notice(comparison, row)
        severity = LOW if trusted else MEDIUM if local or row.get("exe") == "/usr/sbin/nginx" else HIGH
        where = f"{proto} {address} port {port}"
        yield comparison.find(
            "listener.added",
            severity,
            "listener",
            where,
            evidence=dict(row),
            expected=old.get("exe", "") if old is not None else phrase(Seen.CLOSED),
            seen=row.get("exe") or row.get("comm") or phrase(Seen.UNKNOWN_PROGRAM),
        )


def _is_notice(comparison: Comparison, row: Row) -> bool:
    """Whether this is the notice that stands for a website under maintenance: the files that were sent, and no other.

    Its unit runs the script that was sent, and is the one that holds this very socket.
    """
    if comparison.policy.isolation != "maintenance" or row.get("port") not in comparison.policy.ports:
        return False
    unit = f"system.slice/{_NOTICE_UNIT.rpartition('/')[2]}"
    if row.get("unit") != unit or row.get("proto") not in ("tcp", "tcp6"):
        return False
    runs = any(
        one.get("unit") == unit and one.get("script") == _NOTICE and one.get("exe") == row.get("exe")
        for one in comparison.now.processes
    )
    return runs and all(is_expected(comparison, path) for path in (_NOTICE, _NOTICE_UNIT))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def modules(comparison: Comparison) -> Iterator[Finding]:
    """Kernel modules; one that is not of the distribution taints the kernel."""
    before = comparison.before.of("module") if comparison.before else {}
    for key, row in comparison.now.of("module").items():
        if key not in before and (row.get("tainting") or comparison.before):
            yield comparison.find("kernel.module", HIGH if row.get("tainting") else LOW, "kernel", key[0])


def packages(comparison: Comparison) -> Iterator[Finding]:
    """One finding for all package changes: after a patch run there are many, and none is an intruder's."""
    if comparison.before is None:
        return
    before, now = comparison.before.of("package"), comparison.now.of("package")
    ours = comparison.policy.expected
    changed = [
        key
        for key in before.keys() | now.keys()
        if before.get(key) != now.get(key)
        # Which ungcuu itself installed, in that version.
        and not (key in now and ours.get(f"package:{key[0]}") == now[key].get("version"))
    ]
    if changed:
        versions = [
            f"{key[0]}: {before.get(key, {}).get('version', '–')} → {now.get(key, {}).get('version', '–')}"
            for key in sorted(changed)
        ]
        yield comparison.find(
            "package.changed",
            LOW,
            "package",
            "dpkg",
            seen=phrase(Seen.PACKAGES, count=len(versions)),
            evidence={"packages": versions},
        )


def reading(comparison: Comparison) -> Iterator[Finding]:
    """A scan that saw half proves nothing."""
    if not comparison.now.complete:
        problems = comparison.now.problems
        yield comparison.find(
            "reading.incomplete", HIGH, "reading", "host", seen=problems[:5], evidence={"problems": problems}
        )
    if comparison.before is None:
        yield comparison.find("baseline.missing", MEDIUM, "reading", "baseline")
    elif comparison.before.reader < comparison.now.reader:
        before, now = (phrase(Seen.READING, number=one.reader) for one in (comparison.before, comparison.now))
        yield comparison.find("baseline.old", MEDIUM, "reading", "baseline", expected=now, seen=before)
