"""Application profiles: what ungcuu knows of an application, as data. One file each in ``ungcuu/profiles``.

The dataclasses are the schema. What a file holds beyond them, leaves out of them or states in another form is refused
with its place. A topic that is missing means that the profile can't do it; an empty list means that the application has
no such thing.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Literal

from ungcuu.core.errors import ControllerFault, InventoryError
from ungcuu.core.i18n import _

Words = tuple[str, ...]


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
    it. ``secrets``: names of the values that only the application may know.
    """

    paths: Words
    parser: Literal["php", "ini", "env"]
    names: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    secrets: Words = ()


@dataclass(frozen=True)
class Writable:
    """Folders that the application writes: media only, and those in which it keeps PHP of its own making."""

    media: Words = ()
    code: Words = ()


@dataclass(frozen=True)
class Login:
    """Pages on which people log in, and how an attempt looks in the access log.

    ``failed`` and ``succeeded`` are patterns of ``METHOD PATH HTTP/VERSION" STATUS``: none where the application
    answers all attempts alike. ``tries``: so many failed ones of one address in an hour are no typing errors.
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
class SiteFacts:
    """What a site states of an application that no profile knows: ``website_profile_facts`` of its inventory."""

    config: Config | None = None
    data: Data = Data()
    components: tuple[Component, ...] = ()
    release: Release | None = None


@dataclass(frozen=True)
class Profile:
    """One application. Paths are relative to the web root unless they begin with ``/``.

    ``tried_on``: databases on which a test installs the application and reads it.
    ``needed``: further files in writable folders without which the website is down.
    """

    title: str
    versions: str
    detect: Detect
    name: str = ""
    config: Config | None = None
    writable: Writable = Writable()
    needed: Words = ()
    generated: Words = ()
    never_served: Words = ()
    remove_after_install: Words = ()
    login: Login | None = None
    cron: Words = ()
    components: tuple[Component, ...] = ()
    release: Release | None = None
    data: Data = Data()
    tried_on: tuple[ENGINES, ...] = ()
    site_facts: bool = False  # the site itself states config, data and its own components

    def with_facts(self, facts: Any) -> Profile:
        """Return the profile with what the site states.

        Raises:
            Mismatch: That is not of the expected form, or this profile needs none.
        """
        if not facts:
            return self
        if not self.site_facts:
            raise Mismatch((), _("only the profile php takes facts of the site"))
        stated: SiteFacts = build(SiteFacts, facts)
        components = (*self.components, *stated.components)
        release = stated.release or self.release
        return dataclasses.replace(self, config=stated.config, data=stated.data, components=components, release=release)

    def gaps(self) -> dict[str, list[str]]:
        """Return the topics that it can't read, or reads in part, with the codes of why."""
        found = {name: getattr(self.data, name) for name in TOPICS}
        whole = {name: ["not-in-profile"] for name, topic in found.items() if topic is None}
        return whole | {name: ["partly"] for name, topic in found.items() if topic is not None and topic.partly}

    def reading(self) -> dict[str, Any]:
        """Return what the program on the host is given."""
        return {**dataclasses.asdict(self.data), "config": dataclasses.asdict(self.config) if self.config else None}


class Mismatch(ValueError):
    """Data that does not fit the schema. ``at`` is the way to it, key by key."""

    def __init__(self, at: Words, why: str) -> None:
        super().__init__(why)
        self.at = at
        self.why = why


def _one_select(name: str, text: str) -> None:
    """One SELECT on one line of plain SQL: no second statement, no command of a client, nothing written to a file."""
    words = text.split()
    if not words or words[0].upper() != "SELECT":
        raise Mismatch((name,), _("has to be one SELECT"))
    bad = [mark for mark in (";", "\\", "--", "/*", "#", "\n", "`") if mark in text.strip()]
    if bad or re.search(r"\bINTO\b", text, re.IGNORECASE):
        raise Mismatch((name,), _("must not hold: {marks}").format(marks="; \\ -- /* # ` INTO"))


@functools.cache
def known() -> tuple[str, ...]:
    """Return the names of all profiles."""
    folder = resources.files("ungcuu").joinpath("profiles")
    return tuple(sorted(item.name.removesuffix(".yml") for item in folder.iterdir() if item.name.endswith(".yml")))


@functools.cache
def load(name: str) -> Profile:
    """Return one profile.

    Raises:
        KeyError: There is none of this name.
        ControllerFault: Its file is not as it has to be; file and line are named.
    """
    if name not in known():
        raise KeyError(name)
    file = resources.files("ungcuu").joinpath("profiles", f"{name}.yml")
    return dataclasses.replace(parsed(file.read_text("utf-8"), str(file)), name=name)


def of_site(application: str, facts: Any) -> Profile | None:
    """Return the profile of a site's application, with what the site states of itself; None where there is none.

    Raises:
        InventoryError: What the site states is not as it has to be.
    """
    if wrong := fault_of(application, facts):
        raise InventoryError(wrong, _("Nothing was touched."), _("docs/how-to/site-facts.md shows what it may hold."))
    return load(application).with_facts(facts) if application in known() else None


def fault_of(application: str, facts: Any) -> str:
    """Return what is wrong with what a site states of its application; empty where nothing is."""
    if not facts:
        return ""
    if application not in known():
        return _("website_profile_facts: there is no profile {name}; for a site of your own it is php").format(
            name=application or "–"
        )
    try:
        load(application).with_facts(facts)
    except Mismatch as error:
        return _("{place}: {why}").format(place=".".join(("website_profile_facts", *error.at)), why=error.why)
    return ""


def parsed(text: str, place: str) -> Profile:
    """Return the profile that a file's text states. ``place`` is shown where it is refused.

    Raises:
        ControllerFault: It is not as it has to be.
    """
    import yaml

    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        profile: Profile = build(Profile, yaml.safe_load(text))
    except Mismatch as error:
        raise _refused(f"{place}:{line_of(tree, error.at)}", ".".join(error.at), error.why) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise _refused(f"{place}:{mark.line + 1 if mark else 1}", "YAML", " ".join(str(error).split())) from error
    return profile


def _refused(place: str, key: str, why: str) -> ControllerFault:
    return ControllerFault(
        _("{place}: {key}: {why}").format(place=place, key=key, why=why),
        _("The profile was not used."),
        _("Correct the file; docs/reference/profiles.md lists what a profile may hold."),
    )


def line_of(node: Any, at: Words) -> int:
    """The line of the deepest part of the way that stands in the file."""
    line: int = node.start_mark.line + 1 if node is not None else 1
    for step in at:
        below = node.value if node is not None and isinstance(node.value, list) else []
        if below and isinstance(below[0], tuple):
            found = [(key, value) for key, value in below if key.value == step]
            if not found:
                return line
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif step.isdecimal() and int(step) < len(below):
            node = below[int(step)]
            line = node.start_mark.line + 1
    return line


def build(kind: Any, data: Any, at: Words = ()) -> Any:
    """Return ``data`` as an instance of a dataclass, or of what one of its fields is declared to be.

    Raises:
        Mismatch: A key is unknown or missing, or a value has another form.
    """
    if dataclasses.is_dataclass(kind):
        return _object(kind, data, at)
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        return build(inner[0], data, at)
    if origin is tuple:
        if not isinstance(data, list):
            raise Mismatch(at, _("has to be a list"))
        return tuple(build(inner[0], item, (*at, str(number))) for number, item in enumerate(data))
    if origin is Literal:
        if data not in inner:
            raise Mismatch(at, _("has to be one of: {words}").format(words=", ".join(map(str, inner))))
    elif origin is Mapping:
        if not isinstance(data, dict) or not all(isinstance(part, str) for pair in data.items() for part in pair):
            raise Mismatch(at, _("has to map names to texts"))
        return dict(data)
    elif not isinstance(data, kind) or (kind is int and isinstance(data, bool)):
        raise Mismatch(at, _("has to be of the type {type}").format(type=kind.__name__))
    return data


def _object(kind: Any, data: Any, at: Words) -> Any:
    if not isinstance(data, dict):
        raise Mismatch(at, _("has to be a mapping"))
    fields = {item.name: item for item in dataclasses.fields(kind)}
    hints = typing.get_type_hints(kind)
    for key in data:
        if key not in fields:
            raise Mismatch((*at, str(key)), _("is unknown"))
    missing = dataclasses.MISSING
    for name, item in fields.items():
        if name not in data and item.default is missing and item.default_factory is missing:
            raise Mismatch((*at, name), _("is missing"))
    made = {key: build(hints[key], value, (*at, key)) for key, value in data.items()}
    try:
        return kind(**made)
    except Mismatch as error:
        raise Mismatch((*at, *error.at), error.why) from error
