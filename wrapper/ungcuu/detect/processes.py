"""What runs is explained by a package, a unit or a login, or it is a finding.

A process can forge its arguments, not its program, its unit or what it has loaded. So the program decides; the script
of an interpreter, which is an argument, only has to be a file that is known.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Mapping

from ungcuu.core.check_phrases import Seen
from ungcuu.core.phrases import TextOrCode, phrase
from ungcuu.detect.baseline import Row
from ungcuu.detect.comparison import CRITICAL, HIGH, MEDIUM, TEMPORARY, Comparison, is_expected
from ungcuu.detect.data import updated
from ungcuu.detect.findings import Do, Finding, Severity

_STAYS = re.compile(r"/(?:tmux|screen)$")  # programs made to outlive a login
_PHP = re.compile(r"php(?:-fpm|-cgi|\d)?")
_SESSION = re.compile(r"session-[\w.-]+\.scope")
_SERVICE = re.compile(r"\.(?:service|socket|mount|swap)$")


def processes(comparison: Comparison) -> Iterator[Finding]:
    """Programs that hide, programs of the website's account that are not PHP, and what nothing explains."""
    rows = {row.get("pid"): row for row in comparison.now.processes}
    mains = {pid for unit in comparison.now.of("unit").values() for pid in unit.get("main", [])}
    reported = set()
    count: Counter[str] = Counter()
    for pid, row in sorted(rows.items(), key=lambda item: int(item[0] or 0)):
        verdict = _judge(comparison, row, rows, mains)
        if verdict is None:
            continue
        rule, severity, why = verdict
        reported.add(pid)
        if rule == "process.unexplained" and row.get("ppid") in reported:
            continue  # its parent is reported, and what that one started goes with it
        exe = str(row.get("exe", "")).removesuffix(" (deleted)")
        same = _what_runs(row)
        count[f"{rule} {exe} {same}"] += 1
        yield comparison.find(
            rule,
            severity,
            "process",
            exe or str(row.get("comm", "")),
            expected=why,
            seen=str(row.get("argv", "")),
            evidence=dict(row),
            action={"do": Do.KILL.value, "pid": row.get("pid"), "start": row.get("start")},
            mark=f"{same} {count[f'{rule} {exe} {same}']}",
        )


def _what_runs(row: Row) -> str:
    """What the same process has after a restart too; its number and the time of its start change."""
    unit = _SESSION.sub("session", str(row.get("unit", "")))
    return "\0".join(str(part) for part in (row.get("uid"), unit, row.get("script", ""), row.get("argv", "")))


def _is_worker(comparison: Comparison, row: Row, rows: Mapping[object, Row], mains: set[str]) -> bool:
    """Whether a process is its unit's main one, or a child of that one with the same program of a package.

    nginx and Apache run their workers as www-data, which on Debian is often the website's account too. What PHP starts
    is a child of a worker, has another program, or has lost its parent.
    """
    exe = str(row.get("exe", ""))
    main = row if str(row.get("pid")) in mains else rows.get(row.get("ppid"), {})
    same = main.get("exe") == exe and main.get("unit") == row.get("unit")
    return same and str(main.get("pid")) in mains and is_known(comparison, exe) and not _loads(comparison, row)


def _judge(
    comparison: Comparison, row: Row, rows: Mapping[object, Row], mains: set[str]
) -> tuple[str, Severity, TextOrCode] | None:
    exe, comm = str(row.get("exe", "")), str(row.get("comm", ""))
    name = exe.removesuffix(" (deleted)")
    if exe.startswith(TEMPORARY):
        return "process.hidden", CRITICAL, ""
    if row.get("deleted") and not (row.get("replaced") and _was_good(comparison, name, row)):
        return "process.hidden", HIGH, ""
    is_php = _PHP.match(posixpath.basename(name) if name else comm)
    if row.get("website") and not is_php and not _is_worker(comparison, row, rows, mains):
        return "process.website", HIGH, ""
    if row.get("unit") is None or comparison.before is None or comparison.before.reader < 2:
        return None
    why, severity = _unexplained(comparison, row, rows, mains)
    return ("process.unexplained", severity, why) if why else None


def _was_good(comparison: Comparison, path: str, row: Row) -> bool:
    """Whether a program that was replaced on the disk is the one before an update."""
    old = comparison.before.file(path) if comparison.before else None
    if old is None or not row.get("sha256") or old.get("sha256") == row["sha256"]:
        return True
    now = comparison.now.file(path) or {}
    return updated(comparison, str(now.get("package", "")))


def _unexplained(
    comparison: Comparison, row: Row, rows: Mapping[object, Row], mains: set[str]
) -> tuple[TextOrCode, Severity]:
    """Return what would have to hold for this process to be explained, empty when it is, and how bad that is."""
    exe = str(row.get("exe", "")).removesuffix(" (deleted)")
    if _remembered(comparison, row, exe):
        return _loads(comparison, row), HIGH
    if exe and not row.get("deleted") and not is_known(comparison, exe):
        return phrase(Seen.KNOWN_PROGRAM), HIGH
    if loads := _loads(comparison, row):
        return loads, HIGH
    if row.get("session"):
        lasting = row["session"] == "open"
        return "" if lasting else phrase(Seen.LASTING_LOGIN), MEDIUM if _STAYS.search(exe) else HIGH
    return _outside_of_unit(comparison, row, rows, mains), HIGH


def _outside_of_unit(comparison: Comparison, row: Row, rows: Mapping[object, Row], mains: set[str]) -> TextOrCode:
    """Return why no unit explains a process of a known program; empty where one does."""
    unit, script = str(row.get("unit", "")), str(row.get("script", ""))
    if row.get("pid") != 1 and not any(_SERVICE.search(part) for part in unit.split("/")):
        return phrase(Seen.UNIT_OR_LOGIN)
    if script in ("-c", "-") and not _is_attached(row, rows, mains):
        return phrase(Seen.PARENT_IN_UNIT)
    if script not in ("", "-c", "-") and not is_known(comparison, script):
        return phrase(Seen.KNOWN_SCRIPT)
    return ""


def is_known(comparison: Comparison, path: str) -> bool:
    """Whether a file is as its package brought it, as in the baseline, or was put there by ungcuu."""
    now = comparison.now.file(path)
    if now is None:
        return False
    before = comparison.before.file(path) if comparison.before else None
    same = before is not None and bool(now.get("sha256")) and before.get("sha256") == now["sha256"]
    return bool(same or now.get("package_ok") or is_expected(comparison, path))


def _remembered(comparison: Comparison, row: Row, exe: str) -> bool:
    """Whether the same program ran with the same script in the same unit when the baseline was taken."""
    known = comparison.before.of("running") if comparison.before else {}
    return (row.get("uid"), row.get("unit"), exe, row.get("script")) in known and not is_changed(comparison, exe)


def is_changed(comparison: Comparison, path: str) -> bool:
    """Whether a file that both readings hold differs between them, and no update explains it."""
    return comparison.now.file(path) is not None and not is_known(comparison, path)


def _loads(comparison: Comparison, row: Row) -> TextOrCode:
    """Return what is wrong with the code that this process has loaded; empty when nothing is."""
    for path in map(str, row.get("loaded", [])):
        gone = path.endswith(" (deleted)")
        if path.startswith(TEMPORARY) or not (gone or path.startswith("/SYSV") or _may_load(comparison, path)):
            return phrase(Seen.NO_CODE_FROM, path=path)
    for word in str(row.get("forced", "")).split():
        _name, _, value = word.partition("=")
        for path in filter(None, re.split("[: ]", value)):
            if path.startswith("/") and path.startswith((*TEMPORARY, "/home/", "/var/www/")):
                return phrase(Seen.NO_LIBRARY_BY, variable=word)
    return ""


def _may_load(comparison: Comparison, path: str) -> bool:
    usual = "/usr" + path if path.startswith(("/lib/", "/lib64/")) else path
    return is_known(comparison, usual)


def _is_attached(row: Row, rows: Mapping[object, Row], mains: set[str]) -> bool:
    """Whether its parents lead to the main process of its unit, or to a service manager's child."""
    unit, seen = row.get("unit"), set()
    while row.get("pid") not in seen:
        seen.add(row.get("pid"))
        if str(row.get("pid")) in mains:
            return True
        parent = rows.get(row.get("ppid"))
        if parent is None or row.get("ppid") == 1:
            return False
        if parent.get("unit") != unit:
            return str(parent.get("exe", "")).endswith("/systemd")
        row = parent
    return False
