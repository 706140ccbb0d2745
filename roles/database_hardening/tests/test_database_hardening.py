"""The running database is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host


@pytest.fixture(autouse=True)
def _installed(request: pytest.FixtureRequest, host: Host) -> None:
    """Skip the controls of a database that this host has not got."""
    if request.node.get_closest_marker("control").args[0].startswith("postgresql"):
        if not clusters(host):
            pytest.skip("no PostgreSQL runs on this host")
    elif not (host.file("/usr/sbin/mariadbd").exists or host.file("/usr/sbin/mysqld").exists):
        pytest.skip("no MariaDB on this host")


def clusters(host: Host) -> list[str]:
    """PostgreSQL's running clusters, as version/name."""
    rows = [row.split() for row in host.run("pg_lsclusters -h").stdout.splitlines()]
    return [f"{row[0]}/{row[1]}" for row in rows if row[3] == "online"]


def ask_postgresql(host: Host, cluster: str, statement: str) -> str:
    """The answer of a running cluster, over its superuser's socket login."""
    return host.check_output("runuser -u postgres -- psql --cluster %s -XAtqc %s", cluster, statement)


def ask(host: Host, statement: str) -> str:
    """The answer of the running server, over root's socket login (which backups and updates need too)."""
    return host.check_output("mariadb -Nse %s", statement)


@pytest.mark.control("mariadb-loopback")
def test_database_listens_on_loopback_only(host: Host) -> None:
    """The internet has no business at the database."""
    sockets = host.check_output("ss -Hltn 'sport = :3306'").split("\n")
    addresses = {line.split()[3].rsplit(":", 1)[0] for line in sockets if line}
    assert addresses <= {"127.0.0.1", "[::1]"}


@pytest.mark.control("mariadb-files")
def test_database_reads_no_local_files(host: Host) -> None:
    """SQL injection must not become file reading or a web shell."""
    assert ask(host, "SELECT @@GLOBAL.local_infile, @@GLOBAL.secure_file_priv") == "0\t/var/lib/mysql-files/"
    assert ask(host, "SELECT COALESCE(LOAD_FILE('/etc/passwd'), 'nothing')") == "nothing"
    assert host.run("runuser -u mysql -- touch /var/lib/mysql-files/x").rc != 0


@pytest.mark.control("mariadb-accounts")
def test_no_anonymous_or_remote_root_accounts(host: Host) -> None:
    """Doors that installations leave open; root keeps its socket login."""
    doors = ask(
        host,
        "SELECT CONCAT(User, '@', Host) FROM mysql.global_priv WHERE (User = '' OR (User = 'root' AND Host NOT IN "
        "('localhost', '127.0.0.1', '::1'))) AND COALESCE(JSON_VALUE(Priv, '$.account_locked'), 0) = 0",
    )
    assert doors == ""


@pytest.mark.control("mariadb-site-user")
def test_site_user_owns_only_its_database(host: Host, site: Mapping[str, Any]) -> None:
    """One hole in the site must not open every database on the server."""
    user, name = site["website_database_user"], site["website_database_name"]
    grants = ask(host, f"SHOW GRANTS FOR '{user}'@'localhost'").splitlines()
    beyond = [row for row in grants if "USAGE ON *.*" not in row and f"ON `{name}`.*" not in row]
    assert beyond == []


@pytest.mark.control("postgresql-loopback")
def test_postgresql_listens_on_loopback_only(host: Host) -> None:
    """The internet has no business at the database."""
    for cluster in clusters(host):
        port = ask_postgresql(host, cluster, "SHOW port")
        lines = host.check_output(f"ss -Hltn 'sport = :{int(port)}'").splitlines()
        assert {line.split()[3].rsplit(":", 1)[0] for line in lines} <= {"127.0.0.1", "[::1]"}, cluster


@pytest.mark.control("postgresql-passwords")
def test_postgresql_asks_everybody_and_keeps_strong_hashes(host: Host) -> None:
    """What counts are the rules that the server loaded; the view shows the file, so its age must be older."""
    weak = (
        "SELECT line_number, type, auth_method FROM pg_hba_file_rules WHERE auth_method IN ('trust','password','md5')"
    )
    for cluster in clusters(host):
        assert ask_postgresql(host, cluster, weak) == "", cluster
        assert ask_postgresql(host, cluster, "SHOW password_encryption") == "scram-sha-256"
        old = "SELECT rolname FROM pg_authid WHERE rolpassword LIKE 'md5%'"
        assert ask_postgresql(host, cluster, old) == "", f"{cluster}: set these passwords again"
        loaded = ask_postgresql(host, cluster, "SELECT extract(epoch FROM pg_conf_load_time())::bigint")
        assert host.file(f"/etc/postgresql/{cluster}/pg_hba.conf").mtime.timestamp() <= int(loaded) + 1
        port = ask_postgresql(host, cluster, "SHOW port")
        assert host.run(f"psql -XAtqc 'SELECT 1' -w -h 127.0.0.1 -p {int(port)} -U postgres postgres").rc != 0


@pytest.mark.control("postgresql-site-user")
def test_site_user_of_postgresql_is_no_superuser(host: Host, site: Mapping[str, Any]) -> None:
    """A superuser reads files and runs programs of the host."""
    if site.get("website_database_engine") != "postgresql":
        pytest.skip("the site does not use PostgreSQL")
    user = str(site["website_database_user"])
    assert user != "postgres"
    powers = "rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls"
    for cluster in clusters(host):
        row = ask_postgresql(host, cluster, f"SELECT {powers} FROM pg_roles WHERE rolname = '{user}'")  # noqa: S608
        assert row in ("", "f|f|f|f|f"), cluster
        may = f"SELECT pg_has_role('{user}', 'pg_execute_server_program', 'MEMBER')"
        assert row == "" or ask_postgresql(host, cluster, may) == "f"
