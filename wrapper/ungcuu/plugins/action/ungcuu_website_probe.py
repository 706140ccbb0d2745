"""Use the website as its visitors and editors do (see remote/website_probe.py), and compare with an earlier probe.

    - name: Try the website again
      ungcuu_website_probe:
        site: {name: portal.lab.test, root: /var/www/portal, …}
        before: "{{ website_probe_before.results }}"
      register: website_probe_after

``only`` limits it to some trials by name, and what they need. ``others`` are further websites of the host, which are
used in the same way: the names of their trials begin with theirs.
``broken`` lists the trials that passed before and fail now; ``refused`` those that fail before anything was changed and
were not accepted by name (``accept_failing``); ``remade`` those that fail by what this run sets again, and have to pass
after it; ``misplaced`` says what is wrong with the root. Nothing on the site is
left changed. ``needs`` holds what
the pages load: directive of a Content-Security-Policy to sources, each of the form that one must have.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # found beside us, also where ungcuu is not installed
from ungcuu.core.check_phrases import FROM_TRIALS, Skip, Trial
from ungcuu.core.errors import UngcuuError
from ungcuu.core.heard import heard
from ungcuu.core.phrases import Coded, Detail, Proof, Side, phrase
from ungcuu.hosts import profiles
from ungcuu.hosts.site import plain
from ungcuu.plugins.documented_action import DocumentedAction
from ungcuu.plugins.on_host import run_on_host
from ungcuu.plugins.refusal import refusal
from ungcuu.prepare import web_sites

_DIRECTIVES = (
    "script-src", "style-src", "img-src", "font-src", "media-src", "frame-src", "object-src", "connect-src",
    "manifest-src", "worker-src", "form-action", "base-uri",
)  # fmt: skip # a table
_SCHEMES = {"data:": ("img-src", "font-src", "media-src", "style-src"), "blob:": ("img-src", "media-src")}
_ORIGIN = re.compile(r"(https?|wss?)://[a-z0-9.-]{1,253}(:[0-9]{1,5})?")
_MOST_ORIGINS = 20
_OWN = {one.words: one for one in Trial}  # of a trial, the words are the name that people type
_TRIAL = re.compile(r"[A-Za-z0-9 ,.:-]{1,300}")


def checked_needs(needs: object) -> dict[str, list[str]]:
    """What the host says that its pages need, without anything that could be more than a source."""
    if not isinstance(needs, dict):
        return {}
    rows = {name: [str(item) for item in needs.get(name) or []] for name in _DIRECTIVES}
    kept = {name: [item for item in items if is_source(name, item)][:_MOST_ORIGINS] for name, items in rows.items()}
    return {name: items for name, items in kept.items() if items}


def is_source(directive: str, item: str) -> bool:
    """Whether this may stand in a policy: the site itself, an origin, or a scheme where one does no harm."""
    return item == "'self'" or bool(_ORIGIN.fullmatch(item)) or directive in _SCHEMES.get(item, ())


@dataclass
class _Seen:
    """What the websites of a host answered, one after another; a mark stands before the names of all but the first."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    needs: dict[str, list[str]] = field(default_factory=dict)
    misplaced: str = ""
    rules: list[int] = field(default_factory=list)
    left: list[Any] = field(default_factory=list)
    off: list[str] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)

    def add(self, order: dict[str, Any], reply: dict[str, Any], mark: str) -> None:
        """Take one website's answer, of which only the expected forms pass."""
        found = checked_rows(reply.get("results"), reply.get("paced") is True)
        self.rows |= {mark + name: row for name, row in found.items()}
        self.needs = joined(self.needs, checked_needs(reply.get("needs")))
        self.misplaced = self.misplaced or misplaced(order, reply.get("misplaced"))
        self.rules += [rule for rule in firewall_rules(reply.get("refused_by")) if rule not in self.rules]
        self.left += [] if mark else reply.get("left") or []
        self.off += [mark + name for name in reply.get("off") or [] if isinstance(name, str)]
        self.untried += [] if order["trial"] or order["again"] else [mark + "editing"]


class ActionModule(DocumentedAction):
    """See the module's own text."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return ``results``, ``broken`` and one proof for each trial. In check mode only reading is tried."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        before = self.arguments.get("before") or {}
        only = list(self.arguments.get("only") or [])
        sites = [dict(self.arguments["site"]), *map(dict, self.arguments.get("others") or [])]
        seen = _Seen()
        for number, site in enumerate(sites):
            mark = f"{site['name']}: " if number else ""
            others = [f"{other['name']}: " for other in sites[1:] if number == 0]
            try:
                order = trial_of(site) | {"deep": not self._task.check_mode} | orders(before, only, mark, others)
            except UngcuuError as error:
                raise refusal(error) from error
            if only and not order["only"]:
                continue
            reply = run_on_host(self, "website_probe", order)
            if reply.get("failed"):
                return result | {"failed": True, "msg": reply.get("msg", "")}
            seen.add(order, reply, mark)
        rows = seen.rows
        if before:  # a trial that the website never took says nothing of the changes
            rows = {name: row for name, row in rows.items() if name in before}
        broken = [name for name in only or before if got_worse(before[name], rows.setdefault(name, {}))]
        failing = [name for name, row in rows.items() if not row.get("passed")]
        accepted = list(self.arguments.get("accept_failing") or [])
        return result | {
            "changed": False,
            "results": rows,
            "needs": seen.needs,
            "broken": broken,
            "failing": failing,
            "refused": [name for name in failing if name not in accepted and not remade(rows[name])]
            if not before
            else [],
            "remade": [name for name in failing if remade(rows[name])],
            "refused_by": seen.rules,
            "misplaced": seen.misplaced,
            "ungcuu": [{"kind": "proof", "data": proof_of(name, row)} for name, row in rows.items()]
            + unlooked(seen.left, Skip.PAGES_LEFT)
            + unlooked(seen.off, Skip.TURNED_OFF)
            + unlooked(seen.untried, Skip.NO_TRIAL),
        }


def proof_of(name: str, row: dict[str, Any]) -> dict[str, Any]:
    """A trial as the journal keeps it."""
    about = {"name": str(Proof.WEBSITE_TRIAL), "trial": _trial(name), "side": str(Side.HOST)}
    return about | {"passed": row.get("passed"), "detail": row.get("detail", {})}


def orders(before: dict[str, Any], only: list[str], mark: str, others: list[str]) -> dict[str, Any]:
    """What one website is asked for: of an earlier probe and of ``only``, that which is about it."""

    def mine(names: Iterable[str]) -> list[str]:
        return [name for name in names if name.startswith(mark) and not name.startswith(tuple(others))]

    known = [before[name] for name in mine(before)]
    return {
        "only": [name.removeprefix(mark) for name in mine(only)],
        "again": bool(before),
        "alone": bool(mark),  # the first one's trial looks at the pages of all others
        "pages": [row["page"] for row in known if row.get("page")],
        "paced": any(row.get("paced") for row in known),
    }


def joined(needs: dict[str, list[str]], more: dict[str, list[str]]) -> dict[str, list[str]]:
    """What the pages of several websites load, each directive and source once."""
    return {name: sorted({*needs.get(name, ()), *more.get(name, ())}) for name in sorted({*needs, *more})}


def trial_of(site: dict[str, Any]) -> dict[str, Any]:
    """The site as the program on the host is given it: with the trial of its application's profile."""
    profile = profiles.of_site(str(site.get("application") or ""), plain(site.pop("profile_facts", None) or {}))
    trial = dataclasses.asdict(profile.trial) if profile and profile.trial else None
    return site | {"trial": trial, "markers": list(profile.detect.markers) if profile else []}


def checked_rows(results: object, paced: bool) -> dict[str, dict[str, Any]]:
    """The trials as the host reports them; a page that it names in another form than a page's is dropped."""
    rows: dict[str, dict[str, Any]] = {}
    for name, row in results.items() if isinstance(results, dict) else ():
        kept = dict(row) | {"paced": paced, "detail": heard(row.get("detail"), FROM_TRIALS)}
        if "page" in row:
            kept["page"] = web_sites.page(row["page"])
        if _TRIAL.fullmatch(name) and ("page" not in kept or (kept["page"] or {}).get("trial") == name):
            rows[name] = kept
    return rows


def _trial(name: str) -> Coded:
    """A trial's name as a record holds it: one that we know, or a neighbour's page."""
    if own := _OWN.get(name):
        return phrase(own)
    page = name.removeprefix("page of ")
    return phrase(Trial.NEIGHBOUR, page=page) if page != name else phrase(Detail.SAID, text=name)


def got_worse(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether a trial that passed before fails now. A neighbour's page fails where it is worse than it was."""
    if before.get("page") and (why := web_sites.worse(before, after)):
        after |= {"passed": False, "detail": why}
    return bool(before.get("passed") or remade(before)) and not after.get("passed")


def remade(row: dict[str, Any]) -> bool:
    """Whether a trial fails by what ``harden`` sets again itself: it has to pass afterwards."""
    return row.get("remade") is True


def misplaced(site: dict[str, Any], found: object) -> str:
    """What is wrong with website_root, in words; empty if nothing is."""
    if not isinstance(found, dict) or found.get("why") not in ("missing", "elsewhere"):
        return ""
    places = ", ".join(web_sites.places(found.get("roots")))
    what = (
        "does not exist on the host" if found["why"] == "missing" else "is not the web server's root for this website"
    )
    right = f"; the web server answers for {site['name']} from {places}" if places else ""
    return f"website_root {site['root']} {what}{right}"


def firewall_rules(found: object) -> list[int]:
    """Ids of the Core Rule Set's rules that refused a trial."""
    return [rule for rule in found if type(rule) is int and 900000 <= rule <= 999999] if isinstance(found, list) else []


def unlooked(trials: object, reason: Skip) -> list[dict[str, Any]]:
    """One record for the trials that were not taken."""
    names = [str(name) for name in trials if _TRIAL.fullmatch(str(name))] if isinstance(trials, list) else []
    return [{"kind": "skip", "data": {"controls": [], "reason": phrase(reason), "keys": names[:200]}}] if names else []
