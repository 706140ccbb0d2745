"""What serves here: the running configuration of nginx and Apache, PHP's pools, databases, listening ports."""

from __future__ import annotations

import os
import pwd
import re
from pathlib import Path
from typing import Any

from ungcuu.remote import web_servers
from ungcuu.remote.bounded import printed, texts
from ungcuu.remote.discovery.programs import programs


def running() -> list[str]:
    """Names of the programs that run."""
    names = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            names.add((folder / "comm").read_text("utf-8", "replace").strip())
        except OSError:
            continue
    return sorted(names)


def workers() -> list[list[str]]:
    """Pool and account of each PHP worker that runs."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title = (folder / "cmdline").read_bytes()[:200].decode("utf-8", "replace")
            account = pwd.getpwuid(folder.stat().st_uid).pw_name
        except (OSError, KeyError):
            continue
        if match := re.match(r"php-fpm: pool ([\w.-]+)", title):
            found.add((match[1], account))
    return sorted([pool, account] for pool, account in found)


def sockets() -> dict[str, str]:
    """Each name of a PHP socket, and the socket that it stands for (alternatives are links)."""
    return {str(path): str(path.resolve()) for path in sorted(Path("/run/php").glob("*.sock"))[:100]}


def databases() -> dict[str, list[str] | None]:
    """Names of the databases of each server that runs here. None: it runs, and did not answer."""
    found: dict[str, list[str] | None] = {}
    names = running()
    if {"mariadbd", "mysqld"} & set(names):
        program = "mariadb" if Path("/usr/bin/mariadb").exists() else "mysql"
        found["mariadb"] = _rows(printed(program, "-N", "-B", "-e", "SHOW DATABASES"))
    if "postgres" in names:
        query = "SELECT datname FROM pg_database WHERE NOT datistemplate"
        found["postgresql"] = _rows(printed("psql", "-X", "-At", "-c", query, user="postgres"))
    return found


def _rows(text: str) -> list[str] | None:
    return text.split("\n")[:-1][:1000] or None


def listening() -> list[list[Any]]:
    """Port and program of whatever listens on more than loopback."""
    rows = re.findall(
        r"^LISTEN\s+\d+\s+\d+\s+(\S+):(\d+)\s+\S+(?:\s+users:\(\(\"([^\"]+))?", printed("ss", "-Hltnp"), re.M
    )
    return sorted(
        [int(port), program]
        for port, program in {(p, name) for address, p, name in rows if not address.startswith(("127.", "[::1]"))}
    )


def servers() -> dict[str, Any]:
    """Everything of it."""
    return {
        "hostname": os.uname().nodename,
        "nginx": web_servers.nginx(),
        "apache": web_servers.apache(),
        "pools": texts("*/fpm/pool.d/*.conf", "/etc/php"),
        "workers": workers(),
        "sockets": sockets(),
        "programs": programs(),
        "databases": databases(),
        "listening": listening(),
    }
