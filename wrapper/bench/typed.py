"""What commands cost as they are typed: wall time, processor time on both sides, and how many ssh programs are started.

    UNGCUU_LAB_SLOT=0 UNGCUU_STATE=… python wrapper/bench/typed.py [--tree FOLDER …] [--repeats 3] ["audit web01" …]

Each command is run in turn in each tree (this one by default; another worktree with its own .venv to compare with),
against the lab's web01, which is up, enrolled and hardened already. Wall time depends on what else the machine does,
so its load stands beside it; processor time and ssh programs do not. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ungcuu.lab import Lab

ROOT = Path(__file__).resolve().parents[2]
HOST = "web01"
COMMANDS = ("harden web01", "audit web01")
_COUNTING = '#!/bin/sh\necho >>"{count}"\nexec {ssh} "$@"\n'


def host_seconds(lab: Lab) -> float:
    """Processor time that the host's processes have taken, those that have ended included."""
    said = lab.exec(
        HOST, ["sh", "-c", "cat /sys/fs/cgroup/cpuacct/cpuacct.usage 2>/dev/null || cat /sys/fs/cgroup/cpu.stat"]
    )
    text = said.stdout.decode().split()
    return int(text[0]) / 1e9 if text[0].isdigit() else int(text[1]) / 1e6


def run(lab: Lab, tree: Path, command: str, folder: Path) -> dict[str, Any]:
    """Run a command as an operator types it."""
    count = folder / "count"
    count.write_text("")
    path = f"{folder}:{tree / '.venv' / 'bin'}:{os.environ['PATH']}"
    load, host, begin = os.getloadavg()[0], host_seconds(lab), time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [str(tree / "ungcuu"), "--inventory", "lab", *command.split()],
        cwd=tree,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": round(time.monotonic() - begin, 2),
        "controller": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2),
        "host": round(host_seconds(lab) - host, 2),
        "ssh": count.stat().st_size,
        "load": round(load, 1),
        "code": done.returncode,
        "said": (done.stdout + done.stderr).strip().splitlines()[-1:],
    }


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The runs and the median of each figure."""
    figures = ("seconds", "controller", "host", "ssh")
    return {"median": {key: statistics.median(row[key] for row in runs) for key in figures}, "runs": runs}


def main() -> int:
    """Measure in alternation, print the runs and the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commands", nargs="*", default=COMMANDS)
    parser.add_argument("--tree", type=Path, action="append")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    lab = Lab.from_environment(Path(os.environ["UNGCUU_STATE"]))
    trees = [tree.resolve() for tree in given.tree or [ROOT]]
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as made:
        shim = Path(made, "ssh")
        shim.write_text(_COUNTING.format(count=Path(made, "count"), ssh=shutil.which("ssh")))
        shim.chmod(0o755)
        for command in given.commands:
            rows: list[list[dict[str, Any]]] = [[] for _ in trees]
            for _ in range(given.repeats):
                for number, tree in enumerate(trees):
                    rows[number].append(run(lab, tree, command, Path(made)))
            found[command] = {str(tree): summary(runs) for tree, runs in zip(trees, rows, strict=True)}
    print(json.dumps({"cores": os.cpu_count(), "commands": found}, indent=1, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
