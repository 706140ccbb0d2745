"""The facts of one website out of what its host says, each with its evidence and how sure it is. Pure.

A value that could act in an inventory or on a command line (braces, quotes, control characters, ``..``) is not taken.
"""

from __future__ import annotations

import html
import itertools
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from ungcuu.core.i18n import N_, _
from ungcuu.hosts import profiles, website_facts
from ungcuu.hosts.discovery.nginx import plain_name
from ungcuu.hosts.discovery.reading import ACCOUNT, PATH, Folder, Survey
from ungcuu.hosts.discovery.vhosts import Website
from ungcuu.remote import site_config

_FORMS = {fact.name: fact.form for fact in website_facts.FACTS}


class Sure(StrEnum):
    """How sure a fact is. ``certain``: the host's own configuration says it, and something else agrees."""

    CERTAIN = "certain"
    LIKELY = "likely"
    GUESS = "guess"
    MISSING = "not found"


WORDS = {Sure.CERTAIN: N_("certain"), Sure.LIKELY: N_("likely"), Sure.GUESS: N_("guess"), Sure.MISSING: N_("not found")}


@dataclass(frozen=True)
class Found:
    """One fact. ``value`` is None where it was not found; ``evidence`` says in words where it comes from."""

    name: str
    value: Any
    sure: Sure
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Application:
    """Which application a folder holds, and what its configuration says of its database."""

    name: str
    title: str
    version: str = ""
    config: str = ""  # the file
    database: tuple[tuple[str, str], ...] = ()


def application(folder: Folder, root: str) -> Application | None:
    """Return the application whose marker files are all there; the one with most markers where several are."""
    names = [name for name in folder.application_texts if name in profiles.known()]
    if not names:
        return None
    profile = profiles.load(max(names, key=lambda name: len(profiles.load(name).detect.markers)))
    texts = folder.application_texts[profile.name]
    version = profile.detect.version
    found = None
    if version:
        found = re.search(version.pattern, texts.get(posixpath.join(root, version.file), ""))
    for path, text in texts.items():
        if profile.config and not (version and path == posixpath.join(root, version.file)):
            config = profile.config
            if database := site_config.connection(text, config.parser, config.names, config.defaults):
                return Application(
                    profile.name, profile.title, found[1] if found else "", path, tuple(database.items())
                )
    if profile.name == "php":
        return replace(_connected(folder), name="php", title=profile.title)
    return Application(profile.name, profile.title, found[1] if found else "")


def _connected(folder: Folder) -> Application:
    """The database that a hand-written site's sources name, where they name one alone."""
    if len({row[1:] for row in folder.connections}) != 1:
        return Application("", "")
    path, engine, name, user = folder.connections[0]
    stated = f"[database]\nengine = {engine}\nname = {name}\nuser = {user}"
    parts = {part: f"database.{part}" for part in ("engine", "name", "user")}
    return Application("", "", "", path, tuple(site_config.connection(stated, "ini", parts, {}).items()))


def facts(survey: Survey, site: Website) -> list[Found]:
    """Return every fact that an inventory states of a website, found or not, in the order of the example inventory."""
    folder = survey.folder(site)
    app = application(folder, site.root)
    if site.behind:
        app = None  # PHP that may lie there is not what answers
    return [
        _name(site, folder),
        *_health(site, folder),
        _root(survey, site, folder),
        _writable(folder, app, survey.account(site)[0]),
        *_data_paths(survey, site),
        _user(survey, site),
        _application(app, site),
        _ports(survey, site),
        _config_paths(survey, site, app),
        *_database(survey, _connected(folder) if site.behind else app),
    ]


def usable(fact: Found) -> bool:
    """Whether the value may be written into an inventory."""
    if fact.value is None:
        return False
    known = fact.name in website_facts.OPTIONAL or _FORMS[fact.name](fact.value)
    return bool(known) and not any(mark in str(fact.value) for mark in ("{{", "{%", "{#"))


def _missing(name: str, *evidence: str) -> Found:
    return Found(name, None, Sure.MISSING, evidence)


def _places(site: Website) -> str:
    return ", ".join(site.places[:3])


def _name(site: Website, folder: Folder) -> Found:
    names = [name for name in site.names if plain_name(name)]
    if names:
        also = [_("it also answers to {names}").format(names=", ".join(names[1:6]))] if names[1:] else []
        return Found("website_name", names[0], Sure.CERTAIN, (_places(site), *also))
    for page in folder.pages:
        if plain_name(page.host):
            return Found("website_name", page.host, Sure.LIKELY, (_("the website leads its visitors to this name"),))
    return _missing("website_name", _("{place} states no name").format(place=_places(site)))


def name_of(survey: Survey, site: Website) -> str:
    """The name of a website: what its vhost states, else where its pages lead."""
    return str(_name(site, survey.folder(site)).value or "")


def _root(survey: Survey, site: Website, folder: Folder) -> Found:
    if not PATH.fullmatch(site.root) or ".." in site.root.split("/"):
        text = _("{place}: in “{path}” stands {signs}, which is not taken; give the folder another name")
        return _missing("website_root", text.format(place=_places(site), path=_shown(site.root), signs=_signs(site)))
    if not folder.exists:
        return Found("website_root", site.root, Sure.GUESS, (_places(site), _("the folder does not exist")))
    if site.behind:
        where = _("{program} answers for the website, and works there").format(program=survey.account(site)[1])
        return Found("website_root", site.root, Sure.LIKELY, (_places(site), where))
    owners = [_("it belongs to the Debian package {name}").format(name=name) for name in folder.packages]
    return Found("website_root", site.root, Sure.CERTAIN, (_places(site), *owners))


def _signs(site: Website) -> str:
    """What of a root's path can't be stated in an inventory, each sign once."""
    signs = dict.fromkeys(sign for sign in _shown(site.root) if not PATH.fullmatch(f"/{sign}"))
    words = [_("a blank") if sign == " " else f"“{sign}”" for sign in signs]
    return ", ".join(words) or "“..”"


def _shown(path: str) -> str:
    """A path of the host's as it may stand in a line of text."""
    return "".join(sign if sign.isprintable() else "?" for sign in path)[:400]


def _user(survey: Survey, site: Website) -> Found:
    user, place = survey.account(site)
    if not ACCOUNT.fullmatch(user):
        return _missing("website_user", _("no PHP pool was found for {place}").format(place=_places(site)))
    if site.behind:
        return Found("website_user", user, Sure.CERTAIN, (_("{program} runs as this account").format(program=place),))
    if site.php == "mod_php":
        return Found("website_user", user, Sure.CERTAIN, (_("Apache runs PHP itself, as this account"), place))
    if user in {account for _pool, account in survey.workers}:
        return Found("website_user", user, Sure.CERTAIN, (place, _("its workers run")))
    return Found("website_user", user, Sure.LIKELY, (place, _("none of its workers runs now")))


def _application(app: Application | None, site: Website) -> Found:
    if site.behind:
        return _missing("website_application", _("not PHP: a program at {address} answers").format(address=site.behind))
    if app is None:
        return _missing("website_application", _("no known application in {root}").format(root=site.root))
    sure = Sure.CERTAIN if app.version else Sure.GUESS if app.name == "php" else Sure.LIKELY
    return Found("website_application", app.name, sure, (f"{app.title} {app.version}".strip(),))


def _ports(survey: Survey, site: Website) -> Found:
    ports = [port for port, _tls in site.ports]
    open_ones = [port for port in ports if port in survey.listening]
    if not open_ones:
        return _missing("website_ports", _("nothing listens on the ports of {place}").format(place=_places(site)))
    sure = Sure.CERTAIN if open_ones == ports else Sure.LIKELY
    words = ", ".join(f"{port} (TLS)" if tls else str(port) for port, tls in site.ports if port in open_ones)
    return Found("website_ports", open_ones, sure, (words, _places(site)))


def _writable(folder: Folder, app: Application | None, user: str) -> Found:
    name = "website_writable_paths"
    if not folder.exists or not user:
        return _missing(name)
    profile = profiles.load(app.name) if app else None
    known = [*profile.writable.media, *profile.writable.code, *profile.generated] if profile else []
    if folder.writable != (".",):
        found = sorted(path for path in folder.writable if ".." not in path.split("/"))
        owners = _("folders that {user} may write").format(user=user)
        return Found(name, found, Sure.CERTAIN, (owners if found else _("{user} may write none").format(user=user),))
    all_of_it = _("{user} may write the whole root; after hardening only these").format(user=user)
    if known:
        why = _("folders that {title} has to write").format(title=profile.title if profile else "")
        return Found(name, _topmost(known), Sure.LIKELY, (all_of_it, why))
    recent = list(folder.recent)
    return Found(name, recent, Sure.GUESS, (all_of_it, _("files that are no code were written there lately")))


def _topmost(paths: list[str]) -> list[str]:
    plain = sorted({path.rstrip("/") for path in paths if "*" not in path})
    return [path for path in plain if not any(path.startswith(other + "/") for other in plain)]


_SERVERS = {"nginx": "/etc/nginx", "apache": "/etc/apache2", "mariadb": "/etc/mysql", "postgresql": "/etc/postgresql"}


def _config_paths(survey: Survey, site: Website, app: Application | None) -> Found:
    folder = survey.folder(site)
    engine = dict((_connected(folder) if site.behind else app or Application("", "")).database).get("engine", "")
    unit = survey.programs[site.behind].file if site.behind in survey.programs else ""
    paths = [_SERVERS[site.server], *(["/etc/php"] if site.php else [])]
    paths += [_SERVERS[engine]] if engine in survey.databases else []
    paths += [_whole(path) for path in site.files]
    paths += [path for folders in folder.packages.values() for path in folders]
    paths += ["/".join(target.split("/")[:3]) for target in folder.outward.values() if target.startswith("/etc/")]
    paths += [unit] if unit.startswith("/etc/") else []
    paths += list(served := _served_beside(survey, site))
    paths += ["/".join(app.config.split("/")[:3])] if app and app.config.startswith("/etc/") else []
    kept = [path for path in _topmost(paths) if PATH.fullmatch(path) and ".." not in path.split("/")]
    kept = [path for path in kept if not _within(path, site.root) and not _within(site.root, path)]
    about = [site.server, *(["PHP"] if site.php else []), *([engine] if engine in survey.databases else [])]
    about += [unit.rpartition("/")[2]] if unit in kept else []
    evidence = [_("configuration of {names}").format(names=", ".join(about))]
    evidence += [_("certificates and keys: {paths}").format(paths=", ".join(site.files))] if site.files else []
    shown = [f"{path} ({folder})" for folder, path in served.items() if folder in kept]
    evidence += [_("served beside the root: {paths}").format(paths=", ".join(shown))] * bool(shown)
    evidence += [_("settings and data of the packages {names}").format(names=", ".join(folder.packages))] * bool(
        folder.packages
    )
    return Found("website_config_paths", kept, Sure.CERTAIN, tuple(evidence))


def _served_beside(survey: Survey, site: Website) -> dict[str, str]:
    """Folders that the website serves out of others than its root (documents, media), and under which path.

    What a Debian package brings (icons, scripts) comes back with the package; an application there is a website.
    """
    found = {}
    for other in survey.websites:
        folder = survey.folder(other)
        beside = other.path != "/" and other.names == site.names and not _within(other.root, site.root)
        if beside and folder.exists and not folder.packages and application(folder, other.root) is None:
            found[other.root] = other.path
    return found


def _data_paths(survey: Survey, site: Website) -> Iterator[Found]:
    """Folders outside of the root that PHP writes, or loads code from; none is no fact that lacks."""
    folder = survey.folder(site)
    paths = _topmost([*folder.data, *folder.beside])
    kept = [path for path in paths if ".." not in path.split("/") and not _within(path, site.root)]
    if kept:
        where = _("folders outside of the root that {user} may write").format(user=survey.account(site)[0])
        yield Found("website_data_paths", kept, Sure.CERTAIN, (where,))
    if code := [path for path in folder.code if ".." not in path.split("/")]:
        where = _("folders outside of the root from which the sources load code")
        yield Found("website_code_paths", code, Sure.CERTAIN, (where,))


def _whole(path: str) -> str:
    """Let's Encrypt's files are links into each other: they are kept as one folder."""
    return "/etc/letsencrypt" if path.startswith("/etc/letsencrypt/") else path


def _within(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def _database(survey: Survey, app: Application | None) -> Iterator[Found]:
    known = dict(app.database) if app else {}
    place = app.config if app else ""
    engine, name, user = known.get("engine"), known.get("name"), known.get("user")
    if app and app.name in ("php", "") and not known and not survey.databases:
        nothing = _("no database server runs here, and the settings that were read name none")
        yield Found("website_database_engine", "none", Sure.GUESS, (nothing,))
        return
    if app and app.version and profiles.load(app.name).config is None:
        reason = _("{title} keeps its data in files").format(title=app.title)
        yield Found("website_database_engine", "none", Sure.CERTAIN, (reason,))
        return
    if not known or engine not in ("mariadb", "postgresql"):
        reason = _("the application's settings state no database that is known here")
        yield from (_missing(f"website_database_{part}", reason) for part in ("engine", "name", "user"))
        return
    there = survey.databases.get(engine)
    if there and name in there:
        seen, sure = _("the server of this host has it"), Sure.CERTAIN
    else:
        seen, sure = _("no server of this host confirms it"), Sure.LIKELY
    for part, value in (("engine", engine), ("name", name), ("user", user)):
        yield (
            Found(f"website_database_{part}", value, sure, (place, seen))
            if value
            else _missing(f"website_database_{part}")
        )


# --- a page, and words that stand in it ------------------------------------------------------------------------------


_PAGE = re.compile(r"/[A-Za-z0-9/_.~%?=&;:@!,+-]{0,300}")


def _health(site: Website, folder: Folder) -> Iterator[Found]:
    good = [page for page in folder.pages if page.status == 200 and _PAGE.fullmatch(page.path)]
    if not good:
        answers = ", ".join(str(page.status) for page in folder.pages) or "–"
        path = site.path.rstrip("/") + "/"
        yield _missing("website_health_path", _("{path} answers {status}").format(path=path, status=answers))
        yield _missing("website_health_text")
        return
    path, good = good[0].path, [page for page in good if page.path == good[0].path]
    yield Found("website_health_path", path, Sure.CERTAIN, (_("it answers 200 over loopback"),))
    if texts := [text for text in headings(good[0].body) if all(text in page.body for page in good)]:
        again = _("title or heading of {path}; it was there {count} times out of {count}")
        evidence = again.format(path=path, count=len(good))
        yield Found("website_health_text", texts[0], Sure.LIKELY if len(good) > 1 else Sure.GUESS, (evidence,))
    else:
        yield _missing("website_health_text", _("no title or heading that could be taken"))


_HEAD = 64 << 10  # characters in which a title or heading is looked for
_TITLE = re.compile(r"<(title|h1|h2)\b[^>]{0,500}>(.{1,500}?)</\1>", re.IGNORECASE | re.DOTALL)
_TEXT = re.compile(r"[^\W_][^{}<>\\\"'`$%\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]{3,78}[^\W_]")
_SEPARATOR = re.compile(r"\s+[|·•–—:»«-]\s+|\s*&[#\w]+;\s*")


def headings(body: str) -> list[str]:
    """Return words of the title and headings as they stand in the page's source, the best to recognise it by first.

    A part before or after a separator is one of its own: the site's name changes less than the page's. Headings below
    the title are often of what an editor wrote, and may be gone tomorrow.
    """
    found, title = [], set()
    for match in itertools.islice(_TITLE.finditer(body[:_HEAD]), 20):
        raw = re.sub(r"<[^>]{0,200}>", "", match[2])
        parts = [" ".join(part.split()) for part in _SEPARATOR.split(raw)]
        good = [part for part in parts if _TEXT.fullmatch(part) and html.unescape(part) == part and part in body]
        found += good
        title |= set(good) if match[1].lower() == "title" else set()
    return sorted(dict.fromkeys(found), key=lambda text: (text not in title, -body.count(text), -len(text)))
