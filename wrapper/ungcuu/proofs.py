"""What a probe's answers prove; pure. The answers come from hosts: nothing of them but checked values is passed on.

A proof is ``{name, side, passed, detail}``; ``passed`` is None where there was no way to look, and says so.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

DEAD = frozenset({"silent", "blocked"})
_STATES = frozenset({"open", "refused", "answered"}) | DEAD

Proof = dict[str, Any]


def proof(name: str, side: str, passed: bool | None, detail: str) -> Proof:
    """Return one proof record."""
    return {"name": name, "side": side, "passed": passed, "detail": detail}


def contained(answer: Mapping[str, Any], side: str, addresses: Sequence[str], ports: Sequence[int]) -> list[Proof]:
    """Judge whether every port of every address is dead. A port that was asked and not answered for counts as alive."""
    states = {(str(row.get("address")), row.get("port")): _state(row) for row in _rows(answer.get("ports"))}
    alive = [
        f"{address} port {port}: {states.get((address, port), 'no answer from the probe')}"
        for address in addresses
        for port in ports
        if states.get((address, port)) not in DEAD
    ]
    families = sorted({f"IPv{ipaddress.ip_address(address).version}" for address in addresses})
    said = f"{len(ports)} ports on {' and '.join(families)}: " + ("; ".join(alive[:10]) if alive else "all silent")
    return [proof("no port answers", side, not alive and bool(addresses and ports), said)]


def contained_inside(answer: Mapping[str, Any], outside: Sequence[str], wants_site: bool) -> list[Proof]:
    """Judge what the isolated host itself tried."""
    out = _rows(answer.get("out"))
    escaped = [row for row in out if _state(row) not in DEAD]
    dns = _rows(answer.get("dns"))
    resolved = [row for row in dns if _state(row) not in DEAD]
    moving, held = answer.get("moving"), answer.get("held")
    still = len(moving) if isinstance(moving, list) else -1
    found = [
        proof("nothing gets out", "inside", None if not outside else bool(out) and not escaped,
              f"{len(out)} connections to outside tried, {len(escaped)} got out" if outside else
              "no outside address to try"),
        proof("DNS is dead", "inside", None if not dns else not resolved,
              f"{len(dns)} servers asked, {len(resolved)} answered"),
        proof("sessions of others are dead", "inside", still == 0,
              f"{held if isinstance(held, int) else '?'} open, {max(still, 0)} of them moved bytes within a second"),
    ]  # fmt: skip
    if wants_site:
        page = answer.get("site")
        works = isinstance(page, dict) and page.get("status") == 200 and page.get("found") is True
        # A defaced or broken page is what incidents look like: it says nothing against the cut.
        said = _page(page) if works else f"{_page(page)}: the intruder may have changed it"
        found.append(proof("the site works inside", "inside", True if works else None, said))
    return found


def lasting(answer: Mapping[str, Any]) -> Proof:
    """Judge whether the rules come back with a restart of the host."""
    unit = answer.get("unit")
    said = {
        "enabled": "the unit that loads the rules is enabled",
        "enabled-runtime": "the rules are kept in memory alone: the host's disk takes no file",
    }.get(unit if isinstance(unit, str) else "", "the unit that loads the rules is not enabled")
    return proof("it outlasts a restart", "inside", unit == "enabled", said)


def served(answer: Mapping[str, Any], side: str, addresses: Sequence[str]) -> list[Proof]:
    """Judge whether the site answers with its marker text at every address."""
    pages = {str(row.get("address")): row for row in _rows(answer.get("site"))}
    bad = [
        f"{address}: {_page(pages.get(address))}"
        for address in addresses
        if pages.get(address, {}).get("status") != 200 or pages.get(address, {}).get("found") is not True
    ]
    said = "; ".join(bad) if bad else f"the page holds its text at {len(addresses)} addresses"
    return [proof("the site serves", side, not bad and bool(addresses), said)]


def notice(answer: Mapping[str, Any], side: str, addresses: Sequence[str]) -> list[Proof]:
    """Judge whether every address answers with the maintenance notice and not with the site."""
    pages = {str(row.get("address")): row for row in _rows(answer.get("site"))}
    bad = [
        f"{address}: {_page(pages.get(address))}"
        for address in addresses
        if pages.get(address, {}).get("status") != 503 or pages.get(address, {}).get("found") is not False
    ]
    said = "; ".join(bad) if bad else f"status 503 at {len(addresses)} addresses"
    return [proof("visitors get the notice", side, not bad and bool(addresses), said)]


def closed(answer: Mapping[str, Any], side: str, addresses: Sequence[str]) -> list[Proof]:
    """Judge whether the port that was asked for, that of SSH, stays closed to this side."""
    states = {str(row.get("address")): _state(row) for row in _rows(answer.get("ports"))}
    alive = [address for address in addresses if states.get(address) != "silent"]
    return [proof("SSH is closed to others", side, not alive, ", ".join(alive) + " answers" if alive else "silent")]


def not_seen(name: str, side: str, why: str) -> Proof:
    """Say that there was no way to look."""
    return proof(name, side, None, why)


def _rows(value: object) -> list[Mapping[str, Any]]:
    rows = value[:10_000] if isinstance(value, list) else []
    return [row for row in rows if isinstance(row, dict)]


def _state(row: Mapping[str, Any]) -> str:
    state = row.get("state")
    return state if isinstance(state, str) and state in _STATES else "no answer from the probe"


def _page(page: object) -> str:
    if not isinstance(page, dict) or not isinstance(page.get("status"), int):
        return "no answer from the probe"
    if not page["status"]:
        return "no answer"
    return f"status {page['status']:d}, {'with' if page.get('found') is True else 'without'} its text"
