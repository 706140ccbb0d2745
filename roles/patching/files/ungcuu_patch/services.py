"""Which services use what an upgrade replaces, which must be restarted, and how that is done without losing sshd."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import time
from collections.abc import Iterable
from pathlib import Path

from ungcuu_patch.system import Fault, run, tail
from ungcuu_patch.versions import Version

UNIT_IN_CGROUP = re.compile(r"/([A-Za-z0-9:@_.\\-]+\.service)(?:/|$)")
NEEDRESTART = re.compile(r"^NEEDRESTART-SVC: (\S+\.service)$", re.MULTILINE)
KERNEL_STATE = re.compile(r"^NEEDRESTART-KSTA: (\d)", re.MULTILINE)
# A restart of these drops logins or every client of the bus: they wait for the reboot.
NEVER = re.compile(
    r"^(dbus|dbus-broker|systemd-logind|user@.*|user-runtime-dir@.*|getty@.*|serial-getty@.*|networking|NetworkManager|"
    r"wpa_supplicant|ifup@.*|docker|containerd|podman.*|ungcuu-.*|apt-daily.*|unattended-upgrades)\.service$"
)
SSH = ("ssh.service", "sshd.service")
SETTLE_SECONDS = 5  # systemd calls a service active as soon as its program begins, also one that ends a moment later
CONFIG_TESTS = {
    "nginx.service": ["nginx", "-t", "-q"],
    "apache2.service": ["apache2ctl", "configtest"],
    "ssh.service": ["sshd", "-t"],
}
PHP = re.compile(r"^php(\d+\.\d+)-fpm\.service$")
SSH_SECONDS = 20
READY_SECONDS = 90


def active() -> dict[str, str]:
    """Active services and the id of their present start (it changes with every restart)."""
    units = run(["systemctl", "list-units", "--type=service", "--state=active", "--plain", "--no-legend"]).stdout
    names = [line.split()[0] for line in units.splitlines() if line.split()]
    return invocations(names)


def invocations(names: Iterable[str]) -> dict[str, str]:
    """InvocationID by unit, for those that run something."""
    wanted = sorted(set(names))
    if not wanted:
        return {}
    shown = run(["systemctl", "show", "-p", "Id,InvocationID,SubState", "--", *wanted]).stdout
    found = {}
    for block in shown.split("\n\n"):
        row = dict(line.partition("=")[::2] for line in block.splitlines())
        if row.get("SubState") == "running":
            found[row["Id"]] = row.get("InvocationID", "")
    return found


def files_of(packages: Iterable[str]) -> set[str]:
    """Real paths of the programs and libraries that the packages own."""
    names = sorted(packages)
    if not names:
        return set()
    listed = run(["dpkg-query", "-L", *names]).stdout.splitlines()
    return {os.path.realpath(path) for path in listed if re.match(r"/(usr/)?(s?bin|lib|lib64|libexec)/", path)}


def users_of(files: set[str]) -> set[str]:
    """Active services that run or map one of the files."""
    found, blind = set(), set()
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            unit = UNIT_IN_CGROUP.search((process / "cgroup").read_text())
            if unit is None:
                continue
            try:
                used = mapped(process)
            except PermissionError:
                blind.add(unit[1])
                continue
            if used & files:
                found.add(unit[1])
    return found | {unit for unit in blind - found if linked(unit) & files}


def mapped(process: Path) -> set[str]:
    """Files that a process has mapped, deleted ones under the name they had."""
    rows = (line.split(None, 5) for line in (process / "maps").read_text().splitlines())
    paths = {row[5].removesuffix(" (deleted)") for row in rows if len(row) == 6 and row[5].startswith("/")}
    if not paths and (process / "cmdline").read_bytes():
        raise PermissionError  # an empty answer is how some kernels refuse
    return {os.path.realpath(path) for path in paths}


def linked(unit: str) -> set[str]:
    """What the unit's program is linked with: for processes whose memory maps the kernel does not show us."""
    shown = run(["systemctl", "show", "-p", "ExecStart", "--value", "--", unit]).stdout
    program = re.search(r"path=(/\S+)", shown)
    if not program or not Path(program[1]).is_file():
        return set()
    libraries = re.findall(r"(/\S+) \(0x", run(["ldd", program[1]], timeout=20).stdout)
    return {os.path.realpath(path) for path in [program[1], *libraries]}


def shipped_by(packages: Iterable[str], units: Iterable[str]) -> set[str]:
    """Active services whose unit file one of the packages owns: its maintainer script restarts them."""
    names = sorted(packages)
    listed = set(run(["dpkg-query", "-L", *names]).stdout.splitlines()) if names else set()
    owned = {Path(path).name for path in listed if "/systemd/system/" in path}
    return {unit for unit in units if unit in owned or re.sub(r"@.*\.", "@.", unit) in owned}


def to_restart(upgraded: Iterable[str]) -> tuple[list[str], list[str]]:
    """Services that an upgrade of these packages will restart, and those that keep old code until a reboot."""
    names, running = list(upgraded), active()
    wanted = (users_of(files_of(names)) | shipped_by(names, running)) & set(running)
    waiting = {unit for unit in wanted if NEVER.match(unit)}
    return sorted(wanted - waiting), sorted(waiting)


def outdated() -> tuple[set[str], bool]:
    """What needrestart says runs old code, and whether a newer kernel waits; nothing where it is not installed."""
    try:
        said = run(["needrestart", "-b", "-r", "l"], timeout=180).stdout
    except (OSError, ValueError):
        return set(), False
    state = KERNEL_STATE.search(said)
    return set(NEEDRESTART.findall(said)), bool(state and state[1] in "23")


def broken_configurations() -> list[str]:
    """Services that run now but whose configuration on disk would not let them come back."""
    found = []
    for unit in active():
        command = CONFIG_TESTS.get(unit)
        if match := PHP.match(unit):
            command = [f"php-fpm{match[1]}", "-t"]
        if command:
            done = run(command, timeout=60)
            if done.returncode:
                found.append(f"{unit} ({tail(done.stderr or done.stdout, 1)})")
    return found


def restart(units: Iterable[str]) -> list[str]:
    """Restart services, sshd last and only with a valid configuration.

    Raises:
        Fault: ``service_down``, with the unit that did not come back, or did not stay.
    """
    done = []
    for unit in sorted(set(units), key=lambda name: (name in SSH, name)):
        # A stopped sshd has no folder in /run, which alone fails its own test: then there is nothing to lose either.
        if unit in SSH and is_active(unit) and run(["sshd", "-t"]).returncode:
            raise Fault("service_down", "sshd's configuration is not valid: sshd was left running as it was")
        run(["systemctl", "restart", "--", unit], timeout=READY_SECONDS)
        if not is_active(unit):
            raise Fault("service_down", f"{unit} did not come back after its restart")
        done.append(unit)
    if done:
        time.sleep(SETTLE_SECONDS)
    if dead := [unit for unit in done if not is_active(unit)]:
        raise Fault("service_down", f"{', '.join(dead)} ended soon after its restart")
    return done


def is_active(unit: str) -> bool:
    """Whether a unit is active."""
    return run(["systemctl", "is-active", "--quiet", "--", unit]).returncode == 0


def check_ssh() -> None:
    """See that sshd greets on each of its ports; start it where a maintainer script has left it stopped.

    Raises:
        Fault: ``ssh_down``: management would be lost.
    """
    units = (*SSH, "ssh.socket")
    if all(run(["systemctl", "is-enabled", "--quiet", "--", unit]).returncode for unit in units):
        return
    ports = [int(port) for port in re.findall(r"^port (\d+)$", run(["sshd", "-T"]).stdout, re.MULTILINE)] or [22]
    for port in ports:
        if not greets(port, 5):
            run(["systemctl", "start", "ssh.service"])
            if not greets(port, SSH_SECONDS):
                raise Fault("ssh_down", f"sshd does not answer on port {port}")


def greets(port: int, seconds: float) -> bool:
    """Whether an SSH server greets on the loopback within the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for address in ("127.0.0.1", "::1"):
            with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=3) as connection:
                if connection.recv(4) == b"SSH-":
                    return True
        time.sleep(0.5)
    return False


def newer_kernel() -> bool:
    """Whether a newer kernel than the running one is installed; a container has no kernel of its own to ask about."""
    there = [path.name.removeprefix("vmlinuz-") for path in Path("/boot").glob("vmlinuz-*")]
    running = os.uname().release
    return running in there and max(there, key=Version) != running


def reboot_reasons(waiting: Iterable[str], kernel: bool) -> list[str]:
    """Why the host should be rebooted; empty where it need not."""
    reasons = ["a newer kernel is installed"] if kernel or newer_kernel() else []
    if Path("/run/reboot-required").exists():
        reasons.append("a package asked for it (/run/reboot-required)")
    lasting = [unit for unit in waiting if not unit.startswith("user")]  # a user's own manager ends with the login
    return reasons + [f"{unit} runs old code and can't be restarted safely" for unit in lasting]
