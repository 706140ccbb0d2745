"""Ask the database: MariaDB as its administrator over its local socket, PostgreSQL as the application itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping

from ungcuu.remote.host_state.reading import ENVIRONMENT

# Names of tables stand in double quotes on both engines, and nothing that is asked can change anything.
_MARIADB = "SET SESSION sql_mode='ANSI_QUOTES'; SET SESSION TRANSACTION READ ONLY; {query};"
_POSTGRESQL = "{path}BEGIN READ ONLY; COPY ({query}) TO STDOUT;"


def sql(query: str) -> list[list[str]]:
    """Rows of the queries; they go over standard input, so that no process list shows them."""
    return rows(mariadb(query) or "")


def mariadb(query: str, database: str = "") -> str | None:
    """What MariaDB answers its administrator; None where it refuses, or is not there."""
    client = next((name for name in ("mariadb", "mysql") if os.path.exists(f"/usr/bin/{name}")), "")
    if not client:
        return None
    options = ("--no-defaults", "-uroot", "--batch", "-N", "--default-character-set=utf8mb4")
    return _answer([client, *options, *([f"--database={database}"] if database else [])], ENVIRONMENT, query)


def rows(text: str) -> list[list[str]]:
    """Lines of an answer as rows; a tab, a line's end and a backslash in a value are escaped by both engines."""
    return [line.split("\t") for line in text.split("\n") if line]


def postgresql_catalogue(query: str, database: str) -> list[list[str]] | None:
    """Rows of a query on PostgreSQL's own catalogue, asked as its administrator; None where there is no answer."""
    text = _POSTGRESQL.format(query=query, path="SET search_path TO pg_catalog; ")
    client = ["psql", "-XAtqw", "-v", "ON_ERROR_STOP=1", "-d", database]
    answer = _answer(["runuser", "-u", "postgres", "--", *client], ENVIRONMENT | {"PGCLIENTENCODING": "UTF8"}, text)
    return None if answer is None else rows(answer)


class Database:
    """The application's database, read only. ``ask`` gives rows, or None where the database refuses the query.

    PostgreSQL is asked with the application's own login: types, casts and views of its database are the application's
    to define, and would run with an administrator's rights if an administrator asked.
    """

    def __init__(self, engine: str, stated: Mapping[str, str], password: str) -> None:
        self.engine, self.stated, self.password = engine, stated, password

    @property
    def answers(self) -> bool:
        """Whether it can be asked at all."""
        return self.ask("SELECT 1") == [["1"]]

    def ask(self, query: str) -> list[list[str]] | None:
        """The rows of one SELECT."""
        if self.engine == "mariadb":
            answer = mariadb(_MARIADB.format(query=query), self.stated["name"])
        else:
            answer = self._postgresql(query)
        return None if answer is None else rows(answer)

    def readable(self, column: str) -> str:
        """An expression for a column's text; some applications keep it as bytes."""
        return f"({column})" if self.engine == "postgresql" else f"CONVERT({column} USING utf8mb4)"

    def matches(self, column: str, words: str) -> str:
        """A condition: one of these words stands there, in either case."""
        return f"{self.readable(column)} {'~*' if self.engine == 'postgresql' else 'REGEXP'} '{words}'"

    def digest(self, column: str) -> str:
        """An expression for the first characters of its SHA-256."""
        if self.engine == "postgresql":
            return f"LEFT(ENCODE(SHA256(CONVERT_TO({column},'UTF8')),'hex'),16)"
        return f"LEFT(SHA2({column},256),16)"

    def _postgresql(self, query: str) -> str | None:
        host, _, port = self.stated.get("host", "localhost").partition(":")
        schema = self.stated.get("schema", "")
        text = _POSTGRESQL.format(query=query, path=f'SET search_path TO "{schema}", pg_catalog; ' if schema else "")
        login = {"PGPASSWORD": self.password, "PGCLIENTENCODING": "UTF8", "PGCONNECT_TIMEOUT": "5"}
        place = ["-h", host or "localhost", "-p", port if port.isdecimal() else "5432"]
        who = ["-U", self.stated.get("user", ""), "-d", self.stated["name"]]
        return _answer(["psql", "-XAtqw", "-v", "ON_ERROR_STOP=1", *place, *who], ENVIRONMENT | login, text)


def _answer(argv: list[str], environment: Mapping[str, str], feed: str) -> str | None:
    try:
        done = subprocess.run(
            argv, capture_output=True, timeout=20, env=dict(environment), input=feed.encode(), check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "backslashreplace") if done.returncode == 0 else None
