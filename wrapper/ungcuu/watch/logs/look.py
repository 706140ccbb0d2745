"""The logs of one round: ask the host for what is new in them, let through only answers of the expected form, judge."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from ungcuu.core.clock import now, parse_time
from ungcuu.core.errors import StepFailed
from ungcuu.core.i18n import _
from ungcuu.core.terminal import clean
from ungcuu.hosts import profiles, ssh
from ungcuu.hosts.remote_program import run_program
from ungcuu.watch.alerts import Sight
from ungcuu.watch.logs import judge
from ungcuu.watch.logs.lines import Line, lines
from ungcuu.watch.logs.memory import Memory, from_document

PATTERNS = ("/var/log/nginx/*.log", "/var/log/apache2/*.log")
BYTES, FIRST, LOGS, SECONDS = 16 << 20, 4 << 20, 64, 60
_ANSWER = 2 * BYTES  # compressed and written as letters it is much less
_LONG_AGO = timedelta(days=2)  # logs are rotated away: what is missing after such a time says nothing


@dataclass
class LogView:
    """What was read. ``unseen`` is what was not looked at, and why."""

    sights: list[Sight] = field(default_factory=list)
    lines: int = 0
    unseen: list[str] = field(default_factory=list)


def look(
    target: ssh.Target, known: Mapping[str, Any], notes: dict[str, Any], own: tuple[tuple[float, float], ...] = ()
) -> LogView:
    """Look at what web servers logged since the last round; ``notes`` is the watch's memory, which is renewed.

    ``own``: from when to when our own runs tried the website.

    Raises:
        UngcuuError: The host could not be reached, or did not answer as expected.
    """
    before = notes.get("logs") or {}
    memory = from_document(before)
    config = {"patterns": PATTERNS, "cursors": memory.cursors, "bytes": BYTES, "first": FIRST, "logs": LOGS}
    config |= {"seconds": SECONDS / 2, "root": str(known.get("website_root") or "/var/www")}
    answer = Answer.read(target.name, run_program(target, "access_logs", config, SECONDS, _ANSWER))
    return judged(replace(_site(target.name, known), own=own), answer, memory, notes)


def judged(site: judge.Site, answer: Answer, memory: Memory, notes: dict[str, Any]) -> LogView:
    """Judge an answer of the host, and put into ``notes`` what the next round needs."""
    view, moment = LogView(), now()
    read = [line for row in answer.rows for line in lines(row.data)]
    good = [line for line in read if line is not None]
    view.lines = len(read)
    _say_unseen(view, answer, len(read) - len(good), bool(memory.cursors))
    batch = judge.Batch(sorted(good, key=_moment), answer.ages, learning=not memory.cursors)
    if site.login is None or not site.login.failed:
        view.unseen.append(_("wrong logins: they can't be distinguished in this application's log"))
    view.sights += judge.judge(site, batch, memory)
    last = str(notes.get("logs_time") or "")
    if last and parse_time(moment) - parse_time(last) < _LONG_AGO:
        view.sights += [judge.cut(site.host, row.path, moment) for row in answer.rows if row.lost]
    memory.cursors = {row.path: row.cursor for row in answer.rows if row.cursor}
    newest = max((line.moment for line in good), default=0.0)
    notes |= {"logs": memory.document(newest), "logs_time": moment}
    return view


def _moment(line: Line) -> float:
    return line.moment


def _site(host: str, known: Mapping[str, Any]) -> judge.Site:
    profile = profiles.of_site(str(known.get("website_application") or ""), known.get("website_profile_facts"))
    folders = known.get("website_writable_paths") or (profile.writable.media if profile else ())
    code = set(profile.writable.code) if profile else set()
    media = tuple(str(one) for one in folders if str(one) not in code)
    return judge.Site(host, profile.login if profile else None, media)


def _say_unseen(view: LogView, answer: Answer, odd: int, again: bool) -> None:
    if not answer.rows:
        view.unseen.append(_("access logs: there are none in {folders}").format(folders=", ".join(PATTERNS)))
    if odd > view.lines // 2:
        text = _("{count} of {all} lines of access logs: they have another form than nginx's and Apache's own")
        view.unseen.append(text.format(count=odd, all=view.lines))
    if answer.rows and not again:
        view.unseen.append(_("what stood in the access logs before: the first round reads their last lines alone"))
    if waiting := sum(row.waiting for row in answer.rows):
        text = _("{size} KiB of access logs: the next round goes on there")
        if waiting > 1 << 16:
            view.unseen.append(text.format(size=waiting >> 10))


@dataclass(frozen=True)
class _Row:
    path: str
    cursor: dict[str, Any] | None
    lost: bool
    waiting: int
    data: bytes


@dataclass(frozen=True)
class Answer:
    """What the host answered."""

    rows: tuple[_Row, ...]
    ages: Mapping[str, float]

    @classmethod
    def read(cls, host: str, raw: bytes) -> Answer:
        """Read it, a host's word: no more bytes come of it than were asked for.

        Raises:
            StepFailed: It is something else.
        """
        try:
            document = json.loads(raw)
            ages = {str(name): float(age) for name, age in document["files"].items()}
            return cls(tuple(_rows(document["logs"])), ages)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, zlib.error) as error:
            raise StepFailed(
                _("{host} did not answer as expected: {why}").format(host=host, why=type(error).__name__),
                "",
                f"ungcuu doctor {host}",
            ) from error


def _rows(found: list[Mapping[str, Any]]) -> Iterator[_Row]:
    left = BYTES
    for row in found[:LOGS]:
        data = zlib.decompressobj().decompress(base64.b64decode(row["data"]), max(1, left))
        left -= len(data)
        cursor = row["cursor"]
        if cursor is not None:
            cursor = {"inode": int(cursor["inode"]), "offset": int(cursor["offset"]), "mark": str(cursor["mark"])[:64]}
        yield _Row(clean(row["path"], 300), cursor, row["lost"] is True, int(row["waiting"]), data)
