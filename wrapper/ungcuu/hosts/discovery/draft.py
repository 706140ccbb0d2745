"""The draft of a website's inventory: each fact with how sure it is and where it comes from, as YAML with comments.

Comments hold words of a host: they are made harmless, and none can end its line. Values are what the forms of
:mod:`ungcuu.hosts.website_facts` take; a brace, which Ansible would read as a template, is in none.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ungcuu.core.atomic import make_private, put
from ungcuu.core.errors import Refused
from ungcuu.core.i18n import _
from ungcuu.core.terminal import clean
from ungcuu.hosts.discovery import choice, several
from ungcuu.hosts.discovery.facts import WORDS, Found, Sure, usable
from ungcuu.hosts.discovery.reading import Survey
from ungcuu.hosts.discovery.vhosts import Website

# What stands in place of the draft until there is one. Ansible keeps in mind which files a folder had at first.
EMPTY = "---\n"
PEOPLE = {
    "website_contacts": ["mailto:baomat@example.gov.vn"],
    "website_vault_host": "controller",
    "website_vault_address": "192.0.2.100",
    "isolation_switch_note": "switch sw1, port 7",
}  # what no host knows, and what it looks like


def text(host: str, survey: Survey, site: Website, found: Iterable[Found], stated: Iterable[str] = ()) -> str:
    """Return the draft. ``stated`` are variables that the inventory states elsewhere; they are not asked for again."""
    lines = _head(host)
    for fact in found:
        lines += ["", *_fact(fact)]
    lines += [*_asked_of_people(stated), *_beside(survey, [site])]
    return "\n".join(lines) + "\n"


def text_of_several(host: str, survey: Survey, chosen: Sequence[several.Entry], stated: Iterable[str] = ()) -> str:
    """Return the draft of a host with several websites: a list of them, and what is the host's own beside it."""
    lines = _head(host)
    for fact in several.of_host(chosen):
        lines += ["", *_fact(fact)]
    lines += ["", "websites:"]
    for entry in chosen:
        lines.append(f"  - name: {entry.name}")
        for fact in entry.facts:
            lines += [f"    {line}" for line in _fact(fact)]
    lines += [*_asked_of_people(stated), *_beside(survey, [entry.site for entry in chosen])]
    return "\n".join(lines) + "\n"


def _head(host: str) -> list[str]:
    words = _("Draft by ungcuu discover {host}: check each line, then run ungcuu doctor {host}.").format(host=host)
    return ["---", *_comment(words)]


def _asked_of_people(stated: Iterable[str]) -> list[str]:
    known = set(stated)
    missing = [name for name in PEOPLE if name not in known]
    words = _comment(_("No host knows these. Set them here, or for all websites in group_vars:"))
    return ["", *words, *(f"# {name}: {_yaml(PEOPLE[name])}" for name in missing)] if missing else []


def _fact(fact: Found) -> Iterator[str]:
    if usable(fact):
        yield from _comment(f"{_(WORDS[fact.sure])}: {'; '.join(fact.evidence)}")
        yield f"{fact.name}: {_yaml(fact.value)}"
    else:
        yield from _comment(f"{_(WORDS[Sure.MISSING])}: {'; '.join(fact.evidence)}".rstrip(": "))
        yield f"# {fact.name}:"


def _yaml(value: Any) -> str:
    import yaml

    dumped = yaml.safe_dump(value, allow_unicode=True, default_flow_style=True, width=1000)
    return str(dumped.removesuffix("\n").removesuffix("\n..."))


def _comment(words: str) -> list[str]:
    wrapped = textwrap.wrap(clean(words, None), 110, break_long_words=False, break_on_hyphens=False)
    return [f"# {line}" for line in wrapped]


def _beside(survey: Survey, sites: Sequence[Website]) -> list[str]:
    """What stands beside the websites on their host, for whoever reads the draft."""
    folders = [survey.folder(site) for site in sites]
    others = [one for one in choice.served(survey) if one not in sites]
    rows = [_("neighbour: {name} in {root}").format(name=one.label, root=one.root) for one in others]
    rows += [_("cron: {line}").format(line=line) for folder in folders for line in folder.jobs]
    inside = [f"{name} → {target}" for folder in folders for name, target in folder.outward.items()]
    rows += [_("link out of the root: {link}").format(link=link) for link in inside[:12]]
    rows += [_("and {count} more links").format(count=len(inside) - 12)] if len(inside) > 12 else []
    rows += [_("handed on to a program that was not found: {what}").format(what=what) for what in survey.handed_on]
    rows += [_("not looked at: {what}").format(what=what) for what in survey.left_out]
    return ["", *(line for row in rows for line in _comment(row))] if rows else []


def write(folder: Path, host: str, draft: str, *, replace: bool) -> Path:
    """Write the draft to ``host_vars`` of an inventory folder and return its path. An earlier file is kept beside it.

    Raises:
        Refused: There is another file, and it may not be replaced.
        OSError: It can't be written.
    """
    path = folder / "host_vars" / f"{host}.yml"
    if path.exists() and path.read_text("utf-8", "replace") not in (draft, EMPTY):
        if not replace:
            raise Refused(
                _("{path} exists and differs from the draft.").format(path=path),
                _("Nothing was written."),
                _("Compare it with the draft (leave out --out), or add --replace: the earlier file is kept beside it."),
            )
        put(path.with_name(f"{path.name}~"), path.read_bytes())  # Ansible leaves names that end so alone
    make_private(path.parent)
    return put(path, draft)
