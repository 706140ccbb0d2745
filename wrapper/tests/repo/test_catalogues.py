"""The Vietnamese catalogue is whole: a responder under stress must not meet half a sentence in English."""

from __future__ import annotations

import re

import catalogue

UPDATE = "run: python wrapper/tests/tools/catalogue.py update"


def identifiers(found: object) -> set[str]:
    return {m.id if isinstance(m.id, str) else m.id[0] for m in found if m.id}


def test_every_text_is_in_the_catalogue_and_nothing_else() -> None:
    wanted, there = identifiers(catalogue.messages()), identifiers(catalogue.translated())
    assert sorted(wanted - there) == [], UPDATE
    assert sorted(there - wanted) == [], UPDATE
    assert not catalogue.translated().obsolete, UPDATE


def test_every_text_is_translated_and_none_is_a_guess() -> None:
    missing = [m.id for m in catalogue.translated() if m.id and (not catalogue.filled(m.string) or m.fuzzy)]
    assert missing == [], "translate these; see docs/how-to/translate.md"


def test_placeholders_survive_translation() -> None:
    """A lost placeholder would hide the host's name; an invented one would end the run with a KeyError."""
    for message in catalogue.translated():
        if not message.id:
            continue
        allowed = [set(_placeholders(text)) for text in _texts(message.id)]
        for text in _texts(message.string):
            assert set(_placeholders(text)) in allowed, f"{message.id!r} → {text!r}"


def test_the_compiled_catalogue_is_fresh() -> None:
    mo = catalogue.PO.with_suffix(".mo")
    assert mo.read_bytes() == catalogue.compiled(catalogue.translated()), UPDATE


def _texts(value: object) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _placeholders(text: str) -> list[str]:
    return re.findall(r"\{(\w+)[^{}]*\}", text)
