"""Enrolment: pin a host's key once a person has confirmed it, then see whether every verb could work there.

No playbook runs and no command is sent before the key is pinned. The host's answers are read as ``name=value`` lines
of known names and checked for form; nothing of them is used as a path, a template or a command.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import re
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ungcuu.core.atomic import make_private, put
from ungcuu.core.i18n import _
from ungcuu.hosts import ssh

KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
CONNECT_SECONDS = 10.0
MOST_SKEW = 60.0  # seconds; beyond it, times of logs and signatures can't be compared
NOTED_SKEW = 2.0
NEEDED_KIB = {"/": 512 << 10, "/var": 512 << 10, "/tmp": 64 << 10, "/etc": 16 << 10}  # noqa: S108 - a mount point
NEEDED_PYTHON = (3, 9)
NEEDED_TOOLS = ("ss", "ps", "timeout", "systemctl", "sha256sum")
_VALUE = re.compile(r"([a-z_]{1,20})=(.{0,200})")

# Runs as the login user; sudo only for what needs it. Reads alone.
SCRIPT = r"""
PATH=/usr/sbin:/usr/bin:/sbin:/bin; export PATH LC_ALL=C
rules=$(cat)
echo "seen=${SSH_CONNECTION%% *}"
echo "clock=$(date +%s.%N)"
echo "system=$(. /etc/os-release; echo "$ID $VERSION_ID")"
echo "python=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)"
echo "root=$(sudo -n id -u 2>/dev/null)"
echo "nft=$(sudo -n nft --version 2>/dev/null)"
[ -n "$rules" ] && printf '%s\n' "${rules%%# devices*}" | sudo -n nft -c -f - >/dev/null 2>&1 && echo rules=yes
[ -n "$rules" ] && printf '%s\n' "$rules" | sudo -n nft -c -f - >/dev/null 2>&1 && echo hooks=yes
sudo -n nft list table inet ungcuu_isolation >/dev/null 2>&1 && echo isolated=yes
for tool in ss ps timeout systemctl sha256sum; do command -v $tool >/dev/null || echo "lacks=$tool"; done
for place in / /var /tmp /etc; do echo "free=$(df -Pk $place | tail -n 1 | tr -s ' ' | cut -d' ' -f4) $place"; done
for place in / /var; do echo "inodes=$(df -Pi $place | tail -n 1 | tr -s ' ' | cut -d' ' -f4) $place"; done
echo end=yes
"""


@dataclass(frozen=True)
class HostKey:
    """A host's public key: its type and the key itself in base64."""

    kind: str
    data: str

    @property
    def fingerprint(self) -> str:
        """The fingerprint as ``ssh-keygen -l`` shows it."""
        return _fingerprint(base64.b64decode(self.data))


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. ``level`` is good, warn or bad; ``fix`` says what to do about it."""

    subject: str
    level: str
    text: str
    fix: str = ""


def _fingerprint(blob: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def fetch_key(target: ssh.Target) -> HostKey:
    """Ask the host for its key, without logging in.

    Raises:
        OSError: It can't be reached, or what answers does not speak SSH.
    """
    import logging

    import paramiko

    # Its thread logs whatever a host sends instead of a greeting, and Python prints what no handler takes.
    logging.getLogger("paramiko").addHandler(logging.NullHandler())
    line = _line(target)
    try:
        transport = paramiko.Transport(line)
        try:
            known = transport.get_security_options().key_types
            transport.get_security_options().key_types = tuple(sorted(known, key=_preference))
            transport.start_client(timeout=CONNECT_SECONDS)
            key = transport.get_remote_server_key()
            return HostKey(key.get_name(), key.get_base64())
        finally:
            transport.close()
    except (paramiko.SSHException, EOFError) as error:
        raise OSError(str(error)) from error


def _preference(kind: str) -> int:
    return 0 if kind == "ssh-ed25519" else 1 if kind.startswith("ecdsa") else 2


def _line(target: ssh.Target) -> socket.socket:
    """Connect to the host's sshd; through the inventory's jump host, if it has one."""
    jump = next((o.partition("=")[2] for o in target.options if o.startswith("ProxyJump=")), "")
    if not jump:
        return socket.create_connection((target.address, target.port), CONNECT_SECONDS)
    import paramiko

    command = f"ssh -o BatchMode=yes -W [{target.address}]:{target.port} {jump}"
    # paramiko takes it in place of a socket: it has the methods that are used.
    return paramiko.ProxyCommand(command)  # type: ignore[return-value]


def pinned_keys(path: Path, name: str) -> list[HostKey]:
    """Return the keys that are pinned under this name."""
    found = []
    for line in _lines(path):
        words = line.split()
        if len(words) >= 3 and name in words[0].split(",") and words[1] in KEY_TYPES:
            with contextlib.suppress(binascii.Error, ValueError):
                base64.b64decode(words[2], validate=True)
                found.append(HostKey(words[1], words[2]))
    return found


def names(target: ssh.Target) -> tuple[str, str]:
    """Return the names under which a host's key is pinned: ours, and the one that Ansible's own OpenSSH looks for."""
    return target.name, target.address if target.port == 22 else f"[{target.address}]:{target.port}"


def pin(path: Path, name: str, key: HostKey) -> bool:
    """Make this the only key of this name; other names on the same line keep theirs. Returns whether that is news."""
    if pinned_keys(path, name) == [key]:
        return False
    kept = [line for line in (_without(line, name) for line in _lines(path)) if line is not None]
    make_private(path.parent)
    put(path, "".join(f"{line}\n" for line in [*kept, f"{name} {key.kind} {key.data}"]))
    return True


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []


def _without(line: str, name: str) -> str | None:
    names, _sep, rest = line.partition(" ")
    if line.startswith(("#", "@", "|")) or name not in names.split(","):
        return line
    others = [other for other in names.split(",") if other != name]
    return f"{','.join(others)} {rest}" if others else None


# --- what the host must have --------------------------------------------------------------------------------------


def survey(target: ssh.Target, rules: str = "") -> tuple[list[Check], Mapping[str, list[str]]]:
    """Look at a host whose key is pinned. ``rules`` are judged by the host's nft, not loaded.

    Returns:
        Every check, and the host's answers by name.
    """
    user = ssh.Target(**{**vars(target), "become": False})
    before = time.time()
    try:
        answer = ssh.run(user, SCRIPT, stdin=rules.replace("@DEVICES@", "lo").encode(), timeout=60, byte_quota=1 << 16)
    except ssh.HostKeyRefused as gap:
        return [Check(_("host key"), "bad", gap.detail, gap.next_command)], {}
    middle = (before + time.time()) / 2
    if not answer.ok:
        return [_no_answer(target, answer)], {}
    said: dict[str, list[str]] = {}
    for line in answer.stdout.decode("ascii", "replace").splitlines():
        if found := _VALUE.fullmatch(line):
            said.setdefault(found[1], []).append(found[2])
    return [Check(_("connection"), "good", _("the pinned host answers")), *_judge(said, middle, bool(rules))], said


def _no_answer(target: ssh.Target, answer: ssh.Result) -> Check:
    if "Permission denied" in answer.detail:
        fix = _("Put the controller's public key into the authorized_keys of {user}.").format(user=target.user)
        return Check(_("connection"), "bad", _("the login as {user} is refused").format(user=target.user), fix)
    message = answer.detail or _("it ended with {code}").format(code=answer.returncode)
    fix = _("Check that {address} port {port} is up and accepts this controller.").format(
        address=target.address, port=target.port
    )
    return Check(_("connection"), "bad", message, fix)


def _judge(said: Mapping[str, Sequence[str]], middle: float, with_rules: bool) -> list[Check]:
    first = {name: values[0] for name, values in said.items()}
    checks = [_system(first.get("system", "")), _python(first.get("python", "")), _root(first.get("root", ""))]
    checks.append(_nft(first, with_rules))
    checks += [
        Check(_("programs"), "bad", _("{tool} is missing").format(tool=tool), _("Install it with apt."))
        for tool in said.get("lacks", ())
        if tool in NEEDED_TOOLS
    ]
    return [*checks, *_space(said), _clock(first.get("clock", ""), middle)]


def _system(value: str) -> Check:
    if value in ("debian 12", "debian 13"):
        return Check(_("system"), "good", value)
    return Check(_("system"), "warn", _("not Debian 12 or 13"), _("Untested there: run each verb with --plan first."))


def _python(value: str) -> Check:
    parts = re.fullmatch(r"(\d{1,2})\.(\d{1,3})", value)
    if parts and (int(parts[1]), int(parts[2])) >= NEEDED_PYTHON:
        return Check(_("Python"), "good", value)
    return Check(_("Python"), "bad", _("no Python 3.9 or later"), "apt-get install python3")


def _root(value: str) -> Check:
    if value == "0":
        return Check(_("sudo"), "good", _("without a password"))
    return Check(
        _("sudo"),
        "bad",
        _("the login user can't become root without a password"),
        _("Add a file to /etc/sudoers.d: USER ALL=(root) NOPASSWD: ALL"),
    )


def _nft(first: Mapping[str, str], with_rules: bool) -> Check:
    if not first.get("nft", "").startswith("nftables"):
        return Check("nft", "bad", _("nft is missing or may not be used"), "apt-get install nftables")
    if with_rules and first.get("rules") != "yes":
        message = _("the kernel or nft does not take the containment rules")
        return Check("nft", "bad", message, _("Use Debian's kernel and nftables package."))
    if with_rules and first.get("hooks") != "yes":
        message = _(
            "the kernel or nft takes no rules on network devices: raw packets and macvlan devices would pass a cut"
        )
        return Check("nft", "warn", message, _("Use Linux 5.16 or later and nft 1.0.1 or later."))
    return Check("nft", "good", _("takes the containment rules") if with_rules else _("is there"))


def _space(said: Mapping[str, Sequence[str]]) -> list[Check]:
    checks = []
    for row in said.get("free", ()):
        amount, _sep, place = row.partition(" ")
        if place in NEEDED_KIB and amount.isdecimal() and int(amount) < NEEDED_KIB[place]:
            message = _("{place} has {free} MiB left").format(place=place, free=int(amount) >> 10)
            checks.append(
                Check(
                    _("disk"),
                    "bad",
                    message,
                    _("Free space there; {need} MiB are needed.").format(need=NEEDED_KIB[place] >> 10),
                )
            )
    for row in said.get("inodes", ()):
        amount, _sep, place = row.partition(" ")
        if place in NEEDED_KIB and amount.isdecimal() and int(amount) < 1000:
            message = _("{place} has {free} inodes left").format(place=place, free=amount)
            checks.append(Check(_("disk"), "bad", message, _("Remove small files there, or enlarge it.")))
    return checks or [Check(_("disk"), "good", _("enough free space"))]


def _clock(value: str, middle: float) -> Check:
    try:
        skew = float(value) - middle
    except ValueError:
        return Check(_("clock"), "bad", _("it reports no time"), "systemctl status systemd-timesyncd")
    message = _("{skew:+.1f} s against this controller").format(skew=skew)
    if abs(skew) > MOST_SKEW:
        return Check(_("clock"), "bad", message, _("Let both keep time: apt-get install systemd-timesyncd"))
    return Check(_("clock"), "warn" if abs(skew) > NOTED_SKEW else "good", message)
