"""What a host had and has, and the findings between the two."""

from __future__ import annotations

import base64
from typing import Any

from ungcuu.detect import detectors
from ungcuu.detect.baseline import Snapshot
from ungcuu.detect.comparison import Comparison, Policy
from ungcuu.detect.findings import Finding, worst_first
from ungcuu.detect.records import IDENTITY

ROOT = "/var/www/portal"


POLICY = Policy("web01", ROOT, (f"{ROOT}/wp-content/uploads",))


def snapshot(**rows: list[dict[str, Any]]) -> Snapshot:
    made = Snapshot(ended=True)
    for kind, known in rows.items():
        if kind == "process":
            made.processes.extend(known)
            continue
        for row in known:
            made.rows[kind][tuple(row[name] for name in IDENTITY[kind])] = row
    return made


def file(path: str, area: str = "web", **more: Any) -> dict[str, Any]:
    row = {"path": path, "area": area, "type": "file", "size": 10, "mode": 0o644, "uid": 0, "gid": 0}
    return row | {"sha256": "a" * 64, "mtime": 1, "ctime": 1} | more


def found(before: Snapshot | None, now: Snapshot, policy: Policy = POLICY, **contents: bytes) -> list[Finding]:
    known = {path: base64.b64encode(data).decode() for path, data in contents.items()}
    return worst_first(detectors.detect(Comparison(policy, before, now, known)))


def only(items: list[Finding]) -> tuple[str, str, str]:
    assert len(items) == 1, items
    return items[0].rule, items[0].severity.value, items[0].path


SHELL = b'<?php @eval($_POST["c"]);'


UP = f"{ROOT}/wp-content/uploads"


def account(name: str, **more: str) -> dict[str, Any]:
    """An account as a host names it."""
    row = {"name": name, "uid": "1001", "gid": "1001", "home": "/home/x", "shell": "/bin/bash", "password": "set"}
    return row | {"digest": "d"} | more
