"""What is known of an expression of PHP, and of lists of such values. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import tree_sitter

from ungcuu.detect.content import folding, functions


@dataclass(frozen=True)
class Value:
    """What is known of an expression: its text, its list, whether a visitor chose it, whether it was computed."""

    text: bytes | None = None
    items: tuple[tuple[bytes, Value], ...] = ()
    visitor: bool = False
    direct: bool = False  # the visitor's bytes and nothing else
    unpacked: bool = False  # comes out of a decoder
    built: bool = False  # a text that stands nowhere in the code as one piece

    def item(self, key: bytes) -> Value | None:
        """Return the entry of a known list, or the character of a known text."""
        for name, value in self.items:
            if name == key:
                return value
        if self.text is not None and re.fullmatch(rb"-?\d{1,7}", key) and self.text:
            place = int(key)
            if -len(self.text) <= place < len(self.text):
                return Value(self.text[place : place + 1 or None], built=True, visitor=self.visitor)
        return None


NOTHING = Value()


@dataclass
class Found:
    """What the walk saw: marks by name, each with the place where it stands first, and code inside of texts."""

    marks: dict[str, str] = field(default_factory=dict)
    errors: bool = False
    nodes: int = 0

    def add(self, mark: str, node: tree_sitter.Node) -> None:
        """Keep the first place of each mark."""
        if mark not in self.marks:
            text = (node.text or b"")[:120].decode("utf-8", "replace")
            self.marks[mark] = f"{node.start_point[0] + 1}: {' '.join(text.split())}"


def returns_input(body: tree_sitter.Node) -> bool:
    """Whether a function hands on what a visitor sends."""
    return bool(re.search(rb"return[^;]{0,200}\$_(?:GET|POST|REQUEST|COOKIE)\b", (body.text or b"")[:20000]))


def _joined(given: Sequence[Value]) -> Value:
    """Return what `implode` gives."""
    glue, items = (given[0].text or b"", given[1]) if len(given) > 1 else (b"", given[0])
    texts = [one.text for _key, one in items.items]
    visitor = any(one.visitor for one in given)
    if not texts or any(one is None for one in texts):
        return Value(visitor=visitor)
    return Value(glue.join(one for one in texts if one is not None)[: folding.LIMIT], visitor=visitor, built=True)


def _split(name: str, given: Sequence[Value], visitor: bool) -> Value:
    """Return the list that `explode` and `str_split` give."""
    known = [one.text for one in given]
    if name == "range" or not known or any(one is None for one in known):
        return Value(visitor=visitor)
    texts = [one for one in known if one is not None]
    if name == "explode" and len(texts) > 1 and texts[0]:
        parts = texts[1].split(texts[0])[:256]
    elif name == "str_split":
        size = max(1, folding.number(texts[1]) if len(texts) > 1 else 1)
        parts = [texts[0][i : i + size] for i in range(0, min(len(texts[0]), 256 * size), size)]
    else:
        return Value(visitor=visitor)
    return Value(None, tuple((b"%d" % i, Value(part, visitor=visitor)) for i, part in enumerate(parts)), visitor)


def result(name: str, given: Sequence[Value], hands_on: bool) -> Value:
    """Return what a function gives for what is known of its arguments. ``hands_on``: it returns a visitor's input."""
    visitor = any(one.visitor for one in given)
    if name in ("getallheaders", "apache_request_headers", "get_defined_vars") or _reads_body(name, given):
        return Value(visitor=True, direct=True)
    if name in ("implode", "join") and given:
        return _joined(given)
    if name in ("explode", "str_split", "range"):
        return _split(name, given, visitor)
    known = _computed(name, given, visitor)
    if known is not None:
        return known
    if name in functions.HARMLESS or name in functions.RUN:
        return NOTHING
    decodes = name in functions.DECODERS
    direct = any(one.direct for one in given) and (decodes or name in functions.PASSED_ON)
    return Value(visitor=visitor or hands_on, direct=direct, unpacked=decodes or any(one.unpacked for one in given))


def _reads_body(name: str, given: Sequence[Value]) -> bool:
    return name in ("file_get_contents", "fopen") and bool(given) and given[0].text == b"php://input"


def _computed(name: str, given: Sequence[Value], visitor: bool) -> Value | None:
    texts = [one.text for one in given if one.text is not None]
    if given and len(texts) == len(given):
        text = folding.call(name, texts)
        if text is not None:
            return Value(text, visitor=visitor, unpacked=name in functions.DECODERS or given[0].unpacked, built=True)
    if name == "str_replace" and len(given) > 2 and given[0].items and given[2].text is not None:
        text = given[2].text
        for _key, one in given[0].items[:64]:
            text = text.replace(one.text, b"") if one.text else text
        return Value(text, built=True)
    return None
