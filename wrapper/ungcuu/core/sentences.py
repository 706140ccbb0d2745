"""What records hold, in the reader's language: a phrase, a code, or a sentence of the first format.

A text that is none of these is shown as it is: it came from a host or from a person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from ungcuu.core.i18n import LANGUAGES, N_, _, language
from ungcuu.core.phrases import CaseTitle, Change, Detail, Proof, Reason, Side, Worded

_HOLE, _LETTERS = re.compile(r"\{\w+\}"), re.compile("[A-Za-z]")
_VALUE = re.compile(r"\\\{(\w+)\\\}")
_LONGEST = 600  # characters; a sentence of ungcuu is shorter
_DEEPEST = 6  # phrases inside phrases; ours have three
_MOST = 50  # phrases or texts of one list that are shown

# What records of the first format may hold, besides the words of phrases. Frozen: a new text is a phrase.
SENTENCES = (
    N_("contained from outside"),
    N_("served from outside"),
    N_("manifest"),
    N_("links"),
    N_("tables"),
    N_("page"),
    N_("from outside ({host})"),
    N_("status {status}, without its text: the intruder may have changed it"),
    N_("status {status}, {bytes} bytes, expected phrase missing, {milliseconds} ms in all"),
    N_("silent"),
    N_("not proven: the host has no Python for the probe"),
    N_("not proven from outside: the inventory has no host with a foreign address"),
    N_("{count} tables as in the restore point"),
    N_("none"),
    N_("isolation"),
    N_("locked"),
    N_("unlocked"),
    N_("unblocked"),
    N_("web root and database swapped"),
    N_("newer than the first sign of compromise"),
    N_("login"),
    N_("login from a suspicious address"),
    N_("sudo as {account}"),
    N_("changed by {program}"),
    N_("present"),
    N_("gone"),
    N_("closed"),
    N_("fact {name} is missing"),
    N_("none of these places exists"),
)


def shown(value: object) -> str:
    """A value of a record in the reader's language; what is no code of ungcuu's is shown as it is."""
    return _shown(value, 0, _)


def plain(value: object) -> str:
    """The same in English: for the messages of a playbook, and where a text must not depend on who runs it."""
    return _shown(value, 0, str)


def word(code: str) -> str:
    """The words of a code that stands alone, as the name of a proof does; or of what the first format had there."""
    return _(templates()[code]) if stands_alone(code) else _sentence(code, _)


def stands_alone(code: str) -> bool:
    """Whether it is a code of ungcuu that needs no values."""
    return "{" not in templates().get(code, "{")


@cache
def templates() -> Mapping[str, str]:
    """The words of every code, in English."""
    from ungcuu.core import check_phrases as checks  # not before something is shown: a cut can't wait for it

    families: tuple[type[Worded], ...] = (Side, Proof, Detail, Reason, Change, CaseTitle, *checks.FAMILIES)
    return {str(code): code.words for family in families for code in family}


def _shown(value: object, depth: int, translate: Callable[[str], str]) -> str:
    if isinstance(value, Mapping):
        if value.keys() == set(LANGUAGES):
            return str(value[language() if translate is _ else LANGUAGES[0]])
        return _filled(value, depth, translate)
    if isinstance(value, list | tuple):
        separator = "; " if any(isinstance(one, Mapping) for one in value) else ", "
        return separator.join(_shown(one, depth + 1, translate) for one in value[:_MOST]) if depth < _DEEPEST else "…"
    return _sentence(str(value), translate)


def _filled(coded: Mapping[str, Any], depth: int, translate: Callable[[str], str]) -> str:
    """The words of a phrase. One that is unknown, of a later release, is shown by its code and values."""
    if depth >= _DEEPEST:
        return "…"
    code = str(coded.get("code") or "")
    values = {str(name): _shown(one, depth + 1, translate) for name, one in coded.items() if name != "code"}
    if title := values.get("title"):  # of a finding: what its rule is called
        values["title"] = translate(title)
    if known := templates().get(code):
        return translate(known).format_map(_Values(values))
    listed = ", ".join(f"{name} {one}" for name, one in values.items())
    return f"{code}: {listed}" if code and listed else code or listed


class _Values(dict[str, str]):
    """A value that a record lacks is shown as a question mark."""

    def __missing__(self, _name: str) -> str:
        return "?"


def _sentence(text: str, translate: Callable[[str], str]) -> str:
    """A record's sentence of an earlier format in the reader's language; any other text as it is."""
    whole, patterns = _earlier()
    if text in whole:
        return translate(text)
    for sentence, pattern in patterns if len(text) <= _LONGEST else ():
        if found := pattern.fullmatch(text):
            values = {name: _sentence(value, translate) for name, value in found.groupdict().items()}
            return translate(sentence).format(**values)
    return text


def title(text: object) -> str:
    """The title of an item of evidence: one of a profile's, or one with the operator's value in brackets after it."""
    whole = str(text)
    if _(whole) != whole:
        return _(whole)
    first, bracket, rest = whole.rpartition(" (")
    return f"{_(first)}{bracket}{rest}" if first else whole


@cache
def earlier() -> tuple[str, ...]:
    """Sentences that records of earlier releases may hold: those of the first format, and those of today's phrases.

    A single word is left out: a host's own name for something may be the same.
    """
    words = (text for text in templates().values() if " " in text and len(_LETTERS.findall(_HOLE.sub("", text))) >= 6)
    return tuple(dict.fromkeys((*SENTENCES, *words)))


@cache
def _earlier() -> tuple[frozenset[str], tuple[tuple[str, re.Pattern[str]], ...]]:
    """The same: those that are whole, and those with values, the one that says most first."""
    filled = sorted((one for one in earlier() if "{" in one), key=lambda one: -len(_HOLE.sub("", one)))
    patterns = ((one, re.compile(_VALUE.sub(r"(?P<\1>[^{}]{1,300}?)", re.escape(one)))) for one in filled)
    return frozenset(earlier()) - frozenset(filled), tuple(patterns)
