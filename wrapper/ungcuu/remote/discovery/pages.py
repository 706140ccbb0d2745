"""Ask the web server of this host for a page, over loopback, in the name of a website."""

from __future__ import annotations

import http.client
from typing import Any
from urllib.parse import urljoin, urlsplit

from ungcuu.remote import page

SECONDS = 5.0


def first_page(port: int, tls: bool, host: str, path: str, most: int) -> dict[str, Any]:
    """The page that a visitor comes to: its status, name, path, its first ``most`` bytes, and whether there are more.

    Redirects are followed on this port alone, also to another name: that is how a website without a name in its
    configuration gives it away.
    """
    scheme = "https" if tls else "http"
    seen: dict[str, Any] = {}
    for _hop in range(page.HOPS + 1):
        try:
            asked = {"scheme": scheme, "port": port, "timeout": SECONDS, "headers": {"Accept": "text/html"}}
            status, headers, body = page.ask("127.0.0.1", host, path, **asked)
            text = body[:most].decode("utf-8", "replace")
            seen = {"host": host, "path": path, "status": status, "body": text, "more": len(body) > most}
            onward = {name.lower(): value for name, value in headers}.get("location", "")
            target = urlsplit(urljoin(f"{scheme}://{host}{path}", onward))
            if status not in page.MOVED or target.scheme != scheme or not target.hostname:
                break  # the other port is asked for itself
            host, path = target.hostname, (target.path or "/") + (f"?{target.query}" if target.query else "")
        except (OSError, http.client.HTTPException, ValueError):
            return seen or {"host": host, "path": path, "status": 0}
    return seen
