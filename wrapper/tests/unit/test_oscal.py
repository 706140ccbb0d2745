"""The audit as OSCAL: valid by NIST's model, true to the audit, and the same names from audit to audit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from oscal_bindings import v1
from pydantic import ValidationError

from ungcuu.prepare import controls
from ungcuu.prepare.audit import STATUSES, Audit, Row
from ungcuu.report import oscal

ROOT = Path(__file__).resolve().parents[3]
CATALOGUE = controls.load(ROOT / "roles")
SIGNER = "ab" * 32
TIME = "2026-11-29T01:02:03+00:00"


def audit(host: str = "web01", time: str = TIME, **more: Any) -> Audit:
    """Every control of the real catalogue, the statuses in turn."""
    rows = tuple(
        Row(
            control.id,
            control.title,
            control.level,
            "enforce",
            STATUSES[number % len(STATUSES)],
            detail="" if number % len(STATUSES) == 0 else "said\x1b[31m by the host\nin two lines",
            owner="Lê Bình",
            reason="nhà thầu đang sửa",
            expires="2027-01-31",
        )
        for number, control in enumerate(CATALOGUE)
    )
    return Audit(host, time, rows, **more)


def made(found: Audit, signer: str = SIGNER) -> dict[str, Any]:
    results: dict[str, Any] = oscal.document(found, CATALOGUE, signer)["assessment-results"]
    return results


def valid(document: dict[str, Any]) -> object:
    return v1.models.OscalDocument.model_validate_json(json.dumps(document))


@pytest.mark.parametrize("statuses", [STATUSES, *[(one,) for one in STATUSES]])
def test_it_is_what_nist_s_model_demands(statuses: tuple[str, ...]) -> None:
    """Also an audit in which every control passed, or none was looked at: OSCAL has no empty lists."""
    found = audit()
    rows = tuple(replace(row, status=statuses[n % len(statuses)]) for n, row in enumerate(found.rows))
    valid(oscal.document(replace(found, rows=rows), CATALOGUE, SIGNER))


def test_the_model_refuses_what_is_wrong() -> None:
    """So that the test above can fail."""
    document = oscal.document(audit(), CATALOGUE, SIGNER)
    document["assessment-results"]["results"][0]["findings"][0]["uuid"] = "no uuid"
    with pytest.raises(ValidationError):
        valid(document)


def test_each_status_is_stated_as_what_it_is() -> None:
    """Seen failing with a control that was not assessed among the failed ones."""
    (result,) = made(audit())["results"]
    known = {row.id: row.status for row in audit().rows}
    said = {
        (known[one["target"]["target-id"]], one["target"]["status"]["state"], one["target"]["status"]["reason"])
        for one in result["findings"]
    }
    assert said == {
        ("pass", "satisfied", "pass"),
        ("fail", "not-satisfied", "fail"),
        ("waived", "not-satisfied", "other"),
        ("not assessed", "not-satisfied", "other"),
    }
    (selection,) = result["reviewed-controls"]["control-selections"]
    left = {known[one["control-id"]] for one in selection["exclude-controls"]}
    assert left == {"not applicable", "off"}
    observed = {one["uuid"] for one in result["observations"]}
    for one in result["findings"]:
        related = {row["observation-uuid"] for row in one.get("related-observations", ())}
        assert related <= observed and bool(related) == (known[one["target"]["target-id"]] != "not assessed")
    assert {risk["deadline"] for risk in result["risks"]} == {"2027-01-31T23:59:59Z"}
    assert "\x1b" not in json.dumps(result, ensure_ascii=False)


def test_the_same_control_keeps_its_name() -> None:
    """Who follows a finding over months needs one name; two sites with a web01 must not share it."""

    def names(document: dict[str, Any], kind: str) -> list[str]:
        return [one["uuid"] for one in document["results"][0][kind]]

    first, later = made(audit()), made(audit(time="2026-12-29T01:02:03+00:00"))
    assert first == made(audit())
    assert names(first, "findings") == names(later, "findings") and first["uuid"] == later["uuid"]
    assert not set(names(first, "observations")) & set(names(later, "observations"))
    for other in (made(audit("web02")), made(audit(), "cd" * 32)):
        assert not set(names(first, "findings")) & set(names(other, "findings"))
    every = [one["uuid"] for kind in ("findings", "observations", "risks") for one in first["results"][0][kind]]
    assert len(every) == len(set(every))


def test_the_mapping_of_a_control_stands_in_its_finding() -> None:
    (result,) = made(audit(drift=({"id": CATALOGUE[0].id, "before": "fail", "now": "pass"},)))["results"]
    props = {prop["name"]: prop["value"] for prop in result["findings"][0]["props"]}
    assert props["cis-debian12"] == CATALOGUE[0].mapping["cis_debian12"]
    assert props["status-before"] == "fail"


def test_it_stands_beside_the_other_documents(tmp_path: Path) -> None:
    path = oscal.keep(audit(), CATALOGUE, SIGNER, tmp_path)
    valid(json.loads(path.read_text("utf-8")))
    assert path.name == "audit.oscal.json" and path.stat().st_mode & 0o777 == 0o600
