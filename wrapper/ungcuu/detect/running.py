"""What the host runs and holds: units, ports, processes, modules, packages, the database."""

from __future__ import annotations

import ipaddress
import posixpath
import re
from collections.abc import Iterator

from ungcuu.baseline import Row
from ungcuu.detect.comparison import CRITICAL, HIGH, LOW, MEDIUM, TEMPORARY, Comparison, is_expected
from ungcuu.findings import Do, Finding

_GUARDS = frozenset(
    f"{name}.service"
    for name in (
        "auditd", "nftables", "fail2ban", "ssh", "apparmor", "rsyslog", "unattended-upgrades", "systemd-journald",
        "cron",
    )
) | {"apt-daily-upgrade.timer"}  # fmt: skip


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
            yield comparison.find("unit.loaded", MEDIUM, "unit", name, expected="not loaded", seen=_unit_text(row),
                                  evidence={"file": row.get("path", "")})  # fmt: skip


def _unit_text(row: Row) -> str:
    return f"{row.get('state') or 'no file'}, {row.get('active') or 'not loaded'}"


def _is_strange_unit(comparison: Comparison, row: Row) -> bool:
    path = str(row.get("path", ""))
    path = "/usr" + path if path.startswith("/lib/") else path
    known = comparison.now.file(path)
    if not path or (known and known.get("package_ok")) or is_expected(comparison, path):
        return False
    # Its file is told by itself when it is new; a session, or a job that ungcuu started, comes and goes.
    if (known and known.get("area") != "program") or str(row["name"]).startswith(
        ("session-", "user@", "run-", "ungcuu-")
    ):
        return False
    return row.get("active") in ("active", "activating") and not path.startswith("/run/systemd/generator")


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
        trusted = local and row.get("exe") == "/usr/sbin/sshd"
        severity = LOW if trusted else MEDIUM if local or row.get("exe") == "/usr/sbin/nginx" else HIGH
        where = f"{proto} {address} port {port}"
        yield comparison.find("listener.added", severity, "listener", where, evidence=dict(row),
                              expected=(old or {}).get("exe", "closed"),
                              seen=row.get("exe") or row.get("comm") or "unknown program")  # fmt: skip


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def processes(comparison: Comparison) -> Iterator[Finding]:
    """Programs that hide, and shells of the website's account."""
    for row in comparison.now.processes:
        exe, comm = str(row.get("exe", "")), str(row.get("comm", ""))
        name = exe.removesuffix(" (deleted)")
        action = {"do": Do.KILL.value, "pid": row.get("pid"), "start": row.get("start")}
        odd = exe.startswith(TEMPORARY)
        if odd or (row.get("deleted") and not row.get("replaced")):
            rule, severity = "process.hidden", CRITICAL if odd else HIGH
        elif row.get("website") and not re.match(r"php(?:-fpm|-cgi|\d)?", posixpath.basename(name) if name else comm):
            rule, severity = "process.website", HIGH
        else:
            continue
        yield comparison.find(rule, severity, "process", name or comm, seen=str(row.get("argv", "")),
                              evidence=dict(row), action=action,
                              mark=f"{row.get('pid')} {row.get('start')}")  # fmt: skip


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
    changed = [key for key in before.keys() | now.keys() if before.get(key) != now.get(key)]
    if changed:
        told = [
            f"{key[0]}: {before.get(key, {}).get('version', '–')} → {now.get(key, {}).get('version', '–')}"
            for key in sorted(changed)
        ]
        yield comparison.find("package.changed", LOW, "package", "dpkg", seen=f"{len(told)} packages",
                              evidence={"packages": told})  # fmt: skip


_DATABASE_RULES = {
    "administrator": ("database.administrator", CRITICAL),
    "trigger": ("database.code", HIGH),
    "event": ("database.code", HIGH),
    "user": ("database.user", HIGH),
    "option": ("database.option", HIGH),
    "content": ("content.hidden-link", HIGH),
}


def database(comparison: Comparison) -> Iterator[Finding]:
    """Administrators, switches and code in the database that differ."""
    if comparison.before is None:
        return
    before, now = comparison.before.of("database"), comparison.now.of("database")
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if old == new or key[0] not in _DATABASE_RULES:
            continue
        rule, severity = _DATABASE_RULES[key[0]]
        if key[0] == "content" and (new is None or not _is_injection(str(new.get("detail", "")))):
            continue
        severity = MEDIUM if new is None else severity
        yield comparison.find(
            rule, severity, "database", f"{key[0]} {key[1]}", expected=(old or {}).get("detail", "not present"),
            seen=(new or {}).get("detail", "gone"), action={"do": Do.RESTORE.value},
        )  # fmt: skip


def _is_injection(detail: str) -> bool:
    """Whether links are hidden, or too many for an article that warns of gambling."""
    links = re.search(r"links=(\d{1,9})", detail)
    return "hidden=1" in detail or bool(links and int(links[1]) > 5)


def reading(comparison: Comparison) -> Iterator[Finding]:
    """A scan that saw half proves nothing."""
    if not comparison.now.complete:
        problems = comparison.now.problems
        yield comparison.find("reading.incomplete", HIGH, "reading", "host", seen="; ".join(problems[:5]),
                              evidence={"problems": problems})  # fmt: skip
    if comparison.before is None:
        yield comparison.find("baseline.missing", MEDIUM, "reading", "baseline")
