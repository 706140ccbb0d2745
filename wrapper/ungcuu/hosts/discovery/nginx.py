"""What nginx's configuration says of each website. Pure; the text comes from a host and is not believed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ungcuu.hosts.discovery.vhosts import Vhost
from ungcuu.remote.nginx_config import Directive, deep, expanded, files_of, parse


def vhosts(dump: str) -> list[Vhost]:
    """Return the server blocks of the running configuration."""
    files = files_of(dump)
    if not files:
        return []
    main = next(iter(files))
    found = []
    for http in (one for one in expanded(parse(files[main], main), files) if one.name == "http"):
        upstreams = {
            one.words[0]: _first(one.inner, "server") for one in http.inner if one.name == "upstream" and one.words
        }
        found += [_vhost(one, http, upstreams) for one in http.inner if one.name == "server"]
    return found


def _first(directives: tuple[Directive, ...], name: str) -> str:
    return next((one.words[0] for one in directives if one.name == name and one.words), "")


def _vhost(server: Directive, http: Directive, upstreams: Mapping[str, str]) -> Vhost:
    inner = server.inner
    listens = [one.words for one in inner if one.name == "listen" and one.words] or [("80",)]
    old_tls = _first(inner, "ssl") == "on"
    names = [word for one in inner if one.name == "server_name" for word in one.words]
    root = _first(inner, "root") or _root_of_locations(inner) or _first(http.inner, "root")
    php = _php(inner)
    files = [_first(inner, name) or _first(http.inner, name) for name in ("ssl_certificate", "ssl_certificate_key")]
    ports = {port: old_tls or "ssl" in words[1:] for words in listens if (port := _port(words[0]))}
    return Vhost(
        server="nginx",
        place=server.place,
        names=tuple(name.lower() for name in dict.fromkeys(names) if plain_name(name)),
        ports=tuple(sorted(ports.items())),
        root=root,
        php=upstreams.get(php, php),
        files=tuple(name for name in files if name.startswith("/") and any(ports.values())),
        aliases=tuple(_aliases(inner)),
        default=any({"default_server", "default"} & set(words[1:]) for words in listens),
        elsewhere=_elsewhere(inner),
        behind="" if php else _behind(inner, upstreams),
    )


def _php(inner: tuple[Directive, ...]) -> str:
    return next((one.words[0] for one in deep(inner) if one.name == "fastcgi_pass" and one.words), "")


def _root_of_locations(inner: tuple[Directive, ...]) -> str:
    """The root of `location /`, where the server states none."""
    return next(
        (
            root
            for one in inner
            if one.name == "location" and one.words == ("/",) and (root := _first(one.inner, "root"))
        ),
        "",
    )


def _aliases(inner: tuple[Directive, ...]) -> Iterator[tuple[str, str]]:
    for one in inner:
        if one.name == "location" and one.words and one.words[-1].startswith("/") and one.words[0] not in ("~", "~*"):
            path = "/" + one.words[-1].strip("/")
            if folder := _first(one.inner, "alias"):
                yield path, folder
            elif path != "/" and (folder := _first(one.inner, "root")):
                yield path, folder.rstrip("/") + path


def _elsewhere(inner: tuple[Directive, ...]) -> bool:
    """Whether nothing is served from this server's own folder."""
    if any(one.name in ("return", "rewrite") and one.words for one in inner) and not _php(inner):
        return any(one.name == "return" for one in inner)
    first = next((one for one in inner if one.name == "location" and one.words == ("/",)), None)
    return first is not None and any(one.name in ("proxy_pass", "return") for one in first.inner) and not _php(inner)


def _behind(inner: tuple[Directive, ...], upstreams: Mapping[str, str]) -> str:
    """Where requests for pages are handed on to: from `location /`, or from the named one of its `try_files`."""
    first = next((one for one in inner if one.name == "location" and one.words == ("/",)), None)
    tried = _all_words(inner, "try_files") | (_all_words(first.inner, "try_files") if first else set())
    named = [one for one in inner if one.name == "location" and one.words[:1] and one.words[0] in tried]
    for one in [first, *named]:
        target = next((_first(one.inner, name) for name in _HANDED_ON if _first(one.inner, name)), "") if one else ""
        if target:
            return address(target, upstreams)
    return ""


_HANDED_ON = ("proxy_pass", "uwsgi_pass")


def _all_words(directives: tuple[Directive, ...], name: str) -> set[str]:
    return {word for one in directives if one.name == name for word in one.words}


def address(target: str, upstreams: Mapping[str, str]) -> str:
    """``unix:/path`` or ``address:port`` of what a web server hands requests on to."""
    inside = re.sub(r"^\w+://", "", target)
    if inside.startswith("unix:"):
        return "unix:" + inside.removeprefix("unix:").split(":")[0].replace("/var/run/", "/run/", 1)
    name = inside.split("/")[0]
    if name in upstreams:
        return address(upstreams[name], {})
    host, _colon, port = name.partition(":")
    return f"{'127.0.0.1' if host in ('localhost', '127.0.0.1') else host}:{port or 80}"


def _port(listen: str) -> int:
    """The port of `listen`'s first word; 0 for a socket, or for what only this machine reaches."""
    if listen.startswith("unix:") or re.match(r"(127\.|\[::1\]|localhost)", listen):
        return 0
    if listen.isdecimal():
        return int(listen) if int(listen) < 65536 else 0
    found = re.search(r":(\d{1,5})$", listen)
    return int(found[1]) if found and int(found[1]) < 65536 and not listen.endswith("]") else 80


def plain_name(name: str) -> bool:
    """Whether visitors type this name: no pattern, no catch-all."""
    return bool(re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", name)) and "." in name
