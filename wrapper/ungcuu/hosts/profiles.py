"""Application profiles: what ungcuu knows of an application, as data. One file each in ``ungcuu/profiles``.

The dataclasses are the schema. What a file holds beyond them, leaves out of them or states in another form is refused
with its place. A topic that is missing means that the profile can't do it; an empty list means that the application has
no such thing.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Literal

from ungcuu.core.errors import ControllerFault
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
    """Pages on which people log in, and how a failed login looks in the access log (the address as ``<HOST>``)."""

    paths: Words
    failed: str = ""


@dataclass(frozen=True)
class Profile:
    """One application. Paths are relative to the web root unless they begin with ``/``.

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


class Mismatch(ValueError):
    """Data that does not fit the schema. ``at`` is the way to it, key by key."""

    def __init__(self, at: Words, why: str) -> None:
        super().__init__(why)
        self.at = at
        self.why = why


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
        raise _refused(f"{place}:{_line(tree, error.at)}", ".".join(error.at), error.why) from error
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


def _line(node: Any, at: Words) -> int:
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
    return kind(**{key: build(hints[key], value, (*at, key)) for key, value in data.items()})
