"""Measures what people wait for: `status`, the report of a long case, the board, and ten thousand records in a browser.

    python wrapper/bench/papers.py

Everything is made in a folder of its own; no host is asked. Each is the best of three: the wall clock, and the
processor's time beside it, which says more where the machine is busy.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "wrapper/tests/unit"), str(ROOT / "wrapper/tests/tools")]

from browser import PROGRAM, Browser  # noqa: E402  (the tests' own)
from casebook import write_case  # noqa: E402
from officeworld import Office  # noqa: E402

from ungcuu.case.case import open_case  # noqa: E402
from ungcuu.prepare.register import store  # noqa: E402
from ungcuu.prepare.register.entry import Entry, as_yaml  # noqa: E402
from ungcuu.prepare.register.kinds import read  # noqa: E402
from ungcuu.report import board  # noqa: E402


def main() -> None:
    """Measure, and print one line each."""
    with tempfile.TemporaryDirectory() as name:
        office = Office(Path(name))
        many_cases(office)
        shown("status, 52 hosts and 200 cases", lambda: typed(office, "status"))
        shown("board --out, 200 cases", lambda: typed(office, "board", "--out", f"{name}/board"))
        case = long_case(office)
        shown("case report, 5,000 records", lambda: typed(office, "case", "report", case))
        records(office)
        typed(office, "register", "due")  # reads each file once
        shown("register due, 10,000 records", lambda: typed(office, "register", "due"))
        shown("board --out, 10,000 records", lambda: typed(office, "board", "--out", f"{name}/board"))
        if PROGRAM:
            drawn(office, Path(name))


def shown(what: str, work: Callable[[], object]) -> None:
    """Print the best of three."""
    times = []
    for _number in range(3):
        begun, used = time.monotonic(), _processor()
        work()
        times.append((time.monotonic() - begun, _processor() - used))
    print(f"{what}: {min(wall for wall, _cpu in times):.2f} s, processor {min(cpu for _wall, cpu in times):.2f} s")


def _processor() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def typed(office: Office, *words: str) -> None:
    """Type a command."""
    command = [sys.executable, "-m", "ungcuu", "-i", str(office.inventory), "--json", *words]
    environment = {**os.environ, "UNGCUU_STATE": str(office.settings.state)}
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def long_case(office: Office) -> str:
    """A case with 5,000 records."""
    case = open_case(office.settings, ["web02"], "x")
    journal = case.journal()
    for number in range(4999):
        finding = {"id": f"f{number}", "severity": "low", "title": "a title", "path": f"/var/www/{number}.php"}
        journal.append("finding", {"host": "web02", "data": finding})
    return case.id


def many_cases(office: Office) -> None:
    """200 cases, 20 of them open, and 50 hosts more."""
    closed, opened = write_case(office.settings), write_case(office.settings, close=False)
    for number in range(200 - len(list(office.settings.cases.iterdir()))):
        source = closed if number < 175 else opened
        shutil.copytree(source.folder, office.settings.cases / f"UC-20261001-{number + 1:03d}")
    for number in range(50):
        folder = office.settings.host_dir(f"host{number}")
        folder.mkdir(parents=True)
        (folder / "findings.json").write_text(json.dumps({"complete": True, "counts": {"high": 1}}), "utf-8")


def records(office: Office) -> None:
    """Ten thousand records of the register."""
    folder = store.folder_of(office.inventory)
    values = read("awareness", {"title": "Buổi tuyên truyền", "date": "2026-10-02", "attendees": ["An", "Bình"]})
    for number in range(10_000):
        entry = Entry(f"awareness-{number + 1000}", values)
        (folder / f"{entry.id}.yml").write_text(as_yaml(entry), "utf-8")


def drawn(office: Office, folder: Path) -> None:
    """How long a browser takes to show the board of all that."""
    page = folder / "page.html"
    page.write_text(board.pages(office.view(), office.settings, "vi")["vi/index.html"], "utf-8")
    with Browser(folder / "profile") as browser:
        browser.open(page.as_uri(), 1280)
        times = [browser.open(page.as_uri(), 1280) for _number in range(3)]
    print(f"board of 10,000 records, opened in Chromium: {min(times):.2f} s")


if __name__ == "__main__":
    main()
