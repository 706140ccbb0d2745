"""The watch's own file of each host, ``hosts/HOST/watch.json``: alerts, and what the last rounds did.

It is changed under a lock and put in place whole, so that an ``ack`` typed while a message goes out is not lost. It
holds no address of anybody: who is notified stands in the inventory.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ungcuu.core.atomic import held, make_private, put_json
from ungcuu.core.errors import ControllerFault, Locked
from ungcuu.core.i18n import _
from ungcuu.core.settings import Settings
from ungcuu.watch.alerts import Alert, from_document

ROUNDS_KEPT = 4000  # two weeks of rounds, one every five minutes
ALERTS_KEPT = 5000
_WAIT = 30.0  # seconds that a change waits for another process


@dataclass
class Known:
    """What the watch knows of a host. ``rounds`` are rows of plain data, the newest last; ``notes`` is what rounds
    remember for the next one."""

    alerts: dict[str, Alert] = field(default_factory=dict)
    rounds: list[dict[str, Any]] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)

    def open(self) -> list[Alert]:
        """Return the alerts that nobody acknowledged yet."""
        return [alert for alert in self.alerts.values() if alert.open]


def path_of(settings: Settings, host: str) -> Path:
    """Return where the watch's file of a host is."""
    return settings.host_dir(host) / "watch.json"


def hosts(settings: Settings) -> list[str]:
    """Return the hosts that the watch knows something of."""
    return sorted(path.parent.name for path in (settings.state / "hosts").glob("*/watch.json"))


def load(settings: Settings, host: str) -> Known:
    """Return what the watch knows of a host; nothing where it never looked.

    Raises:
        ControllerFault: The file is damaged.
    """
    path = path_of(settings, host)
    try:
        document = json.loads(path.read_text("utf-8"))
        alerts = [from_document(row) for row in document["alerts"]]
        return Known({one.sight.id: one for one in alerts}, list(document["rounds"]), dict(document["notes"]))
    except FileNotFoundError:
        return Known()
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ControllerFault(
            _("{path} can't be read: {error}").format(path=path, error=type(error).__name__),
            _("Hosts were not touched. Alerts that are open are not known."),
            _("Move the file away; the next round raises again what it finds: ungcuu watch round {host}").format(
                host=host
            ),
        ) from error


@contextlib.contextmanager
def changing(settings: Settings, host: str) -> Iterator[Known]:
    """Give what is known, and write what became of it; nobody else changes it meanwhile.

    Raises:
        ControllerFault: It can't be read or written.
        Locked: Another process holds it.
    """
    path = path_of(settings, host)
    try:
        make_private(path.parent)
        with held(path.with_name("watch.lock"), _WAIT):
            known = load(settings, host)
            yield known
            _write(path, known)
    except TimeoutError as error:
        raise Locked(
            _("{path} is held by another process.").format(path=path),
            _("Nothing was written."),
            _("Run the command again."),
        ) from error
    except OSError as error:
        raise ControllerFault(
            _("{path} can't be written: {error}").format(path=path, error=error),
            _("What this command found is not kept."),
            _("Free space on this machine or fix the state folder, then run the command again."),
        ) from error


def _write(path: Path, known: Known) -> None:
    closed = [one for one in known.alerts.values() if not one.open]
    spare = {one.sight.id for one in sorted(closed, key=lambda one: one.raised)[: len(known.alerts) - ALERTS_KEPT]}
    kept = [one.document() for key, one in known.alerts.items() if len(known.alerts) <= ALERTS_KEPT or key not in spare]
    put_json(path, {"format": 1, "alerts": kept, "rounds": known.rounds[-ROUNDS_KEPT:], "notes": known.notes})
