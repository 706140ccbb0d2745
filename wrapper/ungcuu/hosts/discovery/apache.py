"""Read Apache's configuration files, as far as they say which websites it serves. Pure; no text is believed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ungcuu.hosts.discovery.nginx import plain_name
from ungcuu.hosts.discovery.vhosts import Vhost, included

MAIN, BASE = "/etc/apache2/apache2.conf", "/etc/apache2"
_OPEN = re.compile(r"<([A-Za-z]+)\s*([^>]*)>\s*$")
_CLOSE = re.compile(r"</([A-Za-z]+)\s*>\s*$")
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
    """What the host says of Apache: texts of its files, and what `apache2ctl` prints."""

    files: Mapping[str, str]
    hosts: str = ""
    run: str = ""
    modules: str = ""

    @property
    def user(self) -> str:
        """The account of the workers."""
        found = re.search(r'^User: name="([a-z_][a-z0-9_-]*)"', self.run, re.MULTILINE)
        return found[1] if found else ""

    @property
    def listed(self) -> set[str]:
        """Places (``file:line``) of the virtual hosts that Apache itself lists."""
        return set(re.findall(r"\((/[^():\s]+:\d+)\)", self.hosts))

    @property
    def with_php(self) -> bool:
        """Whether Apache runs PHP itself."""
        return bool(re.search(r"^\s*php\d*_module\b", self.modules, re.MULTILINE))


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
        self.modules = set(re.findall(r"^\s*(\w+)_module\b", config.modules, re.MULTILINE))
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
                words = _words(text)
                inside = (*around, *(section[:3] for section in sections if not section[0].startswith("if")))
                if words[0].lower() in ("include", "includeoptional") and len(words) > 1 and depth < _DEPTH:
                    for name in included(self.files, words[1], BASE):
                        self.read(name, inside, depth + 1)
                elif len(self.found) < _LINES:
                    self.found.append(Line(words[0].lower(), tuple(words[1:]), f"{path}:{number}", inside))

    def holds(self, kind: str, argument: str) -> bool:
        """Whether a conditional section is in force. Modules are known; names are taken as not defined."""
        if kind == "ifdefine":
            return argument.startswith("!")
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


_INNER = ("directory", "directorymatch", "location", "locationmatch", "files", "filesmatch")


def vhosts(config: Config) -> list[Vhost]:
    """Return the virtual hosts; where there is none, the main server."""
    rows = lines(config)
    common = [line for line in rows if not line.within("virtualhost")]
    own: dict[tuple[str, str], list[Line]] = {}
    for line in rows:
        for kind, argument, place in line.sections:
            if kind == "virtualhost":
                own.setdefault((argument, place), []).append(line)
    listed = config.listed
    found = [
        _vhost(argument, place, lines, common, config)
        for (argument, place), lines in own.items()
        if not listed or place in listed  # what Apache itself does not list is not in force
    ]
    if not found and common:
        return [_vhost("", f"{MAIN}:1", common, common, config)]
    return _with_default(found)


def _with_default(found: list[Vhost]) -> list[Vhost]:
    """Mark the first vhost of each port: requests with an unknown name come there."""
    seen: set[int] = set()
    marked = []
    for one in found:
        first = any(port not in seen for port, _tls in one.ports)
        seen |= {port for port, _tls in one.ports}
        marked.append(replace(one, default=first))
    return marked


def _vhost(address: str, place: str, own: list[Line], common: list[Line], config: Config) -> Vhost:
    top = [line for line in own if not line.within(*_INNER)]
    above = [line for line in common if not line.within(*_INNER)]
    tls = _first("sslengine", top).lower() == "on"
    ports = {int(port) for port in re.findall(r":(\d{1,5})(?=\s|$)", address)}
    ports = ports or {_port(line.words[0]) for line in above if line.name == "listen" and line.words}
    names = [_first("servername", top), *(word for line in top if line.name == "serveralias" for word in line.words)]
    names = [re.sub(r"^\w+://|:\d+$", "", name).lower() for name in names]
    files = [line.words[0] for line in top if line.name in _CERTIFICATES and line.words]
    redirects = any(line.name in ("redirect", "redirectpermanent") and "/" in line.words for line in top)
    return Vhost(
        server="apache",
        place=place,
        names=tuple(dict.fromkeys(name for name in names if plain_name(name))),
        ports=tuple((port, tls) for port in sorted(ports) if 0 < port < 65536),
        root=_first("documentroot", top) or _first("documentroot", above),
        php=_php(own) or _php(common) or ("mod_php" if config.with_php else ""),
        files=tuple(dict.fromkeys(files)) if tls else (),
        aliases=tuple(dict(_aliases([*above, *top])).items()),
        elsewhere=redirects or any(line.name == "proxypass" and line.words[:1] == ("/",) for line in top),
    )


def _first(name: str, rows: list[Line]) -> str:
    return next((line.words[0] for line in rows if line.name == name and line.words), "")


_CERTIFICATES = ("sslcertificatefile", "sslcertificatekeyfile", "sslcertificatechainfile")


def _port(listen: str) -> int:
    """The port that others reach; 0 where only this machine does."""
    found = None if re.match(r"(127\.|\[::1\])", listen) else re.search(r"(\d{1,5})$", listen)
    return int(found[1]) if found else 0


def _php(rows: list[Line]) -> str:
    """The address of PHP-FPM out of a handler or a proxy rule: ``unix:/run/php/x.sock`` or ``127.0.0.1:9000``."""
    for line in rows:
        if line.name in ("sethandler", "proxypassmatch", "proxypass"):
            text = " ".join(line.words)
            if found := re.search(r"(unix:/[^|\s\"]+)\|fcgi:", text) or re.search(r"fcgi://([\w.\[\]:-]+:\d+)", text):
                return found[1]
    return ""


def _aliases(rows: list[Line]) -> Iterator[tuple[str, str]]:
    for line in rows:
        if line.name == "alias" and len(line.words) == 2 and line.words[1].startswith("/"):
            yield "/" + line.words[0].strip("/"), line.words[1].rstrip("/")
