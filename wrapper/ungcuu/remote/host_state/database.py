"""The database: the server's own state, and the application's."""

from __future__ import annotations

import os
import re

from ungcuu.remote.config import CONFIG
from ungcuu.remote.host_state import mariadb
from ungcuu.remote.host_state.reading import demand
from ungcuu.remote.host_state.sql import sql
from ungcuu.remote.host_state.wordpress import wordpress


def database() -> None:
    """Administrators of the application, its switches, and code that lives in the database."""
    name = CONFIG.get("database", "")
    if CONFIG.get("engine") not in ("mariadb", "mysql") or not re.fullmatch(r"[A-Za-z0-9_]{1,64}", name):
        return
    if any(os.path.exists(f"/usr/sbin/{daemon}") for daemon in ("mariadbd", "mysqld")):
        demand(sql("SELECT 1;") == [["1"]])
    mariadb.server()
    if CONFIG.get("application") == "wordpress":
        wordpress(name)
