"""A timeline as an inline SVG: one bar a run, marks for moments, gaps without events folded away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise

from markupsafe import Markup, escape

from ungcuu.core.i18n import _
from ungcuu.core.terminal import clean

WIDTH, LEFT, RIGHT, ROW, TOP = 960, 330, 70, 22, 46
PRINTED = 640  # the width for a letter: on 160 mm of paper its smallest text is then as high as a footnote's
LONGEST = 50  # characters of a label
_FONT = "Noto Sans, Segoe UI, Roboto, Arial, DejaVu Sans, sans-serif"
# Attributes, not classes: programs that print HTML don't apply the page's style sheet inside a drawing.
_TEXTS = {
    "label": 'font-size="12" fill="#1b2430"',
    "moment": 'font-size="12" font-weight="700" fill="#1b2430"',
    "time": 'font-size="10.5" fill="#5c6877"',
    "length": 'font-size="10.5" fill="#5c6877"',
}
_FILL = {"good": "#2f6f4f", "bad": "#b3261e", "warn": "#b26a00"}


@dataclass(frozen=True)
class Bar:
    """One run; ``end`` is None where the journal has no end of it."""

    label: str
    start: datetime
    end: datetime | None
    tone: str


class Axis:
    """Time to x. A gap in which nothing happened for most of the picture is folded to a fixed width."""

    def __init__(self, moments: Sequence[datetime], width: float, left: float = LEFT) -> None:
        """``moments`` are all starts and ends; ``left`` is the room for labels."""
        self.left = left
        self.points = sorted(set(moments)) or [datetime.min]
        gaps = [(b - a).total_seconds() for a, b in pairwise(self.points)]
        busy = sum(sorted(gaps)[: max(1, len(gaps) - len(gaps) // 8)]) or 1.0
        self.folded = [gap > 0.5 * busy and len(gaps) > 6 for gap in gaps]
        room = [0.12 * busy if fold else gap for gap, fold in zip(gaps, self.folded, strict=True)]
        total = sum(room) or 1.0
        self.at = [0.0]
        for part in room:
            self.at.append(self.at[-1] + part / total * width)

    def x(self, moment: datetime) -> float:
        """Where a moment lies; ``moment`` must be one of those given."""
        return self.left + self.at[self.points.index(moment)]

    def folds(self) -> list[float]:
        """Where the axis is folded."""
        return [self.left + (self.at[i] + self.at[i + 1]) / 2 for i, fold in enumerate(self.folded) if fold]


def draw(bars: Sequence[Bar], marks: Sequence[tuple[str, datetime]], zone: tzinfo, width: int = WIDTH) -> Markup:
    """Return the drawing, or nothing where there is nothing to draw. All texts are cleaned and escaped."""
    if not bars:
        return Markup("")
    longest = max(len(label) for label in [*(bar.label for bar in bars), *(label for label, _when in marks)])
    left = LEFT if width == WIDTH else min(LEFT, 30 + int(6.6 * min(longest, LONGEST)))
    last = max(moment for bar in bars for moment in (bar.start, bar.end) if moment)
    axis = Axis(
        [bar.start for bar in bars] + [bar.end or last for bar in bars] + [when for _label, when in marks],
        width - left - RIGHT,
        left,
    )
    height = TOP + ROW * (len(bars) + len(marks)) + 30
    parts = [
        f'<svg viewBox="0 0 {width} {height}" role="img" xmlns="http://www.w3.org/2000/svg" class="picture"'
        f' font-family="{_FONT}">',
        *_ticks(axis, zone, height),
        *_folds(axis, height),
    ]
    rows = sorted(
        [(when, index, label, None) for index, (label, when) in enumerate(marks)]
        + [(bar.start, index, bar.label, bar) for index, bar in enumerate(bars)],
        key=lambda row: (row[0], row[3] is not None, row[1]),
    )
    for number, (when, _index, label, bar) in enumerate(rows):
        y = TOP + ROW * number
        parts += _mark(label, axis, when, y, height) if bar is None else _bar(bar, axis, y, last)
    return Markup("".join([*parts, "</svg>"]))  # noqa: S704 - built from numbers and escaped texts only


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    short = clean(text, 400)
    shown = escape(short if len(short) <= LONGEST else short[: LONGEST - 1] + "…")
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {_TEXTS[kind]}>{shown}</text>'


def _bar(bar: Bar, axis: Axis, y: int, last: datetime) -> list[str]:
    start, end = axis.x(bar.start), axis.x(bar.end or last)
    width = max(end - start, 3.0)
    colour = _FILL.get(bar.tone, _FILL["warn"])
    length = _("{seconds} s").format(seconds=f"{(bar.end - bar.start).total_seconds():.0f}") if bar.end else "?"
    dash = "" if bar.end else ' stroke-dasharray="3 3" fill-opacity="0.25"'
    return [
        _text(axis.left - 12, y + 14, bar.label, "label", "end"),
        f'<rect x="{start:.1f}" y="{y + 3}" width="{width:.1f}" height="{ROW - 7}" rx="2" fill="{colour}"'
        f' stroke="{colour}"{dash}/>',
        _text(start + width + 6, y + 14, length, "length"),
    ]


def _mark(label: str, axis: Axis, when: datetime, y: int, height: int) -> list[str]:
    x = axis.x(when)
    return [
        f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{height - 30}" stroke="#b3261e" stroke-dasharray="2 3"/>',
        f'<path d="M{x:.1f} {y + 4} l6 7 l-6 7 l-6 -7 z" fill="#b3261e"/>',
        _text(axis.left - 12, y + 14, label, "moment", "end"),
    ]


def _ticks(axis: Axis, zone: tzinfo, height: int) -> list[str]:
    """Times along the top: as many as fit, at moments that are there."""
    parts: list[str] = []
    free = -1000.0
    dated = axis.points[-1] - axis.points[0] > timedelta(hours=20)
    room = 92 if dated else 62
    for moment, at in zip(axis.points, axis.at, strict=True):
        if at - free < room:
            continue
        free = at
        shown = moment.astimezone(zone)
        x = axis.left + at
        message = f"{shown:%d/%m %H:%M}" if dated else f"{shown:%H:%M:%S}"
        parts.append(f'<line x1="{x:.1f}" y1="{TOP - 14}" x2="{x:.1f}" y2="{height - 30}" stroke="#e4e8ed"/>')
        parts.append(_text(x, TOP - 20, message, "time", "middle"))
    return parts


def _folds(axis: Axis, height: int) -> list[str]:
    return [
        f'<path d="M{x - 4:.1f} {TOP - 10} l4 5 l-4 5 M{x + 2:.1f} {TOP - 10} l4 5 l-4 5"'
        ' stroke="#7d8896" fill="none"/>'
        f'<rect x="{x - 5:.1f}" y="{TOP}" width="10" height="{height - 30 - TOP}" fill="#f1f3f6"/>'
        for x in axis.folds()
    ]
