"""The zone in which the website's name stands: its name servers, its mail servers, who may issue certificates for it.

Whoever takes the account at the registrar changes these, and nothing on the host shows it. This controller's resolver
alone is asked. A zone that is gone is an answer (NXDOMAIN); silence is none, and says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ungcuu.watch.alerts import Sight
from ungcuu.watch.outside import judge

if TYPE_CHECKING:
    from dns.resolver import Resolver

SECONDS = 4.0  # for one question
_MOST = 50  # records of one kind
_KINDS = {"servers": "NS", "mail": "MX", "issuers": "CAA"}
# Names that no public zone has (RFC 6761, RFC 8375, RFC 2606): nobody is asked for them.
_PRIVATE = frozenset({"test", "invalid", "localhost", "local", "example", "internal", "lan", "arpa"})

Records = tuple[str, ...]


@dataclass(frozen=True)
class Zone:
    """``name`` is the zone's, empty where there is none. A kind of record is None where the resolver said nothing.

    Of a name that no public zone has, each kind is known to be empty: see :data:`NONE`.
    """

    name: str = ""
    servers: Records | None = None
    mail: Records | None = None
    issuers: Records | None = None

    @property
    def silent(self) -> list[str]:
        """Return the kinds of records that are not known."""
        return [kind for field, kind in _KINDS.items() if getattr(self, field) is None]


NONE = Zone("", (), (), ())


def from_document(row: Mapping[str, Any]) -> Zone:
    """Return it out of its fields as plain data.

    Raises:
        KeyError, TypeError: It is something else.
    """
    kept = {name: None if row[name] is None else tuple(map(str, row[name])) for name in _KINDS}
    return Zone(str(row["name"]), **kept)


def look(name: str, known: str = "", resolver: Resolver | None = None) -> Zone:
    """Return the zone of a name; ``known`` is the zone in which it stood when it was approved.

    The resolver is this machine's, unless another one is given. Where it is silent, no kind of record is known.
    """
    from dns.exception import DNSException
    from dns.resolver import Resolver

    if _is_private(name):
        return NONE
    try:
        asked = resolver or Resolver()
        zone = known or _zone_of(name, asked)
    except (DNSException, OSError, ValueError):
        return Zone(known)
    return Zone(zone, **{field: _records(asked, zone, kind) for field, kind in _KINDS.items()}) if zone else NONE


def worse(host: str, before: Zone, now: Zone) -> Iterator[Sight]:
    """Yield what differs from what was approved; of what is not known, nothing. Fewer of a kind is no finding."""
    rules = {
        "servers": ("outside.name-servers", "high"),
        "mail": ("outside.mail-servers", "medium"),
        "issuers": ("outside.issuers", "medium"),
    }
    for field, (rule, severity) in rules.items():
        old, new = getattr(before, field), getattr(now, field)
        # Where nobody is named, any authority may issue certificates: to name one is stricter.
        if old is None or new is None or (field == "issuers" and not old):
            continue
        strange = sorted({*new} - {*old})
        if strange or (old and not new):
            place = f"{now.name}: {', '.join(map(judge.named, strange)) or '–'}"
            yield judge.sight(host, rule, severity, place, now.name)


def not_compared(before: Zone, now: Zone) -> tuple[list[str], list[str]]:
    """Return the kinds that were approved and are not known now, and those that were not known when it was approved."""
    silent = [kind for kind in now.silent if kind not in before.silent]
    return silent, [kind for kind in before.silent if kind not in now.silent and now.name]


def _is_private(name: str) -> bool:
    labels = name.lower().rstrip(".").split(".")
    return len(labels) < 2 or labels[-1] in _PRIVATE or labels[-1].isdigit() or ":" in name


def _zone_of(name: str, resolver: Resolver) -> str:
    """The nearest name at or above this one that has a zone of its own; none at the top, where nobody's zone is."""
    import dns.name
    from dns.resolver import NXDOMAIN

    at = dns.name.from_text(name.rstrip("."))
    while len(at) > 2:  # a top-level domain, and the root's empty label
        try:
            answer = resolver.resolve(at, "SOA", raise_on_no_answer=False, lifetime=SECONDS, search=False)
            # Behind an alias the answer is of the zone that the alias names, which is somebody else's.
            if answer.rrset is not None and answer.rrset.name == at:
                return at.to_text(omit_final_dot=True).lower()
        except NXDOMAIN:
            pass
        at = at.parent()
    return ""


def _records(resolver: Resolver, zone: str, kind: str) -> Records | None:
    from dns.exception import DNSException
    from dns.resolver import NXDOMAIN

    try:
        answer = resolver.resolve(zone, kind, raise_on_no_answer=False, lifetime=SECONDS, search=False)
    except NXDOMAIN:
        return ()
    except (DNSException, OSError, ValueError):
        return None
    rows = answer.rrset if answer.rrset is not None and answer.canonical_name == answer.qname else ()
    return tuple(sorted({row.to_text().lower().rstrip(".")[:253] for row in rows})[:_MOST])
