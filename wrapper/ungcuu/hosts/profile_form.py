"""The form of application profiles: each part of a profile as a dataclass, with what it may hold.

A statement of SQL is made of parts that can't end it, and is never more than one; a pattern has to compile.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ungcuu.core.i18n import _
from ungcuu.hosts.trial_form import Trial
from ungcuu.hosts.typed_data import Mismatch, Words


@dataclass(frozen=True)
class Version:
    """Where an application's version stands: a file below its root, and a pattern whose first group it is."""

    file: str
    pattern: str


@dataclass(frozen=True)
class Detect:
    """Files below the web root that all have to exist, and where the version stands."""

    markers: Words
    version: Version | None = None


@dataclass(frozen=True)
class Config:
    """Configuration files, relative to the web root or absolute, and the names of values in them.

    ``names``: engine, name, user, host, prefix, schema → name in the file, as :mod:`ungcuu.remote.site_config` writes
    it.
    """

    paths: Words
    parser: Literal["php", "ini", "env"]
    names: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Writable:
    """Folders that the application writes: media only, and those in which it keeps PHP of its own making."""

    media: Words = ()
    code: Words = ()


@dataclass(frozen=True)
class Login:
    """Pages on which people log in, and how an attempt looks in the access log.

    ``failed`` and ``succeeded`` are patterns of ``METHOD PATH HTTP/VERSION" STATUS``: none where the application
    answers all attempts alike. ``tries``: so many failed ones of one address in an hour are no typing errors, and as
    many of addresses of one network that were each banned.
    """

    paths: Words
    failed: Words = ()
    succeeded: Words = ()
    tries: int = 30

    def __post_init__(self) -> None:
        """Refuse a pattern that is none."""
        for name in ("failed", "succeeded"):
            for number, pattern in enumerate(getattr(self, name)):
                try:
                    re.compile(pattern)
                except re.error as error:
                    raise Mismatch((name, str(number)), str(error)) from error


ENGINES = Literal["mariadb", "postgresql"]
TOPICS = ("administrators", "tokens", "persistence", "content")


@dataclass(frozen=True)
class Query:
    """One SELECT that a fixed program runs, read only; ``{prefix}`` stands for the tables' prefix.

    Names of tables that a database may take for its own words stand in double quotes. ``columns`` says of each column
    what becomes of it: part of the row's name, shown as it is, or shown as a digest. ``optional``: the table may be
    missing.
    """

    set: Literal[
        "administrator", "role", "capability", "application-password", "token", "option", "scheduled-job", "script"
    ]
    sql: str
    columns: tuple[Literal["name", "plain", "digest"], ...]
    decode: Literal["", "wordpress-roles", "wordpress-capabilities", "wordpress-application-passwords"] = ""
    optional: bool = False

    def __post_init__(self) -> None:
        """Refuse what is more than one SELECT."""
        _one_select("sql", self.sql)


@dataclass(frozen=True)
class Text:
    """A column that holds pages or parts of them: ``SELECT title, text FROM source WHERE where``.

    ``find``: gambling links, scripts, code. ``link`` is how a link begins there, in small letters. ``blind`` is a
    condition for rows that can't be read this way.
    """

    source: str
    title: str
    text: str
    where: str
    find: tuple[Literal["links", "scripts", "code"], ...]
    link: Literal["<a ", "://"] = "<a "
    blind: str = ""

    def __post_init__(self) -> None:
        """Refuse parts that would end the SELECT that is made of them."""
        for name in ("source", "title", "text", "where", "blind"):
            _one_select(name, f"SELECT {getattr(self, name)}")


@dataclass(frozen=True)
class Lines:
    """Lines of the first of these files that is there; each group of the pattern is a column, as in a query."""

    set: Literal["administrator", "role", "capability", "token", "option", "scheduled-job"]
    paths: Words
    pattern: str
    columns: tuple[Literal["name", "plain", "digest"], ...]
    optional: bool = False

    def __post_init__(self) -> None:
        """Refuse a pattern that is none, or that has another number of groups."""
        try:
            groups = re.compile(self.pattern).groups
        except re.error as error:
            raise Mismatch(("pattern",), str(error)) from error
        if groups != len(self.columns):
            raise Mismatch(("columns",), _("has to name each group of the pattern"))


@dataclass(frozen=True)
class Pages:
    """A folder whose files are pages."""

    folders: Words
    suffix: str
    link: Literal["<a ", "://"] = "<a "


@dataclass(frozen=True)
class Topic:
    """How one topic is read. With nothing in it: the application has no such thing. ``partly``: this is not all."""

    queries: tuple[Query, ...] = ()
    texts: tuple[Text, ...] = ()
    lines: tuple[Lines, ...] = ()
    pages: tuple[Pages, ...] = ()
    partly: bool = False


@dataclass(frozen=True)
class Data:
    """What is read of the application's own data, each topic by itself."""

    engines: tuple[ENGINES, ...] = ()
    administrators: Topic | None = None
    tokens: Topic | None = None
    persistence: Topic | None = None
    content: Topic | None = None


@dataclass(frozen=True)
class Component:
    """How parts of an application say their versions: ``files`` are patterns below the web root, or absolute.

    ``reads``: ``text`` (``version`` is a pattern whose first group it is; only files that hold ``marker``), ``json`` (a
    file with ``name`` and ``version``) or ``composer`` (the list that Composer keeps of what it installed). A part is
    named by ``name``, else by its folder, or by its own file in one of the folders ``alone_in``. ``advisories`` names
    it as security advisories do, ``ECOSYSTEM:PACKAGE``; ``{name}`` stands for its name.
    """

    kind: Literal["core", "plugin", "theme", "library"]
    files: Words
    reads: Literal["text", "json", "composer"] = "text"
    name: str = ""
    version: str = ""
    marker: str = ""
    alone_in: Words = ()
    advisories: Words = ()
    scheme: Literal["php", "date"] = "php"

    def __post_init__(self) -> None:
        """Refuse a pattern that is none, or without the group of the version."""
        try:
            groups = re.compile(self.version).groups
        except re.error as error:
            raise Mismatch(("version",), str(error)) from error
        if groups != (1 if self.reads == "text" else 0):
            raise Mismatch(
                ("version",), _("has to be a pattern with one group where text is read, and empty elsewhere")
            )


@dataclass(frozen=True)
class Release:
    """How a new release of the application is put in place; paths are relative to the web root.

    ``replaces``: folders of nothing but the application's own files; what the release lacks there is removed.
    ``keeps``: paths that belong to the site. ``command``: its own program that upgrades the database, with
    its words; ``program``: the same as PHP. Run by ``php`` as the website's account; it succeeds when it exits with 0.
    """

    replaces: Words = ()
    keeps: Words = ()
    command: Words = ()
    program: str = ""


@dataclass(frozen=True)
class Ended:
    """Rows by which somebody stays logged in (``sessions``) or a program logs in (``tokens``): rotation ends them.

    ``values``: columns that get another text; with none, the rows are removed. ``where`` has to be false afterwards.
    ``optional``: the table may be missing.
    """

    what: Literal["sessions", "tokens"]
    table: str
    where: str
    values: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False

    def __post_init__(self) -> None:
        """Refuse what would not be a name, or would end the statement that is made of it."""
        _names(self.table, *self.values)
        _one_select("where", f"SELECT {self.where}")
        if any(not re.fullmatch(r"[A-Za-z0-9 _.-]{0,100}", value) for value in self.values.values()):
            raise Mismatch(("values",), _("has to map names to texts"))


@dataclass(frozen=True)
class Secrets:
    """What rotation replaces, and what that breaks. Names of values are those of ``Config``.

    ``database_password`` and ``keys`` have to stand in the configuration; ``added`` are written into it where they are
    missing. ``files``: secrets that the application makes again when they are missing. ``session_files``: a pattern by
    which PHP's session files are known as this application's. ``kept``: secrets that only a person can replace.
    """

    database_password: str = ""
    keys: Words = ()
    added: Words = ()
    files: Words = ()
    session_files: str = ""
    ended: tuple[Ended, ...] = ()
    breaks: tuple[Literal["sessions", "reset-links", "two-factor", "tokens", "saved-forms"], ...] = ()
    kept: Words = ()

    def __post_init__(self) -> None:
        """Refuse a pattern that is none."""
        _pattern("session_files", self.session_files, 0)

    @property
    def names(self) -> Words:
        """The values of the configuration that are replaced."""
        return (*((self.database_password,) if self.database_password else ()), *self.keys, *self.added)


@dataclass(frozen=True)
class Accounts:
    """Administrators, who get a new password each: rows of a table, or lines of the first of these files.

    ``administrators``: one SELECT of their login names. ``login`` and ``password`` are columns of ``table``; ``values``
    are other columns that change with the password, where ``{random}`` is fresh text. ``pattern``: a line of a file,
    its groups the login and the stored password. ``hash``: the form of a stored password.
    """

    hash: Literal["bcrypt", "mediawiki", "nukeviet"]
    administrators: str = ""
    table: str = ""
    login: str = ""
    password: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    files: Words = ()
    pattern: str = ""

    def __post_init__(self) -> None:
        """Refuse names that are none, more than one SELECT, and a pattern of another form."""
        if self.files:
            return _pattern("pattern", self.pattern, 2)
        _one_select("administrators", self.administrators)
        _names(self.table, self.login, self.password, *self.values)
        if any(not re.fullmatch(r"[A-Za-z0-9_.-]{0,100}|\{random\}", value) for value in self.values.values()):
            raise Mismatch(("values",), _("has to map names to texts"))
        return None


@dataclass(frozen=True)
class SiteFacts:
    """What a site states of an application that no profile knows: ``website_profile_facts`` of its inventory."""

    config: Config | None = None
    writable: Writable = Writable()
    needed: Words = ()
    generated: Words = ()
    data: Data = Data()
    components: tuple[Component, ...] = ()
    release: Release | None = None
    secrets: Secrets | None = None
    accounts: Accounts | None = None
    trial: Trial | None = None


def _names(*names: str) -> None:
    """Names of a table and of columns, with a place for the tables' prefix; they are quoted where they are used."""
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9_]{1,64}", name.replace("{prefix}", "x", 1)):
            raise Mismatch(("table",), _("has to be the name of a table or column: {name}").format(name=ascii(name)))


def _pattern(name: str, pattern: str, groups: int) -> None:
    """A regular expression with this number of groups."""
    try:
        found = re.compile(pattern).groups
    except re.error as error:
        raise Mismatch((name,), str(error)) from error
    if found != groups:
        raise Mismatch((name,), _("has to name each group of the pattern"))


def _one_select(name: str, text: str) -> None:
    """One SELECT on one line of plain SQL: no second statement, no command of a client, nothing written to a file."""
    words = text.split()
    if not words or words[0].upper() != "SELECT":
        raise Mismatch((name,), _("has to be one SELECT"))
    bad = [mark for mark in (";", "\\", "--", "/*", "#", "\n", "`") if mark in text.strip()]
    if bad or re.search(r"\bINTO\b", text, re.IGNORECASE):
        raise Mismatch((name,), _("must not hold: {marks}").format(marks="; \\ -- /* # ` INTO"))
