"""JSON Schemas of reporting profiles and scenarios: ``python wrapper/tests/tools/reporting_schema.py update``.

The dataclasses are what ungcuu itself checks by; the schema is made of them, for editors and other programs.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import types
import typing
from datetime import date
from pathlib import Path
from typing import Any, Literal

from ungcuu.case.reporting_profile import Profile
from ungcuu.drill.scenario import Scenario
from ungcuu.hosts.reporting_site import ReportingSite

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "reference"
PAGES = {
    "reporting-profile.schema.json": Profile,
    "reporting-site.schema.json": ReportingSite,
    "scenario.schema.json": Scenario,
}


def schema(kind: Any) -> dict[str, Any]:
    """Return the schema of a dataclass, or of what one of its fields is declared to be."""
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        fields = dataclasses.fields(kind)
        missing = dataclasses.MISSING
        needed = [f.name for f in fields if f.default is missing and f.default_factory is missing]
        shape = {"type": "object", "additionalProperties": False, "required": needed}
        return shape | {"properties": {field.name: schema(hints[field.name]) for field in fields}}
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        return schema(inner[0])
    if origin is tuple:
        return {"type": "array", "items": schema(inner[0])}
    if origin is Literal:
        return {"enum": list(inner)}
    if kind is date:
        return {"type": "string", "format": "date"}
    return {"type": {str: "string", int: "integer"}[kind]}


def page(name: str) -> str:
    """Return the text of one schema file."""
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": PAGES[name].__name__}
    return json.dumps(document | schema(PAGES[name]), indent=1) + "\n"


if __name__ == "__main__" and sys.argv[1:] == ["update"]:
    for file in PAGES:
        (FOLDER / file).write_text(page(file), "utf-8")
