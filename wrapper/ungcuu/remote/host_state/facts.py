"""State that is no plain file: the manager's environment, the loader's cache, packet filters."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import struct

from ungcuu.remote.config import CONFIG
from ungcuu.remote.host_state.files import emit_path, entries
from ungcuu.remote.host_state.reading import CHUNK, emit, escaped, read_small, run

KNOWN = frozenset(CONFIG.get("known", []))
CACHE_MAGIC = b"glibc-ld.so.cache1.1"
RULE_FILES = (b"/etc/nftables.conf",)
USER_UNITS = "/run/user/*/systemd/"
USER_FOLDERS = ("transient", "generator", "generator.early", "generator.late", "user", "user.control")


def manager_environment() -> None:
    """Variables that the service manager gives to every unit."""
    for line in run("systemctl", "show-environment").splitlines():
        name, found, value = line.partition("=")
        if found:
            emit("fact", set="environment", name=name[:200], detail=value[:1000])


def libraries() -> None:
    """Where the loader's cache leads each library: (name, kind) → path."""
    data = read_small(b"/etc/ld.so.cache", 16 * CHUNK)
    start = data.find(CACHE_MAGIC)
    if start < 0:
        emit("fact", set="library", name="cache", detail=hashlib.sha256(data).hexdigest() if data else "none")
        return
    count = struct.unpack_from("=I", data, start + len(CACHE_MAGIC))[0]
    rows: dict[str, list[str]] = {}
    for number in range(min(count, 50_000)):
        offset = start + 48 + 24 * number
        flags, key, value, _, hwcap = struct.unpack_from("=iIIIQ", data, offset)
        name, target = (data[start + at : data.find(b"\0", start + at)] for at in (key, value))
        rows.setdefault(f"{escaped(name[:200])} {flags:x} {hwcap:x}", []).append(escaped(target[:1000]))
    for library, paths in rows.items():
        emit("fact", set="library", name=library, detail=" ".join(paths))


def user_units(sums: dict[bytes, tuple[str, str]]) -> None:
    """Units that exist in the memory of people's own service managers."""
    for folder in USER_FOLDERS:
        for tree in sorted(glob.glob(USER_UNITS + folder)):
            for path, info in entries(os.fsencode(tree), []):
                emit_path(path, info, "system", sums)


def packet_filter() -> None:
    """Each table without counters and elements of sets, and the file that it was loaded from, if any."""
    live = tables(run("nft", "-s", "list", "ruleset"))
    strange = any(digest[:16] not in KNOWN for digest, _text in live.values())
    sources = from_files() if strange else {}
    for name, (digest, text) in live.items():
        emit("fact", set="filter", name=name, detail=digest, text=text[:6000], source=sources.get(digest, ""))


def tables(listing: str) -> dict[str, tuple[str, str]]:
    """Name → (digest, rules in one line) of each table in a listing."""
    found = {}
    for part in re.split(r"(?m)^(?=table )", re.sub(r"(?s)\s*elements = \{.*?\}", "", listing)):
        head = re.match(r"table (\S+ \S+)", part)
        if head:
            text = re.sub(r"\s+", " ", part).strip()
            found[head[1]] = (hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest(), text)
    return found


def from_files() -> dict[str, str]:
    """Digest of a table → the file that makes it, read by nft in a network of its own."""
    found: dict[str, str] = {}
    for path in sorted([*RULE_FILES, *glob.glob(b"/etc/ungcuu/*.nft"), *glob.glob(b"/etc/nftables.d/*")]):
        command = 'nft -f "$0" && nft -s list ruleset'
        for digest, _text in tables(run("unshare", "-n", "sh", "-c", command, os.fsdecode(path))).values():
            found.setdefault(digest, escaped(path))
    return found
