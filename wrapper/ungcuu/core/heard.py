"""Phrases that a host states: codes that its programs may write, with bounded values. Any other text is quoted."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Any

from ungcuu.core.phrases import Coded, Detail, phrase
from ungcuu.core.terminal import clean

_NAME = re.compile(r"[a-z_]{1,20}")
_LONGEST = 300  # characters of one text
_MOST = 50  # items of a list
_MOST_VALUES = 12
_DEEPEST = 4  # phrases inside phrases


def heard(value: object, codes: Container[str]) -> Coded | list[Coded]:
    """Return what a host states as phrases of ``codes``; any other text is quoted, and nothing is an empty phrase."""
    if isinstance(value, list | tuple):
        return [_phrase(one, codes, 0) for one in value[:_MOST]]
    return _phrase(value, codes, 0)


def _phrase(value: object, codes: Container[str], depth: int) -> Coded:
    if value is None or value in ("", {}):
        return {}
    if not isinstance(value, Mapping) or str(value.get("code")) not in codes or depth >= _DEEPEST:
        return phrase(Detail.SAID, text=clean(value, _LONGEST))
    rows = [(str(name), item) for name, item in value.items() if name != "code" and _NAME.fullmatch(str(name))]
    return {"code": str(value["code"])} | {name: _value(item, codes, depth) for name, item in rows[:_MOST_VALUES]}


def _value(value: object, codes: Container[str], depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return _phrase(value, codes, depth + 1)
    if isinstance(value, list | tuple):
        return [_value(one, codes, depth + 1) for one in value[:_MOST]] if depth < _DEEPEST else []
    return clean(value, _LONGEST)
