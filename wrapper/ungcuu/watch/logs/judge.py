"""What requests in an access log give away. Pure: lines and a memory in, sights out.

A public website is scanned and guessed at each day: what was refused is listed, and notifies nobody or once a week.
What was answered is another thing: a program that somebody sent here and then asked, a login after many wrong ones,
an injection that was given much data, a file that nobody should get.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ungcuu.core.clock import format_time
from ungcuu.core.i18n import N_
from ungcuu.core.terminal import clean
from ungcuu.hosts.profile_form import Login
from ungcuu.watch.alerts import Sight
from ungcuu.watch.logs.guessers import TRIED, Guessers, network
from ungcuu.watch.logs.lines import Line
from ungcuu.watch.logs.memory import Memory, Tally
from ungcuu.watch.sights import digest

RULES = {
    "log.upload-then-post": N_("an address sent something, a program appeared, and the same address asked it"),
    "log.program-in-uploads": N_("a program in a folder for uploads answered to a POST"),
    "log.guessed": N_("somebody who had tried many wrong passwords logged in"),
    "log.sql-data": N_("an SQL injection was answered with much more data than usual"),
    "log.secret-file": N_("a file that no visitor should get was given to one"),
    "log.cut": N_("lines of an access log that were there have gone"),
    "log.brute-force": N_("somebody tries passwords of the website"),
    "log.sql-injection": N_("many SQL injections of one address were answered, not refused"),
    "log.scanner": N_("somebody looks for weak spots of the website"),
}
CRITICAL = frozenset({"log.guessed", "log.program-in-uploads"})
MISSES, INJECTIONS, SPREAD = 60, 200, 10
NEW, NEAR = 24 * 3600.0, 120.0
MORE, MORE_BYTES = 3.0, 8192
_PROGRAM = re.compile(r"(.*?\.ph[a-z0-9]{1,3})(?:/|$)", re.IGNORECASE)  # as remote/access_logs.py reads it
_SCANNERS = ("sqlmap", "nikto", "wpscan", "nuclei", "acunetix", "gobuster", "dirbuster", "masscan", "zgrab", "fimap")
_INJECTION = re.compile(
    r"\bunion[\s/*+()]{1,20}(?:all[\s/*+()]{1,20})?select\b|\binformation_schema\b"
    r"|\b(?:sleep|benchmark|pg_sleep|extractvalue|updatexml|load_file)\s{0,5}\("
    r"|['\"]\s{0,5}(?:or|and)\s{1,5}['\"\d(]|\binto\s{1,5}(?:out|dump)file\b|\bwaitfor\s{1,5}delay\b",
    re.IGNORECASE,
)
_SECRET = re.compile(
    r"/\.env$|/\.git/(?:config|HEAD)$|/\.svn/(?:entries|wc\.db)$|\.sql(?:\.gz|\.zip|\.bz2)?$|/id_(?:rsa|ed25519)$"
    r"|/(?:wp-config|configuration|settings|config)\.php[.~_]|\.php(?:\.(?:bak|old|orig|save|swp)|~)$"
)


@dataclass(frozen=True)
class Site:
    """What is known of the website: how logins look, and in which folders only media belong.

    ``own``: from when to when our own runs tried the website, from the host itself.
    """

    host: str
    login: Login | None = None
    media: tuple[str, ...] = ()
    own: tuple[tuple[float, float], ...] = ()


@dataclass
class Batch:
    """The requests since the last look. ``ages``: when programs that got a POST last changed.

    ``learning``: without a memory each program is new to the watch, which then only learns which there are.
    """

    lines: Iterable[Line]
    ages: Mapping[str, float]
    learning: bool = False
    not_found: int = 0
    seen: list[Sight] = field(default_factory=list)


def judge(site: Site, batch: Batch, memory: Memory) -> list[Sight]:
    """Return what the lines show, and put into the memory what the next round needs."""
    secrets: list[Line] = []
    guessers = Guessers(memory.tallies, site.login.tries if site.login else 0)
    for line in batch.lines:
        tally = memory.of(line.address, line.moment)
        batch.seen += _login(site, line, tally, guessers)
        batch.seen += _sent(site, line, tally, batch, memory)
        batch.seen += _injected(site, line, tally, memory)
        _counted(line, tally)
        batch.not_found += line.status == 404
        if line.status == 200 and line.size and line.method == "GET" and _SECRET.search(line.path):
            secrets.append(line)
    if batch.not_found:  # a site that answers everything with 200 says nothing about one file
        batch.seen += [_sight(site, "log.secret-file", one, one.path) for one in secrets[:20]]
    batch.seen += _counts(site, memory, guessers)
    return batch.seen


def _sight(site: Site, rule: str, line: Line, what: str) -> Sight:
    """One event. It is another one each day: an answer of a person is none on tomorrow's."""
    moment = _time(line.moment)
    return Sight(
        digest(site.host, rule, line.path, line.address, moment[:10]),
        site.host,
        "logs",
        rule,
        "critical" if rule in CRITICAL else "high",
        RULES[rule],
        clean(f"{line.address}: {what}", 300),
        since=moment,
        command=f"ungcuu scan {site.host}",
        mark=moment[:10],
    )


def _time(moment: float) -> str:
    return format_time(datetime.fromtimestamp(moment, UTC))


def _login(site: Site, line: Line, tally: Tally, guessers: Guessers) -> Iterator[Sight]:
    if site.login is None or line.method != "POST" or _ours(site, line):
        return
    if any(re.match(pattern, line.attempt) for pattern in site.login.failed):
        tally.failed += 1
        guessers.note(line.address)
    elif tally.failed >= min(TRIED, site.login.tries) and any(
        re.match(one, line.attempt) for one in site.login.succeeded
    ):
        tried = f"{tally.failed} ×"
        if tally.failed < site.login.tries:
            beside = guessers.beside(line.address, line.moment)
            if tally.failed + beside < site.login.tries:
                return
            tried += f", {network(line.address)}: {tally.failed + beside} ×"
        yield _sight(site, "log.guessed", line, f"{line.path} ({tried})")


def _ours(site: Site, line: Line) -> bool:
    """Whether it is one of the wrong logins by which `harden` and `audit` see that logins are limited.

    Elsewhere in time the host's own address counts like any other: behind a proxy all visitors may have it.
    """
    loopback = line.address == "::1" or line.address.startswith("127.")
    return loopback and any(begun <= line.moment <= ended for begun, ended in site.own)


def _sent(site: Site, line: Line, tally: Tally, batch: Batch, memory: Memory) -> Iterator[Sight]:
    """A POST that was answered: to a program that nobody had asked before, perhaps."""
    if line.method != "POST" or not line.answered:
        return
    if found := _PROGRAM.match(line.path):
        path = found[1]
        media = any(f"/{folder.strip('/')}/" in path for folder in site.media)
        changed = batch.ages.get(path)
        # A log has whole seconds: who asks within the second of the upload seems to ask before it.
        sent = changed is not None and any(abs(one - changed) <= NEAR for one in tally.posts)
        if media and line.status == 200:
            yield _sight(site, "log.program-in-uploads", line, f"POST {path}")
        elif path not in memory.scripts and not batch.learning and sent and -1 < line.moment - (changed or 0) <= NEW:
            yield _sight(site, "log.upload-then-post", line, f"POST {path}")
        memory.scripts[path] = None
    tally.posts = [*tally.posts[-19:], line.moment]


def _injected(site: Site, line: Line, tally: Tally, memory: Memory) -> Iterator[Sight]:
    query = line.query
    if not query or not _INJECTION.search(query):
        if line.status == 200 and line.method == "GET":
            memory.answered(line.path, line.size)
        return
    if line.status != 200:
        return
    tally.injected += 1
    place = f"{line.path}?…"
    usual = memory.usual(line.path)
    if usual is None:
        memory.answered(place, line.size)  # other injections of this path are what is left to compare with
        usual = memory.usual(place)
    if usual is not None and line.size > MORE * usual and line.size - usual > MORE_BYTES:
        yield _sight(site, "log.sql-data", line, f"{line.path} ({line.size} > {usual:.0f})")


def _counted(line: Line, tally: Tally) -> None:
    tally.missing += line.status in (403, 404)
    if not tally.scanner and (agent := line.agent.lower()):
        tally.scanner = next((name for name in _SCANNERS if name in agent), "")


def _counts(site: Site, memory: Memory, guessers: Guessers) -> Iterator[Sight]:
    """What many requests together say: one sight a rule and week, whoever does it; addresses come and go."""
    tries = site.login.tries if site.login else 0
    failed = {name: one.failed for name, one in memory.tallies.items() if one.failed}
    one_network = max(failed.values(), default=0) >= tries or guessers.many()
    if tries and (one_network or sum(failed.values()) >= SPREAD * tries):
        yield _many(site, memory, "log.brute-force", "medium", failed)
    injected = {name: one.injected for name, one in memory.tallies.items() if one.injected >= INJECTIONS}
    if injected:
        yield _many(site, memory, "log.sql-injection", "medium", injected)
    scans = {name: one.missing for name, one in memory.tallies.items() if one.scanner or one.missing >= MISSES}
    if scans:
        yield _many(site, memory, "log.scanner", "low", scans)


def _many(site: Site, memory: Memory, rule: str, severity: str, counts: Mapping[str, int]) -> Sight:
    most = sorted(counts, key=lambda name: counts[name], reverse=True)
    more = f" (+{len(most) - 3})" if len(most) > 3 else ""
    place = ", ".join(f"{name}: {counts[name]} ×" for name in most[:3]) + more
    begun = min(memory.tallies[name].since for name in most)
    last = datetime.fromtimestamp(max(memory.tallies[name].last for name in most), UTC)
    week = f"{last.isocalendar().year}-{last.isocalendar().week}"
    command = f"ungcuu block {site.host} {most[0]} --reason '…'"
    key = digest(site.host, rule, week)
    return Sight(key, site.host, "logs", rule, severity, RULES[rule], place, since=_time(begun), command=command)


def cut(host: str, path: str, now: str) -> Sight:
    """Return that a log no longer holds what was read of it, and no rotated file beside it does."""
    key = digest(host, "log.cut", path, now[:10])
    place = clean(path, 300)
    command = f"ungcuu scan {host}"
    return Sight(key, host, "logs", "log.cut", "high", RULES["log.cut"], place, command=command, mark=now[:10])
