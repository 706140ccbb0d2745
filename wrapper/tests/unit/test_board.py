"""The board only shows: no script, no secret, nothing that can be started, and nobody else's request is answered."""

from __future__ import annotations

import base64
import hashlib
import http.client
import re
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from preparedness_world import HOSTS, World, at, typed

from ungcuu.case.case import find, open_case
from ungcuu.core import i18n
from ungcuu.core.errors import Exit
from ungcuu.report import board
from ungcuu.report.board_server import BoardServer

CANARY = "canary-4f9c1e"
VOID = {"meta", "br", "rect"}


class Page(HTMLParser):
    """Reads a page as a browser or a screen reader would, far enough to judge it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, Mapping[str, str | None]]] = []
        self.wrong: list[str] = []
        self.feed(text)
        self.wrong += self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def all(self, *tags: str) -> list[Mapping[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in tags]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    i18n.set_language("en")
    yield World(tmp_path)
    i18n.set_language("en")


@pytest.fixture
def drawn(world: World) -> dict[str, str]:
    """A site with a bit of everything, and canaries where secrets stand."""
    world.add("unit", "unit-qltt", title="Chi cục <b>", hosts=["web02"])
    world.add("awareness", title="x", due="2026-12-10", notes=CANARY)
    with at(0.5):
        case = open_case(world.settings, ["web01"], "<script>alert(1)</script>", reason=CANARY)
        case.note(CANARY)
        world.run(
            "isolate", journal=case.journal(), options={"password": CANARY}, variables={"database_password": CANARY}
        )
        finding = {"id": "f1", "severity": "high", "title": "web shell", "path": f"/{CANARY}", "evidence": CANARY}
        case.journal().append("finding", {"host": "web01", "data": finding})
        closed = open_case(world.settings, ["web02"], "đã xong")
        find(world.settings, closed.id).close("xong")
    for ago, outcome in ((40, "NOT DONE"), (3, "DONE")):
        with at(ago):
            data = {"scenario": "webshell", "outcome": outcome, "seconds_to_contain": 3.4, "error": CANARY}
            world.operations().append("drill", data)
    return board.pages(world.view(), world.settings, "vi")


def test_both_languages_hold_every_page(drawn: dict[str, str]) -> None:
    names = {name.partition("/")[2] for name in drawn if "/" in name}
    assert {f"{code}/{name}" for code in ("en", "vi") for name in names} | {"index.html"} == set(drawn)
    assert len(names) == 4, "the board, its wall screen and two cases"
    assert i18n.language() == "en", "drawing must not leave another language behind"
    for name, text in drawn.items():
        assert f'<html lang="{name[:2] if "/" in name else "vi"}">' in text
    assert "3.4" in drawn["en/index.html"] and "isolated" in drawn["en/index.html"]


def test_no_script_no_form_nothing_loaded_and_the_policy_says_so(drawn: dict[str, str]) -> None:
    """The one style sheet is allowed by its hash. Seen failing with autoescape off, and with another style sheet."""
    for name, text in drawn.items():
        page = Page(text)
        assert page.wrong == [], name
        assert not page.all("script", "form", "iframe", "img", "object", "link", "button", "input", "base"), name
        assert not [
            key for _tag, attributes in page.tags for key in attributes if key.startswith("on") or key == "style"
        ]
        policy = next(m["content"] or "" for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
        style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
        assert style is not None
        digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
        assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        for link in page.all("a"):
            target = str(link["href"])
            assert re.fullmatch(r"(\.\./)?([a-z]{2}/)?[\w-]+\.html", target), target


def test_only_the_wall_screen_renews_itself(drawn: dict[str, str]) -> None:
    """axe-core calls it critical on a page that somebody reads: the place in it is lost each minute."""
    renewing = {name for name, text in drawn.items() if 'http-equiv="refresh" content="60"' in text}
    assert renewing == {"vi/wall.html", "en/wall.html"}
    assert 'href="wall.html"' in drawn["vi/index.html"] and 'href="index.html"' in drawn["vi/wall.html"]


def test_nothing_secret_stands_on_it(drawn: dict[str, str]) -> None:
    """Seen failing with the details of the timeline."""
    for name, text in drawn.items():
        assert CANARY not in text, name


def test_a_screen_reader_and_a_keyboard_find_their_way(drawn: dict[str, str]) -> None:
    """One first heading, none skipped; tables have heads with a scope; what scrolls can be reached and has a name."""
    for name, text in drawn.items():
        page = Page(text)
        levels = [int(tag[1]) for tag, _a in page.tags if re.fullmatch(r"h[1-6]", tag)]
        assert levels.count(1) == 1 and all(b - a <= 1 for a, b in pairwise(levels)), name
        assert all(cell.get("scope") in ("col", "row") for cell in page.all("th")), name
        regions = [a for a in page.all("div") if a.get("class") == "wide"]
        assert all(a.get("tabindex") == "0" and a.get("aria-label") for a in regions)
        assert len(regions) == len(page.all("table")), name
        assert all(a.get("aria-label") for a in page.all("svg")), name
        assert not [a for _t, a in page.tags if (a.get("tabindex") or "0") != "0"], name


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("ink", ["#2f6f4f", "#8a5000", "#b3261e", "#4d5967", "#14405f", "#1b2430"])
@pytest.mark.parametrize("paper", ["#ffffff", "#f4f6f8", "#e9edf1", "#fdf6ea"])
def test_every_ink_can_be_read(ink: str, paper: str, drawn: dict[str, str]) -> None:
    """WCAG 2.2 AA: 4.5 to 1."""
    assert ink in drawn["en/index.html"]
    lighter, darker = sorted((luminance(ink), luminance(paper)), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_a_lost_isolation_is_not_called_isolated(world: World) -> None:
    """Seen failing with the hosts that are lost among those that are isolated."""
    with at(0.5):
        case = open_case(world.settings, ["web01"], "x")
        world.run("isolate", journal=case.journal())
        case.journal().append("outside", {"hosts": ["web01"], "state": "open"})
    text = board.pages(world.view(), world.settings, "en")["en/index.html"]
    assert "isolation is LOST" in text and not re.search(r"web01: isolated", text)


def test_what_cant_be_read_is_said(world: World) -> None:
    case = open_case(world.settings, ["web02"], "x")
    (case.folder / "journal.jsonl").write_text("{}\n", "utf-8")
    text = board.pages(world.view(), world.settings, "en")["en/index.html"]
    assert "1 journals or records could not be read" in text and "UNKNOWN" in text


# --- as a folder ----------------------------------------------------------------------------------------------------


def test_the_folder_is_replaced_and_nothing_else_is_touched(world: World, tmp_path: Path) -> None:
    """Seen failing without the look at what the folder holds."""
    (world.inventory / "hosts.yml").write_text(HOSTS, "utf-8")
    case = open_case(world.settings, ["web01"], "x")
    out = tmp_path / "board"
    assert "en/index.html" in typed(world, "board", "--out", str(out))["pages"]
    page = out / "vi" / f"{case.id}.html"
    assert page.is_file() and stat.S_IMODE(page.stat().st_mode) == 0o644
    gone = out / "vi" / "UC-20200101-001.html"
    gone.write_text("old", "utf-8")
    typed(world, "board", "--out", str(out))
    assert not gone.exists() and page.is_file()
    (out / "mine.txt").write_text("mine", "utf-8")
    typed(world, "board", "--out", str(out), code=Exit.REFUSED)
    home = tmp_path / "homepage"
    home.mkdir()
    (home / "index.html").write_text("<h1>Sở Công Thương</h1>", "utf-8")
    typed(world, "board", "--out", str(home), code=Exit.REFUSED)
    assert (home / "index.html").read_text("utf-8") == "<h1>Sở Công Thương</h1>"
    for words in ((), ("--serve", "--out", "x"), ("--serve", "--port", "99999")):
        typed(world, "board", *words, code=Exit.USAGE)


# --- served ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[BoardServer]:
    made = BoardServer(lambda: {"index.html": "<p>xin chào</p>", "en/index.html": "en"}, 0)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()


def asked(server: BoardServer, method: str, path: str, **headers: str) -> tuple[int, bytes, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    found = answer.status, answer.read(), answer.msg
    connection.close()
    return found


def test_it_answers_its_own_pages_alone(server: BoardServer) -> None:
    """Without the word, or for another name (DNS rebinding), there is nothing. Seen failing without either check."""
    assert server.server_address[0] == "127.0.0.1"
    status, text, headers = asked(server, "GET", f"/{server.word}/")
    assert (status, text.decode()) == (200, "<p>xin chào</p>")
    assert headers["Cache-Control"] == "no-store" and "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert asked(server, "HEAD", f"/{server.word}/en/index.html")[:2] == (200, b"")
    for path in (
        "/",
        "/index.html",
        f"/{server.word[:-1]}/",
        f"/{server.word}/../x",
        f"/{server.word}/%2e%2e/x",
    ):
        assert asked(server, "GET", path)[:2] == (404, b""), path
    assert asked(server, "GET", f"/{server.word}/", Host="evil.example")[0] == 404
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"):
        assert asked(server, method, f"/{server.word}/")[0] == 501, method


def test_it_ends_when_it_is_asked_to(world: World) -> None:
    """A service manager stops it with SIGTERM: that is no unknown outcome."""
    (world.inventory / "hosts.yml").write_text(HOSTS, "utf-8")
    command = [sys.executable, "-m", "ungcuu", "-i", str(world.inventory), "board", "--serve", "--port", "0"]
    environment = {"UNGCUU_STATE": str(world.settings.state), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "USER": "an"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        address = next(line for line in serving.stdout if "http://" in line).partition("http://")[2].strip()
        connection = http.client.HTTPConnection(address.partition("/")[0], timeout=30)
        connection.request("GET", f"/{address.partition('/')[2]}en/index.html")
        assert "web01" in connection.getresponse().read().decode()
        connection.close()
        serving.terminate()
        assert serving.wait(timeout=30) == Exit.OK


def test_a_fault_while_drawing_ends_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[float] = []

    def draw() -> Mapping[str, str]:
        calls.append(time.monotonic())
        if len(calls) == 1:
            raise OSError("disk")
        return {"index.html": "well"}

    made = BoardServer(draw, 0)
    monkeypatch.setattr(made, "handle_error", lambda *_a: None)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    try:
        assert asked(made, "GET", f"/{made.word}/")[0] == 503
        assert asked(made, "GET", f"/{made.word}/")[:2] == (200, b"well")
        asked(made, "GET", f"/{made.word}/")
        assert len(calls) == 2, "drawn again for each request"
    finally:
        made.shutdown()
        made.server_close()


def test_each_page_has_the_strictest_marking_of_what_it_shows(world: World) -> None:
    """Seen failing: TLP:AMBER stood below a case that is TLP:RED, and nothing at the top."""
    for tlp, wanted in (("GREEN", "AMBER"), ("RED", "RED")):
        with at(1):
            open_case(world.settings, ["web01"], "x", tlp=tlp)
        pages = board.pages(world.view(), world.settings, "en")
        shown = [text for name, text in pages.items() if name != "index.html"]
        assert shown and all(text.count(f"TLP:{wanted}") == 2 for text in shown)
