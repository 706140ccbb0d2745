"""What pages load from elsewhere, and what a policy makes of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from ungcuu.plugins.action.ungcuu_website_probe import checked_needs, got_worse, joined, orders
from ungcuu.remote import page_loads
from ungcuu.remote.page_client import Broken, Remade
from ungcuu.remote.website_probe import trial

PAGE = """<!doctype html><head><link rel="stylesheet" href="https://fonts.example/a.css">
<link rel="icon" href="//i.example/x"><link rel="preload" as="font" href="https://f.example/a.woff2">
<link rel="preload" as="image" imagesrcset="https://p1.example/a 1x,https://p2.example/b 2x">
<link rel="preload" as="nothing" href="https://no.example/"><link rel="preconnect" href="https://no.example/">
<script src="/wp-includes/a.js"></script><script src="//thongke.example:8443/t.js"></script>
<style>@import "https://css.example/b.css"; /* url(https://no.example/) */ @font-face { src: url('//g.example/x') }
a { background: URL( https://bg.example/a.png ) }</style><script>if (a < b) fetch("https://api.example/v1");
new WebSocket('wss://live.example/'); x.open('GET', "https://xhr.example/"); y = "https://no.example/";</script></head>
<body style="background: url(&quot;https://attr.example/a.png&quot;)"><img src="data:image/png;base64,x">
<img src="http://portal.lab.test/x.png" srcset="/a.png 1x, https://big.example/a,b.png 2x"><a ping="https://ping.example">
<picture><source srcset="https://wide.example/a.webp"></picture><img src="/s.gif"
data-lazy-src="https://lazy.example/a">
<video poster="https://poster.example/a.jpg"><source src="https://film.example/a.mp4"></video>
<iframe src="https://video.example/1"></iframe><object data="https://o.example/a.pdf"></object><embed src="/b.pdf">
<a href="https://elsewhere.example/">x</a><form action="https://pay.example/"></form><img src="https://[bad/">
<style>a { background: url(https://open.example/"""
FOREIGN = {
    ("style-src", "https://fonts.example"),
    ("style-src", "https://css.example"),
    ("font-src", "https://f.example"),
    ("font-src", "http://g.example"),
    ("script-src", "http://thongke.example:8443"),
    ("frame-src", "https://video.example"),
    ("form-action", "https://pay.example"),
    ("object-src", "https://o.example"),
    ("media-src", "https://film.example"),
    *(("connect-src", f"https://{name}.example") for name in ("api", "xhr", "ping")),
    ("connect-src", "wss://live.example"),
    *(("img-src", f"https://{name}.example") for name in ("p1", "p2", "bg", "attr", "big", "wide", "lazy", "poster")),
    ("img-src", "http://i.example"),
}


def sources(page: str) -> set[tuple[str, str]]:
    """What the probe makes of a page."""
    loads = page_loads.Loads("http://portal.lab.test/")
    loads.feed(page)
    loads.finish()
    return page_loads.sources(loads)


def test_a_page_shows_what_it_loads() -> None:
    """Each way a browser fetches something; links are followed by people, not loaded, and preconnect asks no policy."""
    own = {("object-src", "'self'"), ("script-src", "'self'"), ("img-src", "'self'"), ("img-src", "data:")}
    assert sources(PAGE) == FOREIGN | own


def test_where_a_page_says_that_it_stands() -> None:
    """With <base>, a relative address is foreign."""
    found = sources('<base href="https://cdn.example/"><img src="a.png"><link rel=stylesheet href=//portal.lab.test/a>')
    assert found == {("base-uri", "https://cdn.example"), ("img-src", "https://cdn.example"), ("style-src", "'self'")}


@pytest.mark.parametrize(
    ("srcset", "addresses"),
    [
        ("a.png", ["a.png"]),
        (" a.png 1x,b.png 2x, c,d.png 300w ,e.png ", ["a.png", "b.png", "c,d.png", "e.png"]),
        ("a.png, b.png,", ["a.png", "b.png"]),
        (",,, a.png 1x", ["a.png"]),
        ("", []),
    ],
)
def test_a_srcset_is_read_as_browsers_read_it(srcset: str, addresses: list[str]) -> None:
    """Addresses may hold commas themselves."""
    assert page_loads.candidates(srcset) == addresses


def test_googles_fonts_are_known() -> None:
    """The style sheet is theirs and not fetched, but everybody knows where its fonts are."""
    found = sources('<link rel="stylesheet" href="https://fonts.googleapis.com/css?family=Roboto">')
    assert ("font-src", "https://fonts.gstatic.com") in found


class Site:
    """A site in memory that counts what is fetched."""

    def __init__(self, files: dict[str, str]) -> None:
        self.name, self.files, self.asked = "portal.lab.test", files, list[str]()

    def ask(self, _method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        """One file."""
        self.asked.append(path)
        return (200, {}, self.files[path].encode()) if path in self.files else (404, {}, b"")


def test_the_sites_own_style_sheets_are_read() -> None:
    """Themes load fonts and pictures from their sheets; two that import each other must not go round forever."""
    files = {
        "/a.css": '@import url("sub/b.css"); @font-face { src: url(https://f.example/a.woff2) }',
        "/sub/b.css": "@import '/a.css'; @import url(https://c.example/d.css); b { background: url(../x.png) }",
    }
    site, sheets = Site(files), dict[str, set[tuple[str, str]]]()
    for _page in range(2):
        loads = page_loads.Loads("http://portal.lab.test/")
        loads.feed('<link rel="stylesheet" href="/a.css"><link rel="stylesheet" href="/gone.css">')
        page_loads.read_styles(loads, site, sheets)
        assert page_loads.sources(loads) == {
            ("style-src", "'self'"),
            ("style-src", "https://c.example"),
            ("img-src", "'self'"),
            ("font-src", "https://f.example"),
        }
    assert sorted(site.asked) == ["/a.css", "/gone.css", "/sub/b.css"]


def test_reading_is_bounded() -> None:
    """A hostile page names sheets without end, or text that a careless pattern reads again and again."""
    loads = page_loads.Loads("http://portal.lab.test/")
    loads.feed("".join(f'<link rel="stylesheet" href="/{n}.css">' for n in range(500)))
    site = Site({f"/{n}.css": "a {}" for n in range(500)})
    page_loads.read_styles(loads, site, {})
    assert len(site.asked) == page_loads._SHEETS
    began = time.monotonic()
    size = page_loads._SHEET_BYTES
    for piece in ("/*", "@font-face{", "@import ", "url(", 'url("', "url('x", "@import url(", "a,", " ,", "fetch(("):
        text = piece * (size // len(piece))
        page_loads.styles_load(text, "http://x/")
        sources(f"<script>{text}</script><img srcset='{text.replace(chr(39), '')}'>")
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("missing", sorted(FOREIGN), ids=" ".join)
def test_each_missing_origin_is_a_breach(missing: tuple[str, str]) -> None:
    """A policy made of what the page loads lets it load everything, and one source less is seen."""
    rows: dict[str, list[str]] = {}
    for directive, source in sorted(sources(PAGE)):
        rows.setdefault(directive, ["'self'"]).append(source)
    whole = "default-src 'self'; " + "; ".join(f"{name} {' '.join(items)}" for name, items in rows.items())
    assert [pair for pair in sources(PAGE) if not page_loads.allowed(whole, *pair)] == []
    less = {name: [item for item in items if (name, item) != missing] for name, items in rows.items()}
    policy = "default-src 'self'; " + "; ".join(f"{name} {' '.join(items)}" for name, items in less.items())
    assert [pair for pair in sources(PAGE) if not page_loads.allowed(policy, *pair)] == [missing]


@pytest.mark.parametrize(
    ("policy", "directive", "origin", "fine"),
    [
        ("script-src 'self'", "script-src", "https://a.example", False),
        ("script-src 'self' https://a.example", "script-src", "https://a.example", True),
        ("script-src https://a.example", "script-src", "http://a.example", False),
        ("script-src *.example", "script-src", "https://a.example", True),
        ("script-src *.example", "script-src", "https://aexample", False),
        ("script-src https:", "script-src", "https://a.example", True),
        ("default-src 'self'", "img-src", "https://a.example", False),
        ("default-src 'self'", "form-action", "https://a.example", True),
        ("object-src 'none'", "img-src", "https://a.example", True),
        ("object-src 'none'", "object-src", "'self'", False),
        ("default-src 'self'", "object-src", "'self'", True),
        ("img-src https://portal.lab.test/a/", "img-src", "'self'", True),
        ("img-src *", "img-src", "'self'", True),
        ("img-src *", "img-src", "data:", False),
        ("img-src 'self' data:", "img-src", "data:", True),
        ("child-src 'none'", "frame-src", "https://a.example", False),
        ("script-src 'self'; script-src-elem https://a.example", "script-src", "https://a.example", True),
        ("connect-src ws://a.example", "connect-src", "wss://a.example", True),
        ("base-uri 'self'", "base-uri", "https://a.example", False),
    ],
)
def test_a_policy_is_read_as_browsers_read_it(policy: str, directive: str, origin: str, fine: bool) -> None:
    """A trial that is wrong here would take back a good policy, or keep one that breaks the site."""
    assert page_loads.allowed(policy, directive, origin, "https://portal.lab.test") is fine


def test_nothing_but_an_origin_comes_from_a_host_into_a_header() -> None:
    """The host writes the pages: a semicolon or a line's end in an origin would be a directive of the attacker's."""
    good = "https://a.example"
    bad = ["https://a.example; script-src *", "https://a\nX: y", 'https://a" always;', "*", "javascript:x", "https://A"]
    assert checked_needs({"img-src": [good, *bad], "default-src": ["https://a"]}) == {"img-src": [good]}
    fine = {"img-src": ["'self'", "data:", "blob:"], "script-src": ["'self'"], "connect-src": ["wss://a.example"]}
    assert checked_needs(fine | {"script-src": ["'self'", "data:", "blob:", "'unsafe-eval'"]}) == fine
    assert checked_needs(["img-src"]) == {}


def test_what_a_run_sets_again_itself_is_no_reason_to_refuse_it_but_must_pass_afterwards(tmp_path: Path) -> None:
    """A page that loads something new is no fault of the site when our own earlier policy refuses it."""
    file = tmp_path / "00-ungcuu.conf"
    file.write_text('map $x $ungcuu_csp { "" "default-src \'self\'"; }', encoding="utf-8")
    assert page_loads.is_ours("default-src 'self'", (str(file),))
    assert not page_loads.is_ours("default-src 'none'", (str(file), str(tmp_path / "missing")))
    results: dict[str, dict[str, Any]] = {}
    for kind in (Remade, Broken):

        def work(kind: type[Broken] = kind) -> None:
            raise kind("refused")

        trial(results, kind.__name__, work)
    assert results["Remade"]["remade"] is True and "remade" not in results["Broken"]
    failed = {"passed": False}
    assert got_worse(results["Remade"], failed) and not got_worse(results["Broken"], failed)
    assert not got_worse(results["Remade"], {"passed": True})


def test_each_website_of_a_host_is_asked_for_its_own_trials() -> None:
    """Trials of others begin with their name. Asked for those of the first one, a neighbour would pass them for it."""
    page = {"trial": "page of b.vn:80"}
    before = {
        "home page": {"paced": False},
        "page of b.vn:80": {"page": page},
        "b.vn: home page": {"paced": True},
        "b.vn: post": {},
    }
    first = orders(before, ["home page", "b.vn: post"], "", ["b.vn: "])
    assert first == {"only": ["home page"], "again": True, "alone": False, "pages": [page], "paced": False}
    second = orders(before, ["home page", "b.vn: post"], "b.vn: ", [])
    assert second == {"only": ["post"], "again": True, "alone": True, "pages": [], "paced": True}
    assert orders({}, [], "", ["b.vn: "])["again"] is False


def test_what_several_websites_load_is_named_once() -> None:
    """One policy stands for every website of a server: without the second one's needs, its pages would be reported."""
    needs = joined({"img-src": ["data:"]}, {"img-src": ["data:", "https://a.vn"], "font-src": ["data:"]})
    assert needs == {"font-src": ["data:"], "img-src": ["data:", "https://a.vn"]}
