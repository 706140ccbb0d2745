"""What one ansible-playbook may hold and read on the machine that it runs on, looked at again and again."""

from __future__ import annotations

from pathlib import Path

from ungcuu.core import process_guard
from ungcuu.run.tally import Tally

MOST_MEMORY = 256 << 20  # bytes that ansible-playbook may hold, with its workers and
MEMORY_OF_A_HOST = 40 << 20  # these for each host that it works on at once
MOST_READ = 32 << 20  # bytes that the worker of one task may read: it slows down with what a host answers without end

# Actions that read large files here, or a host over SSH by themselves: each has limits of its own.
_READERS = frozenset(
    {"collect_evidence", "compare_baseline", "copy", "quarantine_findings", "reassess_host", "renew_baseline",
     "ungcuu_program", "ungcuu_release", "unarchive", "write_baseline"}
)  # fmt: skip # a table


class Bounds:
    """The bounds of one run: ``folder`` is the one that its processes name, ``at_once`` the hosts worked on at once."""

    def __init__(self, folder: Path, at_once: int, tally: Tally, state: Path) -> None:
        self._folder, self._tally, self._state = str(folder), tally, state
        self._most = MOST_MEMORY + MEMORY_OF_A_HOST * at_once
        self._main = 0  # process id of ansible-playbook
        self._baselines: int | None = None  # bytes of all that are kept here, once they were counted
        self._scale = process_guard.Scale()

    def are_broken(self) -> bool:
        """Whether a process of the run holds or reads more than it may."""
        ours = process_guard.children(self._folder)
        self._main = self._main or (ours[0] if ours else 0)
        # Where the controller is the vault its modules run here too, and apt reads more than any answer has.
        workers = process_guard.forks(self._main, ours)
        endless = self._tally.action not in _READERS and process_guard.most_read(workers) > self._most_read()
        return endless or self._scale.is_over(ours, self._most)

    @property
    def was_killed(self) -> bool:
        """Whether ansible-playbook was seen, and is gone."""
        return bool(self._main and not process_guard.alive(self._main))

    def _most_read(self) -> int:
        """Return how many bytes a task's worker may read; one reads a baseline here before it asks the vault."""
        if self._tally.action != "give_known_files":
            return MOST_READ
        if self._baselines is None:
            hosts = self._state / "hosts"
            kept = [*hosts.glob("*/baseline.json"), *hosts.glob("*/files-*.jsonl")]
            self._baselines = sum(path.stat().st_size for path in kept)
        return MOST_READ + 2 * self._baselines
