"""What a quick look at a host compares, and the ping of a round."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import resources
from pathlib import Path

import pytest

from ungcuu.core.errors import StepFailed
from ungcuu.watch import quick_look
from ungcuu.watch.ping import ping


def marks(tree: Path, *excluded: str) -> Mapping[str, str]:
    feed = resources.files("ungcuu.remote").joinpath("tree_marks.sh").read_bytes()
    command = quick_look.arguments([f"{tree.parent}/t*", f"{tree}/a"], excluded)
    done = subprocess.run(command, input=feed, capture_output=True, check=True)
    return quick_look.parse("web01", done.stdout).folders


@pytest.mark.parametrize("what", ["content", "new", "mode", "renamed", "link", "deep"])
def test_every_kind_of_change_changes_the_mark(tmp_path: Path, what: str) -> None:
    """Content with its old time set back too: `ctime` shows it. Seen failing without `st_ctime_ns` in the line."""
    tree = tmp_path / "tree"
    (tree / "a/b").mkdir(parents=True)
    file = tree / "a/file"
    file.write_text("one")
    before = marks(tree)
    assert marks(tree) == before
    if what == "content":
        stood = file.stat()
        file.write_text("two")
        os.utime(file, ns=(stood.st_atime_ns, stood.st_mtime_ns))
    elif what == "new":
        (tree / "a/new").touch()
    elif what == "mode":
        file.chmod(0o4755)
    elif what == "renamed":
        file.rename(tree / "a/other")
    elif what == "link":
        (tree / "a/b").rmdir()
        (tree / "a/b").symlink_to("/etc")
    else:
        (tree / "a/b/\udcff").write_text("x")
    assert marks(tree) != before


def test_an_answer_of_another_form_is_refused() -> None:
    sum_ = b"a" * 64 + b"  -"
    for odd in (b"", b"[]", b"0\n" + sum_ + b"\n/etc", b"0\nx\n/etc\0", b"\0", b"0\n" + sum_ + b"\n/etc\0rest"):
        with pytest.raises(StepFailed):
            quick_look.parse("web01", odd)
    half = quick_look.parse("web01", b"124\n" + sum_ + b"\n/etc\0" + b"0\n" + sum_ + b"\n/boot\0")
    assert half.changed({"/etc": "a" * 32, "/boot": "a" * 32}) == ["/etc"]


def test_what_is_excluded_does_not_change_the_mark_and_its_like_does(tmp_path: Path) -> None:
    """A path with the signs of a pattern is that path alone."""
    for name in ("tree/a/c[x]", "tree/a/cx"):
        (tmp_path / name).mkdir(parents=True)
    odd = str(tmp_path / "tree/a/c[x]")
    before = marks(tmp_path / "tree", odd)
    assert set(before) == {str(tmp_path / "tree"), str(tmp_path / "tree/a")}
    (tmp_path / "tree/a/c[x]/new").touch()
    assert marks(tmp_path / "tree", odd) == before
    (tmp_path / "tree/a/cx/new").touch()
    assert marks(tmp_path / "tree", odd) != before


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302 if "moved" in self.path else 200)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_the_ping_is_one_request_and_follows_nobody(listener: tuple[str, list[str]]) -> None:
    address, asked = listener
    assert ping(f"{address}/token")
    assert not ping(f"{address}/moved")
    assert not ping("http://127.0.0.1:9/")
    assert asked == ["/token", "/moved"]
