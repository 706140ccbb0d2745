"""Compare two snapshots of a host and say what should not be there. Pure: no host, no file, no clock.

A snapshot holds claims of a host that may be under an intruder's hand. They decide what is reported, never a path or a
command on the controller.
"""

from __future__ import annotations

import base64
import ipaddress
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ungcuu import content
from ungcuu.baseline import Row, Snapshot
from ungcuu.findings import Do, Finding, Severity, finding

CRITICAL, HIGH, MEDIUM, LOW = Severity

_CODE = re.compile(r"\.(?:php\d?|phtml|pht|phps|phar|inc|cgi|pl|py|sh|asp|aspx|jsp)(?:\.|$)", re.IGNORECASE)
_PAGE = re.compile(r"\.(?:html?|xhtml|shtml|js|mjs|svg|xml|css|txt)$", re.IGNORECASE)
_SERVER_FILE = re.compile(r"/(?:\.ht[a-z]+|\.user\.ini|php\.ini|web\.config)$", re.IGNORECASE)
_KEY_FILE = re.compile(r"/\.ssh/authorized_keys2?$")
_UNIT_FOLDER = re.compile(r"^(?:/etc/systemd|/run/systemd/system|/usr/local/lib/systemd|/.+/\.config/systemd)/")
_UNIT_NAME = re.compile(r"^[A-Za-z0-9:_.@\\-]{1,200}\.(?:service|timer|path|socket|mount|automount|target|slice)$")
_WANTED = re.compile(r"\.(?:wants|requires|upholds)/[^/]+$")
_CRON = re.compile(r"^/(?:etc/(?:cron\.[a-z]+|crontab$|anacrontab$)|var/spool/cron/)")
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
    (_CRON, "persistence.cron", HIGH, MEDIUM),
    (_LOGIN, "access.login", HIGH, HIGH),
    (_STARTUP, "persistence.startup", HIGH, MEDIUM),
    (_WEB_CONFIG, "config.web", HIGH, MEDIUM),
)
_ACCOUNT_FILES = frozenset(
    f"/etc/{name}{tail}"
    for name in ("passwd", "shadow", "group", "gshadow", "subuid", "subgid")
    for tail in ("", "-", ".org")
)
_SUSPICIOUS_JOB = re.compile(
    r"curl|wget|/dev/tcp|base64|/tmp/|/var/tmp/|/dev/shm/|\bnc\b|ncat|socat|python\d? -c|perl -e|php -r|bash -i|"
    r"\|\s*(?:ba)?sh"
)
_POWER_GROUPS = frozenset(
    ("root", "sudo", "adm", "wheel", "shadow", "disk", "docker", "lxd", "admin", "systemd-journal", "staff", "kmem")
)
_GUARDS = frozenset(
    f"{name}.service"
    for name in (
        "auditd", "nftables", "fail2ban", "ssh", "apparmor", "rsyslog", "unattended-upgrades", "systemd-journald",
        "cron",
    )
) | {"apt-daily-upgrade.timer"}  # fmt: skip
_TEMPORARY = ("/tmp/", "/var/tmp/", "/dev/shm/", "/memfd:")  # noqa: S108  looked for, not written
_NO_LOGIN = ("/nologin", "/false", "/sync")


@dataclass(frozen=True)
class Policy:
    """What is right on this host: the facts of the inventory that a judgement needs.

    ``expected`` maps the path of a file that ungcuu itself put there to its SHA-256 (the isolation's rule set).
    """

    host: str
    web_root: str
    writable: tuple[str, ...] = ()
    ports: tuple[int, ...] = (80, 443)
    expected: Mapping[str, str] = field(default_factory=dict)

    def in_uploads(self, path: str) -> bool:
        """Whether the website itself may write there."""
        return any(path == area or path.startswith(area + "/") for area in self.writable)


@dataclass(frozen=True)
class Comparison:
    """One comparison: ``before`` is None where no baseline was taken. ``contents`` holds file bytes in base64."""

    policy: Policy
    before: Snapshot | None
    now: Snapshot
    contents: Mapping[str, str] = field(default_factory=dict)

    def data(self, path: str) -> bytes:
        """Return what was fetched of a file; empty where nothing was."""
        try:
            return base64.b64decode(self.contents.get(path, ""), validate=True)
        except ValueError:
            return b""

    def find(self, rule: str, severity: Severity, kind: str, path: str, **rest: Any) -> Finding:
        """Make a finding of this host."""
        return finding(self.policy.host, rule, severity, kind, path, **rest)


Detector = Callable[[Comparison], Iterator[Finding]]


def detect(comparison: Comparison) -> list[Finding]:
    """Return everything that should not be there."""
    return [found for detector in DETECTORS for found in detector(comparison)]


def interesting(comparison: Comparison) -> list[str]:
    """Return the paths whose bytes help to judge: new or changed code, pages, jobs and units."""
    wanted: list[tuple[int, str]] = []
    for path, _old, new in _changed_files(comparison):
        if new is None or new.get("type") != "file":
            continue
        rank = {"upload": 0, "web": 1, "temporary": 2}.get(new.get("area", ""), 3)
        if rank < 3 or path.startswith("/var/www/") or _CRON.match(path) or _UNIT_FOLDER.match(path):
            wanted.append((rank, path))
    return [path for _rank, path in sorted(wanted)]


# --- files --------------------------------------------------------------------------------------------------------

_COMPARED = ("type", "mode", "uid", "gid", "sha256", "target", "xattrs", "big")


def _changed_files(comparison: Comparison) -> Iterator[tuple[str, Row | None, Row | None]]:
    """Yield (path, before, now) of each file that differs, or that has no counterpart."""
    before, now = (comparison.before or Snapshot()).of("file"), comparison.now.of("file")
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if new is not None and comparison.policy.expected.get(key[0], "-") == new.get("sha256"):
            continue
        if old is None or new is None or any(old.get(name) != new.get(name) for name in _COMPARED):
            yield key[0], old, new


def files(comparison: Comparison) -> Iterator[Finding]:
    """Each changed file goes to the judge of its area."""
    for path, old, new in _changed_files(comparison):
        row = new or old or {}
        if comparison.before is None and row.get("area") not in ("upload", "temporary", "program", "privileged"):
            continue
        judge = _AREAS.get(row.get("area", ""))
        if judge is not None:
            yield from judge(comparison, path, old, new)


def _evidence(row: Row | None, **more: object) -> dict[str, object]:
    row = row or {}
    names = ("sha256", "size", "mode", "uid", "gid", "mtime", "ctime", "target", "package")
    known: dict[str, object] = {name: row[name] for name in names if name in row}
    if "mode" in known:
        known["mode"] = f"{row['mode']:04o}"
    return known | {name: value for name, value in more.items() if value}


def _move(row: Row) -> dict[str, object]:
    return {"do": Do.MOVE.value, "path": row["path"], "sha256": row.get("sha256", ""), "type": row.get("type", "file")}


def _upload(comparison: Comparison, path: str, _old: Row | None, new: Row | None) -> Iterator[Finding]:
    """A writable folder holds media. What is judged is the content, then the name."""
    if new is None:
        return
    marks, data = set(new.get("marks", [])), comparison.data(path)
    verdict = content.judge(data) if marks & {"php", "short-tag", "phar"} else content.Verdict()
    code = bool(marks & {"php", "phar"}) or (verdict.suspicious and "short-tag" in marks)
    evidence = _evidence(new, marks=sorted(marks), signs=list(verdict.names), excerpt=verdict.excerpt)
    if new.get("type") not in ("file", "dir"):
        target = new.get("target", "")
        outside = not comparison.policy.in_uploads(posixpath.normpath(posixpath.join(posixpath.dirname(path), target)))
        severity = HIGH if new["type"] == "link" and outside else MEDIUM
        yield comparison.find("upload.link", severity, "file", path, seen=target, evidence=evidence, action=_move(new))
    elif _SERVER_FILE.search(path):
        severity = CRITICAL if content.changes_server(data) or code else MEDIUM
        yield comparison.find("upload.server-file", severity, "file", path, evidence=evidence, action=_move(new))
    elif code or (_CODE.search(path) and "short-tag" in marks):
        if not verdict.names and data and content.only_remarks(data):
            return
        yield comparison.find(
            "upload.code", CRITICAL, "file", path, expected="media only", seen=verdict.excerpt, evidence=evidence,
            action=_move(new),
        )  # fmt: skip
    elif marks & {"elf", "script"} or (_CODE.search(path) and new.get("size", 0)):
        yield comparison.find("upload.program", HIGH, "file", path, evidence=evidence, action=_move(new))
    elif new.get("mode", 0) & 0o6000 and new.get("type") == "file":
        yield comparison.find("privilege.file", CRITICAL, "file", path, evidence=evidence, action=_move(new))


def _web(comparison: Comparison, path: str, old: Row | None, new: Row | None) -> Iterator[Finding]:
    """The document root outside writable folders is exactly what it was."""
    data = comparison.data(path)
    is_code = bool(_CODE.search(path) or _SERVER_FILE.search(path) or set((new or {}).get("marks", [])) - {"short-tag"})
    verdict = (
        content.judge(data) if is_code else content.hidden_links(data) if _PAGE.search(path) else content.Verdict()
    )
    evidence = _evidence(new or old, signs=list(verdict.names), excerpt=verdict.excerpt)
    if new is not None and (links := content.hidden_links(data)).suspicious:
        action = _move(new) if old is None else {"do": Do.RESTORE.value}
        yield comparison.find("content.hidden-link", CRITICAL, "file", path, seen=links.excerpt, action=action,
                              evidence=_evidence(new, signs=list(links.names)))  # fmt: skip
    if new is None:
        if old is not None and old.get("type") != "dir":
            restore = {"do": Do.RESTORE.value}
            yield comparison.find("web.removed", MEDIUM, "file", path, expected="present", seen="gone",
                                  evidence=evidence, action=restore)  # fmt: skip
        return
    if old is None:
        yield from _web_added(comparison, path, new, verdict, evidence)
        return
    same_content = all(old.get(name) == new.get(name) for name in ("type", "sha256", "target"))
    rule = "web.rights" if same_content else "web.changed"
    severity = MEDIUM if same_content else CRITICAL if verdict.suspicious else HIGH
    yield comparison.find(
        rule, severity, "file", path, expected=_rights(old) if same_content else old.get("sha256", old["type"]),
        seen=_rights(new) if same_content else new.get("sha256", new["type"]), evidence=evidence,
        action=_mode(path, old, new) if same_content else {"do": Do.RESTORE.value},
    )  # fmt: skip


def _is_code(path: str, row: Row | None) -> bool:
    """Whether the server runs it, or it says how the server runs things."""
    return bool(_CODE.search(path) or _SERVER_FILE.search(path) or set((row or {}).get("marks", [])) - {"short-tag"})


def _web_added(
    comparison: Comparison, path: str, new: Row, verdict: content.Verdict, evidence: Mapping[str, object]
) -> Iterator[Finding]:
    kind, is_code = new.get("type"), _is_code(path, new)
    if kind == "dir" and not comparison.policy.in_uploads(path):
        return
    rule, severity = "web.file-added", MEDIUM
    if is_code or kind == "link":
        rule, severity = "web.code-added", CRITICAL if verdict.suspicious else HIGH
    elif _PAGE.search(path):
        rule, severity = "web.page-added", HIGH
    yield comparison.find(rule, severity, "file", path, expected="not present", seen=verdict.excerpt,
                          evidence=evidence, action=_move(new))  # fmt: skip


def _rights(row: Row) -> str:
    return f"{row.get('uid')}:{row.get('gid')} {row.get('mode', 0):04o}"


def _mode(path: str, old: Row, new: Row) -> dict[str, object]:
    same = {"path": path, "sha256": new.get("sha256", ""), "type": new.get("type", "file")}
    return {"do": Do.MODE.value, **same, "mode": old["mode"], "uid": old["uid"], "gid": old["gid"]}


def _system(comparison: Comparison, path: str, old: Row | None, new: Row | None) -> Iterator[Finding]:
    """Configuration and local programs: where the file stands says what it can do."""
    if path in _ACCOUNT_FILES or _KEY_FILE.search(path) or _told_by_lines(comparison, path, old, new):
        return
    if _from_package(comparison, old, new) or (new or old or {}).get("type") == "dir":
        return
    if path.startswith("/var/www/"):
        # A neighbour on the same host: hit there, the intruder is next door.
        yield from _web(comparison, path, old, new)
        return
    rule, severity, action = _judge_place(comparison, path, old, new)
    if not rule or _is_run_level_link(path, new or old or {}):
        return
    if old is None and (new or {}).get("mode", 0) & 0o6000:
        rule, severity = "privilege.file", CRITICAL
    data = comparison.data(path)
    evidence = _evidence(new or old, excerpt=content.first_line(data) if data else "")
    if rule == "persistence.cron" and data and _SUSPICIOUS_JOB.search(data[:65536].decode("utf-8", "replace")):
        severity = CRITICAL
    yield comparison.find(
        rule, severity, "file", path, expected=_state(old), seen=_state(new), evidence=evidence,
        action=action or {"do": Do.PERSON.value},
    )  # fmt: skip


def _is_run_level_link(path: str, row: Row) -> bool:
    """A link of /etc/rc?.d to a script of /etc/init.d: enabling a service moves it; script and unit tell themselves."""
    return path.startswith("/etc/rc") and bool(re.match(r"(?:\.\.|/etc)/init\.d/[\w.-]+$", str(row.get("target", ""))))


def _state(row: Row | None) -> str:
    if row is None:
        return "not present"
    return f"{row.get('sha256') or row.get('target') or row.get('type')} {_rights(row)}"


def _judge_place(
    comparison: Comparison, path: str, old: Row | None, new: Row | None
) -> tuple[str, Severity, dict[str, object] | None]:
    """Return rule, severity and action for a changed file of the system; an empty rule means: nothing."""
    added, gone = old is None, new is None
    action: dict[str, object] | None = _move(new) if new is not None and added else {"do": Do.RESTORE.value}
    if _UNIT_FOLDER.match(path):
        return _judge_unit(comparison, path, old, new)
    for pattern, rule, severity, severity_gone in _PLACES:
        if pattern.match(path):
            return rule, severity_gone if gone else severity, action
    if path.startswith(("/usr/local/", "/opt/")) and new is not None and added:
        runs = new.get("mode", 0) & 0o111 or new.get("type") == "link"
        return "program.added", HIGH if runs else MEDIUM, action
    return "config.changed", MEDIUM, None


def _judge_unit(
    comparison: Comparison, path: str, old: Row | None, new: Row | None
) -> tuple[str, Severity, dict[str, object] | None]:
    name = posixpath.basename(path)
    if new is None:
        # A wish that a unit starts, taken away: the unit's own state tells it (units below).
        return ("", LOW, None) if _WANTED.search(path) else ("config.changed", MEDIUM, None)
    if new.get("target") == "/dev/null":
        known = comparison.before is not None and (name,) in comparison.before.of("unit")
        return ("unit.stopped", HIGH, None) if known and old is None else ("", LOW, None)
    if old is None and new.get("type") == "link":
        if _is_expected(comparison, str(new.get("target", ""))):
            return "", LOW, None
        if _package_unit(comparison, new.get("target", "")):
            return "config.changed", MEDIUM, None
    action: dict[str, object] = {"do": Do.RESTORE.value}
    if old is None:
        # A drop-in or a wish belongs to a unit that may be a good one: only the file goes, nothing is stopped.
        own = _UNIT_NAME.match(name) and not _WANTED.search(path)
        action = {**_move(new), "do": Do.UNIT.value, "unit": name} if own else _move(new)
    return "persistence.unit", HIGH, action


def _is_expected(comparison: Comparison, path: str) -> bool:
    """Whether ungcuu put this file there, and it still has the content that was sent."""
    row = comparison.now.file(path)
    return bool(row and row.get("sha256") and comparison.policy.expected.get(path) == row["sha256"])


def _package_unit(comparison: Comparison, target: str) -> bool:
    usual = "/usr" + target if target.startswith("/lib/") else target
    row = comparison.now.file(usual)
    return bool(row and row.get("package_ok") and usual.startswith("/usr/lib/systemd/"))


def _told_by_lines(comparison: Comparison, path: str, old: Row | None, new: Row | None) -> bool:
    """Whether this file's change shows in its lines, so that it need not be told twice."""
    if old is None or new is None or old.get("type") != "file" or new.get("type") != "file":
        return False
    if _rights(old) != _rights(new):
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


def _home(comparison: Comparison, path: str, old: Row | None, new: Row | None) -> Iterator[Finding]:
    """What runs when somebody logs in."""
    if _KEY_FILE.search(path) or (new or old or {}).get("type") == "dir":
        return
    if _UNIT_FOLDER.match(path):
        yield from _system(comparison, path, old, new)
        return
    if old is None and new is not None and _same_as_skeleton(comparison, path, new):
        return
    severity = HIGH if new is not None else MEDIUM
    action = _move(new) if new is not None and old is None else {"do": Do.PERSON.value}
    yield comparison.find("persistence.startup", severity, "file", path, expected=_state(old), seen=_state(new),
                          evidence=_evidence(new or old), action=action)  # fmt: skip


def _same_as_skeleton(comparison: Comparison, path: str, new: Row) -> bool:
    """Whether it is what every new account gets; the account itself is told."""
    skeleton = (comparison.before or comparison.now).file(f"/etc/skel/{posixpath.basename(path)}")
    return bool(skeleton and new.get("sha256") and skeleton.get("sha256") == new.get("sha256"))


def _program(comparison: Comparison, path: str, old: Row | None, new: Row | None) -> Iterator[Finding]:
    """Programs and libraries: what dpkg installed, byte for byte."""
    if _from_package(comparison, old, new) or (new or old or {}).get("type") == "dir":
        return
    if new is None:
        if old is not None and old.get("package"):
            yield comparison.find("program.removed", MEDIUM, "file", path, expected="present", seen="gone",
                                  evidence=_evidence(old), action=_reinstall(old))  # fmt: skip
        return
    if new.get("package"):
        if comparison.before is None or old is None or old.get("sha256") != new.get("sha256"):
            expected = (old or {}).get("sha256", f"as in package {new['package']}")
            yield comparison.find("program.modified", CRITICAL, "file", path, expected=expected,
                                  seen=new.get("sha256", ""), evidence=_evidence(new),
                                  action=_reinstall(new))  # fmt: skip
        elif old.get("mode") != new.get("mode") or old.get("uid") != new.get("uid"):
            worse = new.get("mode", 0) & 0o6022
            yield comparison.find("privilege.file", CRITICAL if worse else MEDIUM, "file", path, expected=_rights(old),
                                  seen=_rights(new), evidence=_evidence(new), action=_mode(path, old, new))  # fmt: skip
        return
    if comparison.before is None:
        return
    severity = MEDIUM if new.get("type") == "link" and not str(new.get("target")).startswith(_TEMPORARY) else HIGH
    yield comparison.find("program.added", severity, "file", path, expected=_state(old), seen=_state(new),
                          evidence=_evidence(new), action=_move(new) if old is None else _reinstall(new))  # fmt: skip


def _reinstall(row: Row) -> dict[str, object]:
    package = row.get("package", "")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]{1,100}(?::[a-z0-9]{2,12})?", package):
        return {"do": Do.PERSON.value}
    return {"do": Do.REINSTALL.value, "package": package, "path": row["path"]}


def _privileged(comparison: Comparison, path: str, old: Row | None, new: Row | None) -> Iterator[Finding]:
    """Setuid, setgid or capabilities where there were none."""
    if new is None or (comparison.before is None and (new.get("package_ok") or path.startswith("/usr/"))):
        return
    if _from_package(comparison, old, new):
        return
    action = _mode(path, old, new) if old is not None and old.get("sha256") == new.get("sha256") else _move(new)
    yield comparison.find("privilege.file", CRITICAL, "file", path, expected=_state(old), seen=_state(new),
                          evidence=_evidence(new, capability=new.get("xattrs")), action=action)  # fmt: skip


def _temporary(comparison: Comparison, path: str, old: Row | None, new: Row | None) -> Iterator[Finding]:
    """Programs in folders that everyone may write: droppers leave them there."""
    if new is None or (old is not None and old.get("sha256") == new.get("sha256")):
        return
    marks, data = set(new.get("marks", [])), comparison.data(path)
    verdict = content.judge(data)
    if not marks and not new.get("mode", 0) & 0o111:
        return
    severity = CRITICAL if verdict.suspicious else HIGH if "elf" in marks or new.get("mode", 0) & 0o6000 else MEDIUM
    yield comparison.find("program.temporary", severity, "file", path, seen=verdict.excerpt,
                          evidence=_evidence(new, marks=sorted(marks)), action=_move(new))  # fmt: skip


_AREAS = {
    "upload": _upload,
    "web": _web,
    "system": _system,
    "home": _home,
    "program": _program,
    "privileged": _privileged,
    "temporary": _temporary,
}


# --- lines of shared files ----------------------------------------------------------------------------------------

_LINE_RULES = {
    "key": ("access.key", HIGH),
    "cron": ("persistence.cron-line", HIGH),
    "sudo": ("access.sudo", CRITICAL),
    "preload": ("persistence.preload", CRITICAL),
}


def lines(comparison: Comparison) -> Iterator[Finding]:
    """Each key, job and rule that was not there; and keys that are gone."""
    before, now = (comparison.before or Snapshot()).of("line"), comparison.now.of("line")
    if comparison.before is None:
        now = {key: row for key, row in now.items() if key[0] == "preload"}
    for key, row in now.items():
        kind, path = key[0], key[1]
        whole = kind != "key" and comparison.before is not None and comparison.before.file(path) is None
        if key in before or kind not in _LINE_RULES or whole or _is_expected(comparison, path):
            continue
        rule, severity = _LINE_RULES[kind]
        if kind == "key" and _is_powerful(comparison.now, row.get("account", "")):
            severity = CRITICAL
        if kind == "cron" and _SUSPICIOUS_JOB.search(row.get("text", "")):
            severity = CRITICAL
        shown = " ".join(filter(None, (row.get("fingerprint"), row.get("options"), row.get("comment")))) or row.get(
            "text"
        )
        evidence = {"line": row.get("number"), "line_sha256": row["sha256"], "account": row.get("account", "")}
        action = {"do": Do.LINES.value, "path": path, "lines": [row["sha256"]]}
        yield comparison.find(rule, severity, "line", path, expected="not present", seen=shown or "",
                              evidence=evidence, action=action, mark=row["sha256"])  # fmt: skip
    for key, row in before.items():
        if key not in now and not _is_expected(comparison, key[1]):
            rule = "access.key-removed" if key[0] == "key" else "config.changed"
            yield comparison.find(rule, MEDIUM, "line", key[1], expected=row.get("fingerprint") or row.get("text", ""),
                                  seen="gone", mark=key[2])  # fmt: skip


def _is_powerful(snapshot: Snapshot, account: str) -> bool:
    row = snapshot.of("account").get((account,), {})
    member = any(
        account in group.get("members", []) for key, group in snapshot.of("group").items() if key[0] in _POWER_GROUPS
    )
    named = any(
        row_.get("text", "").split(None, 1)[:1] == [account]
        for key, row_ in snapshot.of("line").items()
        if key[0] == "sudo"
    )
    return row.get("uid") == "0" or member or named


# --- accounts -----------------------------------------------------------------------------------------------------


def accounts(comparison: Comparison) -> Iterator[Finding]:
    """Accounts that appeared, changed or vanished, and seats in groups that grant power."""
    before, now = comparison.before, comparison.now.of("account")
    for (name,), row in now.items():
        old = before.of("account").get((name,)) if before else None
        if row.get("uid") == "0" and name != "root" and (old is None or old.get("uid") != "0"):
            severity = MEDIUM if _is_locked(row) else CRITICAL
            yield _account(comparison, "account.root", severity, row, old)
        elif before and old is None:
            yield _added_account(comparison, row)
        elif old is not None and any(old.get(field) != row.get(field) for field in _ACCOUNT_FIELDS):
            yield _account(comparison, "account.changed", HIGH, row, old)
    for (name,), row in (before.of("account") if before else {}).items():
        if (name,) not in now:
            yield comparison.find("account.removed", MEDIUM, "account", name, expected=_account_text(row), seen="gone")


_ACCOUNT_FIELDS = ("uid", "gid", "home", "shell", "password", "digest")


def _account_text(row: Row) -> str:
    return f"uid {row.get('uid')}, shell {row.get('shell')}, password {row.get('password')}"


def _is_locked(row: Row) -> bool:
    return row.get("password") == "locked" and str(row.get("shell", "")).endswith(_NO_LOGIN)


def _account(comparison: Comparison, rule: str, severity: Severity, row: Row, old: Row | None) -> Finding:
    act = old is None and not _is_locked(row)
    return comparison.find(
        rule, severity, "account", row["name"], expected=_account_text(old) if old else "not present",
        seen=_account_text(row), action={"do": Do.LOCK.value, "account": row["name"]} if act else None,
    )  # fmt: skip


def _added_account(comparison: Comparison, row: Row) -> Finding:
    if _is_locked(row):
        return _account(comparison, "account.locked", LOW, row, None)
    return _account(comparison, "account.added", HIGH, row, None)


def groups(comparison: Comparison) -> Iterator[Finding]:
    """New members of groups that grant power."""
    if comparison.before is None:
        return
    for (name,), row in comparison.now.of("group").items():
        old = comparison.before.of("group").get((name,), {})
        for member in sorted(set(row.get("members", [])) - set(old.get("members", []))):
            severity = CRITICAL if name in _POWER_GROUPS else MEDIUM
            yield comparison.find("account.member", severity, "account", f"{name}: {member}", seen=member, mark=member,
                                  action={"do": Do.MEMBER.value, "group": name, "account": member})  # fmt: skip


# --- what runs ----------------------------------------------------------------------------------------------------


def units(comparison: Comparison) -> Iterator[Finding]:
    """Guards that no longer start, and units that run without a file that is known."""
    if comparison.before is None:
        return
    before, now = comparison.before.of("unit"), comparison.now.of("unit")
    for (name,), old in before.items():
        row = now.get((name,), {})
        was_on = str(old.get("state", "")).startswith("enabled")
        if was_on and not str(row.get("state", "")).startswith("enabled"):
            severity = HIGH if name in _GUARDS else MEDIUM
        elif was_on and name in _GUARDS and old.get("active") == "active" and row.get("active") != "active":
            severity = HIGH
        else:
            continue
        yield comparison.find("unit.stopped", severity, "unit", name, expected=_unit_text(old), seen=_unit_text(row))
    for (name,), row in now.items():
        if (name,) not in before and _is_strange_unit(comparison, row):
            yield comparison.find("unit.loaded", MEDIUM, "unit", name, expected="not loaded", seen=_unit_text(row),
                                  evidence={"file": row.get("path", "")})  # fmt: skip


def _unit_text(row: Row) -> str:
    return f"{row.get('state') or 'no file'}, {row.get('active') or 'not loaded'}"


def _is_strange_unit(comparison: Comparison, row: Row) -> bool:
    path = str(row.get("path", ""))
    path = "/usr" + path if path.startswith("/lib/") else path
    known = comparison.now.file(path)
    if not path or (known and known.get("package_ok")) or _is_expected(comparison, path):
        return False
    # Its file is told by itself when it is new; a session, or a job that ungcuu started, comes and goes.
    if (known and known.get("area") != "program") or str(row["name"]).startswith(
        ("session-", "user@", "run-", "ungcuu-")
    ):
        return False
    return row.get("active") in ("active", "activating") and not path.startswith("/run/systemd/generator")


def listeners(comparison: Comparison) -> Iterator[Finding]:
    """Ports that were closed."""
    if comparison.before is None:
        return
    before = comparison.before.of("listener")
    for key, row in comparison.now.of("listener").items():
        proto, address, port = key
        old = before.get(key)
        if old is not None and (not old.get("exe") or not row.get("exe") or old.get("exe") == row.get("exe")):
            continue
        local = _is_loopback(address)
        if old is None and (port >= 32768 and proto.startswith("udp")):
            continue
        trusted = local and row.get("exe") == "/usr/sbin/sshd"
        severity = LOW if trusted else MEDIUM if local or row.get("exe") == "/usr/sbin/nginx" else HIGH
        where = f"{proto} {address} port {port}"
        yield comparison.find("listener.added", severity, "listener", where, evidence=dict(row),
                              expected=(old or {}).get("exe", "closed"),
                              seen=row.get("exe") or row.get("comm") or "unknown program")  # fmt: skip


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def processes(comparison: Comparison) -> Iterator[Finding]:
    """Programs that hide, and shells of the website's account."""
    for row in comparison.now.processes:
        exe, comm = str(row.get("exe", "")), str(row.get("comm", ""))
        name = exe.removesuffix(" (deleted)")
        action = {"do": Do.KILL.value, "pid": row.get("pid"), "start": row.get("start")}
        odd = exe.startswith(_TEMPORARY)
        if odd or (row.get("deleted") and not row.get("replaced")):
            rule, severity = "process.hidden", CRITICAL if odd else HIGH
        elif row.get("website") and not re.match(r"php(?:-fpm|-cgi|\d)?", posixpath.basename(name) if name else comm):
            rule, severity = "process.website", HIGH
        else:
            continue
        yield comparison.find(rule, severity, "process", name or comm, seen=str(row.get("argv", "")),
                              evidence=dict(row), action=action,
                              mark=f"{row.get('pid')} {row.get('start')}")  # fmt: skip


def modules(comparison: Comparison) -> Iterator[Finding]:
    """Kernel modules; one that is not of the distribution taints the kernel."""
    before = comparison.before.of("module") if comparison.before else {}
    for key, row in comparison.now.of("module").items():
        if key not in before and (row.get("tainting") or comparison.before):
            yield comparison.find("kernel.module", HIGH if row.get("tainting") else LOW, "kernel", key[0])


def packages(comparison: Comparison) -> Iterator[Finding]:
    """One finding for all package changes: after a patch run there are many, and none is an intruder's."""
    if comparison.before is None:
        return
    before, now = comparison.before.of("package"), comparison.now.of("package")
    changed = [key for key in before.keys() | now.keys() if before.get(key) != now.get(key)]
    if changed:
        told = [
            f"{key[0]}: {before.get(key, {}).get('version', '–')} → {now.get(key, {}).get('version', '–')}"
            for key in sorted(changed)
        ]
        yield comparison.find("package.changed", LOW, "package", "dpkg", seen=f"{len(told)} packages",
                              evidence={"packages": told})  # fmt: skip


_DATABASE_RULES = {
    "administrator": ("database.administrator", CRITICAL),
    "trigger": ("database.code", HIGH),
    "event": ("database.code", HIGH),
    "user": ("database.user", HIGH),
    "option": ("database.option", HIGH),
    "content": ("content.hidden-link", HIGH),
}


def database(comparison: Comparison) -> Iterator[Finding]:
    """Administrators, switches and code in the database that differ."""
    if comparison.before is None:
        return
    before, now = comparison.before.of("database"), comparison.now.of("database")
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if old == new or key[0] not in _DATABASE_RULES:
            continue
        rule, severity = _DATABASE_RULES[key[0]]
        if key[0] == "content" and (new is None or not _is_injection(str(new.get("detail", "")))):
            continue
        severity = MEDIUM if new is None else severity
        yield comparison.find(
            rule, severity, "database", f"{key[0]} {key[1]}", expected=(old or {}).get("detail", "not present"),
            seen=(new or {}).get("detail", "gone"), action={"do": Do.RESTORE.value},
        )  # fmt: skip


def _is_injection(detail: str) -> bool:
    """Whether links are hidden, or too many for an article that warns of gambling."""
    links = re.search(r"links=(\d{1,9})", detail)
    return "hidden=1" in detail or bool(links and int(links[1]) > 5)


def reading(comparison: Comparison) -> Iterator[Finding]:
    """A scan that saw half proves nothing."""
    if not comparison.now.complete:
        problems = comparison.now.problems
        yield comparison.find("reading.incomplete", HIGH, "reading", "host", seen="; ".join(problems[:5]),
                              evidence={"problems": problems})  # fmt: skip
    if comparison.before is None:
        yield comparison.find("baseline.missing", MEDIUM, "reading", "baseline")


DETECTORS: Sequence[Detector] = (
    files, lines, accounts, groups, units, listeners, processes, modules, packages, database, reading,
)  # fmt: skip
