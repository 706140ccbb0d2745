"""Take findings out of use on a host; each can be put back.

What holds:

1. What to do comes from the controller's own findings; the host's claims in them are checked here before they become
   an order: a path below an allowed folder, and nothing that the signed baseline knows as good.
2. What is needed to put a thing back is kept on the controller, signed; the host's own manifest is not believed.
3. Doing it twice changes nothing the second time.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ungcuu.core.check_phrases import Left
from ungcuu.core.clock import now
from ungcuu.core.errors import Refused, UsageFault
from ungcuu.core.heard import heard
from ungcuu.core.i18n import _
from ungcuu.core.phrases import Coded, TextOrCode, phrase
from ungcuu.core.sentences import shown
from ungcuu.core.settings import host_folder
from ungcuu.core.terminal import clean
from ungcuu.detect import baseline
from ungcuu.detect.baseline import Snapshot, path_bytes
from ungcuu.detect.findings import Do, Severity, what_helps
from ungcuu.detect.records import fits
from ungcuu.detect.scan import Subject
from ungcuu.hosts import remote_program
from ungcuu.recover.own_files import OwnFiles

STORE = "/var/lib/ungcuu/quarantine"
SECONDS = 300.0
DEFAULT_SEVERITIES = (Severity.CRITICAL.value, Severity.HIGH.value)

# Folders in which an intruder's files are looked for; nothing outside is ever touched.
_ALLOWED = (
    "/etc/", "/usr/local/", "/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/libexec/", "/opt/", "/srv/", "/var/www/",
    "/var/spool/cron/", "/tmp/", "/var/tmp/", "/dev/shm/",  # noqa: S108  looked into, not written
    "/run/systemd/", "/run/udev/rules.d/", "/run/dbus-1/", "/usr/share/", "/root/", "/home/", "/var/lib/",
)  # fmt: skip # a table
# Without these nobody gets in again, or nothing is left to judge by.
_NEVER = re.compile(
    r"^(?:/etc/(?:passwd|shadow|group|gshadow|sudoers|fstab|ssh/sshd_config|ssh/ssh_host_[^/]*|nsswitch\.conf|"
    r"machine-id|hosts)|/var/lib/(?:ungcuu|dpkg|mysql|postgresql)(?:/.*)?|/usr/(?:sbin/sshd|bin/(?:sudo|python3[^/]*|sh|dash|bash)))$"
)
_HANDLED = frozenset({Do.MOVE, Do.LINES, Do.UNIT, Do.LOCK, Do.MEMBER, Do.MODE, Do.KILL})
_ORDER = (Do.KILL, Do.UNIT, Do.LINES, Do.MOVE, Do.LOCK, Do.MEMBER, Do.MODE)


@dataclass(frozen=True)
class Order:
    """One action to be done on the host. ``id`` names it in quarantine."""

    id: str
    finding: str
    rule: str
    do: Do
    path: str
    details: Mapping[str, Any] = field(default_factory=dict)

    def wire(self) -> dict[str, Any]:
        """Return it as the program on the host reads it: paths as bytes in base64."""
        row: dict[str, Any] = {"id": self.id, "do": self.do.value, **self.details}
        if "path" in self.details:
            row["path"] = base64.b64encode(path_bytes(str(self.details["path"]))).decode()
        return row


@dataclass(frozen=True)
class Choice:
    """What is to be taken: by default every critical and high finding of the last scan."""

    findings: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    kill: bool = False
    accounts_kept: tuple[str, ...] = ()


@dataclass(frozen=True)
class Planned:
    """Orders for the host, and the findings that need something else."""

    orders: tuple[Order, ...]
    left: tuple[Mapping[str, Any], ...]


def last_scan(state: Path, host: str) -> Mapping[str, Any]:
    """Return findings.json.

    Raises:
        Refused: No scan was made.
    """
    try:
        document = json.loads((host_folder(state, host) / "findings.json").read_bytes())
    except (OSError, ValueError) as error:
        raise Refused(
            _("There are no findings of {host}.").format(host=host), _("Nothing was touched."), f"ungcuu scan {host}"
        ) from error
    return document if isinstance(document, dict) else {}


def plan(
    document: Mapping[str, Any], choice: Choice, known: Snapshot | None, stamp: str = "", own: OwnFiles | None = None
) -> Planned:
    """Turn findings into orders; ``own`` are files that the website needs. Pure.

    Raises:
        UsageFault: A finding or a path that was named can't be taken.
    """
    stamp = stamp or datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    rows = _chosen(document.get("findings", []), choice)
    orders, left, own = [], [], (own or OwnFiles()).behind_links(known)
    for row in rows:
        order = _order(row, choice, known, stamp, own)
        if isinstance(order, Order):
            orders.append(order)
        else:
            left.append(
                {**{name: row.get(name) for name in ("id", "rule", "severity", "path", "advice")}, "why": order}
            )
    for number, path in enumerate(choice.paths):
        orders.append(_named_path(path, known, f"{stamp}-path{number}"))
    unique = {(order.do, json.dumps(order.details, sort_keys=True)): order for order in reversed(orders)}
    ordered = sorted(unique.values(), key=lambda order: (_ORDER.index(order.do), order.id))
    return Planned(tuple(ordered), tuple(left))


def _chosen(rows: Iterable[Mapping[str, Any]], choice: Choice) -> list[Mapping[str, Any]]:
    known = {str(row["id"]): row for row in rows}
    missing = [name for name in choice.findings if name not in known]
    if missing:
        raise UsageFault(
            _("The last scan has no finding {ids}.").format(ids=", ".join(missing)), _("Nothing was touched."), ""
        )
    if choice.findings:
        return [known[name] for name in choice.findings]
    if choice.paths:
        return []
    return [row for row in known.values() if row.get("severity") in DEFAULT_SEVERITIES]


def why_left(row: Mapping[str, Any]) -> str:
    """Return why a finding was left, in the reader's language: a reason of its own, else what helps against it."""
    return shown(row["why"]) if row.get("why") else _(what_helps(str(row.get("rule")), str(row.get("advice") or "")))


def _order(row: Mapping[str, Any], choice: Choice, known: Snapshot | None, stamp: str, own: OwnFiles) -> Order | Coded:
    """Return the order for one finding, or why there is none: an empty phrase where its advice says it."""
    action = dict(row.get("action", {}))
    try:
        do = Do(action.pop("do", "person"))
    except ValueError:
        return phrase(Left.UNKNOWN_ACTION)
    if do not in _HANDLED:
        return {}
    if do is Do.KILL and not choice.kill:
        return phrase(Left.KILL_NOT_ASKED)
    why = _forbidden(do, action, known, choice)
    if not why and do is Do.MOVE and str(row["id"]) not in choice.findings:
        why = own.why_kept(str(action.get("path", "")), known)
    if why:
        return why
    if known is not None and "path" in action and (good := known.file(str(action["path"]))):
        action["keep"] = good.get("sha256", "")
    return Order(f"{stamp}-{row['id']}", str(row["id"]), str(row["rule"]), do, clean(row.get("path", "")), action)


def _forbidden(do: Do, action: Mapping[str, Any], known: Snapshot | None, choice: Choice) -> Coded:
    """Return why this action is not ordered: a lying host must not make us break what is good."""
    path = str(action.get("path", ""))
    if do in (Do.MOVE, Do.UNIT, Do.LINES, Do.MODE) and not allowed(path, lines=do in (Do.LINES, Do.MODE)):
        return phrase(Left.OUTSIDE)
    if known is None:
        return {} if do in (Do.MOVE, Do.KILL) else phrase(Left.NO_BASELINE_FOR_IT)
    return next((phrase(what) for what, good in _good(do, action, known, choice) if good), {})


def _good(do: Do, action: Mapping[str, Any], known: Snapshot, choice: Choice) -> Iterable[tuple[Left, bool]]:
    """Yield what the baseline knows of the thing that is to be taken."""
    path, account = str(action.get("path", "")), str(action.get("account", ""))
    # Python writes compiled code again: a poisoned file may go although the baseline knows a good one there.
    compiled = path.endswith(".pyc") and (known.file(path) or {}).get("sha256") != action.get("sha256")
    if do in (Do.MOVE, Do.UNIT) and not compiled:
        yield Left.GOOD_FILE, _same_as_known(known.file(path), action)
    if do is Do.UNIT:
        yield Left.GOOD_UNIT, (str(action.get("unit")),) in known.of("unit")
    if do is Do.LINES:
        yield Left.GOOD_LINE, any(key[1] == path and key[2] in action.get("lines", []) for key in known.of("line"))
    if do is Do.LOCK:
        yield Left.GOOD_ACCOUNT, (account,) in known.of("account") or account in choice.accounts_kept
    if do is Do.MEMBER:
        members = known.of("group").get((str(action.get("group", "")),), {}).get("members", [])
        yield Left.GOOD_MEMBERSHIP, account in members


def _same_as_known(good: Mapping[str, Any] | None, action: Mapping[str, Any]) -> bool:
    return good is not None and (good.get("sha256") == action.get("sha256") or good.get("area") != "upload")


def allowed(path: str, lines: bool = False) -> bool:
    """Whether a path that a host named may be touched at all; ``lines``: only lines or rights of it change."""
    raw = path_bytes(path)
    plain = raw.startswith(b"/") and not {b"", b".", b".."} & set(raw.split(b"/")[1:]) and b"\0" not in raw
    return plain and path.startswith(_ALLOWED) and (lines or not _NEVER.match(path))


def _named_path(path: str, known: Snapshot | None, identity: str) -> Order:
    escaped = path.replace("\\", "\\\\") if path.isprintable() else ""
    if not allowed(escaped) or (known is not None and known.file(escaped)):
        raise UsageFault(
            _(
                "{path} may not be moved: it is part of the baseline, or outside of the folders that may be changed."
            ).format(path=path),
            _("Nothing was touched."),
            "",
        )
    return Order(identity, "", "named", Do.MOVE, escaped, {"path": escaped})


# --- doing --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Taken:
    """What became of one order: done, gone (nothing was there), good (it is the right one again), refused or failed."""

    order: Order
    outcome: str
    why: TextOrCode = field(default_factory=dict)
    known: Mapping[str, Any] = field(default_factory=dict)

    def record(self, host: str) -> dict[str, Any]:
        """Return it as the journal's ``quarantine`` record."""
        return {
            "id": self.order.id,
            "host": host,
            "finding": self.order.finding,
            "rule": self.order.rule,
            "do": self.order.do.value,
            "path": self.order.path,
            "outcome": self.outcome,
            "why": self.why,
            "known": dict(self.known),
            "inverse": undo(host, self.order) if self.outcome == "done" else "",
        }


def undo(host: str, order: Order) -> str:
    """Return the command that puts it back; a process can't be."""
    return "" if order.do is Do.KILL else f"ungcuu eradicate {host} --put-back {order.id}"


def carry_out(subject: Subject, orders: Sequence[Order], check: bool = False) -> list[Taken]:
    """Do the orders in one session and keep what is needed for the way back; one that got no answer is ``unknown``.

    Raises:
        Tampered: The list of what was taken before does not match its signature; nothing was touched.
        UngcuuError: The host could not be reached, or the connection was lost: what was begun is finished by a new run.
    """
    if not orders:
        return []
    if not check:
        remembered(subject.state, subject.name)  # a list that was tampered with is found before the host is touched
    config = {
        "store": STORE,
        "check": check,
        "protected": [subject.target.user],
        "actions": [order.wire() for order in orders],
    }
    answers = _answers(
        remote_program.run_program(subject.target, "quarantine", config, SECONDS, 16 << 20, changes=not check)
    )
    taken = [_taken(order, answers.get(order.id)) for order in orders]
    if not check:
        remember(subject, [item for item in taken if item.outcome == "done"])
    return taken


def _answers(raw: bytes) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for line in raw.splitlines():
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict) and isinstance(row.get("id"), str):
            found[row["id"]] = row
    return found


_KNOWN: Mapping[str, type] = {
    "mode": int, "uid": int, "gid": int, "size": int, "mtime_ns": int, "atime_ns": int, "flags": int, "sha256": str,
    "type": str, "after": str, "enabled": str, "active": str, "shell": str, "expires": str, "locked": bool,
    "xattrs": dict,
}  # fmt: skip # a table


def _taken(order: Order, answer: Mapping[str, Any] | None) -> Taken:
    if answer is None:
        return Taken(order, "unknown", phrase(Left.NO_ANSWER))
    outcome = answer.get("outcome")
    if outcome not in ("done", "gone", "good", "would", "refused", "failed"):
        return Taken(order, "unknown", phrase(Left.ANSWER_FORM))
    raw = answer.get("known", {})
    known = {
        name: raw[name]
        for name, wanted in _KNOWN.items()
        if isinstance(raw, dict) and fits(raw.get(name), wanted, 8192)
    }
    return Taken(order, outcome, heard(answer.get("why"), frozenset()), known)


# --- the controller's memory --------------------------------------------------------------------------------------


def remembered(state: Path, host: str) -> list[dict[str, Any]]:
    """Return what was taken on the host, oldest first.

    Raises:
        Tampered: The list does not match its signature.
    """
    path = host_folder(state, host) / "quarantine.json"
    if not path.exists():
        return []
    return list(baseline.verified(path, state / "keys", host)["items"])


def remember(subject: Subject, taken: Sequence[Taken]) -> None:
    """Add to what was taken, signed."""
    if not taken:
        return
    rows = remembered(subject.state, subject.name)
    rows += [
        {
            "id": item.order.id,
            "finding": item.order.finding,
            "rule": item.order.rule,
            "do": item.order.do.value,
            "path": item.order.path,
            "details": dict(item.order.details),
            "known": dict(item.known),
            "time": now(),
            "put_back": "",
        }
        for item in taken
    ]
    _write(subject, rows)


def _write(subject: Subject, rows: Sequence[Mapping[str, Any]]) -> None:
    path = baseline.host_folder(subject.state, subject.name) / "quarantine.json"
    document = {"format": baseline.FORMAT, "host": subject.name, "items": list(rows)}
    baseline.sign(path, document, subject.state / "keys")


def bring_back(subject: Subject, ids: Sequence[str], check: bool = False) -> list[Taken]:
    """Put things back that were taken.

    Raises:
        UsageFault: Nothing of that id was taken.
        UngcuuError: The host could not be reached, or the list was tampered with.
    """
    rows = {row["id"]: row for row in remembered(subject.state, subject.name)}
    missing = [name for name in ids if name not in rows]
    if missing:
        raise UsageFault(
            _("Nothing was taken from {host} under {ids}.").format(host=subject.name, ids=", ".join(missing)),
            _("Nothing was touched."),
            _("ungcuu eradicate {host} --plan lists what is in quarantine.").format(host=subject.name),
        )
    orders = [
        Order(
            row["id"],
            row["finding"],
            row["rule"],
            Do(row["do"]),
            row["path"],
            {**row["details"], "known": row["known"]},
        )
        for row in (rows[name] for name in reversed(ids))
        if Do(row["do"]) is not Do.KILL and not row["put_back"]
    ]
    if not orders:
        return []
    config = {"store": STORE, "check": check, "put_back": True, "actions": [order.wire() for order in orders]}
    answers = _answers(
        remote_program.run_program(subject.target, "quarantine", config, SECONDS, 16 << 20, changes=not check)
    )
    taken = [_taken(order, answers.get(order.id)) for order in orders]
    if not check:
        for item in taken:
            if item.outcome == "done":
                rows[item.order.id]["put_back"] = now()
        _write(subject, list(rows.values()))
    return taken
