"""`config`: what is wrong with the inventory, what holds for a host and where it was written. No host is asked."""

from __future__ import annotations

from ungcuu.core.errors import Exit, Outcome
from ungcuu.core.i18n import N_, ngettext
from ungcuu.run.verb import Context, Hosts, Option, Phase, Result, Verb, Websites


def _check(context: Context) -> Result:
    """Name all that is wrong, a line each."""
    from ungcuu.hosts.inventory_check import faults

    found = faults(context.site)
    for line in found:
        context.out.line("✗ " + line, "bad")
    count = len(found)
    if count:
        message = ngettext("{count} fault in {path}", "{count} faults in {path}", count)
        message = message.format(count=count, path=context.site.inventory)
        return Result(Outcome.NOT_DONE, message, {"faults": found}, Exit.INVENTORY)
    hosts = len(context.site.hosts)
    message = ngettext("{path}: {count} host, nothing wrong", "{path}: {count} hosts, nothing wrong", hosts)
    message = message.format(path=context.site.inventory, count=hosts)
    return Result(message=message, data={"faults": []})


def _show(context: Context) -> Result:
    """Show what holds for a host, under the file that states it."""
    from ungcuu.hosts.inventory_check import settings

    found = settings(context.site, context.host, defaults=bool(context.options["all"]))
    source = None
    for one in found:
        if one.source != source:
            source = one.source
            context.out.line(source, "strong")
        context.out.line(f"  {one.line or '':>4}  {one.name}: {one.text}")
    rows = [
        {"name": one.name, "value": one.text, "source": one.source, "line": one.line, "default": one.default}
        for one in found
    ]
    message = ngettext("{count} value holds for {host}", "{count} values hold for {host}", len(found))
    return Result(message=message.format(count=len(found), host=context.host), data={"settings": rows})


def _schema(context: Context) -> Result:
    """Print the JSON Schema of a file of variables."""
    import json

    from ungcuu.hosts.fact_schema import schema

    document = schema(context.settings.roles)
    context.out.block(json.dumps(document, indent=1, ensure_ascii=False))
    return Result(data={"schema": document})


VERB = Verb(
    name="config",
    phase=Phase.PREPARE,
    summary=N_("Check the inventory; show what holds for a host, and where it is written"),
    hosts=Hosts.NONE,
    verbs=(
        Verb(
            name="check",
            phase=Phase.PREPARE,
            summary=N_("Name every unknown, missing or malformed value of the inventory, with file, line and example"),
            hosts=Hosts.NONE,
            run=_check,
            read_only=True,
            takes_lock=False,
            journaled=False,
            steps_before=(
                N_("Read the files of the inventory; name each variable that nothing reads"),
                N_("Check the facts of each website, and the options of the roles as Ansible will check them"),
            ),
            examples=("ungcuu config check", "ungcuu -i inventory/site config check --json"),
        ),
        Verb(
            name="show",
            phase=Phase.PREPARE,
            summary=N_("Show each value that holds for a host, with the file and line that states it; secrets hidden"),
            hosts=Hosts.ONE,
            websites=Websites.EACH,
            options=(Option("--all", N_("Also the roles' defaults for what the inventory leaves out"), "flag"),),
            run=_show,
            read_only=True,
            takes_lock=False,
            journaled=False,
            steps_before=(N_("Read the inventory as Ansible does; show the values with their places"),),
            examples=("ungcuu config show web01", "ungcuu config show web01 --all"),
        ),
        Verb(
            name="schema",
            phase=Phase.PREPARE,
            summary=N_("Print the JSON Schema of group_vars and host_vars, for editors"),
            hosts=Hosts.NONE,
            run=_schema,
            read_only=True,
            takes_lock=False,
            journaled=False,
            steps_before=(N_("Print the schema, made from the roles' own declarations"),),
            examples=("ungcuu config schema > inventory/site/schema.json",),
        ),
    ),
)
