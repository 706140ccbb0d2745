"""The website's own login to its database. What belongs to the application is read and changed as the application.

Its tables may have triggers, views and types of an intruder's: they run with the rights of whoever asks, and that is
never the server's administrator here. Statements and passwords go over descriptors, never in an argument.
"""

from __future__ import annotations

import os
from typing import Any

from ungcuu_site import mariadb, postgres
from ungcuu_site.common import RefusedError, last_words, run

_MARIADB = ("--batch", "--skip-column-names", "--default-character-set=utf8mb4")
_PSQL = ("psql", "-XAtqw", "-F", "\t", "-v", "ON_ERROR_STOP=1")


class Login:
    """The website's account with one password. ``stated``: host and schema as its configuration has them."""

    def __init__(self, facts: dict[str, Any], stated: dict[str, str], password: str) -> None:
        self.engine, self.name, self.user = facts["engine"], str(facts["name"]), str(facts["user"])
        self.stated, self.password = stated, password
        self.host, _, port = stated.get("host", "").partition(":")
        self.port = port if port.isdecimal() else ""

    def opens(self) -> bool:
        """Whether the password opens the database."""
        return self._run("SELECT 1;").returncode == 0

    def ask(self, sql: str) -> list[list[str]]:
        """Rows of statements; names stand in double quotes on both engines.

        Raises:
            RefusedError: the server refuses; with its own words.
        """
        if self.engine == "mariadb":
            sql = f"SET SESSION sql_mode='ANSI_QUOTES'; {sql};"
        elif schema := self.stated.get("schema", ""):
            sql = f"SET search_path TO {postgres.quoted(schema)}, pg_catalog; {sql};"
        done = self._run(sql)
        if done.returncode:
            raise RefusedError(f"the database refuses: {last_words(done.stderr)}")
        return [line.split("\t") for line in done.stdout.decode("utf-8", "replace").splitlines()]

    def text(self, value: str) -> str:
        """A string literal."""
        return mariadb.text(value) if self.engine == "mariadb" else postgres.text(value)

    def has_table(self, name: str) -> bool:
        """Whether there is a table of this name."""
        query = "SELECT 1 FROM information_schema.tables WHERE table_name="
        return bool(self.ask(query + self.text(name)))

    def _run(self, sql: str) -> Any:
        descriptor = os.memfd_create("ungcuu")
        try:
            os.fchmod(descriptor, 0o600)
            if self.engine == "mariadb":
                return self._mariadb(sql, descriptor)
            os.write(descriptor, f"*:*:*:*:{_escaped(self.password)}\n".encode())
            place = ["-h", self.host or "localhost", *(["-p", self.port] if self.port else [])]
            login = ["env", f"PGPASSFILE=/proc/self/fd/{descriptor}", "PGCLIENTENCODING=UTF8", "PGCONNECT_TIMEOUT=5"]
            words = [*login, *_PSQL, *place, "-U", self.user, "-d", self.name]
            return run(words, sql.encode(), descriptors=[descriptor], cwd="/")
        finally:
            os.close(descriptor)

    def _mariadb(self, sql: str, descriptor: int) -> Any:
        password = self.password.replace("\\", "\\\\").replace('"', '\\"')
        lines = ["[client]", f"user={self.user}", f'password="{password}"']
        if self.host not in ("", "localhost") and "/" not in self.host:
            lines += [f"host={self.host}", *([f"port={self.port}"] if self.port else [])]
        os.write(descriptor, ("\n".join(lines) + "\n").encode())
        return run(
            ["mariadb", f"--defaults-file=/proc/self/fd/{descriptor}", *_MARIADB, f"--database={self.name}"],
            sql.encode(),
            descriptors=[descriptor],
        )


def _escaped(password: str) -> str:
    """A password as PostgreSQL's password file wants it."""
    return password.replace("\\", "\\\\").replace(":", "\\:")
