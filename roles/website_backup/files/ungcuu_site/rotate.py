"""New credentials for the website: database password, application keys; the old ones are proven dead.

The database accepts both passwords while the application's configuration changes, so no visitor meets a gap. If the
page then fails, the configuration goes back and the old password stays. Secrets come on standard input and go to the
database client the same way; none is answered.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any

from ungcuu_site import health, mariadb, standing
from ungcuu_site.common import RefusedError, locked, run, say

_SECRET = re.compile(r"[A-Za-z0-9]{24,128}")
_PLAIN = re.compile(r"[^'\\\\\x00-\x1f]{1,200}")
_KEYS = ("AUTH_KEY", "SECURE_AUTH_KEY", "LOGGED_IN_KEY", "NONCE_KEY")
_SALTS = tuple(key.replace("KEY", "SALT") for key in _KEYS)
_HEALTH_SECONDS = 20


def rotate(request: dict[str, Any]) -> dict[str, Any]:
    """Replace the website's credentials.

    Raises:
        RefusedError: another application than WordPress, an unreadable configuration, or a page that then fails.
    """
    site, new = request["site"], request["secrets"]
    if site.get("application") != "wordpress":
        raise RefusedError("only WordPress's credentials can be rotated yet")
    if site["database"].get("engine") != "mariadb":
        raise RefusedError("only a MariaDB password can be rotated yet")
    if any(not _SECRET.fullmatch(str(value)) for value in new.values()):
        raise RefusedError("the new secrets have a wrong shape")
    with locked("restore"):
        path = Path(site["root"]) / "wp-config.php"
        old_text = path.read_text(encoding="utf-8")
        old = _defined(old_text, "DB_PASSWORD")
        values = {"DB_PASSWORD": new["database_password"], **{name: new[name.lower()] for name in (*_KEYS, *_SALTS)}}
        user, host = site["database"]["user"], _host_of(site["database"]["user"])
        account = f"{mariadb.quoted(user)}@{mariadb.quoted(host)}"
        _accept(account, [old, new["database_password"]])
        try:
            say("step", text="change the application's configuration")
            _replace(path, _with(old_text, values))
            health.wait_for(site, _HEALTH_SECONDS)
        except (RefusedError, OSError) as error:
            _replace(path, old_text)
            _accept(account, [old])
            raise RefusedError(f"the site fails with the new credentials: {error}", "the old ones are in use") from None
        _accept(account, [new["database_password"]])
        health.wait_for(site, _HEALTH_SECONDS)
        words, text = {"old": old, "new": new["database_password"]}, path.read_text(encoding="utf-8")
        standing_left = standing.end(site["database"]["name"])
        proofs = _proofs(site["database"], words, _unchanged(text, old_text), standing_left)
        return {"proofs": proofs, "path": str(path), "before": _digest(old_text), "after": _digest(text)}


def _digest(text: str) -> str:
    """As a scan will see the file: the controller must not call our own change an intruder's."""
    return hashlib.sha256(text.encode()).hexdigest()


def _host_of(user: str) -> str:
    rows = mariadb.ask(f"SELECT host FROM mysql.user WHERE user={mariadb.text(user)}")  # noqa: S608 - quoted by text()
    if len(rows) != 1:
        raise RefusedError(f"the database knows {len(rows)} accounts of the website, not one")
    return rows[0][0]


def _accept(account: str, passwords: list[str]) -> None:
    ways = " OR ".join(f"mysql_native_password USING PASSWORD({mariadb.text(word)})" for word in passwords)
    mariadb.ask(f"ALTER USER {account} IDENTIFIED VIA {ways}")


def _define(name: str) -> re.Pattern[str]:
    quoted = r"""(?P<quote>['"])(?P<value>(?:\\.|(?!(?P=quote)).)*)(?P=quote)"""
    return re.compile(rf"""(?P<head>define\(\s*['"]{name}['"]\s*,\s*){quoted}(?P<tail>\s*\)\s*;)""")


def _defined(text: str, name: str) -> str:
    found = _define(name).search(text)
    if found is None:
        raise RefusedError(f"wp-config.php does not define {name} as a plain text")
    return re.sub(r"\\(.)", r"\1", found["value"])


def _with(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        pattern = _define(name)
        if len(pattern.findall(text)) != 1:
            raise RefusedError(f"wp-config.php does not define {name} exactly once")
        text = pattern.sub(lambda found, value=value: f"{found['head']}'{value}'{found['tail']}", text)  # type: ignore[misc]
    return text


def _replace(path: Path, text: str) -> None:
    """In one step, with the owner and mode that it had."""
    known, fresh = path.stat(), path.with_name(".wp-config.ungcuu-new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    os.chown(fresh, known.st_uid, known.st_gid)
    fresh.chmod(known.st_mode & 0o7777)
    fresh.replace(path)


def _opens(user: str, password: str, schema: str) -> bool:
    """Whether a password opens the database, asked as the application asks."""
    descriptor = os.memfd_create("ungcuu")
    try:
        os.fchmod(descriptor, 0o600)
        os.write(descriptor, f'[client]\nuser={user}\npassword="{password}"\n'.encode())
        options = [f"--defaults-file=/proc/self/fd/{descriptor}", "--batch", "-e", "SELECT 1", schema]
        return run(["mariadb", *options], descriptors=[descriptor]).returncode == 0
    finally:
        os.close(descriptor)


def _unchanged(text: str, old_text: str) -> list[str]:
    return [name for name in (*_KEYS, *_SALTS) if _defined(text, name) == _defined(old_text, name)]


def _proofs(facts: dict[str, Any], words: dict[str, str], stale: list[str], standing_left: int) -> list[dict[str, Any]]:
    user, schema = facts["user"], facts["name"]
    rows: list[tuple[str, bool, dict[str, Any]]] = [
        ("new_database_password", _opens(user, words["new"], schema), {}),
        ("old_database_password", not _opens(user, words["old"], schema), {}),
        ("old_sessions", not stale, {"code": "named", "names": stale} if stale else {}),
        ("application_passwords", not standing_left, {"code": "passwords_left", "count": standing_left}),
    ]
    return [{"name": name, "side": "host", "passed": passed, "detail": detail} for name, passed, detail in rows]


def carry_over(site: dict[str, Any], staged: Path) -> bool:
    """Give a staged tree the credentials in use, where its own are from before a rotation and dead by now.

    Old keys must not come back with old pages: they are what the rotation took from the intruder. Only plain values are
    carried over, since the live configuration may have been an intruder's.
    """
    live_path, staged_path = Path(site["root"]) / "wp-config.php", staged / "wp-config.php"
    if (
        site.get("database", {}).get("engine") != "mariadb"
        or not live_path.is_file()
        or not staged_path.is_file()
        or staged_path.is_symlink()
    ):
        return False
    live, text = (path.read_text(encoding="utf-8", errors="surrogateescape") for path in (live_path, staged_path))
    try:
        values = {name: _defined(live, name) for name in ("DB_PASSWORD", *_KEYS, *_SALTS)}
        mine = _defined(text, "DB_PASSWORD")
    except RefusedError:
        return False
    user, schema = site["database"]["user"], site["database"]["name"]
    dead = not _opens(user, mine, schema) and _opens(user, values["DB_PASSWORD"], schema)
    if not dead or not all(_PLAIN.fullmatch(value) for value in values.values()):
        return False
    _replace(staged_path, _with(text, values))
    return True
