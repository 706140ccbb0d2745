"""What each drill measured, over time: from the records that drills leave in the journal of operations.

A measure that a drill did not take is a gap, in the line and in the words; it is never filled in from another drill.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from ungcuu import __version__
from ungcuu.case.facts import from_host
from ungcuu.case.index import OPERATIONS
from ungcuu.case.journal import read_records
from ungcuu.case.record import Record
from ungcuu.core.clock import parse_time
from ungcuu.core.i18n import N_, _, language
from ungcuu.core.settings import Settings
from ungcuu.core.templates import html_environment
from ungcuu.drill import scenario
from ungcuu.report.format import shown_day, shown_place, shown_seconds, shown_time, word, zone, zone_name
from ungcuu.report.preparedness.proofs import DRILL
from ungcuu.report.preparedness.trend_chart import Point, draw
from ungcuu.report.timeline import harmless

# Measure → its title, its unit, and the target of the scenario that it is compared with.
MEASURES: Mapping[str, tuple[str, str, str]] = {
    "seconds_to_detect": (N_("to detect"), "s", "detect"),
    "seconds_to_notify": (N_("to notify"), "s", ""),
    "seconds_to_contain": (N_("to contain"), "s", "contain"),
    "seconds_to_recover": (N_("to recover"), "s", "recover"),
    "false_alarms": (N_("false alarms"), "", ""),
    "lost_files": (N_("files lost"), "", ""),
    "lost_rows": (N_("rows lost"), "", ""),
    "lost_minutes": (N_("minutes of data lost"), "min", ""),
}
BLIND = "/blind"  # behind the name of a scenario to which people responded
_SAME = 0.1  # a tenth more or less is no change: a drill on a busy machine differs by that


@dataclass(frozen=True)
class Drill:
    """One drill as its record states it. ``values`` holds only what was measured."""

    time: str
    scenario: str
    outcome: str
    place: str
    case: str = ""
    error: str = ""
    operator: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    blind: bool = False  # people responded, not the program

    @property
    def group(self) -> str:
        """Whom it is compared with: what people do is not measured against what a program does."""
        return self.scenario + (BLIND if self.blind else "")


@dataclass(frozen=True)
class Trend:
    """One measure of one scenario: a value a drill, None where it was not measured; ``target`` in the same unit."""

    measure: str
    values: tuple[float | None, ...]
    target: float | None

    @property
    def last(self) -> float | None:
        """What the newest drill measured."""
        return self.values[-1]

    @property
    def course(self) -> str:
        """How the newest one compares with the middle of those before it."""
        before = [value for value in self.values[:-1] if value is not None]
        if self.last is None:
            return N_("not measured")
        if not before:
            return N_("first")
        middle = median(before)
        if abs(self.last - middle) <= _SAME * max(middle, 1.0):
            return N_("about the same")
        return N_("better") if self.last < middle else N_("worse")

    @property
    def missed(self) -> bool:
        """Whether the newest one is above the target."""
        return self.target is not None and self.last is not None and self.last > self.target


def drills(settings: Settings, only: str = "") -> list[Drill]:
    """Return all drills that the journal of operations records, the oldest first.

    Raises:
        Tampered: The journal can't be read.
    """
    records = read_records(settings.operations) if settings.operations.is_dir() else []
    found = [_drill(record) for record in records if record.kind == DRILL and not from_host(record)]
    return [one for one in found if only in ("", one.scenario)]


def _drill(record: Record) -> Drill:
    data = record.data
    texts = {name: str(data.get(name) or "") for name in ("scenario", "case", "error", "operator")}
    return Drill(
        record.time,
        outcome=str(data.get("outcome") or "UNKNOWN"),
        place=f"{OPERATIONS} {record.seq}",
        values=values_of(data),
        blind=data.get("blind") is True,
        **texts,
    )


def values_of(data: Mapping[str, Any]) -> dict[str, float]:
    """Return what the record of a drill measured."""
    lost = data.get("lost")
    flat = {**data, **({f"lost_{name}": value for name, value in lost.items()} if isinstance(lost, Mapping) else {})}
    return {name: float(flat[name]) for name in MEASURES if _is_measured(flat.get(name))}


def _is_measured(value: object) -> bool:
    """Whether a value is a number that a drill can have measured: a record may be damaged, or from another version."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and value >= 0


def by_scenario(found: Sequence[Drill]) -> dict[str, list[Drill]]:
    """Return the drills of each scenario, in the order of their names."""
    names = sorted({one.group for one in found})
    return {name: [one for one in found if one.group == name] for name in names}


def trends(name: str, mine: Sequence[Drill]) -> list[Trend]:
    """Return the measures that at least one drill of this scenario took."""
    rows = []
    for measure in MEASURES:
        values = tuple(one.values.get(measure) for one in mine)
        if any(value is not None for value in values):
            rows.append(Trend(measure, values, target_of(name, measure)))
    return rows


def target_of(name: str, measure: str) -> float | None:
    """Return what a scenario's plan asks of a measure, in seconds; None where it asks nothing."""
    goal = MEASURES[measure][2]
    known = name.removesuffix(BLIND)
    if not goal or known not in scenario.names():
        return None
    return float(getattr(scenario.load(known).targets, goal)) * 60


def shown(measure: str, value: float | None) -> str:
    """Return a value with its unit."""
    if value is None:
        return "–"
    unit = MEASURES[measure][1]
    if unit == "s":
        return shown_seconds(value)
    number = f"{value:g}" if value == int(value) else f"{value:.1f}"
    return _("{minutes} min").format(minutes=number) if unit else number


def as_json(found: Sequence[Drill]) -> dict[str, Any]:
    """Return drills and trends as plain data."""
    rows = [{**vars(one), "values": dict(one.values)} for one in found]
    groups = {
        name: [
            {
                "measure": one.measure,
                "values": list(one.values),
                "target": one.target,
                "course": one.course,
                "missed": one.missed,
            }
            for one in trends(name, mine)
        ]
        for name, mine in by_scenario(found).items()
    }
    return {"drills": rows, "trends": groups}


def as_csv(found: Sequence[Drill]) -> str:
    """Return one row a drill (RFC 4180), as UTF-8 with its mark. No cell is taken for a formula."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(("utc", "scenario", "outcome", "case", "record", "operator", *MEASURES, "error"))
    for one in found:
        numbers = [f"{one.values[name]:g}" if name in one.values else "" for name in MEASURES]
        texts = (one.time, one.scenario, one.outcome, one.case, one.place, one.operator)
        writer.writerow([*map(harmless, texts), *numbers, harmless(one.error)])
    return "\ufeff" + out.getvalue()


def heading(name: str) -> str:
    """Return what a scenario is called; one that is not known any more keeps its name."""
    known = name.removesuffix(BLIND)
    title = f"{known}: {scenario.load(known).title}" if known in scenario.names() else known
    return title if name == known else _("{title} (response by people)").format(title=title)


def summary(mine: Sequence[Drill]) -> str:
    """Return how often a scenario was played, and how it last ended."""
    done = sum(one.outcome == "DONE" for one in mine)
    last = mine[-1]
    return _("{count} drills, {done} of them to the end; the last on {day}: {outcome}").format(
        count=len(mine),
        done=done,
        day=shown_day(parse_time(last.time).astimezone(zone()).date()),
        outcome=word(last.outcome),
    )


def rows_of(name: str, mine: Sequence[Drill]) -> Iterator[dict[str, str]]:
    """Yield each measure in words: first, last, best, target, and how the last compares."""
    for one in trends(name, mine):
        known = [value for value in one.values if value is not None]
        yield {
            "title": _(MEASURES[one.measure][0]),
            "first": shown(one.measure, known[0]),
            "last": shown(one.measure, one.last),
            "best": shown(one.measure, min(known)),
            "target": _target(one),
            "course": _(one.course),
            "missed": _("target missed") if one.missed else "",
            "tone": "bad" if one.missed else {"better": "good", "worse": "warn"}.get(one.course, "quiet"),
        }


def _target(one: Trend) -> str:
    return _("{minutes} min").format(minutes=f"{one.target / 60:g}") if one.target is not None else ""


def page(found: Sequence[Drill], now: str) -> str:
    """Return the HTML document: for each scenario a line a measure, and the drills one by one."""
    groups = [
        {
            "title": heading(name),
            "summary": summary(mine),
            "rows": list(rows_of(name, mine)),
            "pictures": [_picture(one, mine) for one in trends(name, mine)],
            "drills": [_row(one) for one in mine],
        }
        for name, mine in by_scenario(found).items()
    ]
    played = {one.scenario for one in found}
    never = [str(scenario.load(name).title) for name in scenario.names() if name not in played]
    values = {
        "lang": language(),
        "version": __version__,
        "drawn_up": f"{shown_time(now)} ({zone_name()})",
        "groups": groups,
        "never": never,
    }
    return html_environment().get_template("drills.html.j2").render(values, _=_)


def _picture(trend: Trend, mine: Sequence[Drill]) -> Any:
    points = [
        Point(
            shown_day(parse_time(one.time).astimezone(zone()).date()),
            value,
            shown(trend.measure, value),
            one.outcome == "DONE",
        )
        for one, value in zip(mine, trend.values, strict=True)
    ]
    goal = (
        (trend.target, _("target {value}").format(value=shown(trend.measure, trend.target))) if trend.target else None
    )
    return draw(_(MEASURES[trend.measure][0]), points, goal)


def _row(one: Drill) -> dict[str, str]:
    measured = "; ".join(f"{_(MEASURES[name][0])}: {shown(name, value)}" for name, value in one.values.items())
    return {
        "time": shown_time(one.time),
        "outcome": word(one.outcome),
        "tone": "good" if one.outcome == "DONE" else "bad",
        "measured": measured or "–",
        "case": one.case,
        "place": shown_place(one.place),
        "error": one.error,
    }
