"""Strategies of what a hostile host may hand over, shared by the property tests."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

# Texts in which what acts on a terminal, a template or a path is likely, not only possible.
NASTY = st.sampled_from(
    ["\x1b[2J", "\x1b]0;x\x07", "\u202e", "\u200b", "\r", "\n", "\0", "\x7f", "\x9b", "\udcff", "\ud800", "{{ 7*7 }}",
     "{% x %}", "../", "/", "\\", "\\x1b", "\\\\", "Z\u0300\u0300\u0300\u0300", "\u3164", "ộ", "=cmd|", "<script>", "א"]
)  # fmt: skip # a table
TEXTS = st.lists(NASTY | st.text(max_size=8) | st.characters(), max_size=8).map("".join)
NUMBERS = st.integers() | st.floats() | st.just(10**400) | st.just(-(10**400)) | st.integers(-3, 300)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS


def trees(keys: st.SearchStrategy[str] = TEXTS) -> st.SearchStrategy[Any]:
    """JSON-like data of any shape."""
    return st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
    )


def rows(fields: Mapping[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """A mapping with some of these fields, each of its kind or of any other."""
    return st.fixed_dictionaries({}, optional={name: kind | trees() for name, kind in fields.items()})


def shows(text: str, *, lines: bool = False) -> bool:
    """Whether a text is safe to show: written anew here, so that a fault of the gate is not its own judge."""
    for char in text.replace("\n", "") if lines else text:
        if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}:
            return False
        if unicodedata.bidirectional(char) in {"R", "AL", "AN"}:
            return False
    return True


def all_texts(value: object) -> list[str]:
    """Every text in a tree, keys too."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for key, item in value.items() for text in (*all_texts(key), *all_texts(item))]
    if isinstance(value, list | tuple):
        return [text for item in value for text in all_texts(item)]
    return []


def line(value: object) -> bytes:
    """One line of JSON, as a host would write it."""
    return json.dumps(value).encode("utf-8", "surrogatepass")
