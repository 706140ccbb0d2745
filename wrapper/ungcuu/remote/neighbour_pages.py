"""The home page of every other website of this host: what it looks like, so that a change for the worse is seen.

Part of programs that run on a host: standard library only.
"""

from __future__ import annotations

import fnmatch
import hashlib
import http.client
import os
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from ungcuu.remote.page_client import Browser

_REDIRECTS = 4
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?")
_TITLE = re.compile(rb"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


def pages_beside(sites: list[dict[str, Any]], own: str) -> list[dict[str, Any]]:
    """Every name of every site with each of its ports, but the website that is hardened."""
    found: dict[str, dict[str, Any]] = {}
    for site in sites:
        for listen in site["listens"]:
            for name in site["names"] or ["_"]:
                host = asked_name(name)
                page = {"host": host, "port": listen["port"], "tls": listen["tls"], "address": listen["address"]}
                page["trial"] = f"page of {host}:{listen['port']}"
                if host != own.lower():
                    found.setdefault(page["trial"], page)
    return list(found.values())


def asked_name(name: str) -> str:
    """A Host header that reaches the site: its name, one that a wildcard covers, or one that nobody has."""
    name = name.replace("*", "www").strip(".")
    return name if _HOST.fullmatch(name) else "nobody.invalid"


def look(page: dict[str, Any], settled: bool) -> dict[str, Any]:
    """Ask for the page; ``settled`` asks twice, and keeps only what is the same both times.

    ``passed`` says that it can be compared: it answered, and not with an error of the server's own. Without ``seen``,
    nothing listens there.
    """
    started = time.monotonic()
    try:
        seen = fingerprint(page)
        if settled:
            again = fingerprint(page)
            seen = {key: value for key, value in seen.items() if again.get(key) == value or key == "length"}
    except ConnectionRefusedError as error:
        return {
            "passed": False,
            "detail": {"code": "trial_not_listening", "said": {"code": "said", "text": str(error)}},
        }
    except (OSError, http.client.HTTPException, ValueError) as error:
        seen, detail = {}, {"code": "said", "text": f"{type(error).__name__}: {error}"[:200]}
    else:
        steady = "status" in seen
        detail = {"code": "status_plain", "status": seen["status"]} if steady else {"code": "status_changes"}
    passed = 0 < seen.get("status", 0) < 500
    return {
        "passed": passed,
        "detail": detail,
        "seen": seen,
        "page": page,
        "seconds": round(time.monotonic() - started, 3),
    }


def fingerprint(page: dict[str, Any]) -> dict[str, Any]:
    """What the page looks like: status, title (its digest), where it sends visitors, and its length.

    Redirects are followed as long as they stay on this site.
    """
    browser, path = Browser(page["host"], "https" if page["tls"] else "http", page["port"], page["address"]), "/"
    for _ in range(_REDIRECTS):
        status, headers, body = browser.ask("GET", path)
        location = headers.get("location", "")
        there = urlsplit(urljoin(browser.origin + path, location))
        if not 300 <= status < 400 or not location or there.hostname != page["host"]:
            break
        path = (there.path or "/") + (f"?{there.query}" if there.query else "")
        if there.scheme in ("http", "https") and there.scheme != browser.scheme:
            browser = Browser(page["host"], there.scheme, there.port or 0, page["address"])
    title = _TITLE.search(body)
    return {
        "status": status,
        "title": hashlib.sha256(title[1].strip()).hexdigest()[:16] if title else "",
        "location": location[:200],
        "length": len(body),
    }


def wrong_root(sites: list[dict[str, Any]], name: str, root: str) -> dict[str, Any]:
    """Why this root can't be the website's: it is missing, or the web server answers for the name from another place.

    Empty where it is right, and where no web server that is read here says from where it answers: of a website behind
    a proxy the program alone knows.
    """
    name = name.lower()
    answering = [site for site in sites if name in site["names"]]
    answering = answering or [site for site in sites if any(covers(known, name) for known in site["names"])]
    if not answering and not any(known.startswith("~") for site in sites for known in site["names"]):
        answering = [site for site in sites if any(listen["default"] for listen in site["listens"])]
    places = sorted({place for site in answering for place in site["roots"] + site["aliases"]})
    if not Path(root).is_dir():
        return {"why": "missing", "roots": places}
    if any(site.get("hands_on") for site in answering):
        return {}
    return {"why": "elsewhere", "roots": places} if places and os.path.realpath(root) not in places else {}


def covers(known: str, name: str) -> bool:
    """Whether a server's name with a wildcard covers a name; nginx's ``.example.vn`` is the name and all below it."""
    return fnmatch.fnmatchcase(name, f"*{known}" if known.startswith(".") else known) or known == f".{name}"
