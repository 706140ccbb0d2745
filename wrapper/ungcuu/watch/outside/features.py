"""What is compared of a page: its title, words, links, and whose programs it loads. Read by selectolax; nothing runs.

What a page builds by JavaScript in the browser is not seen.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

_LINKS, _PROGRAMS = {"a": "href", "area": "href"}, {"script": "src", "iframe": "src", "form": "action"}
_MOST = 5000  # words, links: a page of megabytes must not make one round slow
_NOTHING = SplitResult("", "", "", "", "")
_UNSEEN = ["script", "style", "noscript", "template"]


@dataclass(frozen=True)
class Features:
    """One page. Hosts are other machines' names; ``paths`` are links within the site."""

    title: str = ""
    words: frozenset[str] = frozenset()
    link_hosts: frozenset[str] = frozenset()
    program_hosts: frozenset[str] = frozenset()
    paths: frozenset[str] = frozenset()

    def document(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {name: value if name == "title" else sorted(value) for name, value in vars(self).items()}


def from_document(row: Mapping[str, Any]) -> Features:
    """Return the features out of :meth:`Features.document`.

    Raises:
        KeyError, TypeError: It is something else.
    """
    sets = ("words", "link_hosts", "program_hosts", "paths")
    return Features(str(row["title"]), *(frozenset(map(str, row[name])) for name in sets))


def read(body: bytes, address: str, names: Iterable[str]) -> Features:
    """Return the features of a page that was found at ``address``; ``names`` are the site's own, in lower case."""
    from selectolax.lexbor import LexborHTMLParser

    tree, own = LexborHTMLParser(body.decode("utf-8", "replace")), frozenset(names)
    links = [parsed(one) for one in _targets(tree, _LINKS, address)]
    programs = [parsed(one) for one in [*_targets(tree, _PROGRAMS, address), *_refresh(tree, address)]]
    found = tree.css_first("title")
    title = found.text(strip=True)[:300] if found else ""
    tree.strip_tags(_UNSEEN)
    text = tree.body.text(separator=" ") if tree.body else ""
    return Features(
        title,
        frozenset(words(text)),
        frozenset(_host(one) for one in links) - own - {""},
        frozenset(_host(one) for one in programs) - own - {""},
        frozenset(local_path(one) for one in links if _host(one) in own),
    )


def words(text: str) -> list[str]:
    """Return the words of a text, without case, composed."""
    plain = unicodedata.normalize("NFC", text).lower()
    return "".join(char if char.isalnum() else " " for char in plain).split()[:_MOST]


def local_path(address: SplitResult) -> str:
    """Return the part of an address that its own site reads."""
    return (address.path or "/") + (f"?{address.query}" if address.query else "")


def alike(one: Features, other: Features) -> float:
    """Return how many of the words two pages share, 0 to 1."""
    every = one.words | other.words
    return len(one.words & other.words) / len(every) if every else 1.0


def _targets(tree: Any, attributes: Mapping[str, str], address: str) -> list[str]:
    found = []
    for tag, attribute in attributes.items():
        for node in tree.css(f"{tag}[{attribute}]")[:_MOST]:
            found.append(_joined(address, node.attributes.get(attribute) or ""))
    return found


def _refresh(tree: Any, address: str) -> list[str]:
    """Where ``<meta http-equiv=refresh>`` sends a visitor."""
    found = []
    for node in tree.css("meta[http-equiv]"):
        if (node.attributes.get("http-equiv") or "").lower() == "refresh":
            _seconds, _sign, target = (node.attributes.get("content") or "").partition("=")
            found.append(_joined(address, target.strip().strip("'\"")))
    return found


def _joined(address: str, target: str) -> str:
    try:
        return urljoin(address, target.strip())
    except ValueError:
        return ""


def parsed(address: str) -> SplitResult:
    """Return the parts of an address of the web; of anything else, nothing."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return _NOTHING
    return parts if parts.scheme in ("http", "https") else _NOTHING


def _host(address: SplitResult) -> str:
    return (address.hostname or "").lower()[:253]
