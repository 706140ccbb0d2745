"""Use the website as visitors and editors do, over the host's loopback. Runs on the host: standard library only.

Without ``deep`` only reading happens. With it, on WordPress, a probe account is made for these seconds, logs in,
uploads 3 KB and 2 MB, opens its upload and saves a draft; then the account and all that it made are removed, also those
of an earlier probe that was cut short. Each trial has a name that harden compares before and after.

``needs`` shows what the pages, and the site's own style sheets, make a browser load, by directive of a
Content-Security-Policy. What scripts load by addresses that they put together is not seen.
"""

from __future__ import annotations

import http.client
import json
import random
import re
import secrets
import struct
import subprocess
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from ungcuu.remote import page

TIMEOUT = 60  # seconds; a small server with twenty visitors at once is slow, not broken
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

    def __init__(self, name: str, scheme: str = "http", port: int = 80) -> None:
        self.name, self.scheme, self.port, self.cookies = name, scheme, port, dict[str, str]()

    @property
    def origin(self) -> str:
        """The website as an address names it."""
        usual = self.port == page.USUAL[self.scheme]
        return f"{self.scheme}://{self.name.lower()}" + ("" if usual else f":{self.port}")

    def stranger(self) -> Browser:
        """Another visitor of the same website, without cookies."""
        return Browser(self.name, self.scheme, self.port)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of one answer; redirects are not followed."""
        sent = {"Host": urlsplit(self.origin).netloc, "User-Agent": "ungcuu-probe", "Accept": "*/*", **(headers or {})}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{key}={value}" for key, value in self.cookies.items())
        more = {"scheme": self.scheme, "port": self.port, "timeout": TIMEOUT}
        status, said, content = page.ask("127.0.0.1", self.name, path, method=method, body=body, headers=sent, **more)
        for key, value in said:
            if key.lower() == "set-cookie":
                cookie, _, word = value.split(";", 1)[0].partition("=")
                self.cookies[cookie] = word
        return status, {key.lower(): value for key, value in said}, content


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
            input=json.dumps(given | {"password": password}),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
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
        """An upload to the media library, as the editor's form sends it."""
        mark = secrets.token_hex(16)
        part = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: {kind}'
        form = f"{part}\r\n\r\n".encode() + content + f"\r\n--{mark}--\r\n".encode()
        headers = {"X-WP-Nonce": self.nonce, "Content-Type": f"multipart/form-data; boundary={mark}"}
        status, _, body = self.browser.ask("POST", "/index.php?rest_route=/wp/v2/media", form, headers)
        expect(status, (201,), f"upload of {len(content)} bytes")
        if kind == "image/png":
            self.media = str(json.loads(body)["source_url"])

    def media_page(self) -> None:
        """What was uploaded is served again."""
        status, headers, body = self.browser.stranger().ask("GET", urlsplit(self.media).path)
        expect(status, (200,), "media")
        if headers.get("content-type") != "image/png" or not body.startswith(b"\x89PNG"):
            raise Broken("the uploaded picture is not served as a picture")

    def post(self) -> None:
        """A draft with words that filters dislike, then edited with the HTML that editors paste."""
        text = {"title": "Thông báo: select * from & <b>", "content": "<p>1' OR '1'='1 – ví dụ</p>", "status": "draft"}
        status, _, body = self._save("/wp/v2/posts", text)
        expect(status, (201,), "saving a draft")
        page = (
            '<!-- wp:paragraph --><p style="color:red"><a href="https://example.com/?a=1&b=2">Xem</a></p>'
            "<table><tr><td>order by; union</td></tr></table><blockquote>../../tệp &lt;script&gt;</blockquote>"
        )
        status, _, _ = self._save(f"/wp/v2/posts/{int(json.loads(body)['id'])}", text | {"content": page})
        expect(status, (200,), "editing the draft")

    def _save(self, route: str, text: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        headers = {"X-WP-Nonce": self.nonce, "Content-Type": "application/json"}
        return self.browser.ask("POST", f"/index.php?rest_route={route}", json.dumps(text).encode(), headers)

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


def look(order: dict[str, Any]) -> dict[str, Any]:
    """The health page as every client of ours sees and judges it."""
    asked = {name: order.get(name) for name in ("name", "path", "text", "ports")}
    return page.look(asked | {"timeout": TIMEOUT})


def home(order: dict[str, Any]) -> None:
    """The health page with its phrase."""
    seen = look(order)
    if seen["error"]:
        raise Broken(f"home page: no answer ({seen['error']})")
    expect(seen["status"], (200,), "home page")
    if not page.healthy(seen):
        raise Broken("the home page lacks its phrase")


def static(browser: Browser, order: dict[str, Any]) -> None:
    """Styles, scripts and pictures that the home page names."""
    body = browser.ask("GET", order["path"])[2].decode("utf-8", "replace")
    begin = r"""(?:src|href)=["'](?:https?://""" + re.escape(order["name"]) + ")?"
    found = re.findall(begin + r"""(/[^"'#]+\.(?:css|js|png|jpe?g|svg|webp))""", body)
    for path in list(dict.fromkeys(found))[:8]:
        expect(browser.ask("GET", path)[0], (200, 304), path[:80])


def crowd(browser: Browser, order: dict[str, Any]) -> None:
    """Twenty visitors at once."""
    with ThreadPoolExecutor(20) as pool:
        codes = list(pool.map(lambda _: browser.stranger().ask("GET", order["path"])[0], range(20)))
    if bad := [code for code in codes if code != 200]:
        raise Broken(f"{len(bad)} of 20 simultaneous visitors got {sorted(set(bad))}")


def cookie(browser: Browser, order: dict[str, Any]) -> None:
    """A cookie of 3 KB, as plugins set them."""
    browser = browser.stranger()
    browser.cookies["ungcuu_probe"] = "x" * 3072
    expect(browser.ask("GET", order["path"])[0], (200,), "3 KB cookie")


def database(order: dict[str, Any]) -> None:
    """The superuser's socket login and a dump, which backups need."""
    engine, name = order.get("engine"), order.get("database")
    if engine not in _DUMPS or not name:
        return
    command, end = _DUMPS[engine]
    done = subprocess.run([*command, name], capture_output=True, check=False, timeout=60)
    if done.returncode or end not in done.stdout[-200:]:
        raise Broken(f"database dump: {done.stderr.decode(errors='replace').strip()[-200:]}")


_DUMPS: dict[str | None, tuple[list[str], bytes]] = {
    "mariadb": (["mariadb-dump", "--single-transaction", "--no-data", "--skip-lock-tables"], b"Dump completed"),
    "postgresql": (["runuser", "-u", "postgres", "--", "pg_dump", "--schema-only"], b"database dump complete"),
}


_TAGS = {
    ("script", "src"): "script-src",
    ("img", "src"): "img-src",
    ("img", "srcset"): "img-src",
    ("input", "src"): "img-src",
    ("image", "href"): "img-src",
    ("image", "xlink:href"): "img-src",
    ("video", "poster"): "img-src",
    ("body", "background"): "img-src",
    ("table", "background"): "img-src",
    ("td", "background"): "img-src",
    ("iframe", "src"): "frame-src",
    ("frame", "src"): "frame-src",
    ("audio", "src"): "media-src",
    ("video", "src"): "media-src",
    ("track", "src"): "media-src",
    ("source", "src"): "media-src",
    ("source", "srcset"): "img-src",
    ("embed", "src"): "object-src",
    ("object", "data"): "object-src",
    ("form", "action"): "form-action",
    ("button", "formaction"): "form-action",
    ("input", "formaction"): "form-action",
    ("base", "href"): "base-uri",
    ("a", "ping"): "connect-src",
}
_RELATIONS = {
    "stylesheet": "style-src",
    "icon": "img-src",
    "apple-touch-icon": "img-src",
    "mask-icon": "img-src",
    "manifest": "manifest-src",
    "modulepreload": "script-src",
}
# What <link rel=preload as=…> fetches; imagesrcset beside it too.
_AS = {
    "script": "script-src",
    "worker": "worker-src",
    "style": "style-src",
    "image": "img-src",
    "font": "font-src",
    "fetch": "connect-src",
    "audio": "media-src",
    "video": "media-src",
    "track": "media-src",
    "document": "frame-src",
    "object": "object-src",
    "embed": "object-src",
}
_LAZY = re.compile(r"data-(?:lazy-)?(?=src(?:set)?$)")  # scripts move these to src and srcset as the visitor scrolls
# An unended comment or block ends with the text, as in browsers; a pattern that gave up there would be tried again
# at each further beginning.
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_FONT_FACE = re.compile(r"@font-face\s*\{[^}]*(?:\}|\Z)", re.IGNORECASE)
_IMPORT = re.compile(r"""@import\s*(?:url\(\s*)?["']?([^"'()\s;]+)""", re.IGNORECASE)
_URL = re.compile(r"""url\(\s*(?:"([^"]*)"|'([^']*)'|([^"'()\s]+))\s*\)""", re.IGNORECASE)
_CALL = re.compile(
    r"""\b(?:fetch|EventSource|WebSocket|sendBeacon|open\(\s*["'][A-Za-z]{3,7}["']\s*,)[\s(]*["']((?:(?:https?|wss?):)?//[^"'\s]+)"""
)
# A style sheet of theirs that we do not fetch, but whose fonts are known to come from elsewhere.
_KNOWN = {"https://fonts.googleapis.com": ("font-src", "https://fonts.gstatic.com")}
_PAGES = 6
_SHEETS = 20
_SHEET_BYTES = 512 << 10


def joined(base: str, address: str) -> str:
    """An address as it counts on a page, empty where no browser makes one of it either."""
    try:
        return urljoin(base, address)
    except ValueError:
        return ""


def styles_load(text: str, base: str) -> set[tuple[str, str]]:
    """What a style sheet, or a style attribute, makes the browser load: directive and address."""
    text = _COMMENT.sub(" ", text)
    found = {("style-src", joined(base, address)) for address in _IMPORT.findall(text)}
    fonts = " ".join(_FONT_FACE.findall(text))
    for part, directive in ((fonts, "font-src"), (_IMPORT.sub(" ", _FONT_FACE.sub(" ", text)), "img-src")):
        addresses = ("".join(groups) for groups in _URL.findall(part))
        found |= {(directive, joined(base, item)) for item in addresses if item and not item.startswith("#")}
    return found


def candidates(srcset: str) -> list[str]:
    """The addresses of a srcset: a comma ends an address only at a word's end, since addresses may hold commas."""
    found, wanted = list[str](), True
    for part in srcset.split():
        word = part if wanted else part.partition(",")[2]  # after an address comes its width or density
        if not wanted and "," not in part:
            continue
        address = word.strip(",")
        if address:
            found.append(address)
        wanted = not address or word.endswith(",")
    return found


class Loads(HTMLParser):
    """What a page makes the browser load: directive to addresses."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.page = self.base = base
        self.found, self.links = set[tuple[str, str]](), list[str]()
        self.inside, self.text = "", list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what this tag loads."""
        rows = [(_LAZY.sub("", name), value) for name, value in attrs if value]
        given = dict(rows)
        for name, value in rows:
            if directive := _TAGS.get((tag, name)):
                self._note(directive, value, many=name == "srcset")
            elif name == "style":
                self.found |= styles_load(value, self.base)
        if tag == "base" and "href" in given:
            self.base = joined(self.base, given["href"])
        elif tag == "link":
            self._link(given)
        elif tag == "a" and "href" in given:
            self.links.append(joined(self.base, given["href"]))
        elif tag in ("style", "script"):
            self.inside, self.text = tag, []

    def handle_data(self, data: str) -> None:
        """Keep what stands in a style or script, which may come in pieces."""
        if self.inside:
            self.text.append(data)

    def handle_endtag(self, tag: str) -> None:
        """Read a style or script that ends here."""
        if tag == self.inside:
            self.finish()

    def finish(self) -> None:
        """Read the style or script that was kept; also at the page's end, where one may lack its end."""
        text, tag = "".join(self.text), self.inside
        self.inside, self.text = "", []
        if tag == "style":
            self.found |= styles_load(text, self.base)
        elif tag == "script":
            self.found |= {("connect-src", joined(self.base, address)) for address in _CALL.findall(text)}

    def _link(self, given: dict[str, str]) -> None:
        words = given.get("rel", "").lower().split()
        directives = {_RELATIONS[word] for word in words if word in _RELATIONS}
        if "preload" in words and (directive := _AS.get(given.get("as", "").lower())):
            directives.add(directive)
            if directive == "img-src":
                self._note(directive, given.get("imagesrcset", ""), many=True)
        for directive in directives:
            self._note(directive, given.get("href", ""))

    def _note(self, directive: str, value: str, many: bool = False) -> None:
        for address in candidates(value) if many else [value.strip()]:
            if address and not address.startswith("#"):
                self.found.add((directive, joined(self.base, address)))


def read_pages(browser: Browser, order: dict[str, Any]) -> list[tuple[Loads, str]]:
    """The health page and a few that it links to, each with the policy that came with it."""
    todo, pages = [order["path"]], list[tuple[Loads, str]]()
    sheets: dict[str, set[tuple[str, str]]] = {}
    while todo and len(pages) < _PAGES:
        path = todo.pop(0)
        status, headers, body = browser.stranger().ask("GET", path)
        if status != 200 or "html" not in headers.get("content-type", ""):
            continue
        loads = Loads(browser.origin + path)
        loads.feed(body.decode("utf-8", "replace"))
        loads.finish()
        read_styles(loads, browser.stranger(), sheets)
        pages.append((loads, headers.get("content-security-policy", "")))
        inside = [urlsplit(link) for link in loads.links if urlsplit(link).hostname == order["name"]]
        more = [link.path + (f"?{link.query}" if link.query else "") for link in inside if link.path]
        todo = list(dict.fromkeys(todo + more))[:40]
    return pages


def read_styles(loads: Loads, browser: Browser, sheets: dict[str, set[tuple[str, str]]]) -> None:
    """Add what the site's own style sheets load, and those that they import; ``sheets`` holds what was read already."""
    todo, seen = [address for what, address in loads.found if what == "style-src"], set[str]()
    while todo:
        address = todo.pop(0)
        url = urlsplit(address)
        if address in seen or url.hostname != browser.name:
            continue
        seen.add(address)
        if address not in sheets:
            if len(sheets) >= _SHEETS:
                continue
            status, _, body = browser.ask("GET", url.path + (f"?{url.query}" if url.query else ""))
            text = body[:_SHEET_BYTES].decode("utf-8", "replace") if status == 200 else ""
            sheets[address] = styles_load(text, address)
        loads.found |= sheets[address]
        todo += [item for what, item in sheets[address] if what == "style-src"]


def source_of(address: str, page: str) -> str:
    """An address as a policy names it: an origin, 'self', or the scheme of what has no host. Empty: no load at all."""
    url, own = urlsplit(address), urlsplit(page)
    if url.scheme in ("data", "blob"):
        return f"{url.scheme}:"
    if url.scheme not in ("http", "https", "ws", "wss") or not url.netloc:
        return ""
    host = url.netloc.lower().rpartition("@")[2]
    host = host.removesuffix(":443" if url.scheme in ("https", "wss") else ":80")
    return "'self'" if host == own.netloc.lower() else f"{url.scheme}://{host}"


def sources(loads: Loads) -> set[tuple[str, str]]:
    """What a page loads: directive and source."""
    found = {(what, source_of(address, loads.page)) for what, address in loads.found}
    found |= {_KNOWN[source] for what, source in found if what == "style-src" and source in _KNOWN}
    return {pair for pair in found if pair[1]}


_FALLBACK = {
    "frame-src": ("frame-src", "child-src", "default-src"),
    "worker-src": ("worker-src", "child-src", "script-src", "default-src"),
    "script-src": ("script-src-elem", "script-src", "default-src"),
    "style-src": ("style-src-elem", "style-src", "default-src"),
    "form-action": ("form-action",),
    "base-uri": ("base-uri",),
}


def allowed(policy: str, directive: str, source: str, own: str = "") -> bool:
    """Whether a policy lets a page of the origin ``own`` load from a source. Its paths and nonces are not looked at."""
    rules = {words[0].lower(): words[1:] for part in policy.split(";") if (words := part.split())}
    names = [name for name in _FALLBACK.get(directive, (directive, "default-src")) if name in rules]
    if not names:
        return True
    wanted = rules[names[0]]
    return source in wanted or any(admits(item, own if source == "'self'" else source) for item in wanted)


def admits(item: str, origin: str) -> bool:
    """Whether one word of a policy covers an origin."""
    scheme, mark, host = origin.partition("://")
    if not mark:
        return False
    wanted, _, name = item.rpartition("://")
    name = name.split("/", 1)[0]
    same = host.endswith(name[1:]) if name.startswith("*.") else host == name
    return item in ("*", f"{scheme}:") or (same and wanted in ("", scheme, scheme.removesuffix("s")))


def content_policy(browser: Browser, order: dict[str, Any], needs: dict[str, list[str]]) -> None:
    """No page loads what its own policy refuses. What they load goes into ``needs``, as a policy names it."""
    rows = [(policy, pair) for loads, policy in read_pages(browser, order) for pair in sources(loads)]
    for directive, source in sorted({pair for _, pair in rows}):
        needs.setdefault(directive, []).append(source)
    refused = {" ".join(pair) for policy, pair in rows if policy and not allowed(policy, *pair, browser.origin)}
    if refused:
        raise Broken(f"the Content-Security-Policy refuses what pages load: {', '.join(sorted(refused)[:5])}")


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
    seen = look(order)
    browser = Browser(order["name"], seen["scheme"], seen["port"])
    if page.healthy(seen):
        order = order | {"path": seen["path"]}  # where the redirects of a healthy page end
    only = set(order.get("only") or [])
    needs: dict[str, list[str]] = {}
    for name, work, arguments in (
        ("home page", home, (order,)),
        ("pictures, styles, scripts", static, (browser, order)),
        ("3 KB cookie", cookie, (browser, order)),
        ("20 visitors at once", crowd, (browser, order)),
        ("database dump", database, (order,)),
        ("content policy", content_policy, (browser, order, needs)),
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
        wordpress(order, browser.stranger(), results)
    return {"results": results, "needs": needs}


def main(order: dict[str, Any]) -> None:
    """Print one JSON document."""
    print("UNGCUU-RESULT " + json.dumps(perform(order)))
