"""The system's own files: configured trees, programs, privileged files, packages."""

from __future__ import annotations

import os
import stat

from ungcuu.remote.config import CONFIG
from ungcuu.remote.host_state.access import HOME_NAMES, QUIET_HOME, homes
from ungcuu.remote.host_state.files import attributes, emit_path, entries
from ungcuu.remote.host_state.marks import media_marks
from ungcuu.remote.host_state.mounts import file_systems
from ungcuu.remote.host_state.reading import demand, emit, escaped, run
from ungcuu.remote.host_state.web import beside, upload


def configured_trees(sums: dict[bytes, tuple[str, str]]) -> None:
    """Configuration, local programs, cron, home start-up files and units."""
    excluded = [os.fsencode(path) for path in CONFIG["exclude"]]
    web = os.path.realpath(os.fsencode(CONFIG["web_root"]))
    for tree in CONFIG["trees"]:
        for path, info in entries(os.fsencode(tree), [*excluded, web, *beside()]):
            if staged_media(path, web):
                upload(path, info, sums)
            else:
                emit_path(path, info, "system", sums)
    for home in homes():
        for name in HOME_NAMES:
            for path, info in entries(os.path.join(home, os.fsencode(name)), excluded):
                if not QUIET_HOME.search(path):
                    emit_path(path, info, "home", sums)


def staged_media(path: bytes, web: bytes) -> bool:
    """Whether a path is in a writable folder of a staged copy: media are not reported there, as in the live tree."""
    stages = os.path.join(os.path.dirname(web), b".ungcuu-stage", b"")
    if not path.startswith(stages):
        return False
    _restore, _, below = path[len(stages) :].partition(b"/")
    name, _, place = below.partition(b"/")
    areas = [os.fsencode(area) for area in CONFIG["web_writable"]]
    return name == os.path.basename(web) and any(place == area or place.startswith(area + b"/") for area in areas)


def programs(sums: dict[bytes, tuple[str, str]]) -> None:
    """Programs, libraries and units of the distribution."""
    for tree in (b"/usr/bin", b"/usr/sbin", b"/usr/lib", b"/usr/libexec", b"/usr/lib64"):
        if os.path.islink(tree):
            continue
        for path, info in entries(tree, [b"/usr/lib/modules", b"/usr/lib/firmware"]):
            shallow = path.count(b"/") == 3 and not path.startswith(b"/usr/lib/")
            link = stat.S_ISLNK(info.st_mode) and shallow
            if link or (stat.S_ISREG(info.st_mode) and is_program(path, info)):
                emit_path(path, info, "program", sums)


def is_program(path: bytes, info: os.stat_result) -> bool:
    """Something that is run or loaded, or that starts something."""
    return bool(
        info.st_mode & 0o111
        or b".so" in os.path.basename(path)
        or path.endswith((b".py", b".pm"))
        or path.startswith((b"/usr/lib/systemd/", b"/usr/lib/tmpfiles.d/", b"/usr/lib/sysusers.d/"))
    )


def privileged_files(sums: dict[bytes, tuple[str, str]]) -> None:
    """Setuid, setgid and capability files on every file system of this machine, and programs in temporary folders."""
    own = [os.fsencode(path) for path in CONFIG["exclude"]] + [b"/proc", b"/sys"]
    for root in file_systems():
        for path, info in entries(root, own):
            runs = stat.S_ISREG(info.st_mode) and info.st_mode & 0o111
            if runs and (info.st_mode & 0o6000 or "security.capability" in attributes(path)):
                emit_path(path, info, "privileged", sums)
                emit("privileged", path=escaped(path))
    for tree in (b"/tmp", b"/var/tmp", b"/dev/shm", b"/run/shm", b"/dev/mqueue"):
        for path, info in entries(tree, []):
            if stat.S_ISREG(info.st_mode) and (info.st_mode & 0o111 or media_marks(path, info)):
                emit_path(path, info, "temporary", sums, marks=True)


def packages() -> None:
    """Installed packages and versions."""
    form = "${db:Status-Abbrev}\t${Package}\t${Architecture}\t${Version}\n"
    lines = run("dpkg-query", "-W", "-f", form).splitlines()
    demand(bool(lines))
    for line in lines:
        row = line.split("\t")
        if len(row) == 4 and row[0].startswith(("ii", "hi")):
            emit("package", name=row[1], architecture=row[2], version=row[3])
