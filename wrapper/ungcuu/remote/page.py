"""The one client that asks a website for a page, and the one judgement of whether that page is healthy.

Runs on the controller, on a website host and on a vantage point alike: the standard library alone, Python 3.9 and
later, no other module of ungcuu. The side that is asked may lie or misbehave: at most ``BODY`` bytes are read, each
request has a deadline, and no redirect leads away from the address that was asked.

A page is healthy when its status is 200 and its text stands in it, after redirects within the site's own name; each
of them may change scheme and port. The certificate is not judged: it names the website, and the address is loopback
or the host's own; the audit judges certificates.

``main({"do": "wait", …})`` returns one document: ``wait`` until the page is healthy, ``get`` some answers as they came,
``doors`` says how each port of the site speaks.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

BODY = 4 << 20  # bytes of a page that are read
CHUNK = 65536
HOPS = 4  # redirects that are followed
MOVED = (301, 302, 303, 307, 308)
USUAL = {"http": 80, "https": 443}
_ERRORS = (OSError, http.client.HTTPException, ValueError)


def ask(address: str, name: str, path: str, **options: Any) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body of one answer; redirects are not followed.

    ``options``: ``scheme``, ``port`` (0: the scheme's usual one), ``method``, ``body``, ``headers``, ``timeout`` in
    seconds for connecting, and for the whole answer.

    Raises:
        OSError: Nobody answered in time.
        http.client.HTTPException: The answer is not HTTP.
    """
    scheme, timeout = str(options.get("scheme") or "http"), float(options.get("timeout") or 15)
    until = time.monotonic() + timeout
    client = http.client.HTTPConnection(name, timeout=timeout)
    with contextlib.closing(client):
        client.sock = socket.create_connection((address, int(options.get("port") or USUAL[scheme])), timeout)
        if scheme == "https":
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            client.sock = context.wrap_socket(client.sock, server_hostname=name)
        sent = {"Host": name, "User-Agent": "ungcuu", "Connection": "close", **(options.get("headers") or {})}
        client.request(str(options.get("method") or "GET"), path, options.get("body"), sent)
        answer = client.getresponse()
        body = bytearray()
        while len(body) < BODY and (chunk := answer.read1(CHUNK)):
            body += chunk
            if time.monotonic() > until:
                raise TimeoutError("the page did not end in time")
        return answer.status, answer.getheaders(), bytes(body[:BODY])


def doors(ports: list[int]) -> list[tuple[str, int]]:
    """Where a visitor may come in, in the order in which it is tried: plain on 80, TLS on 443, either elsewhere."""
    known = [int(port) for port in ports] or [80, 443]
    usual = [(scheme, port) for scheme, port in USUAL.items() if port in known]
    return usual + [(scheme, port) for port in known if port not in USUAL.values() for scheme in ("https", "http")]


def look(site: dict[str, Any], address: str = "127.0.0.1") -> dict[str, Any]:
    """Ask for a site's page: ``status``, ``found`` (its text), ``bytes``, ``error``, ``scheme``, ``port``, ``path``.

    ``site``: ``name``, ``path``, ``text``, ``ports`` (those of the website) or one ``scheme`` with its ``port``, and
    ``timeout``. The first door that answers decides.
    """
    ways = [(site["scheme"], int(site.get("port") or 0))] if site.get("scheme") else doors(site.get("ports") or [])
    answer: dict[str, Any] = {}
    for scheme, port in ways:
        answer = _follow(site, address, scheme, port or USUAL[scheme])
        if not answer["error"]:
            break
    return answer


def healthy(answer: dict[str, Any]) -> bool:
    """Whether the page that :func:`look` got is the website's, and well."""
    return answer.get("status") == 200 and answer.get("found") is True


def _follow(site: dict[str, Any], address: str, scheme: str, port: int) -> dict[str, Any]:
    name, path = str(site["name"]), str(site["path"])
    status, body = 0, b""
    for _hop in range(HOPS + 1):
        try:
            status, headers, body = ask(
                address, name, path, scheme=scheme, port=port, timeout=site.get("timeout"), headers=_host(name, port)
            )
            onward = urlsplit({key.lower(): value for key, value in headers}.get("location", ""))
            elsewhere = onward.hostname not in (None, name.lower()) or onward.scheme not in ("", "http", "https")
            if status not in MOVED or elsewhere:
                break
            if onward.hostname:
                scheme = onward.scheme or scheme
                port = onward.port or USUAL[scheme]
        except _ERRORS as error:
            found = {"status": 0, "found": False, "bytes": 0, "error": word_of(error)}
            return {**found, "scheme": scheme, "port": port, "path": path}
        path = (onward.path or "/") + (f"?{onward.query}" if onward.query else "")
    seen = {"status": status, "found": str(site.get("text") or "").encode() in body, "bytes": len(body), "error": ""}
    return {**seen, "scheme": scheme, "port": port, "path": path}


def _host(name: str, port: int) -> dict[str, str]:
    return {} if port in USUAL.values() else {"Host": f"{name}:{port}"}


def word_of(error: Exception) -> str:
    """What kept an answer away, in one of five words: nothing that the other side said."""
    if isinstance(error, (TimeoutError, socket.timeout)):
        return "timeout"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, ssl.SSLError):
        return "tls"
    return "unreachable" if isinstance(error, OSError) else "not http"


def wait(order: dict[str, Any]) -> dict[str, Any]:
    """Ask until the page is healthy or the ``tries`` are used up, ``pause`` seconds apart; the last answer."""
    begun = time.monotonic()
    answer: dict[str, Any] = {}
    for number in range(1, int(order["tries"]) + 1):
        answer = look(order, str(order["address"]))
        answer.update(tries=number, passed=healthy(answer))
        if answer["passed"]:
            break
        if number < int(order["tries"]):
            time.sleep(float(order["pause"]))
    answer["milliseconds"] = round((time.monotonic() - begun) * 1000)
    return answer


def get(order: dict[str, Any]) -> dict[str, Any]:
    """Answers as they came, all asked at once: ``requests`` are what :func:`ask` takes, in mappings."""

    def one(request: dict[str, Any]) -> dict[str, Any]:
        try:
            status, headers, body = ask(**{"address": "127.0.0.1", **request})
        except _ERRORS as error:
            return {"status": 0, "headers": [], "text": "", "error": word_of(error)}
        return {"status": status, "headers": headers, "text": body[:CHUNK].decode("utf-8", "replace"), "error": ""}

    with ThreadPoolExecutor(max_workers=32) as pool:
        return {"answers": list(pool.map(one, order["requests"]))}


def spoken(order: dict[str, Any]) -> dict[str, Any]:
    """How each port of the site speaks, as [scheme, port]; a port that nobody answers on is left out."""
    found: list[tuple[str, int]] = []
    for scheme, port in doors(order["ports"]):
        if port in [known for _scheme, known in found]:
            continue
        with contextlib.suppress(*_ERRORS):
            ask("127.0.0.1", order["name"], "/", scheme=scheme, port=port, method="HEAD")
            found.append((scheme, port))
    return {"doors": found}


def main(order: Mapping[str, Any]) -> dict[str, Any]:
    """Do what is asked for."""
    asked = dict(order)
    return {"wait": wait, "get": get, "doors": spoken}[asked.pop("do")](asked)
