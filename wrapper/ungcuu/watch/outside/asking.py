"""Ask the site's own host for pages, as several visitors. No redirect leads to another machine; nothing is trusted."""

from __future__ import annotations

import http.client
import random
import socket
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from ungcuu.remote import page
from ungcuu.watch.outside.features import Features, local_path, parsed, read
from ungcuu.watch.outside.visitors import Visitor

HOPS, SECONDS, SITEMAP_BYTES = 5, 15.0, 1 << 20
SECURITY = frozenset(
    {
        "content-security-policy",
        "referrer-policy",
        "strict-transport-security",
        "x-content-type-options",
        "x-frame-options",
    }
)
_ERRORS = (OSError, http.client.HTTPException, ValueError)
_SITEMAPS = ("/sitemap.xml", "/wp-sitemap.xml", "/?sitemap=index")  # the last two are WordPress's


@dataclass(frozen=True)
class Site:
    """The website that is asked for: its name, the address of its host, its ports, its health page and text."""

    name: str
    address: str
    ports: tuple[int, ...]
    path: str
    text: str

    @property
    def names(self) -> frozenset[str]:
        """The names that are the site's own: with ``www.`` and without."""
        plain = self.name.lower().removeprefix("www.")
        return frozenset({plain, f"www.{plain}"})


@dataclass(frozen=True)
class Answer:
    """What one visitor got. ``away``: another machine to which it was sent. ``error``: why there is no answer.

    ``headers``: names of the security headers that were sent.
    """

    status: int = 0
    away: str = ""
    body: bytes = b""
    features: Features = field(default_factory=Features)
    error: str = ""
    headers: tuple[str, ...] = ()


def ask(site: Site, path: str, visitor: Visitor) -> Answer:
    """Ask for a page; redirects are followed within the site's own name."""
    error = "unreachable"
    for scheme, port in page.doors(list(site.ports)):
        try:
            return _follow(site, path, visitor, scheme, port)
        except _ERRORS as fault:
            error = page.word_of(fault)
    return Answer(error=error)


def _follow(site: Site, path: str, visitor: Visitor, scheme: str, port: int) -> Answer:
    status, body, name, sent = 0, b"", site.name, frozenset[str]()
    for _hop in range(HOPS):
        host = name if port in page.USUAL.values() else f"{name}:{port}"
        more = {"scheme": scheme, "port": port, "timeout": SECONDS, "headers": {**visitor.headers, "Host": host}}
        status, headers, body = page.ask(site.address, name, path, **more)
        known = {key.lower(): value for key, value in headers}
        sent, onward = SECURITY & known.keys(), urlsplit(known.get("location", ""))
        if status not in page.MOVED:
            break
        if onward.hostname and onward.hostname not in site.names:
            return Answer(status, onward.hostname[:253])
        if onward.hostname:
            name, scheme = onward.hostname, onward.scheme or scheme
            port = onward.port or page.USUAL[scheme]
        path = local_path(onward)
    features = read(body, f"{scheme}://{name}{path}", site.names)
    return Answer(status, "", body, features, headers=tuple(sorted(sent)))


def sitemap_pages(site: Site, visitor: Visitor, count: int) -> list[str]:
    """Return some paths of the site's own sitemap, chosen at random; one level of maps of maps."""
    for start in _SITEMAPS:
        maps, pages = _locations(site, start, visitor)
        if maps:
            _maps, pages = _locations(site, random.choice(maps), visitor)  # noqa: S311  (a sample, no secret)
        if pages:
            return random.sample(pages, min(count, len(pages)))
    return []


def _locations(site: Site, path: str, visitor: Visitor) -> tuple[list[str], list[str]]:
    """Paths of other sitemaps, and of pages, that a sitemap names; other machines' are left out."""
    from selectolax.lexbor import LexborHTMLParser

    answer = ask(site, path, visitor)
    if answer.status != 200 or len(answer.body) > SITEMAP_BYTES:
        return [], []
    tree = LexborHTMLParser(answer.body.decode("utf-8", "replace"))
    found: list[list[str]] = []
    for kind in ("sitemap loc", "url loc"):
        places = [parsed(node.text(strip=True)) for node in tree.css(kind)]
        found.append([local_path(one) for one in places if (one.hostname or "").lower() in site.names])
    return found[0], found[1]


@dataclass(frozen=True)
class Certificate:
    """The certificate that the host shows: until when, and whether it names the site."""

    until: datetime
    names_site: bool


def certificate(site: Site) -> Certificate | None:
    """Return the certificate of the site's first port that speaks TLS; None where none does."""
    from cryptography import x509

    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for scheme, port in page.doors(list(site.ports)):
        if scheme != "https":
            continue
        try:
            with (
                socket.create_connection((site.address, port), SECONDS) as plain,
                context.wrap_socket(plain, server_hostname=site.name) as sealed,
            ):
                raw = sealed.getpeercert(binary_form=True)
            shown = x509.load_der_x509_certificate(raw or b"")
            return Certificate(shown.not_valid_after_utc.astimezone(UTC), _names(shown, site.name))
        except (OSError, ValueError):
            continue
    return None


def _names(shown: object, name: str) -> bool:
    from cryptography import x509

    assert isinstance(shown, x509.Certificate)  # noqa: S101  (narrowing only)
    try:
        extension = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        known = {one.lower() for one in extension.value.get_values_for_type(x509.DNSName)}
    except x509.ExtensionNotFound:
        known = {str(one.value).lower() for one in shown.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)}
    whole = name.lower()
    return whole in known or f"*.{whole.partition('.')[2]}" in known
