"""A command on hosts that serve several websites: one run a website, and one report of all.

Most hosts are one website: their command is the one run that was asked for, untouched by this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ungcuu.core.errors import Exit, Outcome, Refused, UsageFault
from ungcuu.core.i18n import _
from ungcuu.core.settings import machine_of
from ungcuu.run.verb import Hosts, Verb, Websites

if TYPE_CHECKING:
    from pathlib import Path

    from ungcuu.hosts.site import Site
    from ungcuu.run.verb import Context

_STOPS = (Exit.INTERRUPTED, Exit.TERMINATED)
_WORST = (Outcome.UNKNOWN, Outcome.NOT_DONE, Outcome.DONE)


@dataclass(frozen=True)
class Part:
    """What one run of a command is about: hosts, or one website of a host."""

    names: tuple[str, ...]
    website: str = ""
    first: bool = False  # about the host; the facts of the website, its first one, stand for the host's
    left: tuple[str, ...] = ()  # websites that the run then leaves alone

    @property
    def shown(self) -> tuple[str, ...]:
        """The names as people type them."""
        return tuple(f"{name}/{self.website}" for name in self.names) if self.website and not self.first else self.names


def parts(verb: Verb, names: Sequence[str], load: Callable[[], Site]) -> tuple[Part, ...]:
    """Return the runs that a command means. The inventory is loaded only for a verb that is about websites.

    Raises:
        UsageFault: A website was named for a verb that is about hosts.
        Refused: A host with several websites was named alone for a verb that changes one of them.
        InventoryError: The list of a host is wrong, or does not have the website.
    """
    if verb.websites is Websites.HOST:
        if named := [name for name in names if "/" in name]:
            raise UsageFault(
                _("{verb} is about a whole host, not about one of its websites.").format(verb=verb.name),
                _("Nothing was touched."),
                f"ungcuu {verb.name} {' '.join(map(machine_of, named))}",
            )
        return (Part(tuple(names)),)
    from ungcuu.hosts import websites

    if not names and verb.hosts not in (Hosts.OPTIONAL, Hosts.ANY):
        return (Part(()),)
    site = load()
    if not names:  # all websites: one by one where a host has several
        names = site.groups.get("website", ())
        if not any(websites.listed(site.variables(host)) for host in names):
            return (Part(()),)
    plain: list[str] = []
    found: list[Part] = []
    for name in names:
        host, _slash, website = name.partition("/")
        if website:
            websites.laid_over(site, host, website)
            found.append(_of_one(verb, site, host, website))
            continue
        for one in site.expand([host]):
            several = _of_host(verb, site, one)
            found += several
            plain += [] if several else [one]
    together = [Part(tuple(dict.fromkeys(plain)))] if plain else []
    return (*together, *dict.fromkeys(found))


def _of_one(verb: Verb, site: Site, host: str, website: str) -> Part:
    from ungcuu.hosts import websites

    if verb.websites is Websites.NONE:
        raise _unable(verb, host)
    if verb.websites is Websites.WHOLE and not verb.website_playbook:
        raise Refused(
            _("{verb} is about {host} with all of its websites, not about {name} alone.").format(
                verb=verb.name, host=host, name=f"{host}/{website}"
            ),
            _("Nothing was touched."),
            f"ungcuu {verb.name} {host}",
        )
    if verb.websites is Websites.FIRST:
        (part,) = _of_host(verb, site, host)
        if part.website != website:
            raise Refused(
                _("{verb} works on the first website of the list alone, {first}, not on {name}.").format(
                    verb=verb.name, first=f"{host}/{websites.of_host(site, host)[0].name}", name=f"{host}/{website}"
                ),
                _("Nothing was touched."),
                f"ungcuu {verb.name} {host}",
            )
        return part
    return Part((host,), website)


def _of_host(verb: Verb, site: Site, host: str) -> list[Part]:
    """Return a run for each website of a host that has several."""
    from ungcuu.hosts import websites

    known = websites.of_host(site, host)
    if known and verb.websites is Websites.NONE:
        raise _unable(verb, host)
    if known and verb.websites is Websites.ONE:
        raise Refused(
            _("{verb} changes one website, and {host} has several: {names}").format(
                verb=verb.name, host=host, names=", ".join(f"{host}/{website.name}" for website in known)
            ),
            _("Nothing was touched."),
            f"ungcuu {verb.name} {host}/{known[0].name}",
        )
    if known and verb.websites is Websites.WHOLE:
        others = known[1:] if verb.website_playbook else ()
        return [Part((host,), known[0].name, True), *(Part((host,), website.name) for website in others)]
    if known and verb.websites is Websites.FIRST:
        return [Part((host,), known[0].name, True, tuple(f"{host}/{website.name}" for website in known[1:]))]
    return [Part((host,), website.name) for website in known]


def _unable(verb: Verb, host: str) -> Refused:
    return Refused(
        _("{verb} can't work yet on a host whose inventory lists several websites: {host}.").format(
            verb=verb.name, host=host
        ),
        _("Nothing was touched."),
        _("Which verbs can: docs/how-to/several-websites.md"),
    )


def lay_over(ctx: Context, part: Part, folder: Path) -> None:
    """Let the wrapper and Ansible see the facts of one website as the host's own."""
    from ungcuu.hosts import websites

    (host,) = part.names
    ctx.website, ctx.first_website = ("", part.website) if part.first else (part.website, "")
    ctx.site = websites.laid_over(ctx.site, host, part.website)
    facts = next(one for one in websites.of_host(ctx.site, host) if one.name == part.website)
    ctx.laid_over = (websites.write_inventory(folder, host, facts.variables(host)),)


def each_of(ctx: Context, host: str, stack: ExitStack) -> list[Context]:
    """Return a context for each website of a host, in one run about all of them; ``ctx`` itself in one about one."""
    from ungcuu.core.scratch import private_folder
    from ungcuu.hosts import websites

    found = []
    for website in () if ctx.website else websites.of_host(ctx.site, host):
        one = replace(ctx, hosts=(host,))
        one.site = ctx.site
        lay_over(one, Part((host,), website.name), stack.enter_context(private_folder()))
        found.append(one)
    return found or [ctx]


def name_left(ctx: Context, part: Part, document: dict[str, object]) -> None:
    """Say which websites of the host a run leaves alone, since it works on the first of them only."""
    for name in part.left:
        text = _("{name}: left alone. {verb} works on the first website of the host, {first}, only.").format(
            name=name, verb=ctx.verb.name, first=f"{part.names[0]}/{part.website}"
        )
        known = document.get("warnings")
        document["warnings"] = [*(known if isinstance(known, list) else ()), text]
        ctx.out.line(text, "warn")


def outcomes(
    asked: Sequence[Part], run: Callable[[Part], tuple[Mapping[str, object], Exit]]
) -> Iterator[tuple[Part, Mapping[str, object] | None, Exit]]:
    """Yield what came of each run in turn; nothing (``None``) for those that were not begun after a stop."""
    stopped: Exit | None = None
    for part in asked:
        if stopped is not None:
            yield part, None, stopped
            continue
        document, code = run(part)
        stopped = code if code in _STOPS else None
        yield part, document, code


def summary(results: Sequence[tuple[Part, Mapping[str, object] | None, Exit]]) -> tuple[dict[str, object], Exit]:
    """Return the document of all runs, and the exit code: that of the worst outcome, else that something was found."""
    hosts: dict[str, object] = {}
    rows: list[tuple[Outcome, Exit]] = []
    documents: list[Mapping[str, object]] = []
    for part, document, code in results:
        known = document or {}
        said = str(known.get("outcome") or Outcome.NOT_DONE.value)
        mine = known.get("hosts")
        hosts |= dict(mine) if isinstance(mine, Mapping) and mine else {name: {"outcome": said} for name in part.shown}
        if document is None:
            hosts |= {name: {"outcome": said, "problem": "not started"} for name in part.shown}
        else:
            documents.append(document)
        rows.append((Outcome(said) if said in set(Outcome) else Outcome.DONE, code))
    worst = next(outcome for outcome in _WORST if any(row[0] is outcome for row in rows))
    code = max((row[1] for row in rows if row[0] is worst), default=Exit.OK)
    planned = all(document.get("outcome") == "PLANNED" for document in documents)
    outcome = "PLANNED" if planned and documents else worst.value
    return {"outcome": outcome, "exit_code": int(code), "hosts": hosts, "runs": documents}, code
