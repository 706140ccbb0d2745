"""What the suite needs to know of a tool that it puts in front of a hostile host; another tool needs one of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from host import Host
from watched import Ran


@dataclass(frozen=True)
class World:
    """One run's surroundings. The tool may write to ``folder`` and to nothing else."""

    folder: Path
    host: Host

    @property
    def home(self) -> Path:
        """The home folder of the run."""
        return self.folder / "home"

    @property
    def state(self) -> Path:
        """Where the tool keeps what it knows, its records and what it collects."""
        return self.folder / "state"


class Tool(Protocol):
    """A tool that works on hosts over SSH."""

    working_folder: Path  # where its commands are typed
    allowed: Sequence[str]  # path patterns below the world's folder that it may write besides ``state``
    cached: Sequence[str]  # path patterns of its own code's caches, outside of the world
    secrets: Sequence[str]  # canaries that its configuration and environment hold
    slow: Mapping[str, float]  # action → more seconds than others may take, since it asks a host that much
    opaque: Sequence[str]  # path patterns below ``state`` with bytes of the host, kept as they came

    def actions(self) -> Sequence[str]:
        """Everything that it does with a host, by name; found out from the tool itself, so that nothing is left out."""
        ...

    def prepare(self, world: World, action: str) -> None:
        """Write its configuration for this host, and whatever the action needs so that it connects."""
        ...

    def command(self, world: World, action: str) -> Sequence[str]:
        """Return what a person types for the action."""
        ...

    def papers(self, world: World) -> Sequence[Sequence[str]]:
        """Return the commands that make documents of what was recorded."""
        ...

    def environment(self, world: World) -> Mapping[str, str]:
        """Return the whole environment of its commands."""
        ...

    def says_done(self, action: str, ran: Ran) -> bool:
        """Whether it says that the action was done."""
        ...

    def word(self, ran: Ran) -> str:
        """Return in one word how it says that the action ended."""
        ...
