"""Measure hardening on the lab's web host: Lynis and ssh-audit, wall times, and the site's own verdict.

    python wrapper/bench/harden.py [--debian 12] [--ssh-audit PROGRAM] [--dev-sec FOLDER]

Makes web01 of the lab anew. A score is never shown without what the website says of itself at that moment. With
--dev-sec (a folder that holds the collection devsec.hardening) the same is measured for that collection's os, ssh,
nginx and mysql roles on another fresh web01 in the same run. ssh-audit comes from PyPI and may be installed anywhere.
Prints one JSON document; exit code 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ungcuu.lab import Lab
from ungcuu.plugins.on_host import parse_reply, program_text

ROOT = Path(__file__).resolve().parents[2]
HOST = "web01"
LEAST_LYNIS = 90
SITE = {
    "name": "portal.lab.test", "root": "/var/www/portal", "user": "portal", "path": "/", "text": "Sở Công Thương",
    "application": "wordpress", "engine": "mariadb", "database": "portal", "deep": True,
}  # fmt: skip


def playbook(path: Path, *options: str, environment: dict[str, str] | None = None) -> dict[str, Any]:
    """Run a playbook; its wall time, and how many tasks changed something."""
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "inventory/lab", "-l", HOST]
    begin = time.monotonic()
    done = subprocess.run(
        [*command, *options, str(path)], cwd=ROOT, env=os.environ | (environment or {}), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    recap = re.search(r"changed=(\d+)", done.stdout)
    row: dict[str, Any] = {"seconds": round(time.monotonic() - begin, 1), "code": done.returncode}
    row["changed"] = int(recap[1]) if recap else None
    if done.returncode:
        row["said"] = done.stdout[-1500:]
    return row


def lynis(lab: Lab) -> dict[str, Any]:
    """Lynis' index, its warnings and suggestions, asked inside the host."""
    lab.exec(
        HOST, ["sh", "-c", "test -x /usr/sbin/lynis || (apt-get update -q; apt-get install -yq lynis) >/dev/null 2>&1"]
    )
    lab.exec(HOST, ["lynis", "audit", "system", "--quick", "--quiet", "--no-colors"])
    report = lab.exec(HOST, ["cat", "/var/log/lynis-report.dat"]).stdout.decode(errors="replace")
    index = re.search(r"^hardening_index=(\d+)", report, re.MULTILINE)
    listed = {
        kind: re.findall(rf"^{kind}\[\]=([A-Z0-9-]+)", report, re.MULTILINE) for kind in ("warning", "suggestion")
    }
    return {"index": int(index[1]) if index else None, **listed}


def ssh_audit(lab: Lab, program: str | None) -> dict[str, Any]:
    """What ssh-audit says of the running daemon, asked from the controller; None where the program is missing."""
    if program is None:
        return {"failures": None}
    done = subprocess.run([program, "--json", lab.address(HOST)], capture_output=True, text=True, check=False)
    try:
        found = json.loads(done.stdout)
    except ValueError:
        return {"failures": None, "said": (done.stderr or done.stdout)[-300:]}
    names = [
        str(row["algorithm"])
        for part in ("kex", "key", "enc", "mac")
        for row in found.get(part, [])
        if row.get("notes", {}).get("fail")
    ]
    return {"failures": len(names), "failing": names}


def website(lab: Lab) -> dict[str, Any]:
    """What the site says of itself."""
    said = lab.exec(HOST, ["python3", "-I", "-"], program_text("website_probe", SITE).encode()).stdout.decode()
    results = parse_reply(said)["results"]
    return {
        "works": all(row["passed"] for row in results.values()),
        "failing": [n for n, r in results.items() if not r["passed"]],
    }


def scores(lab: Lab, program: str | None) -> dict[str, Any]:
    """Scores, and beside them whether the website lives."""
    return {"website": website(lab), "lynis": lynis(lab), "ssh_audit": ssh_audit(lab, program)}


def fresh(lab: Lab, debian: str) -> None:
    """The web host as its image has it."""
    lab.down([HOST])
    lab.up([HOST], debian)


def measure(lab: Lab, debian: str, program: str | None) -> dict[str, Any]:
    """Ours: before, first run, second run, after."""
    fresh(lab, debian)
    path = ROOT / "playbooks" / "harden.yml"
    rows: dict[str, Any] = {"before": scores(lab, program), "check": playbook(path, "--check")}
    rows |= {"first": playbook(path), "second": playbook(path), "after": scores(lab, program)}
    return rows


def measure_dev_sec(lab: Lab, debian: str, program: str | None, folder: Path) -> dict[str, Any]:
    """The same for dev-sec's collection, with its defaults."""
    fresh(lab, debian)
    names = [f"devsec.hardening.{name}_hardening" for name in ("os", "ssh", "nginx", "mysql")]
    play = [{"hosts": HOST, "become": True, "gather_facts": True, "roles": names}]
    with tempfile.TemporaryDirectory() as made:
        path = Path(made, "play.yml")
        path.write_text(json.dumps(play), encoding="utf-8")
        environment = {"ANSIBLE_COLLECTIONS_PATH": str(folder), "ANSIBLE_INJECT_FACT_VARS": "true"}
        first, second = (playbook(path, environment=environment) for _ in range(2))
    return {"first": first, "second": second, "after": scores(lab, program)}


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--debian", default="12", choices=("12", "13"))
    parser.add_argument("--ssh-audit", default=shutil.which("ssh-audit"))
    parser.add_argument("--dev-sec", type=Path)
    given = parser.parse_args()
    if "UNGCUU_STATE" not in os.environ:
        os.environ["UNGCUU_STATE"] = tempfile.mkdtemp(prefix="ungcuu-bench-")
    lab = Lab.from_environment(Path(os.environ["UNGCUU_STATE"]))
    result = {"debian": given.debian, "ungcuu": measure(lab, given.debian, given.ssh_audit)}
    if given.dev_sec:
        result["dev-sec"] = measure_dev_sec(lab, given.debian, given.ssh_audit, given.dev_sec)
    ours = result["ungcuu"]
    after = ours["after"]
    targets = {
        "the website works": after["website"]["works"],
        f"Lynis >= {LEAST_LYNIS}": (after["lynis"]["index"] or 0) >= LEAST_LYNIS,
        "no ssh-audit failure": after["ssh_audit"]["failures"] in (0, None),
        "the second run changes nothing": ours["second"]["changed"] == 0,
    }
    if given.dev_sec:
        targets["a third of dev-sec's second run"] = (
            ours["second"]["seconds"] * 3 <= result["dev-sec"]["second"]["seconds"]
        )
    print(json.dumps(result | {"targets": targets}, indent=1))
    return 0 if all(targets.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
