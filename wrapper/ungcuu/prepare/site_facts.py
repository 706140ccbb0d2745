"""The inventory's facts as a role's test gets them: a fact that is missing is named, and is no failure of the host."""

from __future__ import annotations

from typing import Any, NoReturn

# What a site may leave out, as website_facts.py has it, and what that means.
_LEFT_OUT: dict[str, Any] = {"website_writable_paths": [], "website_data_paths": []}


class MissingFact(LookupError):
    """A test needs a fact that the inventory does not state: the control was not assessed."""

    def __init__(self, name: str) -> None:
        super().__init__(f"fact {name} is missing")
        self.name = name


class SiteFacts(dict[str, Any]):
    """The resolved variables of one host."""

    def __missing__(self, name: str) -> Any:
        """Return what leaving the fact out means.

        Raises:
            MissingFact: Nothing follows from that.
        """
        if name in _LEFT_OUT:
            return _LEFT_OUT[name]
        return _missing(name)


def _missing(name: str) -> NoReturn:
    raise MissingFact(name)
