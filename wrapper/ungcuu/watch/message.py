"""What a notification says: what, where, since when, how sure, what to type. Pure.

An intruder chooses paths and addresses on a host, and a message is read where links are made of words. So:

1. everything from a host goes through ``clean`` and is short; ``://``, ``www.`` and ``@`` are broken up;
2. nothing that stood inside a file is in it: contents may hold a password, and the finding itself is one command away;
3. findings are grouped by what they are, and the message stays short whatever was found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from ungcuu.core.clock import parse_time
from ungcuu.core.i18n import N_, _
from ungcuu.core.terminal import clean
from ungcuu.watch.alerts import Alert

GROUPS, PLACES, PLACE = 8, 3, 160
SEVERITIES = {
    "critical": N_("CRITICAL"),
    "high": N_("HIGH"),
    "medium": N_("MEDIUM"),
    "low": N_("LOW"),
}
_SURE = {
    "scan": N_("read on the host as root and compared with the signed baseline"),
    "outside": N_("seen by this controller itself, from outside, without the host's help"),
    "logs": N_("read in the web server's log, in which visitors and whoever is root there can write"),
    "rehearsal": N_("seen by this controller, which planted the file itself"),
    "watch": N_("this controller's own record"),
}


@dataclass(frozen=True)
class Message:
    """One notification: a line for its title, a plain text, and pictures (PNG files) that go with it."""

    title: str
    text: str
    pictures: tuple[Path, ...] = ()


def compose(host: str, alerts: Sequence[Alert], tier: str) -> Message:
    """Return the message about these alerts of one host, worst first, in the language in use."""
    worst = _(SEVERITIES[alerts[0].sight.severity])
    title = _("ungcuu: {severity} on {host}, {count} open").format(severity=worst, host=host, count=len(alerts))
    lines = [_("Nobody has acknowledged this; you are the deputy.")] if tier == "deputy" else []
    groups = [(key, list(rows)) for key, rows in groupby(alerts, _kind)]
    for _key, rows in groups[:GROUPS]:
        lines += ["", *_group(rows)]
    if more := sum(len(rows) for _key, rows in groups[GROUPS:]):
        lines += ["", _("… and {count} more").format(count=more)]
    lines += ["", _("All of it: ungcuu watch report {host}").format(host=host)]
    lines += [_("I take care of it: ungcuu ack {id}").format(id=_ids(alerts))]
    return Message(title, "\n".join(lines).strip() + "\n")


def _kind(alert: Alert) -> tuple[str, str, str]:
    """What is said in one group; a real finding must not stand below the title of a rehearsal."""
    return alert.sight.severity, alert.sight.rule, alert.sight.title


def trial(host: str, number: int) -> Message:
    """Return the message of ``notify test``."""
    text = _("This is a trial of address {number} of {host}. Nothing was found; nothing needs to be done.")
    return Message(_("ungcuu: trial for {host}").format(host=host), text.format(number=number, host=host) + "\n")


def _group(rows: Sequence[Alert]) -> list[str]:
    first = rows[0].sight
    count = f" ({len(rows)} ×)" if len(rows) > 1 else ""
    lines = [f"{_(SEVERITIES[first.severity])}: {_(first.title)}{count}"]
    for alert in rows[:PLACES]:
        lines.append("  " + _("where: {place}").format(place=unclickable(alert.sight.place)) + _ended(alert))
    if len(rows) > PLACES:
        lines.append("  " + _("… and {count} more").format(count=len(rows) - PLACES))
    lines.append("  " + _("since when: {since}").format(since=_since(rows)))
    lines.append("  " + _("how sure: {sure}").format(sure=_(_SURE[first.source])))
    if first.command:
        lines.append("  " + _("type: {command}").format(command=first.command))
    return lines


def _since(rows: Sequence[Alert]) -> str:
    raised = min(one.raised for one in rows)
    claims = [one.sight.since for one in rows if one.sight.since]
    noticed = _("noticed {time}").format(time=local(raised))
    claimed = _("the host's own clock says {time}").format(time=local(min(claims))) if claims else ""
    return "; ".join(filter(None, (noticed, claimed)))


def _ended(alert: Alert) -> str:
    return "  " + _("[no longer there since {time}]").format(time=local(alert.gone)) if alert.gone else ""


def _ids(alerts: Sequence[Alert]) -> str:
    shown = " ".join(one.sight.id for one in alerts[:PLACES])
    return shown if len(alerts) <= PLACES else f"--all-of {alerts[0].sight.host}"


def local(text: str) -> str:
    """Return a time of a record as this controller's clock shows it."""
    return parse_time(text).astimezone().strftime("%d/%m/%Y %H:%M %z")


def unclickable(text: str) -> str:
    """Return a text of a host, clean and short, without the signs by which programs find links and names."""
    safe = clean(text, PLACE)
    for sign, broken in (("://", "[:]//"), ("www.", "www[.]"), ("@", "[@]")):
        safe = safe.replace(sign, broken)
    return safe
