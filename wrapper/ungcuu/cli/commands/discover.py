"""`discover`: read how a host's websites are set up, and draft the inventory. Nothing is changed on the host."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ungcuu.cli.options import WEBSITE
from ungcuu.core.errors import Exit, InventoryError, Outcome, UsageFault
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Context, Hosts, Option, Phase, Result, Verb

if TYPE_CHECKING:
    from ungcuu.hosts.discovery.reading import Survey
    from ungcuu.hosts.discovery.several import Entry
    from ungcuu.hosts.discovery.vhosts import Website


def _check(context: Context) -> None:
    if context.options["replace"] and not context.options["out"]:
        raise UsageFault(_("--replace is for --out."), _("Nothing was touched."), "ungcuu discover --help")


def _run(context: Context) -> Result:
    from ungcuu.hosts.discovery import draft
    from ungcuu.hosts.discovery.facts import facts
    from ungcuu.hosts.discovery.facts import usable as is_usable
    from ungcuu.hosts.discovery.reading import survey

    host, variables = context.host, context.site.variables(context.host)
    context.doing(_("Read the host"), host=host)
    seen = survey(context.target())
    if len(chosen := _several(context, seen)) > 1:
        return _all_of_them(context, seen, chosen)
    site = _website(context, seen)
    found = facts(seen, site)
    text = draft.text(host, seen, site, found, variables)
    usable = [fact for fact in found if is_usable(fact)]
    data: dict[str, object] = {
        "website": site.label,
        "websites": _listed(seen),
        "facts": [{**vars(fact), "sure": fact.sure.value} for fact in found],
        "left_out": list(seen.left_out),
        "draft": text,
    }
    message = _("{name} on {host}: {count} of {all} facts found").format(
        name=site.label, host=host, count=len(usable), all=len(found)
    )
    return _shown_or_written(context, text, message, data, bool(usable))


def _several(context: Context, seen: Survey) -> tuple[Entry, ...]:
    """Return the websites for a list of them; none where one is named, or the inventory describes one already."""
    from ungcuu.hosts.discovery import several

    return () if context.options["website"] or _stated(context) else several.entries(seen)


def _all_of_them(context: Context, seen: Survey, chosen: tuple[Entry, ...]) -> Result:
    """Draft a list of several websites."""
    from ungcuu.hosts.discovery import draft

    host = context.host
    _show(context, seen)
    text = draft.text_of_several(host, seen, chosen, context.site.variables(host))
    rows = [
        {"name": entry.name, "facts": [{**vars(fact), "sure": fact.sure.value} for fact in entry.facts]}
        for entry in chosen
    ]
    data = {"websites": _listed(seen), "list": rows, "left_out": list(seen.left_out), "draft": text}
    names = ", ".join(f"{host}/{entry.name}" for entry in chosen)
    message = _("{count} websites on {host}, as a list: {names}").format(count=len(chosen), host=host, names=names)
    return _shown_or_written(context, text, message, data, whole=True)


def _shown_or_written(context: Context, text: str, message: str, data: Mapping[str, object], whole: bool) -> Result:
    from ungcuu.hosts.discovery import draft

    if not context.options["out"]:
        context.out.block(text)
        return Result(Outcome.DONE, message, data)
    path = draft.write(Path(context.options["out"]), context.host, text, replace=context.options["replace"])
    written = _("written to {path}; check each line, then: ungcuu doctor {host}").format(path=path, host=context.host)
    return Result(Outcome.DONE, f"{message}\n{written}", {**data, "file": str(path)}, None if whole else Exit.FOUND)


def _listed(seen: Survey) -> list[dict[str, object]]:
    from ungcuu.hosts.discovery import choice
    from ungcuu.hosts.discovery.facts import application

    rows: list[dict[str, object]] = []
    for site in choice.served(seen):
        app = application(seen.folder(site), site.root)
        ports = [port for port, _tls in site.ports]
        rows.append({"name": site.label, "root": site.root, "ports": ports, "application": app.title if app else ""})
    return rows


def _website(context: Context, seen: Survey) -> Website:
    """Return the website that is meant; asks only where several are as well founded, and somebody can answer."""
    from ungcuu.hosts.discovery import choice

    found, wanted, host = choice.served(seen), context.options["website"], context.host
    again = f"ungcuu discover {host} --website {{name}}"
    known = ", ".join(site.label for site in found)
    if not found and seen.handed_on:
        raise InventoryError(
            _("A web server of {host} hands its websites on to programs whose folder was not found:").format(host=host)
            + "".join(f"\n  {line}" for line in seen.handed_on),
            _("Nothing was changed on it."),
            _("Start the program; where it runs in a container or on another machine, describe the website by hand."),
        )
    if not found:
        raise InventoryError(
            _("No web server of {host} says what it serves.").format(host=context.host)
            + "".join(f"\n  {line}" for line in seen.left_out),
            _("Nothing was changed on it."),
            _("Start nginx or Apache there; its own test has to pass: nginx -t, apache2ctl -t"),
        )
    if len(found) > 1:
        _show(context, seen)
    if not wanted and len(found) > 1 and not _stated(context) and sys.stdin.isatty():
        from ungcuu.core.asking import ask

        question = _("Which website? Enter alone takes {name}").format(name=found[0].label)
        wanted = ask(context.out, question, _("Nothing was changed on it."))
    if not wanted:
        return choice.stated(seen, context.site.variables(context.host)) or found[0]
    if (site := choice.named(seen, wanted)) is None:
        raise InventoryError(
            _("{host} serves no website {name}; it serves {known}").format(host=context.host, name=wanted, known=known),
            _("Nothing was changed on it."),
            again.format(name=found[0].label),
        )
    return site


def _stated(context: Context) -> bool:
    return bool(context.site.variables(context.host).get("website_name"))


def _show(context: Context, seen: Survey) -> None:
    context.out.line(_("websites of {host}:").format(host=context.host), "strong")
    context.out.table((row["name"], row["application"] or "–", row["root"]) for row in _listed(seen))


VERB = Verb(
    name="discover",
    phase=Phase.PREPARE,
    summary=N_("Read how a host's websites are set up, and draft the inventory"),
    description=N_(
        "Reads the running configuration of nginx or Apache and PHP, recognises the application, and takes the "
        "database's facts from its settings. Shows a draft of the inventory: each fact with how sure it is and where "
        "it comes from. A host with several websites gets a list of them, unless --website names one. With --out the "
        "draft is written to host_vars. Nothing is changed on the host."
    ),
    hosts=Hosts.ONE,
    options=(
        WEBSITE,
        Option(
            "--out", N_("Inventory folder into whose host_vars the draft is written"), kind="path", metavar="FOLDER"
        ),
        Option("--replace", N_("Replace an earlier file; it is kept beside the new one"), kind="flag", default=False),
    ),
    check=_check,
    read_only=True,
    takes_lock=False,
    journaled=False,
    steps_before=(
        N_("Read the configuration of the web server, PHP and the databases"),
        N_("Look into each folder that is served, and ask for its first page over loopback"),
        N_("Show the facts with their evidence, or write them to host_vars"),
    ),
    run=_run,
    examples=(
        "ungcuu discover web01",
        "ungcuu discover web01 --website portal.example.gov.vn --out inventory/site",
    ),
)
