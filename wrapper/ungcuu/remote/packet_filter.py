"""Read a host's packet filter, devices and neighbours from its kernel, by netlink: not with the host's nft or ip.

``main(order)`` returns one document whose messages are as the kernel gave them, in hexadecimal: what they mean is
decided on the controller (ungcuu/contain/packet_filter.py). ``order`` is ``{"tables": [[family, name], …], "port":
22}``. Runs on the host: the standard library alone, nothing is changed, nothing is written.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MOST = 2 << 20  # bytes of one dump; an intruder may have made a hundred thousand devices
ROUTE, NETFILTER = 0, 12
TABLE, CHAIN, RULE, SET, ELEMENT = 1, 4, 7, 10, 13  # the messages that ask for them, in subsystem 10
LINK, NEIGHBOUR = 18, 30
_DUMP = 0x301  # a request for all
_DONE, _ERROR = 3, 2


class Refused(Exception):
    """The kernel does not answer."""


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute of a message, padded."""
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The attributes of a message; one that is cut short ends them."""
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            return
        yield kind & 0x3FFF, data[4:length]
        data = data[(length + 3) & ~3 :]


def dump(protocol: int, kind: int, body: bytes) -> list[bytes]:
    """All messages of one kind, without their headers.

    Raises:
        Refused: the kernel answers with an error, too much, or not at all.
    """
    found: list[bytes] = []
    size = 0
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as line:
        line.settimeout(5)
        line.bind((0, 0))
        line.send(struct.pack("=IHHII", 16 + len(body), kind, _DUMP, 1, 0) + body)
        while True:
            piece = line.recv(1 << 18)
            size += len(piece)
            if size > MOST:
                raise Refused("the answer is too long")
            while len(piece) >= 16:
                length, answer = struct.unpack_from("=IH", piece)
                if answer == _DONE:
                    return found
                if answer == _ERROR or length < 16:
                    code = struct.unpack_from("=i", piece, 16)[0] if len(piece) >= 20 else 0
                    if code in (0, -2):  # there is no such table
                        return found
                    raise Refused(os.strerror(-code))
                found.append(piece[16:length])
                piece = piece[(length + 3) & ~3 :]


def of_filter(what: int, family: int, *asked: tuple[int, str]) -> list[bytes]:
    """Messages of the packet filter."""
    body = struct.pack(">BBH", family, 0, 0) + b"".join(attribute(k, v.encode() + b"\0") for k, v in asked)
    return dump(NETFILTER, 10 << 8 | what, body)


def elements(family: int, table: str, sets: list[bytes]) -> dict[str, list[str]]:
    """What the sets of a table hold."""
    found = {}
    for message in sets[:100]:
        name = next((value for kind, value in attributes(message[4:]) if kind == 2), b"").rstrip(b"\0")
        text = name.decode("ascii", "replace")
        found[text] = _hex(of_filter(ELEMENT, family, (1, table), (2, text)))
    return found


def sessions(port: int) -> list[str]:
    """Peers of established TCP connections of a local port, as the kernel writes them."""
    found = []
    for name in ("tcp", "tcp6"):
        for line in Path("/proc/net", name).read_text("ascii", "replace").splitlines()[1:]:
            words = line.split()
            if len(words) > 3 and words[3] == "01" and words[1].endswith(f":{port:04X}"):
                found.append(words[2])
    return found[:200]


def namespaces() -> dict[str, list[str]]:
    """Network namespaces other than this program's, each with some of the programs in it; names that are mounted."""
    found: dict[str, list[str]] = {}
    own = str(Path("/proc/self/ns/net").readlink())
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            with contextlib.suppress(OSError):
                space = str((process / "ns/net").readlink())
                names = found.setdefault(space, []) if space != own else found
                if isinstance(names, list) and len(names) < 5:
                    names.append((process / "comm").read_text("utf-8", "replace").strip())
    with contextlib.suppress(OSError):
        for line in Path("/proc/mounts").read_text("utf-8", "replace").splitlines():
            if line.startswith("nsfs ") and "net:" not in line:
                found.setdefault("mounted " + line.split()[1], [])
    return dict(list(found.items())[:50])


def _hex(messages: list[bytes]) -> list[str]:
    return [message.hex() for message in messages]


def main(order: dict[str, Any]) -> dict[str, Any]:
    """Read all of it."""
    found: dict[str, Any] = {"tables": _hex(of_filter(TABLE, 0)), "parts": []}
    for family, name in order["tables"]:
        sets = of_filter(SET, family, (1, name))
        found["parts"].append(
            {
                "family": family,
                "table": name,
                "rules": _hex(of_filter(RULE, family, (1, name))),
                "sets": _hex(sets),
                "elements": elements(family, name, sets),
            }
        )
    found["chains"] = _hex(of_filter(CHAIN, 0))
    found["links"] = _hex(dump(ROUTE, LINK, struct.pack("=BBHiII", 0, 0, 0, 0, 0, 0)))
    found["neighbours"] = _hex(dump(ROUTE, NEIGHBOUR, struct.pack("=BBHiHBB", 0, 0, 0, 0, 0, 0, 0)))
    found["sessions"], found["namespaces"] = sessions(int(order["port"])), namespaces()
    return found
