"""The application's database: its administrators, and pages with hidden links."""

from __future__ import annotations

import os
import re

from ungcuu.remote.config import CONFIG
from ungcuu.remote.host_state.reading import demand, emit, read_small, run


def sql(query: str) -> list[list[str]]:
    """Rows of one query as the database's administrator over its local socket; the query goes over standard input."""
    client = next((name for name in ("mariadb", "mysql") if os.path.exists(f"/usr/bin/{name}")), "")
    text = (
        run(client, "--no-defaults", "-uroot", "--batch", "-N", "--default-character-set=utf8mb4", feed=query)
        if client
        else ""
    )
    return [line.split("\t") for line in text.splitlines()]


def database() -> None:
    """Administrators of the application, its switches, and code that lives in the database."""
    name = CONFIG.get("database", "")
    if CONFIG.get("engine") not in ("mariadb", "mysql") or not re.fullmatch(r"[A-Za-z0-9_]{1,64}", name):
        return
    if any(os.path.exists(f"/usr/sbin/{daemon}") for daemon in ("mariadbd", "mysqld")):
        demand(sql("SELECT 1;") == [["1"]])
    if CONFIG.get("application") == "wordpress":
        wordpress(name)
    for kind, view, column in (("trigger", "TRIGGERS", "TRIGGER"), ("event", "EVENTS", "EVENT")):
        body = "ACTION_STATEMENT" if kind == "trigger" else "EVENT_DEFINITION"
        query = f"SELECT {column}_SCHEMA,{column}_NAME,SHA2({body},256) FROM information_schema.{view};"  # noqa: S608
        for schema, item, digest in (row for row in sql(query) if len(row) == 3):
            emit("database", set=kind, name=f"{schema}.{item}", detail=digest)
    for user, host, power in (row for row in sql("SELECT User,Host,Super_priv FROM mysql.user;") if len(row) == 3):
        emit("database", set="user", name=f"{user}@{host}", detail=f"super={power}")


def wordpress(name: str) -> None:
    """Administrators with a digest of their password hash, and the options that an intruder changes."""
    root = os.fsencode(CONFIG["web_root"])
    config = read_small(root + b"/wp-config.php") or read_small(os.path.dirname(root) + b"/wp-config.php")
    found = re.search(rb"^\s*\$table_prefix\s*=\s*['\"]([A-Za-z0-9_]{1,32})['\"]", config, re.M)
    prefix = found[1].decode() if found else "wp_"
    admins = (
        f"SELECT u.user_login,u.user_email,LEFT(SHA2(u.user_pass,256),16) FROM `{name}`.`{prefix}users` u "  # noqa: S608
        f"JOIN `{name}`.`{prefix}usermeta` m ON m.user_id=u.ID WHERE m.meta_key='{prefix}capabilities' "
        "AND m.meta_value LIKE '%\"administrator\"%';"
    )
    for login, mail, digest in (row for row in sql(admins) if len(row) == 3):
        emit("database", set="administrator", name=login, detail=f"{mail} {digest}")
    watched = (
        "'siteurl','home','users_can_register','default_role','active_plugins','template','stylesheet','admin_email'"
    )
    options = (
        f"SELECT option_name,SHA2(option_value,256) FROM `{name}`.`{prefix}options` WHERE option_name IN ({watched});"  # noqa: S608
    )
    for option, digest in (row for row in sql(options) if len(row) == 2):
        emit("database", set="option", name=option, detail=digest)
    injected(f"`{name}`.`{prefix}posts`", "CONCAT(post_type,' ',ID)", "post_content", "post_status='publish'")
    injected(f"`{name}`.`{prefix}options`", "CONCAT('option ',option_name)", "option_value", "autoload<>'no'")


def injected(table: str, title: str, column: str, where: str) -> None:
    """Rows that hold a link and words of gambling sites; a digest, the number of links, and whether they are hidden."""
    words, hidden = str(CONFIG.get("words", "")), str(CONFIG.get("hidden", ""))
    if not words or not hidden or set("'\\") & set(words + hidden):
        return
    links = f"ROUND((LENGTH({column})-LENGTH(REPLACE(LOWER({column}),'<a ','')))/3)"
    query = (
        f"SELECT {title},LEFT(SHA2({column},256),16),{links},{column} REGEXP '{hidden}' FROM {table} "  # noqa: S608
        f"WHERE {where} AND {column} LIKE '%<a %' AND {column} REGEXP '{words}' LIMIT 500;"
    )
    for what, digest, count, concealed in (row for row in sql(query) if len(row) == 4):
        emit("database", set="content", name=what, detail=f"{digest} links={count} hidden={concealed}")
