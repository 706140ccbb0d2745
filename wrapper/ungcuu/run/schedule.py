"""A verb by the clock: a systemd timer on this controller, of the account that runs ungcuu.

The units run the verb as it would be typed, with the inventory and the state folder of now. A person's own timers run
only while that person has a session, unless lingering is on: :func:`install` says so where it is off.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ungcuu.core.atomic import put
from ungcuu.core.errors import ControllerFault, UsageFault
from ungcuu.core.i18n import _
from ungcuu.core.settings import Settings

NEVER = "never"
_BY_THE_CLOCK = "by the clock"  # in the description of each unit below
_VAULT_PASSWORD = "ANSIBLE_VAULT_PASSWORD_FILE"  # noqa: S105  (the name of a variable)
_SERVICE = """\
[Unit]
Description=ungcuu {words} by the clock

[Service]
Type=oneshot
WorkingDirectory={folder}
Environment={state}
ExecStart={command}
TimeoutStartSec=12h
Nice=10
"""
_STANDING = """\
[Unit]
Description=ungcuu {words}
# A host or a network that is down for days is no reason to give up.
StartLimitIntervalSec=0

[Service]
WorkingDirectory={folder}
Environment={state}
ExecStart={command}
Restart=always
RestartSec=30s

[Install]
WantedBy={wanted}
"""
_TIMER = """\
[Unit]
Description=ungcuu {words} by the clock

[Timer]
OnCalendar={calendar}
RandomizedDelaySec={spread}
# A controller that was off at that time catches up.
Persistent=yes

[Install]
WantedBy=timers.target
"""


def install(settings: Settings, inventory: Path, calendar: str, words: Sequence[str], *, spread: str = "15min") -> Path:
    """Have ``ungcuu WORDS`` run at these times (systemd's OnCalendar) from now on; gives the timer's file.

    ``spread``: a start is put off by up to so much, so that many controllers do not start at once.

    Raises:
        UsageFault: systemd does not know such a time.
        ControllerFault: the units can't be written or started.
    """
    _check(calendar)
    service = _SERVICE.format(**_start(settings, inventory, words))
    timer = _unit(words).with_suffix(".timer")
    try:
        timer.parent.mkdir(parents=True, exist_ok=True)
        put(_unit(words).with_suffix(".service"), service, 0o644)
        put(timer, _TIMER.format(words=" ".join(words[:2]), calendar=calendar, spread=spread), 0o644)
    except OSError as error:
        raise _fault(str(error)) from error
    _systemctl("daemon-reload")
    _systemctl("enable", "--now", timer.name)
    return timer


def keep_running(settings: Settings, inventory: Path, words: Sequence[str]) -> Path:
    """Have ``ungcuu WORDS`` run all the time from now on, started again when it ends; gives the unit's file.

    Raises:
        ControllerFault: the unit can't be written or started.
    """
    unit = _unit(words).with_suffix(".service")
    wanted = "multi-user.target" if os.geteuid() == 0 else "default.target"
    try:
        unit.parent.mkdir(parents=True, exist_ok=True)
        put(unit, _STANDING.format(wanted=wanted, **_start(settings, inventory, words)), 0o644)
    except OSError as error:
        raise _fault(str(error)) from error
    _systemctl("daemon-reload")
    _systemctl("enable", unit.name)
    _systemctl("restart", unit.name)  # with the inventory of now
    return unit


def _start(settings: Settings, inventory: Path, words: Sequence[str]) -> dict[str, str]:
    """What a service's file says of how the verb is started."""
    program = [sys.executable, "-m", "ungcuu", "--inventory", str(inventory.absolute()), *words]
    return {
        "words": " ".join(words[:2]),
        "folder": _escaped(str(settings.content)),
        "state": _environment(settings),
        "command": " ".join(map(_quoted, program)).replace("$", "$$"),
    }


def remove(words: Sequence[str]) -> bool:
    """Stop and take away the units of these words; False where there are none."""
    units = [_unit(words).with_suffix(suffix) for suffix in (".timer", ".service")]
    there = [unit for unit in units if unit.exists()]
    if not there:
        return False
    _systemctl("disable", "--now", there[0].name)  # a service with a timer is started by that alone
    for path in there:
        path.unlink(missing_ok=True)
    _systemctl("daemon-reload")
    return True


def standing_still() -> dict[str, tuple[str, bool]]:
    """Return the timers set up here that do not run or whose last run failed: what helps or shows why, and True.

    A timer of which systemd says nothing is not known to run: how to ask again, and False.
    """
    scope = [] if os.geteuid() == 0 else ["--user"]
    found = {}
    for timer in sorted(_unit(("", "")).parent.glob("ungcuu-*.timer")):
        if _BY_THE_CLOCK not in timer.read_text("utf-8", "replace"):
            continue  # one of a host's own
        service = timer.with_suffix(".service").name
        state = _asked([*scope, "is-active", timer.name])
        if not state:
            found[timer.name] = (" ".join(["systemctl", *scope, "is-active", timer.name]), False)
        elif state != "active":
            found[timer.name] = (" ".join(["systemctl", *scope, "enable", "--now", timer.name]), True)
        elif _asked([*scope, "is-failed", service]) == "failed":
            found[service] = (" ".join(["systemctl", *scope, "status", service]), True)
    return found


def _asked(words: Sequence[str]) -> str:
    """What systemd says; nothing where it says nothing."""
    try:
        done = subprocess.run(["systemctl", *words], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def lingers() -> bool:
    """Whether timers of this account run while nobody is logged in."""
    return os.geteuid() == 0 or Path("/var/lib/systemd/linger", _name()).exists()


def _name() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def _unit(words: Sequence[str]) -> Path:
    """Root's units belong to the system, a person's to the person."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "systemd/user"
    folder = Path("/etc/systemd/system") if os.geteuid() == 0 else home
    return folder / f"ungcuu-{words[0]}-{words[1]}"


def _environment(settings: Settings) -> str:
    """What the verb needs to read the site as now: the state folder, and where the password of its vault stands."""
    known = {"UNGCUU_STATE": str(settings.state)}
    if password_file := os.environ.get(_VAULT_PASSWORD):
        known[_VAULT_PASSWORD] = str(Path(password_file).expanduser().absolute())
    return " ".join(_quoted(f"{name}={value}") for name, value in known.items())


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(word: str) -> str:
    """A word as systemd reads it: in quotes, nothing in it expanded."""
    return '"' + _escaped(word).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _check(calendar: str) -> None:
    known = "\n" not in calendar and not calendar.startswith("-")
    if not known or _systemd("systemd-analyze", "calendar", calendar).returncode:
        raise UsageFault(
            _("{text} is no time that systemd knows.").format(text=repr(calendar)),
            _("Nothing was changed."),
            "man systemd.time; for example: --schedule 'Sun *-*-* 03:00'",
        )


def _systemctl(*words: str) -> None:
    scope = [] if os.geteuid() == 0 else ["--user"]
    done = _systemd("systemctl", *scope, *words)
    if done.returncode:
        raise _fault(done.stderr.strip())


def _systemd(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(list(command), capture_output=True, text=True, check=False)
    except OSError as error:  # a controller without systemd
        raise _fault(str(error)) from error


def _fault(reason: str) -> ControllerFault:
    return ControllerFault(
        _("The timer can't be set up on this controller: {reason}").format(reason=reason),
        _("Hosts were not touched."),
        _("Start the verb by cron or by hand instead."),
    )
