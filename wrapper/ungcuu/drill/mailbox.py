"""The address that the watch notifies during a drill: a webhook on this machine's loopback."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_MOST_BYTES = 1 << 20


class Mailbox:
    """Takes the messages of the watch, and notes when each came."""

    def __init__(self) -> None:
        """Listen on a free port of loopback."""
        box = self
        self.messages: list[tuple[float, str]] = []

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = min(int(self.headers.get("Content-Length") or 0), _MOST_BYTES)
                box.messages.append((time.time(), _text(self.rfile.read(size))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_words: object) -> None:
                """Stay silent: the drill's own lines say what came."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def target(self) -> str:
        """Return the address as the inventory states it."""
        return f"json://127.0.0.1:{self._server.server_port}/drill"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def _text(body: bytes) -> str:
    try:
        document: Any = json.loads(body)
    except ValueError:
        return ""
    return str(document.get("message", "")) if isinstance(document, dict) else ""
