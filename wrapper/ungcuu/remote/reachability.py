"""What can be reached from where this runs: sent to a host over SSH's standard input, run by its own python3.

``main({"ask": "ports", …})`` returns one document. The standard library alone, Python 3.9 and later, nothing written
anywhere. Of the package it needs ``page`` alone, which is sent with it.

``ports``   which ports of some addresses answer, from here
``site``    whether the website answers here with its marker text
``inside``  on the isolated host: does anything get out, do sessions of others still move, does the site work inside
``lasting`` on the isolated host: is the unit that loads the rules enabled, and on disk
``hold``    keep a connection open and show when the other side stopped answering (for drills and tests)
"""

from __future__ import annotations

import concurrent.futures
import errno
import ipaddress
import json
import re
import socket
import subprocess
import time
from collections.abc import Mapping
from typing import Any

from ungcuu.remote import page

# A query for the address of "example.com.": header (id 1, recursion wanted), name, type A, class IN.
DNS_QUERY = bytes.fromhex("00010100000100000000000007 6578616d706c6503636f6d0000010001")


# What a failed attempt means; any other error is silence. "blocked" and "unreachable": no packet left this machine.
_STATES = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "refused",
    errno.EPERM: "blocked",
    errno.EACCES: "blocked",
    errno.ENETUNREACH: "unreachable",
    errno.EADDRNOTAVAIL: "unreachable",
    errno.EAFNOSUPPORT: "unreachable",
}


def connect(address: str, port: int, timeout: float) -> str:
    """Try one TCP connection: open, refused (something answered), silent, blocked or unreachable (not sent at all)."""
    try:
        socket.create_connection((address, port), timeout).close()
    except socket.timeout:  # noqa: UP041 - Python 3.9 on the host
        return "silent"
    except OSError as error:
        return _STATES.get(error.errno or 0, "silent")
    return "open"


def ask_dns(server: str, timeout: float) -> str:
    """Send one DNS query over UDP: answered, silent, or blocked."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as query:
        query.settimeout(timeout)
        try:
            query.connect((server, 53))
            query.send(DNS_QUERY)
            query.recv(512)
        except socket.timeout:  # noqa: UP041
            return "silent"
        except OSError as error:
            return {errno.ECONNREFUSED: "refused", errno.EPERM: "blocked"}.get(error.errno or 0, "silent")
    return "answered"


def ports(addresses: list[str], numbers: list[int], timeout: float) -> list[dict[str, Any]]:
    """Try every port of every address, at once."""
    pairs = [(address, number) for address in addresses for number in numbers]
    with concurrent.futures.ThreadPoolExecutor(max_workers=64) as pool:
        states = list(pool.map(lambda pair: connect(pair[0], pair[1], timeout), pairs))
    return [{"address": a, "port": p, "state": s} for (a, p), s in zip(pairs, states)]  # noqa: B905


def site(address: str, timeout: float, **asked: Any) -> dict[str, Any]:
    """Ask for the website's page at an address, under its name: see ungcuu/remote/page.py."""
    return {"address": address, **page.look({**asked, "timeout": timeout}, address)}


def resolvers() -> list[str]:
    """Return the DNS servers that the host would ask, beyond itself."""
    try:
        with open("/etc/resolv.conf", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            words = [line.split() for line in file]
    except OSError:
        return []
    named = [row[1].split("%")[0] for row in words if len(row) > 1 and row[0] == "nameserver"]
    return [server for server in named[:8] if _is_foreign(server, [])]


def _is_foreign(address: str, allowed: list[str]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return not found.is_loopback and not any(found in ipaddress.ip_network(net) for net in allowed)


def sessions(allowed: list[str]) -> dict[str, str]:
    """Return established TCP connections with others, each with its counts of received and delivered bytes."""
    asked = ["ss", "-Htnio", "state", "established"]
    said = subprocess.run(asked, capture_output=True, text=True, errors="replace", timeout=10, check=False).stdout
    found: dict[str, str] = {}
    pair = ""
    for line in said.splitlines():
        words = line.split()
        if not line[:1].isspace() and len(words) >= 4:
            peer = words[3].rpartition(":")[0].strip("[]").partition("%")[0]
            pair = f"{words[2]} {words[3]}" if _is_foreign(peer, allowed) else ""
        elif pair:
            counts = dict(re.findall(r"(bytes_received|bytes_acked):(\d+)", line))
            found[pair] = f"{counts.get('bytes_received', '0')}/{counts.get('bytes_acked', '0')}"
    return found


def inside(ask: dict[str, Any]) -> dict[str, Any]:
    """Try to get out, look whether sessions of others still move, and ask the site over loopback."""
    timeout = float(ask["timeout"])
    before = sessions(ask["allowed"])
    outside = [address for address in ask["outside"] if _is_foreign(address, [])]
    servers = sorted({*resolvers(), *outside})
    with concurrent.futures.ThreadPoolExecutor(max_workers=32) as pool:
        dns = list(pool.map(lambda server: {"server": server, "state": ask_dns(server, timeout)}, servers))
    tried = ports(outside, ask["ports"], timeout)
    time.sleep(max(0.0, 1.0 - 2 * timeout))
    after = sessions(ask["allowed"])
    seen = site("127.0.0.1", 10, **ask["site"]) if ask.get("site") else None
    moving = [pair for pair, counts in after.items() if pair in before and before[pair] != counts]
    return {"out": tried, "dns": dns, "held": len(before), "moving": moving[:20], "site": seen}


def lasting() -> str:
    """Return what systemd says of the unit that loads the containment rules: enabled, enabled-runtime, …"""
    asked = ["systemctl", "is-enabled", "ungcuu-isolation.service"]
    said = subprocess.run(asked, capture_output=True, text=True, errors="replace", timeout=30, check=False).stdout
    return said.strip()[:40]


def hold(address: str, port: int, seconds: float, say: str = "", source: int = 0) -> dict[str, Any]:
    """Hold a connection to a service that answers each line; show when the last answer came (Unix time).

    ``source`` is the port that it is made from; 0 is any.
    """
    begun = time.time()
    last = 0.0
    answers = 0
    line = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    with line:
        line.settimeout(5)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        line.bind(("", source))
        line.connect((address, port))
        print(json.dumps({"held": True, "since": begun}), flush=True)
        line.settimeout(0.05)
        while time.time() < begun + seconds:
            try:
                line.sendall((say or "x\n").encode())
                if not line.recv(65536):
                    break
                last, answers = time.time(), answers + 1
            except socket.timeout:  # noqa: UP041
                pass
            except OSError:
                break
            time.sleep(0.02)
    return {"held": True, "since": begun, "last": last, "answers": answers, "until": time.time()}


def main(order: Mapping[str, Any]) -> dict[str, Any]:
    """Do what is asked for."""
    ask = dict(order)
    kind = ask.pop("ask")
    if kind == "ports":
        return {"ports": ports(ask["addresses"], ask["ports"], float(ask["timeout"]))}
    if kind == "site":
        return {"site": [site(address, 10, **ask["site"]) for address in ask["addresses"]]}
    if kind == "lasting":
        return {"unit": lasting()}
    if kind == "hold":
        return hold(**ask)
    return inside(ask)
