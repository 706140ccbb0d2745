"""UNGCUU-DRILL-MARKER: whether each restore point from before the intruder is still there, and whole."""

import json
import subprocess
import sys
from pathlib import Path

addresses = subprocess.run(["ip", "-4", "-o", "addr"], capture_output=True, text=True, check=True).stdout
if " 198.51.100." not in addresses:
    sys.exit(1)


def ids(text: str) -> set[str]:
    """The ids in what the vault lists."""
    return {row["id"] for row in json.loads(text)["points"]}


def vault(*words: str) -> str:
    """What the vault says."""
    return subprocess.run(["/usr/local/sbin/ungcuu-vault", *words], capture_output=True, text=True, check=True).stdout


before = ids(Path("/run/ungcuu-drill-points").read_text("utf-8"))
print("gone:", len(before - ids(vault("points", "web01"))), "of", len(before))
vault("check", "web01", "--deep")
print("every byte was read")
