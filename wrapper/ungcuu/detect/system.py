"""Judges of everything outside the website: where a file stands says what it can do."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from ungcuu.core.check_phrases import Seen
from ungcuu.core.phrases import phrase
from ungcuu.detect import change, heuristics, verdicts
from ungcuu.detect.baseline import Row, Snapshot
from ungcuu.detect.comparison import (
    CRITICAL,
    GONE,
    HIGH,
    LOW,
    MEDIUM,
    SUSPICIOUS_JOB,
    TEMPORARY,
    Comparison,
    is_expected,
)
from ungcuu.detect.data import link_explained, updated
from ungcuu.detect.findings import Do, Finding, Severity
from ungcuu.detect.places import PACKAGED_UNIT, PLACES, UNIT_FOLDER
from ungcuu.detect.web import web

_KEY_FILE = re.compile(r"/\.ssh/authorized_keys2?$")
_UNIT_NAME = re.compile(r"^[A-Za-z0-9:_.@\\-]{1,200}\.(?:service|timer|path|socket|mount|automount|target|slice)$")
_WANTED = re.compile(r"\.(?:wants|requires|upholds)/[^/]+$")
PHP_NAME = re.compile(r"\.(?:php\d?|phtml|inc)$", re.IGNORECASE)
CRON = re.compile(r"^/(?:etc/(?:cron\.[a-z]+|crontab$|anacrontab$)|var/spool/cron/)")
_STARTUP = re.compile(
    r"^/etc/(?:profile$|profile\.d/|bash\.bashrc$|bash_completion\.d/|environment$|environment\.d/|rc\.local$|rc[0-6S]\.d/|"
    r"init\.d/|xdg/autostart/|update-motd\.d/|apt/apt\.conf\.d/|udev/rules\.d/|NetworkManager/dispatcher\.d/|network/if-|"
    r"ld\.so\.conf|modules-load\.d/|modprobe\.d/|dpkg/dpkg\.cfg\.d/|dhcp/|logrotate\.d/|default/|skel/|binfmt\.d/|"
    r"tmpfiles\.d/|sysusers\.d/|zsh/|security/)"
)
_LOGIN = re.compile(r"^/etc/(?:ssh/|pam\.d/|pam\.conf$|nsswitch\.conf$|login\.defs$|polkit-1/|doas\.conf$|krb5\.conf$)")
_WEB_CONFIG = re.compile(r"^/etc/(?:nginx|apache2|php|mysql|postgresql|modsecurity)(?:/|$)")
# Where a file stands says what it can do: (place, rule, severity, severity when it is gone). The first one counts.
_PLACES = (
    (re.compile(r"^/etc/ld\.so\.preload$"), "persistence.preload", CRITICAL, MEDIUM),
    (re.compile(r"^/etc/sudoers"), "access.sudo", CRITICAL, MEDIUM),
    (CRON, "persistence.cron", HIGH, MEDIUM),
    (_LOGIN, "access.login", HIGH, HIGH),
    (_STARTUP, "persistence.startup", HIGH, MEDIUM),
    (_WEB_CONFIG, "config.web", HIGH, MEDIUM),
)
_ACCOUNT_FILES = frozenset(
    f"/etc/{name}{tail}"
    for name in ("passwd", "shadow", "group", "gshadow", "subuid", "subgid")
    for tail in ("", "-", ".org")
)


def system(comparison: Comparison, path: str, old: Row | None, new: Row | None) -> Iterator[Finding]:
    """Configuration and local programs: where the file stands says what it can do."""
    if path in _ACCOUNT_FILES or _KEY_FILE.search(path) or _shown_by_lines(comparison, path, old, new):
        return
    if _from_package(comparison, old, new) or (new or old or {}).get("type") == "dir":
        return
    if (new or {}).get("bytecode") in ("same", "stale", "differs"):
        return
    if path.startswith("/var/www/"):
        # A neighbour on the same host: hit there, the intruder is next door.
        yield from web(comparison, path, old, new)
        return
    if path.startswith("/etc/alternatives/") and link_explained(comparison, path, new):
        return
    rule, severity, action = _judge_place(comparison, path, old, new)
    if not rule or _is_run_level_link(path, new or old or {}):
        return
    if old is None and (new or {}).get("mode", 0) & 0o6000:
        rule, severity = "privilege.file", CRITICAL
    data = comparison.data(path)
    packaged = bool(old and old.get("package_ok"))
    evidence = change.evidence(new or old, excerpt=heuristics.first_line(data) if data else "", as_packaged=packaged)
    if rule == "persistence.cron" and data and SUSPICIOUS_JOB.search(data[:65536].decode("utf-8", "replace")):
        severity = CRITICAL
    # An application's settings are often PHP, also below /etc: code in them runs in every page.
    verdict = verdicts.of_code(path, data) if PHP_NAME.search(path) else heuristics.Verdict()
    if rule == "config.changed" and verdict.suspicious:
        severity, evidence = HIGH, evidence | {"signs": list(verdict.names), "excerpt": verdict.excerpt}
    yield comparison.find_file(
        rule,
        severity,
        path,
        old,
        new,
        evidence=evidence,
        action=action or {"do": Do.PERSON.value},
    )


def _is_run_level_link(path: str, row: Row) -> bool:
    """A link of /etc/rc?.d to a script of /etc/init.d: enabling a service moves it; script and unit are compared."""
    return path.startswith("/etc/rc") and bool(re.match(r"(?:\.\.|/etc)/init\.d/[\w.-]+$", str(row.get("target", ""))))


def _judge_place(
    comparison: Comparison, path: str, old: Row | None, new: Row | None
) -> tuple[str, Severity, dict[str, object] | None]:
    """Return rule, severity and action for a changed file of the system; an empty rule means: nothing."""
    added, gone = old is None, new is None
    action: dict[str, object] | None = change.move(new) if new is not None and added else {"do": Do.RESTORE.value}
    if UNIT_FOLDER.match(path) or PACKAGED_UNIT.match(path):
        return _judge_unit(comparison, path, old, new)
    for pattern, rule, severity, severity_gone in (*PLACES, *_PLACES):
        if pattern.search(path):
            return rule, severity_gone if gone else severity, action
    if path.startswith(("/usr/local/", "/opt/")) and new is not None and added:
        runs = new.get("mode", 0) & 0o111 or new.get("type") == "link" or re.search(r"\.so(?:\.|$)", path)
        return "program.added", HIGH if runs else MEDIUM, action
    return "config.changed", MEDIUM, None


def _judge_unit(
    comparison: Comparison, path: str, old: Row | None, new: Row | None
) -> tuple[str, Severity, dict[str, object] | None]:
    name = posixpath.basename(path)
    if _is_explained_unit(comparison, path, new):
        return "", LOW, None
    if new is None:
        # A wish that a unit starts, taken away: the unit's own state shows it (units below).
        return ("", LOW, None) if _WANTED.search(path) else ("config.changed", MEDIUM, None)
    if new.get("target") == "/dev/null":
        known = comparison.before is not None and (name,) in comparison.before.of("unit")
        return ("unit.stopped", HIGH, None) if known and old is None else ("", LOW, None)
    if old is None and new.get("type") == "link":
        if is_expected(comparison, str(new.get("target", ""))):
            return "", LOW, None
        if unit := _package_unit(comparison, new.get("target", "")):
            return ("", LOW, None) if updated(comparison, unit) else ("config.changed", MEDIUM, None)
    action: dict[str, object] = {"do": Do.RESTORE.value}
    if old is None:
        # A drop-in or a wish belongs to a unit that may be a good one: only the file goes, nothing is stopped.
        own = _UNIT_NAME.match(name) and not _WANTED.search(path)
        action = {**change.move(new), "do": Do.UNIT.value, "unit": name} if own else change.move(new)
    return "persistence.unit", HIGH, action


_SCOPE = re.compile(r"\.(?:scope|slice)(?:\.d/.*)?$")
_STARTS = re.compile(r"^Exec\w+=\s*(.+)$", re.MULTILINE)
_GENERATED = re.compile(r"^/run/systemd/generator[^/]*/(?:[^/]+\.(?:wants|requires)/)?([^/]+)\.service$")


def _is_explained_unit(comparison: Comparison, path: str, new: Row | None) -> bool:
    """Whether a unit that exists in memory only can't start anything, is ours, or comes of a package's start script.

    What is ours is known by the program that it starts, which is compared with what was sent; a name proves nothing.
    """
    if not path.startswith("/run/systemd/"):
        return False
    if path.startswith("/run/systemd/transient/"):
        if new is None or _SCOPE.search(path) or _starts_ours(comparison, path):
            return True
        return path.endswith(".timer") and _starts_ours(comparison, path.removesuffix(".timer") + ".service")
    made = _GENERATED.match(path)
    script = comparison.now.file(f"/etc/init.d/{made[1]}") if made else None
    gone = comparison.before.file(f"/etc/init.d/{made[1]}") if made and comparison.before else None
    return bool(script and script.get("package_ok")) if new is not None else bool(gone and gone.get("package"))


def _starts_ours(comparison: Comparison, path: str) -> bool:
    """Whether every program that a unit starts is one that ungcuu put on the host, with the content that was sent."""
    lines = _STARTS.findall(comparison.data(path).decode("utf-8", "replace"))
    return bool(lines) and all(is_expected(comparison, _program_of(line)) for line in lines)


def _program_of(line: str) -> str:
    """The program of an Exec line; the script, where that is Python or a shell."""
    words = (word.strip('"@-:+!') if number == 0 else word.strip('"') for number, word in enumerate(line.split()))
    paths = (word for word in words if word.startswith("/"))
    return next((word for word in paths if word not in _INTERPRETERS), "")


_INTERPRETERS = frozenset(("/usr/bin/python3", "/bin/sh", "/usr/bin/sh"))


def _package_unit(comparison: Comparison, target: str) -> str:
    """The package whose unit this is; empty when it is none's."""
    usual = "/usr" + target if target.startswith("/lib/") else target
    row = comparison.now.file(usual)
    good = row and row.get("package_ok") and usual.startswith("/usr/lib/systemd/")
    return str(row.get("package", "")) if row and good else ""


def _shown_by_lines(comparison: Comparison, path: str, old: Row | None, new: Row | None) -> bool:
    """Whether this file's change shows in its lines, so that it need not be reported twice."""
    if old is None or new is None or old.get("type") != "file" or new.get("type") != "file":
        return False
    if change.rights(old) != change.rights(new):
        return False
    return any(
        path == key[1] for snapshot in (comparison.before, comparison.now) if snapshot for key in snapshot.of("line")
    )


def _from_package(comparison: Comparison, old: Row | None, new: Row | None) -> bool:
    """Whether dpkg put it there: its sum is right, and the package was really installed or updated meanwhile."""
    if comparison.before is None:
        return bool(new and new.get("package_ok"))
    if new is None:
        package = (old or {}).get("package", "")
        return bool(package) and _version(comparison.before, package) != _version(comparison.now, package)
    package = new.get("package", "")
    if not package or not new.get("package_ok"):
        return False
    return _version(comparison.before, package) != _version(comparison.now, package)


def _version(snapshot: Snapshot, package: str) -> str:
    name = package.partition(":")[0]
    return " ".join(sorted(row["version"] for key, row in snapshot.of("package").items() if key[0] == name))


def home(comparison: Comparison, path: str, old: Row | None, new: Row | None) -> Iterator[Finding]:
    """What runs when somebody logs in."""
    if _KEY_FILE.search(path) or (new or old or {}).get("type") == "dir":
        return
    if UNIT_FOLDER.match(path):
        yield from system(comparison, path, old, new)
        return
    if old is None and new is not None and _same_as_skeleton(comparison, path, new):
        return
    if (new or old or {}).get("bytecode") in ("same", "stale"):
        return
    severity = HIGH if new is not None else MEDIUM
    action = change.move(new) if new is not None and old is None else {"do": Do.PERSON.value}
    yield comparison.find_file(
        "persistence.startup",
        severity,
        path,
        old,
        new,
        action=action,
    )


def _same_as_skeleton(comparison: Comparison, path: str, new: Row) -> bool:
    """Whether it is what every new account gets; the account itself is reported."""
    skeleton = (comparison.before or comparison.now).file(f"/etc/skel/{posixpath.basename(path)}")
    return bool(skeleton and new.get("sha256") and skeleton.get("sha256") == new.get("sha256"))


def program(comparison: Comparison, path: str, old: Row | None, new: Row | None) -> Iterator[Finding]:
    """Programs and libraries: what dpkg installed, byte for byte."""
    if _from_package(comparison, old, new) or (new or old or {}).get("type") == "dir":
        return
    if (new or old or {}).get("type") == "link" and link_explained(comparison, path, new):
        return
    if new is None:
        yield from _program_gone(comparison, path, old)
    elif new.get("package"):
        yield from _packaged_program(comparison, path, old, new)
    elif comparison.before is not None:
        yield from _other_program(comparison, path, old, new)


def _program_gone(comparison: Comparison, path: str, old: Row | None) -> Iterator[Finding]:
    if old is not None and old.get("package"):
        yield comparison.find(
            "program.removed",
            MEDIUM,
            "file",
            path,
            expected=phrase(Seen.PRESENT),
            seen=GONE,
            evidence=change.evidence(old),
            action=_reinstall(old),
        )


def _packaged_program(comparison: Comparison, path: str, old: Row | None, new: Row) -> Iterator[Finding]:
    """A package's own file: its content first, then its rights and owner."""
    if comparison.before is None or old is None or old.get("sha256") != new.get("sha256"):
        yield comparison.find(
            "program.modified",
            CRITICAL,
            "file",
            path,
            expected=(old or {}).get("sha256") or phrase(Seen.AS_IN_PACKAGE, package=new["package"]),
            seen=new.get("sha256", ""),
            evidence=change.evidence(new),
            action=_reinstall(new),
        )
    elif old.get("mode") != new.get("mode") or old.get("uid") != new.get("uid"):
        worse = new.get("mode", 0) & 0o6022
        yield comparison.find(
            "privilege.file",
            CRITICAL if worse else MEDIUM,
            "file",
            path,
            expected=change.rights(old),
            seen=change.rights(new),
            evidence=change.evidence(new),
            action=change.mode(path, old, new),
        )


def _other_program(comparison: Comparison, path: str, old: Row | None, new: Row) -> Iterator[Finding]:
    """A file that no package brought."""
    if PACKAGED_UNIT.match(path):
        yield from system(comparison, path, old, new)
        return
    severity = MEDIUM if new.get("type") == "link" and not str(new.get("target")).startswith(TEMPORARY) else HIGH
    yield comparison.find_file(
        "program.added",
        severity,
        path,
        old,
        new,
        evidence=change.evidence(new),
        action=change.move(new) if old is None else _reinstall(new),
    )


def _reinstall(row: Row) -> dict[str, object]:
    package = row.get("package", "")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]{1,100}(?::[a-z0-9]{2,12})?", package):
        return {"do": Do.PERSON.value}
    return {"do": Do.REINSTALL.value, "package": package, "path": row["path"]}


def privileged(comparison: Comparison, path: str, old: Row | None, new: Row | None) -> Iterator[Finding]:
    """Setuid, setgid or capabilities where there were none."""
    if new is None or (comparison.before is None and (new.get("package_ok") or path.startswith("/usr/"))):
        return
    if _from_package(comparison, old, new):
        return
    action = (
        change.mode(path, old, new) if old is not None and old.get("sha256") == new.get("sha256") else change.move(new)
    )
    yield comparison.find_file(
        "privilege.file",
        CRITICAL,
        path,
        old,
        new,
        evidence=change.evidence(new, capability=new.get("xattrs")),
        action=action,
    )


def temporary(comparison: Comparison, path: str, old: Row | None, new: Row | None) -> Iterator[Finding]:
    """Programs in folders that everyone may write: droppers leave them there."""
    if new is None or (old is not None and old.get("sha256") == new.get("sha256")):
        return
    marks, data = set(new.get("marks", [])), comparison.data(path)
    verdict = verdicts.of_code(path, data)
    if not marks and not new.get("mode", 0) & 0o111:
        return
    severity = CRITICAL if verdict.suspicious else HIGH if "elf" in marks or new.get("mode", 0) & 0o6000 else MEDIUM
    yield comparison.find(
        "program.temporary",
        severity,
        "file",
        path,
        seen=verdict.excerpt,
        evidence=change.evidence(new, marks=sorted(marks)),
        action=change.move(new),
    )
