"""The website host that is isolated in tests, its intruder, and what tests ask of the two."""

from __future__ import annotations

import dataclasses
import shlex
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ungcuu.contain import card, cut_off
from ungcuu.core.settings import Settings
from ungcuu.detect import baseline
from ungcuu.hosts import remote_program
from ungcuu.hosts.site import Site
from ungcuu.lab import Lab

ROOT = Path(__file__).parents[3]


STATEFUL = """
table inet site {
    chain input { type filter hook input priority 0; policy accept; ct state established,related accept; }
    chain output { type filter hook output priority 0; policy accept; ct state established,related accept; }
}
"""


ECHO = (
    "import socketserver as s\n"
    "class H(s.StreamRequestHandler):\n"
    "    def handle(self):\n"
    "        for line in self.rfile: self.wfile.write(line)\n"
    "class T(s.ThreadingTCPServer): address_family = 10; daemon_threads = True; allow_reuse_address = True\n"
    "T(('::', 8080), H).serve_forever()\n"
)


PORTS = [22, 25, 53, 80, 443, 3306, 8080]


Run = Callable[..., tuple[int, dict[str, Any], str]]


class Stage:
    """web01 with its attacker, and what tests do to them."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.settings = dataclasses.replace(
            Settings.from_environment(), inventory=ROOT / "inventory" / "lab", content=ROOT
        )
        self.site = Site.load(self.settings)

    def on(self, host: str, script: str, stdin: str = "") -> str:
        """Run a script as root by the container's back door."""
        done = self.lab.exec(host, ["sh", "-c", script], stdin.encode())
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def probe(self, host: str, **ask: object) -> dict[str, Any]:
        """Run the probe on a host."""
        sent = remote_program.question("reachability", ask).decode()
        return remote_program.answer_in(self.on(host, "python3 -I -", sent))

    def alive_from_outside(self, ports: list[int] | None = None) -> list[str]:
        """What answers the intruder on web01, by IPv4 and IPv6."""
        addresses = [self.lab.address("web01"), self.lab.address("web01", 6)]
        rows = self.probe("intruder01", ask="ports", addresses=addresses, ports=ports or PORTS, timeout=1)["ports"]
        return [f"{row['address']} {row['port']} {row['state']}" for row in rows if row["state"] != "silent"]

    def rules(self) -> str:
        """The live containment tables, without counters; empty where there is none."""
        listed = "for f in inet netdev; do nft -s list table $f ungcuu_isolation; done 2>/dev/null || true"
        return self.on("web01", listed)

    def card(self) -> card.Card:
        """A card as enrolment writes it."""
        made = card.build(self.site, "web01", (self.lab.address("controller"),))
        return card.write(self.settings, made)

    def reassessed(self) -> None:
        """What a clean re-assessment leaves."""
        time_now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        record = {"format": baseline.FORMAT, "host": "web01", "time": time_now, "outcome": "clean"}
        path = self.settings.host_dir("web01") / "reassessment.json"
        baseline.sign(path, record | {"entry": {"closed": True, "how": "test"}}, self.settings.keys)

    def restart(self) -> None:
        """What stands for a reboot; the container comes back with another hardware address, which others must learn."""
        self.lab.restart("web01")
        self.on("intruder01", "ip neigh flush all")
        for version in (4, 6):
            subprocess.run(["ip", "neigh", "flush", "to", self.lab.address("web01", version)], check=True)

    def furnish(self) -> None:
        """A stateful rule set and an echo service, which a restart takes away."""
        for host in ("web01", "intruder01"):
            echo = f"systemctl is-active -q echo || systemd-run -q --unit=echo python3 -c {shlex.quote(ECHO)}"
            self.on(host, echo)
        if "table inet site" not in self.on("web01", "nft list tables"):
            self.on("web01", "nft -f -", STATEFUL)

    def open(self) -> None:
        """Take an isolation away by force: the host as it was."""
        self.on(
            "web01",
            "systemctl disable -q --now ungcuu-isolation-guard ungcuu-isolation ungcuu-maintenance 2>/dev/null;"
            "for d in /etc /run; do cd $d/systemd/system && rm -rf $d/ungcuu ungcuu-* nftables.service.d; done; cd /;"
            "systemctl daemon-reload; ip neigh flush all nud permanent;"
            "for f in inet netdev; do nft delete table $f ungcuu_isolation 2>/dev/null; done; true",
        )
        (self.settings.host_dir("web01") / "isolation.json").unlink(missing_ok=True)


class Held(threading.Thread):
    """A connection that is held open and keeps talking; ``answer`` is what became of it."""

    def __init__(self, stage: Stage, host: str, address: str, seconds: float, source: int = 0) -> None:
        super().__init__(daemon=True)
        self.stage, self.host = stage, host
        self.ask = {"ask": "hold", "address": address, "port": 8080, "seconds": seconds, "source": source}
        self.answer: dict[str, Any] = {}
        self.start()

    def run(self) -> None:
        self.answer = self.stage.probe(self.host, **self.ask)


def without_hooks(made: card.Card) -> card.Card:
    """The card as it was before devices were closed."""
    text = made.rules["full"]
    whole = text[: text.index("# devices")] + cut_off.LAST_LINE + "\n"
    return dataclasses.replace(made, rules={**made.rules, "full": whole})


def soon(holds: Callable[[], bool], why: str) -> None:
    """Wait up to three seconds for something to hold."""
    for _ in range(30):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError(why)
