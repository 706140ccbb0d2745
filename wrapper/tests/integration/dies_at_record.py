"""ungcuu that kills itself at a record of its journal: ``dies_at_record.py SEEN WORD...``.

SEEN names a JSON file with the places at which earlier runs died. The run dies by SIGKILL at the first place that is
not among them, right before or right after the record is on disk, and adds the place. Without a new place it runs on.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ungcuu.__main__ import main
from ungcuu.case.journal import Journal
from ungcuu.case.record import Record

SEEN = Path(sys.argv[1])


def die_at(place: str) -> None:
    seen = json.loads(SEEN.read_text("utf-8"))
    if place in seen:
        return
    SEEN.write_text(json.dumps([*seen, place]), "utf-8")
    os.kill(os.getpid(), signal.SIGKILL)


def append(journal: Journal, kind: str, data: Mapping[str, Any]) -> Record:
    die_at(f"before {kind}")
    record = whole(journal, kind, data)
    die_at(f"after {kind}")
    return record


# The run itself is the real one.
whole, Journal.append = Journal.append, append
sys.argv[:2] = ["ungcuu"]
main()
