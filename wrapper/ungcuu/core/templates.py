"""The ways in which a template becomes text: a document or a letter, where nothing from a host is markup; a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

_LONGEST = 8000  # characters of one value


def html_environment() -> Environment:
    """Return the environment of the package's HTML templates: every value is cleaned and escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("ungcuu"),
        autoescape=True,
        finalize=_gate,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def letter_environment() -> Environment:
    """Return the sandbox in which a letter's template is run, also one that a site wrote itself."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    return SandboxedEnvironment(autoescape=True, finalize=_gate, undefined=StrictUndefined)


def _gate(value: object) -> object:
    """Let nothing through that a person would not see, whoever wrote the value."""
    from markupsafe import Markup

    from ungcuu.core.terminal import clean  # late, like jinja2: the cut imports this module

    return value if isinstance(value, Markup) else clean(value, _LONGEST, lines=True)


def text_environment() -> Environment:
    """Return an environment for a role's template of a plain file, with the settings that Ansible has."""
    from jinja2 import Environment, StrictUndefined

    return Environment(trim_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined)  # noqa: S701 - not HTML
