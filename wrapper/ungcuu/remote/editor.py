"""What an editor of the website does, with an account that exists for these seconds: the steps of the profile's trial.

The steps are data (hosts/trial_form.py); this program is the only one that takes them. Runs on the host: standard
library only. Every request goes to the website itself over loopback; nothing that a page says leads elsewhere.
"""

from __future__ import annotations

import json
import random
import re
import secrets
import struct
import subprocess
import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from ungcuu.remote.page_client import Broken, Browser, expect
from ungcuu.remote.page_forms import hidden_fields

PREFIX = "ungcuu-probe-"
_PNG = b"\x89PNG\r\n\x1a\n"
_PLACE = re.compile(r"\{([a-z]{1,20})\}")
_LONGEST = 2000  # characters of what is taken from an answer


class TurnedOff(Exception):
    """The website has turned off what is tried."""


def picture(size: int) -> bytes:
    """A valid PNG of about this many bytes: noise does not compress."""
    width = 32 if size < 1 << 16 else 512
    rows = max(1, size // (width * 3 + 1))
    noise = random.Random(1)  # noqa: S311  (a picture, not a secret)
    data = b"".join(b"\0" + noise.randbytes(width * 3) for _ in range(rows))

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, rows, 8, 2, 0, 0, 0)
    return _PNG + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


class Editor:
    """One editor of one website, who keeps cookies and what the answers gave."""

    def __init__(self, order: dict[str, Any], browser: Browser) -> None:
        self.order, self.browser, self.trial = order, browser, order["trial"]
        self.page = ""
        self.file, self.kind = b"", ""
        self.values = {"login": PREFIX + secrets.token_hex(6), "password": secrets.token_hex(16), "file": ""}

    def account(self, *, make: bool = False) -> None:
        """Remove what is left of any probe's account, and make this one."""
        given = {"name": self.order["name"], "root": self.order["root"], "prefix": PREFIX}
        given |= {"login": self.values["login"], "password": self.values["password"] if make else ""}
        done = subprocess.run(
            ["runuser", "-u", self.order["user"], "--", "php", "-r", self.trial["account"].removeprefix("<?php")],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=self.order["root"],
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-300:]
            raise Broken("trial_account_failed", said={"code": "said", "text": said})

    def upload(self, size: int, kind: str) -> None:
        """Upload a file of about this size."""
        suffix = {"picture": "png", "text": "txt"}[kind]
        self.kind = {"picture": "image/png", "text": "text/plain"}[kind]
        self.file = picture(size) if kind == "picture" else b"Thong bao\n" * (size // 10)
        self.values["file"] = f"{self.values['login']}-{secrets.token_hex(3)}.{suffix}"
        self.take("upload")

    def take(self, part: str) -> None:
        """Take the steps of one part of the trial.

        Raises:
            Broken: A step failed; says which and how.
            TurnedOff: The website does not offer this.
        """
        for number, step in enumerate(self.trial[part], 1):
            self._step(step, {"code": "trial_step", "number": number})

    def _step(self, step: Mapping[str, Any], what: dict[str, Any]) -> None:
        headers = {name: self._filled(value) for name, value in step["headers"].items()}
        body, kind = self._body(step, what)
        if kind:
            headers["Content-Type"] = kind
        asked = self.browser.stranger() if step["stranger"] else self.browser
        status, said, content = asked.ask(step["method"], self._path(step["path"]), body, headers)
        self.page = content.decode("utf-8", "replace")
        if step["wanted"] and status == 200 and step["wanted"] not in self.page:
            raise TurnedOff
        expect(status, tuple(step["status"]), what)
        if step["type"] and (said.get("content-type", "").partition(";")[0] != step["type"]):
            raise Broken("trial_answer_type", what=what, kind=said.get("content-type", "")[:60])
        if step["type"] == "image/png" and not content.startswith(_PNG):
            raise Broken("trial_no_picture")
        if step["holds"] and self._filled(step["holds"]) not in self.page:
            raise Broken("trial_answer_lacks", what=what, text=step["holds"][:60])
        if step["lacks"] and step["lacks"] in self.page:
            raise Broken("trial_answer_holds", what=what, text=step["lacks"][:60])
        if step["cookie"] and not any(name.startswith(step["cookie"]) for name in self.browser.cookies):
            raise Broken("trial_login_refused")
        for name, pattern in step["take"].items():
            found = re.search(pattern, self.page)
            if not found:
                raise Broken("trial_answer_without", what=what, name=name)
            self.values[name] = found[1][:_LONGEST].replace("\\/", "/")

    def _body(self, step: Mapping[str, Any], what: dict[str, Any]) -> tuple[bytes | None, str]:
        """The body of a request and its type."""
        hidden = hidden_fields(self.page, step["form"]) if step["form"] else {}
        if hidden is None:
            raise Broken("trial_no_field", what=what, name=step["form"])
        fields = hidden | {name: self._filled(value) for name, value in step["fields"].items()}
        if step["method"] != "POST":
            return None, ""
        if step["send"] == "json":
            return json.dumps(fields).encode(), "application/json"
        if not step["file"]:
            return urlencode(fields).encode(), "application/x-www-form-urlencoded"
        mark = secrets.token_hex(16)
        head = f'--{mark}\r\nContent-Disposition: form-data; name="'
        parts = [f'{head}{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
        file = f'{head}{step["file"]}"; filename="{self.values["file"]}"\r\nContent-Type: {self.kind}\r\n\r\n'
        end = f"\r\n--{mark}--\r\n".encode()
        return b"".join([*parts, file.encode(), self.file, end]), f"multipart/form-data; boundary={mark}"

    def _filled(self, text: str) -> str:
        """A text with values in its places; other braces stay."""
        return _PLACE.sub(lambda match: self.values.get(match[1], match[0]), text)

    def _path(self, text: str) -> str:
        """A path on this website, also where an answer gave a whole address."""
        if whole := _PLACE.fullmatch(text):
            address = urlsplit(self.values.get(whole[1], ""))
            return quote(address.path or "/", safe="/%") + (f"?{address.query}" if address.query else "")
        return _PLACE.sub(lambda match: quote(self.values.get(match[1], ""), safe=""), text)
