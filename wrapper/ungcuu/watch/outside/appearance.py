"""Whether the health page still looks as it did when a person approved it: a picture once an hour.

It costs some seconds, by which no other alert may come later: what the last one showed holds until the next.
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
_SILENT = "outside.silent"


def approved_path(settings: Settings, host: str) -> Path:
    """Return where the picture of the approved page is kept."""
    return settings.host_dir(host) / "approved_page.png"


def difference_path(settings: Settings, host: str) -> Path:
    """Return where the picture of the last difference is kept: before, now, and what differs in red."""
    return settings.host_dir(host) / "page_difference.png"


def approve(settings: Settings, host: str, site: Site) -> str:
    """Keep a picture of the page as it is now as the approved one; return why there is none, empty where there is."""
    path = approved_path(settings, host)
    make_private(path.parent)
    path.unlink(missing_ok=True)  # that of an earlier page must not stand for this one
    try:
        put(path, picture.take(site))
    except picture.NoPictureError as error:
        return str(error)
    return ""


def compare(settings: Settings, host: str, site: Site, kept: Mapping[str, Any], view: View) -> dict[str, Any]:
    """Compare the page with its approved picture where that is due, into ``view``; return what to keep for later.

    ``kept`` is what the last round returned.
    """
    path = approved_path(settings, host)
    if not path.is_file():
        if picture.program() and (settings.host_dir(host) / "approved_page.json").is_file():
            view.unseen.append(_("its picture: approve the page again (ungcuu watch approve {host})").format(host=host))
        return {}
    differs, now = int(kept.get("differs") or 0), datetime.now(UTC)
    pause = AFTER_A_FINDING if differs else EVERY
    last = parse_time(str(kept["time"])) if kept else datetime.fromtimestamp(path.stat().st_mtime, UTC)
    if now - last >= pause:
        try:
            if any(one.rule == _SILENT for one in view.sights):
                raise picture.NoPictureError(_("the website does not answer"))
            differs = _differs(settings, host, site, path.read_bytes())
            kept = {"time": format_time(now), "differs": differs}
        except (picture.NoPictureError, OSError) as error:
            view.unseen.append(_("its picture: {why}").format(why=error))
            view.whole = view.whole and not differs
    if differs:
        place = f"{site.path}: {differs} %"
        view.sights.append(judge.sight(host, "outside.picture", "medium", place, site.path))
    return dict(kept)


def _differs(settings: Settings, host: str, site: Site, before: bytes) -> int:
    """How many per cent of the page look different; 0 where it is the same page, or was a moment later."""
    first = picture.compare(before, picture.take(site))
    found = picture.compare(before, picture.take(site)) if first.other else first
    if not found.other:
        return 0
    put(difference_path(settings, host), found.picture)
    return found.percent
