"""What a host's kernel says that its packet filter holds, and how that differs from what it must hold while isolated.

The messages come from a program of ungcuu (remote/packet_filter.py) that ran on the host: a claim like all that a host
says, but one that its own nft has no part in. They are decoded here into short texts, and compared whole with those of
:mod:`ungcuu.contain.rules`: tables, chains with hook, priority, policy and devices, every rule in its order, every
element of every set. The numbers are those of linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ungcuu.contain.rules import INET, NAME, NETDEV, Chain, Rule, Table, merged
from ungcuu.remote.packet_filter import attributes

_MOST = 20_000  # messages of one kind that are looked at


def read(answer: Mapping[str, Any]) -> tuple[dict[int, Table], dict[int, dict[str, tuple[str, ...]]]]:
    """Decode both tables, and the devices of each chain's hook, from what the program printed.

    Raises:
        ValueError: The answer is not what the program prints.
    """
    flags = {}
    for message in messages(answer, "tables"):
        said = dict(attributes(message[4:]))
        if text_of(said.get(1)) == NAME:
            flags[message[0]] = _number(said.get(2))
    hooks: dict[int, dict[str, tuple[str, str]]] = {INET: {}, NETDEV: {}}
    devices: dict[int, dict[str, tuple[str, ...]]] = {INET: {}, NETDEV: {}}
    for message in messages(answer, "chains"):
        said = dict(attributes(message[4:]))
        if text_of(said.get(1)) == NAME and message[0] in hooks:
            name = text_of(said.get(3))
            hook, devices[message[0]][name] = _hook(message[0], said.get(4, b""), text_of(said.get(7)), said.get(10))
            hooks[message[0]][name] = hook, {0: "drop", 1: "accept"}.get(_number(said.get(5, b"\xff")), "?")
    found = {}
    for part in answer.get("parts", []):
        family = int(part["family"])
        if family in flags and family in hooks:
            found[family] = _table(part, flags[family], hooks[family])
    return found, devices


def _table(part: Mapping[str, Any], flags: int, hooks: Mapping[str, tuple[str, str]]) -> Table:
    held = {
        str(name): [row for text in rows for row in _elements(bytes.fromhex(text))]
        for name, rows in dict(part.get("elements", {})).items()
    }
    rules: dict[str, list[Rule]] = {name: [] for name in hooks}
    for message in messages(part, "rules"):
        said = dict(attributes(message[4:]))
        terms = tuple(_term(value, held) for kind, value in attributes(said.get(4, b"")) if kind == 1)
        rules.setdefault(text_of(said.get(2)), []).append(terms)
    sets = {}
    for message in messages(part, "sets"):
        said = dict(attributes(message[4:]))
        if not _number(said.get(3)) & 1:  # the anonymous ones stand in the rules
            kind = _number(said.get(3))
            sets[text_of(said.get(2))] = (
                _intervals(held.get(text_of(said.get(2)), [])) if kind == 4 else ((-kind, -kind),)
            )
    chains = {name: Chain(*hooks.get(name, ("no hook", "-")), tuple(rows)) for name, rows in sorted(rules.items())}
    return Table(flags, chains, sets)


def _hook(family: int, data: bytes, kind: str, flags: bytes | None) -> tuple[str, tuple[str, ...]]:
    said = dict(attributes(data))
    if not said or kind != "filter" or (flags is not None and _number(flags) != 1):
        return f"{kind or 'no hook'} {_number(flags)}", ()
    names = ("prerouting", "input", "forward", "output", "postrouting") if family == INET else ("ingress", "egress")
    number = _number(said.get(1))
    priority = struct.unpack(">i", said.get(2, b"").rjust(4, b"\0")[:4])[0]
    listed = [value for one, value in attributes(said.get(4, b"")) if one == 1] or [said.get(3, b"")]
    at = names[number] if number < len(names) else str(number)
    return f"{at} {priority}", tuple(sorted(name for name in map(text_of, listed) if name))


def _term(data: bytes, held: Mapping[str, list[Any]]) -> str:
    """One expression of a rule as a short text; one that is not known here never equals an expected one."""
    said = dict(attributes(data))
    name, inner = text_of(said.get(1)), dict(attributes(said.get(2, b"")))
    number = {kind: _number(value) for kind, value in inner.items()}
    if name == "lookup" and number.get(2) == 1 and not number.get(5):
        return _lookup(text_of(inner.get(1)), held)
    reader = _TERMS.get(name)
    return (reader(number, inner) if reader else "") or f"{name} {data.hex()[:200]}"


def _lookup(name: str, held: Mapping[str, list[Any]]) -> str:
    """A set by its name; one without a name by what it holds."""
    if not name.startswith("__set"):
        return f"lookup {name}"
    return f"lookup {{{' '.join(sorted(key for key, _end, _flags in held.get(name, [])))}}}"


Numbers = Mapping[int, int]
Values = Mapping[int, bytes]


def _meta(number: Numbers, _inner: Values) -> str:
    keys = {1: "protocol", 8: "iiftype", 9: "oiftype", 15: "nfproto", 16: "l4proto"}
    return f"meta {keys.get(number.get(2, -1), number.get(2))}" if number.get(1) == 1 else ""


def _cmp(number: Numbers, inner: Values) -> str:
    return f"cmp {'eq' if number.get(2) == 0 else number.get(2)} {_value(inner.get(3))}" if number.get(1) == 1 else ""


def _payload(number: Numbers, _inner: Values) -> str:
    base = {1: "network", 2: "transport"}.get(number.get(2, -1), "?")
    return f"payload {base}+{number.get(3)}:{number.get(4)}" if number.get(1) == 1 else ""


def _bitwise(number: Numbers, inner: Values) -> str:
    plain = (number.get(1), number.get(2), number.get(6, 0)) == (1, 1, 0)
    return f"bitwise {_value(inner.get(4))} ^ {_value(inner.get(5))}" if plain else ""


def _limit(number: Numbers, _inner: Values) -> str:
    plain = not number.get(4) and not number.get(5)
    return f"limit {number.get(1)}/{number.get(2)} burst {number.get(3)}" if plain else ""


def _verdict(number: Numbers, inner: Values) -> str:
    code = _number(dict(attributes(dict(attributes(inner.get(2, b""))).get(2, b""))).get(1))
    return {0: "drop", 1: "accept"}.get(code, f"verdict {code}") if number.get(1) == 0 else ""


_TERMS: Mapping[str, Callable[[Numbers, Values], str]] = {
    "meta": _meta,
    "cmp": _cmp,
    "payload": _payload,
    "bitwise": _bitwise,
    "limit": _limit,
    "immediate": _verdict,
    "counter": lambda _number, _inner: "counter",
}


def _elements(message: bytes) -> Iterator[tuple[str, str, int]]:
    """Each element of a set: its key, the end of its range where it has one, and its flags."""
    for kind, value in attributes(dict(attributes(message[4:])).get(3, b"")):
        if kind == 1:
            said = dict(attributes(value))
            yield _value(said.get(1)), _value(said.get(10)), _number(said.get(3))


def _intervals(rows: Sequence[tuple[str, str, int]]) -> tuple[tuple[int, int], ...]:
    """The ranges of a set: elements are starts, and ends (flag 1) that are the first number outside."""
    if any(not key or flags & ~1 for key, _end, flags in rows):
        return ((-1, -1),)  # an element that stands for everything, or is of another kind
    marks = sorted((int(key, 16), not flags & 1, len(key) * 4, end) for key, end, flags in rows)
    found: list[tuple[int, int]] = []
    start = None
    for key, begins, _bits, end in marks:
        if end:
            found.append((key, int(end, 16)))
        elif begins:
            start = key if start is None else start
        elif start is not None:
            found.append((start, key - 1))
            start = None
    if start is not None:
        found.append((start, (1 << marks[-1][2]) - 1))
    return merged(found)


def messages(answer: Mapping[str, Any], what: str) -> list[bytes]:
    """The messages of one kind in what the program printed."""
    return [message for message in map(bytes.fromhex, answer[what][:_MOST]) if len(message) >= 4]


def _value(data: bytes | None) -> str:
    return dict(attributes(data or b"")).get(1, b"").hex()


def _number(data: bytes | None) -> int:
    return int.from_bytes(data or b"", "big")


def text_of(data: bytes | None) -> str:
    """A name in a message; bytes that are none stay visible."""
    return (data or b"").rstrip(b"\0").decode("ascii", "backslashreplace")


# --- comparing ----------------------------------------------------------------------------------------------------


def differences(found: Mapping[int, Table], wanted: Mapping[int, Table]) -> list[str]:
    """Every difference, in words; an empty list means that the tables are the expected ones, whole."""
    said = []
    for family, table in wanted.items():
        name = f"table {'inet' if family == INET else 'netdev'} {NAME}"
        there = found.get(family)
        if there is None:
            said.append(f"{name} is missing")
            continue
        if there.flags & ~2:
            said.append(f"{name} is switched off (flags {there.flags})")
        for chain in sorted({*table.chains, *there.chains}):
            said += _chain(f"{name}, chain {chain}", there.chains.get(chain), table.chains.get(chain))
        said += [
            f"{name}, set {one}: other addresses than the allow-list's"
            for one in sorted({*table.sets, *there.sets})
            if table.sets.get(one) != there.sets.get(one)
        ]
    return said


def _chain(name: str, there: Chain | None, wanted: Chain | None) -> Iterator[str]:
    if wanted is None or there is None:
        yield f"{name} is {'missing' if there is None else 'not one of ungcuu'}"
        return
    if there.hook != wanted.hook:
        yield f"{name} hooks at {there.hook}, not at {wanted.hook}"
    if there.policy != wanted.policy:
        yield f"{name} has the policy {there.policy}"
    for number, (is_there, rule) in enumerate(zip(there.rules, wanted.rules, strict=False), 1):
        if is_there != rule:
            yield f"{name}, rule {number}: {', '.join(is_there)}"
            return
    if len(there.rules) != len(wanted.rules):
        yield f"{name} has {len(there.rules)} rules, not {len(wanted.rules)}"
