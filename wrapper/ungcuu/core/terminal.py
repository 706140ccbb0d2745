"""The only way text reaches a terminal, a log or a report.

A compromised host chooses the names of its files, processes and accounts. Whatever it chose, after ``clean``:

1. no byte is left that moves a cursor, changes a mode, rings, names a window or ends a line that was not ended;
2. no character is left that is invisible, or that makes its neighbours appear in another order;
3. what was there is still reported, as ``\\x1b`` or ``\\u202e``, so that nothing disappears from the record;
4. Vietnamese, composed or decomposed, is untouched.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
import unicodedata
from collections.abc import Iterable
from typing import Any, TextIO

LIMIT = 4000  # characters of one cleaned text; a host may answer with megabytes
_NUMBER_GAP = re.compile(r"(?<=\d) (?=\d)")  # of a telephone number, or of a day and its time: no place to break
_HELD = "\x1f"  # stands for it while a line is broken; no cleaned text has it
_NARROWEST = 28  # columns in which a text may still go on below its own beginning
MOST_MARKS = 3  # combining marks on one letter; decomposed Vietnamese needs two

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN", "RLE", "RLO", "LRE", "LRO", "PDF", "LRI", "RLI", "FSI", "PDI"})
_INVISIBLE_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5\u180b\u180c\u180d\u180f")
_STYLES = {"good": "32", "bad": "31;1", "warn": "33", "strong": "1", "quiet": "2"}


def clean(text: object, limit: int | None = LIMIT, *, lines: bool = False) -> str:
    """Return ``text`` in a form that is safe to show.

    ``limit`` is in characters, counted before cleaning; what is cut off is named by its length. ``lines`` keeps
    line feeds (and only them); without it the result is one line. Bytes are read as UTF-8.
    """
    raw = text.decode("utf-8", "backslashreplace") if isinstance(text, bytes | bytearray) else str(text)
    rest = 0 if limit is None else max(0, len(raw) - limit)
    raw = raw[: len(raw) - rest]
    if not (raw.isascii() and raw.isprintable()):
        raw = _calm_marks(raw.translate(_TABLE if not lines else _TABLE_LINES))
    return f"{raw}… (+{rest})" if rest else raw


def clean_lines(text: object, limit: int | None = LIMIT) -> str:
    """``clean`` for a block of several lines."""
    return clean(text, limit, lines=True)


def _safe(codepoint: int) -> str:
    """What stands for one character on a screen."""
    char = chr(codepoint)
    if char == "\t" or unicodedata.category(char) == "Zs":
        return " "
    hidden = (
        unicodedata.category(char) in _HIDDEN_CATEGORIES
        or unicodedata.bidirectional(char) in _RIGHT_TO_LEFT
        or char in _INVISIBLE_LETTERS
        or 0xFE00 <= codepoint <= 0xFE0F
        or 0xE0000 <= codepoint <= 0xE0FFF
    )
    return _escape(codepoint) if hidden else char


def _escape(codepoint: int) -> str:
    named = {0x0A: "\\n", 0x0D: "\\r"}.get(codepoint)
    if named:
        return named
    if codepoint <= 0xFF:
        return f"\\x{codepoint:02x}"
    return f"\\u{codepoint:04x}" if codepoint <= 0xFFFF else f"\\U{codepoint:08x}"


class _Table(dict[int, str]):
    """Translation table that learns each character once."""

    def __missing__(self, codepoint: int) -> str:
        self[codepoint] = _safe(codepoint)
        return self[codepoint]


_TABLE = _Table()
_TABLE_LINES = _Table({0x0A: "\n"})


def _calm_marks(text: str) -> str:
    """Escape combining marks piled so high that they paint over the lines around them."""
    if text.isascii() or not any(map(unicodedata.combining, text)):
        return text
    out: list[str] = []
    run = 0
    for char in text:
        mark = unicodedata.category(char) in ("Mn", "Me", "Mc")
        run = run + 1 if mark else 0
        out.append(_escape(ord(char)) if run > MOST_MARKS or (mark and len(out) == 0) else char)
    return "".join(out)


class Screen:
    """A stream that people read. Everything that goes through it is cleaned; the only escape codes are its own."""

    def __init__(self, stream: TextIO, *, colour: bool | None = None, watched: bool = True) -> None:
        """``colour`` None means: on a terminal, unless ``NO_COLOR`` is set or ``TERM`` is ``dumb``.

        ``watched`` is False where nobody waits for news of what is going on (``--json``).
        """
        self._stream = stream
        self.terminal = _is_terminal(stream)
        plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        self.cursor = self.terminal and not plain  # whether a line may be drawn again
        self._colour = self.cursor if colour is None else colour
        self._progress = False
        self._lock = threading.RLock()  # several runs and the live line write side by side
        self.watched = watched
        self.live: Any = None  # the line of ungcuu.core.live_line, while one is shown
        self.spoke = time.monotonic()  # when the last line was written

    @property
    def room(self) -> int:
        """Columns of the terminal that a line may fill without wrapping."""
        return shutil.get_terminal_size().columns - 1

    def line(self, text: object = "", style: str = "", limit: int | None = LIMIT) -> None:
        """Write one line."""
        self._put(self._styled(clean(text, limit), style) + "\n")

    def block(self, text: object, style: str = "", limit: int | None = 64 * LIMIT) -> None:
        """Write several lines, each cleaned. On a terminal, an indented one goes on below its indent."""
        for line in clean_lines(text, limit).split("\n"):
            for part in self._wrapped(line) if self.terminal and line.startswith("  ") and line.strip() else (line,):
                self._put(self._styled(part, style) + "\n")

    def prose(self, text: object, style: str = "") -> None:
        """Write sentences, which nobody copies: on a terminal no word of theirs is broken at its edge."""
        for line in clean_lines(text, 64 * LIMIT).split("\n"):
            for part in self._wrapped(line) if self.terminal and line.strip() else (line,):
                self._put(self._styled(part, style) + "\n")

    def entry(self, word: str, text: object, style: str = "") -> None:
        """Write one row of a list: a word, and a text that goes on below itself on a narrow terminal."""
        first, cleaned = f"  {clean(word)}  ", clean(text)
        rows = self._beside(first, cleaned).splitlines() if self.terminal else [first + cleaned]
        for row in rows:
            self._put(self._styled(row, style) + "\n")

    def note(self, text: object) -> None:
        """Write what is happening, one line or several."""
        self.block(text)

    def table(self, rows: Iterable[Iterable[object]], indent: str = "  ") -> None:
        """Write rows in columns of equal width; the last column is not padded.

        Where a terminal is too narrow for a row, columns go on in a second line of it, and the last one below itself.
        """
        cells = [[clean(cell) for cell in row] for row in rows]
        widths = [max(map(width, column)) for column in zip(*cells, strict=True)] if cells else []
        lines = self._columns(widths, len(indent)) if self.terminal else [range(len(widths))]
        for row in cells:
            for number, columns in enumerate(lines):
                start = indent + "    " * bool(number)
                start += "".join(row[at] + " " * (widths[at] - width(row[at]) + 2) for at in columns[:-1])
                last = row[columns[-1]] if columns else ""
                whole = not self.terminal or columns[-1:] != range(len(row))[-1:]
                self._put((start + last).rstrip() + "\n" if whole or not last else self._beside(start, last))

    def _columns(self, widths: list[int], indent: int) -> list[range]:
        """Return which columns stand in which line of a row; the last column may be shortened to go on below itself."""
        lines, begin, used = list[range](), 0, indent
        for at, most in enumerate(widths):
            needed = min(most, _NARROWEST) if at == len(widths) - 1 else most
            if at > begin and used + needed > self.room:
                lines.append(range(begin, at))
                begin, used = at, indent + 4
            used += most + 2
        return [*lines, range(begin, len(widths))]

    def item(self, text: object, style: str = "") -> None:
        """Write one line of a list: "! case  when: what". On a terminal it goes on below its text."""
        line = clean(text)
        start = len(line) - len(line.lstrip(" !?✗→–"))
        if not self.terminal or width(line) <= self.room:
            return self._put(self._styled(line, style) + "\n")
        for row in self._beside(line[:start], line[start:]).splitlines():
            self._put(self._styled(row, style) + "\n")
        return None

    def _beside(self, first: str, text: str) -> str:
        """Return a text that goes on below its own beginning, after ``first``."""
        blank = " " * width(first)
        rows = self._wrapped(blank + text) or [blank]
        return "\n".join([first + rows[0][len(blank) :], *rows[1:]]) + "\n"

    def progress(self, text: object) -> None:
        """Show a line that the next output replaces; nothing where the stream is no terminal that can do it."""
        if not self.cursor:
            return
        with self._lock:
            self._stream.write("\r\x1b[K" + self._encodable(shorten(clean(text), self.room)))
            self._stream.flush()
            self._progress = True

    def clear(self) -> None:
        """Take the line of :meth:`progress` away."""
        with self._lock:
            if self._progress:
                self._stream.write("\r\x1b[K")
                self._stream.flush()
                self._progress = False

    def _wrapped(self, line: str) -> list[str]:
        import textwrap

        indent = line[: len(line) - len(line.lstrip())]
        rows = textwrap.wrap(
            _NUMBER_GAP.sub(_HELD, line.strip()),
            max(self.room, len(indent) + 20),
            initial_indent=indent,
            subsequent_indent=indent,
            break_on_hyphens=False,
            break_long_words=False,  # a path stays whole
        )
        return [row.replace(_HELD, " ") for row in rows]

    def _styled(self, text: str, style: str) -> str:
        code = _STYLES.get(style)
        return f"\x1b[{code}m{text}\x1b[0m" if code and self._colour else text

    def _put(self, text: str) -> None:
        with self._lock:
            if self._progress:
                self._stream.write("\r\x1b[K")
                self._progress = False
            self._stream.write(self._encodable(text))
            self._stream.flush()
            self.spoke = time.monotonic()

    def _encodable(self, text: str) -> str:
        """A terminal without UTF-8 gets escapes instead of an exception in the middle of an incident."""
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        return text.encode(encoding, "backslashreplace").decode(encoding)


def width(text: str) -> int:
    """Columns that a cleaned text takes on a terminal."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def shorten(text: str, room: int) -> str:
    """Return a cleaned text in at most ``room`` columns; a dot-dot-dot stands for what was cut off."""
    if width(text) <= max(room, 1):
        return text
    while text and width(text) > max(room - 1, 0):
        text = text[:-1]
    return f"{text}…"


def _is_terminal(stream: TextIO) -> bool:
    return bool(getattr(stream, "isatty", lambda: False)())
