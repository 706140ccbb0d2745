"""Starts the cut before anything else of the command is imported or parsed.

Between Enter and the first packet dropped there is only Python's start, this module and one ssh process. The command
line is parsed again, in full, by :mod:`ungcuu.cli.main` while the connection is being made; what is started here is
only what that will ask for too:

1. The words are a plain ``isolate`` of hosts that have containment cards; anything else waits for the full parser.
2. No other run holds one of the hosts.
3. A cut that the full command then did not take over (a misspelt inventory, say) is reported, never left unsaid.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ungcuu.contain import card, cut_off, early, isolation_state
from ungcuu.core.settings import Settings

# The command line waits so long before it imports its own code: on a small controller that would take the processor
# from the cut. A host that answers later, and the last of many, are cut beside it.
FIRST_SECONDS = 0.5


@dataclass(frozen=True)
class Asked:
    """What a command line asks for."""

    hosts: tuple[str, ...]
    mode: str = "full"
    allow: tuple[str, ...] = ()


class Cutting(threading.Thread):
    """Cuts hosts off while the main thread does everything else."""

    def __init__(self, settings: Settings, cards: Sequence[card.Card], asked: Asked) -> None:
        super().__init__(daemon=True)
        self.settings, self.cards, self.asked = settings, cards, asked
        self.cuts: list[cut_off.Cut] = []  # in the order asked for, once all have ended
        self.ended: dict[str, cut_off.Cut] = {}  # each as it came
        self.fault: BaseException | None = None
        self.begun = time.monotonic()

    def run(self) -> None:
        """Cut, and mark each host as soon as it says that it is cut: that must not wait for the rest."""
        _begun.extend(self.asked.hosts)
        try:
            self.cuts = cut_off.cut_all(self.cards, self.asked.mode, self.asked.allow, self._ended)
        except BaseException as fault:
            self.fault = fault
        finally:
            early.drop()

    def _ended(self, cut: cut_off.Cut) -> None:
        self.ended[cut.host] = cut
        if cut.done:
            with contextlib.suppress(OSError):
                folder = self.settings.host_dir(cut.host)
                isolation_state.mark_isolated(folder, cut.host, self.asked.mode, datetime.now(UTC))


_under_way: list[Cutting] = []
_begun: list[str] = []
_seen: list[bool] = []


def begin(words: Sequence[str]) -> None:
    """Start the cut that these words ask for, if they plainly do; once a process."""
    asked = None if _seen else parse(words)
    _seen.append(True)
    cutting = _plain(asked) if asked else None
    if cutting is None:
        early.drop()
        return
    _under_way.append(cutting)
    cutting.start()
    cutting.join(FIRST_SECONDS)


def _plain(asked: Asked) -> Cutting | None:
    """Return the cut where each host has a card and no other run holds it."""
    settings = Settings.from_environment()
    try:
        cards = [card.load(settings, host) for host in asked.hosts]
    except card.NoCard:
        return None
    if any(_held(settings, host) for host in asked.hosts):
        return None
    return Cutting(settings, cards, asked)


def take(asked: Asked) -> Cutting | None:
    """Hand over the cut that is under way for exactly this."""
    found = next((one for one in _under_way if one.asked == asked), None)
    if found is not None:
        _under_way.remove(found)
    return found


def begun() -> tuple[str, ...]:
    """Return the hosts that this process began to cut off."""
    return tuple(dict.fromkeys(_begun))


def report_untaken() -> None:
    """Say what was cut although the command itself went wrong."""
    from ungcuu.core.i18n import _

    for cutting in _under_way:
        cutting.join(cut_off.CUT_SECONDS + 5)
        for host in cutting.asked.hosts:
            cut = cutting.ended.get(host)
            message = ""
            if cut is not None and cut.done:
                message = _(
                    "{host} says that it was cut off all the same. Check: ungcuu doctor {host}. "
                    "Undo: ungcuu release {host}"
                )
            elif cut is None or cut.sent:
                message = _("{host} may or may not be cut off all the same. Undo: ungcuu release {host}")
            if message:
                sys.stderr.write(message.format(host=host) + "\n")
    _under_way.clear()


def parse(words: Sequence[str]) -> Asked | None:
    """Return what the words ask for, or None where the full parser has to look: any word that isn't plainly known."""
    found = early.parse(words)
    return Asked(*found) if found else None


def _held(settings: Settings, host: str) -> bool:
    """Whether another run holds the host's lock; one that can't be looked at holds nothing back."""
    try:
        descriptor = os.open(settings.locks / f"{host}.lock", os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
