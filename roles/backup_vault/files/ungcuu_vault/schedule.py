"""The timer that starts a site's backups: whether it runs, and how its last run ended."""

from __future__ import annotations

import datetime
import subprocess
from typing import Any

from ungcuu_vault.common import stamp
from ungcuu_vault.site import Site


def schedule(site: Site) -> dict[str, Any]:
    """`active`, `last_run` (UTC, empty for never), `result` (systemd's word: success, exit-code, timeout, …)."""
    unit = f"ungcuu-backup@{site.name}"
    timer = _show(f"{unit}.timer", "ActiveState", "LastTriggerUSec")
    return {
        "active": timer.get("ActiveState") == "active",
        "last_run": _moment(timer.get("LastTriggerUSec", "")),
        "result": _show(f"{unit}.service", "Result").get("Result", ""),
    }


def _show(unit: str, *names: str) -> dict[str, str]:
    command = ["systemctl", "show", "--timestamp=unix", unit, *(f"--property={name}" for name in names)]
    said = subprocess.run(command, capture_output=True, check=False, text=True).stdout
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


def _moment(text: str) -> str:
    """`@1700000000` as a time in UTC; empty for anything else, which is systemd's way to say never."""
    if not text.startswith("@") or not text[1:].isdecimal() or text == "@0":
        return ""
    return stamp(datetime.datetime.fromtimestamp(int(text[1:]), datetime.UTC))
