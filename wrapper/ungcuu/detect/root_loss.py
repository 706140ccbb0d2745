"""Whether an intruder had root on a host, and what has to happen before it may serve again. The one place for both.

1. Who had root can have changed anything, also what no scan looks at: a host that is clean afterwards proves nothing.
2. The fact is recorded on the controller, signed, by the scan that saw it. It is kept from then on, whatever a later
   scan finds, once it is an incident: a case is open, the host is isolated, or ``eradicate`` ran. Before that it goes
   with its findings, or with a baseline by which a person calls them right.
3. What is kept ends with another machine in the host's place (a new host key that a person enrolled, and ``rebuild``
   done), or by a person's word with a reason, which every document shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ungcuu.core.clock import now
from ungcuu.core.terminal import clean
from ungcuu.detect import baseline
from ungcuu.detect.findings import Finding, Severity
from ungcuu.hosts import ssh

RECORD = "root-lost.json"
KEPT = 50  # findings; the first ones are enough to know why
SHORTEST_REASON = 10  # characters: "ok" is no reason

_Test = Callable[[Finding], bool]


def _always(_item: Finding) -> bool:
    return True


def _root_place(item: Finding) -> bool:
    """A place that only root may write, and that is root's own: not the crontab or the shell of another account."""
    spool = item.path.startswith("/var/spool/cron/") and not item.path.endswith("/root")
    return (
        item.path.startswith(("/etc/", "/run/", "/usr/", "/opt/", "/root/", "/lib/", "/var/spool/cron/")) and not spool
    )


def _root_owned(item: Finding) -> bool:
    return bool(item.evidence.get("uid", 0) == 0)


def _root_process(item: Finding) -> bool:
    return bool(item.evidence.get("uid") == 0)


# Rules that say: whoever did this was root, or is root now. Only critical and high findings count. A new rule is added
# here when its finding can't be made by the website's own account; docs/reference/findings.md lists them.
RULES: Mapping[str, _Test] = {
    "persistence.preload": _always,
    "persistence.cron": _root_place,
    "persistence.cron-line": _root_place,
    "persistence.unit": _root_place,
    "persistence.startup": _root_place,
    "persistence.activation": _root_place,
    "persistence.interpreter": _root_place,
    "persistence.library-path": _always,
    "persistence.environment": _always,
    "persistence.linger": _always,
    "program.bytecode": _root_place,
    "package.source": _always,
    "package.script": _always,
    "package.record": _always,
    "account.group": _always,
    "access.sudo": _always,
    "access.login": _always,
    "access.key": lambda item: item.severity is Severity.CRITICAL,
    "account.root": _always,
    "account.added": _always,
    "account.member": lambda item: item.severity is Severity.CRITICAL,
    "privilege.file": _root_owned,
    "program.modified": _always,
    "program.added": _root_place,
    "process.hidden": _root_process,
    "process.unexplained": _root_process,
    "kernel.module": _always,
    "package.forged": _always,
    "reader.disagrees": _always,
    "reader.changed": _always,
}


def shows(item: Finding) -> bool:
    """Whether this finding says that root was lost."""
    test = RULES.get(item.rule)
    return test is not None and item.severity in (Severity.CRITICAL, Severity.HIGH) and test(item)


@dataclass(frozen=True)
class Loss:
    """A host whose root was lost, and is not yet got back. ``findings`` as "rule path"."""

    host: str
    since: str
    findings: tuple[str, ...]
    keys: tuple[str, ...] = ()
    kept: bool = False
    ended: Mapping[str, Any] = field(default_factory=dict)

    @property
    def standing(self) -> bool:
        """Whether it still stands against the return to service."""
        return not self.ended

    def sentence(self) -> str:
        """Say it in one line, with the first of the findings."""
        more = f" (+{len(self.findings) - 3})" if len(self.findings) > 3 else ""
        return f"root was lost: {'; '.join(self.findings[:3])}{more}"

    def document(self) -> dict[str, Any]:
        """Return it as root-lost.json holds it."""
        return {
            "format": baseline.FORMAT,
            "host": self.host,
            "since": self.since,
            "kept": self.kept,
            "findings": list(self.findings),
            "host_keys": list(self.keys),
            "ended": dict(self.ended),
        }

    def record(self) -> dict[str, Any]:
        """Return it as the journal's ``root_lost`` record."""
        return {"host": self.host, "since": self.since, "findings": list(self.findings[:10])}


def load(state: Path, host: str) -> Loss | None:
    """Return what is known, also when it has ended.

    Raises:
        Tampered: The record does not match its signature.
    """
    path = state / "hosts" / host / RECORD
    if not path.exists():
        return None
    known = baseline.verified(path, state / "keys", host)
    return Loss(
        host,
        str(known["since"]),
        tuple(map(str, known["findings"])),
        tuple(map(str, known["host_keys"])),
        known.get("kept") is True,
        dict(known.get("ended") or {}),
    )


def standing(state: Path, host: str) -> Loss | None:
    """Return the loss that stands against the return to service, or None.

    Raises:
        Tampered: The record does not match its signature.
    """
    loss = load(state, host)
    return loss if loss is not None and loss.standing else None


def remember(
    state: Path, target: ssh.Target, found: Iterable[Finding], incident: bool, *, check: bool = False
) -> Loss | None:
    """Take in what a scan found; returns what stands afterwards. During an incident nothing is forgotten.

    With ``check`` nothing is written: it returns what would stand.

    Raises:
        Tampered: The record before does not match its signature.
    """
    host = target.name
    seen = [f"{item.rule} {item.path}" for item in found if shows(item)]
    known = standing(state, host)
    keep = incident or (known is not None and known.kept)
    if known is not None and not seen and not keep:
        if not check:
            _forget(state, host)
        return None
    if known is None and not seen:
        return None
    if known is None or not keep:
        loss = Loss(host, now(), tuple(seen[:KEPT]), pinned(target), keep)
    else:
        loss = replace(known, findings=tuple(dict.fromkeys([*known.findings, *seen]))[:KEPT], kept=True)
    if loss != known and not check:
        _write(state, loss)
    return loss


def keep(state: Path, host: str) -> Loss | None:
    """Keep what the last scan found of it: somebody began to clean up. Returns what stands.

    Raises:
        Tampered: The record does not match its signature.
    """
    loss = standing(state, host)
    if loss is not None and not loss.kept:
        loss = replace(loss, kept=True)
        _write(state, loss)
    return loss


def pinned(target: ssh.Target) -> tuple[str, ...]:
    """Return the fingerprints of the host keys that are enrolled for this host: the machine's identity."""
    from ungcuu.hosts.enrolment import pinned_keys

    return tuple(key.fingerprint for key in pinned_keys(target.known_hosts, target.name))


def rebuilt(state: Path, target: ssh.Target) -> Loss | None:
    """Say that ``rebuild`` is done. Returns the loss that stands nevertheless: the machine is still the same.

    Raises:
        Tampered: The record does not match its signature.
    """
    loss = standing(state, target.name)
    if loss is None:
        return None
    keys = pinned(target)
    if not keys or set(keys) & set(loss.keys):
        return loss
    _write(state, _ended(loss, {"how": "rebuilt", "time": now(), "host_keys": list(keys)}))
    return None


def accepted(state: Path, host: str) -> None:
    """Say that a person took a new baseline: what was found before an incident was theirs."""
    loss = standing(state, host)
    if loss is not None and not loss.kept:
        _forget(state, host)


def override(state: Path, host: str, reason: str, by: str) -> None:
    """Let the host back into service although root was lost, on a person's word.

    Raises:
        ValueError: The reason says nothing.
        Tampered: The record does not match its signature.
    """
    if not is_reason(reason):
        raise ValueError(reason)
    loss = standing(state, host)
    if loss is not None:
        ending = {"how": "override", "time": now(), "reason": clean(reason, 2000), "by": clean(by, 200)}
        _write(state, _ended(loss, ending))


def is_reason(text: str) -> bool:
    """Whether this is a reason that somebody else can judge."""
    return len(text.strip()) >= SHORTEST_REASON


def _ended(loss: Loss, how: Mapping[str, Any]) -> Loss:
    return replace(loss, ended=dict(how))


def _write(state: Path, loss: Loss) -> None:
    baseline.sign(baseline.host_folder(state, loss.host) / RECORD, loss.document(), state / "keys")


def _forget(state: Path, host: str) -> None:
    """Set the record aside under its time; nothing is deleted."""
    path = state / "hosts" / host / RECORD
    for suffix in (".json", ".sig"):
        if path.with_suffix(suffix).exists():
            path.with_suffix(suffix).replace(path.with_name(f"root-lost-before{suffix}"))
