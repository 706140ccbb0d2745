"""Use the website as visitors and editors do, over the host's loopback. Runs on the host: standard library only.

Without ``deep`` only reading happens. With it, on WordPress, a probe account is made for these seconds, logs in,
uploads 3 KB and 2 MB, opens its upload and saves a draft; then the account and all that it made are removed, also those
of an earlier probe that was cut short. Each trial has a name that harden compares before and after.
"""

from __future__ import annotations

import http.client
import json
import random
import re
import secrets
import socket
import ssl
import struct
import subprocess
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

TIMEOUT = 60  # seconds; a small server with twenty visitors at once is slow, not broken
_MOST = 4 << 20
PREFIX = "ungcuu-probe-"

_PHP = """<?php
$o = json_decode(stream_get_contents(STDIN), true);
$_SERVER['HTTP_HOST'] = $o['name']; $_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1'; $_SERVER['REMOTE_ADDR'] = '127.0.0.1';
require $o['root'] . '/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/user.php';
foreach (get_users(['search' => $o['prefix'] . '*', 'search_columns' => ['user_login']]) as $user) {
    $query = ['author' => $user->ID, 'post_type' => 'any', 'post_status' => 'any', 'numberposts' => -1,
        'fields' => 'ids'];
    foreach (get_posts($query) as $post) { wp_delete_post($post, true); }
    foreach (get_posts(['post_type' => 'attachment'] + $query) as $post) { wp_delete_attachment($post, true); }
    wp_delete_user($user->ID);
}
if ($o['password'] !== '') {
    add_filter('send_password_change_email', '__return_false');
    $id = wp_insert_user(['user_login' => $o['login'], 'user_pass' => $o['password'], 'role' => 'author',
        'user_email' => $o['login'] . '@invalid.invalid']);
    if (is_wp_error($id)) { fwrite(STDERR, $id->get_error_message()); exit(1); }
}
"""


class Broken(Exception):
    """A trial failed; the text says how."""


class Browser:
    """One visitor: cookies, the Host header, plain or TLS as the site wants it."""

    def __init__(self, name: str, tls: bool) -> None:
        self.name, self.tls, self.cookies = name, tls, dict[str, str]()

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of one answer; redirects are not followed."""
        connection = self._connect()
        try:
            sent = {"Host": self.name, "User-Agent": "ungcuu-probe", "Accept": "*/*", **(headers or {})}
            if self.cookies:
                sent["Cookie"] = "; ".join(f"{key}={value}" for key, value in self.cookies.items())
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            for key, value in answer.getheaders():
                if key.lower() == "set-cookie":
                    cookie, _, content = value.split(";", 1)[0].partition("=")
                    self.cookies[cookie] = content
            return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read(_MOST)
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        if not self.tls:
            return http.client.HTTPConnection("127.0.0.1", 80, timeout=TIMEOUT)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # our own loopback, and the site's own name
        connection = http.client.HTTPSConnection("127.0.0.1", 443, timeout=TIMEOUT, context=context)
        plain = socket.create_connection(("127.0.0.1", 443), TIMEOUT)
        connection.sock = context.wrap_socket(plain, server_hostname=self.name)
        return connection


def expect(status: int, good: tuple[int, ...], what: str) -> None:
    """Raise unless the status is one of the good ones."""
    if status not in good:
        raise Broken(f"{what}: status {status}")


def picture(size: int) -> bytes:
    """A valid PNG of about this many bytes: noise does not compress."""
    width = 32
    rows = max(1, size // (width * 3 + 1))
    noise = random.Random(1)  # noqa: S311  (a picture, not a secret)
    data = b"".join(b"\0" + noise.randbytes(width * 3) for _ in range(rows))

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, rows, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


class Wordpress:
    """What an editor does."""

    def __init__(self, order: dict[str, Any], browser: Browser) -> None:
        self.order, self.browser, self.nonce, self.media = order, browser, "", ""
        self.login_name, self.password = PREFIX + secrets.token_hex(6), secrets.token_hex(16)

    def prepare(self, password: str) -> None:
        """Make the probe's account (or, without a password, only remove what is left of any)."""
        given = {"name": self.order["name"], "root": self.order["root"], "prefix": PREFIX, "login": self.login_name}
        done = subprocess.run(
            ["runuser", "-u", self.order["user"], "--", "php", "-r", _PHP.removeprefix("<?php")],
            input=json.dumps(given | {"password": password}), capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        if done.returncode:
            raise Broken(f"the probe's account: {(done.stderr or done.stdout).strip()[-300:]}")

    def login(self) -> None:
        """The login page and a real login."""
        status, _, body = self.browser.ask("GET", "/wp-login.php")
        expect(status, (200,), "login page")
        if b"user_login" not in body:
            raise Broken("the login page has no form")
        form = urlencode({"log": self.login_name, "pwd": self.password, "wp-submit": "1", "testcookie": "1"}).encode()
        status, headers, _ = self.browser.ask("POST", "/wp-login.php", form, _FORM)
        expect(status, (302,), f"login ({headers.get('content-type', '')})")
        if not any(name.startswith("wordpress_logged_in") for name in self.browser.cookies):
            raise Broken("the login was refused")
        status, _, body = self.browser.ask("GET", "/wp-admin/admin-ajax.php?action=rest-nonce")
        expect(status, (200,), "nonce")
        self.nonce = body.decode("ascii", "replace").strip()

    def upload(self, name: str, kind: str, content: bytes) -> None:
        """An upload to the media library."""
        headers = {
            "X-WP-Nonce": self.nonce,
            "Content-Type": kind,
            "Content-Disposition": f'attachment; filename="{name}"',
        }
        status, _, body = self.browser.ask("POST", "/?rest_route=/wp/v2/media", content, headers)
        expect(status, (201,), f"upload of {len(content)} bytes")
        if kind == "image/png":
            self.media = str(json.loads(body)["source_url"])

    def media_page(self) -> None:
        """What was uploaded is served again."""
        status, headers, body = Browser(self.browser.name, self.browser.tls).ask("GET", urlsplit(self.media).path)
        expect(status, (200,), "media")
        if headers.get("content-type") != "image/png" or not body.startswith(b"\x89PNG"):
            raise Broken("the uploaded picture is not served as a picture")

    def post(self) -> None:
        """A draft with words that filters dislike."""
        text = {"title": "Thông báo: select * from & <b>", "content": "<p>1' OR '1'='1 – ví dụ</p>", "status": "draft"}
        headers = {"X-WP-Nonce": self.nonce, "Content-Type": "application/json"}
        body = json.dumps(text).encode()
        expect(self.browser.ask("POST", "/?rest_route=/wp/v2/posts", body, headers)[0], (201,), "saving a draft")

    def admin(self) -> None:
        """The editor's desk."""
        expect(self.browser.ask("GET", "/wp-admin/")[0], (200,), "administration")


_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": "wordpress_test_cookie=WP%20Cookie%20check"}


def trial(results: dict[str, dict[str, Any]], name: str, work: Any, *arguments: Any) -> bool:
    """Carry out one trial and note how it went."""
    started = time.monotonic()
    try:
        work(*arguments)
        passed, detail = True, ""
    except (Broken, OSError, http.client.HTTPException, ValueError, KeyError, subprocess.SubprocessError) as error:
        passed, detail = (
            False,
            f"{type(error).__name__}: {error}"[:300] if not isinstance(error, Broken) else str(error),
        )
    results[name] = {"passed": passed, "detail": detail, "seconds": round(time.monotonic() - started, 3)}
    return passed


def home(browser: Browser, order: dict[str, Any]) -> None:
    """The health page with its phrase."""
    status, _, body = browser.ask("GET", order["path"])
    expect(status, (200,), "home page")
    if order["text"] and order["text"] not in body.decode("utf-8", "replace"):
        raise Broken("the home page lacks its phrase")


def static(browser: Browser, order: dict[str, Any]) -> None:
    """Styles, scripts and pictures that the home page names."""
    body = browser.ask("GET", order["path"])[2].decode("utf-8", "replace")
    begin = r"""(?:src|href)=["'](?:https?://""" + re.escape(order["name"]) + ")?"
    found = re.findall(begin + r"""(/[^"'#]+\.(?:css|js|png|jpe?g|svg|webp))""", body)
    for path in list(dict.fromkeys(found))[:8]:
        expect(browser.ask("GET", path)[0], (200, 304), path[:80])


def crowd(order: dict[str, Any], tls: bool) -> None:
    """Twenty visitors at once."""
    with ThreadPoolExecutor(20) as pool:
        codes = list(pool.map(lambda _: Browser(order["name"], tls).ask("GET", order["path"])[0], range(20)))
    if bad := [code for code in codes if code != 200]:
        raise Broken(f"{len(bad)} of 20 simultaneous visitors got {sorted(set(bad))}")


def cookie(order: dict[str, Any], tls: bool) -> None:
    """A cookie of 3 KB, as plugins set them."""
    browser = Browser(order["name"], tls)
    browser.cookies["ungcuu_probe"] = "x" * 3072
    expect(browser.ask("GET", order["path"])[0], (200,), "3 KB cookie")


def database(order: dict[str, Any]) -> None:
    """Root's socket login and a dump, which backups need."""
    if order.get("engine") != "mariadb" or not order.get("database"):
        return
    command = ["mariadb-dump", "--single-transaction", "--no-data", "--skip-lock-tables", order["database"]]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    if done.returncode or b"Dump completed" not in done.stdout[-200:]:
        raise Broken(f"database dump: {done.stderr.decode(errors='replace').strip()[-200:]}")


def wordpress(order: dict[str, Any], browser: Browser, results: dict[str, dict[str, Any]]) -> None:
    """The editor's day."""
    site = Wordpress(order, browser)
    if not trial(results, "account", site.prepare, site.password):
        return
    try:
        trial(results, "login", site.login)
        trial(results, "administration", site.admin)
        trial(results, "upload 3 KB", site.upload, "ungcuu-probe.png", "image/png", picture(3 << 10))
        trial(results, "upload 2 MB", site.upload, "ungcuu-probe.txt", "text/plain", b"Thong bao\n" * 209716)
        trial(results, "media page", site.media_page)
        trial(results, "post", site.post)
    finally:
        trial(results, "clean-up", site.prepare, "")


def perform(order: dict[str, Any]) -> dict[str, Any]:
    """All trials, each noted by name."""
    results: dict[str, dict[str, Any]] = {}
    tls = False
    try:
        status, headers, _ = Browser(order["name"], tls=False).ask("GET", order["path"])
        tls = status in (301, 302, 307, 308) and headers.get("location", "").startswith("https://")
    except (OSError, http.client.HTTPException):
        pass
    browser = Browser(order["name"], tls)
    only = set(order.get("only") or [])
    for name, work, arguments in (
        ("home page", home, (browser, order)),
        ("pictures, styles, scripts", static, (browser, order)),
        ("3 KB cookie", cookie, (order, tls)),
        ("20 visitors at once", crowd, (order, tls)),
        ("database dump", database, (order,)),
    ):
        if not only or name in only:
            trial(results, name, work, *arguments)
    editing = not only or only - set(results)
    if (
        editing
        and order["deep"]
        and order["application"] == "wordpress"
        and Path(order["root"], "wp-load.php").is_file()
    ):
        wordpress(order, Browser(order["name"], tls), results)
    return {"results": results}


def main(order: dict[str, Any]) -> None:
    """Print one JSON document."""
    print("UNGCUU-RESULT " + json.dumps(perform(order)))
