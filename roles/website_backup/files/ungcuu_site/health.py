"""Ask the website as a visitor would: its name in the Host header, a text that must stand in the page."""

from __future__ import annotations

import http.client
import ssl
import time
from typing import Any

from ungcuu_site.common import RefusedError

_MOST_BYTES = 4 * 2**20
_ASK_SECONDS = 10


def wait_for(site: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Ask until the page is right.

    Raises:
        RefusedError: it was not right within `seconds`; with the last answer.
    """
    deadline = time.monotonic() + seconds
    while True:
        seen = _ask(site)
        if seen["status"] == 200 and seen["text"]:
            return seen
        if time.monotonic() > deadline:
            raise RefusedError(
                f"{site['health_path']} answers {seen['status']}, its text {'is' if seen['text'] else 'is not'} there"
            )
        time.sleep(0.5)


def _ask(site: dict[str, Any]) -> dict[str, Any]:
    seen: dict[str, Any] = {"status": 0, "text": False}
    for secure in (False, True):
        try:
            status, body = _get(site, secure)
        except (OSError, http.client.HTTPException):
            continue
        seen = {"status": status, "text": site["health_text"].encode() in body, "secure": secure}
        if status not in (301, 302, 307, 308):
            break
    return seen


def _get(site: dict[str, Any], secure: bool) -> tuple[int, bytes]:
    connection: http.client.HTTPConnection
    if secure:
        # The certificate names the website, not this address, and it is the page that is being judged.
        context = ssl._create_unverified_context()  # noqa: S323
        connection = http.client.HTTPSConnection("127.0.0.1", 443, timeout=_ASK_SECONDS, context=context)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=_ASK_SECONDS)
    try:
        connection.request("GET", site["health_path"], headers={"Host": site["name"], "User-Agent": "ungcuu"})
        answer = connection.getresponse()
        return answer.status, answer.read(_MOST_BYTES)
    finally:
        connection.close()
