"""PostgreSQL: a dump of one snapshot with the sum of every table, an import that can harm nothing, a swap by renaming.

The functions are those of ungcuu_site/mariadb.py. A database can be renamed whole, so nothing has to travel apart.
"""

# ruff: noqa: S608 - every name goes through quoted() or the server's own quote_ident, every value through text()
from __future__ import annotations

import os
import re
import secrets
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ungcuu_site.common import Names, RefusedError, checked_name, last_words, need_space, run

DUMP = "database.pgdump"
_AS_POSTGRES = ("runuser", "-u", "postgres", "--")
_PSQL = ("psql", "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d")
_IMPORTER = "ungcuu_import"
_SECRET = re.compile(r"SCRAM-SHA-256\$\d{1,8}:[A-Za-z0-9+/=]{8,100}\$[A-Za-z0-9+/=]{8,100}:[A-Za-z0-9+/=]{8,100}")
_LOCALE = re.compile(r"[A-Za-z0-9_.@-]{1,60}")
_TABLES = (
    "SELECT quote_ident(schemaname)||'.'||quote_ident(tablename) FROM pg_tables"
    " WHERE schemaname NOT IN ('pg_catalog','information_schema') ORDER BY 1"
)
# Order does not matter to a sum, and the server needs no memory for it.
_SUM = "SELECT count(*), coalesce(sum(('x'||substr(md5(t::text),1,15))::bit(60)::bigint),0) FROM {table} t"


def quoted(name: str) -> str:
    """An identifier as SQL wants it."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A string literal (standard_conforming_strings is on by default)."""
    return "'" + value.replace("'", "''") + "'"


def ask(sql: str, name: str = "postgres") -> list[list[str]]:
    """Run SQL as the local administrator; rows of text.

    Raises:
        RefusedError: the server is down or refuses; with its own words.
    """
    done = run([*_AS_POSTGRES, *_PSQL, name], sql.encode(), cwd="/")
    if done.returncode:
        raise RefusedError(f"the database refuses: {last_words(done.stderr)}")
    return [line.split("\t") for line in done.stdout.decode("utf-8", "replace").splitlines()]


def exists(name: str) -> bool:
    """Whether the database is there."""
    return bool(ask(f"SELECT 1 FROM pg_database WHERE datname={text(name)}"))


def tables(name: str) -> list[str]:
    """Its tables, each quoted, with its schema."""
    return [row[0] for row in ask(_TABLES, name)]


def sums(name: str, found: Iterable[str] | None = None) -> dict[str, list[str]]:
    """Rows of each table, and a sum over what stands in them."""
    return {table: ask(_SUM.format(table=table), name)[0] for table in (tables(name) if found is None else found)}


def dump(name: str, folder: Path) -> dict[str, Any]:
    """Write the dump (`pg_dump -Fc`, mode 0600) and return what every table holds, both of one snapshot.

    Raises:
        RefusedError: not enough room, or the server refused.
    """
    need_space(folder, int(float(ask(f"SELECT pg_database_size({text(name)})")[0][0]) * 1.2), "the database dump")
    columns = "pg_encoding_to_char(encoding), datcollate, datctype"
    encoding, collate, ctype = ask(f"SELECT {columns} FROM pg_database WHERE datname={text(name)}")[0]
    with _Snapshot(name) as snapshot:
        _pg_dump(name, snapshot.identity, folder / DUMP)
        rows = {row[0]: snapshot.ask(_SUM.format(table=row[0]))[0] for row in snapshot.ask(_TABLES)}
    described = {"encoding": encoding, "collate": collate, "ctype": ctype}
    return described | {"consistency": "one transaction", "tables": len(rows), "rows": rows}


class _Snapshot:
    """A transaction that is kept open, so that the dump and the sums see the same rows."""

    def __init__(self, name: str) -> None:
        command = [*_AS_POSTGRES, *_PSQL, name]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/"
        )
        self.identity = ""

    def __enter__(self) -> _Snapshot:
        rows = self.ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_export_snapshot()")
        self.identity = rows[0][0] if rows else ""
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def ask(self, sql: str) -> list[list[str]]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{sql};\n\\echo end\n".encode())
        self._process.stdin.flush()
        rows: list[list[str]] = []
        while (line := self._process.stdout.readline()) != b"end\n":
            if not line:
                raise RefusedError("the database ended the transaction of the backup", "no restore point was made")
            rows.append(line.decode("utf-8", "replace").rstrip("\n").split("\t"))
        return rows


def _pg_dump(name: str, snapshot: str, target: Path) -> None:
    command = [*_AS_POSTGRES, "pg_dump", "-Fc", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", "-d", name]
    with target.open("xb") as handle:
        os.fchmod(handle.fileno(), 0o600)
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=handle, stderr=subprocess.PIPE, check=False, cwd="/"
        )
    if done.returncode:
        raise RefusedError(f"the database refused the dump: {last_words(done.stderr)}", "no restore point was made")


def account(user: str) -> str:
    """What proves the website's own database password, so that a rebuilt host can have the same; "" for none."""
    rows = ask(f"SELECT rolpassword FROM pg_authid WHERE rolname={text(user)}")
    return rows[0][0] if rows and _SECRET.fullmatch(rows[0][0]) else ""


def make_account(user: str, secret: str, _: str) -> None:
    """Make the website's account, unless there is one.

    Raises:
        RefusedError: what the restore point gives as its secret is none.
    """
    if not _SECRET.fullmatch(secret):
        raise RefusedError("the restore point holds no usable database account")
    if not ask(f"SELECT 1 FROM pg_roles WHERE rolname={text(checked_name(user))}"):
        ask(f"CREATE ROLE {quoted(user)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {text(secret)}")


def import_beside(folder: Path, scratch: str, user: str, described: dict[str, Any]) -> None:
    """Import a dump into a scratch database, as a role of this import alone; the website's account owns it then.

    A dump is SQL from a host that may have been an intruder's: run as the administrator it could start programs.
    """
    words = [str(described.get(name)) for name in ("encoding", "collate", "ctype")]
    if not all(_LOCALE.fullmatch(word) for word in words):
        raise RefusedError("the restore point's own description is unreadable")
    drop(scratch)
    password = secrets.token_hex(16)
    _drop_importer()
    ask(f"CREATE ROLE {_IMPORTER} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {text(password)}")
    try:
        like = f"ENCODING {text(words[0])} LC_COLLATE {text(words[1])} LC_CTYPE {text(words[2])}"
        ask(f"CREATE DATABASE {quoted(scratch)} OWNER {_IMPORTER} TEMPLATE template0 {like}")
        _pg_restore(folder / DUMP, scratch, password)
        ask(f"REASSIGN OWNED BY {_IMPORTER} TO {quoted(user)}", scratch)
    finally:
        if exists(scratch):
            ask(f"ALTER DATABASE {quoted(scratch)} OWNER TO {quoted(user)}")
        _drop_importer()


def _drop_importer() -> None:
    ask(f"DROP ROLE IF EXISTS {_IMPORTER}")


def _pg_restore(path: Path, scratch: str, password: str) -> None:
    descriptor = os.memfd_create("ungcuu")
    try:
        os.fchmod(descriptor, 0o600)
        os.write(descriptor, f"127.0.0.1:*:{scratch}:{_IMPORTER}:{password}\n".encode())
        command = ["pg_restore", "-h", "127.0.0.1", "-U", _IMPORTER, "-d", scratch, "-w", "--no-owner"]
        environment = os.environ | {"PGPASSFILE": f"/proc/self/fd/{descriptor}"}
        with path.open("rb") as handle:
            done = subprocess.run(
                [*command, "--no-privileges", "--exit-on-error"],
                stdin=handle,
                capture_output=True,
                check=False,
                pass_fds=[descriptor],
                env=environment,
                cwd="/",
            )
    finally:
        os.close(descriptor)
    if done.returncode:
        # The first complaint; what follows it is the statement, over many lines.
        first = next((line for line in done.stderr.splitlines() if b"error" in line), done.stderr)
        raise RefusedError(f"{path.name} can't be imported: {last_words(first)}", "the live database is untouched")


def same_rows(_: Path, scratch: str, described: dict[str, Any], _wanted: str) -> tuple[bool, int, int]:
    """Each table has the rows, and the sum over them, that it had when it was dumped; how many rows, and tables."""
    found = sums(scratch)
    return found == described.get("rows"), sum(int(row[0]) for row in found.values()), len(found)


def swap_in(names: Names, _staged: Path, _kept: Path, _user: str) -> None:
    """The checked database takes the live one's name, in one transaction."""
    live, scratch, aside = names
    moves = [(live, aside), (scratch, live)] if exists(live) else [(scratch, live)]
    _rename(moves)
    if len(moves) > 1:
        ask(f"REVOKE CONNECT ON DATABASE {quoted(aside)} FROM PUBLIC")


def put_back(names: Names, _kept: Path, _user: str) -> None:
    """`swap_in` backwards; a rename is done or not done, so there is no middle."""
    live, scratch, aside = names
    if exists(aside):
        _rename([(live, scratch), (aside, live)] if exists(live) else [(aside, live)])
        ask(f"GRANT CONNECT ON DATABASE {quoted(live)} TO PUBLIC")


def _rename(moves: list[tuple[str, str]]) -> None:
    """Databases can be renamed while nobody is in them: the site's connections are ended, and open again afterwards."""
    olds = [old for old, _ in moves]
    close = [f"ALTER DATABASE {quoted(name)} ALLOW_CONNECTIONS false" for name in olds]
    names = ", ".join(map(text, olds))
    ask("; ".join([*close, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ({names})"]))
    renames = [f"ALTER DATABASE {quoted(old)} RENAME TO {quoted(new)}" for old, new in moves]
    try:
        ask("; ".join(["BEGIN", *renames, "COMMIT"]))
    finally:
        known = [name for name in {name for move in moves for name in move} if exists(name)]
        ask("; ".join(f"ALTER DATABASE {quoted(name)} ALLOW_CONNECTIONS true" for name in sorted(known)))


def drop(name: str) -> None:
    """Drop a scratch database, if it is there."""
    ask(f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)")


def compare(old: str, new: str) -> list[dict[str, Any]]:
    """Tables whose rows differ between the older and the newer database, with how many there were and are."""
    before, now = sums(old), sums(new)
    return [
        {
            "table": table,
            "rows_before": int(row[0]),
            "rows_now": int(now[table][0]) if table in now else None,
            "lost": max(0, int(row[0]) - int(now.get(table, ["0"])[0])),
            "keys": [],
        }
        for table, row in before.items()
        if now.get(table) != row
    ]
