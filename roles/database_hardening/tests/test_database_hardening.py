"""The running database is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from testinfra.host import Host


@pytest.fixture(autouse=True)
def _mariadb(host: Host) -> None:
    if not (host.file("/usr/sbin/mariadbd").exists or host.file("/usr/sbin/mysqld").exists):
        pytest.skip("no MariaDB on this host")


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
