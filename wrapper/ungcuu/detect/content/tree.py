"""Judge a folder on the controller: each regular file below it, by its bytes. Links are not followed.

No file is opened for writing, run, or unpacked. What can't be read is named, not passed over.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ungcuu.core.errors import UsageFault
from ungcuu.core.i18n import _
from ungcuu.core.terminal import clean
from ungcuu.detect.content.judge import DETECTED, ORDER, Judgement, judge
from ungcuu.remote import pieces

SHOWN = ORDER.index("medium")
_SUM = re.compile(r"([0-9a-fA-F]{64})(?: [ *].*)?\Z")


@dataclass
class Judged:
    """What a folder holds. ``known``: files that a list of known-good ones vouched for; ``unread``: path and why."""

    files: int = 0
    known: int = 0
    seconds: float = 0.0
    findings: list[tuple[str, Judgement]] = field(default_factory=list)
    unread: list[tuple[str, str]] = field(default_factory=list)

    @property
    def detected(self) -> int:
        """How many files are of severity high or above."""
        return sum(one.severity in DETECTED for _path, one in self.findings)

    def document(self) -> dict[str, Any]:
        """Return it as `scan --tree --json` gives it, worst first."""
        worst = sorted(self.findings, key=lambda one: (-ORDER.index(one[1].severity), -one[1].score, one[0]))
        return {
            "files": self.files,
            "known_good": self.known,
            "seconds": round(self.seconds, 3),
            "findings": [
                {
                    "path": path,
                    "severity": one.severity,
                    "score": one.score,
                    "detectors": list(one.detectors),
                    "reasons": list(one.reasons),
                }
                for path, one in worst
            ],
            "unread": [{"path": path, "why": why} for path, why in self.unread],
        }


def judge_tree(folder: Path, known_good: Set[str] = frozenset()) -> Judged:
    """Judge each file below a folder. ``known_good``: SHA-256 sums of files that are not judged.

    Raises:
        UsageFault: The folder can't be read.
    """
    begun, found = time.monotonic(), Judged()
    if not folder.is_dir():
        raise UsageFault(
            _("{path} is not a folder.").format(path=folder), _("Nothing was judged."), "ungcuu scan --tree FOLDER"
        )
    for path in _files(folder, found):
        name = clean(os.fsencode(path.relative_to(folder)).decode("utf-8", "backslashreplace"), 4096)
        try:
            if known_good and _sum(path) in known_good:
                found.files, found.known = found.files + 1, found.known + 1
                continue
            data = pieces.read(path)
        except OSError as error:
            found.unread.append((name, error.strerror or str(error)))
            continue
        found.files += 1
        verdict = judge(name, data)
        if not verdict.complete:
            found.unread.append((name, _("the rules took too long")))
        if ORDER.index(verdict.severity) >= SHOWN:
            found.findings.append((name, verdict))
    found.seconds = time.monotonic() - begun
    return found


def _files(folder: Path, found: Judged) -> Iterator[Path]:
    def failed(error: OSError) -> None:
        found.unread.append((clean(str(error.filename), 4096), error.strerror or str(error)))

    for place, _folders, names in os.walk(folder, onerror=failed):
        for name in sorted(names):
            path = Path(place, name)
            try:
                if stat.S_ISREG(path.lstat().st_mode):
                    yield path
            except OSError as error:
                failed(error)


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_sums(path: Path) -> frozenset[str]:
    """Return the sums of a list as `sha256sum` writes it.

    Raises:
        UsageFault: It can't be read, or a line is none.
    """
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError as error:
        raise UsageFault(
            _("{path} can't be read: {why}").format(path=path, why=error.strerror),
            _("Nothing was judged."),
            "sha256sum FILE... > LIST",
        ) from error
    sums: set[str] = set()
    for number, line in enumerate(lines, 1):
        match = _SUM.match(line.strip().removeprefix("\\"))
        if match:
            sums.add(match.group(1).lower())
        elif line.strip():
            raise UsageFault(
                _("{path}, line {line}: not a SHA-256 sum and a name").format(path=path, line=number),
                _("Nothing was judged."),
                "sha256sum FILE... > LIST",
            )
    return frozenset(sums)
