"""Ask the database as its administrator over its local socket."""

from __future__ import annotations

import os

from ungcuu.remote.host_state.reading import run


def sql(query: str) -> list[list[str]]:
    """Rows of the queries; they go over standard input, so that no process list shows them."""
    client = next((name for name in ("mariadb", "mysql") if os.path.exists(f"/usr/bin/{name}")), "")
    text = (
        run(client, "--no-defaults", "-uroot", "--batch", "-N", "--default-character-set=utf8mb4", feed=query)
        if client
        else ""
    )
    return [line.split("\t") for line in text.splitlines()]
