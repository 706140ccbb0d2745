"""Ask a host how its websites are set up, and let through only answers of the expected form.

1. Two round trips: what serves, then what each folder that is served is made of. Nothing is changed on the host.
2. A host may lie at any length and in any form: each answer has a bound, and what has not its form is dropped.
3. Of application settings only names of the database, its account and its server go further; passwords are not kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ungcuu.core.errors import StepFailed
from ungcuu.core.i18n import _
from ungcuu.hosts import profiles, remote_program, ssh
from ungcuu.hosts.discovery import apache, nginx
from ungcuu.hosts.discovery.vhosts import Vhost, Website, websites
from ungcuu.remote.apache_config import Config

SECONDS = 60.0  # for each of the two questions
QUOTA = 32 << 20
MOST_SITES = 40
# What a path may look like to be stated in an inventory: letters of every language, also with their marks as characters
# of their own; no blank, quote or sign that a shell, systemd or a web server reads as anything else.
_SIGNS = r"\w\u0300-\u036f.@+~:,="
PATH = re.compile(rf"/[{_SIGNS}/-]{{1,400}}")
RELATIVE = re.compile(rf"[{_SIGNS}-][{_SIGNS}/-]{{0,300}}")
ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


@dataclass(frozen=True)
class Page:
    """What the web server answers, redirects followed. ``status`` 0: it did not; ``host`` is the name it led to.

    ``more``: the page is longer than what was read of it.
    """

    status: int = 0
    host: str = ""
    path: str = ""
    body: str = ""
    more: bool = False


@dataclass(frozen=True)
class Folder:
    """What a folder that is served is made of. ``application_texts``: name of a profile → path → text."""

    exists: bool = False
    real: str = ""
    pages: tuple[Page, ...] = ()
    application_texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    writable: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()
    outward: Mapping[str, str] = field(default_factory=dict)
    data: tuple[str, ...] = ()  # folders that PHP may write and that links put outside of the root
    packages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    jobs: tuple[str, ...] = ()
    connections: tuple[tuple[str, ...], ...] = ()  # of a hand-written site: file, engine, database, account


@dataclass(frozen=True)
class Survey:
    """What a host says of its websites. ``pools``: socket or address → (pool, account, file)."""

    websites: tuple[Website, ...] = ()
    folders: Mapping[str, Folder] = field(default_factory=dict)  # by label and root, see key()
    pools: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)
    workers: frozenset[tuple[str, str]] = frozenset()
    apache_user: str = ""
    databases: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    listening: frozenset[int] = frozenset()
    paths: Mapping[str, str] = field(default_factory=dict)  # stated path → file, folder or nothing
    real: Mapping[str, str] = field(default_factory=dict)  # stated path → where its links lead
    accounts: Mapping[str, bool] = field(default_factory=dict)
    stated_page: Page | None = None
    left_out: tuple[str, ...] = ()

    def folder(self, site: Website) -> Folder:
        """What the folder of this website is made of."""
        return self.folders.get(key(site), Folder())

    def account(self, site: Website) -> tuple[str, str]:
        """The account that runs a website's PHP, and where that stands; empty where it was not found."""
        if site.php == "mod_php":
            return self.apache_user, "apache2ctl -D DUMP_RUN_CFG"
        _pool, user, place = self.pools.get(_address(site.php.removeprefix("unix:")), ("", "", ""))
        return user, place


def key(site: Website) -> str:
    """Return what keeps the folders of a survey apart."""
    return f"{site.label} {site.root}"


@dataclass(frozen=True)
class Stated:
    """What an inventory states and a host is asked about: paths, accounts, and the page that shows the site is well."""

    paths: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    name: str = ""
    root: str = ""
    page: str = ""


def survey(target: ssh.Target, stated: Stated = Stated()) -> Survey:
    """Read a host.

    Raises:
        UngcuuError: It can't be reached, or does not answer as expected.
    """
    served = _asked(target, {})
    found = tuple(websites(_vhosts(served)))[:MOST_SITES]
    base = Survey(
        websites=found,
        pools=_pools(served),
        workers=frozenset((str(row[0]), str(row[1])) for row in _rows(served.get("workers")) if len(row) == 2),
        apache_user=_apache(served).user,
        databases=_databases(served.get("databases")),
        listening=frozenset(int(row[0]) for row in _rows(served.get("listening")) if row and isinstance(row[0], int)),
    )
    first = _ask_stated(found, stated)  # while there is time
    ask = {
        "sites": [*first, *(_ask_site(base, site) for site in found)],
        "applications": _applications(),
        "paths": list(stated.paths),
        "accounts": list(stated.accounts),
    }
    answer = _asked(target, {"ask": ask})
    folders = [_folder(one) for one in _rows(answer.get("sites"), dict)]
    extra = [page for folder in folders[: len(first)] for page in folder.pages]
    return Survey(
        **{
            **vars(base),
            "folders": {key(site): folder for site, folder in zip(found, folders[len(first) :], strict=False)},
            "paths": _texts(answer.get("paths")),
            "real": _texts(answer.get("real")),
            "accounts": {str(k): v is True for k, v in _mapping(answer.get("accounts")).items()},
            "stated_page": _best(extra) if extra else None,
            "left_out": (*_unread(served), *_words(served.get("left_out")), *_words(answer.get("left_out"))),
        }
    )


def _best(pages: Sequence[Page]) -> Page:
    """The page that a visitor sees: the answer with content, else the one that there is."""
    return next((page for page in pages if page.status == 200), pages[0])


def _asked(target: ssh.Target, question: Mapping[str, Any]) -> Mapping[str, Any]:
    raw = remote_program.run_program(target, "discovery", question, SECONDS, QUOTA)
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise StepFailed(
            _("{host} did not answer as expected: {why}").format(host=target.name, why=_("no document")),
            _("Nothing was changed on it."),
            f"ungcuu doctor {target.name}",
        )
    return found


def _applications() -> dict[str, dict[str, list[str]]]:
    """What to look for of each application: marker files, and the files that give its version and settings."""
    found = {}
    for name in profiles.known():
        profile = profiles.load(name)
        read = [profile.detect.version.file] if profile.detect.version else []
        read += list(profile.config.paths) if profile.config else []
        found[name] = {"markers": list(profile.detect.markers), "read": read}
    return found


def _ask_site(base: Survey, site: Website) -> dict[str, Any]:
    name = site.names[0] if site.names else "localhost"
    path = site.path.rstrip("/") + "/"
    return {
        "root": site.root if PATH.fullmatch(site.root) else "/nonexistent",
        "user": base.account(site)[0],
        "pages": [{"port": port, "tls": tls, "host": name, "path": path, "most": 96 << 10} for port, tls in _two(site)],
    }


def _two(site: Website) -> list[tuple[int, bool]]:
    """The ports to ask: one of each kind; where there is one alone it is asked twice, to see what changes by itself."""
    plain = [pair for pair in site.ports if not pair[1]][:1]
    tls = [pair for pair in site.ports if pair[1]][:1]
    return (plain + tls) if plain and tls else (plain or tls) * 2


def _ask_stated(found: Sequence[Website], stated: Stated) -> list[dict[str, Any]]:
    """Ask for the page that the inventory states: of the website of that name, else of that root, else of the first.

    Where the name is no website's, the one that was chosen is asked in its own: the page is judged by itself.
    """
    if not (stated.page and stated.name and found):
        return []
    name = stated.name.lower()
    by_name = [one for one in found if name in one.names]
    site = next(iter([*by_name, *(one for one in found if one.root == stated.root), *found]))
    host = stated.name if by_name or not site.names else site.names[0]
    pages = [{"port": port, "tls": tls, "host": host, "path": stated.page, "most": 1 << 20} for port, tls in _two(site)]
    return [{"root": "/nonexistent", "user": "", "pages": pages}]


# --- forms -----------------------------------------------------------------------------------------------------------


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _rows(value: Any, kind: type = list) -> list[Any]:
    return [row for row in value if isinstance(row, kind)] if isinstance(value, list) else []


def _words(value: Any) -> tuple[str, ...]:
    return tuple(_rows(value, str))[:200]


def _texts(value: Any) -> dict[str, str]:
    return {k: v for k, v in _mapping(value).items() if isinstance(k, str) and isinstance(v, str)}


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _apache(served: Mapping[str, Any]) -> Config:
    answer = _mapping(served.get("apache"))
    return Config(_texts(answer.get("files")), str(answer.get("said") or ""))


def _vhosts(served: Mapping[str, Any]) -> list[Vhost]:
    """The vhosts of the web servers that listen: an installed one that does not run serves nothing."""
    programs = _listeners(served)
    found = []
    if "nginx" in programs:
        found += nginx.vhosts(str(_mapping(served.get("nginx")).get("text") or ""))
    if "apache2" in programs:
        found += apache.vhosts(_apache(served))
    return found


def _unread(served: Mapping[str, Any]) -> list[str]:
    """Virtual hosts that Apache lists and that were not read: those of macros, and of sections behind a definition."""
    listed = _apache(served).listed if "apache2" in _listeners(served) else set()
    return [f"apache2: {place}" for place in sorted(listed - {vhost.place for vhost in _vhosts(served)})]


def _listeners(served: Mapping[str, Any]) -> set[str]:
    """Names of the programs that listen."""
    return {str(row[1]) for row in _rows(served.get("listening")) if len(row) > 1}


def _pools(served: Mapping[str, Any]) -> dict[str, tuple[str, str, str]]:
    """Pools by each name of their socket or address, as web servers write it."""
    links = _texts(served.get("sockets"))
    found: dict[str, tuple[str, str, str]] = {}
    for place, text in _texts(served.get("pools")).items():
        for pool, settings in _sections(text):
            user, listen = settings.get("user", ""), settings.get("listen", "").replace("$pool", pool)
            if ACCOUNT.fullmatch(user) and listen:
                found[_address(listen)] = (pool, user, place)
    for name, real in links.items():  # Debian's alternatives: php-fpm.sock stands for php8.2-fpm.sock
        if _address(real) in found:
            found.setdefault(_address(name), found[_address(real)])
    return found


def _address(listen: str) -> str:
    if listen.startswith("/"):
        return "unix:" + listen.replace("/var/run/", "/run/", 1)
    return listen.replace("localhost:", "127.0.0.1:") if ":" in listen else f"127.0.0.1:{listen}"


def _sections(text: str) -> list[tuple[str, dict[str, str]]]:
    """Pools of one file with their settings; `;` and `#` begin a comment."""
    found: list[tuple[str, dict[str, str]]] = []
    for line in text.splitlines():
        if match := re.match(r"\s*\[([A-Za-z0-9_.-]+)\]", line):
            found.append((match[1], {}))
        elif found and (match := re.match(r"\s*([a-z_.]+)\s*=\s*[\"']?([^\"';]*?)[\"']?\s*(;.*)?$", line)):
            found[-1][1][match[1]] = match[2]
    return found


def _databases(value: Any) -> dict[str, tuple[str, ...] | None]:
    return {
        engine: None if names is None else _words(names)
        for engine, names in _mapping(value).items()
        if engine in ("mariadb", "postgresql")
    }


def _folder(answer: Mapping[str, Any]) -> Folder:
    pages = tuple(
        Page(
            status=_number(page.get("status")),
            host=str(page.get("host") or ""),
            path=str(page.get("path") or ""),
            body=str(page.get("body") or ""),
            more=page.get("more") is True,
        )
        for page in _rows(answer.get("pages"), dict)
    )
    if answer.get("exists") is not True:
        return Folder(pages=pages)
    packages = {
        name: tuple(path for path in _words(folders) if PATH.fullmatch(path))
        for name, folders in _mapping(answer.get("packages")).items()
        if re.fullmatch(r"[a-z0-9][a-z0-9.+:-]{0,80}", name)
    }
    return Folder(
        exists=True,
        real=str(answer.get("real") or ""),
        pages=pages,
        application_texts={name: _texts(texts) for name, texts in _mapping(answer.get("applications")).items()},
        writable=tuple(path for path in _words(answer.get("writable")) if RELATIVE.fullmatch(path)),
        recent=tuple(path for path in _words(answer.get("recent")) if RELATIVE.fullmatch(path)),
        outward={k: v for k, v in _texts(answer.get("outward")).items() if PATH.fullmatch(v)},
        data=tuple(path for path in _words(answer.get("data")) if PATH.fullmatch(path)),
        packages=packages,
        jobs=_words(answer.get("jobs")),
        connections=tuple(
            row for row in (_words(one) for one in _rows(answer.get("connections"))) if len(row) == 4 and row[2]
        ),
    )
