"""What a sweep of the restore points found, in sentences: the screen of `case sweep` and the report show the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ungcuu.case.facts import from_host, payload
from ungcuu.case.record import Record
from ungcuu.core.i18n import _
from ungcuu.report.format import flat, shown_time

MOST = 5  # files that are named


def newest(records: Iterable[Record]) -> list[Mapping[str, Any]]:
    """Return the last sweep of each host in a case's journal."""
    found = {}
    for record in records:
        if record.kind == "sweep" and not from_host(record):
            data = payload(record)
            found[str(data.get("host"))] = data
    return list(found.values())


def sentences(data: Mapping[str, Any]) -> Iterator[str]:
    """Say since when the intruder's files were there, and which point is the last clean one before."""
    host, points, traces = flat(data["host"]), data["points"], data["traces"]
    read = [one for one in points if one["judged"] != "not read"]
    text = _(
        "{host}: today's detectors judged the website's files in {read} of {all} restore points; databases and "
        "configuration were not looked at."
    )
    yield text.format(host=host, read=len(read), all=len(points))
    for one in traces[:MOST]:
        yield _trace(one)
    if (more := data["found"] - min(len(traces), MOST)) > 0:
        yield _("… and {count} more files.").format(count=more)
    for one in data["suspects"][:MOST]:
        text = _("The vault's own rules object to {path} in the point {point} of {time}.")
        yield text.format(path=flat(one["path"]), point=one["point"][:8], time=shown_time(one["time"]))
    for path in data["unseen"][:MOST]:
        text = _(
            "{path} is in the newest point, and the last scan of {host} does not show it: removed since, or hidden."
        )
        yield text.format(path=flat(path), host=host)
    for one in points:
        if one["judged"] == "not read":
            text = _("The point {point} of {time} was not judged: {why}.")
            why = flat(one.get("why") or _("it did not come to its end"))
            yield text.format(point=one["id"][:8], time=shown_time(one["time"]), why=why)
    if data["unjudged"]:
        text = _("{count} files could not be judged to the end: the rules took too long.")
        yield text.format(count=data["unjudged"])
    yield _clean(data, bool(traces or data["suspects"]))


def _trace(one: Mapping[str, Any]) -> str:
    path, point, time = flat(one["path"]), one["first_point"][:8], shown_time(one["first_time"])
    if not one["before_point"]:
        text = _("{path} stands in the oldest point that could be read, {point} of {time}: it may be older.")
        return text.format(path=path, point=point, time=time)
    text = _("{path} came between {before} and {time}: first in the point {point}.")
    line = text.format(path=path, before=shown_time(one["before_time"]), time=time, point=point)
    if one["unread_between"]:
        more = _("{count} points between them could not be read.").format(count=one["unread_between"])
        return f"{line} {more}"
    return line


def _clean(data: Mapping[str, Any], found: bool) -> str:
    clean = data["newest_clean"]
    if not clean:
        return _("No restore point is clean.")
    point, time = clean["id"][:8], shown_time(clean["time"])
    if not found:
        return _("Nothing was found in them; the newest is {point} of {time}.").format(point=point, time=time)
    text = _("The last clean point before the first of these is {point} of {time}.")
    return text.format(point=point, time=time)
