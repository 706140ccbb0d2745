"""That a host was cut off, as the controller noted it, and what speaks against releasing it.

``hosts/<host>/isolation.json`` is written with the cut and set aside with the release. It says that the host should be
isolated; whether it is, :mod:`ungcuu.run.isolation_watch` asks from outside. The host's own word counts for
nothing here, and the re-assessment counts only with this controller's signature. Nothing but the standard library is
imported before the gate (but `core.atomic`, which needs no more): the fast cut imports this.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ungcuu.core.atomic import make_private, put_json

MARK = "isolation.json"
REASSESSMENT = "reassessment.json"
MOST_AGE = timedelta(hours=24)  # a re-assessment says nothing about what happened since


def isolated_since(folder: Path) -> datetime | None:
    """Return when the host was cut off, or None where it is not isolated.

    A mark that can't be read still says that it was: since the file was written.
    """
    mark = folder / MARK
    known = _time(_read(mark).get("time"))
    return known or (datetime.fromtimestamp(mark.stat().st_mtime, UTC) if mark.exists() else None)


def mode_of(folder: Path) -> str:
    """Return the mode that the host was cut off in; ``full`` where that is not known."""
    mode = _read(folder / MARK).get("mode")
    return mode if mode in ("full", "maintenance", "egress") else "full"


def mark_isolated(folder: Path, host: str, mode: str, now: datetime) -> bool:
    """Write down that the host is cut off; the time of the first cut stays. Returns whether that is news."""
    known = _read(folder / MARK)
    if known.get("mode") == mode and _time(known.get("time")):
        return False
    data = {
        "host": host,
        "mode": mode,
        "time": known.get("time") or f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "undo": f"ungcuu release {host}",
    }
    put_json(make_private(folder) / MARK, data)
    return True


def mark_released(folder: Path, now: datetime) -> bool:
    """Set the mark aside under the time of the release. Returns whether there was one."""
    mark = folder / MARK
    if not mark.exists():
        return False
    mark.rename(folder / f"isolation-until-{now:%Y%m%dT%H%M%SZ}.json")
    return True


def refuse_in_maintenance(folder: Path, host: str, verb: str) -> None:
    """Refuse what needs the website's database on a host whose services maintenance has stopped.

    Raises:
        Refused: The host was cut off in that mode.
    """
    if mode_of(folder) != "maintenance":
        return
    from ungcuu.core.errors import Refused
    from ungcuu.core.i18n import _

    raise Refused(
        _("{host} shows a notice of maintenance: its database is stopped, and {verb} needs it.").format(
            host=host, verb=verb
        ),
        _("Nothing was changed."),
        _("ungcuu isolate {host}   the host stays cut off, without the notice; then: ungcuu {verb} {host}").format(
            host=host, verb=verb
        ),
    )


def against_release(
    folder: Path, host: str, now: datetime, override: str = "", websites: Sequence[str] = ()
) -> list[str]:
    """Return every reason against returning the host to service; an empty list means none.

    ``override`` is a person's reason for a release although root was lost; it answers that alone. Each of ``websites``,
    where the host has several, must have been re-assessed: the isolation ends for all of them.
    """
    if not websites:
        return _against(folder, folder, host, now, override)
    from ungcuu.core.settings import host_folder

    state: Path = folder.parents[1]
    found: list[str] = []
    for name in (f"{host}/{website}" for website in websites):
        reasons = _against(folder, host_folder(state, name), name, now, override)
        found += [f"{name}: {reason}" for reason in reasons]
    return found


def _against(folder: Path, kept: Path, name: str, now: datetime, override: str) -> list[str]:
    """Return every reason against it; the record of the re-assessment lies in ``kept``, under this name."""
    from ungcuu.contain.endings import Reassessed
    from ungcuu.core.errors import Tampered
    from ungcuu.detect import baseline, root_loss

    try:
        loss = root_loss.load(folder.parents[1], folder.name)
    except Tampered:
        return ["the record of whether root was lost does not match its signature"]
    excused = loss is not None and (loss.ended.get("how") == "override" or root_loss.is_reason(override))
    against = [loss.sentence()] if loss is not None and loss.standing and not excused else []
    try:
        found = baseline.verified(kept / REASSESSMENT, folder.parents[1] / "keys", name)
    except FileNotFoundError:
        return ["it has not been re-assessed", *against]
    except Tampered:
        return ["the re-assessment does not match its signature, or is another host's"]
    outcome = found.get("outcome")
    if outcome == Reassessed.ROOT_LOST and not excused and not against:
        against.append("the re-assessment is of the machine whose root was lost")
    elif outcome not in (Reassessed.CLEAN, Reassessed.ROOT_LOST):
        against.append("the re-assessment did not find it clean")
    entry = found.get("entry")
    if not (isinstance(entry, dict) and entry.get("closed") is True):
        against.append("the re-assessment does not say that the way in is closed")
    when, since = _time(found.get("time")), isolated_since(folder)
    if when is None or when > now + timedelta(minutes=5):
        against.append("the re-assessment has no valid time")
    elif since is not None and when < since:
        against.append("the re-assessment is older than the isolation")
    elif now - when > MOST_AGE:
        against.append("the re-assessment is older than 24 hours")
    return against


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _time(text: object) -> datetime | None:
    try:
        when = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return when.replace(tzinfo=UTC) if when is not None and when.tzinfo is None else when
