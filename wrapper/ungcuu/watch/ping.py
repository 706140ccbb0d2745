"""Let an outside address know that a round was done: somebody else then notices when this controller falls silent."""

from __future__ import annotations

import urllib.request
from http.client import HTTPException

_SECONDS = 10


def ping(address: str) -> bool:
    """Ask for the address once; whether it answered well. The address is a secret: it is never shown.

    The certificate is verified, and no redirect leads anywhere else.
    """
    opener = urllib.request.build_opener(_NoRedirect)
    request = urllib.request.Request(address, headers={"User-Agent": "ungcuu"})  # noqa: S310  (its form is checked)
    try:
        with opener.open(request, timeout=_SECONDS) as answer:
            return 200 <= int(answer.status) < 300
    except (OSError, HTTPException, ValueError):
        return False


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_words: object, **_named: object) -> None:
        return None
