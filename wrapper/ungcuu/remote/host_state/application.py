"""The application's own data, as its profile says: who administers it, what logs in for programs, what runs, its pages.

The profile comes with the configuration and is data: queries with a place for the tables' prefix, patterns for lines of
files. Each topic ends with a ``coverage`` record: empty where all of it was read, else why it was not. Silence is never
taken for innocence.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ungcuu.remote import site_config
from ungcuu.remote.config import CONFIG
from ungcuu.remote.host_state import wordpress
from ungcuu.remote.host_state.pages import CODE, SCRIPT, Gaps, gambling, named, read_lines, read_pages
from ungcuu.remote.host_state.reading import demand, emit, read_small, tick
from ungcuu.remote.host_state.sql import Database

TOPICS = ("administrators", "tokens", "persistence", "content")


def application() -> None:
    """Read each topic of the profile, and say of each what was not read."""
    profile = CONFIG.get("profile")
    if not profile:
        for topic in TOPICS:
            emit("coverage", topic=topic, why="no-profile")
        return
    reader = _Reader(profile)
    for topic in TOPICS:
        gaps = reader.read(profile.get(topic))
        emit("coverage", topic=topic, why=" ".join(sorted(gaps)))


class _Reader:
    """One profile on one host. ``database`` is asked for at most once."""

    def __init__(self, profile: Mapping[str, Any]) -> None:
        self.root = os.fsencode(CONFIG["web_root"])
        self.engines: Sequence[str] = profile["engines"]
        self.config: Mapping[str, Any] = profile.get("config") or {}
        self.stated, self.password = self._stated()
        self.database, self.gap = self._database()

    def _stated(self) -> tuple[dict[str, str], str]:
        """What the application's configuration says of its database; the inventory's word counts for the name."""
        names, defaults = self.config.get("names", {}), dict(self.config.get("defaults", {}))
        for path in self.paths(self.config.get("paths", ())):
            text = read_small(path, site_config.LIMIT).decode("utf-8", "replace")
            stated = site_config.connection(text, self.config["parser"], names, defaults)
            known = site_config.values(text, self.config["parser"])
            if stated.get("name") == CONFIG.get("database"):
                return stated, known.get(names.get("password", ""), "")
            # A configuration that computes the database's name may state the prefix all the same.
            prefix = known.get(names.get("prefix", ""), "")
            if prefix and "name" not in stated and site_config.FORMS["prefix"].fullmatch(prefix):
                defaults["prefix"] = prefix
        return {field: value for field, value in defaults.items() if field in site_config.FORMS}, ""

    def _database(self) -> tuple[Database | None, str]:
        engine, name = CONFIG.get("engine", ""), CONFIG.get("database", "")
        engine = site_config.ENGINES.get(engine, engine)
        if not engine or not site_config.FORMS["name"].fullmatch(name):
            return None, "no-database"
        if engine not in self.engines:
            return None, "engine"
        if engine == "postgresql" and not self.password:
            return None, "no-login"
        database = Database(engine, self.stated | {"name": name}, self.password)
        if database.answers:
            return database, ""
        # A server of this host that does not answer leaves the reading incomplete.
        demand(engine != "mariadb" or not any(map(os.path.exists, ("/usr/sbin/mariadbd", "/usr/sbin/mysqld"))))
        return None, "no-answer"

    def paths(self, names: Sequence[str]) -> Iterator[bytes]:
        """Files that a profile names, in its order: below the web root, or absolute."""
        for name in names:
            path = os.path.normpath(os.path.join(self.root, os.fsencode(name)))
            yield from sorted(glob.glob(path)) if b"*" in path else (path,)

    def read(self, topic: Mapping[str, Any] | None) -> Gaps:
        """Read one topic. Returns why parts of it were not read."""
        if topic is None:
            return {"not-in-profile"}
        gaps: Gaps = {"partly"} if topic["partly"] else set()
        for query in topic["queries"]:
            gaps |= self._query(query)
        for text in topic["texts"]:
            gaps |= self._texts(text)
        for lines in topic["lines"]:
            gaps |= read_lines(lines, self.paths)
        for pages in topic["pages"]:
            gaps |= read_pages(pages, self.paths)
        return gaps

    def ask(self, query: str, optional: bool = False) -> tuple[list[list[str]], Gaps]:
        """Rows of a query, its places filled; a table that may be missing is no gap."""
        tick()
        if self.database is None:
            return [], {self.gap}
        found = self.database.ask(query.replace("{prefix}", self.stated.get("prefix", "")))
        if found is None:
            return [], set() if optional else {"no-table"}
        return found, set()

    def _query(self, query: Mapping[str, Any]) -> Gaps:
        found, gaps = self.ask(query["sql"], query["optional"])
        decode = wordpress.DECODERS.get(query["decode"])
        width = len(query["columns"])
        for row in found:
            if len(row) != width:
                gaps |= {"unreadable"}
                continue
            for name, detail in decode(row) if decode else (named(row, query["columns"]),):
                emit("database", set=query["set"], name=name, detail=detail)
        return gaps

    def _texts(self, text: Mapping[str, Any]) -> Gaps:
        """Rows whose text carries links of gambling sites, or runs something in a browser or in PHP."""
        if self.database is None:
            return {self.gap}
        kinds, gaps = set(text["find"]), set()
        if "links" in kinds:
            gaps |= self._links(text, self.database)
        if words := "|".join(pattern for kind, pattern in (("scripts", SCRIPT), ("code", CODE)) if kind in kinds):
            gaps |= self._scripts(text, self.database, words)
        if text["blind"]:
            found, more = self.ask(f"SELECT COUNT(*) FROM {text['source']} WHERE {text['blind']}")  # noqa: S608
            gaps |= more | ({"unreadable"} if found and found[0] != ["0"] else set())
        return gaps

    def _links(self, text: Mapping[str, Any], database: Database) -> Gaps:
        """A digest, the number of links, and whether they are hidden, where words of gambling sites stand too."""
        searched = gambling()
        if searched is None:
            return {"no-words"}
        words, hidden = searched
        column, link = database.readable(text["text"]), text["link"]
        links = f"ROUND((LENGTH({column})-LENGTH(REPLACE(LOWER({column}),'{link}','')))/{len(link)})"
        concealed = f"CASE WHEN {database.matches(text['text'], hidden)} THEN 1 ELSE 0 END"
        found, gaps = self.ask(
            f"SELECT {text['title']},{database.digest(text['text'])},{links},{concealed} FROM {text['source']} "  # noqa: S608
            f"WHERE ({text['where']}) AND LOWER({column}) LIKE '%{link}%' "
            f"AND {database.matches(text['text'], words)} LIMIT 500"
        )
        for name, value, count, secret in (row for row in found if len(row) == 4):
            emit("database", set="content", name=name, detail=f"{value} links={count} hidden={secret}")
        return gaps

    def _scripts(self, text: Mapping[str, Any], database: Database, words: str) -> Gaps:
        found, gaps = self.ask(
            f"SELECT {text['title']},{database.digest(text['text'])} FROM {text['source']} "  # noqa: S608
            f"WHERE ({text['where']}) AND {database.matches(text['text'], words)} LIMIT 1000"
        )
        for name, value in (row for row in found if len(row) == 2):
            emit("database", set="script", name=name, detail=value)
        return gaps
