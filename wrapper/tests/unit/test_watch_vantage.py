"""The page as another machine gets it: the real page client, sent as to a host, asks a real server on loopback."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from ungcuu.core.errors import StepFailed
from ungcuu.hosts import ssh
from ungcuu.watch.outside import asking, judge, vantage
from ungcuu.watch.outside.asking import Site
from ungcuu.watch.outside.visitors import PLAIN

OTHER = ssh.Target("spare01", "127.0.0.1")
PAGE = "<title>Sở</title><body>Sở Công Thương <a href=/tin>tin</a>{more}</body>"
SPAM = "<a href=https://casino.invalid/>nhà cái</a>"


class Server(HTTPServer):
    """A site that shows whatever the test sets."""

    more, moved = "", ""


@pytest.fixture
def server() -> Iterator[Server]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert isinstance(self.server, Server)
            self.send_response(302 if self.server.moved else 200)
            self.send_header("Location", self.server.moved)
            self.end_headers()
            self.wfile.write(PAGE.format(more=self.server.more).encode())

        def log_message(self, *_words: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def site(server: Server, monkeypatch: pytest.MonkeyPatch) -> Site:
    def run(_target: object, command: Sequence[str], *, stdin: bytes, **_more: Any) -> ssh.Result:
        done = subprocess.run([sys.executable, *command[1:]], input=stdin, capture_output=True, check=False)
        return ssh.Result(ssh.Ending.EXITED, done.returncode, done.stdout, done.stderr, 0.1)

    monkeypatch.setattr(ssh, "run", run)
    return Site("www.so.gov.vn", "127.0.0.1", (server.server_port,), "/", "Sở Công Thương")


def found(site: Site, server: Server, **shown: str) -> dict[str, str]:
    """What is found where this controller gets a clean page, and the other machine what is ``shown``."""
    first = asking.ask(site, "/", PLAIN)
    for name, value in shown.items():
        setattr(server, name, value)
    page = judge.Looked("/", first, first, vantage.look(OTHER, site))
    return {one.rule: one.place for one in judge.hidden("web01", page)}


def test_a_page_that_is_the_same_everywhere_is_nothing(site: Site, server: Server) -> None:
    assert found(site, server) == {}


def test_what_only_another_machine_gets_is_found(site: Site, server: Server) -> None:
    """A site that knows the controller's address shows it a clean page."""
    place = found(site, server, more=SPAM)["outside.hidden-links"]
    assert place == "/ → casino[.]invalid (visitor, second machine, googlebot, second machine)"


def test_a_redirect_that_only_another_machine_gets_is_found_and_not_followed(site: Site, server: Server) -> None:
    assert "casino[.]invalid" in found(site, server, moved="https://casino.invalid/")["outside.sent-away"]


def test_no_answer_is_said(site: Site, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is no agreement."""
    server.moved = "/elsewhere"
    with pytest.raises(StepFailed, match="no page"):
        vantage.look(OTHER, site)
    for raw in (b"", b"[]", b'{"answers": [{}]}', b'{"answers": 1}'):
        odd = ssh.Result(ssh.Ending.EXITED, 0, raw, b"", 0.1)
        monkeypatch.setattr(ssh, "run", lambda *_words, odd=odd, **_more: odd)
        with pytest.raises(StepFailed):
            vantage.look(OTHER, site)
