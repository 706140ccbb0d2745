"""What is going on, with its time: a line that renews itself on a terminal, a plain line now and then elsewhere.

1. Nothing is shown of what is over within two seconds.
2. Whatever is written meanwhile stands above the live line; a question that is asked stops it.
3. On a narrow terminal the host goes first, then the step's number; the task's name is the last to be cut.
4. A stream that is no terminal, TERM=dumb and NO_COLOR get plain lines and no control codes; ``--json`` gets nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ungcuu.core.i18n import _
from ungcuu.core.terminal import Screen, clean, shorten, width

BEGIN_SECONDS = 2.0
TICK_SECONDS = 1.0
PLAIN_SECONDS = 30.0  # without a terminal: after so long without any line


@dataclass(frozen=True)
class Doing:
    """One thing that is going on: its name, its place among the steps (``4/6``), the host it is done on."""

    what: str
    place: str = ""
    host: str = ""


def elapsed(seconds: float) -> str:
    """A duration as clocks show it: ``0:07``, ``1:02:03``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def line(doing: Doing, seconds: float, room: int) -> str:
    """The live line in ``room`` columns: what does not fit is left out, the name of the task last of all."""
    name = clean(doing.what, 300)
    full = [elapsed(seconds), doing.place, name, clean(doing.host, 100)]
    for parts in (full, full[:3], [full[0], name]):
        text = " · ".join(part for part in parts if part)
        if width(text) <= room:
            return text
    return shorten(f"{full[0]} · {name}", room)


class Live:
    """The line of one piece of work; pieces inside it take it over and give it back."""

    def __init__(self, out: Screen) -> None:
        self._out = out
        self._doing = Doing("")
        self._since = time.monotonic()
        self._over = threading.Event()
        self._paused = 0

    @contextmanager
    def running(self, doing: Doing) -> Iterator[None]:
        """Show it until the end of the block."""
        self._doing, self._since = doing, time.monotonic()
        thread = threading.Thread(target=self._tick, name="live", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join(TICK_SECONDS * 2)
            self._out.clear()

    @contextmanager
    def inside(self, doing: Doing) -> Iterator[None]:
        """Another piece of work inside this one: its own name and time."""
        before = self._doing, self._since
        self._doing, self._since = doing, time.monotonic()
        try:
            yield
        finally:
            self._doing, self._since = before

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing is shown meanwhile: somebody types."""
        self._paused += 1
        self._out.clear()
        try:
            yield
        finally:
            self._paused -= 1

    def change(self, **fields: str) -> None:
        """Name what is going on now; the time goes on."""
        self._doing = replace(self._doing, **fields)
        if self._out.cursor and time.monotonic() - self._since >= BEGIN_SECONDS and not self._paused:
            self._draw()

    def _tick(self) -> None:
        while not self._over.wait(TICK_SECONDS):
            now = time.monotonic()
            if self._paused or now - self._since < BEGIN_SECONDS:
                continue
            if self._out.cursor:
                self._draw()
            elif now - self._out.spoke >= PLAIN_SECONDS and self._doing.what:
                shown = line(self._doing, now - self._since, 400)
                self._out.line(_("still going on: {what}").format(what=shown))

    def _draw(self) -> None:
        if self._doing.what and not self._over.is_set():
            self._out.progress(line(self._doing, time.monotonic() - self._since, self._out.room))


@contextmanager
def working(out: Screen, doing: Doing) -> Iterator[None]:
    """Show what is going on until the end of the block, on a screen that people watch."""
    if not out.watched:
        yield
    elif out.live is not None:
        with out.live.inside(doing):
            yield
    else:
        out.live = Live(out)
        try:
            with out.live.running(doing):
                yield
        finally:
            out.live = None


@contextmanager
def asking(out: Screen) -> Iterator[None]:
    """Keep the line away from a question."""
    if out.live is None:
        yield
    else:
        with out.live.paused():
            yield
