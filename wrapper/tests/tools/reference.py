"""Writes what is derived from the verbs: ``python wrapper/tests/tools/reference.py update``.

docs/reference/verbs.md (every verb with its steps and options) and the golden top-level help. A test compares both.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from ungcuu.cli import registry
from ungcuu.cli.parser import PHASES
from ungcuu.core import i18n
from ungcuu.core.settings import Settings
from ungcuu.run.verb import Hosts, Option, Phase, Verb
from ungcuu.run.verb_plan import verb_steps

ROOT = Path(__file__).resolve().parents[3]
VERBS = ROOT / "docs" / "reference" / "verbs.md"
HELP = ROOT / "wrapper" / "tests" / "repo" / "golden" / "help.txt"

_HOSTS = {
    Hosts.NONE: "",
    Hosts.ONE: " {}",
    Hosts.GROUP: " {}",
    Hosts.OPTIONAL: " [{}]",
    Hosts.MANY: " {}...",
    Hosts.ANY: " [{}...]",
}


def verbs_page() -> str:
    """Return docs/reference/verbs.md."""
    return "\n".join(_page())


def help_text() -> str:
    """Return ``ungcuu --help`` as a user with an English locale and 80 columns sees it."""
    environment = {**os.environ, "LANGUAGE": "en", "COLUMNS": "80", "UNGCUU_STATE": "/nonexistent"}
    command = [sys.executable, "-m", "ungcuu", "--help"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def leaves() -> Iterator[tuple[str, Verb]]:
    """Yield every verb that does something, with the words that name it."""
    for name in registry.names():
        verb = registry.load(name)
        for inner in verb.verbs:
            yield f"{name} {inner.name}", inner
        if not verb.verbs:
            yield name, verb


def _page() -> Iterator[str]:
    i18n.set_language("en")
    yield "# Verbs\n"
    yield "Written by `python wrapper/tests/tools/reference.py update`. `ungcuu VERB --help` says the same.\n"
    for phase in Phase:
        found = [(name, verb) for name, verb in leaves() if verb.phase is phase]
        if found:
            yield f"## {PHASES[phase]}\n"
        for name, verb in found:
            yield from _verb(name, verb)


def _verb(name: str, verb: Verb) -> Iterator[str]:
    arguments = "".join(f" {a.name.upper()}{'...' if a.many else ''}" for a in verb.arguments)
    yield f"### `ungcuu {name}{_HOSTS[verb.hosts].format(verb.host_word)}{arguments}`\n"
    yield f"{verb.summary}.\n" if not verb.summary.endswith(".") else f"{verb.summary}\n"
    if verb.description:
        yield f"{verb.description}\n"
    marks = [
        text
        for text, holds in (("Reads only.", verb.read_only), ("Dangerous: asks for the host's name.", verb.dangerous))
        if holds
    ]
    if verb.inverse:
        marks.append(f"Undone by `{verb.inverse.format(host='HOST')}`.")
    if marks:
        yield " ".join(marks) + "\n"
    steps = verb_steps(verb, Settings.from_environment())
    if steps:
        yield "\n".join(f"{number}. {step.name}" for number, step in enumerate(steps, 1)) + "\n"
    if verb.options:
        yield "| option | |\n| --- | --- |"
        yield "\n".join(_option(option) for option in verb.options) + "\n"
    if verb.examples:
        yield "```\n" + "\n".join(verb.examples) + "\n```\n"


def _option(option: Option) -> str:
    name = option.name if option.name.startswith("-") else f"--{option.name}"
    value = "" if option.kind == "flag" else " " + (option.metavar or "\\|".join(option.choices) or option.kind.upper())
    default = "" if option.default in (None, False) else f" Default: `{option.default}`."
    return f"| `{name}{value}` | {option.help}{default} |"


def update() -> None:
    """Write both files."""
    VERBS.parent.mkdir(parents=True, exist_ok=True)
    HELP.parent.mkdir(parents=True, exist_ok=True)
    VERBS.write_text(verbs_page(), "utf-8")
    HELP.write_text(help_text(), "utf-8")


if __name__ == "__main__":
    if sys.argv[1:] != ["update"]:
        sys.exit(__doc__)
    update()
