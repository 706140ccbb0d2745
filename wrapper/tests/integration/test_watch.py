"""The watch at a real nginx, PHP and WordPress: cloaking, a replaced page, an old certificate, a clean site."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ungcuu.core.settings import Settings
from ungcuu.lab import Lab
from ungcuu.watch.outside import asking, surroundings
from ungcuu.watch.outside.look import View, approve, look
from ungcuu.watch.outside.visitors import PLAIN

ROOT = Path(__file__).parents[3]
WEB = "/var/www/portal"
PLUGIN = f"{WEB}/wp-content/mu-plugins/cache.php"
CLOAK = """<?php
$bot = preg_match('/googlebot|bingbot/i', $_SERVER['HTTP_USER_AGENT'] ?? '');
if ($bot) add_action('wp_footer', function () {
  echo '<div><a href="https://casino.invalid/">nhà cái</a><a href="/slot/1/">1</a><a href="/slot/2/">2</a>'
     . '<a href="/slot/3/">3</a></div>';
});
"""
REDIRECT = """<?php
if (str_contains($_SERVER['HTTP_REFERER'] ?? '', 'google.')) {
  header('Location: https://casino.invalid/vao'); exit;
}
"""


@pytest.fixture(scope="module")
def web(fresh: Callable[..., Lab]) -> Lab:
    return fresh("web01")


@pytest.fixture
def site(web: Lab) -> asking.Site:
    address = web.status()["web01"]["address"]
    return asking.Site("portal.lab.test", str(address), (80, 443), "/", "Sở Công Thương")


@pytest.fixture
def seen(site: asking.Site, tmp_path: Path) -> Callable[[], View]:
    """Look from outside, with the page approved as it is at the beginning of the test."""
    settings = Settings(tmp_path, tmp_path, "an")
    (tmp_path / "hosts/web01").mkdir(parents=True)
    page = asking.ask(site, "/", PLAIN)
    approve(settings, "web01", page.features, surroundings.around(site, page))
    return lambda: look(settings, "web01", site, [])


@pytest.fixture
def put(web: Lab) -> Iterator[Callable[[str, bytes], None]]:
    """Put a file on the host for one test; what stood there comes back."""
    before: dict[str, bytes] = {}
    new: list[str] = []

    def change(path: str, data: bytes) -> None:
        stood = web.exec("web01", ["cat", path], None)
        if stood.returncode == 0:
            before[path] = stood.stdout
        else:
            new.append(path)
        write(web, path, data)

    yield change
    for path, data in before.items():
        write(web, path, data)
    for path in new:
        web.exec("web01", ["rm", "-f", path], None)
    web.exec("web01", ["systemctl", "reload", "nginx"], None)


def write(web: Lab, path: str, data: bytes) -> None:
    """Write a file; PHP's cache of compiled code looks at a known file again after two seconds only."""
    command = ["sh", "-c", 'mkdir -p "$(dirname "$1")" && cat > "$1"', "-", path]
    assert web.exec("web01", command, data).returncode == 0
    time.sleep(3 if path.endswith(".php") else 0)


def rules(view: View) -> dict[str, str]:
    """The place of the first sight of each rule: the health page is judged first."""
    return {one.rule: one.place for one in reversed(view.sights)}


def test_a_clean_wordpress_gives_nothing_twice_in_a_row(seen: Callable[[], View]) -> None:
    """A watch that cries wolf is switched off."""
    first, second = seen(), seen()
    assert (rules(first), rules(second)) == ({}, {})
    assert first.whole
    assert first.pages > 1, "pages of the sitemap were compared too"
    assert first.unseen == []


def test_links_for_search_engines_alone_are_found(seen: Callable[[], View], put: Callable[[str, bytes], None]) -> None:
    """What the site's owner never sees, and no list of words has to know."""
    put(PLUGIN, CLOAK.encode())
    found = rules(seen())
    assert "casino[.]invalid (googlebot, bingbot)" in found["outside.hidden-links"]
    assert "/slot/1/" in found["outside.hidden-pages"]


def test_a_redirect_of_those_who_come_from_a_search_is_found(
    seen: Callable[[], View], put: Callable[[str, bytes], None]
) -> None:
    """The machine to which it leads is named, and never asked."""
    put(PLUGIN, REDIRECT.encode())
    assert rules(seen())["outside.sent-away"] == "/ → casino[.]invalid (from-search)"


def test_a_replaced_page_is_found(seen: Callable[[], View], put: Callable[[str, bytes], None]) -> None:
    page = (
        "<html><title>owned</title><script src='https://evil.invalid/x.js'></script><body>hacked by team</body></html>"
    )
    put(f"{WEB}/index.php", page.encode())
    found = rules(seen())
    assert found["outside.wrong-page"] == "/: 200"
    assert {"outside.not-approved", "outside.new-programs"} <= set(found)


def test_a_page_that_kept_its_text_but_not_itself_is_found(
    seen: Callable[[], View], put: Callable[[str, bytes], None]
) -> None:
    """An intruder who leaves the health text in place: only the approved page shows it."""
    put(f"{WEB}/index.php", "<title>Sở Công Thương</title><body>Sở Công Thương hacked by team</body>".encode())
    found = rules(seen())
    assert "outside.wrong-page" not in found
    assert "outside.not-approved" in found


def test_an_expired_certificate_is_found(web: Lab, seen: Callable[[], View], put: Callable[[str, bytes], None]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    now, name = datetime.now(UTC), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "portal.lab.test")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = (
        builder.serial_number(7).not_valid_before(now - timedelta(days=90)).not_valid_after(now - timedelta(days=1))
    )
    raw = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    form = serialization.PrivateFormat.PKCS8
    put("/etc/ssl/certs/portal.pem", raw)
    put(
        "/etc/ssl/private/portal.key",
        key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()),
    )
    assert web.exec("web01", ["systemctl", "reload", "nginx"], None).returncode == 0
    (sight,) = seen().sights
    assert (sight.rule, sight.severity) == ("outside.certificate", "high")


class _Hook(BaseHTTPRequestHandler):
    got: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        self.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Path]:
    """The lab's inventory, and a webhook on loopback that is notified."""
    server = HTTPServer(("127.0.0.1", 0), _Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    folder = tmp_path / "inventory"
    subprocess.run(["cp", "-r", str(ROOT / "inventory/lab"), str(folder)], check=True)
    with (folder / "group_vars/website.yml").open("a") as file:
        file.write(f'watch_targets: ["json://127.0.0.1:{server.server_port}/hook"]\n')
    yield folder
    server.shutdown()
    server.server_close()


def ungcuu(inventory: Path, *words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "ungcuu", "-i", str(inventory), *words, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    return dict(json.loads(done.stdout))


def test_a_round_notifies_once_of_a_web_shell_and_is_cheap_without_a_change(
    web: Lab, inventory: Path, put: Callable[[str, bytes], None]
) -> None:
    (Path(os.environ["UNGCUU_STATE"]) / "hosts/web01/watch.json").unlink(missing_ok=True)  # of another machine
    assert ungcuu(inventory, "baseline", "web01")["outcome"] == "DONE"
    first = ungcuu(inventory, "watch", "round", "web01")
    assert (first["outcome"], first["raised"]) == ("DONE", [])
    put(f"{WEB}/wp-content/uploads/a.php", b"<?php eval(base64_decode($_POST['x']));")
    found = ungcuu(inventory, "watch", "round", "web01")
    assert found["exit_code"] == 13
    assert [row["sight"]["rule"] for row in found["raised"]] == ["upload.code"]
    again = ungcuu(inventory, "watch", "round", "web01")
    assert (again["rounds"][0]["full"], again["raised"], again["sent"]) == (False, [], [])
    assert len(_Hook.got) == 1
    assert "a.php" in _Hook.got[0]["message"]
    key = found["raised"][0]["sight"]["id"]
    assert ungcuu(inventory, "ack", key)["acknowledged"] == [{"host": "web01", "id": key}]
