"""What pages make a browser load, and whether their Content-Security-Policy lets them. Runs on the host."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from ungcuu.remote.page_client import Broken, Browser, Remade

_OUR_FILES = ("/etc/nginx/conf.d/00-ungcuu.conf", "/etc/apache2/conf-enabled/zz-ungcuu.conf")  # of role web_hardening
_TAGS = {
    ("script", "src"): "script-src",
    ("img", "src"): "img-src",
    ("img", "srcset"): "img-src",
    ("input", "src"): "img-src",
    ("image", "href"): "img-src",
    ("image", "xlink:href"): "img-src",
    ("video", "poster"): "img-src",
    ("body", "background"): "img-src",
    ("table", "background"): "img-src",
    ("td", "background"): "img-src",
    ("iframe", "src"): "frame-src",
    ("frame", "src"): "frame-src",
    ("audio", "src"): "media-src",
    ("video", "src"): "media-src",
    ("track", "src"): "media-src",
    ("source", "src"): "media-src",
    ("source", "srcset"): "img-src",
    ("embed", "src"): "object-src",
    ("object", "data"): "object-src",
    ("form", "action"): "form-action",
    ("button", "formaction"): "form-action",
    ("input", "formaction"): "form-action",
    ("base", "href"): "base-uri",
    ("a", "ping"): "connect-src",
}
_RELATIONS = {
    "stylesheet": "style-src",
    "icon": "img-src",
    "apple-touch-icon": "img-src",
    "mask-icon": "img-src",
    "manifest": "manifest-src",
    "modulepreload": "script-src",
}
# What <link rel=preload as=…> fetches; imagesrcset beside it too.
_AS = {
    "script": "script-src",
    "worker": "worker-src",
    "style": "style-src",
    "image": "img-src",
    "font": "font-src",
    "fetch": "connect-src",
    "audio": "media-src",
    "video": "media-src",
    "track": "media-src",
    "document": "frame-src",
    "object": "object-src",
    "embed": "object-src",
}
_LAZY = re.compile(r"data-(?:lazy-)?(?=src(?:set)?$)")  # scripts move these to src and srcset as the visitor scrolls
# An unended comment or block ends with the text, as in browsers; a pattern that gave up there would be tried again
# at each further beginning.
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_FONT_FACE = re.compile(r"@font-face\s*\{[^}]*(?:\}|\Z)", re.IGNORECASE)
_IMPORT = re.compile(r"""@import\s*(?:url\(\s*)?["']?([^"'()\s;]+)""", re.IGNORECASE)
_URL = re.compile(r"""url\(\s*(?:"([^"]*)"|'([^']*)'|([^"'()\s]+))\s*\)""", re.IGNORECASE)
_CALL = re.compile(
    r"""\b(?:fetch|EventSource|WebSocket|sendBeacon|open\(\s*["'][A-Za-z]{3,7}["']\s*,)[\s(]*["']((?:(?:https?|wss?):)?//[^"'\s]+)"""
)
# A style sheet of theirs that we do not fetch, but whose fonts are known to come from elsewhere.
_KNOWN = {"https://fonts.googleapis.com": ("font-src", "https://fonts.gstatic.com")}
_PAGES = 6
_SHEETS = 20
_SHEET_BYTES = 512 << 10


def joined(base: str, address: str) -> str:
    """An address as it counts on a page, empty where no browser makes one of it either."""
    try:
        return urljoin(base, address)
    except ValueError:
        return ""


def styles_load(text: str, base: str) -> set[tuple[str, str]]:
    """What a style sheet, or a style attribute, makes the browser load: directive and address."""
    text = _COMMENT.sub(" ", text)
    found = {("style-src", joined(base, address)) for address in _IMPORT.findall(text)}
    fonts = " ".join(_FONT_FACE.findall(text))
    for part, directive in ((fonts, "font-src"), (_IMPORT.sub(" ", _FONT_FACE.sub(" ", text)), "img-src")):
        addresses = ("".join(groups) for groups in _URL.findall(part))
        found |= {(directive, joined(base, item)) for item in addresses if item and not item.startswith("#")}
    return found


def candidates(srcset: str) -> list[str]:
    """The addresses of a srcset: a comma ends an address only at a word's end, since addresses may hold commas."""
    found, wanted = list[str](), True
    for part in srcset.split():
        word = part if wanted else part.partition(",")[2]  # after an address comes its width or density
        if not wanted and "," not in part:
            continue
        address = word.strip(",")
        if address:
            found.append(address)
        wanted = not address or word.endswith(",")
    return found


class Loads(HTMLParser):
    """What a page makes the browser load: directive to addresses."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.page = self.base = base
        self.found, self.links = set[tuple[str, str]](), list[str]()
        self.inside, self.text = "", list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what this tag loads."""
        rows = [(_LAZY.sub("", name), value) for name, value in attrs if value]
        given = dict(rows)
        for name, value in rows:
            if directive := _TAGS.get((tag, name)):
                self._note(directive, value, many=name == "srcset")
            elif name == "style":
                self.found |= styles_load(value, self.base)
        if tag == "base" and "href" in given:
            self.base = joined(self.base, given["href"])
        elif tag == "link":
            self._link(given)
        elif tag == "a" and "href" in given:
            self.links.append(joined(self.base, given["href"]))
        elif tag in ("style", "script"):
            self.inside, self.text = tag, []

    def handle_data(self, data: str) -> None:
        """Keep what stands in a style or script, which may come in pieces."""
        if self.inside:
            self.text.append(data)

    def handle_endtag(self, tag: str) -> None:
        """Read a style or script that ends here."""
        if tag == self.inside:
            self.finish()

    def finish(self) -> None:
        """Read the style or script that was kept; also at the page's end, where one may lack its end."""
        text, tag = "".join(self.text), self.inside
        self.inside, self.text = "", []
        if tag == "style":
            self.found |= styles_load(text, self.base)
        elif tag == "script":
            self.found |= {("connect-src", joined(self.base, address)) for address in _CALL.findall(text)}

    def _link(self, given: dict[str, str]) -> None:
        words = given.get("rel", "").lower().split()
        directives = {_RELATIONS[word] for word in words if word in _RELATIONS}
        if "preload" in words and (directive := _AS.get(given.get("as", "").lower())):
            directives.add(directive)
            if directive == "img-src":
                self._note(directive, given.get("imagesrcset", ""), many=True)
        for directive in directives:
            self._note(directive, given.get("href", ""))

    def _note(self, directive: str, value: str, many: bool = False) -> None:
        for address in candidates(value) if many else [value.strip()]:
            if address and not address.startswith("#"):
                self.found.add((directive, joined(self.base, address)))


def read_pages(browser: Browser, order: dict[str, Any]) -> list[tuple[Loads, str]]:
    """The health page and a few that it links to, each with the policy that came with it."""
    todo, pages = [order["path"]], list[tuple[Loads, str]]()
    sheets: dict[str, set[tuple[str, str]]] = {}
    while todo and len(pages) < _PAGES:
        path = todo.pop(0)
        status, headers, body = browser.stranger().ask("GET", path)
        if status != 200 or "html" not in headers.get("content-type", ""):
            continue
        loads = Loads(browser.origin + path)
        loads.feed(body.decode("utf-8", "replace"))
        loads.finish()
        read_styles(loads, browser.stranger(), sheets)
        pages.append((loads, headers.get("content-security-policy", "")))
        inside = [urlsplit(link) for link in loads.links if urlsplit(link).hostname == order["name"]]
        more = [link.path + (f"?{link.query}" if link.query else "") for link in inside if link.path]
        todo = list(dict.fromkeys(todo + more))[:40]
    return pages


def read_styles(loads: Loads, browser: Browser, sheets: dict[str, set[tuple[str, str]]]) -> None:
    """Add what the site's own style sheets load, and those that they import; ``sheets`` holds what was read already."""
    todo, seen = [address for what, address in loads.found if what == "style-src"], set[str]()
    while todo:
        address = todo.pop(0)
        url = urlsplit(address)
        if address in seen or url.hostname != browser.name:
            continue
        seen.add(address)
        if address not in sheets:
            if len(sheets) >= _SHEETS:
                continue
            status, _, body = browser.ask("GET", url.path + (f"?{url.query}" if url.query else ""))
            text = body[:_SHEET_BYTES].decode("utf-8", "replace") if status == 200 else ""
            sheets[address] = styles_load(text, address)
        loads.found |= sheets[address]
        todo += [item for what, item in sheets[address] if what == "style-src"]


def source_of(address: str, page: str) -> str:
    """An address as a policy names it: an origin, 'self', or the scheme of what has no host. Empty: no load at all."""
    url, own = urlsplit(address), urlsplit(page)
    if url.scheme in ("data", "blob"):
        return f"{url.scheme}:"
    if url.scheme not in ("http", "https", "ws", "wss") or not url.netloc:
        return ""
    host = url.netloc.lower().rpartition("@")[2]
    host = host.removesuffix(":443" if url.scheme in ("https", "wss") else ":80")
    return "'self'" if host == own.netloc.lower() else f"{url.scheme}://{host}"


def sources(loads: Loads) -> set[tuple[str, str]]:
    """What a page loads: directive and source."""
    found = {(what, source_of(address, loads.page)) for what, address in loads.found}
    found |= {_KNOWN[source] for what, source in found if what == "style-src" and source in _KNOWN}
    return {pair for pair in found if pair[1]}


_FALLBACK = {
    "frame-src": ("frame-src", "child-src", "default-src"),
    "worker-src": ("worker-src", "child-src", "script-src", "default-src"),
    "script-src": ("script-src-elem", "script-src", "default-src"),
    "style-src": ("style-src-elem", "style-src", "default-src"),
    "form-action": ("form-action",),
    "base-uri": ("base-uri",),
}


def allowed(policy: str, directive: str, source: str, own: str = "") -> bool:
    """Whether a policy lets a page of the origin ``own`` load from a source. Its paths and nonces are not looked at."""
    rules = {words[0].lower(): words[1:] for part in policy.split(";") if (words := part.split())}
    names = [name for name in _FALLBACK.get(directive, (directive, "default-src")) if name in rules]
    if not names:
        return True
    wanted = rules[names[0]]
    return source in wanted or any(admits(item, own if source == "'self'" else source) for item in wanted)


def admits(item: str, origin: str) -> bool:
    """Whether one word of a policy covers an origin."""
    scheme, mark, host = origin.partition("://")
    if not mark:
        return False
    wanted, _, name = item.rpartition("://")
    name = name.split("/", 1)[0]
    same = host.endswith(name[1:]) if name.startswith("*.") else host == name
    return item in ("*", f"{scheme}:") or (same and wanted in ("", scheme, scheme.removesuffix("s")))


def content_policy(browser: Browser, order: dict[str, Any], needs: dict[str, list[str]]) -> None:
    """No page loads what its own policy refuses. What they load goes into ``needs``, as a policy names it."""
    rows = [(policy, pair) for loads, policy in read_pages(browser, order) for pair in sources(loads)]
    for directive, source in sorted({pair for _, pair in rows}):
        needs.setdefault(directive, []).append(source)
    bad = [(policy, pair) for policy, pair in rows if policy and not allowed(policy, *pair, browser.origin)]
    if bad:
        refused = sorted({" ".join(pair) for _, pair in bad})
        kind = Remade if all(is_ours(policy) for policy, _ in bad) else Broken
        raise kind("trial_policy_refuses", sources=refused[:5])


def is_ours(policy: str, files: tuple[str, ...] = _OUR_FILES) -> bool:
    """Whether this policy is the one that the role web_hardening wrote."""
    return any(f'"{policy}"' in Path(file).read_text("utf-8", "replace") for file in files if Path(file).is_file())
