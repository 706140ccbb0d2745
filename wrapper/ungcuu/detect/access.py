"""Who may come in: keys, jobs and rules in shared files, accounts, seats in groups."""

from __future__ import annotations

from collections.abc import Iterator

from ungcuu.core.check_phrases import Seen
from ungcuu.core.phrases import Coded, phrase
from ungcuu.detect.baseline import Row, Snapshot
from ungcuu.detect.comparison import (
    ABSENT,
    CRITICAL,
    GONE,
    HIGH,
    LOW,
    MEDIUM,
    POWER_GROUPS,
    SUSPICIOUS_JOB,
    Comparison,
    is_expected,
)
from ungcuu.detect.findings import Do, Finding, Severity

_LINE_RULES = {
    "key": ("access.key", HIGH),
    "cron": ("persistence.cron-line", HIGH),
    "sudo": ("access.sudo", CRITICAL),
    "preload": ("persistence.preload", CRITICAL),
    "names": ("network.names", MEDIUM),
}


def lines(comparison: Comparison) -> Iterator[Finding]:
    """Each key, job and rule that was not there; and keys that are gone."""
    before, now = (comparison.before or Snapshot()).of("line"), comparison.now.of("line")
    if comparison.before is None:
        now = {key: row for key, row in now.items() if key[0] == "preload"}
    for key, row in now.items():
        kind, path = key[0], key[1]
        whole = kind != "key" and comparison.before is not None and comparison.before.file(path) is None
        old = kind == "names" and comparison.before is not None and comparison.before.reader < 2
        if key in before or kind not in _LINE_RULES or old or whole or is_expected(comparison, path):
            continue
        rule, severity = _LINE_RULES[kind]
        if kind == "key" and _is_powerful(comparison.now, row.get("account", "")):
            severity = CRITICAL
        if kind == "cron" and SUSPICIOUS_JOB.search(row.get("text", "")):
            severity = CRITICAL
        shown = " ".join(filter(None, (row.get("fingerprint"), row.get("options"), row.get("comment")))) or row.get(
            "text"
        )
        evidence = {"line": row.get("number"), "line_sha256": row["sha256"], "account": row.get("account", "")}
        action = {"do": Do.LINES.value, "path": path, "lines": [row["sha256"]]}
        yield comparison.find(
            rule,
            severity,
            "line",
            path,
            expected=ABSENT,
            seen=shown or "",
            evidence=evidence,
            action=action,
            mark=row["sha256"],
        )
    for key, row in before.items():
        if key not in now and not is_expected(comparison, key[1]):
            rule = {"key": "access.key-removed", "names": "network.names"}.get(key[0], "config.changed")
            yield comparison.find(
                rule,
                MEDIUM,
                "line",
                key[1],
                expected=row.get("fingerprint") or row.get("text", ""),
                seen=GONE,
                mark=key[2],
            )


def _is_powerful(snapshot: Snapshot, account: str) -> bool:
    row = snapshot.of("account").get((account,), {})
    member = any(
        account in group.get("members", []) for key, group in snapshot.of("group").items() if key[0] in POWER_GROUPS
    )
    named = any(
        row_.get("text", "").split(None, 1)[:1] == [account]
        for key, row_ in snapshot.of("line").items()
        if key[0] == "sudo"
    )
    return row.get("uid") == "0" or member or named


_NO_LOGIN = ("/nologin", "/false", "/sync")


def _differs(comparison: Comparison, old: Row, row: Row) -> bool:
    """Whether an account is another than it was; a password that ungcuu gave it is right."""
    ours = row.get("digest") and comparison.policy.expected.get(f"account:{row['name']}") == row["digest"]
    fields = [field for field in _ACCOUNT_FIELDS if not (ours and field == "digest")]
    return any(old.get(field) != row.get(field) for field in fields)


_ACCOUNT_FIELDS = ("uid", "gid", "home", "shell", "password", "digest")


def accounts(comparison: Comparison) -> Iterator[Finding]:
    """Accounts that appeared, changed or vanished, and seats in groups that grant power."""
    before, now = comparison.before, comparison.now.of("account")
    for (name,), row in now.items():
        old = before.of("account").get((name,)) if before else None
        if row.get("uid") == "0" and name != "root" and (old is None or old.get("uid") != "0"):
            severity = MEDIUM if _is_locked(row) else CRITICAL
            yield _account(comparison, "account.root", severity, row, old)
        elif before and old is None:
            yield from _added_account(comparison, row)
        elif old is not None and _differs(comparison, old, row):
            yield _account(comparison, "account.changed", HIGH, row, old)
    for (name,), row in (before.of("account") if before else {}).items():
        if (name,) not in now:
            yield comparison.find("account.removed", MEDIUM, "account", name, expected=_account_text(row), seen=GONE)


def _account_text(row: Row) -> Coded:
    return phrase(Seen.ACCOUNT, uid=row.get("uid"), shell=row.get("shell"), password=row.get("password"))


def _is_locked(row: Row) -> bool:
    return row.get("password") == "locked" and str(row.get("shell", "")).endswith(_NO_LOGIN)


def _account(comparison: Comparison, rule: str, severity: Severity, row: Row, old: Row | None) -> Finding:
    act = old is None and not _is_locked(row)
    return comparison.find(
        rule,
        severity,
        "account",
        row["name"],
        expected=_account_text(old) if old else ABSENT,
        seen=_account_text(row),
        evidence=_fields(old),
        action={"do": Do.LOCK.value, "account": row["name"]} if act else None,
    )


def _fields(old: Row | None) -> dict[str, object]:
    return {name: old[name] for name in ("home", "shell") if old and name in old}


def _added_account(comparison: Comparison, row: Row) -> Iterator[Finding]:
    if _is_locked(row):
        yield _account(comparison, "account.locked", LOW, row, None)
    elif not _is_vault_account(comparison, row):
        yield _account(comparison, "account.added", HIGH, row, None)


def _is_vault_account(comparison: Comparison, row: Row) -> bool:
    """Whether it is the account that the first backup made, held by exactly the files that were sent with it.

    Its login is one command of sshd's drop-in. Without a password and a home of its own it has no other.
    """
    name, made = _VAULT_ACCOUNT
    shape = tuple(row.get(field) for field in ("home", "shell", "password"))
    alone = [one for one in comparison.now.of("account").values() if one.get("uid") == row.get("uid")]
    held = all(is_expected(comparison, path) for path in _VAULT_FILES)
    return row["name"] == name and shape == made and len(alone) == 1 and held


# As roles/website_backup/tasks/access.yml makes it.
_VAULT_ACCOUNT = ("ungcuu-backup", ("/nonexistent", "/bin/sh", "locked"))
_VAULT_FILES = (
    "/etc/ssh/sshd_config.d/50-ungcuu-backup.conf",
    "/etc/ssh/ungcuu-backup.keys",
    "/etc/sudoers.d/ungcuu-backup",
)


def _group_number(old: Row) -> Coded:
    return phrase(Seen.GROUP_NUMBER, number=old["gid"]) if "gid" in old else phrase(Seen.GROUP_OWN_NUMBER)


def groups(comparison: Comparison) -> Iterator[Finding]:
    """New members of groups that grant power, and groups that took another's number."""
    if comparison.before is None:
        return
    numbers = {row.get("gid"): name for (name,), row in comparison.before.of("group").items()}
    for (name,), row in comparison.now.of("group").items():
        old = comparison.before.of("group").get((name,), {})
        owner = numbers.get(row.get("gid"), name)
        if owner != name or old.get("gid", row.get("gid")) != row.get("gid"):
            severity = CRITICAL if owner in POWER_GROUPS else HIGH
            yield comparison.find(
                "account.group",
                severity,
                "account",
                name,
                evidence={"number": old.get("gid", "")},
                seen=phrase(Seen.GROUP_OF, number=row.get("gid"), group=owner),
                expected=_group_number(old),
            )
        for member in sorted(set(row.get("members", [])) - set(old.get("members", []))):
            severity = CRITICAL if name in POWER_GROUPS else MEDIUM
            yield comparison.find(
                "account.member",
                severity,
                "account",
                f"{name}: {member}",
                seen=member,
                mark=member,
                action={"do": Do.MEMBER.value, "group": name, "account": member},
            )
