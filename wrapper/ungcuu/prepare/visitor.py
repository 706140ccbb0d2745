"""A visitor of the website for the roles' tests: asks on the host, with the host's python3, never with a curl there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ungcuu.prepare.one_session import answer_of

# Thirty logins at once keep a small server busy for longer than a usual page: slow is not broken.
PATIENCE = 60  # seconds


@dataclass(frozen=True)
class Answer:
    """One answer, redirects not followed. ``head`` is the status line and the headers, in lower case, one a line."""

    status: int
    head: str
    text: str


class Visitor:
    """Asks the website over the host's loopback, under the website's name. ``host`` is testinfra's."""

    def __init__(self, host: Any, site: Mapping[str, Any]) -> None:
        self._host, self._name = host, str(site["website_name"])
        self._site = site
        self._ports = list(site.get("website_ports") or [])
        doors = self._ask({"do": "doors", "name": self._name, "ports": self._ports})["doors"]
        self._doors = [(str(scheme), int(port)) for scheme, port in doors]
        seen = self.page()
        self._door = (str(seen["scheme"]), int(seen["port"]))
        if seen["passed"]:
            self._doors = [door for door in self._doors if door == self._door or not self._is_neighbours(*door)]

    def _is_neighbours(self, scheme: str, port: int) -> bool:
        """Whether another website's page stands there: a server gives a name that it does not know to another website.

        An error or a redirect may be this website's own broken door, and that is what the tests are to find.
        """
        seen = self.page(scheme=scheme, port=port)
        return seen["status"] == 200 and seen["passed"] is not True

    def port(self, scheme: str) -> int:
        """The first port of the website that speaks ``http`` or ``https``; 0 where none does."""
        return next((port for known, port in self._doors if known == scheme), 0)

    def page(self, tries: int = 1, pause: int = 0, **door: Any) -> dict[str, Any]:
        """The health page, redirects followed, as ``ungcuu.remote.page.wait`` judges it: ``passed``, ``status``, …

        ``door``: one ``scheme`` with its ``port``, else the first that answers.
        """
        asked = {name: self._site[f"website_health_{name}"] for name in ("path", "text")}
        order = {"do": "wait", "name": self._name, "ports": self._ports, "address": "127.0.0.1", "tries": tries}
        return dict(self._ask(order | asked | door | {"pause": pause, "timeout": PATIENCE}))

    def get(self, path: str = "/", **options: Any) -> Answer:
        """One answer; ``options`` are those of ``ungcuu.remote.page.ask``.

        Without a ``scheme`` it is asked where the redirects of the health page end: a site that sends everybody to TLS
        is judged there.
        """
        return self.get_all([path], **options)[0]

    def get_all(self, paths: Sequence[str], **options: Any) -> list[Answer]:
        """Answers to requests that are sent at once.

        Raises:
            AssertionError: The website does not answer.
        """
        scheme = options.pop("scheme", "")
        scheme, port = (scheme, self.port(scheme)) if scheme else self._door
        request = {"name": self._name, "scheme": scheme, "port": port, "timeout": PATIENCE, **options}
        answers = self._ask({"do": "get", "requests": [request | {"path": path} for path in paths]})["answers"]
        silent = [answer["error"] for answer in answers if answer["error"]]
        assert not silent, f"{self._name} gives no answer over {scheme} on this host: {silent[0]}"  # noqa: S101
        return [Answer(row["status"], _head(row), row["text"]) for row in answers]

    def _ask(self, order: Mapping[str, Any]) -> Any:
        by_session = getattr(self._host.backend, "page", lambda _order: None)
        if (found := by_session(order)) is not None:
            return found
        return answer_of(self._host, "page", order)


def _head(row: Mapping[str, Any]) -> str:
    lines = [f"http {row['status']}", *(f"{name}: {value}" for name, value in row["headers"])]
    return "\n".join(lines).lower() + "\n"
