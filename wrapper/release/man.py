"""Manual pages, one for the command and one for each verb, made of the same words as ``--help``."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ungcuu import __version__
from ungcuu.cli import registry
from ungcuu.cli.parser import Root
from ungcuu.run.verb import Verb


def _never(_verb: Verb, _context: click.Context, _values: dict[str, Any]) -> int:
    raise AssertionError


def pages(moment: int) -> dict[str, str]:
    """Return the text of each page by its file's name, in roff. ``moment``: seconds since 1970, the date shown."""
    root = Root(_never)
    top = click.Context(root, info_name="ungcuu", max_content_width=76)
    found = {"ungcuu.1": _page("ungcuu", "hardening and recovery for a website host", root, top, moment)}
    for name in registry.names():
        verb = registry.load(name)
        command = root.get_command(top, name)
        assert command is not None  # noqa: S101 (the registry names it)
        context = click.Context(command, info_name=name, parent=top, max_content_width=76)
        found[f"ungcuu-{name}.1"] = _page(f"ungcuu-{name}", verb.summary, command, context, moment)
        for inner in verb.verbs:
            one = command.get_command(context, inner.name) if isinstance(command, click.Group) else None
            assert one is not None  # noqa: S101 (the verb names it)
            below = click.Context(one, info_name=inner.name, parent=context, max_content_width=76)
            found[f"ungcuu-{name}-{inner.name}.1"] = _page(
                f"ungcuu-{name}-{inner.name}", inner.summary, one, below, moment
            )
    return found


def write(folder: Path, moment: int) -> None:
    """Write the pages into a folder, compressed; the same tree gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages(moment).items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def _page(name: str, summary: str, command: click.Command, context: click.Context, moment: int) -> str:
    day = f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"
    text = command.get_help(context)
    body = "\n".join(_roff(line) for line in text.splitlines())
    also = "" if name == "ungcuu" else ".SH SEE ALSO\n.BR ungcuu (1)\n"
    title = f'.TH {name.upper()} 1 "{day}" "ungcuu {__version__}" "ungcuu"\n'
    return f"{title}.SH NAME\n{_roff(name)} \\- {_roff(summary)}\n.SH DESCRIPTION\n.nf\n{body}\n.fi\n{also}"


def _roff(line: str) -> str:
    """A line as roff shows it: nothing of it is a command to roff."""
    safe = line.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + safe if safe[:1] in (".", "'") else safe
