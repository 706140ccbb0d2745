"""Takes the items of a profile from one host, over as few connections as the host lets it be."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import socket
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ungcuu import __version__
from ungcuu.case.evidence import script
from ungcuu.case.evidence.frames import Broken, OverLimit, Splitter, Trailer
from ungcuu.case.evidence.profile import Spec
from ungcuu.case.evidence.store import Item, Outcome, Partial, Store, check_space, utc_now
from ungcuu.core.phrases import Coded, Reason, phrase
from ungcuu.core.terminal import clean
from ungcuu.hosts import ssh

# AES in hardware is several times faster than ssh's first choice; the last name is for hosts that offer nothing else.
CIPHERS = "Ciphers=aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr"
START_SECONDS = 30.0
_FIRST_FRAME = 64 << 10
_WHOLE_CONNECTION = 7 * 86400.0

NOTHING_THERE = 66  # EX_NOINPUT of sysexits.h
NO_PROGRAM = 127  # POSIX, shell command language, 2.8.2
OUT_OF_TIME = (124, 137)  # timeout(1)


@dataclass(frozen=True)
class Request:
    """One collection: which items, from which host, into which folder, asked for by whom.

    ``variables`` are facts of the inventory by shell name. ``grace`` is how many seconds the host gets to stop an
    item that is over its time before the connection is given up.
    """

    target: ssh.Target
    specs: Sequence[Spec]
    folder: Path
    who: str
    variables: Mapping[str, str] = field(default_factory=dict)
    again: bool = False
    grace: float = 5.0
    keep_free: int = 512 << 20


@dataclass(frozen=True)
class Collection:
    """What a collection brought.

    ``items`` are all that are new to the reader: taken now, or taken by a run that was killed before it could report.
    ``kept`` are ids that were skipped because the folder holds them. ``stopped`` says why it ended early.
    """

    items: tuple[Item, ...]
    kept: tuple[str, ...]
    custody: Mapping[str, Any]
    reached: bool
    stopped: str = ""

    @property
    def changed(self) -> bool:
        """Whether new content came into the folder."""
        return any(item.sha256 for item in self.items)


def collect(request: Request) -> Collection:
    """Take what the folder doesn't hold yet.

    Raises:
        ssh.HostKeyRefused: The host isn't the one that was enrolled.
        OSError: The evidence folder can't be written.
    """
    store = Store(request.folder, request.target.name, request.keep_free)
    try:
        return _collect(request, store)
    finally:
        store.close()


def _collect(request: Request, store: Store) -> Collection:
    waiting = store.not_handed_over()
    taken = {} if request.again else store.taken()
    kept = [spec for spec in request.specs if _is_kept(store, spec, taken.get((spec.profile, spec.id)))]
    work = _Work(request, store, deque(spec for spec in request.specs if spec not in kept))
    try:
        work.run()
    except OSError as error:
        work.stop(f"the controller can't keep the evidence: {error.strerror or error}")
    items = (*waiting, *work.items)
    custody = {**_custody(request, store, work, items), "kept": len(kept)}
    if items and not work.disk_failed:
        store.add({"record": "custody", **custody})
    return Collection(items, tuple(spec.id for spec in kept), custody, work.reached or not work.asked, work.stopped)


def _is_kept(store: Store, spec: Spec, item: Item | None) -> bool:
    """Whether the folder holds this item, taken in the same way and unchanged since."""
    return item is not None and item.how == spec.how and store.holds(item.sha256, item.size)


def _custody(request: Request, store: Store, work: _Work, items: Sequence[Item]) -> dict[str, Any]:
    """Say what changed hands: from which host, to which folder, who did it, when, with which version."""
    manifest = store.manifest.read_bytes() if store.manifest.exists() else b""
    return {
        "from": request.target.name,
        "address": request.target.address,
        "to": str(store.folder),
        "who": request.who,
        "when": utc_now(),
        "tool": f"ungcuu {__version__}",
        "controller": socket.gethostname(),
        "items": len(items),
        "bytes": sum(item.size for item in items),
        "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
        "read_only_view": work.read_only_view,
        "clock_skew_seconds": work.clock_skew,
    }


class _Work:
    """What is left to take, and what came of the rest."""

    def __init__(self, request: Request, store: Store, queue: deque[Spec]) -> None:
        self.request, self.store, self.queue = request, store, queue
        self.items: list[Item] = []
        self.asked = bool(queue)
        self.reached = False
        self.read_only_view: bool | None = None
        self.clock_skew: float | None = None
        self.stopped = ""
        self.disk_failed = False

    def run(self) -> None:
        """Connect, take items until the connection ends, and connect again while that gets further."""
        view = True
        while self.queue:
            check_space(self.store.folder, self.request.keep_free)
            session = _Session(self, view)
            ended, why = session.run()
            if session.ready:
                self.reached = True
                continue
            if view and ended in (ssh.Ending.TIMED_OUT, ssh.Ending.EXITED):
                view = False  # the host can't make the private view, or hangs over it
                continue
            self.stop(why)

    def stop(self, why: str) -> None:
        """Give up: what is left is recorded as a failure, with the reason."""
        self.stopped = why
        now = utc_now()
        while self.queue:
            item = self.item(self.queue.popleft(), Outcome.FAILURE, why, now)
            self.items.append(item)
            with contextlib.suppress(OSError):
                self._note(item)

    def done(self, item: Item) -> None:
        """Record the item at the head of the queue."""
        self.queue.popleft()
        self.items.append(item)
        self._note(item)

    def item(self, spec: Spec, outcome: Outcome, reason: str | Coded, started: str) -> Item:
        """Make a record without content."""
        return Item(
            host=self.request.target.name,
            profile=spec.profile,
            id=spec.id,
            what=spec.what,
            why=spec.why,
            how=spec.how,
            form=spec.form,
            outcome=outcome,
            reason=clean(reason, 300) if isinstance(reason, str) else reason,
            sha256="",
            size=0,
            exit_status=None,
            complaint="",
            started=started,
            finished=utc_now(),
        )

    def _note(self, item: Item) -> None:
        try:
            self.store.add({"record": "item", **item.as_data()})
        except OSError:
            self.disk_failed = True
            raise


class _Session:
    """One connection. It takes the items at the head of the queue, one after another."""

    def __init__(self, work: _Work, view: bool) -> None:
        self.work, self.view = work, view
        self.ready = False
        self.first = bytearray()
        self.partial: Partial | None = None
        self.started = utc_now()
        self.until = time.monotonic() + START_SECONDS

    @property
    def spec(self) -> Spec:
        """The item under way."""
        return self.work.queue[0]

    def run(self) -> tuple[ssh.Ending, str]:
        """Take items until all are taken or the connection ends; say how it ended."""
        marker = secrets.token_hex(24)
        splitter = Splitter(marker, self._limit, self._write, self._finish)
        program = script.program(marker, tuple(self.work.queue), self.work.request.variables)
        ending, why = ssh.Ending.EXITED, ""
        try:
            streamed = ssh.stream(
                replace(self.work.request.target, options=(*self.work.request.target.options, CIPHERS)),
                ["sh", "-c", script.LAUNCH, "sh", "view" if self.view else "bare"],
                splitter.feed,
                stdin=program,
                timeout=_WHOLE_CONNECTION,
                quota=1 << 62,
                control_path=None,
                deadline=lambda: self.until,
                hashed=False,
            )
            ending, why = streamed.ending, streamed.detail or _last_line(streamed.stderr)
        except (OverLimit, Broken) as error:
            why = str(error)
            ending = ssh.Ending.QUOTA
        except OSError:
            self._drop()
            raise
        with contextlib.suppress(OverLimit):
            splitter.flush()
        self._leave(ending, why)
        return ending, f"{ending.value}: {why}" if why else ending.value

    def _limit(self) -> int:
        return self.spec.limit_bytes if self.ready and self.work.queue else _FIRST_FRAME

    def _write(self, data: bytes) -> None:
        if not self.ready:
            self.first += data
            return
        if not self.work.queue:
            raise Broken("the host said more than it was asked")
        if self.partial is None:
            self.partial = self.work.store.receive()
        self.partial.write(data)

    def _finish(self, trailer: Trailer) -> None:
        if not self.ready:
            self._begin()
        elif self.work.queue:
            outcome, reason = _judge(self.spec, trailer, self.partial.size if self.partial else 0)
            self._keep(outcome, reason, trailer)
        else:
            raise Broken("the host said more than it was asked")
        self.started = utc_now()
        if self.work.queue:
            self.until = time.monotonic() + self.spec.limit_seconds + 2 + self.work.request.grace

    def _begin(self) -> None:
        """Read the first frame: the host's clock, and the places that its commands could write to."""
        self.ready = True
        clock, _line, writable = self.first.decode("utf-8", "replace").partition("\n")
        with contextlib.suppress(ValueError):
            self.work.clock_skew = round(float(clock[:32]) - time.time(), 3)
        protected = self.view and not writable.strip()
        self.work.read_only_view = protected and self.work.read_only_view is not False

    def _keep(self, outcome: Outcome, reason: str | Coded, trailer: Trailer) -> None:
        blank = self.work.item(self.spec, outcome, reason, self.started)
        partial, self.partial = self.partial, None
        self.work.done(
            replace(
                blank,
                size=partial.size if partial else 0,
                sha256=partial.keep() if partial else "",
                exit_status=trailer.status,
                complaint=clean(trailer.complaint.strip(), 600),
                finished=utc_now(),
            )
        )

    def _leave(self, ending: ssh.Ending, why: str) -> None:
        """Record the item that was under way when the connection ended."""
        if not self.ready or not self.work.queue:
            self._drop()
            return
        spec, nothing = self.spec, Trailer(None, "")
        if ending is ssh.Ending.TIMED_OUT:
            over = phrase(Reason.OVER_SECONDS_UNSTOPPED, seconds=f"{spec.limit_seconds:g}")
            self._keep(Outcome.CUT_OFF, over, nothing)
        elif ending is ssh.Ending.QUOTA and not why:
            self._keep(Outcome.CUT_OFF, phrase(Reason.OVER_BYTES, bytes=spec.limit_bytes), nothing)
        else:
            ended = phrase(Reason.CONNECTION_ENDED, why=clean(why or ending.value, 200))
            self._keep(Outcome.FAILURE, ended, nothing)

    def _drop(self) -> None:
        if self.partial is not None:
            self.partial.drop()
            self.partial = None


def _judge(spec: Spec, trailer: Trailer, size: int) -> tuple[Outcome, str | Coded]:
    """Report the outcome of an item whose command came to an end."""
    said = _last_line(trailer.complaint.encode())
    if trailer.status is None:
        return Outcome.FAILURE, phrase(Reason.ENDING_UNSAID)
    if trailer.status in spec.accept:
        return (Outcome.SUCCESS, "") if size else (Outcome.EMPTY, phrase(Reason.COMMAND_EMPTY))
    if trailer.status in OUT_OF_TIME:
        return Outcome.CUT_OFF, phrase(Reason.OVER_SECONDS, seconds=f"{spec.limit_seconds:g}")
    if trailer.status in (NOTHING_THERE, NO_PROGRAM):
        missing = Reason.NOT_ON_HOST if trailer.status == NOTHING_THERE else Reason.PROGRAM_MISSING
        return Outcome.MISSING, said or phrase(missing)
    if not said:
        return Outcome.FAILURE, phrase(Reason.EXIT_STATUS_ALONE, status=trailer.status)
    return Outcome.FAILURE, phrase(Reason.EXIT_STATUS, status=trailer.status, why=said)


def _last_line(said: bytes) -> str:
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return clean(lines[-1], 200) if lines else ""
