"""What a probe's answers prove; pure. The answers come from hosts: nothing of them but checked values is passed on.

A proof is ``{name, side, passed, detail}``, and ``vantage``, the machine that looked from outside; a phrase of
:mod:`ungcuu.core.phrases` in ``detail``. A name may have values of its own, such as ``account``. ``passed`` is None
where there was no way to look; ``detail`` says why.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ungcuu.core.i18n import _
from ungcuu.core.phrases import Coded, Detail, Side, phrase
from ungcuu.core.phrases import Proof as Name
from ungcuu.core.sentences import shown, templates, word

UNSENT = frozenset({"blocked", "unreachable"})  # nothing left the machine that asked
DEAD = frozenset({"silent"}) | UNSENT
_ALIVE = {"open": Detail.PORT_OPEN, "refused": Detail.PORT_REFUSED, "answered": Detail.PORT_ANSWERED}
_STATES = frozenset(_ALIVE) | DEAD

_OF_EVERY_PROOF = frozenset({"name", "side", "vantage", "passed", "detail", "code"})
_UNSAID = str(Detail.PROBE_SILENT)

Proof = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """From where something is tried; ``vantage`` names the machine outside."""

    side: Side
    vantage: str = ""

    @property
    def words(self) -> str:
        """The place in the reader's language: ``from outside (vault01)``."""
        return _("from outside ({host})").format(host=self.vantage) if self.vantage else word(self.side)

    def as_data(self) -> dict[str, str]:
        """Return it as a part of a record."""
        return {"side": str(self.side)} | ({"vantage": self.vantage} if self.vantage else {})


CONTROLLER, OUTSIDE, INSIDE = Place(Side.CONTROLLER), Place(Side.OUTSIDE), Place(Side.INSIDE)


def proof(name: Name, place: Place, passed: bool | None, detail: Coded | list[Coded]) -> Proof:
    """Return one proof record."""
    return {"name": str(name), **place.as_data(), "passed": passed, "detail": detail}


def not_seen(name: Name, place: Place, why: Coded) -> Proof:
    """Say that there was no way to look."""
    return proof(name, place, None, why)


def words(row: Mapping[str, Any], *, detail: bool = False) -> str:
    """Return a proof's name and place in the reader's language: ``no port answers (from outside (vault01))``."""
    text = f"{name_words(row)} ({place_words(row)})"
    return f"{text}: {shown(row['detail'])}" if detail else text


def name_words(row: Mapping[str, Any]) -> str:
    """Return what was tried, in the reader's language."""
    if row.get("families"):
        return shown(phrase(Detail.FAMILIES, families=row["families"]))
    name = str(row.get("name") or "")
    if name in templates():
        return shown({"code": name, **{key: row[key] for key in row.keys() - _OF_EVERY_PROOF}})
    return word(name if word(name) != name else name.replace("_", " "))


def place_words(row: Mapping[str, Any]) -> str:
    """Return from where it was tried, in the reader's language."""
    if row.get("vantage"):
        return _("from outside ({host})").format(host=row["vantage"])
    return word(str(row.get("side") or ""))


def contained(
    answer: Mapping[str, Any], place: Place, addresses: Sequence[str], ports: Sequence[int], ssh_port: int = 0
) -> list[Proof]:
    """Judge whether every port of every address is dead. A port that was asked and not answered for counts as alive.

    Silence proves nothing where no packet was sent (no route, a filter of one's own), nor where the host may be off:
    with an ``ssh_port`` that was asked too, and is open to this side, one answer of it must have come.
    """
    name, states = Name.NO_PORT_ANSWERS, states_of(answer)
    alive = alive_of(answer, addresses, ports)
    unsent = [address for address in addresses if ports and all(states.get((address, p)) in UNSENT for p in ports)]
    seen = [address for address in addresses if address not in unsent]
    if not alive and ssh_port and not any(states.get((address, ssh_port)) in ("open", "refused") for address in seen):
        return [not_seen(name, place, phrase(Detail.HOST_MAY_BE_OFF))]
    if not addresses:
        return [proof(name, place, False, phrase(Detail.NO_ADDRESS_TO_TRY))]
    found = [proof(name, place, not alive and bool(ports), _ports_seen(alive, seen, len(ports)))] if seen else []
    if unsent:
        row = not_seen(name, place, phrase(Detail.UNSENT, families=_families(unsent)))
        found.append(row | ({"families": _families(unsent)} if seen else {}))
    return found


def _ports_seen(alive: Sequence[tuple[str, int, str]], seen: Sequence[str], count: int) -> Coded:
    if not alive:
        return phrase(Detail.PORTS_SILENT, count=count, families=_families(seen))
    rows = [
        phrase(Detail.PORT_STATE, address=address, port=port, state=phrase(_ALIVE.get(state, Detail.PROBE_SILENT)))
        for address, port, state in alive[:10]
    ]
    return phrase(Detail.PORTS_ALIVE, count=count, families=_families(seen), alive=rows)


def states_of(answer: Mapping[str, Any]) -> dict[tuple[str, int], str]:
    """Return the state of each address and port that a probe answered for."""
    rows = [row for row in _rows(answer.get("ports")) if isinstance(row.get("port"), int)]
    return {(str(row.get("address")), row["port"]): _state(row) for row in rows}


def alive_of(answer: Mapping[str, Any], addresses: Sequence[str], ports: Sequence[int]) -> list[tuple[str, int, str]]:
    """Return every address, port and state that is not dead."""
    states = states_of(answer)
    asked = [(address, port, states.get((address, port), _UNSAID)) for address in addresses for port in ports]
    return [row for row in asked if row[2] not in DEAD]


def _families(addresses: Sequence[str]) -> str | Coded:
    found = sorted({f"IPv{_version(address)}" for address in addresses})
    return found[0] if len(found) == 1 else phrase(Detail.BOTH_FAMILIES if found else Detail.NO_ADDRESS)


def _version(address: str) -> int:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).version
    except ValueError:  # a name
        return 4


def contained_inside(answer: Mapping[str, Any], outside: Sequence[str], wants_site: bool) -> list[Proof]:
    """Judge what the isolated host itself tried."""
    out = _rows(answer.get("out"))
    escaped = [row for row in out if _state(row) not in DEAD]
    dns = _rows(answer.get("dns"))
    resolved = [row for row in dns if _state(row) not in DEAD]
    moving, held = answer.get("moving"), answer.get("held")
    still = len(moving) if isinstance(moving, list) else -1
    tried = phrase(Detail.TRIED_OUT, count=len(out), escaped=len(escaped))
    if not outside:
        tried = phrase(Detail.NO_OUTSIDE_ADDRESS)
    asked = phrase(Detail.DNS_ASKED, count=len(dns), answered=len(resolved))
    moved = phrase(Detail.SESSIONS_MOVED, open=held if isinstance(held, int) else "?", moving=max(still, 0))
    found = [
        proof(Name.NOTHING_GETS_OUT, INSIDE, None if not outside else bool(out) and not escaped, tried),
        proof(Name.DNS_DEAD, INSIDE, None if not dns else not resolved, asked),
        proof(Name.SESSIONS_DEAD, INSIDE, still == 0, moved),
    ]
    if wants_site:
        page = answer.get("site")
        works = isinstance(page, dict) and page.get("status") == 200 and page.get("found") is True
        # A defaced or broken page is what incidents look like: it says nothing against the cut.
        detail = _page(page) if works else phrase(Detail.PAGE_MAY_BE_CHANGED, page=_page(page))
        found.append(proof(Name.SITE_WORKS_INSIDE, INSIDE, True if works else None, detail))
    return found


def lasting(answer: Mapping[str, Any]) -> Proof:
    """Judge whether the rules come back with a restart of the host."""
    unit = answer.get("unit")
    known = {"enabled": Detail.UNIT_ENABLED, "enabled-runtime": Detail.RULES_IN_MEMORY}
    detail = known.get(unit if isinstance(unit, str) else "", Detail.UNIT_NOT_ENABLED)
    return proof(Name.OUTLASTS_RESTART, INSIDE, unit == "enabled", phrase(detail))


def served(answer: Mapping[str, Any], place: Place, addresses: Sequence[str]) -> list[Proof]:
    """Judge whether the site answers with its marker text at every address."""
    bad = _pages_unlike(answer, addresses, 200, found=True)
    detail = bad or phrase(Detail.PAGES_RIGHT, count=len(addresses))
    return [proof(Name.SITE_SERVES, place, not bad and bool(addresses), detail)]


def notice(answer: Mapping[str, Any], place: Place, addresses: Sequence[str]) -> list[Proof]:
    """Judge whether every address answers with the maintenance notice and not with the site."""
    bad = _pages_unlike(answer, addresses, 503, found=False)
    detail = bad or phrase(Detail.NOTICES_RIGHT, status=503, count=len(addresses))
    return [proof(Name.NOTICE_SHOWN, place, not bad and bool(addresses), detail)]


def _pages_unlike(answer: Mapping[str, Any], addresses: Sequence[str], status: int, *, found: bool) -> list[Coded]:
    pages = {str(row.get("address")): row for row in _rows(answer.get("site"))}
    return [
        phrase(Detail.PAGE_AT, address=address, page=_page(pages.get(address)))
        for address in addresses
        if pages.get(address, {}).get("status") != status or pages.get(address, {}).get("found") is not found
    ]


def closed(answer: Mapping[str, Any], place: Place, addresses: Sequence[str]) -> list[Proof]:
    """Judge whether the port that was asked for, that of SSH, stays closed to this side."""
    states = {str(row.get("address")): _state(row) for row in _rows(answer.get("ports"))}
    alive = [address for address in addresses if states.get(address) != "silent"]
    detail = phrase(Detail.ADDRESSES_ANSWER, addresses=alive) if alive else phrase(Detail.SILENT)
    return [proof(Name.SSH_CLOSED, place, not alive, detail)]


def _rows(value: object) -> list[Mapping[str, Any]]:
    rows = value[:10_000] if isinstance(value, list) else []
    return [row for row in rows if isinstance(row, dict)]


def _state(row: Mapping[str, Any]) -> str:
    state = row.get("state")
    return state if isinstance(state, str) and state in _STATES else _UNSAID


def _page(page: object) -> Coded:
    if not isinstance(page, dict) or not isinstance(page.get("status"), int):
        return phrase(Detail.PROBE_SILENT)
    if not page["status"]:
        return phrase(Detail.PAGE_NONE)
    return phrase(Detail.PAGE_RIGHT if page.get("found") is True else Detail.PAGE_WRONG, status=page["status"])
