"""Whether the health page still looks as it did when a person approved it: a picture once an hour.

One takes some seconds, by which no other alert may come later: it is taken at the end of a round, and the next rounds
say what it showed until there is another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ungcuu.core.atomic import make_private, put
from ungcuu.core.clock import format_time, parse_time
from ungcuu.core.i18n import _
from ungcuu.core.settings import Settings
from ungcuu.watch.outside import judge, picture
from ungcuu.watch.outside.asking import Site

if TYPE_CHECKING:
    from ungcuu.watch.outside.look import View

EVERY, AFTER_A_FINDING = timedelta(hours=1), timedelta(minutes=10)


def approved_path(settings: Settings, host: str) -> Path:
    """Return where the picture of the approved page is kept."""
    return settings.host_dir(host) / "approved_page.png"  # beside approved_page.json


def difference_path(settings: Settings, host: str) -> Path:
    """Return where the picture of the last difference is kept: before, now, and what differs in red."""
    return settings.host_dir(host) / "page_difference.png"


def approve(settings: Settings, host: str, site: Site) -> str:
    """Keep a picture of the page as it is now as the approved one; return why there is none, empty where there is."""
    path = approved_path(settings, host)
    try:
        make_private(path.parent)
        path.unlink(missing_ok=True)  # that of an earlier page must not stand for this one
        put(path, picture.take(site))
    except (picture.NoPictureError, OSError) as error:
        return str(error)
    return ""


def known(settings: Settings, host: str, site: Site, kept: Mapping[str, Any], view: View) -> None:
    """Add to ``view`` what the last picture showed, and why none could be taken; ``kept`` is what :func:`look` gave."""
    path = approved_path(settings, host)
    if not path.is_file():
        if picture.program() and path.with_suffix(".json").is_file():
            view.unseen.append(_("its picture: approve the page again (ungcuu watch approve {host})").format(host=host))
        return
    last = _of_this(path, kept)
    if why := last.get("why"):
        view.unseen.append(_("its picture: {why}").format(why=why))
    if differs := last.get("differs"):
        view.sights.append(judge.sight(host, "outside.picture", "medium", f"{site.path}: {differs} %", site.path))


def look(settings: Settings, host: str, site: Site, kept: Mapping[str, Any]) -> dict[str, Any]:
    """Take a picture and compare it where that is due; return what to keep for the next rounds.

    It takes some seconds, up to a minute and a half: after everything that an alert could wait for.
    """
    path, now = approved_path(settings, host), datetime.now(UTC)
    if not path.is_file():
        return {}
    last = _of_this(path, kept)
    tried = parse_time(str(last["time"])) if last else datetime.fromtimestamp(path.stat().st_mtime, UTC)
    differs = int(last.get("differs") or 0)
    if now - tried < (AFTER_A_FINDING if differs else EVERY):
        return dict(last)
    try:
        found: dict[str, Any] = {"differs": _differs(settings, host, site, path.read_bytes())}
    except (picture.NoPictureError, OSError) as error:
        found = {"differs": differs, "why": str(error)}  # what was seen before is not disproven
    return {"time": format_time(now), **found}


def _of_this(path: Path, kept: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was kept about this approved picture; nothing where it was another one."""
    made = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return kept if kept and parse_time(str(kept["time"])) >= made.replace(microsecond=0) else {}


def _differs(settings: Settings, host: str, site: Site, before: bytes) -> int:
    """How many per cent of the page look different; 0 where it is the same page, or was a moment later."""
    first = picture.compare(before, picture.take(site))
    found = picture.compare(before, picture.take(site)) if first.other else first
    if not found.other:
        return 0
    put(difference_path(settings, host), found.picture)
    return found.percent
