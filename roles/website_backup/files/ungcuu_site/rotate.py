"""New credentials for the website, by its application's profile; the old ones are proven dead.

1. The whole configuration is read, and its new text made, before anything changes: what is missing there is a refusal.
2. Database password and keys change first. If the page then fails, the configuration goes back and the old ones stay.
3. Then sessions and tokens end, and administrators get new passwords, as the application's own database account.

Secrets come on standard input and go to the database clients the same way; none is answered.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import pwd
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ungcuu_site import configuration, database_account, endings, health, programs
from ungcuu_site.administrators import Accounts
from ungcuu_site.common import AREA, RESTORE_AREA, RefusedError, locked, now, say, write_json
from ungcuu_site.configuration import Configuration
from ungcuu_site.login import Login

PASSWORD = "database_password"  # noqa: S105  (the name of one in a request)
_SECRET = re.compile(r"[A-Za-z0-9]{24,128}")
_PLAIN = re.compile(r"[^'\\\x00-\x1f]{1,200}")
_HEALTH_SECONDS = 20
_IN_USE = "the new database password and keys are in use; not all sessions, tokens and administrators are done"


class Site:
    """One website with its profile and what its configuration states."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.facts, profile = request["site"], request["profile"]
        self.root, self.database = str(self.facts["root"]), dict(self.facts.get("database") or {})
        self.secrets: dict[str, Any] = profile["secrets"] or {}
        self.config = Configuration(self.root, profile["config"], self.database)
        self.prefix = self.config.stated.get("prefix", "")
        self.form = profile["accounts"]

    @property
    def password_name(self) -> str:
        """The name of the database's password in the configuration; empty where the site has none."""
        return str(self.secrets.get("database_password") or "") if self.database else ""

    def login(self, password: str = "") -> Login | None:
        """The website's login, with its present password unless another is given."""
        if not self.password_name:
            return None
        return Login(self.database, self.config.stated, password or self.config.value(self.password_name))

    def accounts(self, login: Login | None) -> Accounts | None:
        """The administrators, where the profile knows them."""
        return Accounts(self.root, self.form, self.prefix, login) if self.form else None


def administrators(request: dict[str, Any]) -> dict[str, Any]:
    """Who administers the application, by login name. Nothing is changed.

    After a rotation that was cut off, configuration and database may have different passwords. Then nobody is listed,
    so that another rotation can give both the same one.
    """
    site = Site(request)
    login = site.login()
    if login is not None and not login.opens():
        return {"administrators": [], "others": 0, "closed": True}
    accounts = site.accounts(login)
    names, others = accounts.names() if accounts else ([], 0)
    return {"administrators": names, "others": others}


def rotate(request: dict[str, Any]) -> dict[str, Any]:
    """Replace the website's credentials.

    Raises:
        RefusedError: an unreadable configuration, a page that then fails, or a database that refuses.
    """
    new, people = dict(request["secrets"]), dict(request["administrators"])
    if any(not _SECRET.fullmatch(str(value)) for value in (*new.values(), *people.values())):
        raise RefusedError("the new secrets have a wrong shape")
    with locked("restore"):
        site, moment = Site(request), AREA / "rotated" / now().replace(":", "")
        changes, old = _new_configuration(site, new)
        accounts = site.accounts(site.login()) if people else None
        known = accounts.names()[0] if accounts else []
        if missing := sorted(set(people) - set(known)):
            raise RefusedError(f"the application has no administrator {missing[0]!a}")
        _exchange(site, changes, old, new)
        _remember(site, changes)
        try:
            return _end(site, changes, {"old": old, "new": new.get(PASSWORD, "")}, people, moment)
        except (RefusedError, OSError) as error:
            raise RefusedError(str(error), _IN_USE) from None


def _new_configuration(site: Site, new: Mapping[str, str]) -> tuple[dict[Path, tuple[str, str]], str]:
    """What each file becomes, and the database password that is in use."""
    wanted = {name: new[name] for name in (*site.secrets.get("keys", ()), *site.secrets.get("added", ()))}
    if site.password_name:
        wanted[site.password_name] = new[PASSWORD]
    changes = site.config.replaced(wanted, site.secrets.get("added", ()))
    return changes, site.config.value(site.password_name) if site.password_name else ""


def _exchange(site: Site, changes: dict[Path, tuple[str, str]], old: str, new: Mapping[str, str]) -> None:
    """Change database password and configuration, or neither."""
    if not changes:
        return
    account = database_account.account(site.database, old, new[PASSWORD]) if site.password_name else None
    worked = health.works(site.facts)  # a rotation that was cut off is finished by another one: no reason to refuse
    try:
        if account:
            account.before()
        say("step", text="change the application's configuration")
        for path, (_, text) in changes.items():
            configuration.replace(path, text)
        if account:
            account.after()
        # PHP reads its settings at each request; a program behind a proxy has those of its start.
        programs.restart(str(site.facts["root"]))
        health.wait_for(site.facts, _HEALTH_SECONDS)
    except (RefusedError, OSError) as error:
        for path, (text, _) in changes.items():
            configuration.replace(path, text)
        if account:
            account.back()
        with contextlib.suppress(RefusedError):
            programs.restart(str(site.facts["root"]))
        failed = "the site fails with the new credentials"
        why = failed if worked else f"the site failed before anything was changed; {failed} too"
        raise RefusedError(f"{why}: {error}", "the old ones are in use") from None
    if account:
        account.settle()
        health.wait_for(site.facts, _HEALTH_SECONDS)


def _end(
    site: Site, changes: dict[Path, tuple[str, str]], words: dict[str, str], people: dict[str, str], moment: Path
) -> dict[str, Any]:
    """End what does not need the old password, and prove all of it."""
    login, proofs = site.login(words["new"]), []
    if login is not None:
        opens = Login(site.database, site.config.stated, words["old"]).opens()
        proofs += [_proof("new_database_password", login.opens())]
        proofs += [_proof("old_database_password", not opens)]
        left = endings.end_rows(login, site.prefix, site.secrets.get("ended", ()))
        if "tokens" in left:
            count = {"code": "passwords_left", "count": left["tokens"]}
            proofs.append(_proof("application_passwords", not left["tokens"], count))
    stays = endings.set_aside(site.root, site.secrets.get("files", ()), moment / "files")
    if pattern := site.secrets.get("session_files"):
        user = pwd.getpwnam(str(site.facts["user"])).pw_uid
        stays += endings.end_session_files(user, pattern, moment / "sessions")
    if "sessions" in site.secrets.get("breaks", ()):
        proofs.append(_proof("old_sessions", not stays and _differ(changes), _named(stays)))
    answer = {"files": [_digests(path, before, configuration.read(path)) for path, (before, _) in changes.items()]}
    return answer | _people(site, login, people, proofs) | {"proofs": proofs}


def _differ(changes: dict[Path, tuple[str, str]]) -> bool:
    """Whether no file that was to change stands there as before."""
    return all(configuration.read(path) == text != before for path, (before, text) in changes.items())


def _people(site: Site, login: Login | None, people: dict[str, str], proofs: list[dict[str, Any]]) -> dict[str, Any]:
    """Give administrators their new passwords; the file that holds them changes with them."""
    accounts = site.accounts(login)
    if not accounts or not people:
        return {}
    before = configuration.read(accounts.file) if accounts.file else ""
    rows = accounts.change(people)
    dead = {row["name"] for row in rows if row["passed"]}
    stays = sorted(set(people) - dead)
    proofs.append(_proof("old_administrators", not stays, _named(stays)))
    changed = [_digests(accounts.file, before, configuration.read(accounts.file))] if accounts.file else []
    return {"administrators": [row["digest"] for row in rows], "account_files": changed}


def _proof(name: str, passed: bool, detail: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"name": name, "side": "host", "passed": passed, "detail": {} if passed else detail or {}}


def _named(names: Sequence[str]) -> dict[str, Any]:
    return {"code": "named", "names": list(names)} if names else {}


def _digests(path: Path, before: str, after: str) -> dict[str, str]:
    """As a scan will see the file: the controller must not call our own change an intruder's."""
    return {"path": str(path), "before": _digest(before), "after": _digest(after)}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _memory() -> Path:
    return AREA / "rotated" / "configuration.json"


def _remember(site: Site, changes: dict[Path, tuple[str, str]]) -> None:
    """Write down where this website's secrets stand: a restore of an older point carries those in use over."""
    if not changes:
        return
    _memory().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = [*site.secrets.get("keys", ()), *site.secrets.get("added", ())]
    row = {
        "paths": [str(path) for path in changes],
        "parser": site.config.config["parser"],
        "password": site.password_name,
        "names": [*names, *([site.password_name] if site.password_name else [])],
        "added": list(site.secrets.get("added", ())),
        "stated": site.config.stated,
    }
    write_json(_memory(), _remembered() | {site.root: row})


def _remembered() -> dict[str, Any]:
    try:
        document = json.loads(_memory().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def carry_over(site: dict[str, Any], staged: Path, identity: str) -> bool:
    """Give a staged copy the credentials in use, where its own are from before a rotation and dead by now.

    Old keys must not come back with old pages: they are what the rotation took from the intruder. Only plain values are
    carried over, since the live configuration may have been an intruder's.
    """
    row, done = _remembered().get(str(site["root"])), False
    for live in map(Path, row["paths"] if row else ()):
        inside = live.is_relative_to(Path(site["root"]))
        beside = RESTORE_AREA / identity / "config"
        copy = staged / live.relative_to(site["root"]) if inside else beside / live.relative_to("/")
        if live.is_file() and copy.is_file() and not copy.is_symlink():
            done = _carry(site, row, live, copy) or done
    return done


def _carry(site: dict[str, Any], row: dict[str, Any], live: Path, copy: Path) -> bool:
    parser, text = row["parser"], configuration.read(copy)
    mine = configuration.site_config.values(text, parser)
    now_in_use = configuration.site_config.values(configuration.read(live), parser)
    fresh = {name: now_in_use[name] for name in row["names"] if name in now_in_use}
    if not fresh or not all(_PLAIN.fullmatch(value) for value in fresh.values()):
        return False
    if (name := row["password"]) in fresh:
        old, new = (Login(site["database"], row["stated"], values.get(name, "")) for values in (mine, now_in_use))
        if old.opens() or not new.opens():
            return False
    try:
        changed = configuration.site_config.replaced(text, parser, fresh, row["added"])
    except ValueError:
        return False
    if changed == text:
        return False
    configuration.replace(copy, changed)
    return True
