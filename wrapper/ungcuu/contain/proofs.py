"""What a probe's answers prove; pure. The answers come from hosts: nothing of them but checked values is passed on.

A proof is ``{name, side, passed, detail}``; ``passed`` is None where there was no way to look, and says so.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

UNSENT = frozenset({"blocked", "unreachable"})  # nothing left the machine that asked
DEAD = frozenset({"silent"}) | UNSENT
_STATES = frozenset({"open", "refused", "answered"}) | DEAD

Proof = dict[str, Any]
NO_ANSWER = "no answer from the probe"


def proof(name: str, side: str, passed: bool | None, detail: str) -> Proof:
    """Return one proof record."""
    return {"name": name, "side": side, "passed": passed, "detail": detail}


def contained(
    answer: Mapping[str, Any], side: str, addresses: Sequence[str], ports: Sequence[int], ssh_port: int = 0
) -> list[Proof]:
    """Judge whether every port of every address is dead. A port that was asked and not answered for counts as alive.

    Silence proves nothing where no packet was sent (no route, a filter of one's own), nor where the host may be off:
    with an ``ssh_port`` that was asked too, and is open to this side, one answer of it must have come.
    """
    states = states_of(answer)
    alive = alive_of(answer, addresses, ports)
    unsent = [address for address in addresses if ports and all(states.get((address, p)) in UNSENT for p in ports)]
    seen = [address for address in addresses if address not in unsent]
    if not alive and ssh_port and not any(states.get((address, ssh_port)) in ("open", "refused") for address in seen):
        return [not_seen("no port answers", side, "not proven: SSH does not answer either, so the host may be off")]
    said = f"{len(ports)} ports on {_families(seen)}: " + (
        "; ".join(f"{address} port {port}: {state}" for address, port, state in alive[:10]) if alive else "all silent"
    )
    found = [proof("no port answers", side, not alive and bool(ports), said)] if seen or not addresses else []
    if not addresses:
        found = [proof("no port answers", side, False, "no address to try")]
    if unsent:
        name = f"no port answers on {_families(unsent)}" if seen else "no port answers"
        found.append(not_seen(name, side, f"not proven: no packet could be sent on {_families(unsent)}"))
    return found


def states_of(answer: Mapping[str, Any]) -> dict[tuple[str, int], str]:
    """Return the state of each address and port that a probe answered for."""
    rows = [row for row in _rows(answer.get("ports")) if isinstance(row.get("port"), int)]
    return {(str(row.get("address")), row["port"]): _state(row) for row in rows}


def alive_of(answer: Mapping[str, Any], addresses: Sequence[str], ports: Sequence[int]) -> list[tuple[str, int, str]]:
    """Return every address, port and state that is not dead."""
    states = states_of(answer)
    asked = [(address, port, states.get((address, port), NO_ANSWER)) for address in addresses for port in ports]
    return [row for row in asked if row[2] not in DEAD]


def _families(addresses: Sequence[str]) -> str:
    return " and ".join(sorted({f"IPv{_version(address)}" for address in addresses})) or "no address"


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
    found = [
        proof(
            "nothing gets out",
            "inside",
            None if not outside else bool(out) and not escaped,
            f"{len(out)} connections to outside tried, {len(escaped)} got out"
            if outside
            else "no outside address to try",
        ),
        proof(
            "DNS is dead",
            "inside",
            None if not dns else not resolved,
            f"{len(dns)} servers asked, {len(resolved)} answered",
        ),
        proof(
            "sessions of others are dead",
            "inside",
            still == 0,
            f"{held if isinstance(held, int) else '?'} open, {max(still, 0)} of them moved bytes within a second",
        ),
    ]
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
    return state if isinstance(state, str) and state in _STATES else NO_ANSWER


def _page(page: object) -> str:
    if not isinstance(page, dict) or not isinstance(page.get("status"), int):
        return NO_ANSWER
    if not page["status"]:
        return "no answer"
    return f"status {page['status']:d}, {'with' if page.get('found') is True else 'without'} its text"
