"""A stream whose reader may go away: a closed pipe or terminal must not end work on a host."""

from __future__ import annotations

import os
from typing import Any, TextIO


class Lasting:
    """Passes text on until writing fails once; from then on it is silent."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._gone = False

    def write(self, text: str) -> int:
        """Write, or drop what nobody reads."""
        self._do(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush what is still read."""
        self._do(self._stream.flush)

    def _do(self, work: Any) -> None:
        if self._gone:
            return
        try:
            work()
        except OSError:
            self._gone = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())  # what is left in a buffer goes nowhere

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
