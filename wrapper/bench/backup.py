"""Backup and restore against the bare engine driven by hand, on the same hosts in the same run.

    python wrapper/bench/backup.py --mib 2048 --files 20000 --database-mib 500

Needs a lab with web01 and vault01 that `playbooks/backup.yml` has set up. Prints one JSON document: seconds of ours and
of the bare engine (restic over `ssh -R` to an append-only server, with the same dump), in turns, medians of --rounds
where the work can be repeated; their ratio, and the memory that restic held on the web host. The bare restore also
writes beside the live tree, and nothing else; nor do ours here check or swap.
"""

# ruff: noqa: S608, E501 - commands for the lab's own hosts, with this bench's numbers in them
from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ungcuu.lab import Lab

_PORT, _REMOTE = 9900, 18766


def shell(lab: Lab, host: str, command: str, given: bytes | None = None) -> str:
    """Run a command as root on a lab host."""
    done = lab.exec(host, ["sh", "-ec", command], given)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-800:]
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


def ours(lab: Lab, *words: str) -> dict[str, object]:
    """One command of the vault's own program."""
    answer: dict[str, object] = json.loads(shell(lab, "vault01", "ungcuu-vault " + " ".join(words)))
    return answer


def stage(lab: Lab, *words: str) -> None:
    """Have the vault stream the newest point to the host, which unpacks it beside its live data."""
    identity = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-0123abcd"
    ours(lab, "stage", "web01", f"--restore={identity}", *words)


def anew(lab: Lab) -> None:
    """Empty repositories, for us and for the bare engine."""
    shell(
        lab,
        "vault01",
        """rm -rf /root/bare/* /var/lib/ungcuu-vault/sites/web01; ungcuu-vault prepare web01
RESTIC_PASSWORD=bench restic -q -r /root/bare init""",
    )


def in_turns(
    rounds: int, bare: Callable[[], object], own: Callable[[], object], before: Callable[[], object] = bool
) -> tuple[float, float]:
    """Median seconds of ours and of the bare engine; neither pays for what the other left to be written."""
    pairs = []
    for _ in range(rounds):
        before()
        pairs.append((timed(bare), timed(own)))
    return statistics.median(pair[1] for pair in pairs), statistics.median(pair[0] for pair in pairs)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=2048)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--database-mib", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    lab = Lab.from_environment(Path(os.environ["UNGCUU_STATE"]))
    fill(lab, wanted.mib, wanted.files, wanted.database_mib)
    serve(lab)
    memory: list[object] = []
    rows: dict[str, tuple[float, float]] = {}
    try:
        save = partial(by_hand, lab, SAVE)
        own = lambda: memory.append(ours(lab, "backup", "web01")["memory_kib"])  # noqa: E731
        rows["backup first"] = in_turns(wanted.rounds, save, own, partial(anew, lab))
        rows["backup incremental"] = in_turns(wanted.rounds, save, own)
        # Each restore into a new folder, removed at the end: ext4 creates files slowly just after many were deleted.
        bare = "restic -q --no-cache restore latest --target $(mktemp -d /var/www/bare.XXXX)"
        rows["restore everything"] = in_turns(wanted.rounds, partial(by_hand, lab, bare), partial(stage, lab))
        bare += " --include /var/www/portal/index.php"
        rows["restore one file"] = in_turns(
            wanted.rounds, partial(by_hand, lab, bare), partial(stage, lab, "--path=index.php")
        )
    finally:
        shell(lab, "vault01", "systemctl stop bench-server; rm -rf /root/bare /root/bench_key")
        shell(lab, "web01", "rm -rf /var/www/bare.* /root/d /var/www/.ungcuu-stage/* /var/lib/ungcuu/restore/*")
    table = {
        name: {"ours": round(a, 2), "bare": round(b, 2), "ratio": round(a / b, 2)} for name, (a, b) in rows.items()
    }
    print(json.dumps({"size": vars(wanted), "seconds": table, "memory_kib": memory}, indent=1))


if __name__ == "__main__":
    main()
