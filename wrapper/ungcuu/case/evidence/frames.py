"""Splits the one stream of a collection into items, without holding any of them in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_TRAILER_MOST = 4096


class Broken(Exception):
    """The host no longer keeps to the protocol, so the connection is given up."""


class OverLimit(Exception):
    """The item under way has delivered more than its limit."""


@dataclass(frozen=True)
class Trailer:
    """How a command ended on the host: its exit status (None where the host didn't say) and what it complained of."""

    status: int | None
    complaint: str


class Splitter:
    """Takes the stream piece by piece; gives each item's bytes to ``write`` and its end to ``finish``.

    ``limit`` is asked for the item under way. At most that many bytes are written, then ``OverLimit`` is raised.
    """

    def __init__(
        self,
        marker: str,
        limit: Callable[[], int],
        write: Callable[[bytes], object],
        finish: Callable[[Trailer], object],
    ) -> None:
        self._begin = f"\n{marker}\n".encode()
        self._end = f"\n{marker}.\n".encode()
        self._limit, self._write, self._finish = limit, write, finish
        self._held = b""
        self._written = 0
        self._in_trailer = False

    def feed(self, piece: bytes) -> None:
        """Take the next piece of the stream.

        Raises:
            OverLimit: The item under way is larger than its limit; the first bytes up to it were written.
            Broken: A trailer doesn't end.
        """
        data = self._held + piece if self._held else piece
        while data:
            data, more = self._trailer(data) if self._in_trailer else self._body(data)
            if not more:
                break
        self._held = data

    def flush(self) -> None:
        """Write what was held back, when the stream ended in the middle of an item."""
        if not self._in_trailer and self._held:
            self._put(self._held)
        self._held = b""

    def _body(self, data: bytes) -> tuple[bytes, bool]:
        at = data.find(self._begin)
        if at >= 0:
            self._put(data[:at] if at else b"")
            self._in_trailer = True
            return data[at + len(self._begin) :], True
        # The marker may have begun at the end of this piece.
        start = data.find(b"\n", max(0, len(data) - len(self._begin) + 1))
        while start >= 0 and not self._begin.startswith(data[start:]):
            start = data.find(b"\n", start + 1)
        cut = len(data) if start < 0 else start
        self._put(data[:cut])
        return data[cut:], False

    def _trailer(self, data: bytes) -> tuple[bytes, bool]:
        at = data.find(self._end)
        if at < 0:
            if len(data) > _TRAILER_MOST:
                raise Broken("the end of an item never came")
            return data, False
        self._in_trailer = False
        self._written = 0
        self._finish(_read(data[:at]))
        return data[at + len(self._end) :], True

    def _put(self, data: bytes) -> None:
        if not data:
            return
        room = self._limit() - self._written
        self._written += len(data)
        if room > 0:
            self._write(data if len(data) <= room else data[:room])
        if len(data) > room:
            raise OverLimit


def _read(said: bytes) -> Trailer:
    lines = said.decode("utf-8", "replace").splitlines()
    for index in range(len(lines) - 1, -1, -1):
        word, _space, number = lines[index].partition(" ")
        if word == "rc" and number.isascii() and number.isdecimal() and len(number) < 4:
            return Trailer(int(number), "\n".join(lines[:index]))
    return Trailer(None, "\n".join(lines))
