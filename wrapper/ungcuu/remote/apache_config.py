"""Read Apache's configuration files as Apache reads them. Pure; used on the host and on the controller.

Standard library only. On the controller the texts come from a host and are not believed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ungcuu.remote.nginx_config import included

MAIN, BASE = "/etc/apache2/apache2.conf", "/etc/apache2"
_OPEN = re.compile(r"<([A-Za-z]+)\s*([^>]*)>\s*$")
_CLOSE = re.compile(r"</([A-Za-z]+)\s*>\s*$")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_DEPTH, _LINES = 12, 20000


@dataclass(frozen=True)
class Line:
    """One directive and the sections that it stands in, outermost first: kind, argument and place of each."""

    name: str  # in lower case
    words: tuple[str, ...]
    place: str
    sections: tuple[tuple[str, str, str], ...]

    def within(self, *names: str) -> bool:
        """Whether one of these sections is around it."""
        return any(section[0] in names for section in self.sections)


@dataclass(frozen=True)
class Config:
    """Texts of Apache's files, and what `apache2ctl` says of its virtual hosts, account and modules."""

    files: Mapping[str, str]
    said: str = ""

    @property
    def user(self) -> str:
        """The account of the workers."""
        found = re.search(r'^User: name="([a-z_][a-z0-9_-]*)"', self.said, re.MULTILINE)
        return found[1] if found else ""

    @property
    def listed(self) -> set[str]:
        """Places (``file:line``) of the virtual hosts that Apache itself lists."""
        return set(re.findall(r"\((/[^():\s]+:\d+)\)", self.said))

    @property
    def with_php(self) -> bool:
        """Whether Apache runs PHP itself."""
        return bool(re.search(r"^\s*php\d*_module\b", self.said, re.MULTILINE))


def lines(config: Config) -> list[Line]:
    """Return the directives that are in force, files included in their places."""
    reader = _Reader(config)
    reader.read(MAIN)
    return reader.found


_Sections = tuple[tuple[str, str, str], ...]


class _Reader:
    """Goes through the files as Apache does."""

    def __init__(self, config: Config) -> None:
        self.files = config.files
        self.defined: dict[str, str] = {}
        self.modules = set(re.findall(r"^\s*(\w+)_module\b", config.said, re.MULTILINE))
        self.found: list[Line] = []

    def read(self, path: str, around: _Sections = (), depth: int = 0) -> None:
        """Take in one file that is included inside these sections."""
        sections: list[tuple[str, str, str, bool]] = []
        for number, text in _logical(self.files.get(path, "")):
            if opened := _OPEN.match(text):
                kind, argument = opened[1].lower(), opened[2].strip()
                sections.append((kind, argument, f"{path}:{number}", self.holds(kind, argument)))
            elif _CLOSE.match(text):
                if sections:
                    sections.pop()
            elif all(section[-1] for section in sections):
                words = [
                    _VARIABLE.sub(lambda found: self.defined.get(found[1], found[0]), word) for word in _words(text)
                ]
                inside = (*around, *(section[:3] for section in sections if not section[0].startswith("if")))
                if words[0].lower() in ("include", "includeoptional") and len(words) > 1 and depth < _DEPTH:
                    for name in included(self.files, words[1], BASE):
                        self.read(name, inside, depth + 1)
                elif words[0].lower() == "define" and len(words) > 2:
                    self.defined[words[1]] = words[2]
                elif len(self.found) < _LINES:
                    self.found.append(Line(words[0].lower(), tuple(words[1:]), f"{path}:{number}", inside))

    def holds(self, kind: str, argument: str) -> bool:
        """Whether a conditional section is in force. Names are those that the files define, not the command line."""
        if kind == "ifdefine":
            return (argument.lstrip("! ") in self.defined) != argument.startswith("!")
        if kind != "ifmodule":
            return True
        name = re.sub(r"^mod_|\.c$|_module$", "", argument.removeprefix("!").strip())
        return (name in self.modules) != argument.startswith("!")


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Yield (number, text) of each line that is no comment; a backslash at the end joins the next."""
    start, kept = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        start = start or number
        if line.endswith("\\"):
            kept += line[:-1] + " "
            continue
        whole = (kept + line).strip()
        if whole and not whole.startswith("#"):
            yield start, whole
        start, kept = 0, ""


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, posix=True) or [text]
    except ValueError:
        return text.split()
