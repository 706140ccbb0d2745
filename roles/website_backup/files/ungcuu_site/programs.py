"""The website's own programs: services that answer behind a proxy, with the code and the settings of their start."""

from __future__ import annotations

import os
from pathlib import Path

from ungcuu_site.common import KEPT_AREA, RefusedError, last_words, run

_PROCESSES = Path("/proc")


def of_website(root: str) -> list[str]:
    """Services that work in the website, also in a tree that a restore, this one or an earlier one, has put aside."""
    return working_in([root, str(Path(root).parent / ".ungcuu-stage"), str(KEPT_AREA)])


def working_in(trees: list[str]) -> list[str]:
    """Services whose main process has its working folder in one of these trees."""
    command = ["systemctl", "list-units", "--type=service", "--state=active", "--plain", "--no-legend"]
    units = [word for word in run(command).stdout.decode().split() if word.endswith(".service")]
    shown = run(["systemctl", "show", "--property=Id,MainPID", *units]).stdout.decode() if units else ""
    found = []
    for block in shown.split("\n\n"):
        known = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if _works_in(known.get("MainPID", "0"), trees):
            found.append(known.get("Id", ""))
    return sorted(unit for unit in found if unit)


def restart(root: str) -> None:
    """Have the programs of a website read their settings again.

    Raises:
        RefusedError: one of them does not start.
    """
    for unit in of_website(root):
        run(["systemctl", "reset-failed", unit])
        started = run(["systemctl", "restart", unit])
        if started.returncode:
            raise RefusedError(f"{unit} does not start: {last_words(started.stderr)}")


def _works_in(pid: str, trees: list[str]) -> bool:
    """Whether a process works in one of these trees; one that was removed counts by its old path."""
    try:
        folder = os.readlink(_PROCESSES / pid / "cwd")  # noqa: PTH115  (the text, also where nothing is there any more)
    except OSError:
        return False
    return any(f"{folder.removesuffix(' (deleted)')}/".startswith(f"{tree.rstrip('/')}/") for tree in trees)
