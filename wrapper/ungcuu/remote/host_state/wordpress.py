"""What WordPress keeps serialised in its database: capabilities of roles and accounts, passwords of programs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

# Roles that every WordPress has and that write no code; who has others, or single capabilities, is reported.
ORDINARY = frozenset(("subscriber", "contributor", "customer"))
GRANTED = re.compile(r's:\d{1,4}:"([^"]{1,100})";b:1')
ROLE = re.compile(r's:\d{1,4}:"([^"]{1,100})";a:\d+:\{s:4:"name";s:\d+:"[^"]*";s:12:"capabilities";a:\d+:\{([^}]*)\}')
# Each standing password by its number and a digest; when and from where it was used changes daily.
PASSWORD = re.compile(r's:4:"uuid";s:36:"([0-9a-f-]{36})".{0,400}?s:8:"password";s:\d+:"([^"]{1,200})"')


def digest(text: str) -> str:
    """As short as a person can compare."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def roles(row: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What each role may do, out of the option that holds all of them."""
    for role, granted in ROLE.findall(row[0]):
        allowed = sorted(GRANTED.findall(granted))
        yield role, f"{len(allowed)} capabilities {digest(' '.join(allowed))}"


def capabilities(row: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What an account may do beyond an ordinary role; administrators are read by themselves."""
    granted = set(GRANTED.findall(row[1]))
    if granted - ORDINARY and granted != {"administrator"}:
        yield row[0], " ".join(sorted(granted))[:1000]


def application_passwords(row: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Passwords of programs, which a change of the person's own password does not end."""
    login, value = row
    for identity, password in PASSWORD.findall(value):
        yield f"{login} {identity}", digest(password)
    if "password" in value and not PASSWORD.search(value):
        yield login, digest(value)


DECODERS: Mapping[str, Callable[[Sequence[str]], Iterator[tuple[str, str]]]] = {
    "wordpress-roles": roles,
    "wordpress-capabilities": capabilities,
    "wordpress-application-passwords": application_passwords,
}
