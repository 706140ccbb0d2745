"""What can be typed: the verbs as click knows them, their help by phase, and completion.

A verb's file is imported only when it is needed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click
from click.core import ParameterSource

from ungcuu import __version__
from ungcuu.cli import registry
from ungcuu.core import i18n
from ungcuu.core.errors import UngcuuError
from ungcuu.core.i18n import N_, _
from ungcuu.core.settings import Settings
from ungcuu.run.verb import Argument, Hosts, Option, Phase, Verb

Invoke = Callable[[Verb, click.Context, dict[str, Any]], int]

PHASES = {
    Phase.PREPARE: N_("Prepare (before an incident)"),
    Phase.DETECT: N_("Detect and notify"),
    Phase.CONTAIN: N_("Contain and collect"),
    Phase.RECOVER: N_("Eradicate and recover"),
    Phase.REVIEW: N_("Review"),
    Phase.TOOL: N_("The tool itself"),
}


def _common() -> list[click.Parameter]:
    """Return the options that stand before or after any verb."""
    return [
        click.Option(
            ["--inventory", "-i"],
            metavar="SITE",
            help=_("Inventory folder, or a name below inventory/; else UNGCUU_INVENTORY, else inventory/site."),
        ),
        click.Option(["--plan"], is_flag=True, help=_("Show what would be done, and change nothing.")),
        click.Option(["--json"], is_flag=True, help=_("Print one JSON document; progress goes to standard error.")),
        click.Option(["--reason"], metavar="TEXT", help=_("Why; recorded in the journal.")),
        click.Option(["--case"], metavar="ID", help=_("Case that the run belongs to; else the host's open one.")),
        click.Option(
            ["--confirm-host"],
            metavar="NAME",
            multiple=True,
            help=_("Name of the host, for a dangerous verb where nobody can type it. Once for each host."),
        ),
        click.Option(["--lang"], type=click.Choice(i18n.LANGUAGES), help=_("Language; else the locale's.")),
        click.Option(["--verbose", "-v"], count=True, help=_("Show more; twice shows what Ansible says.")),
    ]


COMMON = ("inventory", "plan", "json", "reason", "case", "confirm_host", "lang", "verbose")


class _Group(click.Group):
    """A group that names the nearest verb when there is none of the name that was typed."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb of the first word."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            raise click.UsageError(_no_such(args[0], self.list_commands(ctx)), ctx) from None


class Root(_Group):
    """``ungcuu``: verbs grouped by the phase of the incident cycle."""

    def __init__(self, invoke: Invoke) -> None:
        """``invoke`` runs the verb that was parsed and returns its exit code."""
        self.invoke_verb = invoke
        super().__init__(
            "ungcuu",
            params=[
                *_common(),
                click.Option(
                    ["--version"],
                    is_flag=True,
                    is_eager=True,
                    expose_value=False,
                    callback=_version,
                    help=_("Show the version and exit."),
                ),
            ],
            help=_("Hardening and recovery for a website host: detect, contain, collect, eradicate, restore, report."),
            no_args_is_help=True,
            result_callback=lambda code, **_options: code,
            context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
        )

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all verbs."""
        return list(registry.names())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """Import one verb."""
        return command_of(registry.load(cmd_name), self.invoke_verb) if cmd_name in registry.names() else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write the verbs, grouped by phase."""
        rows: dict[Phase, list[tuple[str, str]]] = {phase: [] for phase in Phase}
        for name in registry.names():
            verb = registry.load(name)
            for inner in verb.verbs or (verb,):
                rows[inner.phase].append((f"{name} {inner.name}" if verb.verbs else name, _(inner.summary)))
        width = max((len(name) for found in rows.values() for name, _text in found), default=0)
        for phase, found in rows.items():
            if found:
                with formatter.section(_(PHASES[phase])):
                    formatter.write_dl([(name.ljust(width), text) for name, text in found])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Say where to start."""
        formatter.write_paragraph()
        formatter.write_text(
            _("ungcuu VERB --help lists the steps that a verb performs. Under attack: ungcuu isolate HOST")
        )


class VerbCommand(click.Command):
    """One verb; its help lists the steps that it performs."""

    verb: Verb

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the steps, then the verb's own options, then those of every verb."""
        _write_steps(self.verb, formatter)
        own = [p for p in self.get_params(ctx) if p.name not in (*COMMON, "help")]
        for title, params in (
            (_("Options"), own),
            (_("Options of every verb"), [p for p in self.get_params(ctx) if p not in own]),
        ):
            rows = [row for param in params if (row := param.get_help_record(ctx))]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
        if self.verb.examples:
            with formatter.section(_("Examples")):
                for example in self.verb.examples:
                    formatter.write(f"  {example}\n")


class VerbGroup(_Group):
    """A verb that holds verbs: ``case open``."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the inner verbs in the order in which their file gives them."""
        return list(self.commands)


def command_of(verb: Verb, invoke: Invoke, prefix: str = "") -> click.Command:
    """Return the click command of a verb."""
    full = dataclasses.replace(verb, name=f"{prefix}{verb.name}")
    text = "\n\n".join(_(part) for part in (verb.summary, verb.description) if part)
    settings = {"help_option_names": ["--help", "-h"], "max_content_width": 100}
    if verb.verbs:
        inner = {v.name: command_of(v, invoke, f"{full.name} ") for v in verb.verbs}
        return VerbGroup(
            verb.name,
            commands=inner,
            help=text,
            short_help=_(verb.summary),
            context_settings=settings,
            params=_common(),
            result_callback=lambda code, **_options: code,
        )
    params = [*_positionals(full), *(_option(option) for option in verb.options), *_common()]
    command = VerbCommand(
        verb.name,
        params=params,
        help=text,
        short_help=_(verb.summary),
        context_settings=settings,
        callback=click.pass_context(_Callback(full, invoke)),
    )
    command.verb = full
    return command


class _Callback:
    """What click calls for a verb; named for its traceback."""

    def __init__(self, verb: Verb, invoke: Invoke) -> None:
        self.verb, self.invoke = verb, invoke
        self.__name__ = verb.name

    def __call__(self, ctx: click.Context, **values: Any) -> int:
        return self.invoke(self.verb, ctx, values)


def _positionals(verb: Verb) -> list[click.Parameter]:
    found: list[click.Parameter] = []
    name = verb.host_word
    if verb.hosts in (Hosts.MANY, Hosts.ANY):
        needed = verb.hosts is Hosts.MANY and verb.without_host is None
        metavar = f"{name}..." if needed else f"[{name}...]"
        found.append(
            click.Argument(["hosts"], nargs=-1, required=needed, metavar=metavar, shell_complete=_complete_hosts)
        )
    elif verb.hosts is not Hosts.NONE:
        needed = verb.hosts in (Hosts.ONE, Hosts.GROUP)
        found.append(
            click.Argument(
                ["hosts"], required=needed, metavar=name if needed else f"[{name}]", shell_complete=_complete_hosts
            )
        )
    return [*found, *(_argument(argument) for argument in verb.arguments)]


def _argument(argument: Argument) -> click.Argument:
    def complete(_ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
        known = argument.complete(typed) if argument.complete else argument.choices
        return [word for word in known if word.startswith(typed)]

    metavar = argument.name.upper() + ("..." if argument.many else "")
    return click.Argument(
        [argument.key],
        nargs=-1 if argument.many else 1,
        required=argument.required,
        type=click.Choice(argument.choices) if argument.choices else str,
        metavar=metavar if argument.required else f"[{metavar}]",
        shell_complete=complete,
    )


def _option(option: Option) -> click.Option:
    kinds: Mapping[str, Any] = {"int": int, "float": float, "path": click.Path(), "text": str, "flag": bool}
    name = option.name if option.name.startswith("-") else f"--{option.name}"
    extra: dict[str, Any] = (
        {"is_flag": True}
        if option.kind == "flag"
        else {"type": click.Choice(option.choices) if option.choices else kinds[option.kind]}
    )
    if option.multiple:
        extra["multiple"] = True
    elif option.default is not None:
        extra["default"] = option.default
    return click.Option(
        [name, option.key],
        help=_(option.help),
        metavar=option.metavar,
        required=option.required,
        show_default=option.default is not None and option.kind != "flag",
        **extra,
    )


def _complete_hosts(ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    """Return the hosts and groups whose names begin with what was typed; from the files alone, for speed."""
    from ungcuu.cli.completion import host_names

    return [name for name in host_names(common_values(ctx).get("inventory")) if name.startswith(typed)]


def _version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"ungcuu {__version__}")
        ctx.exit()


def _no_such(name: str, known: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, list(known), n=1)
    hint = _(" Did you mean {near}?").format(near=near[0]) if near else ""
    return _("There is no verb {name}.").format(name=name) + hint


def _write_steps(verb: Verb, formatter: click.HelpFormatter) -> None:
    from ungcuu.run.verb_plan import verb_steps

    try:
        steps = verb_steps(verb, Settings.from_environment())
    except UngcuuError:
        steps = ()
    if not steps:
        return
    with formatter.section(_("Steps")):
        formatter.write_dl([(f"{number:>2}", _(step.name)) for number, step in enumerate(steps, 1)])


def common_values(ctx: click.Context) -> dict[str, Any]:
    """Return the common options; one given after the verb wins over one given before it."""
    values: dict[str, Any] = {}
    chain: list[click.Context] = []
    walker: click.Context | None = ctx
    while walker is not None:
        chain.insert(0, walker)
        walker = walker.parent
    for context in chain:
        for name in COMMON:
            given = context.get_parameter_source(name) not in (None, ParameterSource.DEFAULT)
            if given or name not in values:
                values[name] = context.params.get(name)
    return values
