"""`lab`: disposable systemd hosts in containers, for drills and tests."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from ungcuu.core.debian import DEFAULT, SUPPORTED
from ungcuu.core.i18n import N_, _
from ungcuu.run.verb import Argument, Context, Hosts, Option, Outcome, Phase, Result, Verb

if TYPE_CHECKING:
    from ungcuu.lab import Lab


def _lab(context: Context) -> Lab:
    from ungcuu.lab import Lab

    return Lab.from_environment(context.settings.state)


def _up(context: Context) -> Result:
    from ungcuu.lab.hosts import DEFAULT_HOSTS

    lab = _lab(context)
    lab.up(context.options["names"] or DEFAULT_HOSTS, context.options["debian"], context.out.note)
    return _status(context)


def _down(context: Context) -> Result:
    _lab(context).down(context.options["names"])
    return Result(message=_("removed"))


def _restart(context: Context) -> Result:
    _lab(context).restart(context.options["name"])
    return Result(message=_("restarted"))


def _status(context: Context) -> Result:
    rows = _lab(context).status()
    lines = [f"{name:11} {row['state']:8} {row['address']:15} {row['debian']}".rstrip() for name, row in rows.items()]
    return Result(message="\n".join(lines), data={"lab": rows})


def _exec(context: Context) -> Result:
    given = None if sys.stdin.isatty() else sys.stdin.buffer.read()
    done = _lab(context).exec(context.options["name"], context.options["command"], given)
    said = {"stdout": done.stdout.decode(errors="replace"), "stderr": done.stderr.decode(errors="replace")}
    message = (said["stdout"] + said["stderr"]).rstrip("\n")
    outcome = Outcome.NOT_DONE if done.returncode else Outcome.DONE
    return Result(outcome, message, said | {"exit_code": done.returncode})


# Sub-verbs touch no real host, so none locks, asks or journals.
_verb = partial(Verb, phase=Phase.TOOL, hosts=Hosts.NONE, takes_lock=False, journaled=False)


_NAMES = Argument("names", required=False, many=True)
_RELEASE = Option(
    "--debian", N_("Debian release of hosts that are made"), kind="choice", choices=SUPPORTED, default=DEFAULT
)

VERB = Verb(
    name="lab",
    phase=Phase.TOOL,
    summary=N_("Disposable hosts in containers, for drills and tests"),
    hosts=Hosts.NONE,
    verbs=(
        _verb("up", summary=N_("Bring up the lab's hosts"), run=_up, arguments=(_NAMES,), options=(_RELEASE,)),
        _verb("down", summary=N_("Remove the lab's hosts"), run=_down, arguments=(_NAMES,)),
        _verb("status", summary=N_("Show the lab's hosts"), run=_status, read_only=True),
        _verb(
            "restart", summary=N_("Restart a host (stands for a reboot)"), run=_restart, arguments=(Argument("name"),)
        ),
        _verb(
            "exec",
            summary=N_("Run a command on a host as root, even when it is cut off"),
            run=_exec,
            arguments=(Argument("name"), Argument("command", many=True)),
            examples=("ungcuu lab exec web01 -- systemctl --failed",),
        ),
    ),
)
