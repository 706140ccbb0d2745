"""Bring reminders of deadlines to people, by the addresses of the watch.

1. A reminder before the due time goes to the first tier, what is overdue to the deputies too, until it is acknowledged.
2. It counts as given once each tier that has an address was reached by one; what was not taken is sent again next time.
3. A deadline of the law has no quiet hours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ungcuu.case.case import Case
from ungcuu.case.reporting import Reminder
from ungcuu.core.clock import format_time
from ungcuu.core.i18n import _, in_language
from ungcuu.hosts.reporting_site import ROLES, ReportingSite
from ungcuu.report.format import shown_time, zone_name
from ungcuu.report.people import remaining
from ungcuu.watch.alerts import TIERS
from ungcuu.watch.choices import Choices
from ungcuu.watch.delivery import Delivery, send
from ungcuu.watch.message import Message, unclickable

Send = Callable[[str, Message], Delivery]


@dataclass
class Sent:
    """What became of the reminders of one case. ``nobody``: no address is known that they could go to."""

    given: list[Reminder] = field(default_factory=list)
    rows: list[dict[str, object]] = field(default_factory=list)
    nobody: bool = False

    @property
    def failed(self) -> bool:
        """Whether a reminder reached nobody, or an address did not take it."""
        return self.nobody or any(row["why"] for row in self.rows)


def dispatch(
    case: Case,
    due: Sequence[Reminder],
    choices: Sequence[Choices],
    site: ReportingSite,
    present: datetime,
    *,
    send: Send = send,
) -> Sent:
    """Send the reminders of a case that are due; ``choices`` are those of its hosts' watch."""
    sent, taken = Sent(), dict[str, bool]()
    language = choices[0].language if choices else "vi"
    for tier in TIERS:
        mine = [one for one in due if tier == "main" or one.escalated]
        addresses = list(dict.fromkeys(address for one in choices for address in one.of_tier(tier)))
        if not mine or not addresses:
            continue
        with in_language(language):
            message = compose(case, mine, site, present, tier)
        for number, address in enumerate(addresses, 1):
            sent.rows.append(_row(tier, number, mine, send(address, message)))
        taken[tier] = any(not row["why"] for row in sent.rows if row["tier"] == tier)
    sent.nobody = bool(due) and not taken
    for one in due:
        tiers = [tier for tier in taken if tier == "main" or one.escalated]
        if tiers and all(taken[tier] for tier in tiers):
            sent.given.append(one)
    return sent


def _row(tier: str, number: int, due: Sequence[Reminder], delivery: Delivery) -> dict[str, object]:
    """One message to one address, for the journal: no address, no text."""
    return {
        "do": "delivered" if delivery.ok else "not delivered",
        "tier": tier,
        "address": f"{tier}/{number}",
        "kind_of_address": delivery.kind,
        "why": delivery.why,
        "deadlines": [one.clock.key for one in due],
    }


def compose(case: Case, due: Sequence[Reminder], site: ReportingSite, present: datetime, tier: str) -> Message:
    """Return the message about these deadlines of a case, in the language in use."""
    first = min(due, key=lambda one: str(one.clock.due))
    assert first.clock.due is not None  # noqa: S101  (it is due)
    left = remaining(first.clock.due, present)
    title = _("ungcuu: deadline of {case} {left}").format(case=case.id, left=left)
    lines = [_("Nobody has acknowledged this; you are the deputy.")] if tier == "deputy" else []
    lines.append(f"{case.id}: {unclickable(case.facts.title)}")
    for one in due:
        assert one.clock.due is not None  # noqa: S101  (it is due)
        when = f"{shown_time(format_time(one.clock.due))} ({zone_name(one.clock.due)})"
        lines += ["", f"{one.clock.stage.title}: {remaining(one.clock.due, present)}, {when}"]
        lines += ["  → " + _who(site, role) for role in one.clock.missing]
        lines.append(
            "  " + _("I take care of it: {command}").format(command=f"ungcuu case ack {case.id} {one.clock.key}")
        )
        sent = f"ungcuu case sent {case.id} {one.clock.key} FILE --channel TEXT"
        lines.append("  " + _("It was sent: {command}").format(command=sent))
    return Message(title, "\n".join(lines) + "\n")


def _who(site: ReportingSite, role: str) -> str:
    contact = site.of(role)
    if contact is None:
        return _("{role}: the inventory names no contact").format(role=_(ROLES[role]))
    return ", ".join(text for text in (f"{_(ROLES[role])}: {contact.name}", contact.phone) if text)
