"""The way back: the packages as they are now, kept as files before anything is replaced.

Security builds vanish from the mirrors when the next one comes, so they are taken from apt's cache, else from a
mirror while it still has them, else repacked from the installed files.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ungcuu_patch.packages import Apt, known
from ungcuu_patch.system import ARCHIVES, Fault, run, tail

KEEP_RUNS = 3
REPACKER = "dpkg-repack"
REPACK_SECONDS = 1800


def save(apt: Apt, rows: Sequence[dict[str, Any]], folder: Path) -> list[dict[str, str]]:
    """Keep the installed version of each package that will be replaced; gives its name, version, file and origin.

    Raises:
        Fault: ``no_way_back``: a package could not be kept, so nothing may be changed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    install_repacker(apt, rows)
    return [keep(apt, row["name"], row["from"], folder) for row in rows if row["from"]]


def keep(apt: Apt, name: str, version: str, folder: Path) -> dict[str, str]:
    """Keep one package."""
    for origin, find in (("kept", kept), ("cache", from_cache), ("mirror", from_mirror), ("repacked", repacked)):
        path = find(apt, name, version, folder)
        if path:
            return {"name": name, "version": version, "file": path.name, "origin": origin}
    raise Fault("no_way_back", f"{name} {version} is in no cache and on no mirror, and could not be repacked")


def matching(folder: Path, name: str, version: str) -> Path | None:
    """A file in the folder that really holds that version."""
    for path in folder.glob(f"{name.partition(':')[0]}_*.deb"):
        said = run(["dpkg-deb", "-f", str(path), "Version"])
        if said.returncode == 0 and said.stdout.strip() == version:
            return path
    return None


def kept(_apt: Apt, name: str, version: str, folder: Path) -> Path | None:
    """Kept already, by an attempt that was cut short."""
    return matching(folder, name, version)


def from_cache(_apt: Apt, name: str, version: str, folder: Path) -> Path | None:
    """From apt's own cache."""
    found = matching(ARCHIVES, name, version)
    return Path(shutil.copy2(found, folder)) if found else None


def from_mirror(apt: Apt, name: str, version: str, folder: Path) -> Path | None:
    """From a mirror that still has it."""
    apt.get("download", f"{name}={version}", cwd=folder)
    return matching(folder, name, version)


def repacked(_apt: Apt, name: str, version: str, folder: Path) -> Path | None:
    """Repacked from the installed files; configuration files go in as they are now."""
    if shutil.which("dpkg-repack"):
        run(["dpkg-repack", name], cwd=folder, timeout=REPACK_SECONDS)
    return matching(folder, name, version)


def unobtainable(apt: Apt, rows: Sequence[dict[str, Any]]) -> list[str]:
    """Packages whose installed version is in no cache and on no mirror: they would have to be repacked."""
    policies = known(apt, [row["name"] for row in rows if row["from"]])
    found = []
    for name, policy in policies.items():
        version = next(row["from"] for row in rows if row["name"] == name)
        _, sources = policy.versions.get(version, (0, []))
        on_mirror = any("/var/lib/dpkg/status" not in source for source in sources)
        if not on_mirror and not matching(ARCHIVES, name, version):
            found.append(name)
    return found


def install_repacker(apt: Apt, rows: Sequence[dict[str, Any]]) -> None:
    """Install dpkg-repack ahead of the rest where the plan brings it: the packages before must be kept first."""
    row = next((row for row in rows if row["name"] == REPACKER and not row["from"]), None)
    if row:
        apt.get("-y", "-o", "APT::Install-Recommends=false", "install", f"{REPACKER}={row['to']}")


def put_back(rows: Sequence[dict[str, Any]], saved: Sequence[dict[str, str]], folder: Path) -> None:
    """Install the kept packages over the new ones and remove what the upgrade had added.

    dpkg is used, not apt: it also works with half-configured packages, which is what a rollback often meets.

    Raises:
        Fault: ``rollback_failed``, with dpkg's own words.
    """
    files = [str(folder / row["file"]) for row in saved]
    words = ""
    if files:
        options = ["--force-downgrade", "--force-confold", "--force-confdef", "--force-bad-verify"]
        words = run(["dpkg", *options, "--install", *files], timeout=3600).stderr
    added = [row["name"] for row in rows if not row["from"] and row["why"] != "tool"]
    if added:
        words += run(["dpkg", "--purge", *added]).stderr
    run(["dpkg", "--force-confold", "--force-confdef", "--configure", "-a"])
    wrong = [f"{row['name']} {now}" for row in saved if (now := version_of(row["name"])) != row["version"]]
    if wrong:
        raise Fault("rollback_failed", f"not back at the version before: {', '.join(wrong)}: {tail(words)}")


def version_of(name: str) -> str:
    """Installed and configured version of a package, or its state where dpkg left it half-done."""
    shown = run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}|${Version}", name]).stdout
    status, _, version = shown.partition("|")
    return version if status[:2] in ("ii", "hi") else f"{version} ({status.strip() or 'absent'})"


def forget_old(home: Path) -> None:
    """Remove the kept packages of all but the last runs; their records stay."""
    runs = sorted((path for path in home.glob("*/debs")), key=lambda path: path.stat().st_mtime)
    for path in runs[:-KEEP_RUNS]:
        shutil.rmtree(path)
