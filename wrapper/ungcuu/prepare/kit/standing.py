"""What this controller knows of the kit that was made last: how old it is, and what has changed since."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ungcuu.core.atomic import put_json
from ungcuu.core.i18n import _, ngettext
from ungcuu.core.settings import Settings

if TYPE_CHECKING:
    from ungcuu.prepare.kit.contents import Contents

FILE = "kit.json"  # in the state folder
OLD_DAYS = 90


@dataclass(frozen=True)
class Standing:
    """The last kit: when it was made, under which name, and which files it holds in another state than today's."""

    time: datetime
    file: str
    changed: tuple[str, ...] = ()

    def age_days(self, present: datetime) -> int:
        """Whole days since it was made."""
        return (present - self.time).days

    def doubt(self, present: datetime) -> str:
        """What speaks against relying on it; empty where nothing does."""
        if count := len(self.changed):
            message = ngettext(
                "{count} file has changed since: {paths}", "{count} files have changed since: {paths}", count
            )
            return message.format(count=count, paths=", ".join(self.changed[:3]) + (" …" if count > 3 else ""))
        return _("it is older than {days} days").format(days=OLD_DAYS) if self.age_days(present) > OLD_DAYS else ""


def note(settings: Settings, contents: Contents, file: Path, sha256: str) -> None:
    """Keep on record that a kit was made.

    Raises:
        OSError: It can't be written.
    """
    document = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "file": str(file),
        "sha256": sha256,
        "watched": {str(path): _digest(path) for path in contents.watched},
    }
    put_json(settings.state / FILE, document)


def standing(settings: Settings) -> Standing | None:
    """Return what is known of the last kit; None where none was made from here, or its record can't be read."""
    try:
        known = json.loads((settings.state / FILE).read_bytes())
        time, watched = datetime.fromisoformat(known["time"]), dict(known["watched"])
        file = str(known["file"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    changed = tuple(path for path, digest in watched.items() if _digest(Path(path)) != digest)
    return Standing(time if time.tzinfo else time.replace(tzinfo=UTC), file, changed)


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
