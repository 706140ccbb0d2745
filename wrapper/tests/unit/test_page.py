"""The one page client, asked by real servers on loopback; every caller of it judges a page alike."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import plugin_runs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ungcuu.remote import page, reachability, website_probe

ROOT = Path(__file__).resolve().parents[3]
NAME, TEXT = "portal.lab.test", "Sở Công Thương"


class Site(BaseHTTPRequestHandler):
    """A website: pages, and redirects of every kind."""

    tls_port = 0

    def do_GET(self) -> None:
        name, _colon, port = self.headers["Host"].partition(":")
        here = port == str(self.server.server_address[1])
        moved = {
            "/to-tls": f"https://{NAME}:{self.tls_port}/",
            "/to-path": "/vi/",
            "/to-name": f"//{NAME.upper()}:{port}/",
            "/away": "https://elsewhere.test/",
            "/loop": "/loop",
        }
        self.send_response(301 if self.path in moved else 500 if self.path == "/broken" else 200)
        if self.path in moved:
            self.send_header("Location", moved[self.path])
        self.end_headers()
        well = name == NAME and here and self.path in ("/", "/vi/", "/broken", "/away", "/loop")
        self.wfile.write((TEXT if well else "nothing").encode())

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """A port that speaks HTTP and one that speaks TLS; neither is a usual one."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "another.test")])
    begin = datetime.now(UTC) - timedelta(days=1)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(begin).not_valid_after(begin + timedelta(days=9))
    pem = tmp_path_factory.mktemp("tls") / "both.pem"
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *plain)
        + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Site) for _ in range(2)]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    servers[1].socket = context.wrap_socket(servers[1].socket, server_side=True, do_handshake_on_connect=False)
    Site.tls_port = servers[1].server_address[1]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield servers[0].server_address[1], servers[1].server_address[1]
    for server in servers:
        server.shutdown()


def closed() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


CASES = [
    ("http", "/", True),
    ("https", "/", True),
    ("http", "/to-tls", True),
    ("http", "/to-path", True),
    ("https", "/to-path", True),
    ("http", "/to-name", True),
    ("http", "/away", False),
    ("http", "/loop", False),
    ("http", "/other", False),
    ("http", "/broken", False),
    ("closed", "/", False),
]


@pytest.mark.parametrize(("scheme", "path", "healthy"), CASES)
def test_every_client_judges_a_page_alike(
    ports: tuple[int, int], monkeypatch: pytest.MonkeyPatch, scheme: str, path: str, healthy: bool
) -> None:
    """A 301 was a failure to one of four clients and health to another. Seen failing with redirects not followed."""
    port = {"http": ports[0], "https": ports[1]}.get(scheme) or closed()
    site = {"name": NAME, "path": path, "text": TEXT, "ports": [port]}
    assert page.healthy(page.look(site)) is healthy
    assert page.healthy(reachability.site("127.0.0.1", 5, **site)) is healthy
    assert whole_program(site) is healthy
    assert probe(site) is healthy
    assert restored(site, monkeypatch) is healthy


def whole_program(site: dict[str, Any]) -> bool:
    """What the role website_health gets, from the host and from the controller."""
    found = set()
    for side in ("host", "controller"):
        arguments = {"side": side, "address": "127.0.0.1", "tries": 1, "pause": 0, "timeout": 5, **site}
        found.add(plugin_runs.run("ungcuu_page", arguments, plugin_runs.this_machine)["passed"])
    assert len(found) == 1
    return found.pop()


def probe(site: dict[str, Any]) -> bool:
    """What harden asks before and after."""
    try:
        website_probe.home(site)
    except website_probe.Broken:
        return False
    return True


def restored(site: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> bool:
    """What decides whether a restored website is swapped back."""
    monkeypatch.syspath_prepend(str(ROOT / "roles/website_backup/files"))
    from ungcuu_site import common, health

    asked = {"name": NAME, "health_path": site["path"], "health_text": TEXT, "ports": site["ports"]}
    try:
        health.wait_for(asked, 0)
    except common.RefusedError:
        return False
    return True


def test_a_restored_website_may_answer_slowly_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first page after a restore fills caches; a page that answers wrongly gets no more time than before.

    Seen failing without `_SLOW_SECONDS`: the restore of a MediaWiki on a loaded host was taken back.
    """
    monkeypatch.syspath_prepend(str(ROOT / "roles/website_backup/files"))
    from ungcuu_site import common, health

    site = {"name": NAME, "health_path": "/", "health_text": TEXT}
    right = {"status": 200, "found": True, "error": "", "scheme": "http"}
    wrong = right | {"status": 500, "found": False}
    late = wrong | {"status": 0, "error": "timeout"}
    clock = 0.0

    def look(_site: dict[str, Any]) -> dict[str, Any]:
        nonlocal clock
        answer = answers.pop(0)
        clock += 30 if answer["error"] else 0
        return answer

    monkeypatch.setattr(page, "look", look)
    monkeypatch.setattr(health.time, "monotonic", lambda: clock)
    monkeypatch.setattr(health.time, "sleep", lambda _seconds: None)
    answers = [late, right]
    assert health.wait_for(site, 20)["status"] == 200
    answers = [late, wrong]
    with pytest.raises(common.RefusedError, match="answers 500"):
        health.wait_for(site, 20)
    answers = [late] * 9
    with pytest.raises(common.RefusedError, match="does not answer in time"):
        health.wait_for(site, 20)
    assert len(answers) == 6


def test_which_door_of_a_website_is_tried() -> None:
    """Plain HTTP on 80 first, as a visitor does; a port of the site's own is asked over TLS and plain."""
    assert page.doors([]) == page.doors([443, 80]) == [("http", 80), ("https", 443)]
    assert page.doors([443]) == [("https", 443)]
    assert page.doors([8443, 80]) == [("http", 80), ("https", 8443), ("http", 8443)]


def test_how_the_ports_of_a_website_speak(ports: tuple[int, int]) -> None:
    """Tests on production ask over TLS where the site has it, on whichever port."""
    found = page.spoken({"name": NAME, "ports": [*ports, closed()]})
    assert found == {"doors": [("http", ports[0]), ("https", ports[1])]}


def test_a_program_is_sent_with_the_modules_that_it_imports(ports: tuple[int, int]) -> None:
    """The host has no package of ours: what reachability imports has to come with it."""
    from ungcuu.hosts.remote_program import answer_in, question

    site = {"name": NAME, "path": "/", "text": TEXT, "ports": [ports[0]]}
    order = {"ask": "site", "addresses": ["127.0.0.1"], "site": site, "timeout": 1}
    command = [sys.executable, "-I", "-S", "-"]
    sent = question("reachability", order).decode()
    done = subprocess.run(command, input=sent, capture_output=True, text=True, check=True, cwd="/")
    assert answer_in(done.stdout)["site"][0]["status"] == 200
