"""Application profiles: what ungcuu knows of an application, as data. One file each in ``ungcuu/profiles``.

The dataclasses of ``profile_form`` are the schema. What a file holds beyond them, leaves out of them or states in
another form is refused with its place. A topic that is missing means that the profile can't do it; an empty list means
that the application has no such thing.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from ungcuu.core.check_phrases import Unrotated
from ungcuu.core.errors import ControllerFault, InventoryError
from ungcuu.core.i18n import _
from ungcuu.core.phrases import Coded, phrase
from ungcuu.hosts.profile_form import (
    ENGINES,
    TOPICS,
    Accounts,
    Component,
    Config,
    Data,
    Detect,
    Login,
    Release,
    Secrets,
    SiteFacts,
    Writable,
)
from ungcuu.hosts.trial_form import Trial
from ungcuu.hosts.typed_data import Mismatch, Words, build, line_of


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
    writable: Writable = field(default_factory=Writable)
    needed: Words = ()
    generated: Words = ()
    remove_after_install: Words = ()
    login: Login | None = None
    components: tuple[Component, ...] = ()
    release: Release | None = None
    secrets: Secrets | None = None
    accounts: Accounts | None = None
    trial: Trial | None = None
    data: Data = field(default_factory=Data)
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
        names = ("config", "writable", "needed", "generated", "data", "secrets", "accounts", "trial")
        known = {name: getattr(stated, name) for name in names}
        return dataclasses.replace(self, components=components, release=release, **known)

    def gaps(self) -> dict[str, list[str]]:
        """Return the topics that it can't read, or reads in part, with the codes of why."""
        found = {name: getattr(self.data, name) for name in TOPICS}
        whole = {name: ["not-in-profile"] for name, topic in found.items() if topic is None}
        return whole | {name: ["partly"] for name, topic in found.items() if topic is not None and topic.partly}

    def unrotated(self, database: bool) -> list[Coded]:
        """Return what a rotation can't replace. ``database``: whether the website has one."""
        known = self.secrets or Secrets()
        found = [phrase(Unrotated.DATABASE_PASSWORD)] if database and not known.database_password else []
        found += [phrase(Unrotated.SESSIONS)] if "sessions" not in known.breaks else []
        found += [phrase(Unrotated.ADMINISTRATORS)] if self.accounts is None else []
        return found + [phrase(Unrotated.KEPT, name=name) for name in known.kept]

    def rotation(self) -> dict[str, Any]:
        """Return what the program on the host is given to rotate secrets."""
        parts = {"config": self.config, "secrets": self.secrets, "accounts": self.accounts}
        return {name: dataclasses.asdict(part) if part else None for name, part in parts.items()}

    def reading(self) -> dict[str, Any]:
        """Return what the program on the host is given."""
        return {**dataclasses.asdict(self.data), "config": dataclasses.asdict(self.config) if self.config else None}


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
