"""Passwords that WordPress gave to programs: neither a new password of the person nor new keys of the site end them.

They get another name, under which WordPress does not look; nothing is deleted, since they are evidence. Those that
``lock`` set aside are ended too, or ``unlock`` would bring an intruder's back.
"""

# ruff: noqa: S608 - every name goes through quoted(), every value through text()
from __future__ import annotations

import re

from ungcuu_site import mariadb

_LIVE, _LOCKED, _ENDED = (
    "_application_passwords",
    "ungcuu_application_passwords",
    "ungcuu_ended_application_passwords",
)
_TABLE = re.compile(r"[A-Za-z0-9_]{1,64}usermeta|usermeta")


def _tables(schema: str) -> list[str]:
    return [
        f"{mariadb.quoted(schema)}.{mariadb.quoted(name)}" for name in mariadb.tables(schema) if _TABLE.fullmatch(name)
    ]


def end(schema: str) -> int:
    """End every application password of the site; give how many accounts still have some."""
    names = f"{mariadb.text(_LIVE)},{mariadb.text(_LOCKED)}"
    for table in _tables(schema):
        mariadb.ask(f"UPDATE {table} SET meta_key={mariadb.text(_ENDED)} WHERE meta_key IN ({names})")
    counts = [mariadb.ask(f"SELECT COUNT(*) FROM {table} WHERE meta_key IN ({names})") for table in _tables(schema)]
    return sum(int(rows[0][0]) for rows in counts if rows)
