"""The files of an inventory folder as a person wrote them: where a mistake stands, and where a variable is set.

Ansible shows neither in a form that fits on a screen; it has the last word on what the files mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ungcuu.core.i18n import _

_SUFFIXES = (".yml", ".yaml")


@dataclass(frozen=True)
class Mistake:
    """What is wrong in a file, in the parser's words. ``line`` counts from 1; 0 where it is the whole file."""

    path: Path
    line: int
    text: str

    @property
    def place(self) -> str:
        """The place as editors take it: ``path:line``."""
        return f"{self.path}:{self.line}" if self.line else str(self.path)


def mistakes(inventory: Path) -> list[Mistake]:
    """Return what the YAML parser complains of, one a file."""
    import yaml

    found = []
    for path in files(inventory):
        try:
            tree = yaml.compose(path.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
            if (
                getattr(tree, "value", "") == "" and path.parent == inventory
            ):  # a file of variables may be empty, one of hosts may not
                found.append(Mistake(path, 0, _("the file is empty")))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            found.append(Mistake(path, mark.line + 1 if mark else 0, error.problem or error.context or "YAML"))
        except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
            found.append(Mistake(path, 0, " ".join(str(error).split())))
    return found


def files(inventory: Path) -> Iterator[Path]:
    """Yield the YAML files that Ansible reads: those beside each other in the folder, and all variables below it."""
    if inventory.is_file():
        yield from (inventory,) if inventory.suffix in _SUFFIXES else ()
        return
    places = [*inventory.glob("*"), *inventory.glob("*_vars/**/*")]
    yield from sorted(path for path in places if path.suffix in _SUFFIXES and path.is_file())


def place_of(inventory: Path, variable: str) -> str:
    """Return ``path:line`` of the line that sets a variable, or an empty string. Where several do, the last file's."""
    found = ""
    for path in files(inventory):
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
            if re.match(rf"\s*{re.escape(variable)}\s*:", line):
                found = f"{path}:{number}"
    return found


def parsed(text: str) -> Any:
    """Return YAML as plain data.

    Raises:
        yaml.YAMLError: It can't be read.
    """
    import yaml

    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  (a safe loader)


def names(inventory: Path) -> Iterator[tuple[Path, int, str]]:
    """Yield (file, line, name) of each variable that the YAML files set: those of variables, and those of hosts.

    What the parser does not take, and files that ansible-vault has encrypted, are left out.
    """
    import yaml

    for path in files(inventory):
        try:
            tree = yaml.compose(path.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except (yaml.YAMLError, UnicodeDecodeError, OSError):
            continue
        in_vars = inventory not in (path, path.parent)
        for key in _keys(tree) if in_vars else _inline(tree):
            yield path, key.start_mark.line + 1, str(key.value)


def _pairs(node: Any) -> list[tuple[Any, Any]]:
    """The pairs of a mapping; none of anything else."""
    return (
        [pair for pair in node.value if isinstance(pair, tuple)] if isinstance(getattr(node, "value", 0), list) else []
    )


def _keys(node: Any) -> Iterator[Any]:
    yield from (key for key, _value in _pairs(node))


def _inline(node: Any) -> Iterator[Any]:
    """Yield the variables of groups (``vars``) and hosts in an inventory: groups hold groups."""
    for _group, body in _pairs(node):
        for section, value in _pairs(body):
            if section.value == "vars":
                yield from _keys(value)
            elif section.value == "hosts":
                for _host, variables in _pairs(value):
                    yield from _keys(variables)
            elif section.value == "children":
                yield from _inline(value)
