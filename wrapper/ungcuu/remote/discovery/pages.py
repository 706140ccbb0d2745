"""Ask the web server of this host for a page, over loopback, in the name of a website."""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import Any
from urllib.parse import urljoin, urlsplit

BODY = 256 << 10  # bytes of a page that are read
SECONDS = 10
REDIRECTS = 3


def page(port: int, tls: bool, host: str, path: str) -> dict[str, Any]:
    """The page that a visitor comes to: its status, name, path and text. Redirects are followed on this port alone."""
    seen: dict[str, Any] = {}
    for _step in range(REDIRECTS + 1):
        seen = {"host": host, "path": path, **_answer(port, tls, host, path)}
        if seen["status"] not in (301, 302, 303, 307, 308):
            break
        try:
            target = urlsplit(urljoin(f"{'https' if tls else 'http'}://{host}{path}", str(seen.pop("location", ""))))
            if target.scheme != ("https" if tls else "http") or not target.hostname:
                break  # the other port is asked for itself
        except ValueError:
            break
        host, path = target.hostname, (target.path or "/") + (f"?{target.query}" if target.query else "")
    return seen


def _answer(port: int, tls: bool, host: str, path: str) -> dict[str, Any]:
    try:
        connection = _connection(port, tls, host)
        try:
            connection.request("GET", path, headers={"Host": host, "User-Agent": "ungcuu", "Accept": "text/html"})
            answer = connection.getresponse()
            body = answer.read(BODY)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        return {"status": 0, "why": type(error).__name__}
    location = answer.getheader("Location") or ""
    return {"status": answer.status, "location": location, "body": body.decode("utf-8", "replace")}


def _connection(port: int, tls: bool, host: str) -> http.client.HTTPConnection:
    """A connection to this host itself; its certificate is not judged here, the name in it may be another's."""
    line: socket.socket = socket.create_connection(("127.0.0.1", port), SECONDS)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        line = context.wrap_socket(line, server_hostname=host)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    connection.sock = line
    return connection
