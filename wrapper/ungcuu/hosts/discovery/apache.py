"""What Apache's configuration says of each website. Pure; no text is believed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ungcuu.hosts.discovery.nginx import address, plain_name
from ungcuu.hosts.discovery.vhosts import Vhost
from ungcuu.remote.apache_config import MAIN, Config, Line, lines

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
        elsewhere=redirects or any(_hands_on(line) for line in own),
        behind=next((_target(line.words[1]) for line in own if _hands_on(line)), ""),
    )


def _hands_on(line: Line) -> bool:
    """Whether all of a website's pages come from another server. PHP-FPM is none; `!` is the exception for a folder."""
    return (
        line.name == "proxypass" and line.words[:1] == ("/",) and len(line.words) > 1 and "fcgi:" not in line.words[1]
    )


def _target(words: str) -> str:
    return address(words.partition("|")[0], {})


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
