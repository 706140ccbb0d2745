"""The arguments of an action plugin, checked against its own documentation.

``plugins/modules/NAME.py`` holds DOCUMENTATION, EXAMPLES and RETURN of ``plugins/action/NAME.py``: ``ansible-doc``
looks for them there. The options written there are the only list of arguments: what they do not name is refused.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

MODULES = Path(__file__).resolve().parent / "modules"
_PARTS = ("DOCUMENTATION", "EXAMPLES", "RETURN")
_COPIED = ("type", "elements", "required", "default", "choices")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class InvalidArguments(Exception):
    """A task gives the plugin arguments that it does not take; the text names each one, and the fix."""


def documentation(name: str) -> dict[str, Any]:
    """Return DOCUMENTATION, EXAMPLES and RETURN of a plugin, parsed.

    Raises:
        OSError: the plugin has no file of documentation.
        KeyError: one of the three parts is missing.
    """
    texts: dict[str, str] = {}
    for node in ast.parse((MODULES / f"{name}.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            texts[node.targets[0].id] = ast.literal_eval(node.value)
    return {part: yaml.load(texts[part], Loader=_LOADER) for part in _PARTS}  # noqa: S506 - a safe loader


def argument_spec(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return documented options in the form of Ansible's argument specs."""
    return {name: _entry(option) for name, option in options.items()}


def _entry(option: Mapping[str, Any]) -> dict[str, Any]:
    entry = {key: option[key] for key in _COPIED if key in option}
    if "suboptions" in option:
        entry["options"] = argument_spec(option["suboptions"])
    return entry


def validated(
    name: str, arguments: Mapping[str, Any], rules: Mapping[str, Any], spec: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the arguments with their documented types and defaults; an option that was not given is not there.

    ``rules`` holds what a documentation can't say, by the names that Ansible's validator has: ``required_one_of``, …
    ``spec`` is the argument spec, where it is at hand.

    Raises:
        InvalidArguments: a key is unknown or missing, or a value has the wrong type.
    """
    known = argument_spec(documentation(name)["DOCUMENTATION"]["options"]) if spec is None else spec
    found = list(_misfits(known, arguments))
    if not found:
        result = ArgumentSpecValidator(known, **rules).validate(dict(arguments))
        found = result.error_messages
    if found:
        raise InvalidArguments(
            f"{name}: {'; '.join(found)}. Nothing was done by this task. "
            f"Fix: correct the task; `ansible-doc -t module {name}` lists the keys"
        )
    return dict(_given(known, result.validated_parameters))


def _misfits(spec: Mapping[str, Any], arguments: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """Yield one sentence for each key that no option has, and for what Ansible's validator would turn into text."""
    for key, value in arguments.items():
        if key not in spec:
            yield f"unknown key '{key}'{where}{_hint(str(key), spec)}"
        elif "options" in spec[key]:
            rows = value if isinstance(value, list | tuple) else [value]
            for number, row in enumerate(rows, 1):
                place = f" in '{key}'" + (f" (item {number})" if len(rows) > 1 else "") + where
                if isinstance(row, Mapping):
                    yield from _misfits(spec[key]["options"], row, place)
                elif row is not None:
                    yield f"'{key}'{where} takes a mapping, not {type(row).__name__}"
        elif spec[key]["type"] in ("str", "path") and isinstance(value, list | tuple | Mapping):
            yield f"'{key}'{where} takes one text, not {type(value).__name__}"


def _hint(key: str, spec: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(key, spec, 1, 0.5)
    return f" (did you mean '{near[0]}'?)" if near else f" (known keys: {', '.join(sorted(spec))})"


def _given(spec: Mapping[str, Any], arguments: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what was given or has a default: the validator sets all else to None."""
    for key, value in arguments.items():
        inner = spec[key].get("options")
        if value is None:
            continue
        if inner and isinstance(value, list):
            yield key, [dict(_given(inner, row)) for row in value]
        else:
            yield key, dict(_given(inner, value)) if inner else value
