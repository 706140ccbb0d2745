"""One finding: what was seen on a host that should not be there, and what can be done about it.

``RULES`` is the catalogue: docs/reference/findings.md lists it, a test compares the two.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from ungcuu.core.i18n import N_
from ungcuu.core.phrases import TextOrCode
from ungcuu.core.sentences import plain
from ungcuu.core.terminal import clean
from ungcuu.detect.advice import ADVICE

TEXT_LIMIT = 400  # characters of one shown value
_REPORTED = 500
_OF_A_START = frozenset({"pid", "ppid", "start", "unit", "session"})  # of a process
_TIMES = frozenset({"mtime", "ctime"})
_REPORTED_CHARACTERS = 4 << 20


class Severity(StrEnum):
    """How bad it is. Critical and high are what ``eradicate`` takes by default; low does not spoil a clean scan."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


ORDER = tuple(Severity)


class Do(StrEnum):
    """What ``eradicate`` does about a finding."""

    MOVE = "move"  # the file goes to quarantine
    LINES = "remove_lines"  # these lines leave a shared file; the whole file before goes to quarantine
    UNIT = "stop_unit"  # the unit is stopped, disabled, its file quarantined, its name masked
    LOCK = "lock_account"  # password locked, account expired, shell without login
    MEMBER = "remove_member"  # the account leaves the group
    MODE = "set_mode"  # rights as in the baseline
    KILL = "kill"  # the process ends (only when asked for)
    REINSTALL = "reinstall"  # the package's own file comes back
    RESTORE = "restore"  # a backup brings the right one back
    PERSON = "person"  # a person decides


@dataclass(frozen=True)
class Rule:
    """One thing that is looked for. ``title`` and ``fix`` are English message ids."""

    title: str
    fix: str


_QUARANTINE = N_("ungcuu eradicate moves it to quarantine")
_LINES = N_("ungcuu eradicate removes this line and keeps the file as it was")
_RESTORE = N_("ungcuu restore brings the right one back")
_LOOK = N_("a person decides: if it is right, take a new baseline")

RULES: Mapping[str, Rule] = {
    "upload.code": Rule(N_("program code where only media belong"), _QUARANTINE),
    "upload.server-file": Rule(N_("server settings in a writable folder"), _QUARANTINE),
    "upload.program": Rule(N_("a program in a writable folder"), _QUARANTINE),
    "upload.link": Rule(N_("a link or special file in a writable folder"), _QUARANTINE),
    "web.code-added": Rule(N_("code that was not part of the website"), _QUARANTINE),
    "web.page-added": Rule(N_("a page that was not part of the website"), _QUARANTINE),
    "web.file-added": Rule(N_("a file that was not part of the website"), _LOOK),
    "web.changed": Rule(N_("a file of the website was changed"), _RESTORE),
    "web.removed": Rule(N_("a file of the website is gone"), _RESTORE),
    "web.rights": Rule(N_("owner or rights of a website file were changed"), _RESTORE),
    "persistence.cron": Rule(N_("scheduled work that was not there"), _QUARANTINE),
    "persistence.cron-line": Rule(N_("a scheduled job that was not there"), _LINES),
    "persistence.unit": Rule(N_("a service, timer or path unit that was not there"), _QUARANTINE),
    "persistence.preload": Rule(N_("a library forced into every process"), _QUARANTINE),
    "persistence.startup": Rule(N_("a start-up or login script was added or changed"), _QUARANTINE),
    "persistence.activation": Rule(N_("a D-Bus service or policy was added or changed"), _QUARANTINE),
    "persistence.linger": Rule(N_("an account's own services start without a login"), _QUARANTINE),
    "persistence.interpreter": Rule(N_("code that an interpreter loads by itself"), _QUARANTINE),
    "persistence.library-path": Rule(N_("the loader's cache leads to a strange library"), _LOOK),
    "persistence.environment": Rule(N_("a variable reaches every service"), _LOOK),
    "access.key": Rule(N_("an SSH key that was not there"), _LINES),
    "access.key-removed": Rule(N_("an SSH key is gone"), _LOOK),
    "access.sudo": Rule(N_("a right to become root that was not there"), _LINES),
    "access.login": Rule(N_("the login configuration was changed"), _RESTORE),
    "account.added": Rule(N_("an account that was not there"), N_("ungcuu eradicate locks it; nothing is deleted")),
    "account.root": Rule(
        N_("a second account with root's number"), N_("ungcuu eradicate locks it; a person removes it")
    ),
    "account.changed": Rule(N_("an account was changed"), _LOOK),
    "account.removed": Rule(N_("an account is gone"), _LOOK),
    "account.locked": Rule(N_("an added account, locked"), N_("a person removes it when the case is closed")),
    "account.member": Rule(
        N_("an account joined a group with power"), N_("ungcuu eradicate takes it out of the group")
    ),
    "account.group": Rule(N_("a group has another number, or another group's"), _LOOK),
    "privilege.file": Rule(
        N_("a program gained root's rights"), N_("ungcuu eradicate takes the right or the file away")
    ),
    "program.modified": Rule(
        N_("a program of the distribution was changed"),
        N_("root was lost: rebuild the host, or at least reinstall the package from a clean source"),
    ),
    "program.added": Rule(N_("a program that no package owns"), _QUARANTINE),
    "program.removed": Rule(N_("a program of the distribution is gone"), N_("reinstall its package")),
    "program.bytecode": Rule(N_("compiled Python code that is not what its source says"), _QUARANTINE),
    "program.data": Rule(N_("a data file of the distribution was added, changed or removed"), _LOOK),
    "program.temporary": Rule(N_("a program in a temporary folder"), _QUARANTINE),
    "config.web": Rule(N_("the web server's configuration was changed"), _RESTORE),
    "config.changed": Rule(N_("configuration was added, changed or removed"), _LOOK),
    "unit.stopped": Rule(N_("a service that started by itself no longer does"), _LOOK),
    "unit.loaded": Rule(N_("a running unit without a known file"), _LOOK),
    "listener.added": Rule(N_("a program waits for connections that did not before"), _LOOK),
    "process.hidden": Rule(
        N_("a process whose program is hidden or removed"), N_("collect first; then ungcuu eradicate --kill-processes")
    ),
    "process.unexplained": Rule(
        N_("a process that no package, unit or login explains"),
        N_("collect first; then ungcuu eradicate --kill-processes"),
    ),
    "process.website": Rule(
        N_("a process of the website's account that is not PHP"),
        N_("collect first; then ungcuu eradicate --kill-processes"),
    ),
    "kernel.module": Rule(
        N_("a kernel module that was not there"), N_("rebuild the host: a kernel can't be trusted again")
    ),
    "network.names": Rule(N_("name resolution was changed"), _LOOK),
    "network.filter": Rule(N_("a table of the packet filter was added, changed or removed"), _LOOK),
    "package.source": Rule(N_("where packages come from was changed"), _QUARANTINE),
    "package.script": Rule(N_("a script that dpkg runs as root was added or changed"), _LOOK),
    "package.record": Rule(N_("dpkg's record of a package was changed, its version was not"), _LOOK),
    "package.changed": Rule(N_("packages were added, removed or updated"), N_("take a new baseline after a patch run")),
    "package.forged": Rule(
        N_("dpkg claims a file, its content or its rights, and the signed package says otherwise"),
        N_("root was lost: ungcuu rebuild"),
    ),
    "package.unknown": Rule(
        N_("a package in a version that no signed index and no patch run knows"),
        N_("find out who installed it; name another archive in host_state_package_sources, or ungcuu patch"),
    ),
    "package.unproven": Rule(
        N_("packages could not be compared with the signed archive"),
        N_("give this controller access to the archive, then scan again"),
    ),
    "database.administrator": Rule(N_("an administrator of the application was added or changed"), _RESTORE),
    "database.code": Rule(N_("a trigger, event, function or procedure in the database was added or changed"), _RESTORE),
    "database.user": Rule(N_("a database account was added or gained power"), _RESTORE),
    "database.server": Rule(N_("a setting or plugin of the database server was changed"), _RESTORE),
    "database.capability": Rule(N_("what an account or role of the application may do was changed"), _RESTORE),
    "database.application-password": Rule(N_("a standing password or key for programs was added"), _RESTORE),
    "database.option": Rule(N_("a setting of the application was changed"), _RESTORE),
    "application.unread": Rule(
        N_("a part of the application's data could no longer be read"),
        N_("find out what changed in the application or its database, then scan again"),
    ),
    "own.stage": Rule(
        N_("a copy of the website that an unfinished restore of ungcuu left"),
        N_("remove it when no restore is running: ungcuu-site drop, with the restore's id, on the host"),
    ),
    "own.stage-differs": Rule(
        N_("a copy that a restore left holds files that the website never had"),
        N_("look at the files; then ungcuu-site drop, with the restore's id, on the host"),
    ),
    "content.hidden-link": Rule(N_("hidden links or gambling words in a page"), _RESTORE),
    "reader.disagrees": Rule(
        N_("two readers of the host disagree: the host lies"),
        N_("trust no program of this host: isolate it, collect, then ungcuu rebuild"),
    ),
    "reader.unconfirmed": Rule(
        N_("no second reader confirmed what the host says"), N_("ungcuu doctor, then scan again")
    ),
    "reader.vault": Rule(
        N_("the backup contradicts what the host shows: the host lies, or an old disk was put back"),
        N_("believe no program of this host: isolate it, collect, then ungcuu rebuild"),
    ),
    "reader.changed": Rule(
        N_("Python, or a library that the scan itself runs on, was changed"),
        N_("root was lost: ungcuu rebuild; what the host said in this scan can't be trusted"),
    ),
    "content.code": Rule(
        N_("code that looks like an intruder's, in a website that no baseline knows"),
        N_("compare it with the application's own release; ungcuu restore brings the right one back"),
    ),
    "content.script": Rule(N_("code or a script in a page, comment or setting"), _RESTORE),
    "reading.incomplete": Rule(N_("the host did not report everything"), N_("ungcuu doctor, then scan again")),
    "baseline.old": Rule(
        N_("the baseline knows less than this scan reads"), N_("ungcuu baseline, on a host known to be good")
    ),
    "baseline.missing": Rule(N_("there is nothing to compare with"), N_("ungcuu baseline, on a host known to be good")),
}


def what_helps(rule: str, advice: str) -> str:
    """Return what helps against a finding, a message id: its own advice, else its rule's; empty for an unknown one."""
    known = ADVICE.get(advice)
    return known.text if known else RULES[rule].fix if rule in RULES else ""


@dataclass(frozen=True)
class Finding:
    """One finding. ``id`` is the same for the same thing on the same host; texts are cleaned and bounded.

    ``expected`` and ``seen`` are texts of the host, or phrases. ``action`` is ``{"do": …}`` with what eradication
    needs; its paths stay in the reader's escaped form.
    """

    id: str
    rule: str
    severity: Severity
    host: str
    kind: str
    path: str
    expected: TextOrCode
    seen: TextOrCode
    evidence: Mapping[str, Any] = field(default_factory=dict)
    action: Mapping[str, Any] = field(default_factory=dict)
    advice: str = ""
    commands: Sequence[str] = ()

    def document(self) -> dict[str, Any]:
        """Return it as plain data, with the rule's title, and what helps against this finding."""
        return {
            **asdict(self),
            "severity": self.severity.value,
            "title": RULES[self.rule].title,
            "fix": what_helps(self.rule, self.advice),
            "commands": list(self.commands),
        }


def reported(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return the first findings, up to 500 and 4 MiB, as the records of a run; findings.json holds all.

    An intruder chooses names and their length: a run can't hand on records without bound, and must not lose the first.
    """
    rows: list[dict[str, Any]] = []
    size = 0
    for item in findings[:_REPORTED]:
        row = {"kind": "finding", "data": item.document()}
        size += len(str(row))
        if size > _REPORTED_CHARACTERS and rows:
            break
        rows.append(row)
    return rows


def finding(
    host: str,
    rule: str,
    severity: Severity,
    kind: str,
    path: str,
    *,
    expected: TextOrCode = "",
    seen: TextOrCode = "",
    evidence: Mapping[str, Any] | None = None,
    action: Mapping[str, Any] | None = None,
    mark: str = "",
) -> Finding:
    """Make a finding; ``mark`` distinguishes several of one rule at one path (a line's hash, a name)."""
    known = {name: shown(value) for name, value in (evidence or {}).items()}
    digest = hashlib.sha256("\0".join((host, rule, kind, path, mark)).encode("utf-8", "backslashreplace")).hexdigest()
    return Finding(
        digest[:16],
        rule,
        severity,
        host,
        kind,
        clean(path, TEXT_LIMIT),
        shown(expected),
        shown(seen),
        known,
        dict(action or {"do": Do.PERSON.value}),
    )


def shown(value: object) -> Any:
    """Return a value that may be shown: numbers as they are, texts cleaned and short, lists of at most 20."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {clean(k, 80): shown(v) for k, v in list(value.items())[:20]}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [shown(item) for item in list(value)[:20]]
    return clean(value, TEXT_LIMIT)


def substance(document: Mapping[str, Any]) -> str:
    """Return what a person judges when a finding is judged: all of it that a restart or another time does not change.

    The id names a place. What stands there is in this: a verdict on one content is none on the next.
    """
    evidence = document.get("evidence")
    known = dict(evidence) if isinstance(evidence, Mapping) else {}
    passing = _OF_A_START | (_TIMES if known.get("sha256") else frozenset())
    kept = {name: value for name, value in known.items() if name not in passing}
    parts = [document.get(name) for name in ("host", "rule", "severity", "kind", "path")]
    # In words: a verdict on a finding whose record holds a sentence, as earlier releases wrote them, counts on.
    parts += [plain(document.get(name)) for name in ("expected", "seen")]
    return json.dumps([*parts, kept], sort_keys=True, default=str)


def worst_first(found: Sequence[Finding]) -> list[Finding]:
    """Return findings by severity, rule and path, each id once."""
    unique = {item.id: item for item in reversed(found)}
    return sorted(unique.values(), key=lambda item: (ORDER.index(item.severity), item.rule, item.path, item.id))


def counts(found: Sequence[Finding]) -> dict[str, int]:
    """Return how many there are of each severity."""
    return {severity.value: sum(item.severity is severity for item in found) for severity in ORDER}
