"""The two ways in which a template becomes text: a document for people, where nothing from a host is markup; a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

_LONGEST = 8000  # characters of one value


def html_environment() -> Environment:
    """Return the environment of the package's HTML templates: every value is cleaned and escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    from ungcuu.core.terminal import clean  # late, like jinja2: the cut imports this module

    def gate(value: object) -> object:
        return value if isinstance(value, Markup) else clean(value, _LONGEST, lines=True)

    return Environment(
        loader=PackageLoader("ungcuu"),
        autoescape=True,
        finalize=gate,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def text_environment() -> Environment:
    """Return an environment for a role's template of a plain file, with the settings that Ansible has."""
    from jinja2 import Environment, StrictUndefined

    return Environment(trim_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined)  # noqa: S701 - not HTML
