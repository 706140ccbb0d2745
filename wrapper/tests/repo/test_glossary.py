"""The glossary is what the catalogue and the tree say: a term that two pages translate differently explains nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import catalogue
import pytest

from ungcuu.cli import registry

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "reference" / "glossary.md"


@dataclass(frozen=True)
class Term:
    """One row: English forms, Vietnamese alternatives, and the places named in backquotes."""

    english: tuple[str, ...]
    vietnamese: tuple[str, ...]
    places: tuple[str, ...]

    @property
    def pattern(self) -> re.Pattern[str]:
        """Any form as whole words; one in capitals (DONE) is not the ordinary word."""
        flags = re.NOFLAG if self.english[0].isupper() else re.IGNORECASE
        return re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, self.english))})(?![\w-])", flags)


@cache
def terms() -> tuple[Term, ...]:
    rows = re.findall(r"^\| (.+?) \| (.+?) \| .+? \| (.+?) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    return tuple(
        Term(tuple(english.split(", ")), tuple(vietnamese.split(" / ")), tuple(re.findall(r"`([^`]+)`", places)))
        for english, vietnamese, places in rows
        if english not in ("English", "---")
    )


def pairs(term: Term) -> Iterator[tuple[str, str]]:
    """Yield each message that holds the term, with its translation."""
    for english, vietnamese, words in messages():
        if term.pattern.search(words):
            yield english, vietnamese


@cache
def messages() -> tuple[tuple[str, str, str], ...]:
    """Return English, Vietnamese, and the words of the English that have to be translated."""
    found = [(_first(m.id), _first(m.string)) for m in catalogue.translated() if m.id]
    return tuple((english, vietnamese, _words(english, vietnamese)) for english, vietnamese in found)


def wrong(term: Term, vietnamese: str) -> bool:
    capitals = term.english[0].isupper()
    text = vietnamese if capitals else vietnamese.lower()
    return not any((word if capitals else word.lower()) in text for word in term.vietnamese)


@pytest.mark.parametrize("term", terms(), ids=lambda term: term.english[0])
def test_the_catalogue_uses_the_glossary_s_word(term: Term) -> None:
    found = list(pairs(term))
    assert found, f"no message holds {term.english}: the glossary explains a word that nobody meets"
    bad = [f"{english!r} → {vietnamese!r}" for english, vietnamese in found if wrong(term, vietnamese)]
    assert bad == [], f"{term.english} is {term.vietnamese} in the glossary; change the translation or the glossary"


@pytest.mark.parametrize("term", terms(), ids=lambda term: term.english[0])
def test_every_place_of_the_glossary_exists(term: Term) -> None:
    assert term.places, "where does it stand?"
    for place in term.places:
        assert exists(place), f"{place} is not there"


def test_a_wrong_translation_and_a_missing_place_are_seen() -> None:
    term = Term(("vault", "vaults"), ("kho sao lưu",), ("roles/no_such_role",))
    assert term.pattern.search("the Vault does not answer") and not term.pattern.search("ansible-vault view")
    assert wrong(term, "hầm chứa không trả lời") and not wrong(term, "Kho sao lưu không trả lời")
    assert not any(exists(place) for place in ("roles/no_such_role", "ungcuu vanish", "class Vanished", "no_such_fact"))


def test_no_term_stands_twice() -> None:
    names = [form for term in terms() for form in term.english]
    assert len(names) > 40 and sorted(set(names)) == sorted(names)


def exists(place: str) -> bool:
    """Whether a verb, a class of the package, a path of the tree or a variable of the inventory is there."""
    kind, _, name = place.partition(" ")
    if kind == "ungcuu":
        return _is_verb(*name.split(" "))
    if kind == "class":
        return re.search(rf"^class {re.escape(name)}\b", _sources("py"), re.MULTILINE) is not None
    if "/" in place:
        return (ROOT / place).exists()
    return re.search(rf"\b{re.escape(place)}\b", _sources("yml")) is not None


def _is_verb(name: str, inner: str = "") -> bool:
    if name not in registry.names():
        return False
    return not inner or inner in {verb.name for verb in registry.load(name).verbs}


@cache
def _sources(ending: str) -> str:
    folder = catalogue.PACKAGE if ending == "py" else ROOT / "roles"
    return "\n".join(path.read_text("utf-8") for path in sorted(folder.rglob(f"*.{ending}")))


def _words(english: str, vietnamese: str) -> str:
    """The English without placeholders, and without names of verbs and options that both languages have."""
    shorter = re.sub(r"\{\w+[^{}]*\}|\bungcuu [a-z]+(-[a-z]+)*|--[a-z-]+", " … ", english)
    for name in registry.names():
        if re.search(rf"(?<![\w-]){name}(?![\w-])", vietnamese):
            shorter = re.sub(rf"(?<![\w-]){name}(?![\w-])", " ", shorter)
    return shorter


def _first(value: object) -> str:
    return value if isinstance(value, str) else str(value[0])
