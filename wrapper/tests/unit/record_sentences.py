"""Sentences of ours in the data of a record, where a code should stand: a report speaks its reader's language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ungcuu.core import sentences

# Texts that a record holds beside their code: what a profile calls an item, a finding's rule in words.
_BESIDE_A_CODE = frozenset({"title", "fix", "what", "purpose", "tool"})
_DEEPEST = 20
# What a person wrote, or a program said.
_SAID = frozenset({"message", "text", "said", "undo", "inverse", "how"})


def sentences_in(data: object, place: str = "") -> list[str]:
    """Return where in ``data`` a sentence stands that the catalogue would translate, with the sentence."""
    return list(_walk(data, place))


def _walk(data: object, place: str, depth: int = 0) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(data, Mapping):
        for name, value in data.items():
            if str(name) not in _BESIDE_A_CODE | _SAID:
                yield from _walk(value, f"{place}.{name}", depth + 1)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from _walk(value, place, depth + 1)
    elif isinstance(data, str) and " " in data and len(data) < 300 and _is_ours(data):
        yield f"{place}: {data}"


def _is_ours(text: str) -> bool:
    """Whether it is a sentence that records of earlier releases held in place of a code."""
    whole, patterns = sentences._earlier()
    return text in whole or any(pattern.fullmatch(text) for _sentence, pattern in patterns)


def guarded(journal: Any, found: list[str]) -> Any:
    """Return a journal's own way to write, with a look at what it writes."""

    def append(self: Any, kind: str, data: Mapping[str, Any]) -> Any:
        found.extend(sentences_in(data, kind))
        return journal(self, kind, data)

    return append
