"""The audit of one host as OSCAL assessment results (NIST, JSON, 1.1), for programs that gather audits of many systems.

A control that holds is *satisfied*; one that fails, is waived or was not assessed is not, each with its own reason:
what nobody looked at is never stated as a fault, nor as held. One that is off or does not apply was not reviewed. The
same control of the same host keeps its uuid from audit to audit; an observation has one of its own each time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from ungcuu import __version__
from ungcuu.core.atomic import put
from ungcuu.core.terminal import clean
from ungcuu.prepare.audit import FAIL, NOT_APPLICABLE, NOT_ASSESSED, OFF, PASS, WAIVED, Audit, Row
from ungcuu.prepare.controls import Control

VERSION = "1.1.3"
FILE = "audit.oscal.json"
SPACE = "tag:ungcuu,2026:controls"  # namespace of our properties; names it, leads nowhere
_ROOT = UUID("a1f0f3f6-4a0c-5f0e-9d1a-2f6f1c1f7a52")
_REASONS = {PASS: "pass", FAIL: "fail", WAIVED: "other", NOT_ASSESSED: "other"}
_MOST = 2000  # characters of what a check said


def keep(audit: Audit, catalogue: Sequence[Control], signer: str, folder: Path) -> Path:
    """Write the document into the host's folder, and return its path.

    ``signer`` names this controller, so that ``web01`` of one site is not that of another.
    """
    text = json.dumps(document(audit, catalogue, signer), ensure_ascii=False, indent=1) + "\n"
    return put(folder / FILE, text)


def document(audit: Audit, catalogue: Sequence[Control], signer: str) -> dict[str, Any]:
    """Return the whole document. Pure: the same audit gives the same one."""
    site = uuid5(_ROOT, f"{signer} {audit.host}")
    plan = str(uuid5(site, "catalogue"))
    metadata = {
        "title": f"Audit of {audit.host}",
        "last-modified": audit.time,
        "version": audit.time,
        "oscal-version": VERSION,
        "props": [_prop("tool", f"ungcuu {__version__}")],
    }
    resource = {
        "uuid": plan,
        "title": "Control catalogue of ungcuu",
        "description": "Each control is checked by one test against the running host; nothing on it is changed.",
    }
    return {
        "assessment-results": {
            "uuid": str(site),
            "metadata": metadata,
            "import-ap": {"href": f"#{plan}"},
            "results": [_result(audit, {control.id: control for control in catalogue}, site)],
            "back-matter": {"resources": [resource]},
        }
    }


def _result(audit: Audit, catalogue: Mapping[str, Control], site: UUID) -> dict[str, Any]:
    looked = [row for row in audit.rows if row.status in _REASONS]
    left = [row for row in audit.rows if row.status in (NOT_APPLICABLE, OFF)]
    selection = {
        "include-controls": [{"control-id": row.id} for row in audit.rows],
        "exclude-controls": [{"control-id": row.id} for row in left],
    }
    tried = [row for row in looked if row.status != NOT_ASSESSED]
    waived = [row for row in looked if row.status == WAIVED]
    found: dict[str, Any] = {
        "uuid": str(uuid5(site, f"result {audit.time}")),
        "title": f"Audit of {audit.host}",
        "description": "Controls of a website host; the parts of its application are not in this document.",
        "start": audit.time,
        "end": audit.time,
        "props": [_prop("score-percent", str(audit.score)), _prop("controls-that-apply", str(audit.denominator))],
        "local-definitions": {"inventory-items": [{"uuid": str(_host(site)), "description": audit.host}]},
        "reviewed-controls": {"control-selections": [_filled(selection)]},
        "observations": [_observation(row, audit, site) for row in tried],
        "risks": [_risk(row, site) for row in waived],
        "findings": [_finding(row, catalogue.get(row.id), audit, site) for row in looked],
    }
    return _filled(found)


def _observation(row: Row, audit: Audit, site: UUID) -> dict[str, Any]:
    return {
        "uuid": str(_observed(row, audit, site)),
        "title": clean(row.title),
        "description": _said(row) or f"The test of {row.id} passed.",
        "methods": ["TEST"],
        "types": ["control-objective"],
        "subjects": [{"subject-uuid": str(_host(site)), "type": "inventory-item"}],
        "collected": audit.time,
    }


def _finding(row: Row, control: Control | None, audit: Audit, site: UUID) -> dict[str, Any]:
    held = "satisfied" if row.status == PASS else "not-satisfied"
    props = [_prop("status", row.status), _prop("level", str(row.level))]
    for name, value in (control.mapping if control else {}).items():
        props += [_prop(name.replace("_", "-"), value)] if value else []
    props += [_prop("status-before", change["before"]) for change in audit.drift if change["id"] == row.id]
    found: dict[str, Any] = {
        "uuid": str(uuid5(site, f"finding {row.id}")),
        "title": clean(row.title),
        "description": (control.why if control else "") or row.id,
        "props": props,
        "target": {
            "type": "objective-id",
            "target-id": row.id,
            "status": {"state": held, "reason": _REASONS[row.status]},
        },
        "remarks": _said(row),
    }
    if row.status != NOT_ASSESSED:
        found["related-observations"] = [{"observation-uuid": str(_observed(row, audit, site))}]
    if row.status == WAIVED:
        found["related-risks"] = [{"risk-uuid": str(_risked(row, site))}]
    return _filled(found)


def _risk(row: Row, site: UUID) -> dict[str, Any]:
    """A waiver: somebody accepted that the control does not hold, until a day."""
    return {
        "uuid": str(_risked(row, site)),
        "title": clean(row.title),
        "description": clean(row.reason),
        "statement": f"Waived by {clean(row.owner)}: {clean(row.reason)}",
        "status": "deviation-approved",
        "deadline": f"{row.expires}T23:59:59Z",
    }


def _host(site: UUID) -> UUID:
    return uuid5(site, "host")


def _observed(row: Row, audit: Audit, site: UUID) -> UUID:
    return uuid5(site, f"observation {row.id} {audit.time}")


def _risked(row: Row, site: UUID) -> UUID:
    return uuid5(site, f"waiver {row.id} {row.expires}")


def _said(row: Row) -> str:
    return clean(row.detail, _MOST, lines=True).strip()


def _prop(name: str, value: str) -> dict[str, str]:
    return {"name": name, "ns": SPACE, "value": " ".join(value.split())}


def _filled(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is empty: OSCAL has no empty lists and texts."""
    return {name: value for name, value in fields.items() if value}
