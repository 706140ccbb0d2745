"""Which vulnerabilities an upgrade closes, read from the changelog inside the new package.

One package of each source is enough, and it is fetched for the run anyway. Debian's changelog server is not asked:
closed networks rarely let it through, and security builds appear there late.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import tarfile
import zlib
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from ungcuu_patch.system import ENVIRONMENT
from ungcuu_patch.versions import Version

MAX_PACKED = 4 * 1024 * 1024
MAX_TEXT = 16 * 1024 * 1024
ENTRY = re.compile(r"^([a-z0-9][a-z0-9+.-]*) \(([^)\s]+)\) ")
TRAILER = re.compile(r"^ -- .*?>  (.+)$")
CVE = re.compile(r"\bCVE-\d{4}-\d{4,7}\b")
CHANGELOG = re.compile(r"^(?:\./)?usr/share/doc/[^/]+/changelog(?:\.Debian)?\.gz$")


def text_of(deb: Path) -> str:
    """The Debian changelog inside a package, or an empty text (some only link to another package's)."""
    command = ["dpkg-deb", "--fsys-tarfile", str(deb)]
    best = b""
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        with (
            contextlib.suppress(tarfile.TarError, EOFError),
            tarfile.open(fileobj=process.stdout, mode="r|") as archive,
        ):
            for member in archive:
                if member.isfile() and CHANGELOG.match(member.name):
                    stream = archive.extractfile(member)
                    packed = stream.read(MAX_PACKED) if stream else b""
                    # A non-native package carries upstream's changelog too: Debian's own goes first.
                    best = packed if not best or "changelog.Debian" in member.name else best
        process.kill()
    with contextlib.suppress(zlib.error):
        return zlib.decompressobj(wbits=31).decompress(best, MAX_TEXT).decode("utf-8", "replace") if best else ""
    return ""


def closed(text: str, since: str) -> list[dict[str, str]]:
    """CVEs of the entries after version ``since``: ``{id, version, published}``, oldest fix first.

    ``published`` is the entry's date in UTC (ISO 8601): from that day on the fix was to be had.
    """
    found: dict[str, dict[str, str]] = {}
    version, names = "", set[str]()
    low = Version(since)
    for line in text.splitlines():
        if match := ENTRY.match(line):
            version, names = match[2], set()
            if Version(version) <= low:
                break
        elif match := TRAILER.match(line):
            for name in names:
                # Entries run from new to old: an older one that names the CVE fixed it first.
                found[name] = {"id": name, "version": version, "published": iso(match[1])}
            names = set()
        else:
            names |= set(CVE.findall(line))
    return sorted(found.values(), key=lambda row: (row["published"], row["id"]))


def iso(text: str) -> str:
    """An RFC 2822 date as a UTC day and time, or an empty text."""
    with contextlib.suppress(ValueError, TypeError):
        moment: Any = parsedate_to_datetime(text.strip())
        return str(moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    return ""


def days_since(published: str, now: datetime) -> int | None:
    """Whole days from a fix's publication to now."""
    with contextlib.suppress(ValueError):
        return max(0, (now - datetime.strptime(published, "%Y-%m-%dT%H:%M:%S%z")).days)
    return None
