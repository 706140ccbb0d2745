"""`init`: from nothing to an inventory that `doctor` has compared with the host. Asks only what no host knows."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ungcuu.cli.options import FINGERPRINT, WEBSITE
from ungcuu.core.errors import Exit, Outcome, Refused, UsageFault
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Context, Hosts, Option, Phase, Result, Verb

if TYPE_CHECKING:
    from ungcuu.hosts.new_site import Answers

FOLDER = "inventory/site"


def _check(context: Context) -> None:
    from ungcuu.hosts import new_site

    port = int(context.options["port"])
    fault = "" if 0 < port < 65536 else _("--port: {port} is no port").format(port=port)
    if fault := fault or new_site.wrong_name(context.options["name"]):
        raise UsageFault(fault, _("Nothing was touched."), "ungcuu init --help")


def _run(context: Context) -> Result:
    from ungcuu.run.failures import as_typed

    folder = Path(context.options["out"] or _usual_folder()).expanduser().absolute()
    if (folder / "hosts.yml").exists():
        _refuse_answers(context, folder)
        context.out.line(_("{folder} holds an inventory; it is left as it is.").format(folder=folder))
    else:
        _make(context, folder)
    settings = replace(context.settings, inventory=folder, typed_inventory=_typed(context, folder))
    context.settings = settings
    host = _host(context)
    _let_in(context, host)
    enrol = {"fingerprint": context.options["fingerprint"]}
    discover = {"website": context.options["website"], "out": str(folder), "replace": False}
    data: dict[str, object] = {"inventory": str(folder), "host": host}
    code = Exit.OK
    for name, options in (("enrol", enrol), ("discover", discover), ("doctor", {})):
        if name == "discover" and not _to_be_drafted(folder / "host_vars" / f"{host}.yml"):
            continue
        context.out.line(f"--- {name}", "strong")
        data[name], code = _step(context, name, host, options)
    message = _("the inventory is {folder}. Next: ungcuu harden {host} --plan")
    if code:
        message = _("the inventory is {folder}. Fix what doctor names, then: ungcuu doctor {host}")
    message = as_typed(message.format(folder=folder, host=host), settings.typed_inventory)
    return Result(Outcome.DONE, message, data, code or None)


def _usual_folder() -> str:
    """Where the inventory goes when nobody names a folder: with the Debian package beside its other settings."""
    from ungcuu.hosts.site import INSTALLED

    here = Path(FOLDER).parent.is_dir()
    return FOLDER if here or not os.access(INSTALLED, os.W_OK) else str(INSTALLED / "inventory")


def _to_be_drafted(path: Path) -> bool:
    """Whether there is no draft yet: one that exists may have been corrected by a person, and doctor compares it."""
    from ungcuu.hosts.discovery import draft

    return not path.exists() or path.read_text("utf-8", "replace") == draft.EMPTY


def _step(context: Context, name: str, host: str, options: dict[str, Any]) -> tuple[dict[str, object], Exit]:
    """Run one verb as if it were typed. What stops it stops `init`, which can be typed again."""
    from ungcuu.cli import registry
    from ungcuu.run import flow

    verb = registry.load(name)
    request = flow.Request(verb, (host,), registry.with_defaults(verb, options), reason=context.reason)
    report = flow.execute(request, context.settings, context.out, context.confirm)
    if report.error is not None:
        fix, state = report.error.fix.rstrip("."), report.error.state
        report.error.fix = _("{fix}. Then go on with: {again}").format(fix=fix, again=_again(context))
        report.error.state = _("The inventory stands as it was written. On {host}: {state}").format(
            host=host, state=state
        )
        raise report.error
    context.out.block(str(report.document.get("message", "")))
    return report.document, report.code


def _again(context: Context) -> str:
    return "ungcuu init" + (f" --out {shlex.quote(context.options['out'])}" if context.options["out"] else "")


def _typed(context: Context, folder: Path) -> str:
    """Return what has to stand after -i in the commands that are named: nothing where the folder is found by itself."""
    return str(context.options["out"]) if folder != Path(_usual_folder()).absolute() else ""


def _host(context: Context) -> str:
    """Return the website's host of the inventory.

    Raises:
        Refused: It has none, or several.
    """
    hosts = context.site.groups.get("website", ())
    if len(hosts) != 1:
        raise Refused(
            _("The inventory has {count} website hosts; init makes an inventory for one.").format(count=len(hosts)),
            _("Nothing was touched."),
            "; ".join(f"ungcuu enrol {host}" for host in hosts) or "ungcuu init --help",
        )
    return hosts[0]


def _let_in(context: Context, host: str) -> None:
    """Show what is to be run on the host's console, unless it was enrolled before: then it lets the controller in."""
    from ungcuu.contain import card
    from ungcuu.core.asking import ask
    from ungcuu.hosts import new_site

    target = context.target(host)
    with contextlib.suppress(card.NoCard):
        if card.load(context.settings, host).source == card.fingerprint(context.site, host):
            return
    if target.key is not None:
        if new_site.make_key(target.key):
            context.out.line(_("made the key {path}; whoever reads it may log in on the hosts").format(path=target.key))
        context.out.line(_("Run as root on the console of {address}, if not done yet:").format(address=target.address))
        for line in new_site.console_lines(target.user, new_site.public_key(target.key)):
            context.out.line(f"    {line}", limit=None)
        context.out.line(_("The last line shows the fingerprint with which the next step is compared."))
    if sys.stdin.isatty() and not context.options["fingerprint"]:
        ask(
            context.out,
            _("Press Enter when this was done"),
            _("The inventory is written. Go on with: {again}").format(again=_again(context)),
        )


# --- the questions ----------------------------------------------------------------------------------------------------


def _make(context: Context, folder: Path) -> None:
    from ungcuu.hosts import new_site

    answers = _answers(context)
    for path in new_site.write(folder, answers):
        context.out.line(_("written: {path}").format(path=path))


def _answers(context: Context) -> Answers:
    from ungcuu.hosts import new_site

    given = context.options
    if not sys.stdin.isatty():
        _require(context)
    address = _answer(context, "address", _("Address of the website's machine"), new_site.wrong_address)
    own = new_site.own_address(address, given["port"])
    if not own:
        _own_unknown(context, address)
    asked = _("Account with which the controller logs in")
    account = _answer(context, "account", asked, new_site.wrong_account, "ungcuu")
    asked = _("Addresses or networks that may reach SSH")
    management = _answer(context, "management", asked, new_site.wrong_addresses, own)
    asked = _("Address of the backups' machine, or controller for this one")
    vault = _answer(context, "vault", asked, new_site.wrong_vault, new_site.HERE)
    asked = _("Where people report a vulnerability (mailto:, tel: or https:)")
    contact = _answer(context, "contact", asked, new_site.wrong_contact)
    asked = _("Where to cut the host off without its help (switch and port); Enter alone for none")
    note = _answer(context, "switch_note", asked, new_site.wrong_note, "")
    if vault == new_site.HERE and not own:
        raise _unreachable(address, _("Check the address and the network, or name another vault with --vault."))
    key = Path(given["key"] or "~/.ssh/id_ed25519").expanduser().absolute()
    allowed = tuple(dict.fromkeys(new_site.words(management)))
    return new_site.Answers(given["name"], address, account, allowed, vault, contact, note, own, key, given["port"])


def _own_unknown(context: Context, address: str) -> None:
    """The host's address leads nowhere: a name that does not resolve, mostly. Without a terminal nothing else is asked.

    Raises:
        Refused: Who may reach SSH was left to be found.
    """
    fix = _("Check the address and the network, or name who may reach SSH with --management.")
    fault = _unreachable(address, fix)
    if not sys.stdin.isatty() and context.options["management"] is None:
        raise fault
    context.out.line(fault.what, "warn")


def _unreachable(address: str, fix: str) -> Refused:
    what = _("No way leads to {address}: the name does not resolve, or no network goes there.").format(address=address)
    return Refused(what, _("Nothing was touched."), fix)


def _answer(context: Context, name: str, question: str, wrong: Callable[[str], str], default: str | None = None) -> str:
    """Return what an option gave, or what a person types; on a terminal a wrong answer is asked for again.

    Raises:
        UsageFault: The option's value means nothing.
    """
    from ungcuu.core.asking import ask

    value = context.options[name]
    if value is None and not sys.stdin.isatty():
        value = default or ""
    if value is not None:
        if fault := wrong(value):
            option = f"--{name.replace('_', '-')}"
            raise UsageFault(f"{option}: {fault}", _("Nothing was touched."), "ungcuu init --help")
        return str(value)
    shown = f"{question} [{default}]" if default else question
    while True:
        typed = ask(context.out, shown, _("Nothing was written.")) or default or ""
        if not (fault := wrong(typed)):
            return typed
        context.out.line(fault, "warn")


def _require(context: Context) -> None:
    """Without a terminal nobody can be asked.

    Raises:
        UsageFault: An answer without a default is missing; all of them are named.
    """
    missing = [f"--{name}" for name in ("address", "contact") if context.options[name] is None]
    if missing:
        raise UsageFault(
            _("Nobody can be asked here; missing: {options}").format(options=", ".join(missing)),
            _("Nothing was touched."),
            "ungcuu init --address 192.0.2.10 --contact mailto:baomat@example.gov.vn --fingerprint SHA256:…",
        )


def _refuse_answers(context: Context, folder: Path) -> None:
    """An inventory that exists is gone on with; answers that would not be used are no silent loss.

    Raises:
        UsageFault: Some were given.
    """
    names = ("address", "account", "management", "vault", "contact", "switch_note", "key")
    given = [f"--{name.replace('_', '-')}" for name in names if context.options[name] is not None]
    if given:
        raise UsageFault(
            _("{folder} holds an inventory already; {options} would change nothing.").format(
                folder=folder, options=", ".join(given)
            ),
            _("Nothing was touched."),
            _("{command} goes on with it; to change it, edit its files.").format(command=_again(context)),
        )


VERB = Verb(
    name="init",
    phase=Phase.PREPARE,
    summary=N_("Make the inventory of a website host, from the first question to doctor"),
    description=N_(
        "Asks only what no host knows: its address, who may reach it, where backups go, whom to write to. Makes the "
        "controller's SSH key where there is none, shows what to run on the host's console, enrols the host, finds the "
        "website's facts (discover) and compares them (doctor). Typed again, it goes on where it stopped."
    ),
    hosts=Hosts.NONE,
    options=(
        Option("--address", N_("Address of the website's machine"), metavar="ADDRESS"),
        Option("--port", N_("Port of its SSH server"), kind="int", default=22),
        Option("--name", N_("Its name in the inventory"), default="web01"),
        Option("--account", N_("Account with which the controller logs in; ungcuu by default"), metavar="NAME"),
        Option("--management", N_("Addresses or networks that may reach SSH; this machine by default"), metavar="LIST"),
        Option("--vault", N_("Address of the backups' machine; this machine by default"), metavar="ADDRESS"),
        Option("--contact", N_("Where people report a vulnerability"), metavar="mailto:ADDRESS"),
        Option("--switch-note", N_("How to cut the host off by hand"), metavar="TEXT"),
        Option("--key", N_("The controller's SSH key; ~/.ssh/id_ed25519 by default"), kind="path", metavar="FILE"),
        FINGERPRINT,
        WEBSITE,
        Option(
            "--out",
            N_("Inventory folder; inventory/site by default, /etc/ungcuu/inventory with the Debian package"),
            kind="path",
            metavar="FOLDER",
        ),
    ),
    check=_check,
    read_only=True,
    takes_lock=False,
    journaled=False,
    steps_before=(
        N_("Ask what no host knows, and write the inventory"),
        N_("Make the controller's SSH key where there is none, and show what to run on the host's console"),
        N_("Enrol the host: its fingerprint is compared by a person"),
        N_("Find the website's facts on the host, and write them to host_vars"),
        N_("Compare everything with the host (doctor)"),
    ),
    run=_run,
    examples=(
        "ungcuu init",
        "ungcuu init --address 192.0.2.10 --contact mailto:baomat@example.gov.vn --fingerprint SHA256:…",
    ),
)
