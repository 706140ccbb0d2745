"""Make the plan: what an upgrade would change, worked out on private package lists so that the host stays as it is."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ungcuu_patch import changelog, host, packages, saved, services
from ungcuu_patch.packages import Apt, Installed, Wish
from ungcuu_patch.system import ARCHIVES, Fault, run

KERNEL = re.compile(r"^linux-image-\d")
MAX_CHANGELOG_BYTES = 200 * 1024 * 1024


def make(everything: bool, tools: Sequence[str]) -> dict[str, Any]:
    """The plan as data; nothing on the host changes but a folder in /run and one in /var/tmp, removed again.

    Raises:
        Fault: the mirrors can't be reached.
    """
    have = packages.installed()
    broken = packages.unfinished(have.values())
    holder = host.lock_holder()
    with tempfile.TemporaryDirectory(prefix="ungcuu-patch-", dir="/run") as folder:
        Path(folder).chmod(0o755)
        apt = Apt(Path(folder))
        apt.update()
        offers = packages.wishes(apt, have, everything)
        chosen, kept = choose(apt, [offer for offer in offers if not offer.why_not], have)
        kept += [kept_row(offer, have, offer.why_not) for offer in offers if offer.why_not]
        add_sizes(apt, kept)
        missing = [tool for tool in tools if tool not in have]
        rows = describe(apt, chosen, missing, have)
        if saved.REPACKER not in have and saved.unobtainable(apt, rows):
            rows = describe(apt, chosen, [*missing, saved.REPACKER], have)
        with tempfile.TemporaryDirectory(prefix="ungcuu-patch-", dir="/var/tmp") as store:
            Path(store).chmod(0o755)
            add_cves(apt, rows, have, Path(store))
            add_cves(apt, [row for row in kept if row["security"]], have, Path(store))
        download = packages.download_sizes(apt, words(rows)) if rows else 0
    return finish(rows, kept, download, broken, holder)


def choose(apt: Apt, wanted: list[Wish], have: dict[str, Installed]) -> tuple[list[Wish], list[dict[str, Any]]]:
    """Those wishes that apt can fulfil together without removing anything; the rest with the reason."""
    kept: list[dict[str, Any]] = []
    while wanted:
        actions, error = packages.simulate(apt, [f"{wish.name}={wish.to}" for wish in wanted])
        removed = sorted(action.name for action in actions if action.remove)
        if not removed and not error:
            break
        if len(wanted) == 1:
            kept.append(kept_row(wanted[0], have, refusal(removed, error)))
            return [], kept
        # Find the culprits one by one, against all that is good so far: slow, and rare.
        good: list[Wish] = []
        for wish in wanted:
            words = [f"{item.name}={item.to}" for item in [*good, wish]]
            actions, error = packages.simulate(apt, words)
            removed = sorted(action.name for action in actions if action.remove)
            if error or removed:
                kept.append(kept_row(wish, have, refusal(removed, error)))
            else:
                good.append(wish)
        wanted = good
        break
    return wanted, kept


def refusal(removed: list[str], error: str) -> str:
    """Why an upgrade can't be had."""
    return f"would remove {', '.join(removed)}" if removed else f"apt refuses: {error}"


def kept_row(wish: Wish, have: dict[str, Installed], why: str) -> dict[str, Any]:
    """A package that stays as it is, with the version that it could have had."""
    old = have[wish.name]
    row = {"name": wish.name, "from": old.version, "to": wish.to, "security": wish.security, "why": why}
    return row | {"source": old.source, "bytes": 0, "cves": []}


def add_sizes(apt: Apt, kept: list[dict[str, Any]]) -> None:
    """Fill in the sizes of packages that stay, so that their changelogs are fetched with the same care."""
    shown = packages.stanzas(apt, words(kept))
    for row in kept:
        row["bytes"] = int(shown.get((row["name"].partition(":")[0], row["to"]), {}).get("Size", 0) or 0)


def describe(apt: Apt, chosen: list[Wish], tools: list[str], have: dict[str, Installed]) -> list[dict[str, Any]]:
    """One row for each package that apt would touch: those chosen, what they need, and our tools."""
    arguments = [f"{wish.name}={wish.to}" for wish in chosen]
    if not arguments and not tools:
        return []
    actions, error = packages.simulate(apt, [*arguments, *tools])
    if error and tools:
        actions, error = packages.simulate(apt, arguments) if arguments else ([], "")
    if error:
        raise Fault("conflict", f"apt refuses the upgrade: {error}")
    brought = {action.name for action in packages.simulate(apt, tools)[0]} if tools else set()
    known = {action.name: action.new for action in actions if not action.remove}
    shown = packages.stanzas(apt, [f"{name}={version}" for name, version in known.items()])
    fixes = {wish.name for wish in chosen if wish.security}
    kinds = (("security", fixes), ("upgrade", {wish.name for wish in chosen}), ("tool", brought))
    rows = []
    for name, version in sorted(known.items()):
        fields = shown.get((name.partition(":")[0], version), {})
        old = have.get(name)
        source = fields.get("Source", fields.get("Package", name)).split()[0]
        rows.append(
            {
                "name": name,
                "from": old.version if old else "",
                "to": version,
                "security": name in fixes,
                "why": next((why for why, names in kinds if name in names), "needed"),
                "source": source,
                "bytes": int(fields.get("Size", 0) or 0),
                "grows": (int(fields.get("Installed-Size", 0) or 0)) * 1024,
                "cves": [],
            }
        )
    return rows


def words(rows: list[dict[str, Any]]) -> list[str]:
    """apt's own words for exactly these packages in exactly these versions."""
    return [f"{row['name']}={row['to']}" for row in rows]


def add_cves(apt: Apt, rows: list[dict[str, Any]], have: dict[str, Installed], store: Path) -> None:
    """Read each source's changelog once, in the smallest of its new packages that has one."""
    spent = 0
    by_source: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["from"]:
            by_source.setdefault(row["source"], []).append(row)
    for group in by_source.values():
        text = ""
        for row in sorted(group, key=lambda item: item["bytes"])[:4]:
            if not text and spent + row["bytes"] <= MAX_CHANGELOG_BYTES:
                spent += row["bytes"]
                text = changelog.text_of(fetch(apt, row, store))
        for row in group:
            row["changelog"] = bool(text)
            row["cves"] = changelog.closed(text, have[row["name"]].source_version) if text else []


def fetch(apt: Apt, row: dict[str, Any], store: Path) -> Path:
    """A new package's file: from apt's cache, or fetched into the store."""
    pattern = f"{row['name'].partition(':')[0]}_{row['to'].replace(':', '%3a')}_*.deb"
    for path in ARCHIVES.glob(pattern):
        return path
    apt.get("download", f"{row['name']}={row['to']}", cwd=store)
    return next(iter(store.glob(pattern)), Path("/nonexistent"))


def finish(
    rows: list[dict[str, Any]], kept: list[dict[str, Any]], download: int, broken: list[str], holder: str
) -> dict[str, Any]:
    """The plan whole: packages, services, reboot, sizes and the state that could stand in the way."""
    touched = [row["name"] for row in rows if row["from"]]
    restarts, waiting = services.to_restart(touched) if touched else ([], [])
    stale, newer_kernel = services.outdated()
    waiting += sorted(unit for unit in stale if services.NEVER.match(unit))
    kernel = any(KERNEL.match(row["name"]) for row in rows)
    sizes = {name: int(size or 0) * 1024 for name, size in installed_sizes(touched).items()}
    grows = sum(row["grows"] - sizes.get(row["name"], 0) for row in rows)
    reboot = services.reboot_reasons(sorted(set(waiting)), newer_kernel)
    if kernel:
        reboot.append("a newer kernel will be installed")
    return {
        "made": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "installed": [[row.name, row.version, row.source, row.source_version] for row in packages.installed().values()],
        "packages": rows,
        "kept_back": sorted(kept, key=lambda row: str(row["name"])),
        "restarts": sorted({*restarts, *stale} - set(waiting)),
        "reboot": reboot,
        "download_bytes": download,
        "unfinished": broken,
        "lock": holder,
        "shortages": host.shortages(download, grows, max((row["grows"] for row in rows), default=0), kernel),
        "broken_configurations": services.broken_configurations(),
    }


def installed_sizes(names: list[str]) -> dict[str, str]:
    """Installed size in KiB by package."""
    if not names:
        return {}
    shown = run(["dpkg-query", "-W", "-f", "${Package}\\t${Installed-Size}\\n", *names]).stdout
    return dict(line.split("\t", 1) for line in shown.splitlines() if "\t" in line)
