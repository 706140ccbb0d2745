"""Time stamps (RFC 3161) on a journal's signed head: proof by somebody else that it stood so at that time.

Our own clock and key prove nothing against ourselves. An authority's stamp on the head covers, by the chain, every
record up to it: whoever holds the controller can no longer write another past.

1. What is stamped is the head as it lies on disk, byte for byte; a copy is kept beside the stamp.
2. A stamp is kept only when ``openssl ts`` finds it good for our question, nonce included, under the given authority.
3. Whether it is good is asked as of the stamp's own time: the authority's certificates run out, the proof does not.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ungcuu.case.case import Case
from ungcuu.case.facts import from_host
from ungcuu.case.record import Record
from ungcuu.core.atomic import put
from ungcuu.core.clock import format_time, parse_time
from ungcuu.core.errors import ControllerFault, UsageFault
from ungcuu.core.i18n import _
from ungcuu.core.scratch import private_folder

SECONDS = 30.0
MOST = 1 << 20  # bytes of an answer; a stamp with its certificates has a few thousand
FILES = {"head": "timestamp-{seq}.head.json", "stamp": "timestamp-{seq}.tsr", "authority": "timestamp-{seq}.ca.pem"}
NAME = re.compile(r"timestamp-\d+\.(head\.json|tsr|ca\.pem)\Z")
_TIME = re.compile(rb"^Time stamp: (\w{3} +\d+ \d\d:\d\d:\d\d(?:\.\d+)? \d{4}) GMT$", re.MULTILINE)


@dataclass(frozen=True)
class Stamp:
    """A stamp that was taken: which record it covers, the authority's time (UTC), the file that holds it."""

    seq: int
    time: datetime
    path: Path


def stamp(case: Case, url: str, authority: Path) -> Stamp:
    """Have the case's signed head stamped and record that; ``authority`` holds the authority's certificates (PEM).

    Raises:
        UsageFault: the address is none of http or https, or there is no file of certificates.
        ControllerFault: the authority can't be reached, or its answer is not good.
        JournalError: it can't be recorded.
    """
    if not url.startswith(("http://", "https://")) or not authority.is_file():
        raise UsageFault(
            _("A time stamp needs an authority's address (http or https) and a file of its certificates."),
            _("Nothing was changed."),
            f"ungcuu case timestamp {case.id} --url URL --authority FILE",
        )
    head, certificates = case.head.read_bytes(), authority.read_bytes()
    with private_folder() as folder:
        (folder / "head").write_bytes(head)
        (folder / "ca").write_bytes(certificates)
        _openssl("-query", "-data", folder / "head", "-sha256", "-cert", "-out", folder / "query")
        answer = _ask(url, (folder / "query").read_bytes())
        (folder / "answer").write_bytes(answer)
        _openssl("-verify", "-queryfile", folder / "query", "-in", folder / "answer", "-CAfile", folder / "ca")
        time = _time_of(_openssl("-reply", "-in", folder / "answer", "-text"))
    seq = int(json.loads(head)["seq"])
    return _keep(case, seq, time, url, {"head": head, "stamp": answer, "authority": certificates})


def _keep(case: Case, seq: int, time: datetime, url: str, parts: dict[str, bytes]) -> Stamp:
    files = {}
    for part, data in parts.items():
        path = put(case.folder / FILES[part].format(seq=seq), data)
        files[path.name] = hashlib.sha256(data).hexdigest()
    stamped = {"stamped": seq, "stamp_time": format_time(time), "authority": url, "files": files}
    case.journal().append("timestamp", stamped | {"operator": case.settings.operator})
    return Stamp(seq, time, case.folder / FILES["stamp"].format(seq=seq))


def stamps(records: Sequence[Record]) -> list[Record]:
    """Records of stamps; the newest of several on the same head counts."""
    found = {record.data.get("stamped"): record for record in records if record.kind == "timestamp"}
    return [record for record in found.values() if not from_host(record)]


def files_of(records: Sequence[Record]) -> dict[str, str]:
    """Files of all stamps with their hashes; names that are not of ungcuu are left out."""
    found: dict[str, str] = {}
    for record in stamps(records):
        files = record.data.get("files")
        if isinstance(files, dict):
            found |= {str(name): str(digest) for name, digest in files.items() if NAME.match(str(name))}
    return found


def problems(case: Case, records: Sequence[Record]) -> list[str]:
    """What is wrong with the stamps of a case, in words; whether their files are unchanged is asked elsewhere."""
    return [problem for record in stamps(records) if (problem := _problem(case, record, records))]


def _problem(case: Case, record: Record, records: Sequence[Record]) -> str:
    seq = record.data.get("stamped")
    if not isinstance(seq, int) or not 0 < seq <= len(records):
        return _("a time stamp names no record")
    paths = {part: case.folder / name.format(seq=seq) for part, name in FILES.items()}
    try:
        head = json.loads(paths["head"].read_bytes())
        if head["hash"] != records[seq - 1].hash or head["seq"] != seq:
            return _("the time stamp on record {seq} covers another record").format(seq=seq)
        at = f"{parse_time(str(record.data.get('stamp_time'))).timestamp():.0f}"
        _openssl("-verify", "-data", paths["head"], "-in", paths["stamp"], "-CAfile", paths["authority"], "-attime", at)
    except (OSError, ValueError, KeyError, TypeError, ControllerFault) as error:
        return _("the time stamp on record {seq} is not good: {why}").format(seq=seq, why=error)
    return ""


def _ask(url: str, query: bytes) -> bytes:
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked
        url, query, {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - see above
            data: bytes = answer.read(MOST)
    except (OSError, ValueError) as error:
        raise ControllerFault(
            _("The time stamp authority gave no stamp: {error}").format(error=error), _("Nothing was changed.")
        ) from error
    return data


def _openssl(*arguments: str | Path) -> bytes:
    try:
        return subprocess.run(
            ["openssl", "ts", *map(str, arguments)],
            check=True,
            capture_output=True,
            timeout=SECONDS,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
        ).stdout
    except subprocess.CalledProcessError as error:
        why = error.stderr.decode("utf-8", "replace").strip().splitlines()
        message = _("openssl refuses the time stamp: {why}").format(why=why[-1][-200:] if why else "?")
        raise ControllerFault(message, _("Nothing was changed.")) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ControllerFault(
            _("openssl can't be run: {error}").format(error=error), _("Nothing was changed."), "apt install openssl"
        ) from error


def _time_of(text: bytes) -> datetime:
    found = _TIME.search(text)
    if found is None:
        raise ControllerFault(_("The time stamp has no time"), _("Nothing was changed."))
    stamped = re.sub(r"\.\d+", "", " ".join(found[1].decode("ascii").split()))
    return datetime.strptime(stamped, "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)
