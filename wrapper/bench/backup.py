"""Backup and restore against the bare engine driven by hand, on the same hosts in the same run.

    python wrapper/bench/backup.py --mib 2048 --files 20000 --database-mib 500

Needs a lab with web01 and vault01 that `playbooks/backup.yml` has set up. Prints one JSON document: its seconds and
of the bare engine (restic over `ssh -R` to an append-only server, with the same dump), in turns, medians of --rounds
where the work can be repeated; their ratio, and the memory that restic held on the web host. The bare restore also
writes beside the live tree, and nothing else; nor do ours here check or swap.

A backup is `arrived` when the host can do nothing to it any more, `checked` when it is through. `--before FILE` names an
older program of the vault (a file on this machine): the same work is done with it in the same turns, on a site of its own.
"""

# ruff: noqa: S608, E501 - commands for the lab's own hosts, with this bench's numbers in them
from __future__ import annotations

import argparse
import json
import os
import secrets
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ungcuu.lab import Lab

_PORT, _REMOTE = 9900, 18766


def shell(lab: Lab, host: str, command: str, given: bytes | None = None) -> str:
    """Run a command as root on a lab host."""
    done = lab.exec(host, ["sh", "-ec", command], given)
    assert done.returncode == 0, (done.stderr + done.stdout).decode(errors="replace")[-800:]
    return done.stdout.decode()


def fill(lab: Lab, mib: int, files: int, database_mib: int) -> None:
    """A website of that size: files that don't compress, and a table of random text."""
    size = max(1, mib * 1024 // files)
    shell(
        lab,
        "web01",
        f"""python3 - <<'PY'
import os
from pathlib import Path
base = Path("/var/www/portal/wp-content/uploads/bench")
for number in range({files}):
    folder = base / str(number // 500)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{{number}}.bin").write_bytes(os.urandom({size} * 1024))
PY
chown -R portal:portal /var/www/portal/wp-content/uploads/bench
mariadb portal -e "CREATE OR REPLACE TABLE bench (id INT PRIMARY KEY, t MEDIUMTEXT)"
python3 -c "
import base64, os
for n in range({database_mib}):
    print('INSERT INTO bench VALUES (%d, \\'%s\\');' % (n, base64.b64encode(os.urandom(786432)).decode()))" | mariadb portal""",
    )


def timed(action: Callable[[], object]) -> float:
    """Seconds of one run, begun with a disk at rest."""
    os.sync()
    began = time.monotonic()
    action()
    return time.monotonic() - began


def by_hand(lab: Lab, command: str) -> str:
    """Restic on the web host through `ssh -R`, as one would type it on the vault."""
    target = f"ungcuu@{lab.address('web01')}"
    ssh = "ssh -F none -i /root/bench_key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
    given = f"export RESTIC_PASSWORD=bench RESTIC_REPOSITORY=rest:http://127.0.0.1:{_REMOTE}/\n{command}\n".encode()
    return shell(lab, "vault01", f"{ssh} -R 127.0.0.1:{_REMOTE}:127.0.0.1:{_PORT} {target} sudo sh -e", given)


def serve(lab: Lab) -> None:
    """The bare engine's own server."""
    shell(lab, "vault01", "cat > /root/bench_key; chmod 600 /root/bench_key", (lab.folder / "id_ed25519").read_bytes())
    shell(
        lab,
        "vault01",
        f"""mkdir -p /root/bare
if command -v restic-rest-server >/dev/null
then start="restic-rest-server --no-auth --append-only --listen 127.0.0.1:{_PORT} --path /root/bare"
else start="rclone --config=/dev/null serve restic --append-only --addr 127.0.0.1:{_PORT} /root/bare"; fi
systemd-run -q --collect --unit=bench-server $start; sleep 2""",
    )


DUMP = (
    "mkdir -p /root/d; mariadb-dump --single-transaction --quick --routines --events --triggers portal > /root/d/db.sql"
)
SAVE = f"{DUMP}; restic -q --no-cache backup /var/www/portal /etc/nginx /etc/php /etc/mysql /root/d"


@dataclass
class Program:
    """A program of the vault, the site that it works on, and what its runs said."""

    lab: Lab
    path: str = "ungcuu-vault"
    site: str = "web01"
    answers: list[dict[str, Any]] = field(default_factory=list)

    def run(self, action: str, *words: str) -> None:
        """One command of it."""
        said = shell(self.lab, "vault01", " ".join([self.path, action, self.site, *words]))
        self.answers.append(json.loads(said))

    def stage(self, *words: str) -> None:
        """Have the vault stream the newest point to the host, which unpacks it beside its live data."""
        identity = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
        self.run("stage", f"--restore={identity}", *words)

    def make_again(self) -> None:
        """An empty repository."""
        shell(self.lab, "vault01", f"rm -rf /var/lib/ungcuu-vault/sites/{self.site}")
        self.run("prepare")

    def arrived(self, last: int) -> float | None:
        """Median seconds until the newest backups were safe from the host; None for a program that does not say it."""
        seconds = [float(row["arrived_seconds"]) for row in self.answers[-last:] if "arrived_seconds" in row]
        return statistics.median(seconds) if seconds else None


def earlier(lab: Lab, program: Path) -> Program:
    """Put an older program of the vault beside the installed one, with the same host under another name."""
    shell(lab, "vault01", "cat > /root/before; chmod 755 /root/before", program.read_bytes())
    shell(
        lab,
        "vault01",
        """cd /etc/ungcuu-vault; sed 's/^web01 /before /' known_hosts.d/web01 > known_hosts.d/before
cp sites/web01.json sites/before.json; chmod 644 known_hosts.d/before""",
    )
    return Program(lab, "/root/before", "before")


def in_turns(
    rounds: int, works: dict[str, Callable[[], object]], before: Callable[[], object] = bool
) -> dict[str, float]:
    """Median seconds of each; none pays for what another left to be written."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        before()
        for name, work in works.items():
            taken[name].append(timed(work))
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def arguments() -> argparse.Namespace:
    """How large the website is, how often each work is done, and with which older program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=2048)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--database-mib", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--before", type=Path)
    return parser.parse_args()


def measure(lab: Lab, wanted: argparse.Namespace, programs: dict[str, Program]) -> dict[str, dict[str, float]]:
    """Seconds of each work, by who did it."""
    rows: dict[str, dict[str, float]] = {}

    def make_again() -> None:
        shell(lab, "vault01", "rm -rf /root/bare/*; RESTIC_PASSWORD=bench restic -q -r /root/bare init")
        for program in programs.values():
            program.make_again()

    def both(bare: str, *words: str) -> dict[str, Callable[[], object]]:
        own: dict[str, Callable[[], object]] = {}
        for name, program in programs.items():
            own[name] = partial(program.run, "backup") if words[0] == "backup" else partial(program.stage, *words[1:])
        return {"bare": partial(by_hand, lab, bare)} | own

    for name, first in (("backup first", make_again), ("backup incremental", bool)):
        rows[name] = in_turns(wanted.rounds, both(SAVE, "backup"), first)
        step = 2 if first is make_again else 1
        if arrived := programs["ours"].arrived(step * wanted.rounds):
            rows[f"{name}, until arrived"] = rows[name] | {"ours": arrived}
    # Each restore into a new folder, removed at the end: ext4 creates files slowly just after many were deleted.
    bare = "restic -q --no-cache restore latest --target $(mktemp -d /var/www/bare.XXXX)"
    rows["restore everything"] = in_turns(wanted.rounds, both(bare, "stage"))
    bare += " --include /var/www/portal/index.php"
    rows["restore one file"] = in_turns(wanted.rounds, both(bare, "stage", "--path=index.php"))
    return rows


def main() -> None:
    """Measure and print."""
    wanted = arguments()
    lab = Lab.from_environment(Path(os.environ["UNGCUU_STATE"]))
    fill(lab, wanted.mib, wanted.files, wanted.database_mib)
    serve(lab)
    programs = {"ours": Program(lab)}
    if wanted.before:
        programs["before"] = earlier(lab, wanted.before)
    try:
        rows = measure(lab, wanted, programs)
    finally:
        shell(lab, "vault01", "systemctl stop bench-server; rm -rf /root/bare /root/bench_key /root/before")
        shell(lab, "web01", "rm -rf /var/www/bare.* /root/d /var/www/.ungcuu-stage/* /var/lib/ungcuu/restore/*")
    for row in rows.values():
        row |= {f"ours to {name}": row["ours"] / row[name] for name in ("bare", "before") if name in row}
    table = {name: {what: round(value, 2) for what, value in row.items()} for name, row in rows.items()}
    memory = [answer["memory_kib"] for answer in programs["ours"].answers if "memory_kib" in answer]
    print(json.dumps({"size": vars(wanted), "seconds": table, "memory_kib": memory}, indent=1, default=str))


if __name__ == "__main__":
    main()
