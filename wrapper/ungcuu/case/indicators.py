"""Indicators of a case as a STIX 2.1 bundle (OASIS standard, 2021): files by hash and path, addresses.

The same case gives the same bundle byte for byte: identifiers are version 5 UUIDs of what they stand for. Findings that
a person called false alarms are left out, and so are low ones. A path is an indicator only where the file itself is
foreign: everybody has an authorized_keys. Marked with TLP 2.0 (FIRST, 2022) by OASIS's own published objects.
"""

from __future__ import annotations

import ipaddress
import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ungcuu import __version__
from ungcuu.case.facts import Facts, Finding
from ungcuu.core.terminal import clean

_NAMESPACE = uuid.UUID("6f1d2c0e-3b0b-5b0e-9c53-0a7c5d1e8f42")
_TLP = {
    "CLEAR": "94868c89-83c2-464b-929b-a1a8aa3c8487",
    "GREEN": "bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "AMBER": "55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "AMBER+STRICT": "939a9414-2ddd-4d32-a0cd-375ea402b003",
    "RED": "e828b379-4e03-4974-9ac4-e53a884c97c1",
}
_TLP_EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
_HASH = re.compile(r"[0-9a-f]{64}\Z")
_ADDRESS_FIELDS = ("address", "remote", "peer", "source_address", "ip")
_HASH_FIELDS = ("sha256", "hash", "seen_sha256")


@dataclass(frozen=True)
class Seen:
    """An address that asked for the intruder's file ``why``, first at ``time`` (the journal's form)."""

    address: str
    why: str
    time: str


def bundle(facts: Facts, seen: Iterable[Seen] = ()) -> dict[str, Any]:
    """Return the bundle of a case; ``seen`` are addresses that the scope names. Pure."""
    marking = _marking(facts.tlp)
    author = _object("identity", "ungcuu", facts.opened) | {"name": "ungcuu", "identity_class": "system"}
    found: dict[str, dict[str, Any]] = {}
    for made in (*_of_findings(facts), *(_of_log(facts, one) for one in seen)):
        made |= {
            "created_by_ref": author["id"],
            "object_marking_refs": [marking["id"]],
            "labels": ["drill"] if facts.drill else made["labels"],
        }
        found.setdefault(made["id"], made)
    objects = [marking, author, *sorted(found.values(), key=lambda item: str(item["pattern"]))]
    return {"type": "bundle", "id": f"bundle--{_uuid(facts.case + str(len(found)) + __version__)}", "objects": objects}


def as_text(facts: Facts, seen: Iterable[Seen] = ()) -> str:
    """The bundle as JSON, ASCII, sorted."""
    return json.dumps(bundle(facts, seen), indent=2, sort_keys=True) + "\n"


def _of_findings(facts: Facts) -> Iterator[dict[str, Any]]:
    for finding in facts.findings:
        if counts(finding):
            for pattern, name in _patterns(finding):
                kind = "compromised" if name.startswith("path") else "malicious-activity"
                message = clean(f"{finding.title} ({facts.case}, {finding.severity})", 500)
                yield _indicator(facts, pattern, name, finding.seen) | {
                    "description": message,
                    "indicator_types": [kind],
                    "labels": [clean(finding.severity, 20)],
                }


def _of_log(facts: Facts, seen: Seen) -> dict[str, Any]:
    """An address out of the host's own log, which an intruder may have written: half as sure."""
    address = ipaddress.ip_address(seen.address)
    message = clean(f"asked for {seen.why}, as the host's log says ({facts.case})", 500)
    made = _indicator(facts, f"[ipv{address.version}-addr:value = '{address}']", f"address {address}", seen.time)
    return made | {
        "description": message,
        "indicator_types": ["malicious-activity"],
        "labels": ["from-log"],
        "confidence": 50,
    }


def _indicator(facts: Facts, pattern: str, name: str, since: str) -> dict[str, Any]:
    rest = {"name": name, "pattern": pattern, "pattern_type": "stix", "valid_from": since}
    return _object("indicator", f"{facts.case}\n{pattern}", since) | rest


def counts(finding: Finding) -> bool:
    """Whether a finding is worth an indicator: no false alarm, and not a low one."""
    return finding.state != "false alarm" and finding.severity != "low"


def addresses_of(data: Mapping[str, Any]) -> Iterator[str]:
    """Addresses that a finding names and that someone else can have."""
    for value in _values(data, _ADDRESS_FIELDS):
        if (address := _address(value)) is not None:
            yield str(address)


def _patterns(finding: Finding) -> Iterator[tuple[str, str]]:
    """Patterns of one finding, each with a name."""
    for value in _values(finding.data, _HASH_FIELDS):
        if _HASH.match(value):
            yield f"[file:hashes.'SHA-256' = '{value}']", f"file {value[:12]}"
    if finding.path.startswith("/") and foreign(finding):
        folder, _slash, name = finding.path.rpartition("/")
        if name:
            where = f"file:parent_directory_ref.path = '{_quoted(folder or '/')}'"
            yield f"[file:name = '{_quoted(name)}' AND {where}]", f"path {clean(finding.path, 200)}"
    for address in addresses_of(finding.data):
        yield f"[ipv{ipaddress.ip_address(address).version}-addr:value = '{address}']", f"address {address}"


def foreign(finding: Finding) -> bool:
    """Whether the file is the intruder's, not one that was changed."""
    action = finding.data.get("action")
    return not isinstance(action, Mapping) or action.get("do") in ("move", "stop_unit")


def _values(data: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[str]:
    """Texts of those fields, in the finding itself and in its evidence."""
    inner = data.get("evidence")
    for part in (data, inner if isinstance(inner, Mapping) else {}):
        for name in names:
            value = part.get(name)
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, str):
                    yield item


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address that someone else can have: no loopback, link-local, multicast or unspecified one."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified:
        return None
    return address


def _quoted(text: str) -> str:
    r"""Text inside a pattern's quotes (STIX 2.1, 9.3): backslash and quote are escaped."""
    return clean(text, 1000).replace("\\", "\\\\").replace("'", "\\'")


def _object(kind: str, seed: str, when: str) -> dict[str, Any]:
    return {
        "type": kind,
        "spec_version": "2.1",
        "id": f"{kind}--{_uuid(kind + seed)}",
        "created": when,
        "modified": when,
    }


def _uuid(seed: str) -> uuid.UUID:
    return uuid.uuid5(_NAMESPACE, seed)


def _marking(tlp: str) -> dict[str, Any]:
    level = tlp if tlp in _TLP else "RED"
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": f"marking-definition--{_TLP[level]}",
        "created": "2022-10-01T00:00:00.000Z",
        "name": f"TLP:{level}",
        "extensions": {_TLP_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": level.lower()}},
    }
