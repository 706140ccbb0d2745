"""Judges of the database: its server, and the application's own rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ungcuu.detect.baseline import Row, Snapshot
from ungcuu.detect.comparison import ABSENT, CRITICAL, GONE, HIGH, LOW, MEDIUM, Comparison
from ungcuu.detect.coverage import TOPICS, not_read
from ungcuu.detect.findings import Do, Finding, Severity
from ungcuu.hosts.deployed_files import ADMINISTRATOR

# Set of a row → (rule, severity when it is new or changed, severity when it is gone).
RULES: Mapping[str, tuple[str, Severity, Severity]] = {
    "administrator": ("database.administrator", CRITICAL, MEDIUM),
    "role": ("database.capability", CRITICAL, MEDIUM),
    "capability": ("database.capability", HIGH, LOW),
    "application-password": ("database.application-password", HIGH, LOW),
    "token": ("database.application-password", HIGH, LOW),
    "scheduled-job": ("database.option", HIGH, LOW),
    "trigger": ("database.code", HIGH, MEDIUM),
    "event": ("database.code", HIGH, MEDIUM),
    "routine": ("database.code", HIGH, MEDIUM),
    "plugin": ("database.server", HIGH, MEDIUM),
    "setting": ("database.server", HIGH, MEDIUM),
    "user": ("database.user", HIGH, MEDIUM),
    "grant": ("database.user", HIGH, MEDIUM),
    "option": ("database.option", HIGH, MEDIUM),
    "content": ("content.hidden-link", HIGH, MEDIUM),
    "script": ("content.script", HIGH, LOW),
}
_NEW_SETS = frozenset(
    {
        "role",
        "capability",
        "application-password",
        "routine",
        "plugin",
        "setting",
        "grant",
        "script",
        "token",
        "scheduled-job",
    }
)
_TOPICS: Mapping[str, str] = {
    "administrator": "administrators",
    "role": "administrators",
    "capability": "administrators",
    "application-password": "tokens",
    "token": "tokens",
    "option": "persistence",
    "scheduled-job": "persistence",
    "content": "content",
    "script": "content",
}
_STOCK_ROLES = frozenset({"editor", "author", "shop_manager"})
# What the reader of a host writes at the end of each row of content.
_LINKS = re.compile(r" links=(\d{1,9})(?:\.\d+)? hidden=([01])$")
_MOST_LINKS = 5  # of an article that warns of gambling
_SECRET = re.compile(r" secret=(\w+)$")


def database(comparison: Comparison) -> Iterator[Finding]:
    """Whoever may log in, what they may do, settings and code in the database that differ."""
    if comparison.before is None:
        return
    before, now = comparison.before.of("database"), comparison.now.of("database")
    unknown = _unknown(comparison.before)
    unread = _unread(comparison)
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if old == new or key[0] not in RULES or _is_left_out(comparison, key[0], old, new):
            continue
        if _TOPICS.get(key[0], "server") in (unread if new is None else unknown):
            continue  # what was not read on one side is reported by the topic's own finding
        rule, severity, gone = RULES[key[0]]
        if new is None:
            severity = gone
        elif key[0] == "capability" and old is None and set(str(new.get("detail", "")).split()) <= _STOCK_ROLES:
            severity = LOW  # a new author: reported, so that somebody can say whose that is
        yield comparison.find(
            rule,
            severity,
            "database",
            f"{key[0]} {key[1]}",
            expected=(old or {}).get("detail", ABSENT),
            seen=(new or {}).get("detail", GONE),
            evidence={"set": key[0], "name": key[1]},
            action={"do": Do.RESTORE.value},
        )


def _unread(comparison: Comparison) -> frozenset[str]:
    """Topics of which nothing was read this time: all of them where the whole part broke off, as without a server."""
    said = comparison.now.of("coverage")
    broken_off = comparison.before is not None and comparison.before.of("coverage") and not said
    return frozenset(TOPICS) if broken_off else not_read(comparison.now)


def _unknown(before: Snapshot) -> frozenset[str]:
    """Topics of which a baseline knows nothing; one that records no gaps knew WordPress on MariaDB alone."""
    if before.of("coverage") or any(key[0] == "administrator" for key in before.of("database")):
        return not_read(before)
    return frozenset(_TOPICS.values()) if before.reader < 3 else frozenset()


def _is_left_out(comparison: Comparison, kind: str, old: Row | None, new: Row | None) -> bool:
    """Whether this difference says nothing: a baseline that knows less, our own new password, an ordinary page."""
    reader = comparison.before.reader if comparison.before else 1
    if reader < 2 and (kind in _NEW_SETS or (kind in ("user", "trigger", "event") and old is not None)):
        return True
    if kind == "content":
        return new is None or not _is_injection(str(new.get("detail", "")))
    if old is None or new is None:
        return False
    if kind == "administrator":
        return _is_our_administrator(comparison, old, new)
    return kind == "user" and _is_our_password(comparison, old, new)


def _is_our_administrator(comparison: Comparison, old: Row, new: Row) -> bool:
    """Whether only the stored password of an administrator differs, and it is the one that ``rotate`` gave."""
    before, now = (str(row.get("detail", "")).split(" ") for row in (old, new))
    differing = [word for word, was in zip(now, before, strict=False) if word != was]
    key = f"{ADMINISTRATOR}{differing[0]}" if len(differing) == 1 and len(now) == len(before) else ""
    return key in comparison.policy.expected


def _is_our_password(comparison: Comparison, old: Row, new: Row) -> bool:
    """Whether only the secret of a database account differs, and it is the one that ``rotate`` gave it."""
    before, now = str(old.get("detail", "")), str(new.get("detail", ""))
    secret = _SECRET.search(now)
    name = str(new["name"]).rpartition("@")[0]
    same = _SECRET.sub("", before) == _SECRET.sub("", now)
    return bool(same and secret and comparison.policy.expected.get(f"database-account:{name}") == secret[1])


def _is_injection(detail: str) -> bool:
    """Whether links are hidden, or too many for an article that warns of gambling."""
    counted = _LINKS.search(detail)
    return counted is not None and (counted[2] == "1" or int(counted[1]) > _MOST_LINKS)
