"""The line that says what is going on: on a terminal of 80 columns, on one that can't do it, and without any."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable

import pyte
import pytest

from ungcuu.core import live_line
from ungcuu.core.live_line import Doing, working
from ungcuu.core.terminal import Screen, width

TASK = "Ask the vault what the restored website must equal, file by file"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(live_line, "BEGIN_SECONDS", 0.1)
    monkeypatch.setattr(live_line, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(live_line, "PLAIN_SECONDS", 0.2)


def shown(written: str) -> list[str]:
    """What an emulated terminal of 80 columns shows."""
    emulator = pyte.Screen(80, 24)
    pyte.ByteStream(emulator).feed(written.replace("\n", "\r\n").encode())
    return [text.rstrip() for text in emulator.display if text.strip()]


def wait_for(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not what() and time.monotonic() < until:
        time.sleep(0.01)
    assert what()


@pytest.mark.parametrize(
    ("doing", "seconds", "expected"),
    [
        (Doing("Stage the point", "4/6", "web01"), 7, "0:07 · 4/6 · Stage the point · web01"),
        (Doing(TASK, "4/6", "portal-production-01.example.gov.vn"), 67, f"1:07 · 4/6 · {TASK}"),
        (Doing(TASK + " of x", "4/6", "web01"), 3661, f"1:01:01 · {TASK} of x"),
        (Doing("y" * 200, "4/6", "web01"), 7, "0:07 · " + "y" * 71 + "…"),
        (
            Doing("Khôi phục website từ kho sao lưu", "12/14", "web01"),
            7,
            "0:07 · 12/14 · Khôi phục website từ kho sao lưu · web01",
        ),
    ],
)
def test_at_80_columns_the_name_of_the_task_is_cut_last(doing: Doing, seconds: float, expected: str) -> None:
    """`step  4 of 14 · …: ` took 60 of 80 columns. Seen failing with the host and the step kept in front."""
    text = live_line.line(doing, seconds, 79)
    assert text == expected
    assert width(text) <= 79


def test_what_lasts_shows_a_line_that_renews_itself_and_is_gone_afterwards() -> None:
    """`audit` showed nothing for 66 s. Seen failing with ``working`` that only yields."""
    out = Terminal()
    screen = Screen(out)
    with working(screen, Doing("Check every control", host="web01")):
        wait_for(lambda: shown(out.getvalue()) == ["0:00 · Check every control · web01"])
        screen.line("fail web01 · ssh-1")
        wait_for(lambda: shown(out.getvalue()) == ["fail web01 · ssh-1", "0:00 · Check every control · web01"])
        assert screen.live
        screen.live.change(what="12 checks done", place="2/3")
        wait_for(lambda: shown(out.getvalue())[1:] == ["0:00 · 2/3 · 12 checks done · web01"])
    assert shown(out.getvalue()) == ["fail web01 · ssh-1"]
    assert screen.live is None


def test_what_is_over_at_once_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_line, "BEGIN_SECONDS", 5)
    out = Terminal()
    screen = Screen(out)
    with working(screen, Doing("x")):
        assert screen.live
        screen.live.change(what="y")
        time.sleep(0.1)
    assert out.getvalue() == ""


def test_work_inside_work_gives_the_line_back() -> None:
    out = Terminal()
    screen = Screen(out)
    with working(screen, Doing("drill")):
        before = threading.active_count()
        with working(screen, Doing("restore")):
            assert threading.active_count() == before
            wait_for(lambda: shown(out.getvalue()) == ["0:00 · restore"])
        wait_for(lambda: shown(out.getvalue()) == ["0:00 · drill"])


def test_a_question_stops_the_line() -> None:
    """It would be drawn over what a person types."""
    out = Terminal()
    screen = Screen(out)
    with working(screen, Doing("x")):
        wait_for(lambda: bool(shown(out.getvalue())))
        with live_line.asking(screen):
            before = out.getvalue()
            time.sleep(0.15)
            assert out.getvalue() == before
        wait_for(lambda: out.getvalue() != before)


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("NO_COLOR", "1")])
def test_a_terminal_that_wants_plain_text_gets_no_code(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """TERM=dumb got colour and cursor movement. Seen failing with ``cursor`` as ``terminal``."""
    monkeypatch.setenv(name, value)
    out = Terminal()
    screen = Screen(out)
    with working(screen, Doing("Check every control", "2/3")):
        screen.line("bad", "bad")
        screen.progress("x")
        wait_for(lambda: "still going on: 0:00 · 2/3 · Check every control\n" in out.getvalue())
    assert "\x1b" not in out.getvalue() and "\r" not in out.getvalue()


def test_without_a_terminal_there_is_a_plain_line_now_and_then() -> None:
    out = io.StringIO()
    with working(Screen(out), Doing("Check every control")):
        time.sleep(0.7)
    lines = out.getvalue().splitlines()
    assert 1 <= len(lines) <= 3
    assert all(text.startswith("still going on: 0:0") for text in lines)


def test_under_json_nobody_watches() -> None:
    out = Terminal()
    screen = Screen(out, watched=False)
    with working(screen, Doing("x")):
        time.sleep(0.3)
        assert screen.live is None
    assert out.getvalue() == ""


def test_a_hostile_name_stays_in_its_line() -> None:
    """Labels may hold what a host chose: the gate stands before this line too."""
    out = Terminal()
    with working(Screen(out), Doing("\x1b[2J\x1b]0;owned\x07a\nb\u202e", host="w\r\x1b[A")):
        wait_for(lambda: bool(out.getvalue()))
    text = out.getvalue().replace("\r\x1b[K", "")
    assert not set(text) & {"\x1b", "\x07", "\n", "\r", "\u202e"}
