"""How reading a site grows with its files: a host's own program, and the controller that checks, signs and compares.

    UNGCUU_LAB_SLOT=0 UNGCUU_STATE=… python wrapper/bench/large.py [--files 2000 20000 200000] [--mib 5000] [--keep]

CPU seconds and peak memory, which a busy machine does not change as much as it changes the time. A tree of so many
files is made below the lab's website: a quarter media among the uploads (of --mib in all, sparse), the rest code,
styles and pictures outside of it. Compared with a bare ``find | sha256sum`` of the same code. One JSON document.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from ungcuu.core.settings import Settings
from ungcuu.detect import scan as scanning
from ungcuu.detect import second_reader
from ungcuu.hosts import profiles, remote_program
from ungcuu.lab import Lab

ROOT = "/var/www/portal"
UPLOADS, CODE = f"{ROOT}/wp-content/uploads/large", f"{ROOT}/wp-content/plugins/large"
MAKE = """
import os, random, sys
uploads, code, count, mib = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
lots = random.Random(7)
def put(path, data, size=0):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
        file.truncate(max(size, len(data)))
for n in range(count):
    if n < count // 4:
        media = b"\\xff\\xd8\\xff\\xe0" + lots.randbytes(2000)
        put(f"{uploads}/{n // 500}/{n}.jpg", media, mib * 2**20 // (count // 4))
    elif n % 20 == 0:
        line = "function part_{}_{}($row) {{ return htmlspecialchars($row['a']); }}\\n"
        lines = "".join(line.format(n, k) for k in range(40))
        put(f"{code}/{n // 200}/{n}.php", f"<?php\\n{lines}".encode())
    elif n % 20 < 8:
        put(f"{code}/{n // 200}/{n}.css", f".c{n} {{ color: #{lots.randrange(1 << 24):06x}; }}\\n".encode() * 40)
    else:
        put(f"{code}/{n // 200}/{n}.png", b"\\x89PNG\\r\\n\\x1a\\n\\0\\0\\0" + lots.randbytes(3000))
"""
# What a child used: written behind its output, by the only process that knows it.
METERED = """
import json, resource, subprocess, sys
with open(sys.argv[1], "wb") as out:
    subprocess.run(["sh", "-c", sys.argv[2]], stdin=sys.stdin, stdout=out, check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"cpu_s": round(used.ru_utime + used.ru_stime, 2), "peak_mib": used.ru_maxrss // 1024}))
"""
HERE = """
import json, resource, sys
from pathlib import Path
from ungcuu.detect import baseline, files, second_reader
from ungcuu.detect.comparison import Comparison, Policy
state, first, second, config = Path(sys.argv[1]), sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
marks = {}
def used(name, since):
    now = resource.getrusage(resource.RUSAGE_SELF)
    marks[name] = round(now.ru_utime + now.ru_stime - since, 2)
    return now.ru_utime + now.ru_stime
def pieces(path, push):
    with open(path, "rb") as file:
        while block := file.read(1 << 16):
            push(block)
clock = used("start", 0)
def read():
    reading = baseline.Reading()
    pieces(first, reading.push)
    return reading.end()
now = read()
clock = used("read", clock)
baseline.save(state, "web01", now)
clock = used("sign", clock)
known = baseline.load(state, "web01")
clock = used("load", clock)
said = second_reader.Account()
pieces(second, said.push)
gaps = second_reader.differences(now, said, second_reader.Scope.of(config, now))
clock = used("second_reader", clock)
changed = list(files._changed_files(Comparison(Policy("web01", config["web_root"]), known.snapshot, now)))
clock = used("compare", clock)
assert not changed
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(json.dumps({"cpu_s": marks, "peak_mib": peak, "files": len(now.of("file")), "differences": len(gaps),
                  "complete": now.complete}))
"""


def shell(lab: Lab, *words: str, given: bytes = b"") -> str:
    """Run a command on web01."""
    done = lab.exec("web01", list(words), given)
    assert done.returncode == 0, done.stderr[-800:]
    return done.stdout.decode()


def metered(lab: Lab, command: str, out: str, given: bytes = b"") -> dict[str, float]:
    """What a command uses on web01; its output stays there in a file."""
    shell(lab, "sh", "-c", "cat > /root/given", given=given)
    return dict(json.loads(shell(lab, "python3", "-c", METERED, out, f"{command} < /root/given")))


def measure(lab: Lab, folder: Path, files: int, mib: int) -> dict[str, object]:
    """Make the tree, read it as a scan does, and have a fresh process of the controller go through both accounts."""
    shell(lab, "rm", "-rf", UPLOADS, CODE)
    shell(lab, "python3", "-c", MAKE, UPLOADS, CODE, str(files), str(mib))
    profile = profiles.load("wordpress")
    config: dict[str, object] = {
        "web_root": ROOT,
        "web_writable": ["wp-content/uploads"],
        "web_user": "portal",
        "trees": list(scanning.TREES),
        "exclude": list(scanning.EXCLUDED),
        "profile": profile.reading(),
        "words": [],
        "hidden": [],
        "seconds": 3600,
    }
    sums = f"find {ROOT} -xdev -path {ROOT}/wp-content/uploads -prune -o -type f -print0 | xargs -0 sha256sum"
    bare = metered(lab, f"sh -c '{sums}'", "/dev/null")
    program = remote_program.program("host_state", config)
    host = metered(lab, shlex.join(remote_program.python_command()), "/root/first", program)
    script = (Path(second_reader.__file__).parents[1] / "remote/second_reader.sh").read_bytes()
    trees = [str(len(scanning.TREES)), *scanning.TREES]
    command = shlex.join(["sh", "-s", "--", ROOT, *trees, f"{ROOT}/wp-content/uploads"])
    again = metered(lab, command, "/root/second", script + b"listings \"$@\" </dev/null\nprintf 'E\\0'\n")
    for name in ("first", "second"):
        (folder / name).write_bytes(lab.exec("web01", ["cat", f"/root/{name}"]).stdout)
    state = folder / f"state-{files}"
    words = [str(state), str(folder / "first"), str(folder / "second"), json.dumps(config)]
    done = subprocess.run([sys.executable, "-c", HERE, *words], capture_output=True, text=True, check=True)
    here = json.loads(done.stdout)
    sizes = {f"{name}_mib": round((folder / name).stat().st_size / 2**20, 1) for name in ("first", "second")}
    return {"made": files, "sha256sum": bare, "host": host, "second_reader": again, "controller": here, **sizes}


def main() -> None:
    """Measure each size, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, nargs="+", default=[2_000, 20_000, 200_000])
    parser.add_argument("--mib", type=int, default=5_000)
    parser.add_argument("--keep", action="store_true", help="leave the last tree where it is")
    chosen = parser.parse_args()
    lab = Lab.from_environment(Settings.from_environment().state)
    lab.up(["web01"])
    with tempfile.TemporaryDirectory(prefix="ungcuu-bench-") as name:
        found = [measure(lab, Path(name), files, chosen.mib) for files in chosen.files]
    if not chosen.keep:
        shell(lab, "rm", "-rf", UPLOADS, CODE)
    shell(lab, "rm", "-f", "/root/given", "/root/first", "/root/second")
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
