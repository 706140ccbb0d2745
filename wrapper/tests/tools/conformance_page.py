"""Writes docs/reference/conformance.md from what the conformance suite measured.

``./check conformance`` leaves one JSON file for each site in ``.check/conformance``;
``python wrapper/tests/tools/conformance_page.py update`` takes those in and writes the page. A test compares the page
with what was taken in.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ungcuu.hosts import profiles

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "wrapper" / "tests" / "integration"))
from conformance.site import PLANTS, stacks  # noqa: E402  (a module of the integration tests)

PAGE = ROOT / "docs" / "reference" / "conformance.md"
MEASURED = ROOT / "wrapper" / "tests" / "integration" / "conformance" / "measured.json"
FRESH = ROOT / ".check" / "conformance"

Records = Mapping[str, Mapping[str, Any]]

_INTRODUCTION = """\
One course for every application and stack, on a really installed site in the lab, by the commands that people type:
from `ungcuu init` to the signed baseline, through an incident, to an editor who logs in, writes and uploads again. What
the commands say is not believed: plants, files, rows, passwords and pages are looked at without them.

Run it with `./check conformance`, or one site with
`pytest wrapper/tests/integration/test_conformance.py -m "" -k NAME`. Every fourth `./check`, by the commit, runs one of
the sites that passed every step in one go, another one each day. The recipes are in
`wrapper/tests/integration/conformance/sites/`. NukeViet needs the folder of its source in `UNGCUU_SOURCE_NUKEVIET`.

*In parts*: the course was interrupted and went on, on the same host, after what it had found was fixed; "What the steps
said" has each such step.

Seconds are those of the whole command as typed. The load is the machine's own over five minutes when the course began,
on two cores; under load a step takes several times as long as on an idle machine.
"""
_STEPS = """
- **init** also enrols the host, finds the facts, and compares them; **doctor** then finds no fault.
- **harden again** changes nothing. **scan** on the stock site, after an editor's ordinary work, finds nothing.
- **restore**: every file is as it was at the backup (kind, mode, owner, content), and every row of every table, but for
  caches, counters and queues that the application makes again.
- **rotate**: the database refuses the old password.
- **editor again**: an editor logs in, publishes a page, and uploads a picture that visitors get.
- *not offered*: the application's profile has no data for it yet; the command says so, and it is a person's task.
"""


def page(records: Records) -> str:
    """Return the page."""
    return "\n".join(_page(records))


def _page(records: Records) -> Iterator[str]:
    yield "# Conformance of applications and stacks\n"
    yield "Written by `python wrapper/tests/tools/conformance_page.py update`; do not edit.\n"
    yield _INTRODUCTION
    yield from _sites(records)
    yield from _matrix(records)
    yield _STEPS
    yield from _plants(records)
    yield from _details(records)
    known = stacks()
    yield "## Not measured\n"
    if rest := [f"`{name}` ({stack.title})" for name, stack in sorted(known.items()) if name not in records]:
        yield f"Sites that have a recipe and were not measured: {', '.join(rest)}.\n"
    without = set(profiles.known()) - {stack.application for stack in known.values()}
    names = ", ".join(f"`{name}`" for name in sorted(without))
    yield f"Profiles without a site: {names}. Nothing is said of them here.\n"


def _sites(records: Records) -> Iterator[str]:
    yield "## Sites\n"
    heads = ("site", "what it is", "measured", "load at the start", "facts found", "wrong")
    heads = (*heads, "findings on the stock site", "init to baseline", "answers")
    yield _row(*heads)
    yield "|" + " --- |" * len(heads)
    for name, record in sorted(records.items()):
        facts, stock = record["facts"], record["findings_on_a_stock_site"]
        yield _row(
            f"`{name}`",
            f"{record['title']}: {record['versions']}",
            record["measured"] + (", in parts" if record.get("in_parts") else ""),
            record["load"],
            f"{facts['found']} of {facts['needed']}" if facts else "–",
            len(facts["wrong"]) if facts else "–",
            "–" if stock is None else stock,
            f"{record['seconds_to_baseline']} s" if record["seconds_to_baseline"] else "–",
            record["questions"],
        )
    yield ""


def _matrix(records: Records) -> Iterator[str]:
    names = sorted(records)
    yield "## Steps\n"
    yield _row("step", *(f"`{name}`" for name in names))
    yield f"| --- |{' --- |' * len(names)}"
    steps = [step["name"] for step in next(iter(records.values()))["steps"]] if records else []
    for number, step in enumerate(steps):
        yield _row(step, *(_cell(records[name]["steps"][number]) for name in names))


def _cell(step: Mapping[str, Any]) -> str:
    if step["outcome"] == "passed":
        return f"{step['seconds']:.0f} s"
    return f"**{step['outcome']}**" if step["outcome"] == "failed" else str(step["outcome"])


def _plants(records: Records) -> Iterator[str]:
    names = sorted(records)
    yield "## What an intruder leaves\n"
    yield "A cell that says neither *found* nor *missed* says why the application can't have it.\n"
    yield _row("plant", *(f"`{name}`" for name in names))
    yield f"| --- |{' --- |' * len(names)}"
    kinds = list(dict.fromkeys([*PLANTS, *(plant for record in records.values() for plant in record["plants"])]))
    for kind in kinds:
        yield _row(kind, *(records[name]["plants"].get(kind, "–").removeprefix("impossible: ") for name in names))
    yield ""


def _details(records: Records) -> Iterator[str]:
    yield "## What the steps said\n"
    for name, record in sorted(records.items()):
        yield f"### `{name}`\n"
        for step in record["steps"]:
            if step["detail"]:
                # A failure's whole text is in the JSON file; a page needs its beginning.
                yield f"- {step['name']}: {_plain(step['detail'])}"
        yield ""


def _plain(text: str) -> str:
    words = " ".join(text.split()).replace("|", "\\|").replace("<", "\\<")
    return words if len(words) <= 600 else words[:600] + " …"


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def measured() -> dict[str, dict[str, Any]]:
    """Return what was taken in."""
    return dict(json.loads(MEASURED.read_text("utf-8")))


def take_in(folder: Path) -> None:
    """Replace the rows of the sites that were measured anew."""
    known = measured() if MEASURED.exists() else {}
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text("utf-8"))
        known[record["name"]] = record
    MEASURED.write_text(json.dumps(known, ensure_ascii=False, indent=1, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    if sys.argv[1:] != ["update"]:
        sys.exit(f"usage: {sys.argv[0]} update")
    take_in(FRESH)
    PAGE.write_text(page(measured()), "utf-8")
