"""Hand a message to one address by apprise. The address carries a password or token and is never shown or logged.

Delivered means that the address's own server took the message. Everything else is not delivered.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ungcuu.core.i18n import N_, _
from ungcuu.core.terminal import clean
from ungcuu.watch.message import Message

if TYPE_CHECKING:
    from apprise import NotifyBase

INVALID, REFUSED = "invalid", "refused"
_WORDS = {
    INVALID: N_("the address is not one that apprise knows"),
    REFUSED: N_("its server did not take the message, or did not answer"),
}


@dataclass(frozen=True)
class Delivery:
    """What became of one message to one address. ``why`` is empty where it was taken."""

    kind: str
    why: str = ""

    @property
    def ok(self) -> bool:
        """Whether the address's server took it."""
        return not self.why

    @property
    def words(self) -> str:
        """Why it was not delivered, for a person."""
        return _(_WORDS[self.why]) if self.why else ""


def kind_of(address: str) -> str:
    """Return what kind of address it is (``mailtos``, ``tgram``): all of it that may be shown."""
    return clean(address.partition("://")[0], 20) if "://" in address else "?"


def send(address: str, message: Message) -> Delivery:
    """Send a message. Takes at most some seconds; never raises for what the other side does."""
    with _silent():
        import apprise

        kind = kind_of(address)
        target = apprise.Apprise.instantiate(address, suppress_exceptions=True)
        if target is None:
            return Delivery(kind, INVALID)
        taken = _taken(target, message, [str(path) for path in message.pictures if path.is_file()])
    return Delivery(kind, "" if taken else REFUSED)


def _taken(target: NotifyBase, message: Message, pictures: list[str]) -> bool:
    """Whether it was taken; a server that does not take pictures gets the words alone."""
    from apprise import NotifyFormat

    for attached in (pictures, []) if pictures else ([],):
        words = {"body": message.text, "title": message.title, "body_format": NotifyFormat.TEXT}
        try:
            taken = target.notify(**words, attach=attached or None)
        except Exception:  # whatever a plugin raises on what a server answers; the text may hold the address
            taken = False
        if taken is True:
            return True
    return False


@contextmanager
def _silent() -> Iterator[None]:
    """Let neither apprise nor what it uses write a line: theirs may hold the address, or what a server answered."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
