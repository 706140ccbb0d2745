"""When dpkg worked on a host, by its own log there: the host's word, which explains what is not grave, and no more."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from ungcuu.core.terminal import clean
from ungcuu.hosts import ssh
from ungcuu.watch.explained import Work

_SCRIPT = "date +%z; cat /var/log/dpkg.log.1 /var/log/dpkg.log 2>/dev/null | tail -n 4000"
_QUOTA, _SECONDS = 1 << 20, 30
_PAUSE = timedelta(minutes=2)  # between two lines of one piece of work
_SHOWN = 4
_ZONE = re.compile(r"[+-]\d{4}\Z")
_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (\w{1,20}) ([a-z0-9][a-z0-9.+:-]{0,80})")
_NAMED = frozenset({"install", "upgrade", "remove", "purge"})


def work(target: ssh.Target, web_root: str) -> list[Work]:
    """Return when dpkg worked; nothing where the host does not say: what is not explained goes out."""
    try:
        answer = ssh.run(target, _SCRIPT, timeout=_SECONDS, byte_quota=_QUOTA)
    except ssh.HostKeyRefused:
        return []
    never = (web_root.rstrip("/") + "/", "/home/", "/root/", "/srv/", "/var/www/")
    return list(parse(answer.stdout.decode("utf-8", "replace"), never)) if answer.ok else []


def parse(text: str, never: tuple[str, ...] = ()) -> Iterator[Work]:
    """Yield each piece of work out of the host's zone and its log. Pure."""
    zone, _end, log = text.partition("\n")
    if not _ZONE.match(zone.strip()):
        return
    rows = []
    for found in filter(None, map(_LINE.match, log.splitlines())):
        try:
            moment = datetime.strptime(f"{found[1]} {zone.strip()}", "%Y-%m-%d %H:%M:%S %z")
        except ValueError:
            continue
        rows.append((moment, found[3].partition(":")[0] if found[2] in _NAMED else ""))
    rows.sort()
    parts = [
        0,
        *(number for number, (one, other) in enumerate(itertools.pairwise(rows), 1) if other[0] - one[0] > _PAUSE),
    ]
    for begin, end in itertools.pairwise([*parts, len(rows)]):
        if names := list(dict.fromkeys(name for _moment, name in rows[begin:end] if name)):
            more = f" (+{len(names) - _SHOWN})" if len(names) > _SHOWN else ""
            words = clean(f"dpkg {rows[begin][0]:%d/%m/%Y %H:%M %z}: {', '.join(names[:_SHOWN])}{more}", 200)
            yield Work(words, rows[begin][0], rows[end - 1][0], never=never)
