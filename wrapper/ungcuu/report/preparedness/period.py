"""The periods that are reported on: a quarter, and the year from 15 December to 14 December. Days are local."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Quarter:
    """One quarter of a year, in local days."""

    year: int
    number: int

    @property
    def first(self) -> date:
        """Its first day."""
        return date(self.year, 3 * self.number - 2, 1)

    @property
    def last(self) -> date:
        """Its last day."""
        following = date(self.year + self.number // 4, 3 * (self.number % 4) + 1, 1)
        return following - timedelta(days=1)

    @property
    def name(self) -> str:
        """Its name in files and records: ``2026-Q4``."""
        return f"{self.year}-Q{self.number}"

    def holds(self, day: date | None) -> bool:
        """Whether a day lies in it."""
        return day is not None and self.first <= day <= self.last


@dataclass(frozen=True)
class ReportingYear:
    """The year of the annual report: Nghị định 331/2026/NĐ-CP counts from 15 December to 14 December."""

    year: int

    @property
    def first(self) -> date:
        """Its first day."""
        return date(self.year - 1, 12, 15)

    @property
    def last(self) -> date:
        """Its last day."""
        return date(self.year, 12, 14)

    @property
    def name(self) -> str:
        """Its name in files and records: ``2026``."""
        return str(self.year)

    def holds(self, day: date | None) -> bool:
        """Whether a day lies in it."""
        return day is not None and self.first <= day <= self.last


Period = Quarter | ReportingYear
