"""What a result means for a person: the three-part errors of a run."""

from __future__ import annotations

import errno
import re
import shlex
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ungcuu.core.errors import (
    ControllerFault,
    HostKeyMismatch,
    JournalError,
    Outcome,
    Refused,
    StepFailed,
    Undetermined,
    UngcuuError,
    Unreachable,
)
from ungcuu.core.i18n import _
from ungcuu.core.settings import machine_of
from ungcuu.core.terminal import clean

if TYPE_CHECKING:
    from ungcuu.run.tally import HostResult, RunResult
    from ungcuu.run.verb import Verb


def problem_of(verb: str, read_only: bool, result: RunResult) -> UngcuuError | None:
    """Return the error that a run amounts to, or None when it is done on every host."""
    if result.cut_short:
        return _cut_short(verb, read_only, result)
    if result.outcome is Outcome.DONE:
        return None
    bad = {host: data for host, data in result.hosts.items() if data.outcome is not Outcome.DONE}
    for problem, build in _BUILDERS:
        hosts = [host for host, data in bad.items() if data.problem == problem]
        if hosts:
            return build(verb, hosts, bad[hosts[0]], read_only)
    return StepFailed(
        _("{verb} did not start: {message}").format(verb=verb, message=result.message or _("Ansible stopped at once")),
        _("Nothing was changed."),
        f"ungcuu {verb} {' '.join(result.hosts)} -v",
    )


def _lost(verb: str, hosts: Sequence[str], first: HostResult, read_only: bool) -> UngcuuError:
    names = ", ".join(hosts)
    what = _("The connection to {hosts} was lost in the step “{task}”: {message}").format(
        hosts=first.helper or names, task=first.task, message=_ssh_words(first.message)
    )
    if read_only:
        return Unreachable(
            what,
            _("Nothing was changed: {verb} only reads.").format(verb=verb),
            f"ungcuu {verb} {' '.join(hosts)}",
        )
    state = _("That step may or may not have happened; the steps before it have.")
    if first.helper:
        state = _("That step may or may not have happened on {helper}; the steps before it have.").format(
            helper=first.helper
        )
    return Undetermined(
        what,
        state,
        f"ungcuu resume {' '.join(hosts)}",
    )


def _no_result(verb: str, hosts: Sequence[str], first: HostResult, read_only: bool) -> UngcuuError:
    """The program that carried a task to its host was killed here: the task may have had its effect all the same."""
    what = _("The result of the step “{task}” did not arrive ({hosts}): the connection's program was killed.").format(
        task=first.cut, hosts=", ".join(hosts)
    )
    if first.task != first.cut:
        what += " " + _("After it, “{task}” failed: {message}").format(task=first.task, message=first.message)
    return _undecided(verb, hosts, what, read_only)


def _undecided(verb: str, hosts: Sequence[str], what: str, read_only: bool) -> UngcuuError:
    """Nobody knows what the step under way did; where the verb only reads, that does not matter."""
    if read_only:
        again = f"ungcuu {verb} {' '.join(hosts)}"
        return StepFailed(what, _("Nothing was changed: {verb} only reads.").format(verb=verb), again)
    return Undetermined(
        what,
        _("That step may or may not have happened; the steps before it have."),
        f"ungcuu resume {' '.join(hosts)}",
    )


def _interrupted(verb: str, hosts: Sequence[str], first: HostResult, read_only: bool) -> UngcuuError:
    """Ansible itself ended in the middle of its work: what it had started may have gone on without it."""
    step = _("in the step “{task}”").format(task=first.task) if first.task else _("before its first step")
    what = _("{verb} was interrupted on {hosts} {step}: {message}.").format(
        verb=verb, hosts=", ".join(hosts), step=step, message=first.message.rstrip(".")
    )
    return _undecided(verb, hosts, what, read_only)


def _unreachable(_verb: str, hosts: Sequence[str], first: HostResult, _read_only: bool) -> UngcuuError:
    return Unreachable(
        _("{hosts} can't be reached: {message}").format(hosts=", ".join(hosts), message=_ssh_words(first.message)),
        _("Nothing was changed there."),
        f"ungcuu doctor {' '.join(hosts)}",
    )


def _helper_unreachable(verb: str, hosts: Sequence[str], first: HostResult, read_only: bool) -> UngcuuError:
    """A step for these hosts was to be done on another one (the vault), and that one did not answer."""
    return StepFailed(
        _("{helper} can't be reached: {message}\n“{task}” for {hosts} needs it.").format(
            helper=first.helper, message=_ssh_words(first.message), task=first.task, hosts=", ".join(hosts)
        ),
        _state_of_step(verb, first, read_only),
        _("ungcuu doctor {helper}   and when it answers: ungcuu {verb} {hosts}").format(
            helper=first.helper, verb=verb, hosts=" ".join(hosts)
        ),
    )


def _ssh_words(message: str) -> str:
    """Return what ssh said in one line, without the sentences that Ansible puts before it."""
    for before in ("can be reached over ssh: ", "Failed to connect to the host via ssh: ", "Task failed: "):
        message = message.rpartition(before)[2] if before in message else message
    _before, ssh, said = message.rpartition("ssh: connect to host ")
    message = ssh + said  # Ansible repeats the cause of an error behind it
    return " · ".join(message.replace("\\r", "\n").split("\n")).strip(" ·:") or _("it stopped answering")


def _host_key(_verb: str, hosts: Sequence[str], _first: HostResult, _read_only: bool) -> UngcuuError:
    return HostKeyMismatch(
        _("{hosts} showed a host key that is not the pinned one, or none is pinned.").format(hosts=", ".join(hosts)),
        _("Nothing was sent there. If the machine was not reinstalled, somebody may be in between."),
        f"ungcuu enrol {' '.join(dict.fromkeys(map(machine_of, hosts)))}",
    )


def _no_node(_verb: str, _hosts: Sequence[str], first: HostResult, _read_only: bool) -> UngcuuError:
    return Unreachable(
        _("The node {node} can't be reached: {message}").format(node=first.helper, message=first.message),
        _("Nothing was begun."),
        f"ungcuu doctor {first.helper}",
    )


def _other_version(_verb: str, _hosts: Sequence[str], first: HostResult, _read_only: bool) -> UngcuuError:
    return Refused(
        first.message,
        _("Nothing was begun."),
        _("Install the same release on {node} (docs/how-to/nodes.md), or leave --via away.").format(node=first.helper),
    )


def _no_key(_verb: str, _hosts: Sequence[str], first: HostResult, _read_only: bool) -> UngcuuError:
    return Refused(
        first.message, _("Nothing was begun."), _("What a node needs: docs/how-to/nodes.md. Or leave --via away.")
    )


def _node_key(_verb: str, _hosts: Sequence[str], first: HostResult, _read_only: bool) -> UngcuuError:
    return HostKeyMismatch(first.message, _("Nothing was begun."), f"ungcuu enrol {first.helper}")


def _state_of_step(verb: str, first: HostResult, read_only: bool) -> str:
    if read_only:
        return _("Nothing was changed: {verb} only reads.").format(verb=verb)
    return _("The steps before it are done ({changed} changes); this one and those after it are not.").format(
        changed=first.changed
    )


def _step_failed(verb: str, hosts: Sequence[str], first: HostResult, read_only: bool) -> UngcuuError:
    where = ", ".join(hosts)
    if first.helper not in ("", "localhost"):
        where = _("{helper} (for {hosts})").format(helper=first.helper, hosts=where)
    return StepFailed(
        _("“{task}” failed on {hosts}: {message}").format(task=first.task, hosts=where, message=first.message),
        _state_of_step(verb, first, read_only),
        _("Fix the cause, then run it again (it continues where it stopped): ungcuu {verb} {hosts}").format(
            verb=verb, hosts=" ".join(hosts)
        ),
    )


# What a disk of this machine answers, or its rights; nothing of that is a fault of ungcuu.
_OUR_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)

_BUILDERS = (
    ("host key", _host_key),
    ("lost", _lost),
    ("no result", _no_result),
    ("interrupted", _interrupted),
    ("failed", _step_failed),
    ("helper unreachable", _helper_unreachable),
    ("unreachable", _unreachable),
    ("no node", _no_node),
    ("other version", _other_version),
    ("no key", _no_key),
    ("node key", _node_key),
)


def _cut_short(verb: str, read_only: bool, result: RunResult) -> UngcuuError:
    hosts = " ".join(result.hosts)
    if isinstance(result.fault, JournalError):
        return JournalError(
            _("The journal could not be written any more: {error}").format(error=result.fault.what),
            _("The run was stopped; the step under way may or may not have happened."),
            _("Free space on this machine, then: ungcuu resume {hosts}").format(hosts=hosts),
        )
    if isinstance(result.fault, UngcuuError):
        return result.fault
    why = {
        "deadline": _("{verb} took longer than it may and was stopped."),
        "quota": _("{hosts} answered with more than a host may send; {verb} was stopped."),
        "interrupted": _("{verb} was stopped before its end."),
    }.get(result.cut_short, _("{verb} was stopped by an error: {fault}"))
    return Undetermined(
        why.format(verb=verb, hosts=hosts, fault=clean(f"{type(result.fault).__name__}: {result.fault}", 500)),
        _("Nothing was changed: {verb} only reads.").format(verb=verb)
        if read_only
        else _("The step under way may or may not have happened; the steps before it have."),
        f"ungcuu {verb} {hosts}" if read_only else f"ungcuu resume {hosts}",
    )


def as_typed(command: str, inventory: str) -> str:
    """Return a command that we advise, with the ``-i`` that this one was typed with: it must work as it stands."""
    if not inventory or " -i " in command:
        return command
    return re.sub(r"\bungcuu (?=[a-z])", lambda _found: f"ungcuu -i {shlex.quote(inventory)} ", command, count=1)


def with_options(command: str, verb: Verb, options: Mapping[str, object]) -> str:
    """Return an advised repetition of the verb with the options that it was typed with: without them it is another."""
    if not re.search(rf"\bungcuu {verb.name}( [^ -]\S*)+\Z", command):
        return command
    words: list[str] = []
    for option in verb.options:
        value = options.get(option.key)
        if option.secret or value in (None, False, "", (), []) or value == option.default:
            continue
        for one in value if isinstance(value, (list, tuple)) else [value]:
            words += [option.name] if one is True else [option.name, str(one)]
    return f"{command} {shlex.join(words)}" if words else command


class _CutShort(UngcuuError):
    """A fault of ungcuu in the middle of its work on a host."""

    outcome = Outcome.UNKNOWN


def fault_of(
    verb: str, hosts: Sequence[str], fault: Exception, verbosity: int, *, read_only: bool = False, begun: bool = True
) -> UngcuuError:
    """Return the error for an exception that nobody foresaw, or that :mod:`ungcuu.hosts.ssh` raises by itself.

    ``begun``: something was sent to a host before it.
    """
    from ungcuu.hosts.ssh import HostKeyRefused

    if read_only and isinstance(fault, OSError) and fault.errno in _OUR_DISK and fault.filename:
        return ControllerFault(
            _("{path} can't be written: {error}").format(path=clean(str(fault.filename), 300), error=fault.strerror),
            _("Nothing was changed on a host."),
            f"df -h {shlex.quote(clean(str(Path(fault.filename).parent), 300))}",
        )

    names = " ".join(hosts)
    if isinstance(fault, HostKeyRefused):
        return HostKeyMismatch(
            clean(fault, 500),
            _("Nothing was sent there. If the machine was not reinstalled, somebody may be in between."),
            fault.next_command,
        )
    detail = "".join(traceback.format_exception(fault)) if verbosity else f"{type(fault).__name__}: {fault}"
    kind = _CutShort if begun and not read_only else UngcuuError
    return kind(
        _("{verb} hit an internal error of ungcuu: {detail}").format(verb=verb, detail=clean(detail, 6000, lines=True)),
        _("What was under way may or may not have happened.") if begun else _("Nothing was changed."),
        f"ungcuu {verb} {names} -v".replace("  ", " "),
    )
