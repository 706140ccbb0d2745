"""Finds verbs: one file each below ``cli/commands/``, loaded when it is needed."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from ungcuu.core.errors import UsageFault
from ungcuu.core.i18n import _
from ungcuu.run.verb import Verb

_FOLDER = Path(__file__).with_name("commands")


@cache
def names() -> tuple[str, ...]:
    """Return the names of all verbs, by the names of their files; nothing is imported."""
    return tuple(
        sorted(m.name.rstrip("_").replace("_", "-") for m in pkgutil.iter_modules([str(_FOLDER)]) if m.name[0] != "_")
    )


@cache
def load(name: str) -> Verb:
    """Import one verb's file and return its ``VERB``."""
    module = name.replace("-", "_")
    verb = importlib.import_module(f"ungcuu.cli.commands.{module}").VERB
    assert isinstance(verb, Verb)  # noqa: S101  (a fault of the file)
    return verb


def find_verb(words: Sequence[str]) -> Verb:
    """Return the verb that these words name (``["case", "open"]``).

    Raises:
        UsageFault: There is none.
    """
    if not words or words[0] not in names():
        raise UsageFault(_("There is no verb {name}.").format(name=" ".join(words)), "", "ungcuu --help")
    verb = load(words[0])
    for word in words[1:]:
        inner = next((v for v in verb.verbs if v.name == word), None)
        if inner is None:
            raise UsageFault(
                _("There is no verb {name}.").format(name=" ".join(words)), "", f"ungcuu {words[0]} --help"
            )
        verb = inner
    return verb


def with_defaults(verb: Verb, options: Mapping[str, object]) -> dict[str, object]:
    """Return all options and arguments of a verb: those given, the others by default.

    Raises:
        UsageFault: One is not known to the verb.
    """
    values: dict[str, object] = {a.key: () if a.many else None for a in verb.arguments}
    for option in verb.options:
        values[option.key] = (
            () if option.multiple else False if option.kind == "flag" and not option.default else option.default
        )
    if unknown := set(options) - set(values):
        raise UsageFault(
            _("{verb} has no option {name}.").format(verb=verb.name, name=", ".join(sorted(unknown))),
            "",
            f"ungcuu {verb.name} --help",
        )
    return {**values, **options}
