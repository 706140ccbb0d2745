"""The view from outside of a host that is isolated, or should be: what answers, asked without the host's help.

1. Nothing here logs in to the host, reads from it or waits for it: a TCP connection is answered or it is not.
2. Two places look at once: this controller, and a vantage (a second machine; the vault, where no other is named).
3. Silence is proof only where a packet was sent and the host is seen to be up; else the proof was not taken.
4. A look ends within ``SECONDS + VANTAGE_SECONDS``, whatever any machine does.

What is needed for it stands in the containment card, so that it works without the inventory.
"""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ungcuu.contain import proofs
from ungcuu.contain.proofs import CONTROLLER, OUTSIDE, Place
from ungcuu.contain.proofs import Proof as Row
from ungcuu.contain.vantage_point import PORTS, may_log_in
from ungcuu.core.i18n import _, ngettext
from ungcuu.core.phrases import Coded, Detail, Proof, Side, phrase
from ungcuu.hosts import ssh
from ungcuu.remote import reachability

if TYPE_CHECKING:
    from ungcuu.contain.card import Card

SECONDS = 1.6  # for one connection: a first packet that got lost is sent again after one second
VANTAGE_SECONDS = 4.0


@dataclass(frozen=True)
class Look:
    """What one look saw. ``state`` is silent (no port answers), open (one does) or unknown (nobody could look).

    ``alive`` names the ports that are open, or refuse where none is open, by side; ``missing`` names the proofs that
    were not taken.
    """

    host: str
    state: str
    proofs: tuple[Row, ...] = ()
    alive: tuple[tuple[Place, tuple[int, ...]], ...] = ()
    seconds: float = 0.0

    @property
    def places(self) -> tuple[Place, ...]:
        """From where it was seen that no port answers."""
        return tuple(_place(row) for row in self.proofs if row["passed"] is True)

    @property
    def missing(self) -> tuple[Row, ...]:
        """Proofs that were not taken, each with its place and why."""
        return tuple(row for row in self.proofs if row["passed"] is None)

    def as_data(self) -> dict[str, object]:
        """Return it as a record of the journal."""
        return {
            "state": self.state,
            "alive": [{**place.as_data(), "ports": list(ports)} for place, ports in self.alive],
            "seen": [place.as_data() for place in self.places],
            "missing": [{name: value for name, value in row.items() if name != "passed"} for row in self.missing],
        }


# --- the look -----------------------------------------------------------------------------------------------------


def look(card: Card, mode: str = "full", *, with_vantage: bool = True) -> Look:
    """Look at a host from both places at once. Never raises because of what a machine does."""
    begun = time.monotonic()
    allowed_open = set() if mode == "full" else set(card.public_ports)
    ports = [port for port in card.outside.get("ports", PORTS) if port not in allowed_open]
    addresses = [str(address) for address in card.outside.get("addresses") or [card.address]]
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        near = pool.submit(_from_controller, card, addresses, ports)
        far = pool.submit(_from_vantage, card, addresses, ports) if with_vantage else None
        seen = [near.result(), *([far.result()] if far else [])]
    rows = [row for found, _alive in seen for row in found]
    alive = tuple(answer for _found, answer in seen if answer is not None)
    passed = [row["passed"] for row in rows if row["name"] == Proof.NO_PORT_ANSWERS]
    state = "open" if False in [row["passed"] for row in rows] else "silent" if True in passed else "unknown"
    return Look(card.host, state, tuple(rows), alive, time.monotonic() - begun)


def look_all(cards: Sequence[Card], mode: str = "full") -> dict[str, Look]:
    """Look at several hosts at once."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=min(16, len(cards) or 1)) as pool:
        return {found.host: found for found in pool.map(lambda card: look(card, mode), cards)}


_Seen = tuple[list[proofs.Proof], "tuple[Place, tuple[int, ...]] | None"]


def _from_controller(card: Card, addresses: Sequence[str], ports: Sequence[int]) -> _Seen:
    dead = [port for port in ports if port != card.port]
    answer = {"ports": reachability.ports(list(addresses), [*dead, card.port], SECONDS)}
    found, alive = _judged(answer, CONTROLLER, addresses, dead, card.port)
    if any(option.startswith(("ProxyJump=", "ProxyCommand=")) for option in card.options):
        why = phrase(Detail.JUMP_HOST)
        found = [row if row["passed"] is not None else {**row, "detail": why} for row in found]
    return found, alive


def _from_vantage(card: Card, addresses: Sequence[str], ports: Sequence[int]) -> _Seen:
    vantage = card.outside.get("vantage")
    if not isinstance(vantage, Mapping):
        return [proofs.not_seen(Proof.NO_PORT_ANSWERS, OUTSIDE, phrase(Detail.NO_VANTAGE))], None
    return ask_vantage(vantage, addresses, ports, card.port, may_log_in(vantage, card.allow))


def ask_vantage(
    vantage: Mapping[str, Any], addresses: Sequence[str], ports: Sequence[int], ssh_port: int, allowed: bool
) -> _Seen:
    """Have the vantage try every port. One that may log in can't prove that SSH is silent, but that the host is up."""
    place = Place(Side.OUTSIDE, str(vantage["name"]))
    dead = [port for port in ports if port != ssh_port] if allowed else sorted({*ports, ssh_port})
    order = {"ask": "ports", "addresses": list(addresses), "ports": sorted({*dead, ssh_port}), "timeout": SECONDS}
    answer, why = _run_probe(_target(vantage), order)
    if answer is None:
        return [proofs.not_seen(Proof.NO_PORT_ANSWERS, place, why)], None
    found, alive = _judged(answer, place, addresses, dead, ssh_port if allowed else 0)
    if allowed:
        why = phrase(Detail.VANTAGE_LOGS_IN, host=place.vantage)
        found.append(proofs.not_seen(Proof.SSH_CLOSED, place, why))
    return found, alive


def _target(vantage: Mapping[str, Any]) -> ssh.Target:
    key = vantage.get("key")
    return ssh.Target(
        str(vantage["name"]),
        str(vantage["address"]),
        int(vantage["port"]),
        str(vantage["user"]),
        Path(str(key)) if key else None,
        Path(str(vantage["known_hosts"])),
        False,
        tuple(vantage.get("options") or ()),
    )


def _run_probe(target: ssh.Target, order: Mapping[str, Any]) -> tuple[dict[str, Any] | None, Coded]:
    """Return the probe's answer, or None and why there is none."""
    from ungcuu.hosts.remote_program import BadAnswer, answer_in, python_command, question

    asked = question("reachability", order)
    try:
        done = ssh.run(target, python_command(), stdin=asked, timeout=SECONDS + VANTAGE_SECONDS, byte_quota=1 << 20)
        answer = answer_in(done.stdout.decode()) if done.ok else None
    except ssh.HostKeyRefused as gap:
        return None, phrase(Detail.VANTAGE_REFUSED, host=target.name, why=phrase(gap.code))
    except (OSError, ValueError, BadAnswer):
        return None, phrase(Detail.VANTAGE_SILENT, host=target.name)
    if not isinstance(answer, dict) or not isinstance(answer.get("ports"), list):
        return None, phrase(Detail.VANTAGE_SILENT, host=target.name)
    return answer, {}


def _judged(
    answer: Mapping[str, Any], place: Place, addresses: Sequence[str], ports: Sequence[int], ssh_port: int
) -> _Seen:
    found = proofs.contained(answer, place, addresses, ports, ssh_port)
    alive = proofs.alive_of(answer, addresses, ports)
    # A port that refuses shows that packets pass, too; where some are open, those are what a reader needs.
    named = sorted({port for _address, port, state in alive if state == "open"}) or sorted(
        {port for _a, port, _s in alive}
    )
    return found, (place, tuple(named)) if named else None


def _place(row: Mapping[str, Any]) -> Place:
    return Place(Side(row["side"]), str(row.get("vantage") or ""))


# --- in words -----------------------------------------------------------------------------------------------------


def alive_words(found: Look) -> str:
    """Return what answers, and from where that was seen."""
    return "; ".join(
        ngettext("port {ports} answers, seen {side}", "ports {ports} answer, seen {side}", len(ports)).format(
            ports=", ".join(map(str, ports)), side=place.words
        )
        for place, ports in found.alive
    )


def silent_words(found: Look) -> str:
    """Return from where it was seen that no port answers."""
    places = ", ".join(dict.fromkeys(place.words for place in found.places))
    return _("no port answers, seen {sides}").format(sides=places)


def unknown_words(found: Look) -> str:
    """Return why nobody could look."""
    return "; ".join(proofs.words(row, detail=True) for row in found.missing) or _("nobody could look")


def switch_words(card: Card) -> str:
    """Return the advice that needs nothing of the host, with the site's own note on where that is."""
    note = str(card.outside.get("switch") or "")
    if note:
        return _("Cut it off at the switch or the hypervisor: {note}").format(note=note)
    return _("Cut it off at the switch or the hypervisor.")
