"""The draft of a website's inventory: each fact with how sure it is and where it comes from, as YAML with comments.

Comments hold words of a host: they are made harmless, and none can end its line. Values are what the forms of
:mod:`ungcuu.hosts.website_facts` take; a brace, which Ansible would read as a template, is in none.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ungcuu.core.atomic import make_private, put
from ungcuu.core.errors import Refused
from ungcuu.core.i18n import _
from ungcuu.core.terminal import clean
from ungcuu.hosts.discovery import choice
from ungcuu.hosts.discovery.facts import WORDS, Found, Sure
from ungcuu.hosts.discovery.reading import Survey
from ungcuu.hosts.discovery.vhosts import Website
from ungcuu.hosts.website_facts import FACTS, OPTIONAL

_FORMS = {fact.name: fact.form for fact in FACTS}
# What stands in place of the draft until there is one. Ansible keeps in mind which files a folder had at first.
EMPTY = "---\n"
PEOPLE = {
    "website_contacts": ["mailto:baomat@example.gov.vn"],
    "website_vault_host": "controller",
    "website_vault_address": "192.0.2.100",
    "isolation_switch_note": "switch sw1, port 7",
}  # what no host knows, and what it looks like


def usable(fact: Found) -> bool:
    """Whether the value may be written into an inventory."""
    if fact.value is None:
        return False
    known = fact.name in OPTIONAL or _FORMS[fact.name](fact.value)
    return bool(known) and not any(mark in str(fact.value) for mark in ("{{", "{%", "{#"))


def text(host: str, survey: Survey, site: Website, found: Iterable[Found], stated: Iterable[str] = ()) -> str:
    """Return the draft. ``stated`` are variables that the inventory states elsewhere; they are not asked for again."""
    lines = [
        "---",
        *_comment(
            _("Draft by ungcuu discover {host}: check each line, then run ungcuu doctor {host}.").format(host=host)
        ),
    ]
    for fact in found:
        lines += ["", *_fact(fact)]
    known = set(stated)
    if missing := [name for name in PEOPLE if name not in known]:
        lines += ["", *_comment(_("No host knows these. Set them here, or for all websites in group_vars:"))]
        lines += [f"# {name}: {_yaml(PEOPLE[name])}" for name in missing]
    lines += _beside(survey, site)
    return "\n".join(lines) + "\n"


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


def _beside(survey: Survey, site: Website) -> list[str]:
    """What stands beside the website on its host, for whoever reads the draft."""
    folder = survey.folder(site)
    others = [one for one in choice.served(survey) if one is not site]
    rows = [_("neighbour: {name} in {root}").format(name=one.label, root=one.root) for one in others]
    rows += [_("cron: {line}").format(line=line) for line in folder.jobs]
    inside = [f"{name} → {target}" for name, target in folder.outward.items()]
    rows += [_("link out of the root: {link}").format(link=link) for link in inside[:12]]
    rows += [_("and {count} more links").format(count=len(inside) - 12)] if len(inside) > 12 else []
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
