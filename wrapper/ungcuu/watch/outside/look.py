"""The outside view of one round: which pages are asked for, as whom, and what came of it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ungcuu.core.atomic import make_private, put_json
from ungcuu.core.clock import now
from ungcuu.core.errors import ControllerFault, StepFailed
from ungcuu.core.i18n import _
from ungcuu.core.settings import Settings
from ungcuu.hosts import ssh
from ungcuu.watch.alerts import Sight
from ungcuu.watch.outside import asking, judge, surroundings, vantage
from ungcuu.watch.outside.features import Features, from_document
from ungcuu.watch.outside.surroundings import Surroundings
from ungcuu.watch.outside.visitors import GOOGLEBOT, OTHERS, PLAIN
from ungcuu.watch.outside.zone import not_compared

SAMPLE = 4  # pages of the sitemap in one round
_AGAIN = 8  # pages that had a finding, to be asked for again: only a look may say that it has gone
_BUSY = (429, 503)
_PAUSE = 3.0


@dataclass
class View:
    """What was seen, on how many pages. ``why`` the site was not looked at; ``unseen`` is what was not looked at.

    ``whole``: what is not among the sights is not there any more; ``again`` are pages for the next round. ``grade``: of
    TLS; see :class:`Surroundings`.
    """

    sights: list[Sight] = field(default_factory=list)
    pages: int = 0
    why: str = ""
    whole: bool = False
    unseen: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    grade: str = ""


def together(views: Sequence[View]) -> View:
    """Return what was seen of several websites of a host as one view; it is whole where each of them is."""
    return View(
        [sight for view in views for sight in view.sights],
        sum(view.pages for view in views),
        "; ".join(dict.fromkeys(view.why for view in views if view.why)),
        all(view.whole for view in views),
        [text for view in views for text in view.unseen],
    )


def site_of(known: Mapping[str, Any], host: str) -> asking.Site | None:
    """Return how the website is asked for; None where its facts do not say."""
    name = str(known.get("website_name") or "")
    if not name or not known.get("website_health_path"):
        return None
    ports = tuple(map(int, known.get("website_ports") or (80, 443)))
    text = str(known.get("website_health_text") or "")
    return asking.Site(name, str(known.get("ansible_host") or host), ports, str(known["website_health_path"]), text)


def look(settings: Settings, host: str, site: asking.Site, again: list[str], other: ssh.Target | None = None) -> View:
    """Look at the health page as every visitor, and at a sample as a plain visitor and a search engine.

    ``other``: another machine, from which the health page is asked for as well.

    Raises:
        ControllerFault: The approved page can't be read.
    """
    approved, view = load_approved(settings, host), View()
    front = _front(site)
    if front.first.status in _BUSY:
        view.why = _("the website answers {status}: it is busy").format(status=front.first.status)
        return view
    view.sights += judge.wrong(host, front, site.text)
    for visitor, answer in front.others:
        if not answer.away and answer.status != 200 and front.first.status == 200:
            view.unseen.append(_("as {visitor}: {status}").format(visitor=visitor.name, status=answer.status))
    if front.first.error:
        return view
    view.sights += judge.hidden(host, front)
    if approved is None:
        view.unseen.append(_("the approved page: none was approved (ungcuu watch approve {host})").format(host=host))
    else:
        view.sights += judge.changed(host, front, approved.features)
    seen = approved is None or _compare_surroundings(host, site, front.first, approved.surroundings, view)
    seen = (other is None or _from_elsewhere(host, site, front, other, view)) and seen
    view.whole = _sample(host, site, again, view) and seen
    security_txt = asking.ask(site, "/.well-known/security.txt", PLAIN)
    view.sights += judge.ending(host, asking.certificate(site), security_txt, datetime.now(UTC))
    view.pages += 1
    return view


def _from_elsewhere(host: str, site: asking.Site, front: judge.Looked, other: ssh.Target, view: View) -> bool:
    """Compare with what another machine gets; whether it said what that is."""
    try:
        others = vantage.look(other, site)
    except StepFailed as error:
        view.unseen.append(_("from the second machine: {why}").format(why=error.what))
        return False
    view.sights += judge.hidden(host, judge.Looked(site.path, front.first, front.second, others))
    return True


def _compare_surroundings(
    host: str, site: asking.Site, front: asking.Answer, before: Surroundings | None, view: View
) -> bool:
    """Compare what surrounds the page; whether all that was approved could be looked at."""
    if front.status != 200:
        return before is None
    again = _("approve the page again (ungcuu watch approve {host})").format(host=host)
    if before is None:
        view.unseen.append(_("headers, TLS and addresses: {what}").format(what=again))
        return True
    present = surroundings.around(site, front, before)
    view.grade = present.grade
    view.sights += surroundings.worse(host, before, present)
    whole = not before.addresses or bool(present.addresses)
    if not whole:
        view.unseen.append(_("the addresses of {name}: this controller could not resolve it").format(name=site.name))
    if before.zone is None or present.zone is None:
        view.unseen.append(_("name servers: {what}").format(what=again))
        return whole
    silent, unapproved = not_compared(before.zone, present.zone)
    if silent:
        text = _("records of {zone}: the resolver did not answer ({kinds})")
        view.unseen.append(text.format(zone=before.zone.name or site.name, kinds=", ".join(silent)))
    if unapproved:
        text = _("records of {zone} ({kinds}): {what}")
        view.unseen.append(text.format(zone=present.zone.name, kinds=", ".join(unapproved), what=again))
    return whole and not silent


def _front(site: asking.Site) -> judge.Looked:
    """The health page; asked for once more after a moment where it is not well: a restart is no defacement."""
    first = asking.ask(site, site.path, PLAIN)
    if first.error or first.status != 200 or site.text.encode() not in first.body:
        time.sleep(_PAUSE)
        first = asking.ask(site, site.path, PLAIN)
    others = [] if first.error else [(visitor, asking.ask(site, site.path, visitor)) for visitor in OTHERS]
    return judge.Looked(site.path, first, first if first.error else asking.ask(site, site.path, PLAIN), others)


def _sample(host: str, site: asking.Site, again: list[str], view: View) -> bool:
    """Look at pages of the sitemap, and again at those that had a finding; whether all of the latter answered."""
    paths, whole = [*again, *asking.sitemap_pages(site, GOOGLEBOT, SAMPLE)], True
    for path in dict.fromkeys(path for path in paths if path != site.path):
        page = _sampled(site, path)
        found, silent = list(judge.hidden(host, page)), bool(page.first.error) or page.first.status in _BUSY
        whole = whole and not (silent and path in again)
        if found or (silent and path in again):
            whole = whole and len(view.again) < _AGAIN
            view.again += [path] if len(view.again) < _AGAIN else []
        view.sights += found
        view.pages += not silent
    return whole


def _sampled(site: asking.Site, path: str) -> judge.Looked:
    first, crawler = asking.ask(site, path, PLAIN), asking.ask(site, path, GOOGLEBOT)
    return judge.Looked(path, first, asking.ask(site, path, PLAIN), [(GOOGLEBOT, crawler)])


def approved_path(settings: Settings, host: str) -> Path:
    """Return where the approved page of a host is kept."""
    return settings.host_dir(host) / "approved_page.json"


@dataclass(frozen=True)
class Approved:
    """What a person approved. ``surroundings`` is None where that was before they were looked at."""

    features: Features
    surroundings: Surroundings | None = None


def load_approved(settings: Settings, host: str) -> Approved | None:
    """Return the page that a person approved; None where nobody did.

    Raises:
        ControllerFault: The file is damaged.
    """
    path = approved_path(settings, host)
    try:
        row = json.loads(path.read_text("utf-8"))
        around = surroundings.from_document(row["surroundings"]) if "surroundings" in row else None
        return Approved(from_document(row["features"]), around)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ControllerFault(
            _("{path} can't be read: {error}").format(path=path, error=type(error).__name__),
            _("The page was not compared with the approved one."),
            f"ungcuu watch approve {host}",
        ) from error


def approve(settings: Settings, host: str, features: Features, around: Surroundings) -> Path:
    """Keep the page as it is now, and what surrounds it, as the approved one."""
    document = {"format": 1, "time": now(), "features": features.document(), "surroundings": around.document()}
    path = approved_path(settings, host)
    make_private(path.parent)  # nothing else may be known of the host yet
    return put_json(path, document)
