"""Programs that run on a host without being put there: their sources go over SSH's standard input.

1. No byte of them reaches the host's disks: evidence must not be disturbed, and a full disk must not stop a scan.
2. A program is a module or a package of ``ungcuu.remote``, and imports nothing but the standard library, its own, and
   modules of ``ungcuu.remote`` beside it; those go with it.
3. What is asked of it is data, never source: no value of the inventory is ever read as code.
4. Python on the host reads no bytecode cache, no environment and no site folder: see :func:`python_command`.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping
from importlib import resources
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
sys.exit(sys.modules[START].main(*json.loads({arguments})))
"""


# The modules of ``ungcuu.remote`` that a program imports go with it.
_IMPORTED = re.compile(r"^from ungcuu\.remote(?:\.(\w+))? import (\w+)", re.MULTILINE)
_WITH = """\
import sys, types

for name, text in {sources!r}:
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = []
    exec(compile(text, name, "exec"), sys.modules[name].__dict__)
exec(compile({program!r}, {name!r}, "exec"), globals())
"""


def script(name: str) -> str:
    """Return one module of ``ungcuu.remote`` as the text of a program, with the modules that it imports."""
    sources: dict[str, str] = {}
    _add_module(sources, name)
    program = sources.pop(f"ungcuu.remote.{name}")
    if not sources:
        return program
    return _WITH.format(sources=[("ungcuu", ""), ("ungcuu.remote", ""), *sources.items()], program=program, name=name)


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


def program(name: str, config: Mapping[str, Any], *, as_argument: bool = False) -> bytes:
    """Return what runs a program of ``ungcuu.remote`` with this configuration, as text for Python's standard input.

    The program finds its configuration in ``ungcuu.remote.config``, or as the argument of its ``main``.
    """
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
    arguments = repr(json.dumps([config] if as_argument else []))
    return _START.format(sources=repr(json.dumps(sources)), start=repr(start), arguments=arguments).encode()


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
