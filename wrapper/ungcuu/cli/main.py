"""The command line: wire what was parsed, render what came of it, exit."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TextIO, cast

import click

from ungcuu.cli.parser import COMMON, Root, common_values
from ungcuu.contain import fast_cut
from ungcuu.core import i18n, start_interrupt
from ungcuu.core.asking import ask
from ungcuu.core.errors import Exit, Refused, Stopped, Terminated, UngcuuError, UsageFault
from ungcuu.core.i18n import _
from ungcuu.core.settings import Settings
from ungcuu.core.streams import Lasting
from ungcuu.core.terminal import Screen
from ungcuu.run.verb import Verb


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with the code of what happened."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    fast_cut.begin(words)
    i18n.set_language(_language_in(words))
    i18n.translate_libraries()
    signal.signal(signal.SIGTERM, _terminate)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a lost terminal must not leave a host half-changed
    code = int(run(words))
    fast_cut.report_untaken()
    sys.exit(code)


def run(words: Sequence[str]) -> int:
    """Run the command line and return the exit code."""
    as_json = "--json" in words
    try:
        start_interrupt.give()
        code = Root(invoke).main(list(words), prog_name="ungcuu", standalone_mode=False)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as error:
        return _show_usage_error(error, as_json)
    except (click.Abort, KeyboardInterrupt, Terminated) as stop:
        _show(_stopped(), as_json)
        return Exit.TERMINATED if isinstance(stop, Terminated) else Exit.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    return code if isinstance(code, int) else Exit.OK


def _stopped() -> Stopped:
    """Return what is true of a command that was stopped outside its run: before it, or after it had begun."""
    from ungcuu.run import flow

    if hosts := fast_cut.begun():
        names = " ".join(hosts)
        state = _("{hosts} may or may not be cut off.").format(hosts=", ".join(hosts))
        return Stopped(_("Stopped while the cut was under way."), state, f"ungcuu isolate {names}")
    if flow.begun():
        state = _("The run had started; its journal holds its result.")
        return Stopped(_("Stopped before the result was shown."), state, "ungcuu resume")
    return Stopped(_("Stopped before anything was started."), _("Nothing was changed."))


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


def invoke(verb: Verb, ctx: click.Context, values: dict[str, Any]) -> int:
    """Run a verb with what was parsed, render what came of it, and return its exit code."""
    from ungcuu.cli import render
    from ungcuu.hosts.site import find_inventory
    from ungcuu.run import flow

    common = common_values(ctx)
    own = {key: value for key, value in values.items() if key not in COMMON and key != "hosts"}
    stream = cast("TextIO", Lasting(sys.stderr if common["json"] else sys.stdout))
    out = Screen(stream, watched=not common["json"] and int(common["verbose"] or 0) < 2)  # -vv: Ansible writes itself
    settings = dataclasses.replace(Settings.from_environment(), verbosity=int(common["verbose"] or 0))
    if common["inventory"]:
        try:
            found = find_inventory(settings, common["inventory"], os.environ, Path.cwd())
            settings = dataclasses.replace(settings, inventory=found, typed_inventory=common["inventory"])
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
    for one in report.parts or (report,):
        if one.error is not None:
            from ungcuu.run.failures import as_typed

            one.error.fix = as_typed(one.error.fix, common["inventory"] or "")
            one.document["error"]["next"] = one.error.fix
    if common["json"]:
        _print(report.document)
    render.report(report, out, plain=not common["json"])
    return int(report.code)


def _print(document: Mapping[str, object]) -> None:
    """Print the one JSON document. In ASCII: what a host said may stand in it, and this may be a terminal."""
    out = Lasting(sys.stdout)
    out.write(json.dumps(document, ensure_ascii=True, default=str, indent=2) + "\n")
    out.flush()


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
            question = _("Type the host's name to go on ({host})").format(host=host)
            if ask(self.out, question, _("Nothing was started.")) != host:
                raise Refused(_("{host} was not confirmed.").format(host=host), _("Nothing was touched."), command)


def _show_usage_error(error: click.ClickException, as_json: bool) -> int:
    """Show what was wrong with the command line, in the form of every other error."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "ungcuu"
    incomplete = isinstance(error, click.exceptions.NoArgsIsHelpError) or error.message == _("Missing command.")
    if incomplete and context and not as_json:  # a group without a verb: its help says what there is
        click.echo(context.get_help(), err=True)
        return Exit.USAGE
    message = _("Missing command.") if incomplete else error.format_message()
    if isinstance(error, click.NoSuchOption) and error.option_name == "--via":
        message = _(
            "{path} runs from this machine alone: it signs or keeps evidence or secrets here, or must not wait for "
            "another machine. Through a node run: harden, patch, backup, restore-points, block, unblock."
        ).format(path=path)
    fault = UsageFault(message, _("Nothing was touched."), f"{path} --help")
    _show(fault, as_json, path.removeprefix("ungcuu").strip())
    return Exit.USAGE


def _show(error: UngcuuError, as_json: bool, verb: str = "") -> None:
    """Show an error that came before there was a run."""
    from ungcuu.cli import render
    from ungcuu.run import flow

    report = flow.failed({"verb": verb}, error, ())
    if as_json:
        _print(report.document)
    render.report(report, Screen(cast("TextIO", Lasting(sys.stderr))), plain=True)
