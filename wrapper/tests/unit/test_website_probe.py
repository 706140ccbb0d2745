"""What pages load from elsewhere, and what a policy makes of it."""

from __future__ import annotations

import pytest

from ungcuu.plugins.action.ungcuu_website_probe import checked_needs
from ungcuu.remote import website_probe

PAGE = """<!doctype html><head><link rel="stylesheet" href="https://fonts.example/a.css">
<link rel="icon" href="//i.example/x">
<script src="/wp-includes/a.js"></script><script src="//thongke.example:8443/t.js"></script></head>
<body><img src="data:image/png;base64,x"><img src="http://portal.lab.test/x.png"><iframe src="https://video.example/1">
<a href="https://elsewhere.example/">x</a><form action="https://pay.example/"></form>"""


def test_a_page_tells_what_it_loads_from_elsewhere() -> None:
    """Links are followed by people, not loaded; data: and the site itself are no foreign origin."""
    loads = website_probe.Loads("http://portal.lab.test/")
    loads.feed(PAGE)
    assert website_probe.foreign(loads) == {
        ("style-src", "https://fonts.example"),
        ("script-src", "http://thongke.example:8443"),
        ("frame-src", "https://video.example"),
        ("form-action", "https://pay.example"),
    }


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
    ],
)
def test_a_policy_is_read_as_browsers_read_it(policy: str, directive: str, origin: str, fine: bool) -> None:
    """A trial that is wrong here would take back a good policy, or keep one that breaks the site."""
    assert website_probe.allowed(policy, directive, origin) is fine


def test_nothing_but_an_origin_comes_from_a_host_into_a_header() -> None:
    """The host writes the pages: a semicolon or a line's end in an origin would be a directive of the attacker's."""
    good = "https://a.example"
    bad = ["https://a.example; script-src *", "https://a\nX: y", 'https://a" always;', "*", "javascript:x", "https://A"]
    assert checked_needs({"img-src": [good, *bad], "default-src": ["https://a"]}) == {"img-src": [good]}
    assert checked_needs(["img-src"]) == {}
