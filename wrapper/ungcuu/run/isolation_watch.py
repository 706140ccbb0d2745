"""Whether a host that this controller isolated still is: asked from outside each time, never taken from a file.

`doctor`, `case status` and `scan` ask the same question here, and give the same answer. A change of the answer is
recorded in the journal of the host's open case; what a case says about isolation is derived from those records.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ungcuu.contain import card, isolation_state, outside, proofs
from ungcuu.contain.allowlist import Unresolved
from ungcuu.contain.outside import Look
from ungcuu.core.errors import UngcuuError
from ungcuu.core.i18n import _
from ungcuu.core.phrases import Detail, Proof, phrase
from ungcuu.core.settings import Settings

if TYPE_CHECKING:
    from ungcuu.contain.card import Card
    from ungcuu.run.verb import Context

STYLES = {"silent": "warn", "open": "bad", "unknown": "bad"}


@dataclass(frozen=True)
class Watched:
    """One host that should be isolated, as seen from outside now. ``since`` is None where only the journal knows it."""

    host: str
    since: datetime | None
    look: Look
    switch: str

    @property
    def text(self) -> str:
        """What is true, in one line."""
        since = f"{self.since:%Y-%m-%d %H:%M} UTC" if self.since else "?"
        if self.look.state == "open":
            message = _("isolation LOST: {alive} (cut off since {since})")
            return message.format(alive=outside.alive_words(self.look), since=since)
        if self.look.state == "silent":
            return _("isolated since {since}; {silent}").format(since=since, silent=outside.silent_words(self.look))
        message = _("NOT proven that it is isolated (cut off since {since}): {why}")
        return message.format(since=since, why=outside.unknown_words(self.look))

    @property
    def next(self) -> str:
        """The command to run next."""
        if self.look.state == "silent":
            return f"ungcuu reassess {self.host}"
        again = _("ungcuu isolate {host}   ({switch})")
        return again.format(host=self.host, switch=self.switch)


def report(context: Context, found: Sequence[Watched], mark: str = "") -> None:
    """Show what is true of each host, and the next command where its isolation is lost or not proven."""
    from ungcuu.run.failures import as_typed

    for one in found:
        context.out.item(f"{mark}{one.host}: {one.text}", STYLES[one.look.state])
        if one.look.state != "silent":
            command = as_typed(one.next, context.settings.typed_inventory)
            context.out.prose(_("Next:      {command}").format(command=command), "strong")


def check(context: Context, host: str, *, journal_says_so: bool = False) -> Watched | None:
    """Look at a host that is marked as isolated, or that the journal says is; None where neither holds.

    It takes a few seconds at most, and the host can't delay it.
    """
    folder = context.settings.host_dir(host)
    since = isolation_state.isolated_since(folder)
    if since is None and not journal_says_so:
        return None
    kept = _card(context, host)
    if kept is None:
        row = proofs.not_seen(Proof.NO_PORT_ANSWERS, proofs.CONTROLLER, phrase(Detail.CARD_MISSING, host=host))
        return Watched(host, since, Look(host, "unknown", (row,)), _("Cut it off at the switch or the hypervisor."))
    return Watched(host, since, outside.look(kept, isolation_state.mode_of(folder)), outside.switch_words(kept))


def check_all(context: Context, hosts: Sequence[str], journal_says: Callable[[str], bool]) -> list[Watched]:
    """Look at several hosts at once; those that should not be isolated are left out."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=min(16, len(hosts) or 1)) as pool:
        found = pool.map(lambda host: check(context, host, journal_says_so=journal_says(host)), hosts)
        return [one for one in found if one is not None]


def _card(context: Context, host: str) -> Card | None:
    try:
        return card.load(context.settings, host)
    except card.NoCard:
        pass
    try:
        return card.build(context.site, host)
    except (UngcuuError, Unresolved, OSError, ValueError):
        return None


def record_change(settings: Settings, host: str, look: Look) -> bool:
    """Write what was seen into the journal of the host's open case, where it differs from what stands there last.

    A journal that can't be written does not hide what was seen: then nothing is recorded.
    """
    from ungcuu.case.case import current

    try:
        case = current(settings, host)
        if case is None or case.facts.outside.get(host) == look.state:
            return False
        case.journal().append("outside", {"host": host, **look.as_data()})
    except (OSError, UngcuuError):
        return False
    return True
