"""What `doctor` looks at on this machine: programs, the state folder, cases, the kit, room, timers, odd names."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ungcuu.core.i18n import _

if TYPE_CHECKING:
    from ungcuu.hosts.enrolment import Check
    from ungcuu.run.verb import Context

FREE_MIB = 1024  # on the controller: evidence and journals land there


def entry(subject: str, level: str, message: str, fix: str = "") -> Check:
    from ungcuu.hosts.enrolment import Check

    return Check(subject, level, message, fix)


def controller(context: Context) -> list[Check]:
    state = context.settings.state
    checks = [
        _programs(),
        _state(state),
        *_modes(context),
        *lost_cases(context),
        _kit(context),
        _room(state),
        *_timers(),
        *_names(context),
        *_nodes(context),
    ]
    return [check for check in checks if check is not None]


def _programs() -> Check:
    lacking = [name for name in ("ssh", "ssh-keygen", "ansible-playbook") if not _which(name)]
    if lacking:
        return entry(_("programs"), "bad", _("missing: {names}").format(names=", ".join(lacking)), "./ungcuu --help")
    return entry(_("programs"), "good", "OpenSSH, Ansible")


def _which(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))


def _nearest(path: Path) -> Path:
    return path if path.exists() or path.parent == path else _nearest(path.parent)


def _state(state: Path) -> Check:
    if not _nearest(state).is_dir():
        message = _("{path} is not a folder: without a journal there is no run").format(path=_nearest(state))
        return entry(_("state folder"), "bad", message, _("Set UNGCUU_STATE to a folder, or unset it."))
    if not os.access(_nearest(state), os.W_OK | os.X_OK):
        message = _("{path} can't be written: without a journal there is no run").format(path=state)
        return entry(_("state folder"), "bad", message, _("Make it writable, or set UNGCUU_STATE."))
    return entry(_("state folder"), "good", str(state))


def _modes(context: Context) -> list[Check]:
    """Report folders that others could read, and journals that can't be appended to."""
    settings = context.settings
    if not _nearest(settings.state).is_dir():
        return []  # named already; the mode of something else is not for us to change
    open_to_all = [
        str(path)
        for path in (settings.state, settings.keys, settings.heads, settings.cases, settings.state / "hosts")
        if path.exists() and path.stat().st_mode & 0o077
    ]
    checks = []
    if open_to_all:
        message = _("other accounts may read {paths}").format(paths=", ".join(open_to_all))
        checks.append(entry(_("file modes"), "warn", message, f"chmod 700 {' '.join(open_to_all)}"))
    journals = [settings.operations / "journal.jsonl", *settings.cases.glob("*/journal.jsonl")]
    stuck = [str(path) for path in journals if path.exists() and not os.access(path, os.W_OK)]
    if stuck:
        message = _("can't be written: {paths}").format(paths=", ".join(stuck))
        checks.append(entry(_("journal"), "bad", message, _("Fix the owner and mode of these files.")))
    return checks or [entry(_("file modes"), "good", _("no other account may read keys and journals"))]


def lost_cases(context: Context) -> list[Check]:
    """Name journals that their heads know and that are not there."""
    from ungcuu.case.index import lost

    return [entry(_("cases"), "bad", one.text, one.next_command) for one in lost(context.settings)]


def _kit(context: Context) -> Check:
    """Whether another machine could become the controller, with what holds today."""
    from ungcuu.prepare.kit.standing import standing

    fix = "ungcuu kit make --out FILE"
    known = standing(context.settings)
    if known is None:
        message = _("none was made: who loses this machine loses keys, records and the way to the hosts")
        return entry(_("controller-loss kit"), "warn", message, fix)
    present = datetime.now(UTC)
    if doubt := known.doubt(present):
        return entry(_("controller-loss kit"), "warn", doubt, fix)
    message = _("{file}, {days} days old").format(file=known.file, days=known.age_days(present))
    return entry(_("controller-loss kit"), "good", message)


def _room(state: Path) -> Check:
    free = shutil.disk_usage(_nearest(state)).free >> 20
    message = _("{free} MiB free for evidence and journals").format(free=free)
    if free < FREE_MIB:
        return entry(_("disk"), "bad", message, _("Free space, or set UNGCUU_STATE to another disk."))
    return entry(_("disk"), "good", message)


def _timers() -> list[Check]:
    """A timer that stopped sends no reminder and starts no drill, which looks like a quiet week."""
    from ungcuu.run import schedule

    stands, silent = _("{name} does not run"), _("whether {name} runs is not known: systemd does not answer")
    return [
        entry(_("timer"), "bad" if known else "warn", (stands if known else silent).format(name=name), fix)
        for name, (fix, known) in schedule.standing_still().items()
    ]


def _nodes(context: Context) -> list[Check]:
    """Whether each node of the site answers, and runs the very ungcuu that runs here."""
    from ungcuu.run import node, node_runner

    checks = []
    for name in context.site.groups.get("nodes", ()):
        subject = _("node {name}").format(name=name)
        try:
            about = node_runner.asked(node.found(context.site, name), {"do": "look"})
        except node.NotBegun as error:
            fix = f"ungcuu enrol {name}" if error.problem == "node key" else f"ungcuu doctor {name}"
            checks.append(entry(subject, "bad", _("it can't be asked: {why}").format(why=error.message), fix))
            continue
        if why := node_runner.difference(about, name):
            message = _("Install the same release there: docs/how-to/nodes.md.")
            checks.append(entry(subject, "bad", why, message))
        else:
            checks.append(entry(subject, "good", _("it answers, and has the same ungcuu")))
    return checks


def _names(context: Context) -> list[Check]:
    """Name what stands in the site's files and nothing reads: a misspelt fact is passed over in silence."""
    from ungcuu.hosts.unread_variables import doubts

    message = _("Correct the name, or remove it.")
    found = doubts(context.site.inventory, context.settings.roles)
    return [entry(_("inventory"), "warn", doubt.text, message) for doubt in found]
