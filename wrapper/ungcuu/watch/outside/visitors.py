"""Who asks for a page: the kinds of visitors that hidden spam distinguishes. Data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_KIT = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"
_DESKTOP = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_KIT} Safari/537.36"
_PHONE = f"Mozilla/5.0 (Linux; Android 15; SM-A556E) {_KIT} Mobile Safari/537.36"
_GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
_BINGBOT = "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"
_BASE = {"User-Agent": _DESKTOP, "Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "Accept-Language": "en"}


@dataclass(frozen=True)
class Visitor:
    """One kind of visitor. ``same_text``: nothing explains that it is given another text than a plain visitor."""

    name: str
    headers: Mapping[str, str]
    same_text: bool = False


PLAIN = Visitor("visitor", _BASE)
GOOGLEBOT = Visitor("googlebot", {**_BASE, "User-Agent": _GOOGLEBOT}, same_text=True)
OTHERS = (
    GOOGLEBOT,
    Visitor("bingbot", {**_BASE, "User-Agent": _BINGBOT}, same_text=True),
    Visitor("from-search", {**_BASE, "Referer": "https://www.google.com/"}, same_text=True),
    Visitor("phone", {**_BASE, "User-Agent": _PHONE}),
    Visitor("vietnamese", {**_BASE, "Accept-Language": "vi-VN,vi;q=0.9"}),
)
