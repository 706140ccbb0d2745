"""Put a set of files in place on this host as one transaction. Runs on the managed host: standard library only.

A drop-in can't be judged alone, since the daemon's parser reads it in its context. So the whole set is placed, judged
by the daemon's own parser, and reverted at once when the parser objects:

1. What differs is found first; with ``check`` nothing else happens.
2. The files before are kept: the first ones ever under ``before/``, this change's under ``armed/NAME`` or in memory.
3. With ``revert``, a timer is armed that puts them back and runs the commands, unless the change is confirmed in time.
   With ``wait_seconds`` it first lets packages that are being installed come to their end, for that long at most: their
   scripts would undo what was put back. Whoever installed them then has ``GRACE`` seconds to confirm.
4. The files are placed, ``validate`` runs, then ``apply``. If either fails, files and daemon return to how they were.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

STATE = Path("/var/lib/ungcuu")
_DIFF_LIMIT = 20000
GRACE = 60  # seconds
# Held by apt, by dpkg, and by packages.py from the first look at the lists to the last script.
_PACKAGE_LOCKS = "/var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /run/ungcuu-packages.lock"
_WAIT = """busy() {
    for lock in LOCKS; do
        [ -e "$lock" ] && grep -q ":$(stat -c %i "$lock") " /proc/locks && return 0
    done
    return 1
}
waited=0
while [ "$waited" -lt SECONDS ] && busy; do sleep 1; waited=$((waited + 1)); done
[ "$waited" = 0 ] || sleep GRACE
"""


class Failed(Exception):
    """The host refused; everything is as it was before."""


def run(argv: list[str]) -> tuple[int, str]:
    """Run a command; give its exit code and what it said."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False, timeout=300)
    except (OSError, subprocess.TimeoutExpired) as error:
        return 127, str(error)
    return done.returncode, (done.stdout + done.stderr).strip()[-2000:]


def read(path: Path) -> str | None:
    """A file's text, None where there is no file."""
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return None


def wanted_text(entry: dict[str, Any], old: str | None) -> str | None:
    """What the file shall hold: given whole, or the old text with edits; None for no file."""
    if entry.get("state") == "absent":
        return None
    if "edits" not in entry:
        return str(entry["content"])
    text = old
    for edit in entry["edits"]:
        text = re.sub(edit["pattern"], edit["replace"], text, flags=re.MULTILINE) if text is not None else None
    return text


def attributes(entry: dict[str, Any], path: Path) -> tuple[int, int, int]:
    """Mode, owner and group that the file shall have; an edited file keeps its own."""
    if "edits" in entry and path.exists():
        known = path.stat()
        return known.st_mode & 0o7777, known.st_uid, known.st_gid
    owner, group = entry.get("owner", "root"), entry.get("group", "root")
    return int(entry.get("mode", "0644"), 8), pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid


def has_attributes(path: Path, entry: dict[str, Any]) -> bool:
    """Whether mode, owner and group are right already."""
    known = path.stat()
    try:
        return (known.st_mode & 0o7777, known.st_uid, known.st_gid) == attributes(entry, path)
    except KeyError:  # the owner comes with a package that is not installed yet
        return False


def place(path: Path, text: str, mode: int, owner: int, group: int) -> None:
    """Write a file whole: a reader, or a power cut, sees the old one or the new one."""
    import tempfile  # the host compiles it each time: not where nothing changes

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".ungcuu-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(text)
            stream.flush()
            os.fchown(stream.fileno(), owner, group)
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def keep_first(path: Path) -> None:
    """Keep the file as it was before ungcuu ever touched it."""
    kept = STATE / "before" / str(path).lstrip("/")
    if path.exists() and not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copy2(path, kept)


def unit_of(name: str) -> str:
    """The timer that reverts this change."""
    return f"ungcuu-revert-{name}"


def take_back_unconfirmed(name: str) -> bool:
    """An earlier change of that name that nobody confirmed is reverted now; the next starts from a known state."""
    script = STATE / "armed" / name / "revert.sh"
    if not script.exists():
        return False
    code, said = run(["/bin/sh", str(script)])
    if code:
        raise Failed(f"an earlier change ({name}) was never confirmed, and reverting it failed: {said}")
    run(["systemctl", "stop", f"{unit_of(name)}.timer", f"{unit_of(name)}.service"])
    return True


def never_confirmed(order: dict[str, Any]) -> list[str]:
    """An earlier change of this name that a real run would take back first, and then make again; for check mode."""
    name = (order.get("revert") or {}).get("name", "")
    return [name] if order["check"] and name and (STATE / "armed" / name / "revert.sh").exists() else []


def arm(revert: dict[str, Any], paths: list[Path], modes: list[Path]) -> str:
    """Save the files, arm the timer, and only then let the caller change anything. Gives the unit's name."""
    name, seconds = revert["name"], int(revert["seconds"])
    folder = STATE / "armed" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    wait = _WAIT.replace("LOCKS", _PACKAGE_LOCKS).replace("SECONDS", str(int(revert.get("wait_seconds", 0))))
    # Whoever renames the folder first wins: the timer or the confirmation, never both.
    lines = ["#!/bin/sh", f"d={shlex.quote(str(folder))}", wait.replace("GRACE", str(GRACE))]
    lines += ['mv "$d" "$d.reverting" || exit 0', 'd="$d.reverting"']
    for number, path in enumerate(paths):
        target = shlex.quote(str(path))
        if path.exists():
            shutil.copy2(path, folder / str(number))
            known = path.stat()
            os.chown(folder / str(number), known.st_uid, known.st_gid)
            lines.append(f'cp -p "$d/{number}" {target}.ungcuu-revert && mv -f {target}.ungcuu-revert {target}')
        else:
            lines.append(f"rm -f {target}")
    lines += [f"chmod {path.stat().st_mode & 0o7777:o} {shlex.quote(str(path))}" for path in modes]
    lines += [shlex.join(command) for command in revert["commands"]]
    lines += [f"logger -t ungcuu 'change {name} was not confirmed and was reverted'", 'rm -rf "$d"']
    lines += [f"systemctl stop --no-block {unit_of(name)}.timer"]
    script = folder / "revert.sh"
    script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    code, said = run(
        [
            "systemd-run",
            f"--unit={unit_of(name)}",
            f"--on-active={seconds}",
            "--timer-property=AccuracySec=1s",
            "--collect",
            "/bin/sh",
            str(script),
        ]
    )
    if code:
        shutil.rmtree(folder, ignore_errors=True)
        raise Failed(f"the timer that would take the change back could not be armed: {said}")
    return unit_of(name)


def disarm(name: str) -> None:
    """Take the timer away, with what it would have put back."""
    shutil.rmtree(STATE / "armed" / name, ignore_errors=True)
    run(["systemctl", "stop", f"{unit_of(name)}.timer"])


def confirm(name: str) -> dict[str, Any]:
    """The change holds: the controller came back over a new connection."""
    folder = STATE / "armed" / name
    taken = folder.with_name(name + ".confirmed")
    shutil.rmtree(taken, ignore_errors=True)
    try:
        folder.rename(taken)
    except FileNotFoundError:
        return {"failed": True, "msg": f"the change {name} was not confirmed in time: it has been reverted"}
    run(["systemctl", "stop", f"{unit_of(name)}.timer", f"{unit_of(name)}.service"])  # the service at most waits
    shutil.rmtree(taken, ignore_errors=True)
    return {"changed": []}


def not_in_effect(order: dict[str, Any]) -> list[str]:
    """Probes that fail: the files are right, but what runs is not what they say."""
    return [probe["name"] for probe in order.get("probes", []) if run(probe["command"])[0] != 0]


def kept_back(order: dict[str, Any]) -> list[list[str]]:
    """What the kernel, or whoever else, does not let this host apply: the lines that each ``skips`` command prints."""
    return [run(skip["command"])[1].splitlines() for skip in order.get("skips", [])]


class Change(NamedTuple):
    """One file that differs from what it shall be."""

    entry: dict[str, Any]
    path: Path
    old: str | None
    new: str | None


def differing(order: dict[str, Any]) -> list[Change]:
    """The files that a run would write or remove."""
    found = []
    for entry in order["files"]:
        path = Path(os.path.realpath(entry["dest"]))
        if entry.get("only_mode"):
            if path.exists() and path.stat().st_mode & 0o7777 != int(entry["mode"], 8):
                found.append(Change(entry, path, None, None))
            continue
        old = read(path)
        new = wanted_text(entry, old)
        if order["check"] and old is None and entry.get("comes_with_package"):
            new = ""  # the package that brings the file is only planned, so the edit is too
        if old != new or (new is not None and "edits" not in entry and not has_attributes(path, entry)):
            found.append(Change(entry, path, old, new))
    return found


def difference(header: str, before: str, after: str) -> dict[str, str]:
    """Before and after, as Ansible shows it; of long texts only the lines that differ."""
    if max(len(before), len(after)) > _DIFF_LIMIT:
        import difflib

        lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), header, header)
        return {"prepared": "".join(lines)[:_DIFF_LIMIT]}
    return {"before": before, "after": after, "before_header": header, "after_header": header}


def diff_of(change: Change) -> list[dict[str, str]]:
    """What differs of one file: its content, and its mode, owner and group."""
    dest, edited = change.entry["dest"], "edits" in change.entry and change.path.exists()
    found = [] if change.old == change.new else [difference(dest, change.old or "", change.new or "")]
    before = rights_before(change.path)
    after = before if edited else rights_after(change, before)
    return found if before == after else [*found, difference(f"{dest} (mode and owner)", before, after)]


def rights_before(path: Path) -> str:
    """Mode, owner and group as they are, in words."""
    if not path.exists():
        return "no file\n"
    known = path.stat()
    owner, group = named(known.st_uid, pwd.getpwuid), named(known.st_gid, grp.getgrgid)
    return f"mode {known.st_mode & 0o7777:04o}, owner {owner}, group {group}\n"


def rights_after(change: Change, before: str) -> str:
    """Mode, owner and group as they shall be, in words. An owner that comes with a package need not be known yet."""
    entry = change.entry
    if entry.get("only_mode"):
        return f"mode {int(entry['mode'], 8):04o}" + before[before.find(",") :]
    if change.new is None:
        return "no file\n"
    mode = int(entry.get("mode", "0644"), 8)
    return f"mode {mode:04o}, owner {entry.get('owner', 'root')}, group {entry.get('group', 'root')}\n"


def named(number: int, lookup: Callable[[int], Any]) -> str:
    """Name of a user or group, or its number where it has none."""
    try:
        return str(lookup(number)[0])
    except KeyError:
        return str(number)


def diffs(todo: list[Change], others: list[str]) -> list[dict[str, str]]:
    """What differs, file by file; else what is to be put into effect."""
    rows = [row for change in todo for row in diff_of(change)]
    return rows or [difference(name, f"not in effect: {name}\n", f"in effect: {name}\n") for name in others]


class Before:
    """Files as they were, to be put back when the parser or the daemon objects."""

    def __init__(self, paths: list[Path], modes: list[Path]) -> None:
        self.modes = [(path, path.stat().st_mode & 0o7777) for path in modes]
        self.files = [(path, read(path), path.stat() if path.exists() else None) for path in paths]
        for path in paths:
            keep_first(path)

    def put_back(self, order: dict[str, Any]) -> None:
        """Files and daemon return to the state before; no timer is left."""
        for path, old, known in self.files:
            if old is None or known is None:
                path.unlink(missing_ok=True)
            else:
                place(path, old, known.st_mode & 0o7777, known.st_uid, known.st_gid)
        for path, mode in self.modes:
            path.chmod(mode)
        for command in order.get("apply", []):
            run(command)
        if order.get("revert"):
            disarm(order["revert"]["name"])


def carry_out(order: dict[str, Any], todo: list[Change]) -> None:
    """Place the files and let the daemon judge them.

    Raises:
        Failed: The parser or the daemon objects.
    """
    for change in todo:
        if change.entry.get("only_mode"):
            change.path.chmod(int(change.entry["mode"], 8))
        elif change.new is None:
            change.path.unlink(missing_ok=True)
        else:
            place(change.path, change.new, *attributes(change.entry, change.path))
    for phase in ("validate", "apply"):
        for command in order.get(phase, []):
            code, said = run(command)
            if code:
                raise Failed(f"{phase}: {shlex.join(command)[:200]}: {said}")


def perform(order: dict[str, Any]) -> dict[str, Any]:
    """Do what is ordered; see the protocol at the top."""
    os.umask(0o022)  # a stricter one of the operator would make what daemons must read unreadable
    if "confirm" in order:
        return confirm(order["confirm"])
    if "arm" in order:
        take_back_unconfirmed(order["arm"]["name"])
        return {"changed": [], "armed": arm(order["arm"], [Path(path) for path in order["arm"]["files"]], [])}
    revert = order.get("revert")
    if revert and not order["check"]:
        take_back_unconfirmed(revert["name"])
    todo = differing(order)
    others = [] if todo else not_in_effect(order) or never_confirmed(order)
    result: dict[str, Any] = {
        "changed": [change.entry["dest"] for change in todo] or others,
        "diff": diffs(todo, others) if order.get("diff") else [],
    }
    if order["check"] or not result["changed"]:
        return result | {"skipped": kept_back(order)}
    modes = [change.path for change in todo if change.entry.get("only_mode")]
    touched = [change.path for change in todo if not change.entry.get("only_mode")]
    # Files that the commands change by themselves (pam-auth-update) go back too.
    touched += [path for path in map(Path, (revert or {}).get("files", [])) if path not in touched]
    before = Before(touched, modes)
    if revert:
        result["armed"] = arm(revert, touched, modes)
    try:
        carry_out(order, todo)
    except (Failed, OSError, KeyError) as error:
        before.put_back(order)
        return {"failed": True, "msg": f"{error}. The files are as they were before."}
    return result | {"skipped": kept_back(order)}


def main(order: dict[str, Any]) -> dict[str, Any]:
    """Return the outcome; what failed is an answer too."""
    try:
        return perform(order)
    except (Failed, OSError, KeyError, re.error) as error:
        return {"failed": True, "msg": f"{type(error).__name__}: {error}"}
