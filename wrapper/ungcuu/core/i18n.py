"""English and Vietnamese: gettext with the domain ``ungcuu``, chosen by ``--lang`` or the locale."""

from __future__ import annotations

import gettext
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LOCALES = Path(__file__).resolve().parents[1] / "locales"
LANGUAGES = ("en", "vi")

_state: dict[str, gettext.NullTranslations | str] = {}


def language_from(environment: Mapping[str, str]) -> str:
    """Return ``vi`` or ``en`` by gettext's own order: LANGUAGE, LC_ALL, LC_MESSAGES, LANG."""
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        for value in environment.get(variable, "").split(":"):
            if value[:2].lower() in LANGUAGES:
                return value[:2].lower()
            if value:
                return "en"
    return "en"


def set_language(language: str | None = None) -> str:
    """Use this language, or the locale's one; return which it is."""
    chosen = language if language in LANGUAGES else language_from(os.environ)
    _state["language"] = chosen
    _state["catalogue"] = gettext.translation("ungcuu", LOCALES, languages=[chosen], fallback=True)
    return chosen


def language() -> str:
    """Return the language in use."""
    if "language" not in _state:
        set_language()
    return str(_state["language"])


@dataclass(frozen=True)
class Words:
    """One text of a data file in both languages."""

    en: str
    vi: str

    def __str__(self) -> str:
        return self.vi if language() == "vi" else self.en


@contextmanager
def in_language(chosen: str) -> Iterator[None]:
    """Speak this language for a while: a message for somebody else than the person at the terminal."""
    before = language()
    set_language(chosen)
    try:
        yield
    finally:
        set_language(before)


def _(message: str) -> str:
    """Translate a message now. At module level mark with :func:`N_` and translate where it is shown."""
    if "catalogue" not in _state:
        set_language()
    catalogue = _state["catalogue"]
    return catalogue.gettext(message) if message and isinstance(catalogue, gettext.NullTranslations) else message


def N_(message: str) -> str:  # noqa: N802  (the name that gettext's tools look for)
    """Mark a message for translation without translating it yet."""
    return message


def ngettext(one: str, many: str, count: int) -> str:
    """Translate a message that depends on a number."""
    if "catalogue" not in _state:
        set_language()
    catalogue = _state["catalogue"]
    assert isinstance(catalogue, gettext.NullTranslations)  # noqa: S101  (narrowing only)
    return catalogue.ngettext(one, many, count)


def translate_libraries() -> None:
    """Let click speak the same language: it asks the process-wide gettext domain."""
    os.environ["LANGUAGE"] = language()
    gettext.bindtextdomain("ungcuu", str(LOCALES))
    gettext.textdomain("ungcuu")
