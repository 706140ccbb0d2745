"""What an inventory may state, in one form: the options of the roles' ``argument_specs``, and the facts of a website.

Out of it come the JSON Schema for editors, the check of a role's options before a host is asked, and their defaults.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ungcuu.core.i18n import N_, _
from ungcuu.hosts import inventory_files
from ungcuu.hosts.website_facts import ENGINES, FACTS

_TEXT: Mapping[str, Any] = {"type": "string"}
_TEXTS: Mapping[str, Any] = {"type": "array", "items": {"type": "string"}}
_MINUTES: Mapping[str, Any] = {"type": "integer", "minimum": 1, "maximum": 1440}
# Facts that no role declares: what they look like to an editor. `website_facts` asks for more than a type.
FACT_SHAPES: Mapping[str, Mapping[str, Any]] = {
    "controls_waivers": {"type": ["object", "array"]},
    "host_address_ipv6": _TEXT,
    "isolation_switch_note": _TEXT,
    "isolation_vantage": _TEXT,
    "management_addresses": _TEXTS,
    "node_program": _TEXT,
    "patching_batches": {"type": "array"},
    "restore_drill_on": _TEXT,
    "ungcuu_known_hosts": _TEXT,
    "ungcuu_state": _TEXT,
    "watch_deputy_targets": _TEXTS,
    "watch_escalate_minutes": _MINUTES,
    "watch_language": {"enum": ["vi", "en"]},
    "watch_ping_address": {"type": "string", "format": "uri"},
    "watch_quiet_hours": _TEXT,
    "watch_repeat_minutes": _MINUTES,
    "watch_targets": _TEXTS,
    "website_advisories": _TEXT,
    "website_application": _TEXT,
    "website_backup_exclude": _TEXTS,
    "website_config_paths": _TEXTS,
    "website_contacts": _TEXTS,
    "website_database_engine": {"enum": list(ENGINES)},
    "website_database_name": _TEXT,
    "website_database_user": _TEXT,
    "website_health_path": {"type": "string", "pattern": "^/"},
    "website_health_text": _TEXT,
    "website_name": _TEXT,
    "website_ports": {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 65535}},
    "website_profile_facts": {"type": "object"},
    "website_root": {"type": "string", "pattern": "^/"},
    "website_second_vault_host": _TEXT,
    "website_target": _TEXT,
    "website_user": _TEXT,
    "website_vault_address": _TEXT,
    "website_vault_host": _TEXT,
    "website_writable_paths": _TEXTS,
    "websites": {"type": "array", "items": {"type": "object", "required": ["name"]}},
}
# A type of Ansible's: as JSON Schema, an example, and a word for a person.
_TYPES: Mapping[str, tuple[Mapping[str, Any], Any, str]] = {
    "str": ({"type": ["string", "number", "boolean"]}, "text", N_("text")),
    "path": ({"type": "string"}, "/srv/file", N_("a path")),
    "int": ({"type": "integer"}, 10, N_("a whole number")),
    "float": ({"type": "number"}, 0.5, N_("a number")),
    "bool": ({"type": "boolean"}, True, N_("true or false")),
    "dict": ({"type": "object"}, {"key": "value"}, N_("names with values")),
    "list": ({"type": "array"}, [], N_("a list")),
}
_TEMPLATE: Mapping[str, Any] = {"type": "string", "pattern": r"\{[{%]"}


@dataclass(frozen=True)
class RoleOption:
    """One option of a role. ``spec`` is what ``argument_specs.yml`` says of it."""

    name: str
    role: str
    spec: Mapping[str, Any]

    def fault(self, value: Any) -> str:
        """Return what is wrong with a value, as Ansible will judge it when the role starts; empty where nothing is."""
        from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

        rules = {key: self.spec[key] for key in ("type", "elements", "choices") if key in self.spec}
        result = ArgumentSpecValidator({self.name: rules}).validate({self.name: value})
        return "; ".join(result.error_messages)

    @property
    def looks(self) -> str:
        """What it has to look like, with an example, for a person."""
        if choices := self.spec.get("choices"):
            return " | ".join(map(str, choices))
        text = _(_TYPES[self.spec.get("type", "str")][2])
        return _("{kind}, such as {example}").format(kind=text, example=json.dumps(self.example, ensure_ascii=False))

    @property
    def example(self) -> Any:
        """A value that is right: the default where it says anything, else one of the type."""
        default = self.spec.get("default")
        if default not in (None, "", [], {}) and "{{" not in str(default) and len(str(default)) < 60:
            return default
        kind = self.spec.get("type", "str")
        return [_TYPES[self.spec.get("elements", "str")][1]] if kind == "list" else _TYPES[kind][1]

    @property
    def shape(self) -> dict[str, Any]:
        """Return its JSON Schema. A template of Ansible's may stand for any value."""
        kind = self.spec.get("type", "str")
        shape: dict[str, Any] = dict(_TYPES[kind][0])
        if kind == "list" and (elements := self.spec.get("elements")):
            shape["items"] = dict(_TYPES[elements][0])
        if choices := self.spec.get("choices"):
            shape = {"enum": list(choices)}
        return shape


@cache
def role_options(roles: Path) -> Mapping[str, RoleOption]:
    """Return each option that a role declares, by its name. Where several roles share one, the first by name has it."""
    found: dict[str, RoleOption] = {}
    for path in sorted(roles.glob("*/meta/argument_specs.yml")):
        specs = inventory_files.parsed(path.read_text("utf-8"))["argument_specs"]
        for spec in specs.values():
            for name, option in (spec.get("options") or {}).items():
                found.setdefault(name, RoleOption(name, path.parts[-3], option))
    return found


def schema(roles: Path) -> dict[str, Any]:
    """Return the JSON Schema of a file of variables: names, types, defaults and what each is for.

    Other names are allowed, as a site may have its own: ``ungcuu config check`` names the doubtful ones.
    """
    properties: dict[str, Any] = {}
    for name, option in role_options(roles).items():
        properties[name] = {
            "description": " ".join(str(option.spec.get("description", "")).split()),
            **({"default": option.spec["default"]} if "default" in option.spec else {}),
            "anyOf": [option.shape, dict(_TEMPLATE)],
        }
    looks = {fact.name: fact.looks for fact in FACTS}
    for name, shape in FACT_SHAPES.items():
        known = properties.get(name, {})
        text = known.get("description") or looks.get(name, "")
        properties[name] = {**({"description": text} if text else {}), "anyOf": [dict(shape), dict(_TEMPLATE)]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Variables of an inventory of ungcuu (group_vars, host_vars)",
        "type": ["object", "null"],
        "properties": dict(sorted(properties.items())),
    }
