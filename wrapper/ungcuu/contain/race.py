"""Two ways to one host at once: the connection that is up already, and a new one where that does not prove the cut.

1. The held connection goes first. Without a word of the host after ``WORD_SECONDS``, or without the proof after
   ``PROOF_SECONDS``, a new connection is made beside it. A frozen one therefore costs at most that.
2. The first that ends with the host's word that the rules are loaded wins. The other is stopped: the rules are the
   same, and loading them twice changes nothing.
3. Where neither ends so, the one over which the rules were sent counts: what became of them is not known.

Only the standard library is imported here, since every import delays the cut.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

WORD_SECONDS = 0.5
PROOF_SECONDS = 1.0


class Attempt(Protocol):
    """How one of the two ended: proven by the host's word, or at least with the rules sent."""

    @property
    def proven(self) -> bool: ...  # noqa: D102 - see above

    @property
    def sent(self) -> bool: ...  # noqa: D102 - see above


A = TypeVar("A", bound=Attempt)


class Race(Generic[A]):
    """The two attempts at one host. ``over`` is asked by both: whoever lost stops."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._talks: dict[str, A] = {}
        self._faults: dict[str, Exception] = {}
        self._spoke = self._won = False

    def spoke(self) -> None:
        """The host said its first word over the held connection."""
        with self._news:
            self._spoke = True
            self._news.notify_all()

    def over(self) -> bool:
        """Whether the cut is proven already."""
        return self._won

    def run(self, over_held: Callable[[], A], over_new: Callable[[], A]) -> A:
        """Return the conversation that counts.

        Raises:
            Exception: What the new connection ended with, where the rules were sent over neither.
        """
        self._start("held", over_held)
        with self._news:
            self._news.wait_for(lambda: self._spoke or self._ended("held"), WORD_SECONDS)
            if self._spoke:
                self._news.wait_for(lambda: self._ended("held"), PROOF_SECONDS - WORD_SECONDS)
            if self._won:
                return self._talks["held"]
        self._start("new", over_new)
        with self._news:
            self._news.wait_for(lambda: self._won or (self._ended("held") and self._ended("new")))
        return self._best()

    def _best(self) -> A:
        for proven in (True, False):
            for name in ("held", "new"):
                talk = self._talks.get(name)
                if talk is not None and (talk.proven if proven else talk.sent):
                    return talk
        if fault := self._faults.get("new"):
            raise fault
        return self._talks["new"]

    def _ended(self, name: str) -> bool:
        return name in self._talks or name in self._faults

    def _start(self, name: str, work: Callable[[], A]) -> None:
        threading.Thread(target=self._attempt, args=(name, work), daemon=True).start()

    def _attempt(self, name: str, work: Callable[[], A]) -> None:
        try:
            talk = work()
        except Exception as fault:  # it is raised again where it counts
            with self._news:
                self._faults[name] = fault
                self._news.notify_all()
            return
        with self._news:
            self._talks[name] = talk
            self._won = self._won or talk.proven
            self._news.notify_all()
