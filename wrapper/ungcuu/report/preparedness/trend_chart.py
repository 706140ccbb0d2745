"""One measure over time as an inline SVG line: a dot a drill, a gap where nothing was measured, the target dashed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

from ungcuu.core.terminal import clean

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 440, 150, 14, 96, 34, 26
_FONT = "Noto Sans, Segoe UI, Roboto, Arial, DejaVu Sans, sans-serif"
_INK, _QUIET, _GOOD, _BAD, _GOAL = "#1b2430", "#5c6877", "#14405f", "#b3261e", "#b26a00"


@dataclass(frozen=True)
class Point:
    """One drill: its day, what it measured, that in words, and whether it came to its end."""

    day: str
    value: float | None
    shown: str
    good: bool


def draw(title: str, points: Sequence[Point], goal: tuple[float, str] | None = None) -> Markup:
    """Return the drawing. A goal far above everything that was measured is named, not drawn: the line would be flat."""
    measured = [point.value for point in points if point.value is not None]
    highest = max(measured, default=0.0) or 1.0
    near = goal is not None and goal[0] <= 4 * highest
    if goal is not None and near:
        highest = max(highest, goal[0])
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" xmlns="http://www.w3.org/2000/svg" class="trend"'
        f' font-family="{_FONT}">',
        _text(LEFT, 15, title, 'font-size="12" font-weight="700"', _INK),
        _line((LEFT, HEIGHT - BOTTOM), (WIDTH - RIGHT, HEIGHT - BOTTOM), "#b9c2cd"),
        *(_goal(goal, _y(goal[0], highest) if near else None) if goal else []),
        *_lines(points, highest),
        *_dots(points, highest),
        *_days(points),
        "</svg>",
    ]
    return Markup("".join(parts))  # noqa: S704 - built from numbers and escaped texts only


def _x(index: int, count: int) -> float:
    room = WIDTH - LEFT - RIGHT - 12
    return LEFT + 6 + (room / 2 if count == 1 else index * room / (count - 1))


def _y(value: float, highest: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / highest


def _lines(points: Sequence[Point], highest: float) -> Iterator[str]:
    for index, (one, two) in enumerate(pairwise(points)):
        if one.value is not None and two.value is not None:
            start = (_x(index, len(points)), _y(one.value, highest))
            yield _line(start, (_x(index + 1, len(points)), _y(two.value, highest)), _GOOD, 'stroke-width="2"')


def _dots(points: Sequence[Point], highest: float) -> Iterator[str]:
    """Each with its value as a tooltip; first, last and a lone one in words beside it."""
    last = max((index for index, point in enumerate(points) if point.value is not None), default=-1)
    for index, point in enumerate(points):
        x = _x(index, len(points))
        if point.value is None:
            yield _text(x, HEIGHT - BOTTOM - 3, "×", 'font-size="11" text-anchor="middle"', _QUIET)
            continue
        y = _y(point.value, highest)
        colour = _GOOD if point.good else _BAD
        fill = colour if point.good else "#fff"
        tip = escape(clean(f"{point.day}: {point.shown}", 100))
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{fill}" stroke="{colour}" stroke-width="1.5">'
        yield f"<title>{tip}</title></circle>"
        if index == last:
            yield _text(x + 8, y + 4, point.shown, 'font-size="11.5" font-weight="700"', colour)


def _goal(goal: tuple[float, str], y: float | None) -> Iterator[str]:
    yield _text(WIDTH - 4, 15, goal[1], 'font-size="10.5" text-anchor="end"', _GOAL)
    if y is not None:
        yield _line((LEFT, y), (WIDTH - RIGHT, y), _GOAL, 'stroke-dasharray="5 4"')


def _days(points: Sequence[Point]) -> Iterator[str]:
    """The first and the last day; those between stand in the tooltips."""
    if points:
        yield _text(LEFT, HEIGHT - 9, points[0].day, 'font-size="10.5"', _QUIET)
    if len(points) > 1:
        yield _text(WIDTH - RIGHT, HEIGHT - 9, points[-1].day, 'font-size="10.5" text-anchor="end"', _QUIET)


def _line(start: tuple[float, float], end: tuple[float, float], colour: str, more: str = "") -> str:
    (x1, y1), (x2, y2) = start, end
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" {more}/>'


def _text(x: float, y: float, text: str, style: str, colour: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" {style}>{escape(clean(text, 80))}</text>'
