"""Notification over real servers on loopback: one that speaks SMTP, one that speaks HTTP, and one that refuses."""

from __future__ import annotations

import email
import json
import logging
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from ungcuu.core.clock import now
from ungcuu.core.errors import ControllerFault
from ungcuu.core.settings import Settings
from ungcuu.watch import alerts, notice, store
from ungcuu.watch.alerts import Sight
from ungcuu.watch.choices import Choices
from ungcuu.watch.delivery import Delivery, send
from ungcuu.watch.message import Message, compose, trial

EVIL = "/var/www/\x1b[31mhttp://evil.example/\u202e<a href='x'>@all www.evil.example\nnext"
SECRET = "Kh0ngChoAiBiet"


class _Mailbox:
    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  (aiosmtpd's name)
        self.mails.append(email.message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[tuple[str, _Mailbox]]:
    box = _Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    yield f"mailto://127.0.0.1:{port}/?from=watch@site.test&to=an@site.test&mode=insecure", box
    server.stop()


class _Hook(HTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiver)
        self.status, self.got = 200, list[dict[str, Any]]()
        self.address = f"json://watch:{SECRET}@127.0.0.1:{self.server_port}/hook"


class _Receiver(BaseHTTPRequestHandler):
    server: _Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.status == 200:
            self.server.got.append(json.loads(body))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(f"refused {SECRET}".encode())

    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[_Hook]:
    server = _Hook()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, tmp_path, "an")


def raise_alert(settings: Settings, *ids: str, place: str = "/var/www/a.php", severity: str = "high") -> None:
    rows = [
        Sight(one, "web01", "scan", "web.new-code", severity, "a title", place, now(), "ungcuu scan web01")
        for one in ids
    ]
    with store.changing(settings, "web01") as known:
        known.alerts, _raised = alerts.merge(known.alerts, rows, set(), now())


def test_mail_and_webhook_take_one_message_each(settings: Settings, mailbox: tuple[str, _Mailbox], hook: _Hook) -> None:
    address, box = mailbox
    raise_alert(settings, "a1", "b2")
    choices = Choices((address, hook.address))
    assert [row.delivery.ok for row in notice.dispatch(settings, "web01", choices)] == [True, True]
    assert notice.dispatch(settings, "web01", choices) == []
    (mail,), (post,) = box.mails, hook.got
    text = mail.get_body(("plain",)).get_content()
    for part in ("/var/www/a.php", "ungcuu ack a1 b2", "ungcuu scan web01"):
        assert part in text
        assert part in post["message"]
    assert "CAO" in mail["Subject"], "the site's language is Vietnamese"


def test_a_refused_message_is_retried_and_does_not_count(settings: Settings, hook: _Hook) -> None:
    """Seen failing with `is True` in `delivery.send` taken out: what the server refused was written down as sent."""
    raise_alert(settings, "a1")
    choices = Choices((hook.address,))
    hook.status = 500
    (row,) = notice.dispatch(settings, "web01", choices)
    assert row.record()["do"] == "not delivered"
    assert store.load(settings, "web01").alerts["a1"].delivered == {}
    hook.status = 200
    two = Choices((hook.address, "json://127.0.0.1:9/"))
    assert [row.delivery.ok for row in notice.dispatch(settings, "web01", two)] == [True, False]
    assert set(store.load(settings, "web01").alerts["a1"].delivered) == {"main/1"}


def test_a_server_that_is_down_is_not_delivered(hook: _Hook) -> None:
    assert not send("json://127.0.0.1:9/", trial("web01", 1)).ok
    assert send("nonsense://x", trial("web01", 1)).why == "invalid"


def test_the_deputy_is_asked_after_half_an_hour(settings: Settings, hook: _Hook) -> None:
    raise_alert(settings, "a1")
    choices = Choices((), (hook.address,))
    assert notice.dispatch(settings, "web01", choices) == []
    later = datetime.now(UTC) + timedelta(minutes=31)
    assert [row.tier for row in notice.dispatch(settings, "web01", choices, moment=later)] == ["deputy"]


def test_no_hostile_byte_and_no_link_of_a_host_goes_out(settings: Settings, hook: _Hook) -> None:
    """A message is read where words become links. Seen failing with `unclickable` returning its text."""
    raise_alert(settings, "a1", place=EVIL)
    notice.dispatch(settings, "web01", Choices((hook.address,)))
    text = hook.got[0]["message"]
    assert not any(sign in text for sign in ("\x1b", "\u202e", "http://", "www.evil", "@all"))
    assert "\\x1b" in text, "it is reported, not dropped"
    assert "where: " in text or "ở đâu" in text


def test_no_secret_leaves_through_log_state_or_record(
    settings: Settings, hook: _Hook, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """The address holds a password, and the server may repeat it. Seen failing without the silence of the loggers."""
    raise_alert(settings, "a1")
    hook.status = 500
    with caplog.at_level(logging.DEBUG):
        (row,) = notice.dispatch(settings, "web01", Choices((hook.address,)))
    out, err = capfd.readouterr()
    kept = store.path_of(settings, "web01").read_text("utf-8")
    for text in (caplog.text, out, err, kept, repr(row.record()), row.delivery.words):
        assert SECRET not in text
        assert "127.0.0.1" not in text


def test_five_thousand_findings_are_one_short_message(settings: Settings) -> None:
    raise_alert(settings, *(f"{number:05}" for number in range(5000)))
    rows = store.load(settings, "web01").open()
    text = compose("web01", rows, "main").text
    assert len(text) < 2000
    assert "5000" in text
    assert "--all-of web01" in text


def test_an_ack_typed_while_a_message_goes_out_is_not_lost(settings: Settings) -> None:
    """Seen failing where the file that was read before the sending is written back after it."""
    raise_alert(settings, "a1")

    def slow(_address: str, _message: object) -> Any:
        with store.changing(settings, "web01") as known:
            known.alerts["a1"] = alerts.acknowledge(known.alerts["a1"], "an", "", False, now())
        return Delivery("json")

    notice.dispatch(settings, "web01", Choices(("json://x",)), send=slow)
    alert = store.load(settings, "web01").alerts["a1"]
    assert alert.by == "an"
    assert alert.delivered


def test_a_damaged_file_is_named(settings: Settings) -> None:
    path = store.path_of(settings, "web01")
    path.parent.mkdir(parents=True)
    path.write_text('{"alerts": [{}]}')
    with pytest.raises(ControllerFault, match=r"watch\.json"):
        store.load(settings, "web01")


def test_how_the_page_differs_is_seen_in_the_mail(
    settings: Settings, mailbox: tuple[str, _Mailbox], hook: _Hook
) -> None:
    address, box = mailbox
    row = Sight("p1", "web01", "outside", "outside.picture", "medium", "a title", "/: 60 %")
    with store.changing(settings, "web01") as known:
        known.alerts, _raised = alerts.merge(known.alerts, [row], set(), now())
    (settings.host_dir("web01") / "page_difference.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert [sent.delivery.ok for sent in notice.dispatch(settings, "web01", Choices((address, hook.address)))] == [
        True
    ] * 2
    (mail,) = box.mails
    assert [part.get_filename() for part in mail.iter_attachments()] == ["page_difference.png"]
    assert "p1" in mail.get_body(("plain",)).get_content()


def test_a_server_that_takes_no_pictures_gets_the_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Seen failing with one try: the alert was not delivered at all."""
    from apprise.plugins.custom_json import NotifyJSON

    tried: list[object] = []

    def notify(_self: object, *, attach: object, **_words: object) -> bool:
        tried.append(attach)
        return attach is None

    monkeypatch.setattr(NotifyJSON, "notify", notify)
    shown = tmp_path / "page.png"
    shown.write_bytes(b"x")
    assert send("json://127.0.0.1/hook", Message("t", "x", (shown,))).ok
    assert tried == [[str(shown)], None]
