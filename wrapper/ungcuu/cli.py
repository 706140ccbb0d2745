"""The command line: parse, wire, render, exit. A verb's file is imported only when it is needed."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TextIO, cast

import click
from click.core import ParameterSource

from ungcuu import __version__, fastcut, i18n, registry
from ungcuu.errors import Exit, Refused, Stopped, Terminated, UngcuuError, UsageFault
from ungcuu.i18n import N_, _
from ungcuu.screen import Screen
from ungcuu.settings import Settings
from ungcuu.streams import Lasting
from ungcuu.verb import Argument, Hosts, Option, Phase, Verb

PHASES = {
    Phase.PREPARE: N_("Prepare (before an incident)"),
    Phase.DETECT: N_("Detect and notify"),
    Phase.CONTAIN: N_("Contain and collect"),
    Phase.RECOVER: N_("Eradicate and recover"),
    Phase.REVIEW: N_("Review"),
    Phase.TOOL: N_("The tool itself"),
}


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with the code of what happened."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    fastcut.begin(words)
    i18n.set_language(_language_in(words))
    i18n.translate_libraries()
    signal.signal(signal.SIGTERM, _terminate)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a lost terminal must not leave a host half-changed
    code = int(run(words))
    fastcut.tell_untaken()
    sys.exit(code)


def run(words: Sequence[str]) -> int:
    """Run the command line and return the exit code."""
    as_json = "--json" in words
    try:
        code = Root().main(list(words), prog_name="ungcuu", standalone_mode=False)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as error:
        return _show_usage_error(error, as_json)
    except (click.Abort, KeyboardInterrupt, Terminated) as stop:
        _show(Stopped(_("Stopped before anything was begun."), _("Nothing was changed.")), as_json)
        return Exit.TERMINATED if isinstance(stop, Terminated) else Exit.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    return code if isinstance(code, int) else Exit.OK


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise Terminated


def _language_in(words: Sequence[str]) -> str | None:
    """Return the value of ``--lang`` before anything is parsed: help texts are made while parsing."""
    for index, word in enumerate(words):
        if word == "--":
            break
        if word.startswith("--lang="):
            return word.partition("=")[2]
        if word == "--lang" and index + 1 < len(words):
            return words[index + 1]
    return None


# --- parsing ------------------------------------------------------------------------------------------------------


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


class Root(click.Group):
    """``ungcuu``: verbs grouped by the phase of the incident cycle."""

    def __init__(self) -> None:
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
            help=_("Hardening and recovery for a website host: notice, contain, collect, clean, restore, report."),
            no_args_is_help=True,
            result_callback=lambda code, **_options: code,
            context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
        )

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all verbs."""
        return list(registry.names())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """Import one verb."""
        return command_of(registry.load(cmd_name)) if cmd_name in registry.names() else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest verb when there is none of that name."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            raise click.UsageError(_no_such(args[0], registry.names()), ctx) from None

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


class VerbGroup(click.Group):
    """A verb that holds verbs: ``case open``."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the inner verbs in the order in which their file gives them."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest verb when there is none of that name."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            raise click.UsageError(_no_such(args[0], tuple(self.commands)), ctx) from None


def command_of(verb: Verb, prefix: str = "") -> click.Command:
    """Return the click command of a verb."""
    full = dataclasses.replace(verb, name=f"{prefix}{verb.name}")
    text = "\n\n".join(_(part) for part in (verb.summary, verb.description) if part)
    settings = {"help_option_names": ["--help", "-h"], "max_content_width": 100}
    if verb.verbs:
        inner = {v.name: command_of(v, f"{full.name} ") for v in verb.verbs}
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
        callback=click.pass_context(_Callback(full)),
    )
    command.verb = full
    return command


class _Callback:
    """What click calls for a verb; named for its traceback."""

    def __init__(self, verb: Verb) -> None:
        self.verb = verb
        self.__name__ = verb.name

    def __call__(self, ctx: click.Context, **values: Any) -> int:
        return invoke(self.verb, ctx, values)


def _positionals(verb: Verb) -> list[click.Parameter]:
    found: list[click.Parameter] = []
    if verb.hosts is Hosts.MANY:
        found.append(
            click.Argument(["hosts"], nargs=-1, required=True, metavar="HOST...", shell_complete=_complete_hosts)
        )
    elif verb.hosts is not Hosts.NONE:
        needed = verb.hosts is Hosts.ONE
        found.append(
            click.Argument(
                ["hosts"], required=needed, metavar="HOST" if needed else "[HOST]", shell_complete=_complete_hosts
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
    from ungcuu.completing import host_names

    return [name for name in host_names(_common_values(ctx).get("inventory")) if name.startswith(typed)]


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
    from ungcuu.planning import verb_steps

    try:
        steps = verb_steps(verb, Settings.from_environment())
    except UngcuuError:
        steps = ()
    if not steps:
        return
    with formatter.section(_("Steps")):
        formatter.write_dl([(f"{number:>2}", _(step.name)) for number, step in enumerate(steps, 1)])


# --- running ------------------------------------------------------------------------------------------------------


def _common_values(ctx: click.Context) -> dict[str, Any]:
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


def invoke(verb: Verb, ctx: click.Context, values: dict[str, Any]) -> int:
    """Run a verb with what was parsed, render what came of it, and return its exit code."""
    from ungcuu import flow, render
    from ungcuu.site import find_inventory

    common = _common_values(ctx)
    own = {key: value for key, value in values.items() if key not in COMMON and key != "hosts"}
    out = Screen(cast("TextIO", Lasting(sys.stderr if common["json"] else sys.stdout)))
    settings = dataclasses.replace(Settings.from_environment(), verbosity=int(common["verbose"] or 0))
    if common["inventory"]:
        try:
            settings = dataclasses.replace(
                settings, inventory=find_inventory(settings, common["inventory"], os.environ, Path.cwd())
            )
        except UngcuuError as error:
            return _finish(render, flow.failed({"verb": verb.name}, error, ()), out, common)
    typed = values.get("hosts") or ()
    request = flow.Request(
        verb=verb,
        names=(typed,) if isinstance(typed, str) else tuple(typed),
        options=own,
        reason=common["reason"] or "",
        case=common["case"],
        plan_only=bool(common["plan"]),
    )
    confirmer = _Confirmer(tuple(common["confirm_host"] or ()), out)
    return _finish(render, flow.execute(request, settings, out, confirmer), out, common)


def _finish(render: Any, report: Any, out: Screen, common: Mapping[str, Any]) -> int:
    if common["json"]:
        document = Lasting(sys.stdout)
        document.write(json.dumps(report.document, ensure_ascii=True, default=str, indent=2) + "\n")
        document.flush()
    render.report(report, out, plain=not common["json"])
    return int(report.code)


class _Confirmer:
    """Asks for the name of each host to be typed, before a dangerous verb."""

    def __init__(self, given: tuple[str, ...], out: Screen) -> None:
        self.given, self.out = given, out

    def __call__(self, verb: Verb, hosts: Sequence[str]) -> None:
        names = " ".join(f"--confirm-host {host}" for host in hosts)
        command = f"ungcuu {verb.name} {' '.join(hosts)} {names}"
        if self.given or not sys.stdin.isatty():
            if missing := [host for host in hosts if host not in self.given]:
                raise Refused(
                    _("{verb} is dangerous and was not confirmed for {hosts}.").format(
                        verb=verb.name, hosts=", ".join(missing)
                    ),
                    _("Nothing was touched."),
                    command,
                )
            return
        self.out.line(_("{verb}: {summary}").format(verb=verb.name, summary=_(verb.summary)), "warn")
        for host in hosts:
            typed = click.prompt(
                _("Type the host's name to go on ({host})").format(host=host), default="", show_default=False, err=True
            )
            if typed.strip() != host:
                raise Refused(_("{host} was not confirmed.").format(host=host), _("Nothing was touched."), command)


def _show_usage_error(error: click.ClickException, as_json: bool) -> int:
    """Show what was wrong with the command line, in the form of every other error."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "ungcuu"
    mend = f"{path} --help"
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return Exit.USAGE
    _show(UsageFault(error.format_message(), _("Nothing was touched."), mend), as_json)
    return Exit.USAGE


def _show(error: UngcuuError, as_json: bool) -> None:
    """Show an error that came before there was a run."""
    from ungcuu import flow, render

    report = flow.failed({}, error, ())
    if as_json:
        sys.stdout.write(json.dumps(report.document, ensure_ascii=True, indent=2) + "\n")
    render.report(report, Screen(sys.stderr), plain=True)
