"""Types the verbs as an operator does: the same command line, one process each, on an inventory of the drill's own."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ungcuu.drill.record import DrillFailed

_DEADLINE = 1800


def make_inventory(lab_inventory: Path, state: Path, target: str, advisories: bytes = b"") -> Path:
    """Copy the lab's inventory into the drill's state folder, with the address that the watch notifies.

    ``advisories``: the published holes by which an audit judges the parts of the application.
    """
    folder = state / "inventory"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(lab_inventory, folder)
    with (folder / "group_vars" / "website.yml").open("a", encoding="utf-8") as file:
        file.write(f"watch_targets: [{json.dumps(target)}]\n")
        if advisories:
            file.write("website_advisories: advisories.json\n")
            (folder / "advisories.json").write_bytes(advisories)
    return folder


def list_websites(inventory: Path, host: str, listed: bytes) -> None:
    """Describe a host of the drill's inventory as the websites of a file."""
    folder = inventory / "host_vars"
    folder.mkdir()
    (folder / f"{host}.yml").write_bytes(listed)


@dataclass
class Typist:
    """One operator with a state folder of their own; ``case`` is set once it is open."""

    inventory: Path
    state: Path
    slot: int
    reason: str
    say: Callable[[str], None]
    case: str | None = None

    def verb(self, *words: str, codes: Sequence[int] = (0,)) -> Mapping[str, Any]:
        """Run one verb and return its document.

        Raises:
            DrillFailed: It ended with another exit code, or not at all.
        """
        command = [sys.executable, "-m", "ungcuu", "--inventory", str(self.inventory), "--json", *words]
        # The case's reader must see why; and a drill has no terminal to type a host's name at.
        if words[0] not in ("case", "watch", "ack"):
            command += ["--reason", self.reason, "--confirm-host", words[1]]
            command += ["--case", self.case] if self.case else []
        environment = os.environ | {"UNGCUU_STATE": str(self.state), "UNGCUU_LAB_SLOT": str(self.slot)}
        typed = shlex.join(["ungcuu", *words])
        self.say(f"    $ {typed}")
        try:
            done = subprocess.run(
                command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=_DEADLINE, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise DrillFailed(f"{typed} did not end within {_DEADLINE} s") from error
        if done.returncode not in codes:
            said = (done.stdout + done.stderr).decode(errors="replace")
            raise DrillFailed(f"{typed} ended with exit code {done.returncode}:\n{said[-3000:]}")
        return dict(json.loads(done.stdout))
