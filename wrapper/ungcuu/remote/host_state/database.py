"""The database: the server's own state, and the application's."""

from __future__ import annotations

import os
import re

from ungcuu.remote.config import CONFIG
from ungcuu.remote.host_state import mariadb, postgresql
from ungcuu.remote.host_state.application import application
from ungcuu.remote.host_state.reading import demand, emit
from ungcuu.remote.host_state.sql import sql


def database() -> None:
    """Code and accounts of the server, then the application's own data."""
    emit("coverage", topic="server", why=_server())
    application()


def _server() -> str:
    """Read the server's state. Returns why it was not read, empty where it was."""
    name, engine, profile = CONFIG.get("database", ""), CONFIG.get("engine", ""), CONFIG.get("profile")
    if profile and not profile["engines"] and not engine:
        return ""  # an application that keeps all in files
    if not engine or not re.fullmatch(r"[A-Za-z0-9_$-]{1,64}", name):
        return "no-database"
    if engine == "postgresql":
        return "" if postgresql.server(name) else "no-answer"
    if engine not in ("mariadb", "mysql"):
        return "engine"
    here = any(os.path.exists(f"/usr/sbin/{daemon}") for daemon in ("mariadbd", "mysqld"))
    answers = sql("SELECT 1;") == [["1"]]
    demand(answers or not here)
    mariadb.server()
    return "" if answers else "no-answer"
