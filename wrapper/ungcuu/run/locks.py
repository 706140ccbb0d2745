"""One run a host: the second learns who holds it, since when and for what."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ungcuu.core.atomic import make_private, put_json
from ungcuu.core.errors import ControllerFault, Locked
from ungcuu.core.i18n import _
from ungcuu.core.settings import Settings, machine_of
from ungcuu.core.terminal import clean

LOOK_SECONDS = 0.2  # for which somebody who only looks (see `holder`) may have the lock


@contextmanager
def hold(
    settings: Settings, hosts: Sequence[str], verb: str, reason: str, go_on: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold the locks of all hosts, or none; taken in one order, so that two runs can't wait for each other.

    The kernel lets go of a lock when its process ends, however it ends. With ``go_on`` a lock that this machine's disk
    does not give is no reason to stop: it is called with a warning, and the run goes on without that lock.

    Raises:
        Locked: Another run holds one of them.
        ControllerFault: The folder of locks can't be written.
    """
    with ExitStack() as stack:
        for host in sorted(set(map(machine_of, hosts))):
            try:
                stack.enter_context(_hold_one(settings, host, verb, reason))
            except ControllerFault as fault:
                if go_on is None:
                    raise
                go_on(_("{problem} Going on without it.").format(problem=fault.what))
        yield


@contextmanager
def _hold_one(settings: Settings, host: str, verb: str, reason: str) -> Iterator[None]:
    from filelock import FileLock, Timeout

    try:
        make_private(settings.locks)
        lock = FileLock(settings.locks / f"{host}.lock", mode=0o600)
        lock.acquire(timeout=LOOK_SECONDS, poll_interval=0.02)
    except Timeout:
        raise _held(settings, host) from None
    except OSError as error:
        raise ControllerFault(
            _("The lock of {host} can't be taken: {path}: {error}.").format(
                host=host, path=error.filename or settings.locks, error=error.strerror or error
            ),
            _("Nothing was touched."),
            _("Make {path} writable, or point UNGCUU_STATE at a folder that is.").format(path=settings.locks),
        ) from error
    holder = _holder_file(settings, host)
    try:
        with contextlib.suppress(OSError):  # a full disk must not stop a run that holds the lock
            who = {"user": settings.operator, "pid": os.getpid(), "verb": verb, "reason": reason, "since": _now()}
            put_json(holder, who)
        yield
    finally:
        with contextlib.suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


def holder(settings: Settings, host: str) -> dict[str, object] | None:
    """Return who holds the host's lock now; None where nobody does, whatever a killed run left written there."""
    try:
        descriptor = os.open(settings.locks / f"{host}.lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # two that look do not take each other for a run
    except OSError:
        return _written(settings, host) or {}
    else:
        return None
    finally:
        os.close(descriptor)


def _held(settings: Settings, host: str) -> Locked:
    """Return the error that names the holder; it may need a moment to write its name."""
    info: dict[str, object] = {}
    for _try in range(20):
        if found := _written(settings, host):
            info = found
            break
        time.sleep(0.05)
    who, since = clean(info.get("user", "?"), 60), clean(info.get("since", "?"), 40)
    what = clean(info.get("verb", "?"), 40)
    why = clean(info.get("reason") or "–", 200)
    return Locked(
        _("{host} is held by {who} since {since}: {what} (reason: {why}, process {pid}).").format(
            host=host, who=who, since=since, what=what, why=why, pid=clean(info.get("pid", "?"), 12)
        ),
        _("Nothing was touched by this command; the other run goes on."),
        _("Wait for it, or ask {who}. If that process is gone: ungcuu resume {host}").format(who=who, host=host),
    )


def _written(settings: Settings, host: str) -> dict[str, object] | None:
    """Return what the holder wrote of itself; None where nothing of that kind can be read."""
    try:
        found = json.loads(_holder_file(settings, host).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _holder_file(settings: Settings, host: str) -> Path:
    return settings.locks / f"{host}.holder"


def _now() -> str:
    return datetime.now(UTC).astimezone().isoformat(timespec="seconds")
