"""Reporting profiles: what has to be reported, by when, in which form, to whom. Dated data, never code.

A profile names roles as recipients; who stands in a role is the site's to say (:mod:`ungcuu.hosts.reporting_site`).
One that ended, has not begun, or was never compared with the law says so wherever it is used.
"""

from __future__ import annotations

import calendar
import functools
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Literal

from ungcuu.core.errors import ControllerFault, UsageFault
from ungcuu.core.i18n import Words, _
from ungcuu.hosts.data_files import read_file, read_text
from ungcuu.hosts.reporting_site import FILE, Role
from ungcuu.hosts.typed_data import Mismatch

DEFAULTS = ("vn-2026", "vn-pdp")
IMMEDIATELY, NO_LIMIT = "immediately", "no limit"
VERIFIED_DAYS = 366  # a profile that was compared with the law longer ago than this has to be compared again
_DUE = re.compile(r"([1-9]\d{0,3}) (hour|day|month)s?\Z")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}\Z")

Severity = Literal["low", "medium", "high", "critical"]
Trigger = Literal["every", "serious", "severe", "personal-data"]
ClockStart = Literal["detected", "personal-data", "recovered", "sent"]
FormName = Literal["initial", "progress", "closing", "personal-data"]


@dataclass(frozen=True)
class Thresholds:
    """From which severity on an incident counts as serious, and as severe."""

    serious: Severity = "high"
    severe: Severity = "critical"


@dataclass(frozen=True)
class Stage:
    """One thing to be sent.

    ``clock`` is what starts it: the detection, the notice that personal data leaked, the end of the response, or the
    sending of the stage ``after``. ``due``: ``24 hours``, ``5 days``, ``1 month``, ``immediately`` or ``no limit``.
    ``remind``: hours before the due time.
    """

    key: str
    title: Words
    trigger: Trigger
    clock: ClockStart
    due: str
    form: FormName
    recipients: tuple[Role, ...]
    channel: Words
    after: str = ""
    remind: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a key or a due time that means nothing."""
        if not _NAME.match(self.key):
            raise Mismatch(("key",), _("has to be small letters, digits and dashes"))
        if self.due not in (IMMEDIATELY, NO_LIMIT) and not _DUE.match(self.due):
            raise Mismatch(("due",), _("has to be like: {examples}").format(examples="24 hours, 5 days, 1 month"))
        if (self.clock == "sent") != bool(self.after):
            raise Mismatch(("after",), _("has to name a stage where the clock is “sent”, and only there"))
        if not self.recipients:
            raise Mismatch(("recipients",), _("has to name at least one"))
        if any(hours <= 0 for hours in self.remind):
            raise Mismatch(("remind",), _("has to be hours before the due time"))

    def due_after(self, start: datetime) -> datetime | None:
        """Return when it is due, by a clock that started then; None where there is no limit.

        Hours and days are counted in hours, months by the calendar in UTC: the result depends on no time zone.
        """
        if self.due == NO_LIMIT:
            return None
        if self.due == IMMEDIATELY:
            return start
        match = _DUE.match(self.due)
        assert match is not None  # noqa: S101  (checked when the stage was made)
        number, unit = int(match[1]), match[2]
        if unit == "month":
            return _months_later(start, number)
        return start + timedelta(hours=number * (24 if unit == "day" else 1))


@dataclass(frozen=True)
class Profile:
    """One set of rules, with the dates between which they hold and the day on which somebody compared it with them."""

    name: str
    title: Words
    valid_from: date
    legal_basis: tuple[str, ...]
    stages: tuple[Stage, ...]
    valid_to: date | None = None
    verified_on: date | None = None
    unverified: tuple[Words, ...] = ()
    thresholds: Thresholds = field(default_factory=Thresholds)

    def __post_init__(self) -> None:
        """Refuse dates and stages that contradict each other."""
        if not _NAME.match(self.name):
            raise Mismatch(("name",), _("has to be small letters, digits and dashes"))
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise Mismatch(("valid_to",), _("lies before valid_from"))
        keys = [stage.key for stage in self.stages]
        for number, stage in enumerate(self.stages):
            if stage.key in keys[:number]:
                raise Mismatch(("stages", str(number), "key"), _("is given twice: {role}").format(role=stage.key))
            if stage.after and stage.after not in keys[:number]:
                raise Mismatch(("stages", str(number), "after"), _("has to name a stage that stands before this one"))
        if not self.stages:
            raise Mismatch(("stages",), _("has to name at least one"))

    def doubts(self, today: date) -> list[str]:
        """Return what speaks against relying on it, in words; a document made by it says each."""
        found = []
        values: dict[str, object] = {"name": self.name, "today": f"{today:%d/%m/%Y}"}
        if today < self.valid_from:
            values["day"] = f"{self.valid_from:%d/%m/%Y}"
            found.append(_("The reporting profile {name} is not in force before {day}.").format(**values))
        if self.valid_to is not None and today > self.valid_to:
            values["day"] = f"{self.valid_to:%d/%m/%Y}"
            found.append(_("The reporting profile {name} is out of date: it ended on {day}.").format(**values))
        if self.verified_on is None:
            found.append(_("Nobody has compared the reporting profile {name} with the law.").format(**values))
        elif self.verified_on > today or (today - self.verified_on).days > VERIFIED_DAYS:
            values["day"] = f"{self.verified_on:%d/%m/%Y}"
            message = _("The reporting profile {name} was last compared with the law on {day}: do it again.")
            found.append(message.format(**values))
        return found


def _months_later(start: datetime, months: int) -> datetime:
    """The same day so many months later, or the last day of a month that is shorter."""
    start = start.astimezone(UTC)
    years, month = divmod(start.month - 1 + months, 12)
    year = start.year + years
    return start.replace(year=year, month=month + 1, day=min(start.day, calendar.monthrange(year, month + 1)[1]))


def shipped() -> tuple[str, ...]:
    """Return the names of the profiles that come with ungcuu."""
    folder = resources.files("ungcuu").joinpath("reporting_profiles")
    return tuple(sorted(item.name.removesuffix(".yml") for item in folder.iterdir() if item.name.endswith(".yml")))


def load(name: str, folder: Path | None = None) -> Profile:
    """Return a profile by name: the site's own in ``folder`` wins over a shipped one.

    Raises:
        UsageFault: There is none of this name.
        ControllerFault: Its file is not as it has to be; file and line are named.
    """
    own = folder / f"{name}.yml" if folder is not None and _NAME.match(name) and f"{name}.yml" != FILE else None
    if own is not None and own.exists():
        return read_profile(own)
    if name not in shipped():
        raise UsageFault(
            _("There is no reporting profile {name}; there are: {known}").format(
                name=repr(name), known=", ".join(shipped())
            ),
            _("Nothing was changed."),
            "ungcuu profile check",
        )
    return _shipped(name)


@functools.cache
def _shipped(name: str) -> Profile:
    file = resources.files("ungcuu").joinpath("reporting_profiles", f"{name}.yml")
    return read_text(Profile, file.read_text("utf-8"), str(file))


def read_profile(path: Path) -> Profile:
    """Return the profile of a file; its name has to be the file's.

    Raises:
        ControllerFault: It is not as it has to be.
    """
    profile = read_file(Profile, path)
    if profile.name != path.stem:
        raise ControllerFault(
            _("{place}: {why}").format(
                place=path, why=_("name: has to be the file's: {name}").format(name=repr(path.stem))
            ),
            _("The file was not used."),
            _("Correct the file; docs/how-to/report-an-incident.md shows what it may hold."),
        )
    return profile
