"""Every process with what may explain it: its program, unit, login, parent, script, and what it has loaded."""

from __future__ import annotations

import hashlib
import os
import re
from typing import Any

from ungcuu.remote.config import CONFIG
from ungcuu.remote.host_state.access import colon_rows
from ungcuu.remote.host_state.reading import CHUNK, emit, escaped, read_small

KERNEL_THREAD = 0x00200000  # PF_KTHREAD: set by the kernel alone, so no name can pretend it
MOST = 4000
INTERPRETER = re.compile(
    r"^(?:python[\d.]*|perl[\d.]*|ruby[\d.]*|node|nodejs|php[\d.]*|(?:ba|da|z|k|mk|c|tc|fi)?sh|busybox|[gm]?awk|"
    r"lua(?:jit)?[\d.]*|expect|tclsh[\d.]*)$"
)
SHELL = re.compile(r"^(?:ba|da|z|k|mk|c|tc|fi)?sh$")
TEXT_OPTION = {"python": ("c", "m"), "perl": ("e", "E"), "php": ("r",), "ruby": ("e",), "node": ("e", "p")}
TAKES_VALUE = {"python": ("-W", "-X"), "perl": ("-I",), "php": ("-c", "-d", "-f"), "node": ("-r",)}
LOADED = re.compile(rb"^[0-9a-f]+-[0-9a-f]+ ..x. \S+ \S+ (\d+) +(/.*)$", re.M)
LOADER_VARIABLES = (b"LD_PRELOAD=", b"LD_AUDIT=", b"LD_LIBRARY_PATH=")


def processes(sums: dict[bytes, tuple[str, str]]) -> None:
    """One record a process; threads of the kernel, this program and what has ended are left out."""
    users = {row[0]: row[2] for row in colon_rows(b"/etc/passwd", 7)}
    website = users.get(CONFIG["web_user"], "-1")
    root = units_root()
    for pid in sorted(map(int, filter(str.isdigit, os.listdir("/proc"))))[:MOST]:
        try:
            record = process(pid, sums)
        except (OSError, IndexError, ValueError):
            continue
        if record is not None and pid != os.getpid():
            unit = unit_of(pid, root)
            shown = {"unit": unit, "session": session_state(unit), "website": str(record["uid"]) == website}
            emit("process", **record, **shown)
            remember(record, unit)


def process(pid: int, sums: dict[bytes, tuple[str, str]]) -> dict[str, Any] | None:
    """What /proc says of one process; None for a thread of the kernel and for one that has ended.

    Raises:
        OSError: It ended while it was read.
    """
    folder = f"/proc/{pid}"
    stats = read_small(f"{folder}/stat".encode()).rpartition(b")")[2].split()
    if int(stats[6]) & KERNEL_THREAD or stats[0] in (b"Z", b"X"):
        return None
    exe = os.fsencode(os.readlink(f"{folder}/exe"))
    deleted = exe.endswith(b" (deleted)")
    argv = read_small(f"{folder}/cmdline".encode(), 64 << 10).split(b"\0")
    record: dict[str, Any] = {
        "pid": pid,
        "ppid": int(stats[1]),
        "start": stats[19].decode("ascii", "replace"),
        "exe": escaped(exe),
        "comm": escaped(read_small(f"{folder}/comm".encode()).strip()),
        "uid": os.stat(folder).st_uid,
        "deleted": deleted,
        "replaced": deleted and os.path.exists(exe[:-10]),
        "argv": escaped(b" ".join(argv)[:300].strip()),
        "script": script_of(folder, exe.removesuffix(b" (deleted)"), argv),
        "loaded": loaded(folder, exe, sums),
        "forced": forced(folder),
    }
    if deleted:
        record["sha256"] = program_digest(folder)
    return record


def script_of(folder: str, exe: bytes, argv: list[bytes]) -> str:
    """The script of an interpreter: a path, ``-c`` for text in its arguments, ``-`` for its input; else empty."""
    name = os.path.basename(exe).decode("ascii", "replace")
    if not INTERPRETER.match(name):
        return ""
    kind = "sh" if SHELL.match(name) else re.sub(r"[\d.]+$|js$", "", name)
    words = iter(argv[1:])
    for word in words:
        text = word.decode("utf-8", "surrogateescape")
        if not text or text == "-":
            continue
        if not text.startswith(("-", "+")):
            path = os.path.join(os.fsencode(os.readlink(f"{folder}/cwd")), word)
            return escaped(os.path.realpath(path))
        if text in TAKES_VALUE.get(kind, ()):
            value = next(words, b"")
            if (kind, text) == ("php", "-f"):
                return escaped(os.path.realpath(value))
        elif not text.startswith("--") and set(text[1:]) & set(("c",) if kind == "sh" else TEXT_OPTION.get(kind, ())):
            return "-c"
    return "-"


def loaded(folder: str, exe: bytes, sums: dict[bytes, tuple[str, str]]) -> list[str]:
    """Files whose code is mapped and that no package owns, the program itself left out; at most 50."""
    found = set()
    for inode, path in LOADED.findall(read_small(f"{folder}/maps".encode(), 8 * CHUNK)):
        if inode != b"0" and path != exe and path not in sums:
            found.add(escaped(path))
    return sorted(found)[:50]


def forced(folder: str) -> str:
    """Variables with which this process was made to load libraries."""
    rows = read_small(f"{folder}/environ".encode(), 256 << 10).split(b"\0")
    return escaped(b" ".join(row[:200] for row in rows if row.startswith(LOADER_VARIABLES)))


def program_digest(folder: str) -> str:
    """SHA-256 of a program that is no longer on the disk, by the process that still runs it."""
    digest = hashlib.sha256()
    try:
        with open(f"{folder}/exe", "rb") as file:
            for _ in range(256):
                digest.update(file.read(CHUNK))
    except OSError:
        return ""
    return digest.hexdigest()


def units_root() -> str:
    """Below which control group the units are: on a machine of its own below none."""
    return unit_path(1).removesuffix("/init.scope")


def unit_of(pid: int, root: str) -> str:
    """The unit that a process belongs to, as ``system.slice/nginx.service``."""
    return unit_path(pid).removeprefix(root).strip("/")


def unit_path(pid: int) -> str:
    """The control group that systemd keeps this process in."""
    best = ""
    for line in read_small(f"/proc/{pid}/cgroup".encode()).decode("utf-8", "backslashreplace").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "name=systemd" or (controllers == "" and not best):
            best = path
    return best


def session_state(unit: str) -> str:
    """``open`` while the login that began a session lasts, ``closed`` after it; empty outside of sessions."""
    found = re.search(r"session-([\w.-]+)\.scope$", unit)
    if not found:
        return ""
    rows = read_small(f"/run/systemd/sessions/{found[1]}".encode()).decode("ascii", "replace").splitlines()
    known = dict(row.partition("=")[::2] for row in rows)
    leader = known.get("LEADER", "")
    alive = leader.isdigit() and os.path.exists(f"/proc/{leader}")
    return "open" if alive and known.get("STATE") in ("active", "online", "opening") else "closed"


def remember(record: dict[str, Any], unit: str) -> None:
    """What a baseline keeps of a service's process, so that the same one is explained later. Logins are not kept."""
    if unit.startswith("system.slice/") and record["script"] not in ("-c", "-"):
        emit(
            "running",
            uid=record["uid"],
            unit=unit,
            exe=record["exe"].removesuffix(" (deleted)"),
            script=record["script"],
        )
