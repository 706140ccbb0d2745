"""What helps against a finding, as data: a sentence for people and the commands that do it, chosen for each finding.

1. Each advice is tried on a real host by a test: planted, done literally, scanned again: the finding is gone.
2. A value that a host chose reaches a command only when it is plain; else there is no command: a name with a quote in
   it must not end in a shell.
3. A command that begins with ``ungcuu`` is for the controller, any other for the host, as root.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ungcuu.core.i18n import N_


@dataclass(frozen=True)
class Advice:
    """``text`` is an English message id; ``commands`` are templates of values of the finding."""

    text: str
    commands: tuple[str, ...] = ()


_TAKE = ("ungcuu eradicate {host} --finding {id}",)
_SQL = 'mariadb -e "{statement}"'

ADVICE: Mapping[str, Advice] = {
    "quarantine": Advice(N_("ungcuu eradicate moves it to quarantine"), _TAKE),
    "lines": Advice(N_("ungcuu eradicate removes this line and keeps the file as it was"), _TAKE),
    "rights": Advice(N_("ungcuu eradicate gives it the rights back that it had"), _TAKE),
    "no-right": Advice(
        N_("remove its permission to run: ungcuu moves nothing out of its own folder"), ("chmod 0600 {path}",)
    ),
    "stop-unit": Advice(N_("ungcuu eradicate stops it, masks its name and moves its file to quarantine"), _TAKE),
    "lock": Advice(N_("ungcuu eradicate locks it; nothing is deleted"), _TAKE),
    "leave-group": Advice(N_("ungcuu eradicate takes it out of the group"), _TAKE),
    "kill": Advice(
        N_("collect first; then ungcuu eradicate --kill-processes"),
        ("ungcuu eradicate {host} --finding {id} --kill-processes",),
    ),
    "move": Advice(
        N_("if it is right, take a new baseline; if not, ungcuu eradicate --path moves it to quarantine"),
        ("ungcuu eradicate {host} --path {path}",),
    ),
    "restore-file": Advice(
        N_("ungcuu restore --path brings this file back from a clean point"),
        ("ungcuu restore {host} --path {relative}",),
    ),
    "restore-config": Advice(
        N_("ungcuu restore --only config brings it back: the backup holds this path"),
        ("ungcuu restore {host} --only config",),
    ),
    "restore-database": Advice(
        N_("ungcuu restore --only database brings the site's tables back from a clean point"),
        ("ungcuu restore {host} --only database",),
    ),
    "reinstall": Advice(
        N_("reinstall its package; where root was lost, rebuild the host"),
        ("apt-get install --reinstall -y {package}",),
    ),
    "conffile": Advice(
        N_("move it aside and reinstall its package, which brings it back as it was in the baseline"),
        ("mv -n {path} /root/", "apt-get install --reinstall -y -o Dpkg::Options::=--force-confmiss {package}"),
    ),
    "pam": Advice(
        N_("move it aside; pam-auth-update writes it again from the packages' profiles, the backup does not hold it"),
        (
            "mv -n {path} /root/ && DEBIAN_FRONTEND=noninteractive pam-auth-update --package --force",
            "mv -f /etc/pam.d/common-*.pam-old /root/",
        ),
    ),
    "by-hand": Advice(
        N_("if it is right, take a new baseline; if not, correct it by hand: no package and no backup holds it")
    ),
    "set-aside": Advice(N_("no package owns it: move it aside"), ("mv -n {path} /root/",)),
    "unset-variable": Advice(
        N_("unset it, then restart what was started since"), ("systemctl unset-environment {name}",)
    ),
    "loader-cache": Advice(N_("remove the folder from /etc/ld.so.conf.d first, then refresh the cache"), ("ldconfig",)),
    "drop-table": Advice(N_("delete the table from the packet filter"), ("nft delete table {table}",)),
    "isolate-again": Advice(
        N_("never delete it: isolate the host again, which loads the rules again and reads all of them back"),
        ("ungcuu isolate {host}",),
    ),
    "load-filter": Advice(N_("load the packet filter again from its file"), ("systemctl restart nftables.service",)),
    "start-unit": Advice(
        N_("start it again, and at each boot"), ("systemctl unmask {name}", "systemctl enable --now {name}")
    ),
    "stop": Advice(N_("stop it: no file of it is left"), ("systemctl stop {name}",)),
    "group-number": Advice(N_("give the group its number back"), ("groupmod -g {number} {name}",)),
    "group-gone": Advice(N_("remove the group"), ("groupdel {name}",)),
    "account-fields": Advice(
        N_("give the account its home and shell back; if its password is not its owner's, set a new one"),
        ("usermod --home {home} --shell {shell} {name}",),
    ),
    "account-delete": Advice(N_("a person removes it when the case is closed"), ("userdel --force {name}",)),
    "listener": Advice(N_("end its process (it has its own finding), or take a new baseline if it is right")),
    "drop-code": Advice(N_("drop it from the database"), (_SQL,)),
    "drop-user": Advice(N_("drop the database account"), (_SQL,)),
    "revoke": Advice(N_("revoke what was granted"), (_SQL,)),
    "debian-login": Advice(N_("let this database account log in as Debian made it: by the socket alone"), (_SQL,)),
    "set-variable": Advice(N_("set it back, and look for it in the server's configuration"), (_SQL,)),
    "unload": Advice(N_("unload the plugin"), (_SQL,)),
    "rotate": Advice(
        N_("ungcuu rotate ends every application password and gives the site a new database password"),
        ("ungcuu rotate {host}",),
    ),
    "rebuild": Advice(N_("root was lost: rebuild the host on a new machine"), ("ungcuu rebuild {host}",)),
    "baseline": Advice(N_("if it is right, take a new baseline"), ("ungcuu baseline {host} --reason TEXT",)),
    "scan-again": Advice(N_("ungcuu doctor, then scan again"), ("ungcuu doctor {host}", "ungcuu scan {host}")),
}

_BY_ACTION = {
    "move": "quarantine",
    "remove_lines": "lines",
    "stop_unit": "stop-unit",
    "lock_account": "lock",
    "remove_member": "leave-group",
    "set_mode": "rights",
    "kill": "kill",
    "reinstall": "reinstall",
}
_BY_RULE = {
    "kernel.module": "rebuild", "persistence.environment": "unset-variable", "persistence.library-path": "loader-cache",
    "unit.loaded": "stop", "unit.stopped": "start-unit", "account.changed": "account-fields",
    "account.locked": "account-delete", "listener.added": "listener", "reading.incomplete": "scan-again",
    "baseline.missing": "baseline", "baseline.old": "baseline", "package.changed": "baseline",
    "account.removed": "baseline", "access.key-removed": "baseline", "database.option": "restore-database",
    "database.administrator": "restore-database", "database.capability": "restore-database",
    "database.application-password": "rotate", "content.script": "restore-database",
}  # fmt: skip # a table
_PAM = re.compile(r"^/etc/pam\.d/common-")
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./~-]{1,300}")
_TABLE = re.compile(r"(?:ip|ip6|inet|arp|bridge|netdev) [A-Za-z0-9_.-]{1,100}")
_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_USER = re.compile(r"[A-Za-z0-9_.-]{1,80}@[A-Za-z0-9_.%:-]{1,255}")
_GRANT = re.compile(r"('[A-Za-z0-9_.-]+'@'[A-Za-z0-9_.%:-]+') on ([A-Za-z0-9_-]+)(\.[A-Za-z0-9_-]+)?")
_VALUE = re.compile(r"[A-Za-z0-9_./,-]{0,200}")
_DEBIAN_LOGIN = "also=c572407062474e61 locked=0 secret=f1234d75178d892a"


@dataclass(frozen=True)
class Seen:
    """What a choice needs of a finding; ``config_paths`` are the paths of the system that the backup holds."""

    rule: str
    kind: str
    path: str
    new: bool
    expected: str
    seen: str
    evidence: Mapping[str, Any]
    action: Mapping[str, Any]
    web_root: str = ""
    config_paths: tuple[str, ...] = ()


def choose(found: Seen) -> tuple[str, dict[str, str]]:
    """Return the advice's name and the values of its commands; no name where the rule's own sentence says it all."""
    do = str(found.action.get("do", "person"))
    if special := _SPECIAL.get(found.rule):
        return special(found)
    if found.rule in _BY_RULE and do not in ("move", "stop_unit", "lock_account"):
        return _BY_RULE[found.rule], {"name": found.path, **_texts(found.evidence)}
    if do == "move" and found.path.startswith("/var/lib/ungcuu/"):
        return "no-right", {"path": found.path}
    if do in _BY_ACTION:
        return _BY_ACTION[do], {"package": str(found.action.get("package", ""))}
    if found.kind == "account" and found.rule == "account.root":
        return "account-delete", {"name": found.path}
    return _changed_file(found) if found.kind == "file" else ("", {})


def _texts(evidence: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(evidence[name]) for name in ("home", "shell") if name in evidence}


def _changed_file(found: Seen) -> tuple[str, dict[str, str]]:
    """A file that was changed or is gone: who holds it as it was?"""
    path, package = found.path, str(found.evidence.get("package", ""))
    if found.web_root and path.startswith(found.web_root + "/"):
        return "restore-file", {"relative": path.removeprefix(found.web_root + "/")}
    if any(path == place or path.startswith(place.rstrip("/") + "/") for place in found.config_paths):
        return "restore-config", {}
    if _PAM.match(path):
        return "pam", {"path": path}
    if found.evidence.get("as_packaged") and package:
        return "conffile", {"path": path, "package": package}
    if package and not path.startswith("/etc/"):  # not configuration: the package has exactly this file
        return "reinstall", {"package": package}
    name = "move" if found.new else "by-hand"
    return ("set-aside" if path.startswith("/var/lib/dpkg/info/") else name), {"path": path}


def _hidden_link(found: Seen) -> tuple[str, dict[str, str]]:
    if found.kind == "database":
        return "restore-database", {}
    return ("quarantine", {}) if found.action.get("do") == "move" else _changed_file(found)


def _filter(found: Seen) -> tuple[str, dict[str, str]]:
    if found.path.endswith(" ungcuu_isolation"):
        return "isolate-again", {}
    return ("drop-table" if found.new else "load-filter"), {"table": found.path.removeprefix("table ")}


def _group(found: Seen) -> tuple[str, dict[str, str]]:
    number = str(found.evidence.get("number", ""))
    return ("group-number" if number else "group-gone"), {"number": number, "name": found.path}


def _code(found: Seen) -> tuple[str, dict[str, str]]:
    """A trigger, event or routine: a new one is dropped, a changed one comes with the site's tables."""
    kind, name = str(found.evidence.get("set", "")), str(found.evidence.get("name", ""))
    what, _, full = name.rpartition(" ") if kind == "routine" else (kind, "", name)
    what = "FUNCTION" if what == "library function" else what.upper()
    parts = full.split(".")
    if not found.new:
        return "restore-database", {}
    if not all(map(_WORD.fullmatch, parts)):
        return "by-hand", {}
    place = ".".join(f"\\`{part}\\`" for part in parts)
    return "drop-code", {"statement": f"DROP {what} {place}"}


def _user(found: Seen) -> tuple[str, dict[str, str]]:
    """A database account or what it was granted."""
    name, new = str(found.evidence.get("name", "")), found.new
    if found.evidence.get("set") == "grant":
        return _grant(name) if new else ("by-hand", {})
    if _USER.fullmatch(name) and new:
        return "drop-user", {"statement": f"DROP USER {_account(name)}"}
    if _USER.fullmatch(name) and found.expected.endswith(_DEBIAN_LOGIN):
        ways = "mysql_native_password USING 'invalid' OR unix_socket"
        return "debian-login", {"statement": f"ALTER USER {_account(name)} IDENTIFIED VIA {ways}"}
    return "by-hand", {}


def _grant(name: str) -> tuple[str, dict[str, str]]:
    match = _GRANT.fullmatch(name)
    if match is None:
        return "by-hand", {}
    place = f"\\`{match[2]}\\`" + (match[3] or ".*")
    return "revoke", {"statement": f"REVOKE ALL PRIVILEGES ON {place} FROM {match[1]}"}


def _server(found: Seen) -> tuple[str, dict[str, str]]:
    """A setting or plugin of the database server."""
    kind, name = str(found.evidence.get("set", "")), str(found.evidence.get("name", ""))
    new = found.new
    if kind == "plugin" and new and _VALUE.fullmatch(found.seen):
        return "unload", {"statement": f"UNINSTALL SONAME '{found.seen}'"}
    if kind == "setting" and not new and _WORD.fullmatch(name) and _VALUE.fullmatch(found.expected):
        return "set-variable", {"statement": f"SET GLOBAL {name}='{found.expected}'"}
    return "by-hand", {}


def _token(found: Seen) -> tuple[str, dict[str, str]]:
    """A standing password: rotate ends those of WordPress; of others only where their profile says how."""
    return ("restore-database" if found.evidence.get("set") == "token" else "rotate"), {}


def _account(name: str) -> str:
    user, _, host = name.rpartition("@")
    return f"'{user}'@'{host}'"


def commands(name: str, values: Mapping[str, str]) -> list[str]:
    """Return the commands of an advice; none when one of its values is not plain."""
    made = []
    for template in ADVICE[name].commands if name else ():
        for wanted in re.findall(r"\{(\w+)\}", template):
            pattern, text = _TABLE if wanted == "table" else _PLAIN, values.get(wanted, "")
            plain = pattern.fullmatch(text) and not text.startswith("-") and "/../" not in text + "/"
            if not plain and wanted != "statement":  # a statement is made of plain words alone
                return []
        made.append(template.format(**values))
    return made


_SPECIAL = {
    "database.code": _code,
    "database.user": _user,
    "database.server": _server,
    "database.application-password": _token,
    "content.hidden-link": _hidden_link,
    "network.filter": _filter,
    "account.group": _group,
}
