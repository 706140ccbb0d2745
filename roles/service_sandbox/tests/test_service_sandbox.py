"""What systemd enforces for the running services, and what a process of them really can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host


def shown(host: Host, unit: str, *names: str) -> dict[str, str]:
    """Properties of a unit as systemd holds them."""
    return {name: host.check_output("systemctl show -p %s --value %s", name, unit).strip() for name in names}


def can_write(host: Host, unit: str, path: str) -> bool:
    """Whether the service's own main process sees the path on a writable mount (the last mount on the longest path).

    Uploads may lie behind a link: where it leads is what is mounted.
    """
    path = host.check_output("readlink -m -- %s", path).strip()
    pid = host.check_output("systemctl show -p MainPID --value %s", unit).strip()
    mounts = [line.split() for line in host.check_output("cat /proc/%s/mountinfo", pid).splitlines()]
    over = [row for row in mounts if path == row[4] or path.startswith(row[4].rstrip("/") + "/")]
    longest = max(len(row[4]) for row in over)
    return "rw" in [row for row in over if len(row[4]) == longest][-1][5].split(",")


def check(host: Host, unit: str, closed: tuple[str, ...], open_: tuple[str, ...]) -> None:
    """The unit is sealed, and what it must write is writable."""
    expected = {"NoNewPrivileges": "yes", "ProtectSystem": "strict", "PrivateTmp": "yes", "RestrictSUIDSGID": "yes"}
    expected |= {"ProtectProc": "invisible"}
    assert shown(host, unit, *expected) == expected
    assert host.service(unit).is_running
    assert {path: can_write(host, unit, path) for path in (*closed, *open_)} == {
        **dict.fromkeys(closed, False),
        **dict.fromkeys(open_, True),
    }


@pytest.mark.control("sandbox-nginx")
def test_nginx_is_sealed(host: Host, site: Mapping[str, Any]) -> None:
    """A hole in the web server must not become a change of the system or of the site."""
    if not host.file("/usr/sbin/nginx").exists:
        pytest.skip("no nginx on this host")
    check(host, "nginx.service", ("/etc", "/usr", str(site["website_root"])), ("/var/log/nginx",))


@pytest.mark.control("sandbox-apache")
def test_apache_is_sealed(host: Host, site: Mapping[str, Any]) -> None:
    """A hole in the server, or in PHP that runs inside it, must not become a change of the system or of the code."""
    if not host.file("/usr/sbin/apache2ctl").exists:
        pytest.skip("no Apache on this host")
    inside = host.run("ls /etc/apache2/mods-enabled/php*.load").rc == 0
    uploads = tuple(f"{site['website_root']}/{path}" for path in site["website_writable_paths"])
    closed = ("/etc", "/usr", str(site["website_root"]), *(() if inside else uploads))
    check(host, "apache2.service", closed, ("/var/log/apache2", *(uploads if inside else ())))


@pytest.mark.control("sandbox-php")
def test_php_is_sealed(host: Host, site: Mapping[str, Any]) -> None:
    """PHP runs strangers' input: code stays read-only to it even where file modes would allow a write."""
    units = host.run("systemctl list-units --plain --no-legend 'php*-fpm.service'").stdout.split()[:1]
    if not units:
        pytest.skip("no PHP-FPM on this host")
    below = (f"{site['website_root']}/{path}" for path in site["website_writable_paths"])
    writable = (*below, *site["website_data_paths"])
    check(host, units[0], ("/etc", "/usr", str(site["website_root"])), writable)


@pytest.mark.control("sandbox-mariadb")
def test_mariadb_is_sealed(host: Host) -> None:
    """SQL injection must not become a file elsewhere."""
    if not host.file("/usr/sbin/mariadbd").exists:
        pytest.skip("no MariaDB on this host")
    check(host, "mariadb.service", ("/etc", "/usr", "/var/www"), ("/var/lib/mysql",))


@pytest.mark.control("sandbox-postgresql")
def test_postgresql_is_sealed(host: Host) -> None:
    """SQL injection must not become a file elsewhere; the data, wherever it is, and its archive stay writable."""
    rows = [line.split() for line in host.run("pg_lsclusters -h").stdout.splitlines()]
    online = [row for row in rows if len(row) > 5 and row[3] == "online"]
    if not online:
        pytest.skip("no cluster of PostgreSQL runs on this host")
    late = "SELECT count(*) FROM pg_stat_archiver WHERE last_failed_time > COALESCE(last_archived_time, '-infinity')"
    for version, name, *_, data in (row[:6] for row in online):
        moved = host.run("find %s -type l -exec readlink -e {} +", f"{data}/pg_tblspc").stdout.split()
        check(host, f"postgresql@{version}-{name}.service", ("/etc", "/usr", "/var/www"), (data, *moved))
        ask = ("runuser", "-u", "postgres", "--", "psql", "--cluster", f"{version}/{name}", "-XAtqc", late)
        assert host.check_output(" ".join(["%s"] * len(ask)), *ask) == "0"
