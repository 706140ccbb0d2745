"""Data of YAML files as instances of dataclasses, which are its schema: what does not fit is refused."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from ungcuu.core.i18n import _

Words = tuple[str, ...]


class Mismatch(ValueError):
    """Data that does not fit the schema. ``at`` is the way to it, key by key."""

    def __init__(self, at: Words, why: str) -> None:
        super().__init__(why)
        self.at = at
        self.why = why


def line_of(node: Any, at: Words) -> int:
    """The line of the deepest part of the way that stands in the file."""
    line: int = node.start_mark.line + 1 if node is not None else 1
    for step in at:
        below = node.value if node is not None and isinstance(node.value, list) else []
        if below and isinstance(below[0], tuple):
            found = [(key, value) for key, value in below if key.value == step]
            if not found:
                return line
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif step.isdecimal() and int(step) < len(below):
            node = below[int(step)]
            line = node.start_mark.line + 1
    return line


def build(kind: Any, data: Any, at: Words = ()) -> Any:
    """Return ``data`` as an instance of a dataclass, or of what one of its fields is declared to be.

    Raises:
        Mismatch: A key is unknown or missing, or a value has another form.
    """
    if dataclasses.is_dataclass(kind):
        return _object(kind, data, at)
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        return build(inner[0], data, at)
    if origin is tuple:
        if not isinstance(data, list):
            raise Mismatch(at, _("has to be a list"))
        return tuple(build(inner[0], item, (*at, str(number))) for number, item in enumerate(data))
    if origin is Literal:
        if data not in inner:
            raise Mismatch(at, _("has to be one of: {words}").format(words=", ".join(map(str, inner))))
    elif origin is Mapping:
        if not isinstance(data, dict) or not all(isinstance(part, str) for pair in data.items() for part in pair):
            raise Mismatch(at, _("has to map names to texts"))
        return dict(data)
    elif not isinstance(data, kind) or (kind is int and isinstance(data, bool)):
        raise Mismatch(at, _("has to be of the type {type}").format(type=kind.__name__))
    return data


def _object(kind: Any, data: Any, at: Words) -> Any:
    if not isinstance(data, dict):
        raise Mismatch(at, _("has to be a mapping"))
    fields = {item.name: item for item in dataclasses.fields(kind)}
    hints = typing.get_type_hints(kind)
    for key in data:
        if key not in fields:
            raise Mismatch((*at, str(key)), _("is unknown"))
    missing = dataclasses.MISSING
    for name, item in fields.items():
        if name not in data and item.default is missing and item.default_factory is missing:
            raise Mismatch((*at, name), _("is missing"))
    made = {key: build(hints[key], value, (*at, key)) for key, value in data.items()}
    try:
        return kind(**made)
    except Mismatch as error:
        raise Mismatch((*at, *error.at), error.why) from error
