"""Measure the collection of evidence on the lab's host: its time, its throughput and the controller's memory.

    python wrapper/bench/collect.py [--gib 1] [--rounds 3]

Throughput is compared with ``ssh host sudo tar c``, both written to a file, in turns in the same run, and against the
same with our cipher. Ratios travel to other machines, seconds don't. Prints one JSON document; exit code 1 where a
target of docs/reference/evidence-profiles.md is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ungcuu.case.evidence import Request, Spec, collect, load_profile
from ungcuu.case.evidence.acquire import CIPHERS
from ungcuu.core.settings import state_dir
from ungcuu.hosts import ssh
from ungcuu.lab import Lab

PROFILES = Path(__file__).parents[2] / "roles" / "evidence" / "profiles"
ROOT = "/var/www/portal"
SITE = {
    "WEBSITE_ROOT": ROOT,
    "WEBSITE_WRITABLE": "wp-content/uploads",
    "WEBSITE_DATABASE_ENGINE": "mariadb",
    "WEBSITE_DATABASE_NAME": "portal",
    "EVIDENCE_DAYS": "30",
    "EVIDENCE_ROWS": "500",
}
TARGETS = {"volatile_seconds": 10.0, "triage_seconds": 60.0, "throughput_ratio": 0.9, "memory_ratio": 1.2}


def lab_target(lab: Lab) -> ssh.Target:
    """Return how web01 of the lab is reached."""
    return ssh.Target(
        "web01", lab.address("web01"), key=lab.folder / "id_ed25519", known_hosts=lab.folder / "known_hosts"
    )


def timed_profile(target: ssh.Target, names: Sequence[str], folder: Path) -> float:
    """Return the seconds that a collection of these profiles takes."""
    specs = [spec for name in names for spec in load_profile(PROFILES, name)]
    started = time.monotonic()
    found = collect(Request(target, specs, folder, "bench", SITE))
    assert not found.stopped
    return time.monotonic() - started


def web_root(seconds: float = 3600) -> Spec:
    """Return the profile's own item for the web root."""
    spec = next(spec for spec in load_profile(PROFILES, "full") if spec.id == "web_root")
    assert spec.limit_seconds >= seconds
    return spec


def collected(target: ssh.Target, folder: Path) -> tuple[float, int]:
    """Return seconds and bytes of the web root as evidence: hashed, on disk, recorded."""
    started = time.monotonic()
    item = collect(Request(target, [web_root()], folder, "bench", SITE, again=True)).items[0]
    seconds = time.monotonic() - started
    (folder / item.sha256).unlink()
    return seconds, item.size


def plain(target: ssh.Target, folder: Path, *options: str) -> tuple[float, int]:
    """Return seconds and bytes of ``ssh host sudo tar c > file``."""
    command = ["ssh", "-F", "none", "-T", *options, "-o", f"UserKnownHostsFile={target.known_hosts}"]
    command += ["-o", f"HostKeyAlias={target.name}", "-o", "IdentitiesOnly=yes", "-i", str(target.key)]
    command += ["-l", target.user, target.address, f"sudo tar -cf - -C / {ROOT.lstrip('/')}"]
    path = folder / "plain.tar"
    started = time.monotonic()
    with path.open("wb") as file:
        subprocess.run(command, stdout=file, stdin=subprocess.DEVNULL, check=True)
    seconds, size = time.monotonic() - started, path.stat().st_size
    path.unlink()
    return seconds, size


def peak_memory(target: ssh.Target, folder: Path, mebibytes: int) -> int:
    """Return the peak of a fresh process (bytes) that collects one item of this size."""
    code = f"""
import resource
from pathlib import Path
from ungcuu.case.evidence import Request, Spec, collect
from ungcuu.hosts.ssh import Target
key, known_hosts = Path({str(target.key)!r}), Path({str(target.known_hosts)!r})
target = Target({target.name!r}, {target.address!r}, key=key, known_hosts=known_hosts)
spec = Spec("bench", "large", "w", "y", "head -c {mebibytes}M /dev/zero", "raw", 1 << 40, 600)
folder = Path({str(folder)!r})
item = collect(Request(target, [spec], folder, "bench", again=True)).items[0]
(folder / item.sha256).unlink()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


def measure(lab: Lab, gib: float, rounds: int) -> dict[str, object]:
    """Fill the web root, measure, and empty it again."""
    target = lab_target(lab)
    fill = (
        f"mkdir -p {ROOT}/bench; for n in $(seq {int(gib * 256)}); do head -c 4M /dev/urandom > {ROOT}/bench/$n; done"
    )
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="ungcuu-bench-") as name:
        folder = Path(name)
        times = [timed_profile(target, ["volatile"], folder / f"v{n}") for n in range(rounds)]
        found["volatile_seconds"] = round(statistics.median(times), 2)
        times = [timed_profile(target, ["volatile", "triage"], folder / f"t{n}") for n in range(rounds)]
        found["triage_seconds"] = round(statistics.median(times), 2)
        lab.exec("web01", ["sh", "-ec", fill])
        try:
            plain(target, folder)  # fills the host's cache: both sides then read from memory
            runs = [
                (collected(target, folder), plain(target, folder), plain(target, folder, "-o", CIPHERS))
                for _ in range(rounds)
            ]
        finally:
            lab.exec("web01", ["rm", "-r", f"{ROOT}/bench"])
        rates = [
            statistics.median(size / seconds / 1e6 for seconds, size in series) for series in zip(*runs, strict=True)
        ]
        found |= {"megabytes_per_second": round(rates[0]), "plain_megabytes_per_second": round(rates[1])}
        found |= {
            "throughput_ratio": round(rates[0] / rates[1], 2),
            "ratio_with_our_cipher": round(rates[0] / rates[2], 2),
        }
        small, large = (peak_memory(target, folder, mebibytes) for mebibytes in (16, 1024))
        found |= {"memory_small": small, "memory_large": large, "memory_ratio": round(large / small, 2)}
    return found


def main() -> int:
    """Measure and compare with the targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gib", type=float, default=1.0, help="size of the web root")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    lab = Lab.from_environment(state_dir(os.environ))
    lab.up(["web01"])
    found = measure(lab, chosen.gib, chosen.rounds)
    missed = [
        name
        for name, target in TARGETS.items()
        if not (float(str(found[name])) >= target if name == "throughput_ratio" else float(str(found[name])) <= target)
    ]
    sys.stdout.write(json.dumps({**found, "missed": missed}, indent=2) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
