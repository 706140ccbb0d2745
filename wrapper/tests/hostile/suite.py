"""One cell of the table: a reply, an action, what came of it. Also what measures many and keeps them."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import properties
from adapter import World
from host import hostile
from replies import REPLIES
from ungcuu_tool import Ungcuu
from watched import Ran, watch

FRESH = Path(__file__).resolve().parents[3] / ".check" / "hostile"
PATIENCE = 45.0  # seconds before Ctrl-C, on top of what a run costs that is answered at once


@dataclass(frozen=True)
class Cell:
    """What came of one reply to one action."""

    reply: str
    action: str
    ran: Ran
    word: str
    wrong: list[str]

    def as_data(self) -> Mapping[str, object]:
        """Return it for the page."""
        return {
            "reply": self.reply,
            "action": self.action,
            "word": ("waits, " if self.ran.interrupted else "") + self.word,
            "seconds": round(self.ran.seconds, 1),
            "mib": self.ran.memory >> 20,
            "wrong": self.wrong,
            "canaries": len(Ungcuu.secrets),
        }


def cell(reply: str, action: str, honest: float = 30.0, *, papers: bool = False) -> Cell:
    """Put the tool in front of the liar. ``papers`` has documents made of what it recorded."""
    tool = Ungcuu()
    with tempfile.TemporaryDirectory(prefix="h-") as place, hostile(Path(place, "h"), reply) as host:
        world = World(Path(place, "w"), host)
        world.folder.mkdir(mode=0o700)
        tool.prepare(world, action)
        if papers:
            _run(tool, world, tool.case(world), honest)
        ran = _run(tool, world, tool.command(world, action), honest + tool.slow.get(action, 0))
        wrong = properties.all_of(tool, world, REPLIES[reply], action, ran, honest=honest)
        for words in tool.papers(world) if papers else ():
            made = _run(tool, world, words, honest)
            found = properties.all_of(tool, world, REPLIES[reply], action, made, honest=honest)
            wrong += [f"{' '.join(words[5:])}: {one}" for one in found if one != "it says that it is done"]
        return Cell(reply, action, ran, tool.word(ran), wrong)


def _run(tool: Ungcuu, world: World, words: Sequence[str], honest: float) -> Ran:
    patience = PATIENCE + honest
    return watch(words, tool.environment(world), own=world.folder, folder=tool.working_folder, patience=patience)


def broken(script: str, patience: float = 60.0) -> list[str]:
    """Return what the suite finds wrong with a shell script in the tool's place."""
    tool, reply = Ungcuu(), REPLIES["nothing"]
    with tempfile.TemporaryDirectory(prefix="h-") as place, hostile(Path(place, "h"), "nothing") as host:
        world = World(Path(place, "w"), host)
        world.folder.mkdir(mode=0o700)
        tool.prepare(world, "doctor")
        words = ["sh", "-c", script.replace("MARKER", str(host.marker)).replace("CANARY", str(host.canary))]
        ran = watch(words, tool.environment(world), own=world.folder, folder=Path("/"), patience=patience)
        return properties.all_of(tool, world, reply, "doctor", ran, honest=1.0)


def keep(cell: Cell) -> None:
    """Leave a cell for the page."""
    FRESH.mkdir(parents=True, exist_ok=True)
    (FRESH / f"{cell.action.replace(' ', '_')}.{cell.reply}.json").write_text(json.dumps(cell.as_data()) + "\n")


def diagonal(number: int) -> list[tuple[str, str]]:
    """Return one cell for each reply; the diagonals of all numbers below the count of actions are the whole table."""
    actions = Ungcuu().actions()
    return [(reply, actions[(at + number) % len(actions)]) for at, reply in enumerate(REPLIES)]


def honest_seconds() -> float:
    """Return what a run costs here that is answered at once: on a busy machine that is many seconds."""
    begun = time.monotonic()
    cell("nothing", "scan")
    return 3 * (time.monotonic() - begun)


def main() -> int:
    """Measure cells and keep each as one line of JSON; those that are there already are left out."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--reply", action="append", choices=sorted(REPLIES))
    parser.add_argument("--action", action="append", choices=Ungcuu().actions())
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--again", action="store_true", help="measure anew what is there")
    given = parser.parse_args()
    FRESH.mkdir(parents=True, exist_ok=True)
    cells = [cell for number in range(len(Ungcuu().actions())) for cell in diagonal(number)]
    wanted = [(r, a) for r, a in cells if r in (given.reply or REPLIES) and a in (given.action or Ungcuu().actions())]
    honest = honest_seconds()

    def measure(which: tuple[str, str]) -> bool:
        path = FRESH / f"{which[1].replace(' ', '_')}.{which[0]}.json"
        if path.exists() and not given.again:
            return True
        measured = cell(*which, honest)
        keep(measured)
        print(f"{which[0]:16} {which[1]:18} {measured.as_data()['word']:14} {measured.ran.seconds:5.1f} s", end="  ")
        print(f"{measured.ran.memory >> 20:4} MiB  {'; '.join(measured.wrong) or 'held'}", flush=True)
        return not measured.wrong

    with ThreadPoolExecutor(given.at_once) as pool:
        return 0 if all(list(pool.map(measure, wanted))) else 1


if __name__ == "__main__":
    sys.exit(main())
