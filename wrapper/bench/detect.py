"""Measure the judgement of content on folders: recall on malicious ones, false positives and CPU time on clean ones.

    python wrapper/bench/detect.py --malicious FOLDER... --clean FOLDER... [--never-count FOLDER...] [--json]

Each folder below a given one is one row. Only PHP files count as malicious samples (the readme of a collection does
not), each content once; copies of what lies below ``--never-count`` (what the model was trained on) are left out.
Detected means severity high or above.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

from ungcuu.detect.content import judge
from ungcuu.detect.content.functions import names
from ungcuu.detect.content.judge import DETECTED
from ungcuu.remote import pieces

NO_SAMPLE = names(".md .html .htm .js .css .svg .xml .json .yml .jsp .jspx .asp .aspx .png .jpg .gif .zip .go .py .pl")


@dataclass
class Row:
    """One project or collection."""

    name: str
    malicious: bool
    files: int = 0
    detected: int = 0
    seconds: float = 0.0


def below(folder: Path) -> list[Path]:
    """Return each regular file."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def digest(path: Path) -> str:
    """Return the sum by which copies are known."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def measure(folder: Path, malicious: bool, seen: set[str], show: bool, most: int) -> Row:
    """Judge one folder."""
    row = Row(folder.name, malicious)
    found = below(folder)
    for path in found[:: max(1, len(found) // most) if most else 1]:
        key = digest(path)
        if malicious and (key in seen or path.suffix.lower() in NO_SAMPLE):
            continue
        started = time.process_time()
        data = pieces.read(path)
        if malicious and judge.kind_of(path.name, data) != "php":
            continue
        verdict = judge.judge(path.name, data)
        row.seconds += time.process_time() - started
        seen.add(key)
        row.files += 1
        hit = verdict.severity in DETECTED
        row.detected += hit
        if show and hit != malicious:
            print(f"  {'missed' if malicious else 'false '} {path} {verdict.reasons[:3]}")
    return row


def table(rows: list[Row]) -> str:
    """Return the rows and their sums as a table."""
    lines = [
        "| folder | kind | files | detected | % | CPU s per 1,000 files |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    sums = [Row("all malicious", True), Row("all clean", False)]
    for row in rows:
        total = sums[0] if row.malicious else sums[1]
        total.files, total.detected = total.files + row.files, total.detected + row.detected
        total.seconds += row.seconds
    for row in [*rows, *(one for one in sums if one.files)]:
        kind, count = "malicious" if row.malicious else "clean", max(row.files, 1)
        share, cost = 100 * row.detected / count, 1000 * row.seconds / count
        lines.append(f"| {row.name} | {kind} | {row.files} | {row.detected} | {share:.3f} | {cost:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--malicious", "--clean", "--never-count"):
        parser.add_argument(name, nargs="*", type=Path, default=[])
    parser.add_argument("--most", type=int, default=0, help="of each folder only about so many files, evenly spread")
    parser.add_argument("--show", action="store_true", help="name each missed and each falsely detected file")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    seen = {digest(path) for folder in args.never_count for path in below(folder)}
    rows = []
    for malicious, folders in ((True, args.malicious), (False, args.clean)):
        for folder in folders:
            for one in sorted(path for path in folder.iterdir() if path.is_dir()):
                rows.append(measure(one, malicious, seen, args.show, args.most))
    print(json.dumps([vars(row) for row in rows], indent=1) if args.json else table(rows))


if __name__ == "__main__":
    main()
