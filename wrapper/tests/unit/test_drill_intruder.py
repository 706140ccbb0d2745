"""What the intruder of a drill sends, and what an audit is asked in one: small servers answer as the website does."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest import mock
from urllib.parse import parse_qs

import pytest

from ungcuu.core.errors import ControllerFault
from ungcuu.drill import intruder
from ungcuu.drill.player import Drill
from ungcuu.drill.record import DrillFailed, Phase
from ungcuu.drill.simulation import Simulation, load
from ungcuu.drill.stage import FURTHER, Stage
from ungcuu.drill.typist import make_inventory
from ungcuu.hosts.data_files import read_text


class Site(BaseHTTPRequestHandler):
    """Lets `bientap` in with one password, and takes a new account only with the form's own proof and session."""

    seen: list[tuple[str, str, str]]
    most = 99

    def do_GET(self) -> None:
        known = self.headers.get("Cookie") == "logged=in; more=1"
        self._answer(200 if known else 302, '<input name="_wpnonce_create-user" value="p1">' if known else "")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        type(self).seen.append((self.client_address[0], self.path, body))
        if len(self.seen) > self.most:
            self.close_connection = True
            return
        form = {name: values[0] for name, values in parse_qs(body).items()}
        if self.path == "/wp-login.php":
            right = form == {"log": "bientap", "pwd": "short"}
            self._answer(302 if right else 200, "", "http://x/wp-admin/" if right else "")
            return
        made = form.get("_wpnonce_create-user") == "p1" and self.headers.get("Cookie") == "logged=in; more=1"
        self._answer(302 if made else 403, "", "users.php?update=add" if made else "")

    def _answer(self, status: int, text: str, to: str = "") -> None:
        self.send_response(status)
        if to:
            self.send_header("Location", to)
            self.send_header("Set-Cookie", "logged=in; path=/; HttpOnly")
            self.send_header("Set-Cookie", "more=1; path=/")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_words: object) -> None:
        """Stay silent."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[type[Site]]:
    handler = type("One", (Site,), {"seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    whole = intruder.http.client.HTTPConnection

    def to_server(_address: str, _port: int, **more: object) -> object:
        return whole("127.0.0.1", server.server_port, **more)

    patched = mock.patch.object(intruder.http.client, "HTTPConnection", to_server)
    with patched, mock.patch.object(intruder, "_SESSION", tmp_path / "session"):
        yield handler
    server.shutdown()
    server.server_close()


def test_guesses_come_from_the_address_that_is_named_and_the_right_one_is_the_last(site: type[Site]) -> None:
    said = intruder.guess("a", "s", "bientap:short", "127.0.0.9", "3", "1000")
    assert said == {"wrong": 3, "banned": False, "in": True}
    assert {address for address, _path, _body in site.seen} == {"127.0.0.9"}
    assert [body for *_rest, body in site.seen][-1] == "log=bientap&pwd=short"
    assert intruder.login("a", "s", "bientap:long") == {"in": False, "status": 200}


def test_a_banned_address_stops(site: type[Site]) -> None:
    """Seen failing without: it asked on into silence until its time was up."""
    site.most = 2
    said = intruder.guess("a", "s", "bientap:short", "127.0.0.9", "30", "1000")
    assert said == {"wrong": 2, "banned": True, "in": False}
    assert len(site.seen) == 4, "two answers, one silence, and the right password into silence"


def test_who_got_in_adds_an_account_and_keeps_the_session(site: type[Site]) -> None:
    assert intruder.enter("a", "s", "bientap:wrong", "127.0.0.1", "hotro:x")["made"] is False
    assert intruder.inside("a", "s", "127.0.0.1") == {"inside": False}
    said = intruder.enter("a", "s", "bientap:short", "127.0.0.1", "hotro:x")
    assert said == {"in": True, "made": True, "form": True}
    assert intruder.inside("a", "s", "127.0.0.1") == {"inside": True}
    assert parse_qs(site.seen[-1][2])["role"] == ["administrator"]


def test_silence_is_no_answer_to_whether_somebody_gets_in(tmp_path: Path) -> None:
    """Seen failing: a timeout said `"in": false`, so a host that was down, or a blocked address, proved it gone."""
    session = tmp_path / "session"
    session.write_text("logged=in")
    silent = mock.patch.object(intruder.http.client.HTTPConnection, "request", side_effect=TimeoutError)
    with silent, mock.patch.object(intruder, "_SESSION", session):
        with pytest.raises(SystemExit, match="no answer: TimeoutError"):
            intruder.login("a", "s", "bientap:short")
        with pytest.raises(SystemExit, match="no answer: TimeoutError"):
            intruder.inside("a", "s", "127.0.0.1")


def test_a_session_is_looked_at_from_an_address_that_containing_does_not_block() -> None:
    """Seen failing: it was asked for from the address that had been blocked just before, which proves nothing."""
    plan = load("brute_force")
    blocked = {word for step in plan.contain for word in step}
    looks = [one.intruder[3] for one in plan.effects if one.intruder[:1] == ("inside",)]
    assert looks and not blocked.intersection(looks)


def test_an_attachment_is_sent_as_browsers_send_it(site: type[Site]) -> None:
    content = base64.b64encode(b"<?php // x").decode()
    assert intruder.send("a", "s", "/take.php", "attachment", f"a.php={content}")["status"] == 403
    (_address, path, body) = site.seen[0]
    assert path == "/take.php" and 'name="attachment"; filename="a.php"\r\n\r\n<?php // x\r\n--drill--' in body


def test_further_addresses_are_no_host_s_and_of_the_lab_s_network() -> None:
    lab = mock.Mock()
    lab.address.side_effect = lambda name: {"web01": "198.51.100.34", "vault01": "198.51.100.35"}.get(
        name, "198.51.100.36"
    )
    values = Stage(lab, load("flood"), {}).values
    assert [values[name] for name in FURTHER] == ["198.51.100.42", "198.51.100.43", "198.51.100.44", "198.51.100.45"]


def drill(found: list[str], hole: str = "H-1") -> Drill:
    one = Drill.__new__(Drill)
    one.say, one.host, one.data = lambda _text: None, "web01", mock.Mock(hole=hole)
    parts = [{"name": "contact", "vulnerabilities": [{"id": name} for name in found]}]
    said = {"audits": [{"application": {"parts": parts}}]}
    one.typist = mock.Mock(**{"verb.return_value": said})
    return one


@pytest.mark.parametrize(("found", "vulnerable"), [([], True), (["H-1"], False), (["H-2"], True)])
def test_an_audit_that_says_otherwise_fails_the_drill(found: list[str], vulnerable: bool) -> None:
    with pytest.raises(DrillFailed, match="published hole"):
        drill(found).audit(Phase("x"), vulnerable=vulnerable)


@pytest.mark.parametrize(("found", "vulnerable"), [([], False), (["H-2", "H-1"], True)])
def test_an_audit_names_the_hole_while_it_is_there(found: list[str], vulnerable: bool) -> None:
    phase = Phase("x")
    drill(found).audit(phase, vulnerable=vulnerable)
    assert [proof.passed for proof in phase.proofs] == [True]


def test_no_audit_where_a_scenario_has_no_hole() -> None:
    one = drill([], hole="")
    one.audit(Phase("x"), vulnerable=True)
    assert not one.typist.verb.called


def test_advisories_stand_beside_the_inventory_that_names_them(tmp_path: Path) -> None:
    """Each drill's inventory is made anew: an earlier scenario's advisories are no part of it."""
    lab, state = tmp_path / "lab", tmp_path / "state"
    (lab / "group_vars").mkdir(parents=True)
    (lab / "group_vars/website.yml").write_text("website_name: x\n")
    state.mkdir()
    folder = make_inventory(lab, state, "json://x", b"{}")
    assert "website_advisories: advisories.json\n" in (folder / "group_vars/website.yml").read_text()
    assert (folder / "advisories.json").read_bytes() == b"{}"
    folder = make_inventory(lab, state, "json://x")
    assert "advisories" not in (folder / "group_vars/website.yml").read_text()
    assert not (folder / "advisories.json").exists()


def test_a_hole_needs_the_advisories_that_name_it() -> None:
    text = "id: x\nbounds: {seconds: 1, requests: 1, rate: 1, cpu_seconds: 1}\nattack: []\neffects: []\nnotice: []\n"
    text += "contain: []\nentry_closed: x\nhole: H-1\n"
    with pytest.raises(ControllerFault) as refused:
        read_text(Simulation, text, "x.yml")
    assert "needs both or none of: advisories, hole" in refused.value.what
