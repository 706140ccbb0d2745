"""Tell the state of this host, one JSON object a line, and change nothing.

Runs on the managed host as ``python3 -I -S -`` with this text on standard input; ``CONFIG`` is set in front of it.
What it prints is a claim: the host may be under an intruder's hand. The controller checks every field.

Order matters: what an intruder changes most is read first, so that an exhausted time budget (a ``limit`` record)
costs the least. Files are opened with ``O_NOFOLLOW`` and ``O_NOATIME``; directories are never left through a link.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

CONFIG: dict[str, Any] = globals().get("CONFIG", {})
# First 16 digits of the SHA-256 of programs that were as their package brought them when the baseline was taken.
KNOWN = frozenset(CONFIG.get("known", []))
STARTED = time.monotonic()
CHUNK = 1 << 20
MEDIA_HEAD = 16 << 20
HASH_LIMIT = 256 << 20
PHP_TAG = re.compile(rb"<\?(?:[pP][hH][pP](?=[\s/#])|=)")
CODE_NAME = re.compile(rb"\.(?:php\d?|phtml|pht|phps|phar|inc|cgi|pl|py|sh|asp|aspx|jsp|so)(?:\.|$)", re.I)
SERVER_NAME = re.compile(rb"^(?:\.ht[a-z]+|\.user\.ini|php\.ini|web\.config)$", re.I)
HOME_NAMES = (
    ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".profile", ".bash_aliases", ".zshrc", ".zprofile",
    ".zshenv", ".zlogin", ".pam_environment", ".forward", ".my.cnf", ".gitconfig", ".vimrc", ".ssh", ".config/systemd",
    ".config/autostart", ".config/environment.d", ".local/bin", ".local/share/systemd", ".pythonrc", ".inputrc",
)  # fmt: skip
QUIET_HOME = re.compile(rb"/\.ssh/(?:known_hosts(?:\.old)?|environment-[^/]*|agent(?:/.*)?)$")
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/nonexistent"}


class OutOfTimeError(Exception):
    """The time budget of the whole reading is used up."""


def escaped(raw: bytes) -> str:
    """Bytes as reversible printable text: a backslash is doubled, what is not printable UTF-8 becomes ``\\xNN``."""
    if raw.isascii() and b"\\" not in raw:
        text = raw.decode("ascii")
        if text.isprintable():
            return text
    parts = []
    for char in raw.decode("utf-8", "surrogateescape"):
        if char == "\\":
            parts.append("\\\\")
        elif char.isprintable() and not "\udc80" <= char <= "\udcff":
            parts.append(char)
        else:
            parts.extend(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))
    return "".join(parts)


def emit(kind: str, **fields: object) -> None:
    """Print one record."""
    sys.stdout.write(json.dumps({"k": kind, **{k: shown(v) for k, v in fields.items()}}, separators=(",", ":")) + "\n")


def shown(value: object) -> object:
    """Text of other programs in the printable form; text that already is stays as it is."""
    if isinstance(value, str) and not value.isprintable():
        return escaped(value.encode("utf-8", "surrogateescape"))
    return value


def tick() -> None:
    """Raises: OutOfTimeError when the budget is used up."""
    if time.monotonic() - STARTED > CONFIG.get("seconds", 60):
        raise OutOfTimeError


def run(*argv: str, feed: str | None = None) -> str:
    """Standard output of a program of this host, empty when it can't be run; at most 20 s."""
    try:
        done = subprocess.run(
            argv, capture_output=True, timeout=20, env=ENVIRONMENT, input=(feed or "").encode(), check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "backslashreplace") if done.returncode == 0 else ""


def open_quietly(path: bytes) -> int:
    """A read-only descriptor that follows no link, never blocks and leaves the access time alone."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(path, flags | os.O_NOATIME)
    except PermissionError:
        return os.open(path, flags)


def read_small(path: bytes, limit: int = CHUNK) -> bytes:
    """The first ``limit`` bytes of a regular file, empty when there is none."""
    try:
        handle = open_quietly(path)
    except OSError:
        return b""
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return b""
        return file.read(limit)


# --- files ----------------------------------------------------------------------------------------------------------


def package_sums() -> dict[bytes, tuple[str, str]]:
    """Absolute path → (MD5, package), as dpkg recorded them; merged-/usr paths and diversions resolved."""
    merged = all(os.path.islink("/" + name) for name in ("bin", "lib"))
    diverted = diversions()
    sums: dict[bytes, tuple[str, str]] = {}
    folder = b"/var/lib/dpkg/info"
    for name in sorted(os.listdir(folder) if os.path.isdir(folder) else []):
        if not name.endswith(b".md5sums"):
            continue
        package = escaped(name[:-8])
        for line in read_small(folder + b"/" + name, 16 * CHUNK).splitlines():
            digest, _, path = line.partition(b"  ")
            path = b"/" + path
            moved, owner = diverted.get(path, (path, package))
            path = path if owner == package.partition(":")[0] else moved
            if merged and path.startswith((b"/bin/", b"/sbin/", b"/lib/", b"/lib64/", b"/lib32/")):
                path = b"/usr" + path
            sums[path] = (digest.decode("ascii", "replace"), package)
    return sums


def diversions() -> dict[bytes, tuple[bytes, str]]:
    """Diverted path → (where dpkg put every other package's file, the package that keeps the path itself)."""
    lines = read_small(b"/var/lib/dpkg/diversions").splitlines()
    return {row[0]: (row[1], escaped(row[2])) for row in zip(lines[0::3], lines[1::3], lines[2::3], strict=False)}


def blocks(path: bytes) -> Iterator[bytes]:
    """A file's bytes, piece by piece."""
    with os.fdopen(open_quietly(path), "rb", buffering=0) as file:
        while block := file.read(CHUNK):
            tick()
            yield block


def digest_file(path: bytes, info: os.stat_result, marks: bool) -> dict[str, object]:
    """Hash and content marks of one regular file; a file above 256 MiB is marked, not hashed."""
    if info.st_size > HASH_LIMIT:
        return {"big": True}
    sha, found, tail = hashlib.sha256(), set(), b""
    for block in blocks(path):
        sha.update(block)
        if marks:
            found |= content_marks(tail + block, first=not tail)
            tail = block[-8:]
    fields: dict[str, object] = {"sha256": sha.hexdigest()}
    if found:
        fields["marks"] = sorted(found)
    return fields


def as_packaged(path: bytes, digest: object, wanted: str) -> bool:
    """Whether dpkg's own sum is right. MD5 is slow: a file that the baseline knows to be right is not summed again."""
    if not isinstance(digest, str):
        return False
    if digest[:16] in KNOWN:
        return True
    md5 = hashlib.md5(usedforsecurity=False)
    for block in blocks(path):
        md5.update(block)
    return md5.hexdigest() == wanted


def content_marks(block: bytes, first: bool) -> set[str]:
    """What the bytes are, whatever the name says: php, short-tag, elf, script, archive of PHP code."""
    found = set()
    if first:
        found |= {"elf"} if block.startswith(b"\x7fELF") else set()
        found |= {"script"} if block.startswith(b"#!") else set()
    for match in PHP_TAG.finditer(block):
        found.add("short-tag" if match.group().endswith(b"=") else "php")
        if len(found) > 3:
            break
    if b"__HALT_COMPILER" in block:
        found.add("phar")
    return found


def file_record(path: bytes, info: os.stat_result) -> dict[str, Any]:
    """Everything about one directory entry that needs no reading."""
    kind = {
        stat.S_IFREG: "file",
        stat.S_IFDIR: "dir",
        stat.S_IFLNK: "link",
        stat.S_IFCHR: "char",
        stat.S_IFBLK: "block",
        stat.S_IFIFO: "fifo",
        stat.S_IFSOCK: "socket",
    }[stat.S_IFMT(info.st_mode)]
    record: dict[str, Any] = {"path": escaped(path), "type": kind, "size": info.st_size if kind == "file" else 0}
    record |= {"mode": stat.S_IMODE(info.st_mode), "uid": info.st_uid, "gid": info.st_gid}
    record |= {"mtime": int(info.st_mtime), "ctime": int(info.st_ctime)}
    if kind == "link":
        record["target"] = escaped(os.readlink(path))
    return record


def attributes(path: bytes) -> dict[str, str]:
    """Extended attributes that grant rights: file capabilities and access lists."""
    found = {}
    for name in ("security.capability", "system.posix_acl_access"):
        try:
            found[name] = os.getxattr(path, name, follow_symlinks=False).hex()
        except OSError:
            continue
    return found


def entries(root: bytes, skip: Iterable[bytes]) -> Iterator[tuple[bytes, os.stat_result]]:
    """Every entry below ``root`` and the root itself, on its file system, in sorted order, no link followed."""
    skipped, pending = set(skip), [root]
    try:
        device = os.lstat(root).st_dev
    except OSError:
        return
    while pending:
        tick()
        path = pending.pop()
        try:
            info = os.lstat(path)
            if path in skipped:
                continue
            yield path, info
            if stat.S_ISDIR(info.st_mode) and info.st_dev == device:
                pending.extend(sorted((os.path.join(path, name) for name in os.listdir(path)), reverse=True))
        except OSError as problem:
            emit("unread", path=escaped(path), why=type(problem).__name__)


SEEN: set[bytes] = set()


def tell(path: bytes, info: os.stat_result, area: str, sums: dict[bytes, tuple[str, str]], marks: bool = False) -> None:
    """Emit one entry once, with its hash, rights and what dpkg says of it."""
    if path in SEEN:
        return
    SEEN.add(path)
    record = file_record(path, info)
    owned = sums.get(path)
    try:
        if record["type"] == "file":
            record |= digest_file(path, info, marks)
            if owned is not None:
                record["package"] = owned[1]
                record["package_ok"] = as_packaged(path, record.get("sha256"), owned[0])
        if record["type"] != "link" and (xattrs := attributes(path)):
            record["xattrs"] = xattrs
    except OSError as problem:
        emit("unread", path=escaped(path), why=type(problem).__name__)
        return
    emit("file", area=area, **record)


def web_files(sums: dict[bytes, tuple[str, str]]) -> None:
    """The document root: code with its hash, writable paths by content."""
    root = os.path.realpath(os.fsencode(CONFIG["web_root"]))
    writable = [os.path.join(root, os.fsencode(name)) for name in CONFIG["web_writable"]]
    roots = [root] + [os.path.realpath(path) for path in writable if os.path.islink(path)]
    writable += roots[1:]
    for path, info in linked_roots(root, writable):
        inside = any(path == area or path.startswith(area + b"/") for area in writable)
        if not inside:
            tell(path, info, "web", sums, marks=True)
        else:
            upload(path, info, sums)
    for extra in roots[1:]:
        for path, info in entries(extra, []):
            upload(path, info, sums)


def linked_roots(root: bytes, writable: list[bytes]) -> Iterator[tuple[bytes, os.stat_result]]:
    """The tree, and the trees behind links that root itself put into it (Debian's packages do that)."""
    pending, done = [root], set()
    while pending:
        here = pending.pop()
        if here in done:
            continue
        done.add(here)
        for path, info in entries(here, []):
            yield path, info
            if stat.S_ISLNK(info.st_mode) and info.st_uid == 0 and path not in writable and len(done) < 64:
                target = os.path.realpath(path)
                if os.path.isdir(target) and not (root + b"/").startswith(target + b"/"):
                    pending.append(target)


def upload(path: bytes, info: os.stat_result, sums: dict[bytes, tuple[str, str]]) -> None:
    """A file that the site may write: told only when its content, name or kind is not that of media."""
    name = os.path.basename(path)
    if stat.S_ISDIR(info.st_mode):
        if info.st_mode & 0o6000:
            tell(path, info, "upload", sums)
        return
    named = bool(CODE_NAME.search(name) or SERVER_NAME.match(name))
    if not stat.S_ISREG(info.st_mode) or named or info.st_mode & 0o6111:
        tell(path, info, "upload", sums, marks=True)
        return
    try:
        marks = media_marks(path, info)
    except OSError as problem:
        emit("unread", path=escaped(path), why=type(problem).__name__)
        return
    if marks:
        tell(path, info, "upload", sums, marks=True)


def media_marks(path: bytes, info: os.stat_result) -> set[str]:
    """Marks of a file with an innocent name; short tags count in text only, they occur in any compressed image."""
    with os.fdopen(open_quietly(path), "rb", buffering=0) as file:
        head = file.read(MEDIA_HEAD)
        if info.st_size > MEDIA_HEAD:
            file.seek(max(MEDIA_HEAD, info.st_size - CHUNK))
            head += file.read(CHUNK)
    tick()
    marks = content_marks(head, first=True)
    if b"\0" in head[:4096]:
        marks.discard("short-tag")
    return marks


def configured_trees(sums: dict[bytes, tuple[str, str]]) -> None:
    """Configuration, local programs, cron, home start-up files and units."""
    excluded = [os.fsencode(path) for path in CONFIG["exclude"]]
    web = os.path.realpath(os.fsencode(CONFIG["web_root"]))
    for tree in CONFIG["trees"]:
        for path, info in entries(os.fsencode(tree), [*excluded, web]):
            tell(path, info, "system", sums)
    for home in homes():
        for name in HOME_NAMES:
            for path, info in entries(os.path.join(home, os.fsencode(name)), excluded):
                if not QUIET_HOME.search(path):
                    tell(path, info, "home", sums)


def programs(sums: dict[bytes, tuple[str, str]]) -> None:
    """Programs, libraries and units of the distribution."""
    for tree in (b"/usr/bin", b"/usr/sbin", b"/usr/lib", b"/usr/libexec", b"/usr/lib64"):
        if os.path.islink(tree):
            continue
        for path, info in entries(tree, [b"/usr/lib/modules", b"/usr/lib/firmware"]):
            shallow = path.count(b"/") == 3 and not path.startswith(b"/usr/lib/")
            link = stat.S_ISLNK(info.st_mode) and shallow
            if link or (stat.S_ISREG(info.st_mode) and is_program(path, info)):
                tell(path, info, "program", sums)


def is_program(path: bytes, info: os.stat_result) -> bool:
    """Something that is run or loaded, or that starts something."""
    return bool(
        info.st_mode & 0o111
        or b".so" in os.path.basename(path)
        or path.endswith((b".py", b".pm"))
        or path.startswith((b"/usr/lib/systemd/", b"/usr/lib/tmpfiles.d/", b"/usr/lib/sysusers.d/"))
    )


def privileged_files(sums: dict[bytes, tuple[str, str]]) -> None:
    """Setuid, setgid and capability files anywhere on the root file system, and programs in temporary folders."""
    own = [os.fsencode(path) for path in CONFIG["exclude"]] + [b"/proc", b"/sys", b"/var/lib/ungcuu"]
    for path, info in entries(b"/", own):
        runs = stat.S_ISREG(info.st_mode) and info.st_mode & 0o111
        if runs and (info.st_mode & 0o6000 or "security.capability" in attributes(path)):
            tell(path, info, "privileged", sums)
            emit("privileged", path=escaped(path))
    for tree in (b"/tmp", b"/var/tmp", b"/dev/shm", b"/run/shm", b"/dev/mqueue"):
        for path, info in entries(tree, []):
            if stat.S_ISREG(info.st_mode) and (info.st_mode & 0o111 or media_marks(path, info)):
                tell(path, info, "temporary", sums, marks=True)


# --- accounts, keys, scheduled work ---------------------------------------------------------------------------------


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
                emit("line", set="key", path=escaped(path), number=number, **told(line), account=account, **key(text))


def told(line: bytes) -> dict[str, object]:
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
                emit("line", set=name, path=escaped(path), number=number, **told(line))


def listed(*folders: bytes) -> Iterator[bytes]:
    """Files directly in these folders."""
    for folder in folders:
        try:
            yield from (os.path.join(folder, name) for name in sorted(os.listdir(folder)))
        except OSError:
            continue


def shared_lines() -> None:
    """Scheduled work, sudo rules, libraries forced into every process, and the login environment."""
    line_files("cron", [b"/etc/crontab", b"/etc/anacrontab", *listed(b"/etc/cron.d", b"/var/spool/cron/crontabs")])
    line_files("sudo", [b"/etc/sudoers", *listed(b"/etc/sudoers.d")])
    line_files("preload", [b"/etc/ld.so.preload"])


# --- what runs ------------------------------------------------------------------------------------------------------


def units() -> None:
    """Loaded services, timers, paths and sockets, and which of them start by themselves."""
    fields = "Id,FragmentPath,DropInPaths,UnitFileState,ActiveState,Type,Transient"
    text = run("systemctl", "show", "--all", "--type=service,timer,path,socket", "-p", fields, "*")
    known = False
    for block in text.split("\n\n"):
        row = dict(line.partition("=")[::2] for line in block.splitlines())
        if row.get("Id"):
            known = True
            emit(
                "unit",
                name=row["Id"],
                path=row.get("FragmentPath", ""),
                state=row.get("UnitFileState", ""),
                active=row.get("ActiveState", ""),
                type=row.get("Type", ""),
                transient=row.get("Transient") == "yes",
            )
    demand(known)


def demand(known: bool) -> None:
    """Nothing where there must be something is no reading.

    Raises:
        LookupError: Told to the controller, which does not take silence for innocence.
    """
    if not known:
        raise LookupError


def socket_owners() -> dict[str, tuple[str, str]]:
    """Socket inode → (program, name) of one process that holds it."""
    owners: dict[str, tuple[str, str]] = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
            exe = escaped(os.fsencode(os.readlink(f"/proc/{pid}/exe")))
        except OSError:
            continue
        for link in links:
            if link.startswith("socket:["):
                owners.setdefault(link[8:-1], (exe, escaped(read_small(f"/proc/{pid}/comm".encode()).strip())))
    return owners


def address(text: str, six: bool) -> str:
    """``0100007F`` of /proc/net/tcp as ``127.0.0.1``; groups are in host byte order (little-endian here)."""
    import socket

    raw = bytes.fromhex(text)
    words = b"".join(
        raw[i : i + 4][::-1] if sys.byteorder == "little" else raw[i : i + 4] for i in range(0, len(raw), 4)
    )
    return socket.inet_ntop(socket.AF_INET6 if six else socket.AF_INET, words)


def listeners() -> None:
    """Sockets that take connections, and the program behind each."""
    owners = socket_owners()
    for proto, waiting in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        for line in read_small(f"/proc/net/{proto}".encode(), 64 * CHUNK).decode("ascii", "replace").splitlines()[1:]:
            row = line.split()
            if len(row) > 9 and row[3] == waiting:
                host, _, port = row[1].partition(":")
                exe, comm = owners.get(row[9], ("", ""))
                where = address(host, proto.endswith("6"))
                emit("listener", proto=proto, address=where, port=int(port, 16), exe=exe, comm=comm, uid=int(row[7]))


def processes() -> None:
    """Programs that run from a removed file or a temporary folder, and all that runs as the website's user."""
    users = {row[0]: row[2] for row in colon_rows(b"/etc/passwd", 7)}
    website = users.get(CONFIG["web_user"], "-1")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            owner = os.stat(f"/proc/{pid}").st_uid
        except OSError:
            continue
        try:
            exe = os.fsencode(os.readlink(f"/proc/{pid}/exe"))
        except OSError:
            exe = b""
        deleted = exe.endswith(b" (deleted)")
        odd = exe.startswith((b"/tmp/", b"/var/tmp/", b"/dev/shm/", b"/memfd:"))
        if int(pid) != os.getpid() and (deleted or odd or str(owner) == website):
            tell_process(pid, exe, owner, deleted, str(owner) == website)


def tell_process(pid: str, exe: bytes, owner: int, deleted: bool, website: bool) -> None:
    """Emit one process; pid and start time together name it."""
    start = read_small(f"/proc/{pid}/stat".encode()).rpartition(b")")[2].split()[19:20]
    emit(
        "process",
        pid=int(pid),
        start=(start or [b""])[0].decode("ascii", "replace"),
        exe=escaped(exe),
        comm=escaped(read_small(f"/proc/{pid}/comm".encode()).strip()),
        uid=owner,
        deleted=deleted,
        replaced=deleted and os.path.exists(exe[:-10]),
        website=website,
        argv=escaped(read_small(f"/proc/{pid}/cmdline".encode(), 300).replace(b"\0", b" ").strip()),
    )


def modules() -> None:
    """Kernel modules, on a machine that has its own kernel."""
    contained = os.path.exists("/run/.containerenv") or os.path.exists("/run/systemd/container")
    for line in [] if contained else read_small(b"/proc/modules", 4 * CHUNK).decode("ascii", "replace").splitlines():
        row = line.split()
        emit("module", name=row[0], tainting="(" in row[-1] and "O" in row[-1])


def packages() -> None:
    """Installed packages and versions."""
    form = "${db:Status-Abbrev}\t${Package}\t${Architecture}\t${Version}\n"
    lines = run("dpkg-query", "-W", "-f", form).splitlines()
    demand(bool(lines))
    for line in lines:
        row = line.split("\t")
        if len(row) == 4 and row[0].startswith(("ii", "hi")):
            emit("package", name=row[1], architecture=row[2], version=row[3])


# --- the application's database -------------------------------------------------------------------------------------


def sql(query: str) -> list[list[str]]:
    """Rows of one query as the database's administrator over its local socket; the query goes over standard input."""
    client = next((name for name in ("mariadb", "mysql") if os.path.exists(f"/usr/bin/{name}")), "")
    text = (
        run(client, "--no-defaults", "-uroot", "--batch", "-N", "--default-character-set=utf8mb4", feed=query)
        if client
        else ""
    )
    return [line.split("\t") for line in text.splitlines()]


def database() -> None:
    """Administrators of the application, its switches, and code that lives in the database."""
    name = CONFIG.get("database", "")
    if CONFIG.get("engine") not in ("mariadb", "mysql") or not re.fullmatch(r"[A-Za-z0-9_]{1,64}", name):
        return
    if any(os.path.exists(f"/usr/sbin/{daemon}") for daemon in ("mariadbd", "mysqld")):
        demand(sql("SELECT 1;") == [["1"]])
    if CONFIG.get("application") == "wordpress":
        wordpress(name)
    for kind, view, column in (("trigger", "TRIGGERS", "TRIGGER"), ("event", "EVENTS", "EVENT")):
        body = "ACTION_STATEMENT" if kind == "trigger" else "EVENT_DEFINITION"
        query = f"SELECT {column}_SCHEMA,{column}_NAME,SHA2({body},256) FROM information_schema.{view};"  # noqa: S608
        for schema, item, digest in (row for row in sql(query) if len(row) == 3):
            emit("database", set=kind, name=f"{schema}.{item}", detail=digest)
    for user, host, power in (row for row in sql("SELECT User,Host,Super_priv FROM mysql.user;") if len(row) == 3):
        emit("database", set="user", name=f"{user}@{host}", detail=f"super={power}")


def wordpress(name: str) -> None:
    """Administrators with a digest of their password hash, and the options that an intruder changes."""
    root = os.fsencode(CONFIG["web_root"])
    config = read_small(root + b"/wp-config.php") or read_small(os.path.dirname(root) + b"/wp-config.php")
    found = re.search(rb"^\s*\$table_prefix\s*=\s*['\"]([A-Za-z0-9_]{1,32})['\"]", config, re.M)
    prefix = found[1].decode() if found else "wp_"
    admins = (
        f"SELECT u.user_login,u.user_email,LEFT(SHA2(u.user_pass,256),16) FROM `{name}`.`{prefix}users` u "  # noqa: S608
        f"JOIN `{name}`.`{prefix}usermeta` m ON m.user_id=u.ID WHERE m.meta_key='{prefix}capabilities' "
        "AND m.meta_value LIKE '%\"administrator\"%';"
    )
    for login, mail, digest in (row for row in sql(admins) if len(row) == 3):
        emit("database", set="administrator", name=login, detail=f"{mail} {digest}")
    watched = (
        "'siteurl','home','users_can_register','default_role','active_plugins','template','stylesheet','admin_email'"
    )
    options = (
        f"SELECT option_name,SHA2(option_value,256) FROM `{name}`.`{prefix}options` WHERE option_name IN ({watched});"  # noqa: S608
    )
    for option, digest in (row for row in sql(options) if len(row) == 2):
        emit("database", set="option", name=option, detail=digest)
    injected(f"`{name}`.`{prefix}posts`", "CONCAT(post_type,' ',ID)", "post_content", "post_status='publish'")
    injected(f"`{name}`.`{prefix}options`", "CONCAT('option ',option_name)", "option_value", "autoload<>'no'")


def injected(table: str, title: str, column: str, where: str) -> None:
    """Rows that hold a link and words of gambling sites; a digest, the number of links, and whether they are hidden."""
    words, hidden = str(CONFIG.get("words", "")), str(CONFIG.get("hidden", ""))
    if not words or not hidden or set("'\\") & set(words + hidden):
        return
    links = f"ROUND((LENGTH({column})-LENGTH(REPLACE(LOWER({column}),'<a ','')))/3)"
    query = (
        f"SELECT {title},LEFT(SHA2({column},256),16),{links},{column} REGEXP '{hidden}' FROM {table} "  # noqa: S608
        f"WHERE {where} AND {column} LIKE '%<a %' AND {column} REGEXP '{words}' LIMIT 500;"
    )
    for what, digest, count, concealed in (row for row in sql(query) if len(row) == 4):
        emit("database", set="content", name=what, detail=f"{digest} links={count} hidden={concealed}")


# --- content on request ---------------------------------------------------------------------------------------------


def contents() -> None:
    """The bytes of the files that the controller asks for, each at most 512 KiB."""
    for wanted in CONFIG["contents"]:
        path = base64.b64decode(wanted)
        data = read_small(path, 512 << 10)
        emit("content", path=escaped(path), data=base64.b64encode(data).decode())


def main() -> None:
    """Read everything, then say that it was everything."""
    if CONFIG.get("contents"):
        contents()
        emit("end", seconds=round(time.monotonic() - STARTED, 2))
        return
    sums = package_sums()
    steps: list[tuple[str, Any]] = [
        ("lines", shared_lines),
        ("accounts", accounts),
        ("keys", keys),
        ("processes", processes),
        ("listeners", listeners),
        ("units", units),
        ("modules", modules),
        ("packages", packages),
        ("database", database),
        ("web", lambda: web_files(sums)),
        ("trees", lambda: configured_trees(sums)),
        ("privileged", lambda: privileged_files(sums)),
        ("programs", lambda: programs(sums)),
    ]
    for name, step in steps:
        begun = time.monotonic()
        try:
            step()
        except OutOfTimeError:
            emit("limit", section=name)
        except Exception as problem:
            emit("failed", section=name, why=type(problem).__name__)
        emit("section", name=name, seconds=round(time.monotonic() - begun, 3))
    emit("end", seconds=round(time.monotonic() - STARTED, 2), time=int(time.time()))


if __name__ == "__main__":
    main()
