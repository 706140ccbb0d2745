"""Hosts that were hardened, backed up and recorded once, and put back to that state before each further scenario.

The hosts' disks are kept as images, the controller's knowledge of them (baseline, card, watch) as a copy of its folder.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ungcuu.lab import Lab

Say = Callable[[str], None]


@dataclass(frozen=True)
class Prepared:
    """The kept state of a lab's hosts; ``state`` is the drill's state folder."""

    lab: Lab
    state: Path

    @property
    def _copy(self) -> Path:
        return self.state / "prepared-hosts"

    def keep(self, hosts: Sequence[str]) -> None:
        """Keep the hosts as they are now."""
        self.lab.keep(hosts)
        shutil.rmtree(self._copy, ignore_errors=True)
        shutil.copytree(self.state / "hosts", self._copy)

    def put_back(self, hosts: Sequence[str], debian: str) -> None:
        """Put the hosts back to what was kept."""
        self.lab.put_back(hosts, debian)
        shutil.rmtree(self.state / "hosts")
        shutil.copytree(self._copy, self.state / "hosts")

    def drop(self, hosts: Sequence[str]) -> None:
        """Remove what was kept."""
        self.lab.drop_kept(hosts)
        shutil.rmtree(self._copy, ignore_errors=True)
