"""The trial of a website and of its neighbours: when a page is worse than before, and flood guards in its way."""

from __future__ import annotations

from typing import Any

import plugin_runs
import pytest
from plugin_runs import answering

from ungcuu.core.check_phrases import Check, Trial
from ungcuu.core.phrases import Detail, phrase
from ungcuu.core.sentences import plain
from ungcuu.prepare import web_sites
from ungcuu.remote import firewall_log, page_client, website_probe

WAS = {"passed": True, "page": {}, "seen": {"status": 200, "title": "t", "location": "", "length": 1000}}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, ""),
        ({"length": 600}, ""),
        ({"length": 400}, "less than half"),
        ({"status": 404}, "status 200 before, 404 now"),
        ({"status": 302, "location": "/install.php"}, "status 200 before, 302 now"),
        ({"title": "u"}, "another title"),
    ],
)
def test_when_a_neighbours_page_is_worse(change: dict[str, Any], why: str) -> None:
    assert why in plain(web_sites.worse(WAS, WAS | {"seen": WAS["seen"] | change})) if why else True
    assert bool(web_sites.worse(WAS, WAS | {"seen": WAS["seen"] | change})) is bool(why)


def test_what_failed_before_may_get_better_and_silence_is_worse() -> None:
    refused = WAS | {"seen": WAS["seen"] | {"status": 403, "title": "403"}}
    assert web_sites.worse(refused, WAS) == {}
    assert web_sites.worse(WAS, {"detail": phrase(Check.TIMEOUT), "seen": {}}) == phrase(Check.TIMEOUT)
    assert web_sites.worse(WAS, {}) == phrase(Detail.PAGE_NONE)
    moving = WAS | {"seen": {"status": 200, "length": 1000}}  # its title is another each time
    assert web_sites.worse(moving, WAS) == {}


class Guarded:
    """A site that answers each address ten times in fifteen seconds, on a clock of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.asked, self.refused = 1000.0, list[float](), 0
        monkeypatch.setattr(page_client.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(page_client.time, "sleep", self.sleep)
        monkeypatch.setattr(page_client, "_PACES", {})
        monkeypatch.setattr(page_client.Browser, "_once", self.once)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def once(self, *_: Any) -> tuple[int, dict[str, str], bytes]:
        self.now += 0.1
        self.asked = [at for at in self.asked if at > self.now - 15]
        if len(self.asked) >= 10:
            self.refused += 1
            return 429, {"retry-after": "15"}, b""
        self.asked.append(self.now)
        return 200, {}, b"ok"


def test_a_flood_guard_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """429 is no failure: after the first one the pace stays below the guard's. Seen failing without waiting."""
    guard = Guarded(monkeypatch)
    browser = page_client.Browser("a.vn")
    assert {browser.ask("GET", "/")[0] for _ in range(60)} == {200}
    assert guard.refused == 1
    assert page_client.pace_of("a.vn").met_guard
    assert not page_client.pace_of("b.vn").met_guard


def test_a_guard_that_never_gives_way_ends_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = Guarded(monkeypatch)
    monkeypatch.setattr(page_client.Browser, "_once", lambda *_: (503, {"retry-after": "3600"}, b""))
    assert page_client.Browser("a.vn").ask("GET", "/")[0] == 503
    assert guard.now - 1000 < page_client._PATIENCE + page_client._DRAIN + 30
    monkeypatch.setattr(page_client.Browser, "_once", lambda *_: (503, {}, b""))
    before = guard.now
    assert page_client.Browser("c.vn").ask("GET", "/")[0] == 503
    assert guard.now - before < 1


def test_a_limit_that_came_with_the_changes_is_no_flood_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before them the crowd gives way; afterwards twenty at once have to get in. Seen failing without `again`."""
    order = {"name": "a.vn", "path": "/"}
    Guarded(monkeypatch)
    website_probe.crowd(page_client.Browser("a.vn"), order)
    Guarded(monkeypatch)
    with pytest.raises(page_client.Broken, match="trial_some_visitors") as raised:
        website_probe.crowd(page_client.Browser("a.vn"), order | {"again": True})
    assert (raised.value.phrase["bad"], raised.value.phrase["count"]) == (10, 20)
    Guarded(monkeypatch)
    page_client.pace_of("a.vn").slow()  # the guard was there before
    website_probe.crowd(page_client.Browser("a.vn"), order | {"again": True})


LOG = """---AbC---A--
[28/Nov/2026:14:00:00 +0000] 17 127.0.0.1 50000 127.0.0.1 80
---AbC---B--
POST /index.php HTTP/1.1
User-Agent: ungcuu-probe
---AbC---H--
ModSecurity: Warning. Matched [id "941100"] [id "941160"]
ModSecurity: Access denied with code 403 (phase 2). [id "949110"]
---AbC---Z--
"""


@pytest.mark.parametrize(
    ("old", "new", "rules"),
    [
        ("", "", {941100, 941160}),
        ("---AbC-", "--AbC-", {941100, 941160}),
        (" 127.0.0.1 50000", " 203.0.113.9 50000", set()),
        ("ungcuu-probe", "Mozilla", set()),
        ("Access denied with code 403", "Warning.", set()),
    ],
    ids=["ours", "Apache's form", "a stranger", "another visitor", "only detected"],
)
def test_only_rules_that_refused_the_probe_itself_count(old: str, new: str, rules: set[int]) -> None:
    """An attacker's own requests must not switch rules off."""
    assert firewall_log.rules_in(LOG.replace(old, new) if old else LOG) == rules


def tried(reply: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    """What the plugin makes of a host's answer."""
    given = {"site": {"name": "a.vn", "root": "/x"}} | arguments
    return plugin_runs.run("ungcuu_website_probe", given, answering(lambda _order: reply))


def test_a_trial_that_fails_before_must_be_accepted_by_name() -> None:
    """Seen failing with `refused` empty."""
    rows = {"home page": {"passed": False, "detail": "x"}, "3 KB cookie": {"passed": True, "detail": ""}}
    assert tried({"results": rows})["refused"] == ["home page"]
    assert tried({"results": rows}, accept_failing=["3 KB cookie"])["refused"] == ["home page"]
    assert tried({"results": rows}, accept_failing=["home page"])["refused"] == []
    again = tried({"results": rows}, before=rows)
    assert (again["refused"], again["broken"]) == ([], [])


def test_a_neighbours_page_is_asked_for_again_as_before() -> None:
    page = {"trial": "page of b.vn:80", "host": "b.vn", "port": 80, "tls": False, "address": "127.0.0.1"}
    row = WAS | {"page": page, "detail": "status 200"}
    before = tried({"results": {page["trial"]: row, "page of x y:1": row}, "paced": True})["results"]
    assert list(before) == [page["trial"]]
    orders: list[dict[str, Any]] = []

    def host(order: dict[str, Any]) -> dict[str, Any]:
        orders.append(order)
        return {"results": {page["trial"]: row | {"seen": row["seen"] | {"status": 404}}}}

    given = {"site": {"name": "a.vn", "root": "/x"}, "before": before}
    after = plugin_runs.run("ungcuu_website_probe", given, answering(host))
    assert (orders[0]["pages"], orders[0]["paced"], orders[0]["again"]) == ([page], True, True)
    assert after["broken"] == [page["trial"]]
    assert after["results"][page["trial"]]["detail"] == phrase(Trial.WORSE_STATUS, before=200, now=404)
    assert tried({"results": {}}, before=before)["broken"] == [page["trial"]]


def test_what_is_wrong_with_the_root_is_said_with_the_right_one() -> None:
    found = tried({"results": {}, "misplaced": {"why": "elsewhere", "roots": ["/var/www/a", "/x;y"]}})["misplaced"]
    assert found == (
        "website_root /x is not the web server's root for this website; the web server answers for a.vn from /var/www/a"
    )
    assert tried({"results": {}, "misplaced": {"why": "$(x)"}})["misplaced"] == ""
