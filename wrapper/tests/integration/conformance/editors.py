"""What an editor does in a browser, for each application: log in, write a page, upload a picture. From outside.

Independent of the product's own trials on purpose: the suite must not believe what it tests.
"""

from __future__ import annotations

import http.client
import json
import re
import secrets
from collections.abc import Mapping
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

from ungcuu.remote.editor import picture

NOTHING: Mapping[str, str] = {}
ACCOUNT = "bientap"
TITLE = "Bao cao quy III"
TEXT = "Kim ngạch xuất khẩu đạt 1.250 tỷ đồng, tăng 8,5% – xem Nghị định số 85/2016/NĐ-CP."


class Refused(AssertionError):
    """The website did not let its editor do something; the message says what it answered."""


class Editor:
    """One browser at one address. ``host`` is the website's name."""

    def __init__(self, address: str, host: str, password: str) -> None:
        self.address, self.host, self.password = address, host, password
        self.cookies: dict[str, str] = {}

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = NOTHING, seconds: int = 60
    ) -> tuple[int, str]:
        """Return status and text of one request. Nothing is followed."""
        line = http.client.HTTPConnection(self.address, 80, timeout=seconds)
        given = {"Host": self.host, "User-Agent": "Mozilla/5.0", **headers}
        if self.cookies:
            given["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        line.request(method, path, body or None, given)
        answer = line.getresponse()
        text = answer.read().decode(errors="replace")
        for cookie in answer.headers.get_all("Set-Cookie") or ():
            self.cookies |= {name: morsel.coded_value for name, morsel in SimpleCookie(cookie).items()}
        line.close()
        return answer.status, text

    def form(self, path: str, **fields: str) -> tuple[int, str]:
        """Send a form."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, urlencode(fields).encode(), headers)

    def send(self, address: str, name: str, headers: Mapping[str, str] = NOTHING, **fields: str) -> tuple[int, str]:
        """Send a form with a picture as its file ``name``."""
        mark = secrets.token_hex(16)
        parts = [
            f'--{mark}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
            for key, value in fields.items()
        ]
        head = f'--{mark}\r\nContent-Disposition: form-data; name="{name}"; filename="{self.file}"\r\n'
        parts.append(f"{head}Content-Type: image/png\r\n\r\n".encode() + picture(20_000) + b"\r\n")
        kind = {"Content-Type": f"multipart/form-data; boundary={mark}", **headers}
        return self.ask("POST", address, b"".join(parts) + f"--{mark}--\r\n".encode(), kind)

    def work(self) -> None:
        """Log in, write, upload.

        Raises:
            Refused: One of them was refused.
        """
        self.file = f"anh-{secrets.token_hex(4)}.png"
        self.log_in()
        self.write()
        self.upload()

    def log_in(self) -> None:
        """Log in, with ``password``."""
        raise NotImplementedError

    def write(self) -> None:
        """Save a page."""
        raise NotImplementedError

    def upload(self) -> None:
        """Upload a picture."""
        raise NotImplementedError

    def inside(self) -> bool:
        """Return whether the website still knows this browser as its editor's."""
        raise NotImplementedError


def _expect(right: bool, what: str, answer: tuple[int, str]) -> None:
    if not right:
        text = " ".join(re.sub(r"<[^>]*>", " ", answer[1]).split())
        raise Refused(f"{what}: HTTP {answer[0]}: {text[:600]}")


class Wordpress(Editor):
    """WordPress: the form of the login, then its REST interface, as its block editor uses it."""

    def log_in(self) -> None:
        self.cookies["wordpress_test_cookie"] = "WP Cookie check"
        answer = self.form("/wp-login.php", log=ACCOUNT, pwd=self.password, testcookie="1")
        _expect(answer[0] == 302 and any("logged_in" in name for name in self.cookies), "login", answer)
        self.nonce = {"X-WP-Nonce": self.ask("GET", "/wp-admin/admin-ajax.php?action=rest-nonce")[1].strip()}

    def write(self) -> None:
        post = {"title": TITLE, "content": f"<p>{TEXT}</p>", "status": "publish"}
        headers = {"Content-Type": "application/json", **self.nonce}
        answer = self.ask("POST", "/index.php?rest_route=/wp/v2/posts", json.dumps(post).encode(), headers)
        _expect(answer[0] == 201, "saving a post", answer)

    def upload(self) -> None:
        answer = self.send("/index.php?rest_route=/wp/v2/media", "file", self.nonce)
        _expect(answer[0] == 201, "upload", answer)
        seen = self.ask("GET", urlsplit(json.loads(answer[1])["source_url"]).path)
        _expect(seen[0] == 200, "the picture", seen)

    def inside(self) -> bool:
        return self.ask("GET", "/wp-admin/profile.php")[0] == 200


class Mediawiki(Editor):
    """MediaWiki: its programming interface, as its visual editor uses it."""

    def _token(self, kind: str) -> str:
        text = self.ask("GET", f"/api.php?action=query&meta=tokens&format=json&type={kind}")[1]
        return str(json.loads(text)["query"]["tokens"][f"{kind}token"])

    def log_in(self) -> None:
        answer = self.form(
            "/api.php",
            action="clientlogin",
            format="json",
            username=ACCOUNT.capitalize(),
            password=self.password,
            loginreturnurl="http://wiki.lab.test/",
            logintoken=self._token("login"),
        )
        _expect('"PASS"' in answer[1], "login", answer)

    def write(self) -> None:
        answer = self.form("/api.php", action="edit", format="json", title=TITLE, text=TEXT, token=self._token("csrf"))
        _expect('"Success"' in answer[1], "saving a page", answer)

    def upload(self) -> None:
        fields = {"action": "upload", "format": "json", "filename": self.file, "ignorewarnings": "1"}
        answer = self.send("/api.php", "file", token=self._token("csrf"), **fields)
        _expect('"Success"' in answer[1], "upload", answer)
        seen = self.ask("GET", urlsplit(json.loads(answer[1])["upload"]["imageinfo"]["url"]).path)
        _expect(seen[0] == 200, "the picture", seen)

    def inside(self) -> bool:
        text = self.ask("GET", "/api.php?action=query&meta=userinfo&format=json")[1]
        return bool(json.loads(text)["query"]["userinfo"]["name"] == ACCOUNT.capitalize())


class Dokuwiki(Editor):
    """DokuWiki: its forms, and the address to which its media manager sends files."""

    def _token(self, path: str) -> str:
        answer = self.ask("GET", path)
        found = re.search(r'name="sectok" value="([0-9a-f]*)"', answer[1])
        _expect(found is not None, path, answer)
        return found[1] if found else ""

    def log_in(self) -> None:
        token = self._token("/doku.php?id=start&do=login")
        answer = self.form("/doku.php?id=start", u=ACCOUNT, p=self.password, do="login", id="start", sectok=token)
        _expect(answer[0] in (200, 302) and self.inside(), "login", answer)

    def write(self) -> None:
        page = {"id": "bao_cao", "rev": "0", "prefix": "", "suffix": "", "summary": "x", "sectok": ""}
        page["sectok"] = self._token("/doku.php?id=bao_cao&do=edit")
        answer = self.form("/doku.php?id=bao_cao", **page, wikitext=TEXT + secrets.token_hex(4), **{"do[save]": "1"})
        seen = self.ask("GET", "/doku.php?id=bao_cao")
        _expect(answer[0] in (200, 302) and "1.250" in seen[1], "saving a page", answer)

    def upload(self) -> None:
        token = self._token("/lib/exe/mediamanager.php?ns=")
        headers = {"Content-Type": "application/octet-stream", "X-Requested-With": "XMLHttpRequest"}
        path = f"/lib/exe/ajax.php?call=mediaupload&qqfile={self.file}&ns=&sectok={token}"
        answer = self.ask("POST", path, picture(20_000), headers)
        _expect('"success":true' in answer[1], "upload", answer)
        seen = self.ask("GET", f"/lib/exe/fetch.php?media={self.file}")
        _expect(seen[0] == 200, "the picture", seen)

    def inside(self) -> bool:
        return "do=logout" in self.ask("GET", "/doku.php?id=start")[1]


class Php(Editor):
    """The website that was written by hand: one address for all that an editor does."""

    def log_in(self) -> None:
        answer = self.form("/admin.php", login=ACCOUNT, password=self.password)
        _expect(answer == (200, "welcome"), "login", answer)

    def write(self) -> None:
        answer = self.form("/admin.php", title=TITLE, body=f"<p>{TEXT}</p>")
        _expect(answer == (200, "saved"), "saving an article", answer)

    def upload(self) -> None:
        answer = self.send("/admin.php", "file")
        _expect(answer == (200, "uploaded"), "upload", answer)
        seen = self.ask("GET", f"/uploads/{self.file}")
        _expect(seen[0] == 200, "the picture", seen)

    def inside(self) -> bool:
        return self.ask("GET", "/admin.php")[0] == 200


class Nukeviet(Editor):
    """NukeViet: the forms of its control panel, and the address to which its file manager sends files."""

    def _panel(self, fields: str = "") -> str:
        return f"/admin/index.php?language=vi{fields}"

    def log_in(self) -> None:
        page = self.ask("GET", self._panel())
        found = re.search(r'name="checkss" value="(\w+)"', page[1])
        _expect(found is not None, "the panel", page)
        token = found[1] if found else ""
        headers = {"Referer": f"http://{self.host}{self._panel()}"}  # it refuses a form without one
        form = urlencode({"nv_login": ACCOUNT, "nv_password": self.password, "checkss": token})
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self.ask("POST", self._panel(), form.encode(), headers | kind)
        _expect(answer[0] == 200 and self.inside(), "login", answer)
        self.headers = headers

    def write(self) -> None:
        fields = {
            "save": "1",
            "status1": "1",
            "catids[]": "1",
            "catid": "1",
            "title": TITLE,
            "inhome": "1",
            "hometext": TEXT,
            "bodyhtml": f"<p>{TEXT}</p>",
        }
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        path = self._panel("&nv=news&op=content")
        answer = self.ask("POST", path, urlencode(fields).encode(), self.headers | kind)
        seen = self.ask("GET", "/index.php?language=vi&nv=news")
        _expect(answer[0] in (200, 302) and TITLE in seen[1], "saving an article", answer)

    def upload(self) -> None:
        answer = self.send(self._panel("&nv=upload&op=upload"), "upload", self.headers, path="uploads/news")
        _expect(answer[0] == 200 and self.file in answer[1], "upload", answer)
        seen = self.ask("GET", f"/uploads/news/{self.file}")
        _expect(seen[0] == 200, "the picture", seen)

    def inside(self) -> bool:
        text = self.ask("GET", self._panel("&nv=siteinfo"))[1]
        return 'name="nv_password"' not in text and "admin_logout" in text


EDITORS = {
    "wordpress": Wordpress,
    "mediawiki": Mediawiki,
    "dokuwiki": Dokuwiki,
    "php": Php,
    "nukeviet": Nukeviet,
}
