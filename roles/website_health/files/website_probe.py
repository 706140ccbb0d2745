"""Ask a website for one page and say in numbers whether it is well.

Runs on the controller and on the host alike, with nothing but Python's own library. The host may lie or misbehave:
at most ``MAX_BYTES`` are read, each attempt has a deadline, redirects never leave the address that was asked, and no
byte of the page is printed. Reads one JSON document from argv, prints one, exits 0 whenever it could judge.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import sys
import time
from typing import Any
from urllib.parse import urlsplit

MAX_BYTES = 4 * 1024 * 1024
CHUNK = 65536
REDIRECTS = {301, 302, 303, 307, 308}
MAX_REDIRECTS = 3
HTTP_OK = 200


class PinnedConnection(http.client.HTTPConnection):
    """HTTP or HTTPS to one address, whatever the name resolves to.

    The certificate is not judged here: many sites sit behind one that names only the public address, and the
    question is whether the site works; the TLS checks of the audit judge certificates.
    """

    def __init__(self, address: str, port: int, name: str, timeout: float, tls: bool) -> None:
        super().__init__(address, port, timeout=timeout)
        self._name, self._tls = name, tls

    def connect(self) -> None:
        """Open the connection, with the site's name as SNI under TLS."""
        super().connect()
        if self._tls:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.sock = context.wrap_socket(self.sock, server_hostname=self._name)


def read_bounded(response: http.client.HTTPResponse, deadline: float) -> bytes:
    """The body, at most ``MAX_BYTES``. Raises: TimeoutError when the deadline passes first."""
    body = bytearray()
    while len(body) < MAX_BYTES and (chunk := response.read1(CHUNK)):
        body += chunk
        if time.monotonic() > deadline:
            raise TimeoutError("the page did not end in time")
    return bytes(body[:MAX_BYTES])


def ask_once(question: dict[str, Any]) -> dict[str, Any]:
    """One attempt: ``{status, bytes, text_found, error}``; follows redirects that stay on the site's own name."""
    scheme, path = question["scheme"], question["path"]
    port = question["port"] or (443 if scheme == "https" else 80)
    deadline = time.monotonic() + question["timeout"]
    for _hop in range(MAX_REDIRECTS + 1):
        connection = PinnedConnection(
            question["address"], port, question["name"], question["timeout"], tls=scheme == "https"
        )
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"Host": question["name"], "User-Agent": "ungcuu-health/1"})
            response = connection.getresponse()
            body = read_bounded(response, deadline)
        if response.status not in REDIRECTS:
            break
        target = urlsplit(response.getheader("Location", ""))
        if target.hostname not in (None, question["name"]) or target.scheme not in ("", "http", "https"):
            break
        if target.scheme and target.scheme != scheme:
            scheme, port = target.scheme, target.port or (443 if target.scheme == "https" else 80)
        path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    found = question["text"].encode() in body
    return {"status": response.status, "bytes": len(body), "text_found": found, "error": ""}


def attempt(question: dict[str, Any]) -> dict[str, Any]:
    """``ask_once``, with every way of not getting an answer turned into a word of our own."""
    try:
        return ask_once(question)
    except TimeoutError:
        error = "timeout"
    except ConnectionRefusedError:
        error = "refused"
    except ssl.SSLError:
        error = "tls"
    except OSError:
        error = "unreachable"
    except (http.client.HTTPException, ValueError):
        error = "not http"
    return {"status": 0, "bytes": 0, "text_found": False, "error": error}


def main() -> None:
    """Ask until the site is well or the attempts are used up; print the last answer."""
    question = json.loads(sys.argv[1])
    started = time.monotonic()
    answer: dict[str, Any] = {}
    for number in range(1, question["tries"] + 1):
        answer = attempt(question)
        answer |= {"tries": number, "passed": answer["status"] == HTTP_OK and answer["text_found"]}
        if answer["passed"]:
            break
        if number < question["tries"]:
            time.sleep(question["pause"])
    answer["milliseconds"] = round((time.monotonic() - started) * 1000)
    print(json.dumps(answer))


main()
