"""A second account of the host, taken without Python, and what it says otherwise than the first.

1. The first reader is a Python program: whoever controls Python on the host controls what it says. The second one is a
   shell script with ``find`` and ``sha256sum``. To hide a file an intruder must now change both in the same way.
2. Which files are summed is chosen here, at random, after the first reader has spoken.
3. Files come and go. What differs is looked at again by both; what differs twice, or was there before the first reading
   began and was left out, is a disagreement.
4. No answer is no agreement.
5. What it says is on disk in the order of the paths, as the first reader's account is: no site is too large for memory.

A changed libc or kernel lies to both alike: only a view from outside (a restore point, another machine) shows that.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import random
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from ungcuu.core.check_phrases import Seen
from ungcuu.core.errors import HostKeyMismatch
from ungcuu.core.phrases import Coded, Detail, TextOrCode, phrase
from ungcuu.detect import baseline
from ungcuu.detect.baseline import Row, Snapshot, path_bytes
from ungcuu.detect.file_rows import Texts, having, merged, records
from ungcuu.hosts import ssh

QUOTA = 48 << 20  # bytes of everything but the website's files
BYTES_EACH = 512  # of the record of a file
SECONDS = 240.0
SAMPLES = 200
SAMPLE_BYTES = 4 << 20  # of one file; larger ones are not sampled
RECHECKED = 500  # paths; more than that is no coincidence
MOST = 10_000  # disagreements that are counted: a host that lies about everything is stopped there
_SMALL = 50_000  # sums, files with code, writable folders: what a host says of them is held in memory
_LONGEST = 64 << 10  # bytes of a record
_LINE = re.compile(
    rb"L([a-zA-Z?]) ([0-7]{1,5}) (\d{1,10}) (\d{1,10}) (\d{1,18}) (-?\d{1,12})(?:\.\d+)? (/.*)", re.DOTALL
)
_SUM = re.compile(rb"([0-9a-f]{64})  (/.*)", re.DOTALL)
_QUIET_HOME = re.compile(rb"/\.ssh/(?:known_hosts(?:\.old)?|environment-[^/]*|agent(?:/.*)?)$")
_CODE_NAME = re.compile(
    rb"\.(?:php\d?|phtml|pht|phps|phar|inc|cgi|pl|py|sh|asp|aspx|jsp|so)(?:\.|$)[^/]*$", re.IGNORECASE
)
_TYPES = {"f": "file", "d": "dir", "l": "link", "c": "char", "b": "block", "p": "fifo", "s": "socket"}
# Ungcuu's own login makes one, and takes it away again.
_SESSION = re.compile(rb"^/run/systemd/transient/session-c?\d+\.scope(?:\.d(?:/.*)?)?$", re.DOTALL)
_ALWAYS = (b"/proc", b"/sys", b"/var/lib/ungcuu")

Look = Callable[[Sequence[tuple[str, str]]], Snapshot]


@dataclass(frozen=True)
class Entry:
    """One directory entry as ``find`` shows it. ``ctime`` in seconds."""

    type: str
    mode: int
    uid: int
    gid: int
    ctime: int


class Entries:
    """Entries by path, on disk and in the order of their escaped paths."""

    def __init__(self) -> None:
        self.texts = Texts()

    def __setitem__(self, path: bytes, entry: Entry) -> None:
        self.texts.put(_escaped(path), json.dumps(dataclasses.astuple(entry)))

    def get(self, path: bytes) -> Entry | None:
        """Return an entry, or None."""
        text = self.texts.get(_escaped(path))
        return None if text is None else Entry(*json.loads(text))

    def __len__(self) -> int:
        return len(self.texts)


@dataclass
class Account:
    """What the second reader said."""

    entries: Entries = field(default_factory=Entries)
    sums: dict[bytes, str] = field(default_factory=dict)
    code: set[bytes] = field(default_factory=set)
    web: bytes = b""
    writable: list[bytes] = field(default_factory=list)
    clock: int = 0
    cut: bool = False
    ended: bool = False
    _rest: bytes = b""

    def push(self, block: bytes) -> None:
        """Take the next bytes: records that end with NUL. What is not of the expected form is left out."""
        *records, rest = (self._rest + block).split(b"\0")
        for record in records:
            self._take(record)
        self._rest = rest if len(rest) <= _LONGEST else b""

    def _take(self, record: bytes) -> None:
        kind, rest = record[:1], record[1:]
        if kind == b"L" and (found := _LINE.fullmatch(record)):
            mode, uid, gid, _size, ctime = (int(found[n], 8 if n == 2 else 10) for n in range(2, 7))
            self.entries[found[7]] = Entry(_TYPES.get(found[1].decode(), "?"), mode, uid, gid, ctime)
        elif found := _SUM.fullmatch(record):
            self._keep_sum(found[2], found[1].decode())
        elif kind == b"B" and (found := _SUM.fullmatch(rest)):
            if self.sums.get(found[2], found[1].decode()) != found[1].decode():
                self.sums[found[2]] = "coreutils and busybox differ"
            else:
                self._keep_sum(found[2], found[1].decode())
        elif kind == b"C" and len(self.code) < _SMALL:
            self.code.add(rest)
        elif kind == b"W":
            self.web = rest
        elif kind == b"U" and rest and len(self.writable) < _SMALL:
            self.writable.append(rest)
        elif kind == b"N" and rest.isdigit():
            self.clock = int(rest[:12])
        elif record == b"T":
            self.cut = True
        elif record == b"E":
            self.ended = True

    def _keep_sum(self, path: bytes, digest: str) -> None:
        if len(self.sums) < _SMALL:
            self.sums[path] = digest


NO_SUCH_FILE = phrase(Seen.NO_SUCH_FILE)


@dataclass(frozen=True)
class Disagreement:
    """One thing that two readers say differently. ``path`` in the first reader's escaped form."""

    path: str
    first: TextOrCode
    second: TextOrCode


@dataclass(frozen=True)
class Verdict:
    """What came of the comparison. ``why`` is set when there was no whole second account to compare with."""

    disagreements: Sequence[Disagreement] = ()
    compared: int = 0
    why: str | Coded = ""


def parse(raw: bytes) -> Account:
    """Return the account that these records give."""
    said = Account()
    said.push(raw)
    return said


def ask(
    target: ssh.Target, config: Mapping[str, Any], samples: Iterable[bytes], most_files: int, demanded: bool = True
) -> tuple[Account | None, str | Coded]:
    """Return the host's second account, or None and why there is none. ``demanded``: all samples are files to sum.

    ``most_files``: how many the first reader might have reported.

    Raises:
        HostKeyMismatch: The host is not the one that was enrolled.
    """
    script = resources.files("ungcuu.remote").joinpath("second_reader.sh").read_text("ascii")
    root, trees = str(config["web_root"]).rstrip("/"), list(config["trees"])
    places = [f"{root}/{name.strip('/')}" for name in config["web_writable"]]
    command = ["sh", "-s", "--", root, str(len(trees)), *trees, *places]
    wanted = [path for path in samples if b"\0" not in path]
    paths = base64.encodebytes(b"".join(path + b"\0" for path in wanted)).decode("ascii")
    # Base64 has no character that could end the text before its end: paths stay data.
    script += f"listings \"$@\" </dev/null\nsamples <<'SAMPLES'\n{paths}SAMPLES\nprintf 'E\\0'\n"
    said, quota = Account(), QUOTA + most_files * BYTES_EACH
    try:
        answer = ssh.stream(
            target, command, said.push, stdin=script.encode(), timeout=SECONDS, quota=quota, hashed=False
        )
    except ssh.HostKeyRefused as error:
        raise HostKeyMismatch(str(error), "", error.next_command) from error
    if answer.ok and said.ended:
        summed = sum(path in said.sums for path in wanted)
        if demanded and summed * 2 < len(wanted):
            return None, phrase(Seen.SUMS_MISSING, count=summed, wanted=len(wanted))
        return said, ""
    stderr = answer.stderr[-200:].decode("utf-8", "backslashreplace")
    said_last = answer.detail or stderr
    return None, phrase(Detail.SAID, text=said_last) if said_last else phrase(Seen.BROKE_OFF)


# --- what the first reader must have reported -------------------------------------------------------------------------


@dataclass(frozen=True)
class Scope:
    """Which paths both readers look at."""

    trees: tuple[bytes, ...]
    exclude: tuple[bytes, ...]
    homes: tuple[bytes, ...]
    uploads: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, config: Mapping[str, Any], snapshot: Snapshot) -> Scope:
        """Return the scope of this reading; homes are those of the accounts that the first reader reported."""
        homes = {path_bytes(str(row.get("home", ""))).rstrip(b"/") for row in snapshot.of("account").values()}
        trees, exclude = (tuple(name.encode() for name in config[key]) for key in ("trees", "exclude"))
        uploads = tuple(name.strip("/").encode() for name in config["web_writable"])
        known = {home for home in homes if home.count(b"/") > 1} | {b"/root"}
        return cls(trees, exclude, tuple(sorted(known)), uploads)

    def staged_upload(self, path: bytes, web: bytes) -> bool:
        """Whether a path is in a writable folder of a staged copy of the website: media are not reported there."""
        stages = web.rpartition(b"/")[0] + b"/.ungcuu-stage/"
        name, _slash, place = path[len(stages) :].partition(b"/")[2].partition(b"/")
        return path.startswith(stages) and name == web.rpartition(b"/")[2] and _below(place, self.uploads)


def area(path: bytes, entry: Entry | None, said: Account, scope: Scope) -> str:
    """Return the area in which the first reader must have reported this path; empty where it need not have."""
    if _below(path, scope.exclude) or _below(path, _ALWAYS) or _SESSION.match(path):
        return ""
    if path in said.code or _below(path, said.writable) or scope.staged_upload(path, said.web):
        named = entry is not None and entry.type == "file" and _CODE_NAME.search(path)
        return "upload" if named or path in said.code else ""
    if said.web and _below(path, (said.web,)):
        return "web"
    if _below(path, scope.trees):
        return "system"
    if b"/.ssh/" in path and _below(path, scope.homes):
        return "" if _QUIET_HOME.search(path) else "home"
    return _program_area(path, entry)


def _program_area(path: bytes, entry: Entry | None) -> str:
    runs = entry is not None and entry.type == "file" and bool(entry.mode & 0o111)
    if runs and entry is not None and entry.mode & 0o6000:
        return "privileged"
    known = runs and path.startswith((b"/usr/bin/", b"/usr/sbin/"))
    return "program" if known or path.startswith(b"/usr/lib/python3") else ""


def _below(path: bytes, places: Iterable[bytes]) -> bool:
    return any(path == place or path.startswith(place + b"/") for place in places)


# --- comparison ---------------------------------------------------------------------------------------------------


def differences(snapshot: Snapshot, said: Account, scope: Scope) -> dict[bytes, Disagreement]:
    """Return what the two say differently, by path; of a host that lies about everything, the first ones."""
    found: dict[bytes, Disagreement] = {}
    for path, gap in _gaps(snapshot, said, scope):
        found[path] = gap
        if len(found) >= MOST:
            break
    return found


def _gaps(snapshot: Snapshot, said: Account, scope: Scope) -> Iterator[tuple[bytes, Disagreement]]:
    for text, shown, row in merged(said.entries.texts.pairs(), records(snapshot.of("file"))):
        path, entry = path_bytes(text), None if shown is None else Entry(*json.loads(shown))
        if row is None:
            # A first reading that was cut short says so itself: what it did not reach is no disagreement.
            if snapshot.complete and area(path, entry, said, scope):
                yield path, Disagreement(text, NO_SUCH_FILE, _shown(entry))
        elif entry is not None:
            if (rights := _rights(row)) != _shown(entry):
                yield path, Disagreement(text, rights, _shown(entry))
        elif not said.cut and _both_list(path, row, said, scope):
            yield path, Disagreement(text, _rights(row), NO_SUCH_FILE)
    for path in said.code:
        unknown = said.entries.get(path) is None and snapshot.file(_escaped(path)) is None
        if unknown and snapshot.complete and area(path, None, said, scope):
            yield path, Disagreement(_escaped(path), NO_SUCH_FILE, _shown(None))
    for path, digest in said.sums.items():
        row = snapshot.file(_escaped(path)) or snapshot.of("runtime").get((_escaped(path),), {})
        known = row.get("sha256")
        if known and known != digest:
            yield path, Disagreement(_escaped(path), str(known), digest)


def _both_list(path: bytes, row: Row, said: Account, scope: Scope) -> bool:
    """Whether the second reader lists this path, so that its silence means something."""
    if row.get("area") == "system":
        return not _SESSION.match(path) and _below(path, scope.trees) and not _below(path, scope.exclude)
    return row.get("area") == "web" and bool(said.web) and area(path, None, said, scope) == "web"


def _rights(row: Row) -> str:
    return f"{row.get('type')} {row.get('uid')}:{row.get('gid')} {row.get('mode', 0):04o}"


def _shown(entry: Entry | None) -> TextOrCode:
    return f"{entry.type} {entry.uid}:{entry.gid} {entry.mode:04o}" if entry else phrase(Seen.PHP_INSIDE)


def _escaped(path: bytes) -> str:
    from ungcuu.remote.host_state.reading import escaped

    return escaped(path)


def choose(snapshot: Snapshot, now: int) -> list[bytes]:
    """Return the files to be summed again: all that matter most, code that changed lately, and others at random."""
    lots = random.Random(secrets.randbits(64))  # noqa: S311  (seeded by the system's own source)
    recent, others = _Lots(lots), _Lots(lots)
    chosen = [str(row["path"]) for row in snapshot.of("runtime").values()]
    for row in having(snapshot.of("file"), "sha256"):
        if int(row.get("size", 0)) > SAMPLE_BYTES:
            continue
        others.take(str(row["path"]))
        if row.get("area") == "privileged" and len(chosen) < _SMALL:
            chosen.append(str(row["path"]))
        if row.get("area") in ("web", "upload") and row.get("ctime", 0) > now - 60 * 86400:
            recent.take(str(row["path"]))
    return list(dict.fromkeys(path_bytes(path) for path in (*chosen, *recent.drawn, *others.drawn)))


class _Lots:
    """So many of a series of unknown length, each as likely as any other (Vitter's algorithm R)."""

    def __init__(self, lots: random.Random) -> None:
        self._lots, self._seen = lots, 0
        self.drawn: list[str] = []

    def take(self, path: str) -> None:
        """Take the next one of the series."""
        self._seen += 1
        if len(self.drawn) < SAMPLES:
            self.drawn.append(path)
        elif (place := self._lots.randrange(self._seen)) < SAMPLES:
            self.drawn[place] = path


def compare(target: ssh.Target, config: Mapping[str, Any], snapshot: Snapshot, look: Look, elapsed: float) -> Verdict:
    """Take the second account and compare. What the first reader shows on a second look is added to the snapshot.

    ``elapsed`` are the seconds since the first reading began, by this machine's clock.

    Raises:
        HostKeyMismatch: The host is not the one that was enrolled.
    """
    most = snapshot.most_files
    said, why = ask(target, config, choose(snapshot, snapshot.clock), most)
    if said is None:
        return Verdict(why=why)
    scope = Scope.of(config, snapshot)
    found = differences(snapshot, said, scope)
    begun = said.clock - elapsed - 5
    old = {
        path: gap
        for path, gap in found.items()
        if gap.first == NO_SUCH_FILE and (entry := said.entries.get(path)) is not None and entry.ctime < begun
    }
    doubted = {path: gap for path, gap in found.items() if path not in old}
    if doubted and len(doubted) <= RECHECKED:
        _read_again(doubted, said, scope, snapshot, look)
        said, why = ask(target, config, doubted, most, demanded=False)
        if said is None:
            return Verdict(why=why)
        left = differences(snapshot, said, scope)
        doubted = {path: gap for path, gap in left.items() if path in doubted}
    both = old | doubted
    why = phrase(Seen.FOLDER_UNENDED) if said.cut else ""
    return Verdict([both[path] for path in sorted(both)], len(said.entries) + len(said.sums), why)


def _read_again(doubted: Iterable[bytes], said: Account, scope: Scope, snapshot: Snapshot, look: Look) -> None:
    rows = snapshot.rows["file"]
    wanted = []
    for path in doubted:
        row = rows.pop((_escaped(path),), None)
        where = str(row.get("area")) if row else area(path, said.entries.get(path), said, scope)
        wanted.append((base64.b64encode(path).decode(), where or "system"))
    again = look(wanted)
    rows.update(again.rows["file"])
    if not again.ended:
        snapshot.problems.append(phrase(Seen.NO_SECOND_LOOK))


def look_on_host(target: ssh.Target, config: Mapping[str, Any]) -> Look:
    """Return how the first reader is asked again about single paths."""

    def look(wanted: Sequence[tuple[str, str]]) -> Snapshot:
        return baseline.read_host(target, {**config, "look": [list(row) for row in wanted]}, 60)

    return look
