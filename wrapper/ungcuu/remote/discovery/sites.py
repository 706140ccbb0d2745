"""What websites are made of: files that give an application away, folders that PHP may write, packages, jobs."""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
import time
from pathlib import Path
from typing import Any

from ungcuu.remote.bounded import late, left_out, printed, text_of, texts
from ungcuu.remote.discovery.connections import opened, stated
from ungcuu.remote.discovery.pages import first_page

FOLDERS = 20000  # of one website that are looked at
WRITABLE = 60  # folders that are named
LINKS = 4  # one behind the other that are followed
RECENT = 30 * 86400.0


class Account:
    """What an account may write, by the modes of files alone (access lists are not read)."""

    def __init__(self, name: str) -> None:
        try:
            row = pwd.getpwnam(name)
        except KeyError:
            self.known, self.uid, self.gids, self.home = False, -1, frozenset[int](), ""
            return
        members = {group.gr_gid for group in grp.getgrall() if name in group.gr_mem}
        self.known, self.uid, self.gids = True, row.pw_uid, frozenset({row.pw_gid, *members})
        self.home = row.pw_dir

    def writes(self, folder: Path) -> bool:
        """Whether the account may make files in this folder."""
        try:
            seen = folder.stat()
        except OSError:
            return False
        if seen.st_uid == self.uid:
            return bool(seen.st_mode & stat.S_IWUSR)
        if seen.st_gid in self.gids:
            return bool(seen.st_mode & stat.S_IWGRP)
        return bool(seen.st_mode & stat.S_IWOTH)


def writable(root: str, account: Account) -> list[str]:
    """The topmost folders below a root that the account may write, relative to it; "." where that is the root.

    Links out of the root are followed, since the web server follows them: a folder with two names is named by both.
    """
    found: list[str] = []
    if account.uid == 0 or not account.known:
        return found
    if account.writes(Path(root)):
        return ["."]
    count = 0
    ways: list[tuple[str, tuple[str, ...]]] = [(root, (os.path.realpath(root),))]
    while ways:
        way, targets = ways.pop(0)
        for folder, folders, _files in os.walk(way):
            if (count := count + 1) > FOLDERS or late():
                left_out(root, "too many folders to look at all of them")
                return sorted(found)[:WRITABLE]
            for name in sorted(folders):
                place = Path(folder, name)
                target = os.path.realpath(place) if place.is_symlink() else ""
                if target and not _leads_out(target, targets):
                    continue
                if account.writes(place):
                    folders.remove(name)
                    found.append(str(place.relative_to(root)))
                elif target:
                    ways.append((str(place), (*targets, target)))
    return sorted(found)[:WRITABLE]


def _leads_out(target: str, targets: tuple[str, ...]) -> bool:
    """Whether a link leads neither back into where its own way came from, nor to what holds the root."""
    if len(targets) > LINKS or len(Path(target).parts) < 3 or f"{targets[0]}/".startswith(f"{target}/"):
        return False  # never the whole of /var
    return not any(f"{target}/".startswith(f"{one}/") for one in targets)


def outside(root: str, folders: list[str]) -> list[str]:
    """Where the folders that PHP may write lie, of those that a link puts outside of the root."""
    real = os.path.realpath(root)
    places = {os.path.realpath(Path(root, folder)) for folder in folders}
    return sorted(place for place in places if not f"{place}/".startswith(f"{real}/"))


KEPT_IN = ("/srv", "/var/lib", "/var/cache", "/var/www", "/var/local", "/var/opt", "/opt", "/home", "/data", "/mnt")
_NOBODYS = ("/var/lib/php", "/var/lib/nginx", "/var/cache/nginx", "/var/cache/apache2", "/var/lib/apache2")
_SHARED = ("root", "www-data", "nobody", "nginx", "apache")  # accounts that several websites may have
_DEEP = 3  # levels below those folders that are looked at
_LITERAL = re.compile(r"""["'](/(?:srv|var/(?:lib|cache|www|local|opt)|opt|home|data|mnt)/[\w.@+~:,=/-]{1,200})["']""")


def beside(root: str, account: Account, name: str, sources: dict[str, str]) -> list[str]:
    """Folders outside of the root that the account may write: those that the sources name, and those of its own.

    The system's (sessions, logs, temporary files) are no website's. A home folder holds the account's own affairs.
    """
    if account.uid == 0 or not account.known:
        return []
    named = {match[1] for text in sources.values() for match in _LITERAL.finditer(text)}
    places = {os.path.realpath(path if Path(path).is_dir() else Path(path).parent) for path in named}
    real = os.path.realpath(root)
    if name not in _SHARED:
        around = (real, account.home)
        places |= {place for top in KEPT_IN for place in owned_by(account.uid, top, around) if place != account.home}
    good = {place for place in places if _is_beside(place, real) and account.writes(Path(place))}
    return sorted(place for place in good if not any(place.startswith(f"{one}/") for one in good))[:WRITABLE]


def _is_beside(place: str, real: str) -> bool:
    """Whether a folder is a website's: neither in its root nor around it, nor one of the system's."""
    tops = (*KEPT_IN, *_NOBODYS)
    around = any(f"{one}/".startswith(f"{place}/") for one in (real, *tops))
    inside = any(place.startswith(f"{one}/") for one in (real, *_NOBODYS))
    return place.startswith(tuple(f"{top}/" for top in KEPT_IN)) and Path(place).is_dir() and not around and not inside


_LOADED = re.compile(r"""\b(?:require|include)(?:_once)?\s*\(?\s*["'](/[\w.@+~:,=/-]{2,200})["']""")
_OPEN = ("/usr/share/php", "/var/lib/php", "/etc", "/proc", "/dev")  # what PHP may open anyway, or never should


def code_beside(root: str, account: Account, sources: dict[str, str]) -> list[str]:
    """Folders outside of the root from which the sources load code by its whole path; not those that PHP may write."""
    named = {match[1] for text in sources.values() for match in _LOADED.finditer(text)}
    folders = {os.path.realpath(Path(path).parent) for path in named if Path(path).is_file()}
    closed = (os.path.realpath(root), *_OPEN)
    good = {place for place in folders if not any(f"{place}/".startswith(f"{one}/") for one in closed)}
    deep = {place for place in good if len(Path(place).parts) > 3 and not account.writes(Path(place))}
    return sorted(place for place in deep if not any(place.startswith(f"{one}/") for one in deep))[:WRITABLE]


def parent_open(root: str) -> bool:
    """Whether others than root may write the folder that holds the root: a restore changes trees there, and refuses."""
    seen = Path(os.path.realpath(root)).parent.stat()
    return seen.st_uid != 0 or bool(seen.st_mode & 0o022)


def owned_by(uid: int, top: str, around: tuple[str, ...]) -> list[str]:
    """The topmost folders of an account, a few levels below a folder; not those that hold one of ``around``."""
    found: list[str] = []
    for count, (folder, folders, _files) in enumerate(os.walk(top)):
        if count > FOLDERS or late():
            left_out(top, "too many folders to look at all of them")
            break
        for name in list(folders):
            place = Path(folder, name)
            try:
                own = not place.is_symlink() and place.stat().st_uid == uid
            except OSError:
                own = False
            own = own and not any(f"{one}/".startswith(f"{place}/") for one in around)
            if own:
                found.append(str(place))
            if own or len(place.relative_to(top).parts) >= _DEEP:
                folders.remove(name)
    return found


def recent(root: str) -> list[str]:
    """Folders (at most two levels down) in which files that are no code were written in the last 30 days."""
    found, since = set(), time.time() - RECENT
    for count, (folder, folders, files) in enumerate(os.walk(root)):
        if count > FOLDERS or late():
            left_out(root, "too many folders to look at all of them")
            break
        place = Path(folder).relative_to(root)
        if place.parts[:1] and any(_written(Path(folder, name), since) for name in files):
            found.add("/".join(place.parts[:2]))
            folders.clear()
    return sorted(found)[:WRITABLE]


def _written(path: Path, since: float) -> bool:
    try:
        return path.suffix.lower() not in (".php", ".inc", ".phtml") and path.lstat().st_mtime > since
    except OSError:
        return False


def outward(root: str) -> dict[str, str]:
    """Links at most three levels below a root that lead out of it."""
    found: dict[str, str] = {}
    real = os.path.realpath(root)
    for folder, folders, files in os.walk(root):
        place = Path(folder).relative_to(root)
        if len(place.parts) >= 2:
            folders.clear()
        for name in (*folders, *files):
            path = Path(folder, name)
            if path.is_symlink() and not (target := os.path.realpath(path)).startswith(real + "/"):
                found[str(path.relative_to(root))] = target
        if len(found) > 200:
            break
    return found


def packages(roots: list[str]) -> dict[str, list[str]]:
    """Debian packages that own each of these folders; one call, since dpkg reads all of its lists for each."""
    owned: dict[str, list[str]] = {root: [] for root in roots}
    real = {root: {root, os.path.realpath(root)} for root in roots}
    wanted = sorted(set().union(*real.values()))
    for line in printed("dpkg", "-S", "--", *wanted, needed=False).splitlines() if wanted else []:
        names, _sep, path = line.rpartition(": ")
        for root, places in real.items():
            if path in places and not line.startswith("diversion "):
                owned[root] += [name for name in names.split(", ") if name not in owned[root]]
    return {root: [name for name in names if _PACKAGE.fullmatch(name)][:5] for root, names in owned.items()}


_PACKAGE = re.compile(r"[a-z0-9][a-z0-9.+:-]*")


def package_folders(name: str) -> list[str]:
    """Folders for settings and data that come with a package and carry its name."""
    lines = printed("dpkg", "-L", name, needed=False).splitlines()
    paths = {line for line in lines if re.fullmatch(r"/(etc|var/lib)/[^/]+", line) and Path(line).is_dir()}
    return sorted(path for path in paths if name.startswith(base := path.rpartition("/")[2]) or base.startswith(name))


def jobs(root: str, account: str) -> list[str]:
    """Lines of cron that name the root, or run as the website's account where that is no shared one."""
    found = []
    tables = {**texts("cron.d/*", "/etc"), **texts("cron/crontabs/*", "/var/spool")}
    tables["/etc/crontab"] = text_of("/etc/crontab") or ""
    for path, text in sorted(tables.items()):
        own = path.endswith(f"/crontabs/{account}")
        for line in text.splitlines():
            words = line.split()
            if line.lstrip().startswith("#") or len(words) < 6:
                continue
            if own or root in line or (words[5] == account and account != "www-data"):
                found.append(f"{path}: {line.strip()}"[:300])
    return found[:30]


def application_files(root: str, applications: dict[str, dict[str, list[str]]]) -> dict[str, dict[str, str]]:
    """For each application whose marker files are all there: the texts that give its version and its settings."""
    found: dict[str, dict[str, str]] = {}
    for name, wanted in applications.items():
        if all(Path(root, marker).exists() for marker in wanted["markers"]):
            texts_of = {}
            for pattern in wanted["read"]:
                base = "/" if pattern.startswith("/") else root
                texts_of.update(texts(pattern.lstrip("/"), base))
            found[name] = texts_of
    return found


def site(
    ask: dict[str, Any], applications: dict[str, dict[str, list[str]]], owned: dict[str, list[str]]
) -> dict[str, Any]:
    """Everything about one website. ``ask`` names its root, its account and the pages to ask for."""
    root = str(ask["root"])
    if late():
        left_out(root, "no time left")
        return {"pages": [], "exists": False}
    found: dict[str, Any] = {"pages": [first_page(**one) for one in ask["pages"]]}
    if not Path(root).is_dir():
        return {**found, "exists": False}
    account = Account(str(ask["user"]))
    folders = writable(root, account)
    kinds = application_files(root, applications)
    if ask.get("program"):
        sources = sources_of(root, (".py", ".env", ".ini", ".toml"))
        connected = stated(sources)
    else:
        sources = sources_of(root, (".php", ".inc")) if "php" in kinds and len(kinds) == 1 else {}
        connected = opened(sources)
    return {
        **found,
        "exists": True,
        "real": os.path.realpath(root),
        "applications": kinds,
        "writable": folders,
        "recent": recent(root) if folders == ["."] else [],
        "outward": outward(root),
        "data": outside(root, folders),
        "packages": {name: package_folders(name) for name in owned.get(root, [])},
        "beside": beside(root, account, str(ask["user"]), sources),
        "parent_open": parent_open(root),
        "code": code_beside(root, account, sources),
        "connections": connected[:20],
        "jobs": jobs(root, str(ask["user"])),
    }


def sources_of(root: str, kinds: tuple[str, ...]) -> dict[str, str]:
    """Path and text of a hand-written site's sources: its connections to databases and its folders stand there.

    A public folder inside the site's own is left for the settings that lie beside it.
    """
    top = Path(root).parent if Path(root).name in _PUBLIC and len(Path(root).parts) > 3 else Path(root)
    sources: dict[str, str] = {}
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if name not in ("vendor", "node_modules", ".git", "site-packages")]
        for name in sorted(files):
            if (Path(name).suffix in kinds or name in kinds) and len(sources) < SOURCES and not late():
                path = str(Path(folder, name))
                sources[path] = text_of(path) or ""
    if len(sources) >= SOURCES:
        left_out(top, "too many source files to look at all of them")
    return sources


SOURCES = 400
_PUBLIC = ("public", "public_html", "htdocs", "web", "www", "html")


def kind(path: str) -> str:
    """What stands at a path: file, folder or nothing."""
    return "folder" if Path(path).is_dir() else "file" if Path(path).exists() else ""


def sites(ask: dict[str, Any]) -> dict[str, Any]:
    """The websites that are asked for, and what stands at the paths and behind the account names that are stated."""
    owned = packages([str(one["root"]) for one in ask["sites"]])
    return {
        "sites": [site(one, dict(ask["applications"]), owned) for one in ask["sites"]],
        "paths": {path: kind(path) for path in ask["paths"]},
        "real": {path: os.path.realpath(path) for path in ask["paths"]},
        "accounts": {name: Account(name).known for name in ask["accounts"]},
    }
