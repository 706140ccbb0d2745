"""One line of an access log, in the common or combined form of nginx and Apache. Pure; visitors choose what it says.

What does not look like a request, an address or a time is no line. Each pattern is anchored and without nested
repetition, and a line is cut at ``LONGEST``: no line takes long.
"""

from __future__ import annotations

import functools
import ipaddress
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from urllib.parse import unquote, unquote_plus

LONGEST = 8192
_LINE = re.compile(
    r"(?:[\w.*-]{1,253}:\d{1,5} )?"  # Apache's log of all other hosts names the site first
    r"([0-9A-Fa-f.:]{2,45}) \S{1,64} \S{1,128} "
    r"\[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "
    r'"([A-Z]{3,10}) (\S{1,4096}) (HTTP/[0-9.]{1,3})" (\d{3}) (\d{1,15}|-)'
    r'(?: "(?:[^"\\]|\\.){0,4096}" "((?:[^"\\]|\\.){0,1024}))?'
)
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"


@dataclass(frozen=True)
class Line:
    """One request. ``moment`` in seconds since 1970, by the host's clock; ``path`` is decoded, ``query`` twice."""

    address: str
    moment: float
    method: str
    target: str
    protocol: str
    status: int
    size: int
    agent: str

    @property
    def attempt(self) -> str:
        """The line as patterns of logins read it."""
        return f'{self.method} {self.target[:300]} {self.protocol}" {self.status}'

    @property
    def path(self) -> str:
        """The path, without the query and what means nothing in it."""
        path = unquote(self.target[:1024].partition("?")[0])
        return posixpath.normpath("/" + path.lstrip("/"))

    @property
    def query(self) -> str:
        """What follows the question mark; decoded twice, since attacks are often encoded twice."""
        return unquote_plus(unquote_plus(self.target.partition("?")[2][:3072]))[:2048]

    @property
    def answered(self) -> bool:
        """Whether the site did what was asked."""
        return 200 <= self.status < 400


def parse(raw: bytes) -> Line | None:
    """Return the request of one line; None where it is none."""
    found = _LINE.match(raw[:LONGEST].decode("utf-8", "backslashreplace"))
    if not found:
        return None
    address, when, method, target, protocol, status, size, agent = found.groups()
    try:
        name = _plain(address)
        moment = _seconds(when)
    except ValueError:
        return None
    return Line(name, moment, method, target, protocol, int(status), 0 if size == "-" else int(size), agent or "")


def _plain(text: str) -> str:
    """Return an address as it is written once; ``::ffff:192.0.2.1`` of a socket that takes both kinds is 192.0.2.1.

    Raises:
        ValueError: There is no such address.
    """
    address = ipaddress.ip_address(text)
    return str(getattr(address, "ipv4_mapped", None) or address)


@functools.lru_cache(maxsize=4096)
def _seconds(text: str) -> float:
    """Read ``28/Nov/2026:20:50:03 +0000``, in no language but the log's.

    Raises:
        ValueError: There is no such time.
    """
    month = _MONTHS.index(text[3:6]) // 3 + 1
    shift = timedelta(hours=int(text[22:24]), minutes=int(text[24:26]))
    zone = timezone(-shift if text[21] == "-" else shift)
    parts = (int(text[7:11]), month, int(text[:2]), int(text[12:14]), int(text[15:17]), int(text[18:20]))
    return datetime(*parts, tzinfo=zone).timestamp()


def lines(data: bytes) -> Iterator[Line | None]:
    """Yield each line of a log; None for one that is no request."""
    for raw in data.split(b"\n"):
        if raw.strip():
            yield parse(raw)
