"""A rich case, written through the real journal with a clock of its own, for tests of reports and exports."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from ungcuu.case import journal as journal_module
from ungcuu.case.case import Case, find, open_case
from ungcuu.case.journal import Journal
from ungcuu.contain.proofs import INSIDE, OUTSIDE, proof
from ungcuu.core.check_phrases import Check, Left
from ungcuu.core.clock import format_time
from ungcuu.core.phrases import Detail, Proof, Reason, TextOrCode, phrase
from ungcuu.core.settings import Settings

START = datetime(2026, 11, 22, 2, 14, 5, tzinfo=UTC)


class Clock:
    """Time that moves when it is set."""

    def __init__(self, start: datetime = START) -> None:
        self.at = start

    def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def __call__(self) -> str:
        self.at += timedelta(milliseconds=3)
        return format_time(self.at)


class Book:
    """Writes records as the wrapper does."""

    def __init__(self, case: Case, clock: Clock, operator: str = "lan.nguyen") -> None:
        self.case, self.clock, self.operator = case, clock, operator
        self.journal: Journal = case.journal()
        self.number = 0

    @contextmanager
    def run(self, verb: str, host: str = "web01", seconds: float = 10.0, outcome: str = "DONE") -> Iterator[None]:
        self.number += 1
        base: dict[str, Any] = {"run": f"run{self.number}", "verb": verb, "hosts": [host]}
        more = {"playbook": verb, "variables": {}, "reason": "sự cố trang chủ", "operator": self.operator, "steps": 4}
        self.journal.append("run_started", {**base, **more})
        yield
        self.clock.pass_by(seconds)
        if outcome:
            end = {**base, "outcome": outcome, "outcomes": {host: outcome}, "exit_code": 0, "seconds": seconds}
            self.journal.append("run_finished", end)
        self.clock.pass_by(25)

    def report(self, kind: str, data: Mapping[str, Any], host: str = "web01") -> None:
        self.clock.pass_by(0.2)
        self.journal.append(kind, {"host": host, "data": dict(data)})

    def evidence(self, what: str, content: bytes, outcome: str = "SUCCESS", reason: TextOrCode = "") -> str:
        digest = hashlib.sha256(content).hexdigest() if content else ""
        if content:
            (self.case.evidence / digest).write_bytes(content)
        self.report(
            "evidence",
            {
                "host": "web01",
                "profile": "triage",
                "id": what.lower().replace(" ", "-"),
                "what": what,
                "why": "",
                "how": "",
                "form": "text",
                "outcome": outcome,
                "reason": reason,
                "sha256": digest,
                "size": len(content),
                "exit_status": 0,
                "complaint": "",
                "started": self.clock(),
                "finished": self.clock(),
            },
        )
        return digest


FINDINGS = (
    (
        "upload.code",
        "critical",
        "program code where only media belong",
        "/var/www/portal/wp-content/uploads/2026/11/logo.php",
        "",
        "PHP code, 1 204 bytes, owner portal",
    ),
    (
        "persistence.cron",
        "high",
        "scheduled work that was not there",
        "/etc/cron.d/php-session-clean",
        "",
        "*/5 * * * * root curl …",
    ),
    ("access.key", "high", "an SSH key that was not there", "/root/.ssh/authorized_keys", "1 key", "2 keys"),
    (
        "content.hidden-link",
        "medium",
        "hidden links or gambling words in a page",
        "/var/www/portal/wp-content/themes/portal/footer.php",
        "sha256 91ab…",
        "sha256 0c77…",
    ),
)


def finding_id(rule: str, path: str) -> str:
    """What the scanner would call it."""
    return hashlib.sha256(f"{rule}{path}".encode()).hexdigest()[:16]


@contextmanager
def clock_of(start: datetime = START) -> Iterator[Clock]:
    """Journals take their time from this clock inside."""
    clock = Clock(start)
    with mock.patch.object(journal_module, "now", clock):
        yield clock


def write_case(
    settings: Settings, title: str = "Liên kết cờ bạc chèn vào trang chủ cổng thông tin", *, close: bool = True
) -> Case:
    """A whole incident: scan, isolation, evidence, eradication, restore, re-assessment, release, review."""
    with clock_of() as clock:
        case = open_case(
            settings,
            ["web01"],
            title,
            "báo của người dân qua đường dây nóng",
            "critical",
            detected_at=START - timedelta(minutes=9),
            detected_by="người dân báo qua đường dây nóng",
            first_sign=START - timedelta(hours=7, minutes=41),
        )
        book = Book(case, clock)
        found(book, outcome="NOT DONE")
        contain(book)
        collect(book)
        recover(book)
        book.journal.append("note", {"text": "Đã báo PA05 qua điện thoại lúc 10:40", "operator": "lan.nguyen"})
        book.journal.append("task_done", {"task": "confirm", "text": "công văn 812/SCT-VP", "operator": "lan.nguyen"})
        if close:
            case.close("đã họp tổng kết")
    return case


def found(book: Book, outcome: str) -> None:
    with book.run("scan", seconds=14.2, outcome=outcome):
        for rule, severity, title, path, expected, seen in FINDINGS:
            digest = finding_id(rule, path)
            book.report(
                "finding",
                {
                    "id": digest,
                    "rule": rule,
                    "severity": severity,
                    "title": title,
                    "path": path,
                    "expected": expected,
                    "seen": seen,
                    "kind": "file",
                    "fix": "",
                },
            )
        book.report(
            "scan", {"complete": True, "clean": False, "first_sign": "2026-11-21T18:33:12Z", "counts": {"critical": 1}}
        )


def contain(book: Book) -> None:
    with book.run("isolate", seconds=6.4):
        book.report("snapshot", {"name": "volatile", "sha256": "ab" * 32})
        book.report("inverse", {"action": "isolate web01", "undo": "ungcuu release web01"})
        both = phrase(Detail.BOTH_FAMILIES)
        rows = (
            (Proof.NO_PORT_ANSWERS, OUTSIDE, True, phrase(Detail.PORTS_SILENT, count=22, families=both)),
            (Proof.NOTHING_GETS_OUT, INSIDE, True, phrase(Detail.TRIED_OUT, count=6, escaped=0)),
            (Proof.DNS_DEAD, INSIDE, True, phrase(Detail.DNS_ASKED, count=3, answered=0)),
            (Proof.SESSIONS_DEAD, INSIDE, True, phrase(Detail.SESSIONS_MOVED, open=4, moving=0)),
            (Proof.MANAGEMENT_GETS_IN, INSIDE, True, phrase(Detail.NEW_CONNECTION)),
            (Proof.SITE_WORKS_INSIDE, INSIDE, None, phrase(Detail.PAGE_MAY_BE_CHANGED, page=phrase(Detail.PAGE_NONE))),
        )
        for name, place, passed, detail in rows:
            book.report("proof", proof(name, place, passed, detail))


def collect(book: Book) -> None:
    with book.run("collect", seconds=52.9):
        for what in (
            "processes with open files",
            "network sockets",
            "logged-in sessions",
            "loaded rules",
            "web server log",
            "system journal",
            "cron tables",
            "SSH keys",
            "manifest of the web root",
        ):
            book.evidence(what, f"{what}\n".encode() * 900)
        book.evidence("audit log", b"partial\n" * 400, "CUT_OFF", "the limit of 64 MiB was reached")
        book.evidence("shell histories", b"", "EMPTY")
        book.evidence("fail2ban database", b"", "MISSING", phrase(Reason.NOT_ON_HOST))
        book.evidence("database accounts", b"", "FAILURE", "mariadb: access denied")
        book.report(
            "custody",
            {
                "from": "web01",
                "address": "198.51.100.2",
                "to": "evidence of this case",
                "who": "lan.nguyen",
                "when": book.clock(),
                "tool": "ungcuu 0.1.0",
                "items": 13,
                "bytes": 224_000,
                "read_only_view": True,
                "clock_skew_seconds": 0.4,
            },
        )


def recover(book: Book) -> None:
    with book.run("eradicate", seconds=11.8):
        for rule, _severity, _title, path, _expected, _seen in FINDINGS[:3]:
            book.report(
                "quarantine",
                {
                    "id": (held := hashlib.sha256(path.encode()).hexdigest()[:12]),
                    "finding": finding_id(rule, path),
                    "do": "move",
                    "path": path,
                    "outcome": "done",
                    "known": {"owner": "portal:portal", "mode": "0644", "sha256": "5d" * 32},
                    "inverse": f"ungcuu eradicate web01 --put-back {held}",
                },
            )
    with book.run("restore", seconds=38.5):
        book.report(
            "change",
            {
                "action": "choose_restore_point",
                "point": "8f14e45f",
                "time": "2026-11-20T19:00:04Z",
                "passed_over": [
                    {"id": "77ab01c9", "time": "", "reason": phrase(Left.AFTER_SIGN, time="2026-11-21T01:00:00Z")}
                ],
            },
        )
        for name, detail in (
            ("manifest", phrase(Check.FILES_AS_IN_POINT, count=2318)),
            ("database_import", phrase(Check.TABLES_IMPORTED, count=12)),
            ("website_health", phrase(Check.ANSWER_RIGHT, status=200, bytes=5120, milliseconds=41)),
        ):
            book.report("proof", {"name": name, "side": "host", "passed": True, "detail": detail})
        book.report("change", {"what": "web root and database swapped", "kept": "/var/www/portal.compromised-20261122"})
    with book.run("reassess", seconds=41.0):
        book.report(
            "scan", {"complete": True, "clean": True, "counts": {"critical": 0, "high": 0, "medium": 0, "low": 0}}
        )
        entry = {"closed": True, "how": "weak upload page removed; uploads no longer run code", "by": "lan.nguyen"}
        scan = {"complete": True, "clean": True, "counts": {"critical": 0, "high": 0, "medium": 0, "low": 0}}
        checks = {"passed": 184, "failed": [], "skipped": 3}
        book.report("reassessment", {"outcome": "clean", "scan": scan, "verify": checks, "entry": entry, "left": []})
    with book.run("release", seconds=5.1):
        book.report("proof", proof(Proof.SITE_SERVES, OUTSIDE, True, phrase(Detail.PAGES_RIGHT, count=2)))
        book.report("proof", proof(Proof.SSH_CLOSED, OUTSIDE, True, phrase(Detail.SILENT)))


def settings_in(folder: Path) -> Settings:
    """Settings with their state below a folder."""
    return Settings(state=folder, content=folder, operator="lan.nguyen")


def again(case: Case) -> Case:
    return find(case.settings, case.id)
