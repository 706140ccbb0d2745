"""What surrounds the page: security headers, the quality of TLS, addresses and zone of its name.

A person approves them with the page, and later ones are compared with these. What is worse than then is found; what was
never good is a matter for ``audit``.
"""

from __future__ import annotations

import socket
import ssl
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ungcuu.remote import page
from ungcuu.watch.alerts import Sight
from ungcuu.watch.outside import judge, zone
from ungcuu.watch.outside.asking import SECONDS, Answer, Site
from ungcuu.watch.outside.zone import Zone

GRADES = "ABCF"
_RESOLVE = 5.0


@dataclass(frozen=True)
class Surroundings:
    """``grade``: A; B without HSTS; C with TLS 1.0 or 1.1; F where browsers warn; empty without TLS."""

    headers: tuple[str, ...] = ()
    grade: str = ""
    addresses: tuple[str, ...] = ()
    zone: Zone | None = None  # None where it was approved before zones were looked at

    def document(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def from_document(row: Mapping[str, Any]) -> Surroundings:
    """Return it out of :meth:`Surroundings.document`.

    Raises:
        KeyError, TypeError: It is something else.
    """
    known = zone.from_document(row["zone"]) if row.get("zone") is not None else None
    return Surroundings(tuple(map(str, row["headers"])), str(row["grade"]), tuple(map(str, row["addresses"])), known)


def around(site: Site, front: Answer, before: Surroundings | None = None) -> Surroundings:
    """Look at what surrounds the page that a plain visitor got; ``before`` is what was approved."""
    known = before.zone.name if before and before.zone else ""
    return Surroundings(front.headers, _grade(site, front), _addresses(site.name), zone.look(site.name, known))


def worse(host: str, before: Surroundings, now: Surroundings) -> Iterator[Sight]:
    """Yield what is worse than what was approved."""
    if gone := sorted({*before.headers} - {*now.headers}):
        yield judge.sight(host, "outside.headers", "medium", ", ".join(gone))
    if before.grade and (not now.grade or GRADES.index(now.grade) > GRADES.index(before.grade)):
        severity, place = "high" if now.grade in ("", "F") else "medium", f"{before.grade} → {now.grade or '–'}"
        yield judge.sight(host, "outside.tls", severity, place)
    if before.addresses and (new := sorted({*now.addresses} - {*before.addresses})):
        yield judge.sight(host, "outside.addresses", "high", ", ".join(new))
    if before.zone and now.zone:
        yield from zone.worse(host, before.zone, now.zone)


def _grade(site: Site, front: Answer) -> str:
    port = next((port for scheme, port in page.doors(list(site.ports)) if scheme == "https"), None)
    modern = ssl.create_default_context()
    modern.check_hostname, modern.verify_mode = False, ssl.CERT_NONE
    if port is None or not _speaks(site, port, modern):
        return ""
    if not _speaks(site, port, ssl.create_default_context()):
        return "F"
    if _speaks(site, port, _old()):
        return "C"
    return "A" if "strict-transport-security" in front.headers else "B"


def _old() -> ssl.SSLContext:
    """As a browser of 2010: what no site should accept any more."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def _speaks(site: Site, port: int, context: ssl.SSLContext) -> bool:
    try:
        with (
            socket.create_connection((site.address, port), SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=site.name),
        ):
            return True
    except (OSError, ValueError):
        return False


def _addresses(name: str) -> tuple[str, ...]:
    """The addresses that this controller's resolver gives; none where it gives none in time."""
    found: list[str] = []

    def resolve() -> None:
        try:
            found.extend(str(row[4][0]) for row in socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError):
            return

    thread = threading.Thread(target=resolve, daemon=True)
    thread.start()
    thread.join(_RESOLVE)
    return tuple(sorted(set(found)))
