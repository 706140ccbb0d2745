"""The sites of the conformance suite, as data: a YAML file for each application, with the stacks it is tried on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).with_name("sites")

# What an intruder leaves, in the order in which the matrix names it. A site has each of them, or says why it can't.
PLANTS = (
    "web shell in media",
    "web shell in a folder that PHP writes",
    "changed core file",
    "backdoor in the configuration",
    "administrator",
    "API token",
    "injected link",
    "template",
    "cron",
    "plugin",
)


@dataclass(frozen=True)
class Plant:
    """One thing that an intruder leaves: a shell script that makes it, and the path of the finding it must give."""

    run: str
    path: str  # ``*`` stands for what the application draws by lot
    by_hand: str = ""  # what takes it away, where the product says that a person has to

    def is_in(self, paths: Iterable[str]) -> bool:
        """Return whether one of these paths of findings is this plant's."""
        return any(fnmatchcase(path, self.path) for path in paths)


@dataclass(frozen=True)
class Blinding:
    """What makes a scan blind to a part of the application's data, and what undoes it."""

    run: str
    undo: str
    path: str


@dataclass(frozen=True)
class Stack:
    """A site on one web server and one database: what is installed, and the facts that a person would write of it."""

    name: str
    application: str
    title: str
    host: str
    install: str
    environment: Mapping[str, str]
    facts: Mapping[str, Any]
    answers: Mapping[str, Any]  # facts that no host knows, beside those that `init` asks for
    trees: tuple[str, ...]  # where every file comes back by a restore
    fleeting: tuple[str, ...]  # paths below them that the application makes again
    fleeting_tables: tuple[str, ...]
    fleeting_rows: tuple[str, ...]  # expressions for the beginning of an INSERT: rows of a cache in a table with others
    schema: str
    password: str  # a shell script that gives the editor the password on standard input
    secret: str  # a shell script that shows the password of the database; empty where there is none
    plants: Mapping[str, Plant]
    impossible: Mapping[str, str]
    beside: Mapping[str, Plant] = field(default_factory=dict)  # further things that only this application has
    blinding: Blinding | None = None
    source: str = ""  # the variable that names the folder of its source, where no package of Debian has it

    @property
    def engine(self) -> str:
        """The database's engine, or ``none``."""
        return self.environment.get("ENGINE", "none")

    @property
    def missing(self) -> str:
        """Why it can't be installed here; empty where it can."""
        if not self.source or Path(os.environ.get(self.source) or "/nowhere").is_dir():
            return ""
        return f"set {self.source} to the folder of its source"


def stacks() -> dict[str, Stack]:
    """Return every site on every stack, by name."""
    found = {}
    for path in sorted(FOLDER.glob("*.yml")):
        data = yaml.safe_load(path.read_text("utf-8"))
        for variant in data["stacks"]:
            stack = _stack(data, variant)
            found[stack.name] = stack
    return found


def _recipe(name: str) -> str:
    """The script that installs a site, with what the recipes share before it."""
    return "".join((FOLDER / part).read_text("utf-8") for part in ("common.sh", name))


def _stack(data: Mapping[str, Any], variant: Mapping[str, Any]) -> Stack:
    wanted = dict(data["plants"])
    if set(wanted) != set(PLANTS):
        raise ValueError(f"{data['application']}: plants must be exactly {PLANTS}")
    here = {name: plant for name, plant in wanted.items() if "run" in plant}
    beside = {**data.get("beside", {}), **variant.get("beside", {})}
    return Stack(
        name=variant["name"],
        application=data["application"],
        title=variant["title"],
        host=data.get("host", "spare01"),
        install=_recipe(data["install"]) if "install" in data else "",
        environment=variant.get("environment", {}),
        facts={**data["facts"], **variant["facts"]},
        answers=data.get("answers", {}),
        trees=tuple(data["trees"]),
        fleeting=tuple(data.get("fleeting", ())),
        fleeting_tables=tuple(data.get("fleeting_tables", ())),
        fleeting_rows=tuple(data.get("fleeting_rows", ())),
        schema=data.get("schema", ""),
        password=data["password"],
        secret=data.get("secret", ""),
        plants={name: Plant(**plant) for name, plant in here.items()},
        impossible={name: plant["impossible"] for name, plant in wanted.items() if name not in here},
        beside={name: Plant(**plant) for name, plant in beside.items()},
        blinding=Blinding(**variant["blinding"]) if "blinding" in variant else None,
        source=data.get("source", ""),
    )
