"""What an editor of WordPress does, with an account that exists for these seconds. Runs on the host."""

from __future__ import annotations

import json
import random
import secrets
import struct
import subprocess
import zlib
from typing import Any
from urllib.parse import urlencode, urlsplit

from ungcuu.remote.page_client import Broken, Browser, expect

PREFIX = "ungcuu-probe-"


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


# What rich editors make of a report: pasted from a word processor, with tables, pictures, a map and a film.
_RICH = (
    '<h2 style="text-align: center;"><span style="color: #c00000; font-family: &quot;Times New Roman&quot;, serif;">'
    "BÁO CÁO tình hình xuất, nhập khẩu – quý III/2026</span></h2>"
    '<p class="MsoNormal" style="margin: 6.0pt 0cm; text-align: justify;"><b>1.</b> Kim ngạch đạt 1.250 tỷ đồng; '
    "tăng 8,5% so với cùng kỳ (Nghị định số 85/2016/NĐ-CP; điều 5 &amp; 6). Xem: C:\\Báo cáo\\quý 3.docx<o:p></o:p></p>"
    '<table border="1" cellpadding="4" style="width: 100%; border-collapse: collapse;"><thead><tr><th colspan="2">'
    '<strong>Chỉ tiêu</strong></th></tr></thead><tbody><tr><td style="width: 50%;">Select từ &lt;danh mục&gt;</td>'
    '<td onlytext="">1 = 1 hoặc 2; union các hợp tác xã</td></tr></tbody></table>'
    '<figure class="image"><img src="/wp-content/uploads/2026/11/ảnh chợ.png" alt="Chợ &quot;đầu mối&quot;" '
    'style="float: left; width: 50%;" /><figcaption>Ảnh: T.V.A</figcaption></figure>'
    '<iframe src="https://www.google.com/maps/embed?pb=!1m18!1m12!1m3!1d3724.1!2d105.8!3d21.0!2m3!1f0!2f0!3f0" '
    'width="600" height="450" style="border: 0;" allowfullscreen="" loading="lazy"></iframe>'
    '<iframe title="Phim" src="https://www.youtube.com/embed/aqz-KE-bpKQ?rel=0&amp;start=10" width="560" height="315" '
    'allow="accelerometer; autoplay; clipboard-write; encrypted-media"></iframe>'
    '<p><a href="https://example.com/tim?q=a%20OR%20b&amp;page=1" target="_blank" rel="noopener">Tải về</a></p>'
)


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
            input=json.dumps(given | {"password": password}),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-300:]
            raise Broken("trial_account_failed", said={"code": "said", "text": said})

    def login(self) -> None:
        """The login page and a real login."""
        status, _, body = self.browser.ask("GET", "/wp-login.php")
        expect(status, (200,), {"code": "trial_login_page"})
        if b"user_login" not in body:
            raise Broken("trial_no_form")
        form = urlencode({"log": self.login_name, "pwd": self.password, "wp-submit": "1", "testcookie": "1"}).encode()
        status, headers, _ = self.browser.ask("POST", "/wp-login.php", form, _FORM)
        expect(status, (302,), {"code": "trial_login_answer", "kind": headers.get("content-type", "")})
        if not any(name.startswith("wordpress_logged_in") for name in self.browser.cookies):
            raise Broken("trial_login_refused")
        status, _, body = self.browser.ask("GET", "/wp-admin/admin-ajax.php?action=rest-nonce")
        expect(status, (200,), {"code": "trial_nonce"})
        self.nonce = body.decode("ascii", "replace").strip()

    def upload(self, name: str, kind: str, content: bytes) -> None:
        """An upload to the media library, as the editor's form sends it."""
        mark = secrets.token_hex(16)
        part = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: {kind}'
        form = f"{part}\r\n\r\n".encode() + content + f"\r\n--{mark}--\r\n".encode()
        headers = {"X-WP-Nonce": self.nonce, "Content-Type": f"multipart/form-data; boundary={mark}"}
        status, _, body = self.browser.ask("POST", "/index.php?rest_route=/wp/v2/media", form, headers)
        expect(status, (201,), {"code": "trial_upload", "bytes": len(content)})
        if kind == "image/png":
            self.media = str(json.loads(body)["source_url"])

    def media_page(self) -> None:
        """What was uploaded is served again."""
        status, headers, body = self.browser.stranger().ask("GET", urlsplit(self.media).path)
        expect(status, (200,), {"code": "trial_media"})
        if headers.get("content-type") != "image/png" or not body.startswith(b"\x89PNG"):
            raise Broken("trial_no_picture")

    def post(self) -> None:
        """A draft with words that filters dislike, then edited with the HTML that editors paste."""
        text = {"title": "Thông báo: select * from & <b>", "content": "<p>1' OR '1'='1 – ví dụ</p>", "status": "draft"}
        status, _, body = self._save("/wp/v2/posts", text)
        expect(status, (201,), {"code": "trial_saving"})
        page = (
            '<!-- wp:paragraph --><p style="color:red"><a href="https://example.com/?a=1&b=2">Xem</a></p>'
            "<table><tr><td>order by; union</td></tr></table><blockquote>../../tệp &lt;script&gt;</blockquote>"
        )
        status, _, _ = self._save(f"/wp/v2/posts/{int(json.loads(body)['id'])}", text | {"content": page})
        expect(status, (200,), {"code": "trial_editing"})

    def rich_text(self) -> None:
        """A report as a rich editor sends it: saved by the editor of today, kept as a draft by the classic one."""
        text = {"title": "Báo cáo “quý III” – số 25/BC-SCT", "content": _RICH, "status": "draft"}
        expect(self._save("/wp/v2/posts", text)[0], (201,), {"code": "trial_saving_rich"})
        autosave = {"content": _RICH, "post_title": text["title"], "post_type": "post"}
        form = urlencode(
            {f"data[wp_autosave][{key}]": value for key, value in autosave.items()} | {"action": "heartbeat"}
        )
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        status = self.browser.ask("POST", "/wp-admin/admin-ajax.php", form.encode(), headers)[0]
        expect(status, (200, 400), {"code": "trial_sending_rich"})

    def _save(self, route: str, text: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        headers = {"X-WP-Nonce": self.nonce, "Content-Type": "application/json"}
        return self.browser.ask("POST", f"/index.php?rest_route={route}", json.dumps(text).encode(), headers)

    def admin(self) -> None:
        """The editor's desk."""
        expect(self.browser.ask("GET", "/wp-admin/")[0], (200,), {"code": "trial_administration"})


_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": "wordpress_test_cookie=WP%20Cookie%20check"}
