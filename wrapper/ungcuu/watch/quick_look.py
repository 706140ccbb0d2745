"""The quick look of a round: has anything changed in the folders that a scan reads? Names and times alone are read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ungcuu.core.errors import StepFailed
from ungcuu.core.i18n import _
from ungcuu.detect.scan import EXCLUDED, TREES
from ungcuu.hosts import ssh
from ungcuu.hosts.remote_program import run_program

SECONDS = 60
_ANSWER = 1 << 20  # bytes; a folder's row has about a hundred
# Beside what a scan reads whole: programs, and keys that log in. What stands below /run changes with every login.
_MORE = ("/usr/bin", "/usr/sbin", "/usr/lib/systemd", "/root/.ssh", "/home/*/.ssh", "/boot")


@dataclass(frozen=True)
class Marks:
    """One mark a folder, and how many entries they stand for."""

    folders: Mapping[str, str]
    count: int

    def changed(self, before: Mapping[str, str]) -> list[str]:
        """Return the folders that differ from another look."""
        return sorted(name for name in {*before, *self.folders} if before.get(name) != self.folders.get(name))


def look(target: ssh.Target, web_roots: Sequence[str], known: Mapping[str, Any]) -> Marks:
    """Ask the host for its marks; ``web_roots`` are those of its websites.

    Raises:
        UngcuuError: It could not be reached, or did not answer as expected.
    """
    trees = [path for path in TREES if not path.startswith("/run/")]
    roots = [*web_roots, *trees, *_MORE, *map(str, known.get("host_state_trees") or ())]
    excluded = [*EXCLUDED, *map(str, known.get("host_state_exclude") or ())]
    config = {"roots": roots, "exclude": excluded, "seconds": SECONDS / 2}
    return parse(target.name, run_program(target, "tree_marks", config, SECONDS, _ANSWER))


def parse(host: str, raw: bytes) -> Marks:
    """Read the answer, which is a host's word. A folder that was not seen whole has no mark: it counts as changed.

    Raises:
        StepFailed: It is something else.
    """
    try:
        rows = json.loads(raw)
        folders = {str(name): str(row["mark"]) for name, row in rows.items() if row["whole"] is True}
        return Marks(folders, sum(int(row["count"]) for row in rows.values()))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StepFailed(
            _("{host} did not answer as expected: {why}").format(host=host, why=type(error).__name__),
            "",
            f"ungcuu doctor {host}",
        ) from error
