"""Items of triage as a host delivers them, small enough to read: for tests of scope, timeline and report."""

from __future__ import annotations

import io
import tarfile
from datetime import datetime, timedelta

ROOT = "/var/www/portal"


def micro(moment: datetime) -> bytes:
    """Microseconds since 1970, as journald writes them."""
    return str(int(moment.timestamp() * 1_000_000)).encode()


def host_journal(start: datetime) -> bytes:
    """Three entries of systemd's export format; one field in its binary form."""
    text = b"evil\nMESSAGE=forged"
    return b"".join(
        (
            b"__CURSOR=x\n__REALTIME_TIMESTAMP=",
            micro(start),
            b"\nSYSLOG_IDENTIFIER=sshd\n_SYSTEMD_UNIT=ssh.service\n",
            b"MESSAGE=Accepted publickey for root from 203.0.113.77 port 1 ssh2\n\n",
            b"__REALTIME_TIMESTAMP=",
            micro(start + timedelta(seconds=5)),
            b"\n_COMM=bash\nMESSAGE\n",
            len(text).to_bytes(8, "little"),
            text,
            b"\n\n",
            b"__REALTIME_TIMESTAMP=",
            micro(start + timedelta(seconds=9)),
            b"\nSYSLOG_IDENTIFIER=useradd\n",
            b"MESSAGE=new user: name=backd00r, UID=0, GID=0\n\n",
        )
    )


def _row(path: str, stamp: float, kind: str = "f") -> str:
    return f"{kind}\t644\t33\t33\t1204\t7\t1\t{stamp}\t{stamp}\t{stamp}\t{stamp + 9}\t{path}\0\0"


def web_manifest(start: datetime) -> bytes:
    """As ``find -printf`` writes it; the root comes first, and a name holds tab and line feed."""
    stamp = start.timestamp()
    rows = [_row(ROOT, stamp - 9e6, "d"), _row(f"{ROOT}/a b\tc\n.php", stamp)]
    rows += [_row(f"{ROOT}/wp-content/uploads/2026/11/logo.php", stamp), _row(f"{ROOT}/old.php", stamp - 9e6)]
    return "".join(rows).encode() + b"\xff\xfe\0short\tline\0"


def changed_files(start: datetime) -> bytes:
    """The same of the whole host: the web root's own list counts for what lies below it."""
    stamp = start.timestamp()
    return (_row("/etc/cron.d/php-session-clean", stamp) + _row(f"{ROOT}/twice.php", stamp)).encode()


def web_logs(start: datetime) -> bytes:
    """An archive with one access log: the intruder at the shell, a thief of a backup, an ordinary visitor."""
    shell, page = "/wp-content/uploads/2026/11/logo.php?c=id", "/wp-content/themes/portal/footer.php"
    asked = (
        ("203.0.113.77", 0, "POST", shell, 77),
        ("203.0.113.77", 2, "GET", "/site.sql", 7340032),
        ("192.0.2.8", 0, "GET", page, 100),
        ("192.0.2.9", 0, "GET", "/", 100),
    )
    lines = [
        f'{who} - - [{start + timedelta(minutes=after):%d/%b/%Y:%H:%M:%S %z}] "{how} {path} HTTP/1.1" 200 {size}'
        for who, after, how, path, size in asked
    ] + ["not a line of a log \x1b[2J"]
    data = "".join(f'{line} "-" "x"\n' for line in lines).encode()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("/var/log/nginx/access.log")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def items(start: datetime) -> dict[str, bytes]:
    """All of them by id."""
    return {
        "journal": host_journal(start),
        "web_logs": web_logs(start),
        "web_manifest": web_manifest(start),
        "changed_files": changed_files(start),
    }
