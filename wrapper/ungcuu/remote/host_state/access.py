"""Who may come in, and what runs by the clock: accounts, keys, shared files line by line."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterable, Iterator

from ungcuu.remote.host_state.reading import CHUNK, emit, escaped, read_small, run

HOME_NAMES = (
    ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".profile", ".bash_aliases", ".zshrc", ".zprofile",
    ".zshenv", ".zlogin", ".pam_environment", ".forward", ".my.cnf", ".gitconfig", ".vimrc", ".ssh", ".config/systemd",
    ".config/autostart", ".config/environment.d", ".local/bin", ".local/lib", ".local/share/systemd",
    ".local/share/dbus-1", ".pythonrc", ".inputrc", ".bash_completion", ".config/fish", "perl5",
)  # fmt: skip # a table
QUIET_HOME = re.compile(rb"/\.ssh/(?:known_hosts(?:\.old)?|environment-[^/]*|agent(?:/.*)?)$")


def colon_rows(path: bytes, width: int) -> Iterator[list[str]]:
    """Rows of /etc/passwd and its like, short ones left out."""
    for line in read_small(path, 16 * CHUNK).splitlines():
        row = [escaped(field) for field in line.split(b":")]
        if len(row) >= width:
            yield row


def homes() -> list[bytes]:
    """Home folders of accounts that exist, without those that are system trees."""
    found = {b"/root"}
    for line in read_small(b"/etc/passwd", 16 * CHUNK).splitlines():
        row = line.split(b":")
        if len(row) >= 7 and row[5].startswith((b"/home/", b"/var/lib/", b"/srv/", b"/var/www", b"/opt/")):
            found.add(os.path.normpath(row[5]))
    return sorted(found)


def accounts() -> None:
    """Accounts with the state of their password (never the password hash itself) and groups with members."""
    passwords = {row[0]: row[1] for row in colon_rows(b"/etc/shadow", 2)}
    for name, _, uid, gid, _, home, shell, *_ in colon_rows(b"/etc/passwd", 7):
        field = passwords.get(name, "*")
        state = "empty" if field == "" else "locked" if field[0] in "!*" else "set"
        digest = hashlib.sha256(f"{name}:{field}".encode()).hexdigest()[:16] if state == "set" else ""
        emit("account", name=name, uid=uid, gid=gid, home=home, shell=shell, password=state, digest=digest)
    for name, _, gid, members, *_ in colon_rows(b"/etc/group", 4):
        emit("group", name=name, gid=gid, members=sorted(filter(None, members.split(","))))


def key_files() -> Iterator[tuple[str, bytes]]:
    """(account, path) of each file in which sshd looks for keys, and of those that it looks in by default."""
    patterns = [b"%h/.ssh/authorized_keys", b"%h/.ssh/authorized_keys2"]
    for line in run("/usr/sbin/sshd", "-T").splitlines():
        if line.startswith("authorizedkeysfile "):
            patterns += [os.fsencode(item) for item in line.split()[1:] if item != "none"]
    for account in read_small(b"/etc/passwd", 16 * CHUNK).splitlines():
        row = account.split(b":")
        if len(row) < 7:
            continue
        for pattern in dict.fromkeys(patterns):
            path = pattern.replace(b"%h", row[5]).replace(b"%u", row[0]).replace(b"%%", b"%")
            path = path if path.startswith(b"/") else os.path.join(row[5], path)
            yield escaped(row[0]), os.path.normpath(path)


def keys() -> None:
    """Every line of every key file, each with its fingerprint."""
    done = set()
    for account, path in key_files():
        if path in done:
            continue
        for number, line in enumerate(read_small(path).splitlines(), 1):
            done.add(path)
            text = line.strip()
            if text and not text.startswith(b"#"):
                emit(
                    "line",
                    set="key",
                    path=escaped(path),
                    number=number,
                    **facts(line),
                    account=account,
                    **key(text),
                )


def facts(line: bytes) -> dict[str, object]:
    """A line by its hash, and as much of it as a person needs to see."""
    return {"sha256": hashlib.sha256(line).hexdigest(), "text": escaped(line.strip()[:300])}


def key(text: bytes) -> dict[str, object]:
    """Type, fingerprint, options and comment of one authorized_keys line (sshd(8), AUTHORIZED_KEYS FILE FORMAT)."""
    match = re.search(rb"(?:^|[\s,\"])((?:ssh-|ecdsa-|sk-)[\w@.-]+)\s+([A-Za-z0-9+/=]+)(?:\s+(.*))?$", text)
    if not match:
        return {"fingerprint": "invalid"}
    try:
        digest = hashlib.sha256(base64.b64decode(match[2] + b"==")).digest()
    except ValueError:
        return {"fingerprint": "invalid"}
    fingerprint = "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
    options = escaped(text[: match.start(1)].strip()[:200])
    comment = escaped((match[3] or b"")[:100])
    return {"fingerprint": fingerprint, "type": escaped(match[1]), "options": options, "comment": comment}


def line_files(name: str, paths: Iterable[bytes]) -> None:
    """Lines of a file that several hands share."""
    for path in paths:
        for number, line in enumerate(read_small(path).splitlines(), 1):
            if line.strip() and (not line.lstrip().startswith(b"#") or line.startswith((b"#include", b"#%"))):
                emit("line", set=name, path=escaped(path), number=number, **facts(line))


def listed(*folders: bytes) -> Iterator[bytes]:
    """Files directly in these folders."""
    for folder in folders:
        try:
            yield from (os.path.join(folder, name) for name in sorted(os.listdir(folder)))
        except OSError:
            continue


def shared_lines() -> None:
    """Scheduled work, sudo rules, libraries forced into every process, and where names lead."""
    line_files("cron", [b"/etc/crontab", b"/etc/anacrontab", *listed(b"/etc/cron.d", b"/var/spool/cron/crontabs")])
    line_files("sudo", [b"/etc/sudoers", *listed(b"/etc/sudoers.d")])
    line_files("preload", [b"/etc/ld.so.preload"])
    line_files("names", [b"/etc/hosts", b"/etc/resolv.conf"])
