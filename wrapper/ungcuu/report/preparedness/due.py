"""What is due: proofs that lapse, planned work, certificates, follow-ups of cases, legal texts. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from ungcuu.core.i18n import _, ngettext
from ungcuu.prepare.register.kinds import KINDS
from ungcuu.report.preparedness.plan import LAPSED, NEVER, SOON, UNKNOWN, View, standings

STATES_DUE = (LAPSED, NEVER, SOON, UNKNOWN)


@dataclass(frozen=True)
class Due:
    """One thing that is due. ``day`` is None where it was never done. ``finish`` is the command that closes it."""

    id: str
    what: str
    day: date | None
    owner: str = ""
    unit: str = ""
    why: str = ""
    finish: str = ""
    unknown: bool = False

    def left(self, today: date) -> int | None:
        """Days that are left; negative for what is overdue."""
        return (self.day - today).days if self.day else None

    def overdue(self, today: date) -> bool:
        """Whether its day has passed, or it was never done."""
        return self.day is None or self.day < today


def due(view: View, days: int | None = None) -> list[Due]:
    """Return what is overdue or due within so many days (None: all that is known), the most pressing first."""
    found = [*_standings(view), *_planned(view), *_certificates(view), *_follow_ups(view), *_texts(view)]
    if days is not None:
        found = [one for one in found if one.day is None or (one.day - view.today).days <= days]
    return sorted(found, key=lambda one: (_group(one, view.today), one.day or date.min, one.id))


def _group(one: Due, today: date) -> int:
    """What has a day that has passed comes first, then what was never done, what comes, what is not known."""
    if one.unknown:
        return 3
    return 1 if one.day is None else 0 if one.day < today else 2


def in_words(one: Due, today: date) -> str:
    """When it is due: "in 12 days", "overdue by 3 days"."""
    left = one.left(today)
    if one.unknown:
        return _("not known")
    if left is None:
        return _("never done")
    if left == 0:
        return _("today")
    if left > 0:
        return ngettext("in {count} day", "in {count} days", left).format(count=left)
    return ngettext("overdue by {count} day", "overdue by {count} days", -left).format(count=-left)


_COMMANDS = {
    "scan": "ungcuu scan {host}",
    "patch": "ungcuu patch {host}",
    "audit": "ungcuu audit {host}",
    "backup": "ungcuu backup {host}",
    "restore": "ungcuu restore-drill {host}",
    "drill": "ungcuu drill list",
    "summary": "ungcuu register report",
    "lessons": "ungcuu case lessons",
    "intake": "ungcuu drill list",
    "isolate": "ungcuu drill list",
    "collect": "ungcuu drill list",
}


def _standings(view: View) -> Iterator[Due]:
    for one in standings(view):
        certificate = one.requirement.key == "training" and one.last  # due by its own name, see below
        if one.state not in STATES_DUE or certificate:
            continue
        key, whom = one.requirement.key, one.host or one.unit
        command = _COMMANDS.get(key, f"ungcuu register add {key.partition('-')[0]} TITLE").format(host=one.host)
        yield Due(
            id=f"proof-{key}{f'-{whom}' if whom else ''}",
            what=one.title(view.scope.names),
            day=one.lapses or (view.today if key == "lessons" else None),
            unit=one.unit,
            why=one.detail,
            finish=command,
            unknown=one.state == UNKNOWN,
        )


def _planned(view: View) -> Iterator[Due]:
    for entry in view.register.entries:
        if entry.day("due") and not entry.done:
            what = f"{_(KINDS[entry.kind].title)}: {entry.title}"
            finish = f"ungcuu register done {entry.id}"
            yield Due(entry.id, what, entry.day("due"), entry.text("owner"), entry.text("unit"), finish=finish)


def _certificates(view: View) -> Iterator[Due]:
    """Each person's newest certificate of a title; one that was renewed is due no more."""
    newest: dict[tuple[str, str], date] = {}
    for entry in view.register.of("training"):
        if until := entry.day("until"):
            key = (entry.text("person"), entry.title)
            newest[key] = max(until, newest.get(key, until))
    for entry in view.register.of("training"):
        until = entry.day("until")
        if entry.done and until and newest[(entry.text("person"), entry.title)] == until:
            what = _("certificate of {person}: {title}").format(person=entry.text("person"), title=entry.title)
            finish = "ungcuu register add training TITLE"
            yield Due(f"{entry.id}-until", what, until, entry.text("person"), entry.text("unit"), finish=finish)


def _follow_ups(view: View) -> Iterator[Due]:
    for case in view.known.cases:
        for row in case.follow_ups:
            if row["done"]:
                continue
            day = view.day(row["due"])
            what = _("follow-up of {case}: {text}").format(case=case.id, text=row["text"])
            why = case.title if day else _("no day was set")
            finish = f"ungcuu register done {case.id}/{row['id']}"
            yield Due(f"{case.id}/{row['id']}", what, day or view.today, row["owner"], why=why, finish=finish)


def _texts(view: View) -> Iterator[Due]:
    """Texts that the plan cites and that were superseded: the plan has to be corrected."""
    for entry in view.register.of("legal"):
        if entry.text("in_plan") != "no" and entry.text("status") == "superseded":
            what = _("the plan cites {number}, which was superseded").format(number=entry.text("number"))
            why = _("replaced by {text}").format(text=entry.text("replaced_by") or "–")
            day = entry.day("ended") or entry.done
            yield Due(f"{entry.id}-cited", what, day, why=why, finish=_("correct the plan, then in_plan: no"))
