"""WordPress in the database: who may do what, standing passwords of programs, code in options and in content."""

from __future__ import annotations

import hashlib
import os
import re

from ungcuu.remote.config import CONFIG
from ungcuu.remote.host_state.reading import emit, read_small
from ungcuu.remote.host_state.sql import sql

OPTIONS = "'siteurl','home','users_can_register','default_role','active_plugins','template','stylesheet','admin_email'"
# Roles that every WordPress has and that write no code; who has others, or single capabilities, is reported.
ORDINARY = frozenset(("subscriber", "contributor", "customer"))
GRANTED = re.compile(r's:\d{1,4}:"([^"]{1,100})";b:1')
ROLE = re.compile(r's:\d{1,4}:"([^"]{1,100})";a:\d+:\{s:4:"name";s:\d+:"[^"]*";s:12:"capabilities";a:\d+:\{([^}]*)\}')
# Each standing password by its number and a digest; when and from where it was used changes daily.
PASSWORD = re.compile(r's:4:"uuid";s:36:"([0-9a-f-]{36})".{0,400}?s:8:"password";s:\d+:"([^"]{1,200})"')
# Words of the database's own regular expressions; no quote and no backslash in them.
SCRIPT = "<script|<iframe[^>]*(display ?: ?none|height=.?0|width=.?0)|on(error|load|mouseover|focus) ?=|javascript:"
CODE = "<[?]php|<[?]=|eval ?[(]|base64_decode ?[(]|gzinflate ?[(]|shell_exec ?[(]|str_rot13 ?[(]|assert ?[(]"


def table_prefix() -> str:
    """The prefix of the site's tables, from its configuration; ``wp_`` where that does not say."""
    root = os.fsencode(CONFIG["web_root"])
    config = read_small(root + b"/wp-config.php") or read_small(os.path.dirname(root) + b"/wp-config.php")
    found = re.search(rb"^\s*\$table_prefix\s*=\s*['\"]([A-Za-z0-9_]{1,32})['\"]", config, re.M)
    return found[1].decode() if found else "wp_"


def digest(text: str) -> str:
    """As short as a person can compare."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def wordpress(name: str) -> None:
    """Everything of the site's application; ``name`` is the database's, checked by the caller."""
    prefix = table_prefix()
    at = f"`{name}`.`{prefix}"
    administrators(at, prefix)
    capabilities(at, prefix)
    application_passwords(at)
    query = f"SELECT option_name,SHA2(option_value,256) FROM {at}options` WHERE option_name IN ({OPTIONS});"  # noqa: S608
    for option, value in (row for row in sql(query) if len(row) == 2):
        emit("database", set="option", name=option, detail=value)
    content(at)


def administrators(at: str, prefix: str) -> None:
    """Administrators with a digest of their password hash."""
    query = (
        f"SELECT u.user_login,u.user_email,LEFT(SHA2(u.user_pass,256),16) FROM {at}users` u "  # noqa: S608
        f"JOIN {at}usermeta` m ON m.user_id=u.ID WHERE m.meta_key='{prefix}capabilities' "
        "AND m.meta_value LIKE '%\"administrator\"%';"
    )
    for login, mail, password in (row for row in sql(query) if len(row) == 3):
        emit("database", set="administrator", name=login, detail=f"{mail} {password}")


def capabilities(at: str, prefix: str) -> None:
    """What each role may do, and who has more than an ordinary role."""
    roles = sql(f"SELECT option_value FROM {at}options` WHERE option_name='{prefix}user_roles';")  # noqa: S608
    for role, granted in ROLE.findall(roles[0][0] if roles else ""):
        allowed = sorted(GRANTED.findall(granted))
        emit("database", set="role", name=role, detail=f"{len(allowed)} capabilities {digest(' '.join(allowed))}")
    query = (
        f"SELECT u.user_login,m.meta_value FROM {at}users` u JOIN {at}usermeta` m ON m.user_id=u.ID "  # noqa: S608
        f"WHERE m.meta_key='{prefix}capabilities' LIMIT 100000;"
    )
    for login, value in (row for row in sql(query) if len(row) == 2):
        granted = set(GRANTED.findall(value))
        if granted - ORDINARY and granted != {"administrator"}:
            emit("database", set="capability", name=login, detail=" ".join(sorted(granted))[:1000])


def application_passwords(at: str) -> None:
    """Passwords of programs, which a change of the person's own password does not end; keys of the shop's interface."""
    query = (
        f"SELECT u.user_login,m.meta_value FROM {at}users` u JOIN {at}usermeta` m ON m.user_id=u.ID "  # noqa: S608
        "WHERE m.meta_key='_application_passwords' LIMIT 10000;"
    )
    for login, value in (row for row in sql(query) if len(row) == 2):
        for identity, password in PASSWORD.findall(value):
            emit("database", set="application-password", name=f"{login} {identity}", detail=digest(password))
        if "password" in value and not PASSWORD.search(value):
            emit("database", set="application-password", name=login, detail=digest(value))
    keys = f"SELECT key_id,user_id,permissions,LEFT(SHA2(consumer_key,256),16) FROM {at}woocommerce_api_keys`;"  # noqa: S608
    for number, user, rights, value in (row for row in sql(keys) if len(row) == 4):
        emit(
            "database", set="application-password", name=f"shop key {number} of user {user}", detail=f"{rights} {value}"
        )


def content(at: str) -> None:
    """Hidden links, scripts and code in posts, comments and options."""
    published = "post_status IN ('publish','private','inherit') AND post_type<>'revision'"
    steady = "option_name NOT LIKE '%transient%'"
    title, post = "CONCAT(post_type,' ',ID)", "post_content"
    injected(f"{at}posts`", title, post, "post_status='publish'")
    injected(f"{at}options`", "CONCAT('option ',option_name)", "option_value", "autoload<>'no'")
    matching(f"{at}posts`", title, post, published, f"{SCRIPT}|{CODE}")
    matching(f"{at}comments`", "CONCAT('comment ',comment_ID)", "comment_content", "comment_approved='1'", SCRIPT)
    matching(f"{at}options`", "CONCAT('option ',option_name)", "option_value", steady, f"{SCRIPT}|{CODE}")
    matching(f"{at}options`", "CONCAT('option ',option_name)", "option_value", f"NOT ({steady})", CODE)


def matching(table: str, title: str, column: str, where: str, words: str) -> None:
    """Rows whose text runs something in a reader's browser or in PHP."""
    query = (
        f"SELECT {title},LEFT(SHA2({column},256),16) FROM {table} WHERE {where} "  # noqa: S608
        f"AND {column} REGEXP '{words}' LIMIT 1000;"
    )
    for what, value in (row for row in sql(query) if len(row) == 2):
        emit("database", set="script", name=what, detail=value)


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
    for what, value, count, concealed in (row for row in sql(query) if len(row) == 4):
        emit("database", set="content", name=what, detail=f"{value} links={count} hidden={concealed}")
