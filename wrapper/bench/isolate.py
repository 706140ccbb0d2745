"""From Enter to packets dropped: `ungcuu isolate` against a bare `ssh host nft -f -`, in the same run on the lab.

    UNGCUU_LAB_SLOT=0 UNGCUU_STATE=… python wrapper/bench/isolate.py [runs] [hosts]

The bare command always logs in. Ours is measured without a held connection and with one, each beside a bare one of its
own: times of a busy machine mean nothing, ratios of pairs do.

The clock is a connection that intruder01 holds open to web01: the last answer that it gets is when the packets stopped.
It answers every 20 ms or so, which is the resolution. For many hosts the end of the last cut counts, since the lab has
only a few machines: each stands for several hosts, every one with a connection and a card of its own, and its sshd is
let take so many logins at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shlex
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ungcuu.contain import card, cut_off, held
from ungcuu.core.settings import Settings
from ungcuu.hosts import remote_program, ssh
from ungcuu.hosts.site import Site
from ungcuu.lab import Lab

ROOT = Path(__file__).parents[2]
# A connection that a playbook left up would be joined, and the bare command has none: both start from nothing.
os.environ["ANSIBLE_SSH_CONTROL_PATH_DIR"] = "/nonexistent"
MANY = 50
LOGINS = "/etc/ssh/sshd_config.d/10-bench.conf"
ECHO = (
    "import socketserver as s\n"
    "class H(s.StreamRequestHandler):\n"
    "    def handle(self):\n"
    "        for line in self.rfile: self.wfile.write(line)\n"
    "class T(s.ThreadingTCPServer): daemon_threads = True; allow_reuse_address = True\n"
    "T(('', 8080), H).serve_forever()\n"
)


class Bench:
    """One lab, its cards and its clock."""

    def __init__(self) -> None:
        self.settings = dataclasses.replace(
            Settings.from_environment(), inventory=ROOT / "inventory" / "lab", content=ROOT
        )
        self.lab = Lab.from_environment(self.settings.state)
        self.lab.up(("web01", "vault01", "intruder01"))
        site = Site.load(self.settings)
        self.cards = {
            host: card.write(self.settings, card.build(site, host, (self.lab.address("controller"),)))
            for host in ("web01", "vault01")
        }
        self.on("web01", "systemctl is-active -q echo || systemd-run -q --unit=echo python3 -c " + shlex.quote(ECHO))

    def on(self, host: str, script: str, stdin: bytes = b"") -> bytes:
        """Run a script by the container's back door."""
        return self.lab.exec(host, ["sh", "-c", script], stdin).stdout

    def open(self) -> None:
        """Take the rules away again."""
        for host in ("web01", "vault01"):
            self.on(host, "for f in inet netdev; do nft delete table $f ungcuu_isolation 2>/dev/null; done; true")

    def until_dropped(self, press_enter: Callable[[], object]) -> float:
        """Seconds from Enter to the last answer that the intruder got; once more where a busy machine gave it none."""
        for _ in range(5):
            self.open()
            heard: dict[str, float] = {}
            clock = threading.Thread(target=self._hold, args=(heard,))
            clock.start()
            time.sleep(3)
            begun = time.time()
            press_enter()
            clock.join()
            if heard.get("last", 0.0) > begun:
                return heard["last"] - begun
        raise TimeoutError("web01 does not answer its intruder")

    def _hold(self, heard: dict[str, float]) -> None:
        ask = {"ask": "hold", "address": self.lab.address("web01"), "port": 8080, "seconds": 8}
        said = self.on("intruder01", "python3 -I -", remote_program.question("reachability", ask))
        with contextlib.suppress(remote_program.BadAnswer):
            heard.update(remote_program.answer_in(said.decode()))

    def bare(self, host: str = "web01") -> subprocess.Popen[bytes]:
        """The least that could be done: the same rules over the same kind of connection."""
        kept = self.cards[host]
        process = subprocess.Popen(
            ssh.ssh_command(kept.target, ["nft", "-f", "-"]), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert process.stdin is not None
        process.stdin.write(kept.rules_for("full", kept.allow).replace("@DEVICES@", "eth0").encode())
        process.stdin.close()
        return process

    def command(self, *hosts: str) -> None:
        """The real command line, stopped once it has reported every cut: what follows is the playbook."""
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("ungcuu")), "-i", "lab", "isolate", *hosts],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        assert process.stdout is not None
        left = len(hosts)
        for line in process.stdout:
            left -= "says that it is cut off" in line
            if left <= 0:
                break
        process.terminate()
        process.stdout.read()
        process.wait()

    def many(self, count: int) -> list[str]:
        """Cards of more hosts than the lab has."""
        for host in ("web01", "vault01"):
            self.on(host, f"echo MaxStartups {2 * count} > {LOGINS}; systemctl reload ssh")
        names = []
        for number in range(count):
            source = self.cards[("web01", "vault01")[number % 2]]
            name = f"many{number:02}"
            made = card.write(self.settings, dataclasses.replace(source, host=name))
            pinned = Path(source.known_hosts).read_text("utf-8").replace(f"{source.host} ", f"{name} ", 1)
            Path(made.known_hosts).write_text(pinned, "utf-8")
            names.append(name)
        return names


@contextlib.contextmanager
def held_to(cards: Sequence[card.Card]) -> Iterator[None]:
    """Hold the connection to each of these hosts, as `watch hold` does."""
    with contextlib.ExitStack() as ending:
        for kept in cards:
            holder = held.Holder(Path(kept.known_hosts).parent)
            ending.callback(holder.end)
            until = time.monotonic() + 60
            while not holder.look(kept, cut_off.script(kept)):
                if time.monotonic() > until:
                    raise TimeoutError(kept.host)
                time.sleep(0.05)
        yield


def took(work: Callable[[], object]) -> float:
    """Seconds that something takes."""
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def compare(pairs: Sequence[tuple[float, float]]) -> dict[str, object]:
    """Medians in milliseconds, the ratio of the medians, and the quartiles of the pairs' own ratios."""
    one, two = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratios = [ours / bare for bare, ours in pairs]
    around = [round(value, 2) for value in statistics.quantiles(ratios, n=4)] if len(ratios) > 1 else ratios
    return {
        "bare_ms": round(one * 1000),
        "isolate_ms": round(two * 1000),
        "ratio": round(two / one, 2),
        "pairs": around,
    }


def one_host(bench: Bench, runs: int) -> dict[str, object]:
    """From Enter to the last packet, for one host."""
    return compare(
        [
            (bench.until_dropped(lambda: bench.bare().wait()), bench.until_dropped(lambda: bench.command("web01")))
            for _ in range(runs)
        ]
    )


def many_hosts(bench: Bench, cards: Sequence[card.Card], runs: int) -> dict[str, object]:
    """Until the last of many is cut: the cuts alone, and the whole command."""
    hosts = [("web01", "vault01")[number % 2] for number in range(len(cards))]
    cuts, commands = [], []
    failed: list[int] = []  # a host that was passed over makes the rest look fast
    for _ in range(runs):
        bench.open()
        bare = took(lambda: failed.extend(p.wait() for p in [bench.bare(host) for host in hosts]))
        bench.open()
        cuts.append((bare, took(lambda: failed.extend(not cut.done for cut in cut_off.cut_all(cards)))))
        bench.open()
        commands.append((bare, took(lambda: bench.command(*(kept.host for kept in cards)))))
    return {"cuts alone": compare(cuts), "not done": sum(map(bool, failed)), "command": compare(commands)}


def main() -> None:
    """Measure and print one JSON document."""
    given = [int(word) for word in sys.argv[1:3]]
    runs, count = (*given, *(10, MANY)[len(given) :])
    bench = Bench()
    try:
        cards = [card.load(bench.settings, name) for name in bench.many(count)]
        found: dict[str, object] = {"runs": runs, "one": one_host(bench, runs)}
        found[f"{count}"] = many_hosts(bench, cards, runs)
        with held_to([bench.cards["web01"], *cards]):
            found["one, held"] = one_host(bench, runs)
            found[f"{count}, held"] = many_hosts(bench, cards, runs)
        print(json.dumps(found, indent=1))
    finally:
        bench.open()
        for host in ("web01", "vault01"):
            bench.on(host, f"rm -f {LOGINS}; systemctl reload ssh")
            (bench.settings.host_dir(host) / "isolation.json").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
