"""What integration tests type on a lab's hosts, and how they read what a verb answers."""

from __future__ import annotations

import http.client
import json
from typing import Any

from ungcuu.lab import Lab


def on(lab: Lab, host: str, command: str, given: str | bytes | None = None) -> str:
    """Run a shell command as root on a lab host; it must end well."""
    done = lab.exec(host, ["sh", "-c", command], given.encode() if isinstance(given, str) else given)
    assert done.returncode == 0, done.stderr.decode(errors="replace") + done.stdout.decode(errors="replace")
    return done.stdout.decode()


def each_on(lab: Lab, host: str, command: str, given: str | bytes | None = None) -> str:
    """The same, where each command of several must end well."""
    return on(lab, host, f"set -e\n{command}", given)


def vault(lab: Lab, *words: str, host: str = "vault01") -> dict[str, Any]:
    """Ask a vault's own command."""
    answer: dict[str, Any] = json.loads(lab.exec(host, ["ungcuu-vault", *words]).stdout)
    return answer


def page(lab: Lab, host: str = "web01") -> str:
    """The website's first page, as a visitor gets it at this host's address."""
    connection = http.client.HTTPConnection(lab.address(host), timeout=30)
    connection.request("GET", "/", headers={"Host": "portal.lab.test"})
    return connection.getresponse().read().decode("utf-8")


def did(answer: tuple[int, dict[str, Any], str]) -> dict[str, Any]:
    """The document of a verb that must have been done."""
    code, document, said = answer
    assert (code, document.get("outcome")) == (0, "DONE"), json.dumps(document.get("error")) + said[-2000:]
    return document


def rules(document: dict[str, Any]) -> dict[str, set[str]]:
    """The rules of a scan's findings, by the place that they name."""
    found: dict[str, set[str]] = {}
    for row in document["findings"]:
        found.setdefault(row["path"], set()).add(row["rule"])
    return found
