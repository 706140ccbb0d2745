"""The page as a picture: rendered by a real Chromium, compared, kept, and sent; and what Chromium can't reach."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from ungcuu.core.clock import format_time
from ungcuu.core.settings import Settings
from ungcuu.watch.outside import appearance, picture
from ungcuu.watch.outside.asking import Site
from ungcuu.watch.outside.look import View
from ungcuu.watch.outside.picture import Compared, NoPictureError

NEWS = [f"<p>Thông báo số {number} về hội nghị xúc tiến thương mại năm 2026</p>" for number in range(18)]
FRONT = "<body style='background:#fff;font-size:22px'><h1 style='background:#036'>Sở Công Thương</h1>"
DEFACED = "<body style='background:#000'><h1 style='color:#0f0;font-size:90px'>HACKED</h1>"


class Web(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.page, self.asked, self.closed = "", list[str](), threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def site(self) -> Site:
        return Site("portal.lab.test", "127.0.0.1", (self.server_port,), "/tin-tức?a=1", "")


class Page(BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.path == "/endless":
            self.server.closed.wait(60)
            return
        body = self.server.page.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as server:
        yield server
        server.closed.set()
        server.shutdown()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, tmp_path, "an")


@pytest.fixture(scope="module")
def chromium() -> None:
    """A Chromium that can keep its sandbox here: inside of some containers none can."""
    try:
        picture.compare(picture._PNG, picture._PNG)
    except NoPictureError as error:
        if picture.program() is None or "did not compare" not in str(error):  # it ran, and those are no pictures
            pytest.skip("no Chromium that can keep its sandbox here")


@pytest.mark.usefixtures("chromium")
def test_another_page_is_reported_from_new_articles(web: Web) -> None:
    """Both ways: no measure that calls everything the same, or everything another page."""
    web.page = FRONT + "".join(NEWS)
    before = picture.take(web.site)
    assert "/tin-t%E1%BB%A9c?a=1" in web.asked
    web.page = FRONT + "<p>Hội nghị mới nhất trong ngày</p>" * 3 + "".join(NEWS[:15])
    same = picture.compare(before, picture.take(web.site))
    web.page = DEFACED
    other = picture.compare(before, picture.take(web.site))
    assert not same.other and same.percent < 20
    assert other.other and other.percent > 50 and other.picture.startswith(b"\x89PNG")


@pytest.mark.usefixtures("chromium")
def test_the_page_reaches_nothing_of_this_machine(web: Web) -> None:
    """Seen failing without the rule for all other names: what only this machine serves was asked for by the page.

    And without the rule for WebRTC: the page sent datagrams to an address of its choice.
    """
    with Web() as mine, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind((own_address(), 0))
        datagrams.setblocking(False)
        places = [f"http://{name}:{mine.server_port}/" for name in ("127.0.0.1", "localhost", "[::1]", "127.1")]
        rows = (f"<img src={one}a><script src={one}b></script><iframe src={one}c></iframe>" for one in places)
        stun = f"stun:{own_address()}:{datagrams.getsockname()[1]}"
        web.page = (
            "".join(rows)
            + f"""<script>fetch('{places[0]}d', {{mode: 'no-cors'}});
            const peer = new RTCPeerConnection({{iceServers: [{{urls: '{stun}'}}]}});
            peer.createDataChannel('x');
            peer.createOffer().then((offer) => peer.setLocalDescription(offer));</script>"""
        )
        assert picture.take(web.site)
        mine.shutdown()
        with pytest.raises(BlockingIOError):
            datagrams.recv(100)
    assert mine.asked == [] and web.asked


def own_address() -> str:
    """An address of this machine that is not its loopback's, which WebRTC leaves out anyway."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        try:
            way.connect(("192.0.2.1", 9))  # nothing is sent
            return str(way.getsockname()[0])
        except OSError:
            return "127.0.0.1"


@pytest.mark.usefixtures("chromium")
def test_a_page_that_never_ends_is_taken_as_it_is(web: Web) -> None:
    """Seen failing without a limit for loading: one picture held open hid the page from every round."""
    web.page = FRONT + "<img src=/endless>"
    begun = time.monotonic()
    assert picture.take(web.site) and time.monotonic() - begun < picture._TIME


@pytest.mark.usefixtures("chromium")
def test_a_site_that_is_gone_gives_no_picture(web: Web) -> None:
    """Chromium's own page for an error must never pass for the site's."""
    site = web.site
    web.shutdown()
    web.server_close()
    with pytest.raises(NoPictureError):
        picture.take(site)


def test_what_is_no_picture_is_none(tmp_path: Path) -> None:
    secret, link = tmp_path / "secret", tmp_path / "page.png"
    secret.write_bytes(picture._PNG + b"secret")
    link.symlink_to(secret)
    with pytest.raises(NoPictureError):
        picture._read(link)
    secret.write_bytes(b"GIF89a")
    with pytest.raises(NoPictureError):
        picture._read(secret)


class Taken:
    """Pictures that say which page they show; ``None`` is one that can't be taken."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shown: list[bytes | None] = []
        monkeypatch.setattr(picture, "take", self.take)
        monkeypatch.setattr(picture, "compare", lambda before, now: Compared(float(before != now), 0.0, b"differs"))
        monkeypatch.setattr(picture, "program", lambda: "/usr/bin/chromium")

    def take(self, _site: Site) -> bytes:
        if (next_one := self.shown.pop(0)) is None:
            raise NoPictureError("why")
        return next_one


def approved(settings: Settings) -> None:
    """A picture was approved two hours ago."""
    assert appearance.approve(settings, "web01", SITE) == ""
    before = time.time() - 7200
    os.utime(appearance.approved_path(settings, "web01"), (before, before))


SITE = Site("www.so.gov.vn", "127.0.0.1", (80,), "/", "")


def said(settings: Settings, kept: dict[str, Any]) -> View:
    view = View(whole=True)
    appearance.known(settings, "web01", SITE, kept, view)
    return view


def test_another_look_is_a_finding_that_stays_until_the_next_picture(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen failing with the finding of a round without a picture left out: the alert had gone after five minutes."""
    taken = Taken(monkeypatch)
    taken.shown = [b"good", b"bad", b"bad"]
    approved(settings)
    kept = appearance.look(settings, "web01", SITE, {})
    sights = said(settings, kept).sights
    assert [(one.rule, one.severity, one.place) for one in sights] == [("outside.picture", "medium", "/: 100 %")]
    assert appearance.difference_path(settings, "web01").read_bytes() == b"differs"
    assert appearance.look(settings, "web01", SITE, kept) == kept, "none is due yet"
    later = {**kept, "time": format_time(datetime.now(UTC) - timedelta(minutes=11))}
    taken.shown = [b"good"]
    kept = appearance.look(settings, "web01", SITE, later)
    assert said(settings, kept).sights == [] and kept["differs"] == 0
    assert appearance.look(settings, "web01", SITE, kept) == kept, "none is taken within the hour"


def test_what_changes_by_itself_is_no_other_look(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A moving banner. Seen failing with one picture."""
    taken = Taken(monkeypatch)
    taken.shown = [b"good", b"banner", b"good"]
    approved(settings)
    assert appearance.look(settings, "web01", SITE, {})["differs"] == 0


def test_a_picture_that_can_not_be_taken_is_said_and_proves_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen failing with a failure that nobody kept: each round tried again, and took its time again."""
    taken = Taken(monkeypatch)
    taken.shown = [b"good", None, None]
    approved(settings)
    kept = appearance.look(settings, "web01", SITE, {})
    assert (kept["differs"], kept["why"]) == (0, "why") and said(settings, kept).unseen == ["its picture: why"]
    assert appearance.look(settings, "web01", SITE, kept) == kept and taken.shown == [None]
    bad = {"time": format_time(datetime.now(UTC) - timedelta(hours=1)), "differs": 40}
    kept = appearance.look(settings, "web01", SITE, bad)
    assert kept["differs"] == 40 and len(said(settings, kept).sights) == 1


def test_what_an_earlier_picture_showed_is_not_said_of_the_one_just_approved(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen failing: ten minutes after a redesign was approved the page was said to differ from itself."""
    Taken(monkeypatch).shown = [b"redesign"]
    old = {"time": format_time(datetime.now(UTC) - timedelta(minutes=5)), "differs": 43}
    assert appearance.approve(settings, "web01", SITE) == ""
    assert said(settings, old).sights == [] and appearance.look(settings, "web01", SITE, old) == {}


def test_a_page_that_was_approved_without_a_picture_says_so(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = Taken(monkeypatch)
    taken.shown = [b"old", None]
    appearance.approve(settings, "web01", SITE)
    assert appearance.approve(settings, "web01", SITE) == "why"
    assert not appearance.approved_path(settings, "web01").exists(), "that of an earlier page stood for this one"
    assert appearance.look(settings, "web01", SITE, {}) == {} and said(settings, {}).unseen == []
    (settings.host_dir("web01") / "approved_page.json").write_text("{}")
    assert said(settings, {}).unseen == ["its picture: approve the page again (ungcuu watch approve web01)"]


def test_a_disk_that_is_full_leaves_the_approval_without_a_picture(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen failing: the page was approved, and the approval not journaled."""
    Taken(monkeypatch).shown = [b"good"]
    monkeypatch.setattr(appearance, "put", mock.Mock(side_effect=OSError(28, "No space left on device")))
    assert "No space left" in appearance.approve(settings, "web01", SITE)


def test_the_first_picture_is_due_an_hour_after_the_approved_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    Taken(monkeypatch).shown = [b"good"]
    appearance.approve(settings, "web01", SITE)
    assert appearance.look(settings, "web01", SITE, {}) == {}
