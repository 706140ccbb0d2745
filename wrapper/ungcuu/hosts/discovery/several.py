"""The websites of a host as entries of the inventory's list ``websites:``: those whose needed facts were all found.

What two entries must not share (``hosts.websites`` refuses it) keeps the later one out: it stays a neighbour.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ungcuu.hosts.discovery import choice
from ungcuu.hosts.discovery.facts import Found, facts, usable
from ungcuu.hosts.discovery.reading import Survey
from ungcuu.hosts.discovery.vhosts import Website
from ungcuu.hosts.website_facts import NEEDED

_OF_HOST = ("website_ports", "website_config_paths")  # isolation opens and closes the ports of all
_MOST = 31  # characters of a name


@dataclass(frozen=True)
class Entry:
    """One website of the list, with its facts as far as they are its own."""

    name: str
    site: Website
    facts: tuple[Found, ...]
    shared: tuple[Found, ...]

    def value(self, name: str) -> Any:
        """The value of a fact, None where it was not found."""
        return next((fact.value for fact in self.facts if fact.name == name), None)


def entries(survey: Survey) -> tuple[Entry, ...]:
    """Return the websites of a host that can be described as they are, the best founded first."""
    found: list[Entry] = []
    for site in choice.served(survey):
        known = facts(survey, site)
        values = {fact.name: fact.value for fact in known if usable(fact)}
        if set(NEEDED) - {"name"} <= values.keys():
            name = _name(str(values["website_name"]), {entry.name for entry in found})
            own = tuple(fact for fact in known if fact.name != "website_config_paths")
            entry = Entry(name, site, own, tuple(fact for fact in known if fact.name in _OF_HOST))
            found += [] if any(_shared(entry, other) for other in found) else [entry]
    return tuple(found)


def _shared(one: Entry, other: Entry) -> bool:
    """Whether a restore of one would replace what belongs to the other."""
    roots = [f"{str(entry.value('website_root')).rstrip('/')}/" for entry in (one, other)]
    data = [(entry.value("website_database_engine"), entry.value("website_database_name")) for entry in (one, other)]
    names = [entry.value("website_name") for entry in (one, other)]
    inside = roots[0].startswith(roots[1]) or roots[1].startswith(roots[0])
    return inside or names[0] == names[1] or (bool(data[0][1]) and data[0] == data[1])


def _name(host_name: str, taken: set[str]) -> str:
    """Return a short name for the list: the first word of the host name, or all of it where that is taken."""
    words = [word for word in re.split(r"[^a-z0-9]+", host_name.lower().removeprefix("www.")) if word]
    for name in (words[0][:_MOST], "-".join(words)[:_MOST].strip("-")):
        if name not in taken:
            return name
    return next(name for number in range(2, 1000) if (name := f"{words[0][: _MOST - 4]}-{number}") not in taken)


def of_host(chosen: Sequence[Entry]) -> list[Found]:
    """Return what is stated once for the host: the ports and configuration of all its websites."""
    found = []
    for name in _OF_HOST:
        facts_of = [fact for entry in chosen for fact in entry.shared if fact.name == name and usable(fact)]
        if facts_of:
            values = sorted({value for fact in facts_of for value in fact.value})
            evidence = tuple(dict.fromkeys(text for fact in facts_of for text in fact.evidence))
            found.append(replace(facts_of[0], value=values, evidence=evidence))
    return found
