"""MariaDB: a consistent dump, an import that can harm nothing, a swap by renaming tables.

A dump is three files: `tables.sql` (all rows, one transaction), `views.sql`, `programs.sql` (triggers, routines and
events). Tables can be renamed between schemas only while nothing hangs on them, so the definitions travel apart.
"""

# ruff: noqa: S608 - every name goes through quoted(), every value through text()
from __future__ import annotations

import hashlib
import os
import re
import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ungcuu_site.common import Names, RefusedError, checked_name, last_words, need_space, run

FILES = ("tables.sql", "views.sql", "programs.sql")
_COMPLETED = b"-- Dump completed"
_DUMP = ("mariadb-dump", "--skip-dump-date", "--default-character-set=utf8mb4", "--skip-lock-tables")
_NAME = re.compile(r"[A-Za-z0-9_]{1,48}")
_DEFINER = re.compile(rb"DEFINER=`(?:[^`]|``)*`@`(?:[^`]|``)*`")
_PASSWORD_HASH = re.compile(r"\*[0-9A-F]{40}")
_IMPORTER = "ungcuu_import"


def quoted(name: str) -> str:
    """An identifier as SQL wants it."""
    return "`" + name.replace("`", "``") + "`"


def text(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def ask(sql: str) -> list[list[str]]:
    """Run SQL as the local administrator; rows of text. NO_BACKSLASH_ESCAPES is off by default and left so.

    Raises:
        RefusedError: the server is down or refuses; with its own words.
    """
    done = run(["mariadb", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"], sql.encode())
    if done.returncode:
        raise RefusedError(f"the database refuses: {last_words(done.stderr)}")
    return [line.split("\t") for line in done.stdout.decode("utf-8", "replace").splitlines()]


def exists(schema: str) -> bool:
    """Whether the schema is there."""
    return bool(ask(f"SELECT 1 FROM information_schema.schemata WHERE schema_name={text(schema)}"))


def tables(schema: str, kind: str = "BASE TABLE") -> list[str]:
    """Names of the base tables (or views) of a schema."""
    where = f"table_schema={text(schema)} AND table_type={text(kind)}"
    return sorted(row[0] for row in ask(f"SELECT table_name FROM information_schema.tables WHERE {where}"))


def size(schema: str) -> int:
    """Bytes that the server holds for a schema."""
    total = "COALESCE(SUM(data_length+index_length),0)"
    return int(float(ask(f"SELECT {total} FROM information_schema.tables WHERE table_schema={text(schema)}")[0][0]))


def charset(schema: str) -> dict[str, str]:
    """Default character set and collation of a schema."""
    sql = (
        "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata WHERE schema_name="
    )
    row = ask(sql + text(schema))[0]
    return {"charset": row[0], "collation": row[1]}


def dump(schema: str, folder: Path) -> dict[str, Any]:
    """Write the three files (mode 0600) into `folder`; returns the tables and how consistency was had.

    Raises:
        RefusedError: not enough room, the server refused, or a file does not end as a whole dump does.
    """
    need_space(folder, int(size(schema) * 1.2), "the database dump")
    engines = ask(
        "SELECT DISTINCT COALESCE(engine,'?') FROM information_schema.tables WHERE table_type='BASE TABLE' "
        f"AND table_schema={text(schema)} AND COALESCE(engine,'?') <> 'InnoDB'"
    )
    # A transaction holds only InnoDB still. With any other engine the writers have to wait instead.
    lock = ["--lock-tables"] if engines else ["--single-transaction"]
    views = tables(schema, "VIEW")
    ignored = [f"--ignore-table={schema}.{view}" for view in views]
    _write_dump([*lock, "--quick", "--hex-blob", "--skip-triggers", *ignored, schema], folder / "tables.sql")
    dump_programs(schema, folder)
    return charset(schema) | {
        "consistency": "locked tables" if engines else "one transaction",
        "tables": len(tables(schema)),
        "views": len(views),
    }


def dump_programs(schema: str, folder: Path) -> None:
    """Write the definitions alone: views, triggers, routines and events."""
    views = tables(schema, "VIEW")
    if views:
        _write_dump(["--no-data", "--skip-triggers", schema, *views], folder / "views.sql")
    ignored = [f"--ignore-table={schema}.{view}" for view in views]
    definitions = ["--no-data", "--no-create-info", "--routines", "--events", "--triggers"]
    _write_dump([*definitions, *ignored, schema], folder / "programs.sql")


def _write_dump(options: Sequence[str], target: Path) -> None:
    done = run([*_DUMP, f"--result-file={target}", *options])
    if done.returncode:
        raise RefusedError(f"the database refused the dump: {last_words(done.stderr)}", "no restore point was made")
    target.chmod(0o600)
    with target.open("rb") as handle:
        handle.seek(max(0, target.stat().st_size - 200))
        if not handle.read().rstrip().splitlines()[-1:][0].startswith(_COMPLETED):
            raise RefusedError(f"the dump {target.name} does not end as a whole dump ends", "no restore point was made")


class Importer:
    """A database account for the length of one import, which can touch nothing but one schema.

    A dump is SQL from a host that may have been an intruder's: run as the administrator it could add accounts.
    """

    def __init__(self, schema: str) -> None:
        self._schema, self._password = schema, secrets.token_hex(16)

    def __enter__(self) -> Importer:
        pattern = self._schema.replace("_", "\\_")
        ask(
            f"CREATE OR REPLACE USER {_IMPORTER}@localhost IDENTIFIED BY {text(self._password)};"
            f"GRANT ALL PRIVILEGES ON `{pattern}`.* TO {_IMPORTER}@localhost;"
            f"GRANT SET USER ON *.* TO {_IMPORTER}@localhost;"
        )
        return self

    def __exit__(self, *_: object) -> None:
        ask(f"DROP USER IF EXISTS {_IMPORTER}@localhost")

    def load(self, path: Path, definer: str) -> None:
        """Run a dump's file; stored programs get the website's own account as their definer."""
        descriptor = os.memfd_create("ungcuu")
        try:
            os.fchmod(descriptor, 0o600)
            os.write(descriptor, f"[client]\nuser={_IMPORTER}\npassword={self._password}\n".encode())
            options = [
                f"--defaults-file=/proc/self/fd/{descriptor}",
                "--binary-mode",
                "--default-character-set=utf8mb4",
            ]
            command = ["mariadb", *options, self._schema]
            if path.name == "tables.sql":
                done = _run_from_file(command, path, descriptor)
            else:
                sql = _DEFINER.sub(b"DEFINER=" + definer.encode(), path.read_bytes())
                done = run(command, sql, [descriptor])
        finally:
            os.close(descriptor)
        if done.returncode:
            raise RefusedError(
                f"{path.name} can't be imported: {last_words(done.stderr)}", "the live database is untouched"
            )


def _run_from_file(command: Sequence[str], path: Path, descriptor: int) -> Any:
    with path.open("rb") as handle:
        return subprocess.run(command, stdin=handle, capture_output=True, check=False, pass_fds=[descriptor])


def account(user: str) -> str:
    """Hash of the website's own database password, so that a rebuilt host can have the same account; "" for none."""
    rows = ask(
        f"SELECT authentication_string FROM mysql.user WHERE user={text(user)} AND plugin='mysql_native_password'"
    )
    return rows[0][0] if rows and _PASSWORD_HASH.fullmatch(rows[0][0]) else ""


def make_account(user: str, password_hash: str, schema: str) -> None:
    """Make the website's account with rights on its own schema, unless there is one.

    Raises:
        RefusedError: what the restore point gives as a hash is none.
    """
    if not _PASSWORD_HASH.fullmatch(password_hash) or not _NAME.fullmatch(user):
        raise RefusedError("the restore point holds no usable database account")
    pattern = checked_name(schema).replace("_", "\\_")
    ask(
        f"CREATE USER IF NOT EXISTS {quoted(user)}@localhost"
        f" IDENTIFIED VIA mysql_native_password USING {text(password_hash)};"
        f"GRANT ALL PRIVILEGES ON `{pattern}`.* TO {quoted(user)}@localhost;"
    )


def definer_of(user: str) -> str:
    """The website's account, quoted, as the definer of its stored programs."""
    rows = ask(f"SELECT host FROM mysql.user WHERE user={text(user)} ORDER BY host='localhost' DESC LIMIT 1")
    return f"{quoted(user)}@{quoted(rows[0][0] if rows else 'localhost')}"


def import_beside(folder: Path, scratch: str, user: str, described: dict[str, Any]) -> None:
    """Import a dump into a scratch schema; refuse stored programs that would run with other rights than the site's."""
    drop(scratch)
    _create(scratch, described)
    definer = definer_of(user)
    with Importer(scratch) as importer:
        for name in FILES:
            if (folder / name).exists():
                importer.load(folder / name, definer)
    foreign = [name for name in definers(scratch) if not name.startswith(user + "@")]
    if foreign:
        raise RefusedError(f"stored programs would run as {', '.join(foreign)}", "the live database is untouched")


def _create(schema: str, like: dict[str, Any], unless: bool = False) -> None:
    words = f"CHARACTER SET {checked_name(like['charset'])} COLLATE {checked_name(like['collation'])}"
    ask(f"CREATE DATABASE {'IF NOT EXISTS ' if unless else ''}{quoted(schema)} {words}")


def definers(schema: str) -> list[str]:
    """Accounts in whose name the schema's stored programs and views run."""
    parts = (
        ("routines", "routine_schema"),
        ("triggers", "trigger_schema"),
        ("events", "event_schema"),
        ("views", "table_schema"),
    )
    union = " UNION ".join(
        f"SELECT definer FROM information_schema.{view} WHERE {column}={text(schema)}" for view, column in parts
    )
    return [row[0] for row in ask(union)]


def drop_programs(schema: str) -> None:
    """Drop views, triggers, routines and events, so that the tables can be renamed. They live on in their dump."""
    quoted_schema = quoted(schema)
    statements = [f"DROP VIEW {quoted_schema}.{quoted(view)}" for view in tables(schema, "VIEW")]
    for kind, column, view in (
        ("TRIGGER", "trigger_name", "triggers WHERE trigger_schema"),
        ("EVENT", "event_name", "events WHERE event_schema"),
        ("FUNCTION", "routine_name", "routines WHERE routine_type='FUNCTION' AND routine_schema"),
        ("PROCEDURE", "routine_name", "routines WHERE routine_type='PROCEDURE' AND routine_schema"),
    ):
        rows = ask(f"SELECT {column} FROM information_schema.{view}={text(schema)}")
        statements += [f"DROP {kind} {quoted_schema}.{quoted(row[0])}" for row in rows]
    if statements:
        ask(";\n".join(statements))


def rename(moves: Sequence[tuple[str, str]]) -> None:
    """Move all tables of each first schema into its second one, every table in one atomic statement."""
    pairs = [
        f"{quoted(source)}.{quoted(table)} TO {quoted(target)}.{quoted(table)}"
        for source, target in moves
        for table in tables(source)
    ]
    if pairs:
        ask("SET SESSION foreign_key_checks=0;\nRENAME TABLE " + ",\n".join(pairs))


def load_programs(folder: Path, schema: str, user: str) -> None:
    """Put back views, triggers, routines and events of a dump."""
    definer = definer_of(user)
    with Importer(schema) as importer:
        for name in FILES[1:]:
            if (folder / name).exists():
                importer.load(folder / name, definer)


def drop(schema: str) -> None:
    """Drop a scratch schema, if it is there."""
    ask(f"DROP DATABASE IF EXISTS {quoted(schema)}")


def compare(old: str, new: str) -> list[dict[str, Any]]:
    """What the older rows hold that the newer schema lacks: per table the row counts and up to 100 lost keys."""
    result = []
    for table in tables(old):
        row: dict[str, Any] = {"table": table, "rows_before": _count(old, table)}
        if table not in tables(new):
            result.append(row | {"rows_now": None, "lost": row["rows_before"], "keys": []})
            continue
        row["rows_now"] = _count(new, table)
        keys = ask(
            "SELECT column_name FROM information_schema.key_column_usage WHERE constraint_name='PRIMARY' "
            f"AND table_schema={text(old)} AND table_name={text(table)}"
        )
        if len(keys) == 1:
            key, name = quoted(keys[0][0]), quoted(table)
            query = f"FROM {quoted(old)}.{name} o LEFT JOIN {quoted(new)}.{name} n USING ({key}) WHERE n.{key} IS NULL"
            row["lost"] = int(ask(f"SELECT COUNT(*) {query}")[0][0])
            row["keys"] = (
                [found[0] for found in ask(f"SELECT o.{key} {query} ORDER BY 1 LIMIT 100")] if row["lost"] else []
            )
        if row["rows_before"] != row["rows_now"] or row.get("lost"):
            result.append(row)
    return result


def same_rows(folder: Path, scratch: str, _: dict[str, Any], wanted: str) -> tuple[bool, int, int]:
    """Dump the imported tables once more: the same rows give the same dump, of which the vault knows the hash.

    With how many rows there are, in how many tables.
    """
    dump(scratch, folder)
    with (folder / FILES[0]).open("rb") as again:
        # The dump's heading names the schema; nothing else in it does.
        digest = hashlib.sha256(again.read(1000).replace(f"Database: {scratch}".encode(), b"Database: "))
        while block := again.read(2**20):
            digest.update(block)
    rows = {table: _count(scratch, table) for table in tables(scratch)}
    return digest.hexdigest() == wanted, sum(rows.values()), len(rows)


def swap_in(names: Names, staged: Path, kept: Path, user: str) -> None:
    """Rename the live tables into a schema of their own and the checked ones into their place."""
    live, scratch, aside = names
    defaults = charset(scratch)
    _create(live, defaults, unless=True)
    # Without this dump nothing may be dropped, and `put_back` needs it from here on.
    # The rows are kept by the rename; what hangs on them (triggers, views, routines) is kept as its definition.
    dump_programs(live, kept)
    _create(aside, defaults)
    drop_programs(live)
    drop_programs(scratch)
    rename([(live, aside), (scratch, live)])
    load_programs(staged, live, user)
    drop(scratch)


def put_back(names: Names, kept: Path, user: str) -> None:
    """`swap_in` backwards, from whatever step it died in."""
    live, scratch, aside = names
    if not exists(aside):
        return
    drop_programs(live)
    if tables(aside):
        if not exists(scratch):
            _create(scratch, charset(live))
        rename([(live, scratch), (aside, live)])
    if not tables(aside):
        drop(aside)
    load_programs(kept, live, user)


def _count(schema: str, table: str) -> int:
    return int(ask(f"SELECT COUNT(*) FROM {quoted(schema)}.{quoted(table)}")[0][0])
