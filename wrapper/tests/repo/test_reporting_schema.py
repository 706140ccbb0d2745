"""The JSON Schemas of reporting are what ungcuu checks by, and what ships with it fits them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import reporting_schema
import yaml

ROOT = Path(__file__).resolve().parents[3]
FILES = [
    *(
        ("reporting-profile.schema.json", path)
        for path in sorted((ROOT / "wrapper/ungcuu/reporting_profiles").iterdir())
    ),
    ("reporting-site.schema.json", ROOT / "inventory/example/reporting/site.yml"),
]


@pytest.mark.parametrize("name", reporting_schema.PAGES)
def test_each_schema_is_up_to_date(name: str) -> None:
    update = "run: python wrapper/tests/tools/reporting_schema.py update"
    assert (reporting_schema.FOLDER / name).read_text("utf-8") == reporting_schema.page(name), update


@pytest.mark.parametrize(("name", "path"), FILES, ids=lambda value: getattr(value, "stem", str(value)))
def test_what_ships_fits_its_schema(name: str, path: Path) -> None:
    """What ungcuu loads is what an editor accepts by the schema."""
    document = json.loads(json.dumps(yaml.safe_load(path.read_text("utf-8")), default=str))  # dates as text
    jsonschema.validate(document, json.loads(reporting_schema.page(name)))
