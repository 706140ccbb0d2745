"""The quick look of a round: has anything changed in the folders that a scan reads? Names and times alone are read."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from ungcuu.core.errors import HostKeyMismatch, StepFailed, Unreachable
from ungcuu.core.i18n import _
from ungcuu.detect.scan import EXCLUDED, TREES
from ungcuu.hosts import ssh

SECONDS = 60
_ANSWER = 1 << 20  # bytes; a folder's row has about a hundred
# Beside what a scan reads whole: programs, and keys that log in. What stands below /run changes with every login.
_MORE = ("/usr/bin", "/usr/sbin", "/usr/lib/systemd", "/root/.ssh", "/home/*/.ssh", "/boot")


@dataclass(frozen=True)
class Marks:
    """One mark a folder."""

    folders: Mapping[str, str]

    def changed(self, before: Mapping[str, str]) -> list[str]:
        """Return the folders that differ from another look."""
        return sorted(name for name in {*before, *self.folders} if before.get(name) != self.folders.get(name))


def look(target: ssh.Target, web_roots: Sequence[str], known: Mapping[str, Any]) -> Marks:
    """Ask the host for its marks; ``web_roots`` are those of its websites.

    Raises:
        UngcuuError: It could not be reached, or did not answer as expected.
    """
    trees = [path for path in TREES if not path.startswith("/run/")]
    roots = [*map(glob.escape, web_roots), *trees, *_MORE, *map(str, known.get("host_state_trees") or ())]
    feed = resources.files("ungcuu.remote").joinpath("tree_marks.sh").read_bytes()
    command = arguments(roots, [*EXCLUDED, *map(str, known.get("host_state_exclude") or ())])
    try:
        answer = ssh.run(target, command, stdin=feed, timeout=SECONDS, byte_quota=_ANSWER)
    except ssh.HostKeyRefused as error:
        raise HostKeyMismatch(str(error), _("Nothing was sent to it."), error.next_command) from error
    if answer.ending is ssh.Ending.NOT_REACHED:
        raise Unreachable(
            _("{host} could not be reached: {why}").format(host=target.name, why=answer.detail),
            _("Nothing was changed on it."),
            f"ungcuu doctor {target.name}",
        )
    if not answer.ok:
        raise _odd(target.name, answer.detail or answer.stderr[-300:].decode("utf-8", "backslashreplace"))
    return parse(target.name, answer.stdout)


def arguments(roots: Sequence[str], excluded: Sequence[str]) -> list[str]:
    """Return how the program is started for these folders (patterns), without what is excluded below them (paths)."""
    skipped = [word for path in excluded for word in ("-path", glob.escape(path), "-prune", "-o")]
    return ["sh", "-s", "--", str(SECONDS // 2), "\n".join(dict.fromkeys(roots)), *skipped]


def parse(host: str, raw: bytes) -> Marks:
    """Read the answer, which is a host's word. A folder that was not seen whole has no mark: it counts as changed.

    Raises:
        StepFailed: It is something else.
    """
    *rows, rest = raw.split(b"\0")
    folders = {}
    for row in rows:
        parts = row.split(b"\n", 2)
        if len(parts) != 3 or not parts[0].isdigit() or len(parts[1]) != 67:
            raise _odd(host, parts[0][:80].decode("utf-8", "backslashreplace"))
        if parts[0] != b"124":
            folders[parts[2].decode("utf-8", "backslashreplace")] = parts[1][:32].decode("ascii", "replace")
    if rest or not rows:
        raise _odd(host, _("its answer is not whole"))
    return Marks(folders)


def _odd(host: str, why: str) -> StepFailed:
    text = _("{host} did not answer as expected: {why}").format(host=host, why=why)
    return StepFailed(text, "", f"ungcuu doctor {host}")
