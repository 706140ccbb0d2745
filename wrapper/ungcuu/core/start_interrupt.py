"""Ctrl-C while ungcuu itself is still being loaded: kept until there are words for it.

Python would end with a traceback, without a JSON document, and in the middle of an import it may even lose the signal.
The standard library alone, and little of it: this comes before everything else.
"""

from __future__ import annotations

import signal
from types import FrameType

_came: list[int] = []


def keep() -> None:
    """Keep Ctrl-C from here on; where it is ignored (``nohup``, a job in the background) it stays so."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _keep)


def give() -> None:
    """Let Ctrl-C have its effect again.

    Raises:
        KeyboardInterrupt: It came meanwhile.
    """
    if signal.getsignal(signal.SIGINT) is _keep:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if _came:
        _came.clear()
        raise KeyboardInterrupt


def _keep(number: int, _frame: FrameType | None) -> None:
    _came.append(number)
