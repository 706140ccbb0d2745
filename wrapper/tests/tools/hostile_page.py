"""Writes docs/reference/hostile-replies.md from what the suite of hostile replies measured.

The suite (and ``python wrapper/tests/hostile/suite.py``) leaves one JSON file for each cell in ``.check/hostile``;
``python wrapper/tests/tools/hostile_page.py update`` takes those in and writes the page. A test compares the page with
what was taken in.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SUITE = ROOT / "wrapper" / "tests" / "hostile"
sys.path.insert(0, str(SUITE))
from replies import REPLIES  # noqa: E402  (beside the suite's tests)
from ungcuu_tool import ACTIONS, TRUE_ANYWAY, WITHOUT_HOST  # noqa: E402

PAGE = ROOT / "docs" / "reference" / "hostile-replies.md"
MEASURED = SUITE / "measured.json"
FRESH = ROOT / ".check" / "hostile"

# reply → action → [the tool's word, seconds, MiB, what did not hold, canaries]
Records = Mapping[str, Mapping[str, list[object]]]

_INTRODUCTION = """\
A host that an intruder holds answers as the intruder likes. Each row below is one such answer, each column one verb
that listens to a host; the verb is run as people type it, in a terminal, against a real sshd on loopback that plays the
answer to whatever it is asked. After each run all of this must hold:

- nothing is written outside the state folder, which nobody else may open; no file carries a name of the host's;
- no control byte, no invisible or reversing character on the terminal or in any record, log or document (report,
  letter, CSV, calendar, board); the screen of an emulated terminal is as it was above the command;
- no template is evaluated, no variable of the connection is overridden, no program of the host's choice runs here;
- all processes together hold less than 512 MB, an answer without end is cut off within 30 s (and what a run costs on
  the machine at that moment), nothing is left running or lying about;
- no secret of the inventory or of the caller's environment stands on the terminal, in a process list, a record or a
  document;
- it never says DONE: the liar only plays its answer, so nothing that was asked for has happened.

Run all of it with `./check nightly`, one cell with
`python wrapper/tests/hostile/suite.py --reply NAME --action NAME --again`. `./check` takes a dozen of the cells
that have held, others each day. `adapter.py` there says what the suite needs to know of a tool: another one can take
its place.
"""
_LEGEND = """\
Each cell is the word of the exit code ([exit codes](exit-codes.md)) where everything held. **Bold** is what did not
hold. *Waits* means that a silent host is waited for longer than the suite waits, up to the verb's own limit; Ctrl-C
then ended it with that word. An empty cell was not measured when this page was written; the nightly run measures all.
"""


def page(records: Records) -> str:
    """Return the page."""
    return "\n".join(_page(records)) + "\n"


def _page(records: Records) -> Iterator[str]:
    cells = [cell for row in records.values() for cell in row.values()]
    held = sum(not cell[3] for cell in cells)
    canaries = sum(bool(cell[4]) for cell in cells)
    whole = len(REPLIES) * len(ACTIONS)
    yield "# Answers of a hostile host\n"
    yield "Written by `python wrapper/tests/tools/hostile_page.py update`; do not edit.\n"
    yield _INTRODUCTION
    most = max((int(str(cell[2])) for cell in cells), default=0)
    yield (
        f"{len(REPLIES)} answers × {len(ACTIONS)} verbs: {len(cells)} of {whole} cells measured, everything held in "
        f"{held}; {canaries} of them with canaries in secrets. The most memory in any of them: {most} MiB.\n"
    )
    yield "## Answers\n"
    yield _row("answer", "who lies", "what it is")
    yield _row("---", "---", "---")
    for reply in REPLIES.values():
        yield _row(f"`{reply.name}`", reply.liar, reply.about)
    yield "\n## Outcomes\n"
    yield _LEGEND
    yield _row("answer", *(f"`{action}`" for action in ACTIONS))
    yield _row("---", *("---" for _action in ACTIONS))
    for name in REPLIES:
        yield _row(f"`{name}`", *(_cell(records.get(name, {}).get(action)) for action in ACTIONS))
    yield "\n## True whatever the host says\n"
    yield from (f"- `{action}` {why}." for action, why in TRUE_ANYWAY.items())
    yield "\n## Verbs that ask no managed host\n"
    yield ", ".join(f"`{name}`" for name in sorted(WITHOUT_HOST)) + "."


def _cell(cell: list[object] | None) -> str:
    if cell is None:
        return ""
    word, _seconds, _mib, wrong, _canaries = cell
    return f"**{'; '.join(map(str, wrong))}**" if isinstance(wrong, list) and wrong else str(word)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def measured() -> dict[str, dict[str, list[object]]]:
    """Return what was taken in."""
    return dict(json.loads(MEASURED.read_text("utf-8")))


def take_in(folder: Path) -> None:
    """Replace the cells that were measured anew; what is no cell of the table any more goes."""
    known = measured() if MEASURED.exists() else {}
    for path in sorted(folder.glob("*.json")):
        cell = json.loads(path.read_text("utf-8"))
        known.setdefault(cell["reply"], {})[cell["action"]] = [
            *(cell[key] for key in ("word", "seconds", "mib", "wrong")),
            cell.get("canaries", 0),
        ]
    kept = {
        reply: {action: cell for action, cell in sorted(row.items()) if action in ACTIONS}
        for reply, row in sorted(known.items())
        if reply in REPLIES
    }
    lines = (f' "{reply}": {json.dumps(row, ensure_ascii=True, sort_keys=True)}' for reply, row in kept.items())
    MEASURED.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    if sys.argv[1:] != ["update"]:
        sys.exit(f"usage: {sys.argv[0]} update")
    take_in(FRESH)
    PAGE.write_text(page(measured()), "utf-8")
