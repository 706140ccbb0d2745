"""What a detector is given: two snapshots of a host, what is right there, and how a finding is made of them."""

from __future__ import annotations

import base64
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

from ungcuu.core.check_phrases import Seen as Said
from ungcuu.core.phrases import phrase
from ungcuu.detect import advice, change
from ungcuu.detect.baseline import Row, Snapshot
from ungcuu.detect.findings import Finding, Severity, finding

CRITICAL, HIGH, MEDIUM, LOW = Severity
# What a finding expects of a thing that was not there, and what is seen of one that is there no longer.
ABSENT, GONE = phrase(Said.NOT_PRESENT), phrase(Said.GONE)


@dataclass(frozen=True)
class Policy:
    """What is right on this host: the facts of the inventory that a judgement needs.

    ``expected`` maps the path of a file that ungcuu itself put there to its SHA-256 (the isolation's rule set);
    ``config_paths`` are paths of the system that the backup holds; ``isolation`` is the mode in which this controller
    cut the host off, empty where it did not. ``known_good`` are SHA-256 sums of files that signed lists vouch for.
    ``code`` are the writable folders in which the application keeps PHP of its own, as its profile says; ``generated``
    those whose content it makes again at any time.
    """

    host: str
    web_root: str
    writable: tuple[str, ...] = ()
    ports: tuple[int, ...] = (80, 443)
    expected: Mapping[str, str] = field(default_factory=dict)
    config_paths: tuple[str, ...] = ()
    isolation: str = ""
    known_good: Set[str] = frozenset()
    code: tuple[str, ...] = ()
    generated: tuple[str, ...] = ()

    def holds_code(self, path: str) -> bool:
        """Whether the application keeps PHP there, though it may write there."""
        return any(path.startswith(area + "/") for area in self.code)

    def compiles_to(self, path: str) -> bool:
        """Whether the application makes new PHP there at any time, as from its templates: no baseline can know it."""
        return self.holds_code(path) and any(path.startswith(area + "/") for area in self.generated)

    def in_uploads(self, path: str) -> bool:
        """Whether the website itself may write there."""
        return any(path == area or path.startswith(area + "/") for area in self.writable)

    def behind_links(self, now: Snapshot) -> Policy:
        """Return the same with each folder also by the path behind root's links: a reading names files by that."""
        writable, code, generated = (_both(paths, now) for paths in (self.writable, self.code, self.generated))
        return replace(self, writable=writable, code=code, generated=generated)


def _both(paths: tuple[str, ...], now: Snapshot) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*paths, *(behind_links(path, now) for path in paths))))


def behind_links(path: str, now: Snapshot) -> str:
    """Return where an absolute path leads, by the links that a reading reports and that are root's."""
    done, rest, hops = "", path.strip("/").split("/"), 0
    while rest:
        here = f"{done}/{rest.pop(0)}"
        row = now.file(here)
        if row and row.get("type") == "link" and row.get("uid") == 0 and row.get("target") and hops < _HOPS:
            target = posixpath.normpath(posixpath.join(done or "/", str(row["target"])))
            done, rest, hops = "", [*target.strip("/").split("/"), *rest], hops + 1
        else:
            done = here
    return done


_HOPS = 40


@dataclass(frozen=True)
class Comparison:
    """One comparison: ``before`` is None where no baseline was taken. ``contents`` holds file bytes in base64.

    ``judged`` are the findings of files whose bytes were judged as they came, and not kept.
    """

    policy: Policy
    before: Snapshot | None
    now: Snapshot
    contents: Mapping[str, str] = field(default_factory=dict)
    judged: Mapping[str, Sequence[Finding]] = field(default_factory=dict)

    def data(self, path: str) -> bytes:
        """Return what was fetched of a file; empty where nothing was."""
        try:
            return base64.b64decode(self.contents.get(path, ""), validate=True)
        except ValueError:
            return b""

    def find(self, rule: str, severity: Severity, kind: str, path: str, **rest: Any) -> Finding:
        """Make a finding of this host, with the advice that helps against it."""
        made = finding(self.policy.host, rule, severity, kind, path, **rest)
        seen = advice.Seen(
            rule,
            kind,
            path,
            rest.get("expected") == ABSENT,
            _text(rest.get("expected")),
            _text(rest.get("seen")),
            rest.get("evidence") or {},
            made.action,
            self.policy.web_root,
            self.policy.config_paths,
        )
        name, values = advice.choose(seen)
        commands = advice.commands(name, {"host": made.host, "id": made.id, **values})
        return replace(made, advice=name, commands=tuple(commands))

    def find_file(
        self, rule: str, severity: Severity, path: str, old: Row | None, new: Row | None, **rest: Any
    ) -> Finding:
        """Make a finding of a file that is another than it was: its content and rights, then and now."""
        known = {"evidence": change.evidence(new or old), **rest}
        return self.find(rule, severity, "file", path, expected=change.state(old), seen=change.state(new), **known)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


Detector = Callable[[Comparison], Iterator[Finding]]
SUSPICIOUS_JOB = re.compile(
    r"curl|wget|/dev/tcp|base64|/tmp/|/var/tmp/|/dev/shm/|\bnc\b|ncat|socat|python\d? -c|perl -e|php -r|bash -i|"
    r"\|\s*(?:ba)?sh"
)
TEMPORARY = ("/tmp/", "/var/tmp/", "/dev/shm/", "/memfd:")  # noqa: S108  looked for, not written
POWER_GROUPS = frozenset(
    ("root", "sudo", "adm", "wheel", "shadow", "disk", "docker", "lxd", "admin", "systemd-journal", "staff", "kmem")
)


def is_expected(comparison: Comparison, path: str) -> bool:
    """Whether ungcuu put this file there, and it still has the content that was sent."""
    row = comparison.now.file(path)
    return bool(row and row.get("sha256") and comparison.policy.expected.get(path) == row["sha256"])
