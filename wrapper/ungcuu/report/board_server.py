"""Serve the board on this machine's loopback, read only: GET and HEAD of its pages, below a path with a secret word.

The path holds a random word, so that neither another account of this machine nor a page in somebody's browser can read
it. A request for another host's name is refused (DNS rebinding).
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

ADDRESS = "127.0.0.1"
FRESH_SECONDS = 5.0  # how old a page may be before everything is read again
_HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",  # the pages have the rest
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Draw = Callable[[], Mapping[str, str]]


class BoardServer(ThreadingHTTPServer):
    """Answers with the pages that ``draw`` gives; they are drawn again when they are older than a few seconds."""

    daemon_threads = True

    def __init__(self, draw: Draw, port: int) -> None:
        """Bind the port; 0 takes a free one.

        Raises:
            OSError: The port is taken.
        """
        super().__init__((ADDRESS, port), _Handler)
        self.word = secrets.token_urlsafe(16)
        self._draw, self._lock = draw, threading.Lock()
        self._pages: Mapping[str, str] = {}
        self._drawn = float("-inf")

    @property
    def url(self) -> str:
        """The address to open."""
        return f"http://{ADDRESS}:{self.server_port}/{self.word}/"

    def page(self, path: str) -> str | None:
        """Return the page of a path below the random word; None where there is none."""
        with self._lock:
            if time.monotonic() - self._drawn > FRESH_SECONDS:
                self._pages, self._drawn = self._draw(), time.monotonic()
            return self._pages.get(path)


class _Handler(BaseHTTPRequestHandler):
    server: BoardServer
    server_version = "ungcuu"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = 20

    def do_GET(self) -> None:
        """Answer with a page."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Answer with the headers of a page."""
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        parts = urlsplit(self.path).path.removeprefix("/").partition("/")
        known = self.headers.get("Host", "") in (f"{ADDRESS}:{self.server.server_port}",)
        if not known or not secrets.compare_digest(parts[0].encode(), self.server.word.encode()):
            self._send(HTTPStatus.NOT_FOUND, b"", body=body)
            return
        try:
            found = self.server.page(parts[2] or "index.html")
        except Exception:  # whatever can't be read: the reason stands on the terminal of who serves it
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, b"", body=body)
            raise
        status = HTTPStatus.OK if found is not None else HTTPStatus.NOT_FOUND
        self._send(status, (found or "").encode("utf-8", "backslashreplace"), body=body)

    def _send(self, status: HTTPStatus, data: bytes, *, body: bool) -> None:
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, _form: str, *_values: object) -> None:
        """Log nothing: the path holds the word."""
