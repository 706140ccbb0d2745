"""Programs of this host to which a web server hands requests on: where each listens, as whom it runs, out of what."""

from __future__ import annotations

import pwd
import re
from pathlib import Path

from ungcuu.remote.bounded import printed

_ROW = re.compile(
    r"^(?P<kind>\S+)\s+LISTEN\s+\d+\s+\d+\s+(?P<words>\S+(?:\s+\d+)?)\s.*?users:\((?P<users>\(.*\))\)", re.M
)
_PROCESS = re.compile(r'\("(?P<name>[^"]{1,40})",pid=(?P<pid>\d+),')
_SERVERS = ("nginx", "apache2", "sshd", "systemd", "mariadbd", "postgres")


def programs() -> list[dict[str, str]]:
    """Address, program, account, working folder, unit and the unit's file of whatever listens for this host alone."""
    found = []
    for row in _ROW.finditer(printed("ss", "-Hltxnp", needed=False)):
        address = _address(row["words"])
        process = next((one for one in _PROCESS.finditer(row["users"]) if one["name"] not in _SERVERS), None)
        if address and process:
            found.append({"address": address, "program": process["name"], **_process(process["pid"])})
    return found[:100]


def _address(words: str) -> str:
    """``unix:/path`` or ``127.0.0.1:port``; empty for an abstract socket."""
    first = words.split(maxsplit=1)[0]
    if first.startswith("/"):
        return f"unix:{first}"
    port = first.rpartition(":")[2]
    return f"127.0.0.1:{port}" if port.isdecimal() and not first.startswith("@") else ""


def _process(pid: str) -> dict[str, str]:
    place = Path("/proc", pid)
    try:
        user = pwd.getpwuid(place.stat().st_uid).pw_name
        folder = str((place / "cwd").readlink())
        group = (place / "cgroup").read_text("utf-8", "replace")
    except (OSError, KeyError):
        return {"user": "", "folder": "", "unit": "", "file": ""}
    unit = (re.findall(r"/([A-Za-z0-9@_.:-]{1,100}\.service)(?:/|$)", group, re.M) or [""])[-1]
    file = printed("systemctl", "show", "-p", "FragmentPath", "--value", unit, needed=False).strip() if unit else ""
    return {"user": user, "folder": folder, "unit": unit, "file": file}
