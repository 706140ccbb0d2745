"""Which rules of ModSecurity refused our own requests, from its audit log. Part of programs that run on a host."""

from __future__ import annotations

import re
from pathlib import Path

LOGS = ("/var/log/nginx/modsecurity.log", "/var/log/apache2/modsecurity.log")
_PART = re.compile(r"^-{2,3}(\w+)-{1,3}([A-Z])--\s*$", re.MULTILINE)
_RULE = re.compile(r'\[id "(9[0-9]{5})"\]')
_SUMMING_UP = ("949", "959", "980")  # rules that only add up what others found
_MOST = 8 << 20


def log_ends() -> dict[str, int]:
    """How long each log is now."""
    return {path: Path(path).stat().st_size for path in LOGS if Path(path).is_file()}


def refused_by(begun: dict[str, int]) -> list[int]:
    """Rules that had a part in refusing a request of the probe since ``log_ends`` was asked."""
    found: set[int] = set()
    for path in log_ends():
        with Path(path).open("rb") as log:
            log.seek(begun.get(path, 0))
            found |= rules_in(log.read(_MOST).decode("utf-8", "replace"))
    return sorted(found)


def rules_in(text: str) -> set[int]:
    """The rules of each refused request that came over loopback from the probe."""
    parts = _PART.split(text)[1:]
    requests: dict[str, dict[str, str]] = {}
    for mark, letter, content in zip(parts[::3], parts[1::3], parts[2::3], strict=False):
        requests.setdefault(mark, {})[letter] = content
    return {
        int(rule)
        for request in requests.values()
        if re.search(r"\] \S+ (?:127\.0\.0\.1|::1) ", request.get("A", ""))
        and re.search(r"^User-Agent: ungcuu-probe\s*$", request.get("B", ""), re.MULTILINE | re.IGNORECASE)
        and "Access denied" in request.get("H", "")
        for rule in _RULE.findall(request["H"])
        if not rule.startswith(_SUMMING_UP)
    }
