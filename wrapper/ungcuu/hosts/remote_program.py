"""Programs that run on a host without being put there: their sources go over SSH's standard input.

1. No byte of them reaches the host's disks: evidence must not be disturbed, and a full disk must not stop a scan.
2. A program is a module or a package of ``ungcuu.remote``, and imports nothing but the standard library, its own, and
   modules of ``ungcuu.remote`` beside it; those go with it. One that a role installs can be asked this way, too.
3. What is asked of it is data, never source: no value of the inventory is ever read as code.
4. Python on the host reads no bytecode cache, no environment and no site folder: see :func:`python_command`.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from ungcuu.core.errors import HostKeyMismatch, StepFailed, Undetermined, Unreachable
from ungcuu.core.i18n import _
from ungcuu.hosts import ssh

BYTE_QUOTA = 48 << 20  # a host may lie at any length
_BROKEN = (ssh.Ending.LOST, ssh.Ending.TIMED_OUT, ssh.Ending.QUOTA)

# What the host runs: it finds the modules that were sent with it as an import elsewhere finds files. Python compiles
# each module that a program imports, since no cache is read: so importlib's own classes, which take typing, inspect
# and pathlib with them, are not imported.
_START = """\
import json, sys

SOURCES, START = json.loads({sources}), {start}
ModuleSpec = type(sys.__spec__)


class Sent:
    def find_spec(self, name, path=None, target=None):
        if name in SOURCES:
            package = any(other.startswith(name + ".") for other in SOURCES)
            return ModuleSpec(name, self, is_package=package)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__name__
        exec(compile(SOURCES[name], name, "exec"), module.__dict__)


sys.meta_path.insert(0, Sent())
__import__(START)
"""
_RUN = "sys.exit(sys.modules[START].main())\n"
_ANSWER = """\
ORDER = json.loads({order})
print("\\n{mark}" + json.dumps(sys.modules[START].main(ORDER)))
"""
_MARK = "UNGCUU-RESULT "  # a host's login may say something first


class BadAnswer(Exception):
    """The host said something else than the program's answer."""


# The modules of ``ungcuu.remote`` that a program imports go with it.
_IMPORTED = re.compile(r"^from ungcuu\.remote(?:\.(\w+))? import (\w+)", re.MULTILINE)


def _add_module(sources: dict[str, str], name: str) -> None:
    """Add a module of ``ungcuu.remote`` after those that it imports; the configuration is made, not read."""
    whole = f"ungcuu.remote.{name}"
    if whole in sources or name == "config":
        return
    text = (resources.files("ungcuu.remote") / f"{name}.py").read_text("utf-8")
    for other in _imported(text):
        _add_module(sources, other)
    sources[whole] = text


def _imported(text: str) -> list[str]:
    return [inner or name for inner, name in _IMPORTED.findall(text)]


def python_command(*words: str) -> list[str]:
    """Return the argv that starts Python on a host without anything that an intruder may have left for it.

    Root can write a ``.pyc`` that Python takes for the compiled form of a module that nobody changed (same time, same
    size). ``pycache_prefix`` moves the place of all of them into ``/proc``, where nobody can make a file, so that each
    module is compiled from its source; ``-B`` writes none, ``-I -S`` read no environment, user or site folder.
    """
    nowhere = f"pycache_prefix=/proc/ungcuu-{secrets.token_hex(8)}"
    return ["/usr/bin/python3", "-I", "-S", "-B", "-X", nowhere, *(words or ("-",))]


def program(name: str, config: Mapping[str, Any]) -> bytes:
    """Return what runs a program of ``ungcuu.remote`` with this configuration, as text for Python's standard input.

    The program finds its configuration in ``ungcuu.remote.config``; what it prints is its own affair.
    """
    return _start(name, config) + _RUN.encode()


def question(name: str, order: Mapping[str, Any]) -> bytes:
    """Return what has a program of ``ungcuu.remote`` do this order: its ``main(order)`` returns the answer.

    :func:`answer_in` finds the answer in what the host then prints.
    """
    return _start(name, {}) + _answer_to(order)


def package_question(package: Path, order: Mapping[str, Any]) -> bytes:
    """Return the same for a program of a role: a package with a ``__main__``, which imports nothing of ``ungcuu``."""
    sources = {f"{package.name}.{file.stem}": file.read_text("utf-8") for file in sorted(package.glob("*.py"))}
    sources[package.name] = sources.pop(f"{package.name}.__init__")
    return _load(sources, f"{package.name}.__main__") + _answer_to(order)


def _answer_to(order: Mapping[str, Any]) -> bytes:
    return _ANSWER.format(order=repr(json.dumps(order)), mark=_MARK).encode()


def answer_in(text: str, limit: int = 1 << 20) -> dict[str, Any]:
    """Return the answer to a :func:`question` out of what the host printed, ``limit`` characters at most.

    Raises:
        BadAnswer: there is none, more than fits, or no JSON mapping.
    """
    if len(text) > limit:
        raise BadAnswer("the host's answer is too long")
    lines = [line for line in text.splitlines() if line.startswith(_MARK)]
    try:
        answer = json.loads(lines[-1].removeprefix(_MARK))
    except (IndexError, ValueError, RecursionError):
        raise BadAnswer("the host gave no answer") from None
    if not isinstance(answer, dict):
        raise BadAnswer("the host's answer is no mapping")
    return answer


def _start(name: str, config: Mapping[str, Any]) -> bytes:
    """Return the sources of a program with all that it imports, and what loads them."""
    remote = resources.files("ungcuu.remote")
    whole, start = f"ungcuu.remote.{name}", f"ungcuu.remote.{name}"
    sources = {"ungcuu": "", "ungcuu.remote": ""}
    if (package := remote / name).is_dir():
        start = f"{whole}.__main__"
        for file in package.iterdir():
            if file.name.endswith(".py"):
                module = whole if file.name == "__init__.py" else f"{whole}.{file.name.removesuffix('.py')}"
                sources[module] = file.read_text("utf-8")
    else:
        _add_module(sources, name)
    shared = {one for text in sources.values() for one in _imported(text)} - {name}
    for one in sorted(one for one in shared if (remote / f"{one}.py").is_file()):
        _add_module(sources, one)
    sources["ungcuu.remote.config"] = f"import json\nCONFIG = json.loads({json.dumps(config)!r})\n"
    return _load(sources, start)


def _load(sources: Mapping[str, str], start: str) -> bytes:
    return _START.format(sources=repr(json.dumps(sources)), start=repr(start)).encode()


def run_program(
    target: ssh.Target,
    name: str,
    config: Mapping[str, Any],
    seconds: float,
    quota: int = BYTE_QUOTA,
    *,
    changes: bool = False,
) -> bytes:
    """Run a program of ``ungcuu.remote`` on the host as root and return its standard output.

    ``changes`` says that it changes the host: a connection that is lost then leaves the outcome unknown.

    Raises:
        HostKeyMismatch: The host is not the one that was enrolled.
        Unreachable: It could not be reached.
        StepFailed: It answered with something else than the program's output, too much of it, or too slowly.
        Undetermined: The connection was lost while something was being changed.
    """
    try:
        result = ssh.run(target, python_command(), stdin=program(name, config), timeout=seconds, byte_quota=quota)
    except ssh.HostKeyRefused as error:
        raise HostKeyMismatch(str(error), _("Nothing was sent to it."), error.next_command) from error
    _require_ended(target, result, changes)
    return result.stdout


def stream_program(
    target: ssh.Target,
    name: str,
    config: Mapping[str, Any],
    sink: Callable[[bytes], object],
    *,
    seconds: float,
    quota: int,
) -> None:
    """Do the same, and hand the program's output to ``sink`` piece by piece. What the sink raises ends the program.

    Raises:
        UngcuuError: As :func:`run_program`; what came before has reached the sink.
    """
    feed = program(name, config)
    try:
        result = ssh.stream(target, python_command(), sink, stdin=feed, timeout=seconds, quota=quota, hashed=False)
    except ssh.HostKeyRefused as error:
        raise HostKeyMismatch(str(error), _("Nothing was sent to it."), error.next_command) from error
    _require_ended(target, result, changes=False)


def _require_ended(target: ssh.Target, result: ssh.Result | ssh.Streamed, changes: bool) -> None:
    if result.ending is ssh.Ending.NOT_REACHED:
        raise Unreachable(
            _("{host} could not be reached: {why}").format(host=target.name, why=result.detail),
            _("Nothing was changed on it."),
            f"ungcuu doctor {target.name}",
        )
    if result.ending in _BROKEN and changes:
        raise Undetermined(
            _("The connection to {host} was lost midway: {why}").format(host=target.name, why=result.detail),
            _("What was begun may be done, in part or whole; the next run finds out and finishes it."),
            f"ungcuu scan {target.name}",
        )
    if not result.ok:
        raise StepFailed(
            _("{host} did not answer as expected: {why}").format(
                host=target.name, why=result.detail or result.stderr[-300:].decode("utf-8", "backslashreplace")
            ),
            "",
            f"ungcuu doctor {target.name}",
        )
