"""What is at work: units, listeners, kernel modules."""

from __future__ import annotations

import os
import sys

from ungcuu.remote.host_state.processes import unit_of, units_root
from ungcuu.remote.host_state.reading import CHUNK, demand, emit, escaped, read_small, run


def units() -> None:
    """Loaded services, timers, paths and sockets, and which of them start by themselves."""
    fields = "Id,FragmentPath,DropInPaths,UnitFileState,ActiveState,Type,Transient,MainPID,ControlPID"
    text = run("systemctl", "show", "--all", "--type=service,timer,path,socket", "-p", fields, "*")
    known = False
    for block in text.split("\n\n"):
        row = dict(line.partition("=")[::2] for line in block.splitlines())
        if row.get("Id"):
            known = True
            emit(
                "unit",
                name=row["Id"],
                path=row.get("FragmentPath", ""),
                state=row.get("UnitFileState", ""),
                active=row.get("ActiveState", ""),
                type=row.get("Type", ""),
                transient=row.get("Transient") == "yes",
                main=[row[name] for name in ("MainPID", "ControlPID") if row.get(name, "0") != "0"],
            )
    demand(known)


def socket_owners() -> dict[str, tuple[str, str, str]]:
    """Socket inode → (program, name, unit) of one process that holds it."""
    owners: dict[str, tuple[str, str, str]] = {}
    root = units_root()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            links = [_link(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
            exe = escaped(os.fsencode(os.readlink(f"/proc/{pid}/exe")))
        except OSError:
            continue
        held = [link[8:-1] for link in links if link.startswith("socket:[")]
        if held:
            owner = (exe, escaped(read_small(f"/proc/{pid}/comm".encode()).strip()), unit_of(int(pid), root))
            owners.update((inode, owner) for inode in held if inode not in owners)
    return owners


def _link(path: str) -> str:
    """Where it leads; empty where it was closed meanwhile: a program that opens and closes files has sockets still."""
    try:
        return os.readlink(path)
    except OSError:
        return ""


def address(text: str, six: bool) -> str:
    """``0100007F`` of /proc/net/tcp as ``127.0.0.1``; groups are in host byte order (little-endian here)."""
    import socket

    raw = bytes.fromhex(text)
    words = b"".join(
        raw[i : i + 4][::-1] if sys.byteorder == "little" else raw[i : i + 4] for i in range(0, len(raw), 4)
    )
    return socket.inet_ntop(socket.AF_INET6 if six else socket.AF_INET, words)


def listeners() -> None:
    """Sockets that take connections, and the program behind each."""
    owners = socket_owners()
    for proto, waiting in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        for line in read_small(f"/proc/net/{proto}".encode(), 64 * CHUNK).decode("ascii", "replace").splitlines()[1:]:
            row = line.split()
            if len(row) > 9 and row[3] == waiting:
                host, _, port = row[1].partition(":")
                exe, comm, unit = owners.get(row[9], ("", "", ""))
                where = {"proto": proto, "address": address(host, proto.endswith("6")), "port": int(port, 16)}
                emit("listener", **where, exe=exe, comm=comm, uid=int(row[7]), unit=unit)


def modules() -> None:
    """Kernel modules, on a machine that has its own kernel."""
    contained = os.path.exists("/run/.containerenv") or os.path.exists("/run/systemd/container")
    for line in [] if contained else read_small(b"/proc/modules", 4 * CHUNK).decode("ascii", "replace").splitlines():
        row = line.split()
        emit("module", name=row[0], tainting="(" in row[-1] and "O" in row[-1])
