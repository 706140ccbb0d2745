"""The websites that this host's nginx and Apache serve, and the PHP-FPM pools that run their code. Changes nothing.

Part of programs that run on a host: standard library only. It reads the configuration as the servers would; what stands
there only as a variable, or in a language of its own, is not known and is left out.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ungcuu.remote import web_servers
from ungcuu.remote.apache_config import MAIN, Config, lines
from ungcuu.remote.nginx_config import Directive, deep, expanded, files_of, parse


@dataclass
class Site:
    """One virtual host as it is being read."""

    server: str
    file: str
    names: list[str] = field(default_factory=list)
    listens: list[dict[str, Any]] = field(default_factory=list)
    roots: list[str] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    programs: list[str] = field(default_factory=list)  # where FastCGI requests go
    hands_on: bool = False  # pages come from another server, such as a program on a socket

    def as_data(self, pools: dict[str, str]) -> dict[str, Any]:
        """The site for the controller, with the pools (name to address) that its requests reach."""
        targets = {address_of(item) for item in self.programs}
        unknown = any("$" in item for item in targets)
        return {
            "server": self.server,
            "file": os.path.realpath(self.file),
            "names": list(dict.fromkeys(name.lower() for name in self.names)),
            "listens": self.listens,
            "roots": sorted({os.path.realpath(root) for root in self.roots}),
            "aliases": sorted({os.path.realpath(alias) for alias in self.aliases}),
            "hands_on": self.hands_on and not targets,
            # An address in a variable may be any pool's.
            "pools": sorted(name for name, listen in pools.items() if unknown or address_of(listen) in targets),
        }


def served() -> list[dict[str, Any]]:
    """Every virtual host that the servers here are configured for."""
    pools = {f"{version}/{name}": listen for version in php_versions() for name, listen in php_pools(version).items()}
    apache = web_servers.apache()
    sites = nginx_sites(web_servers.nginx().get("text", ""))
    sites += apache_sites(Config(apache["files"], apache["said"])) if apache else []
    return [site.as_data(pools) for site in sites]


def php_versions() -> list[str]:
    """Versions of PHP-FPM on this host."""
    return sorted(path.parent.name for path in Path("/etc/php").glob("*/fpm"))


def php_pools(version: str) -> dict[str, str]:
    """The pools of one PHP version: name to the address where it listens."""
    found: dict[str, str] = {}
    name = ""
    for path in sorted(Path(f"/etc/php/{version}/fpm/pool.d").glob("*.conf")):
        for line in path.read_text(errors="replace").splitlines():
            if section := re.match(r"\s*\[([A-Za-z0-9_.-]+)\]", line):
                name = section[1]
                if name != "global":
                    found.setdefault(name, "")
            elif name in found and (listen := re.match(r"\s*listen\s*=\s*(\S+)", line)):
                found[name] = listen[1].strip("\"'").replace("$pool", name)
    return found


def address_of(target: str) -> str:
    """One spelling for an address of PHP-FPM: a port on loopback, or the real path of a socket."""
    target = target.removeprefix("unix:")
    if target.startswith("/"):
        return os.path.realpath(target)
    port = target.rpartition(":")[2]
    return f"127.0.0.1:{port}" if re.fullmatch(r"(.*:)?\d+", target) and is_local(target) else target


def is_local(target: str) -> bool:
    """Whether an address of the form host:port, or a port alone, is this host's loopback."""
    return target.rpartition(":")[0].strip("[]") in ("", "*", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::")  # noqa: S104


# --- nginx ------------------------------------------------------------------------------------------------------------


def nginx_sites(dump: str) -> list[Site]:
    """The server blocks of what ``nginx -T`` prints."""
    files = files_of(dump)
    if not files:
        return []
    main = next(iter(files))
    found = []
    for http in (one.inner for one in expanded(parse(files[main], main), files) if one.name == "http"):
        upstreams = {
            one.words[0]: [row.words[0] for row in one.inner if row.name == "server" and row.words]
            for one in http
            if one.name == "upstream" and one.words
        }
        above = [one.words[0] for one in http if one.name == "root" and one.words]
        found += [server(one, above, upstreams) for one in http if one.name == "server" and not one.words]
    return found


def server(block: Directive, above: list[str], upstreams: dict[str, list[str]]) -> Site:
    """One server block; ``above`` is the root that it has without one of its own."""
    site = Site("nginx", file_of(block.place))
    for one in deep(block.inner):
        name, given = one.name, list(one.words)
        if name == "server_name":
            site.names += given
        elif name == "listen" and given and not given[0].startswith("unix:") and "quic" not in given:
            site.listens.append(listened(given))
        elif name in ("root", "alias") and given and "$" not in given[0]:
            (site.roots if name == "root" else site.aliases).append(given[0])
        elif name == "fastcgi_pass" and given:
            site.programs += upstreams.get(given[0], given[:1])
        elif name in ("proxy_pass", "uwsgi_pass"):
            site.hands_on = True
    site.roots = site.roots or above
    site.listens = site.listens or [listened(["80"])]
    return site


def file_of(place: str) -> str:
    """The file of ``file:line``."""
    return place.rpartition(":")[0]


def listened(words: list[str]) -> dict[str, Any]:
    """A ``listen`` of nginx: on which address and port, with TLS or without, and whether by default."""
    host, mark, port = words[0].rpartition(":")
    if not port.isdigit():
        host, port = (words[0], "80")  # an address alone
    elif not mark:
        host = ""
    return listen(host, int(port), "ssl" in words, "default_server" in words or "default" in words)


def listen(host: str, port: int, tls: bool, default: bool = False) -> dict[str, Any]:
    """Where a site listens, with the address at which this host can ask it."""
    host = host.strip("[]")
    address = "127.0.0.1" if host in ("", "*", "0.0.0.0", "_default_", "localhost") else host  # noqa: S104
    return {"address": "::1" if address == "::" else address, "port": port, "tls": tls, "default": default}


# --- Apache -----------------------------------------------------------------------------------------------------------


def apache_sites(config: Config) -> list[Site]:
    """The virtual hosts of Apache's configuration; what stands outside of them counts for each."""
    outside, sites = Site("apache", MAIN), dict[tuple[str, str], Site]()
    for line in lines(config):
        site = outside
        for kind, argument, place in line.sections:
            if kind == "virtualhost":
                new = Site("apache", file_of(place), listens=[apache_listen(item) for item in argument.split()])
                site = sites.setdefault((place, argument), new)
        if line.words:
            apache_directive(site, line.name, list(line.words))
    first: dict[tuple[str, int], Site] = {}
    for site in sites.values():
        site.roots = site.roots or outside.roots
        site.aliases += outside.aliases
        site.programs += outside.programs
        for row in site.listens:
            row["default"] = first.setdefault((row["address"], row["port"]), site) is site
    return list(sites.values())


def apache_directive(site: Site, name: str, given: list[str]) -> None:
    """Note what one line says of a site."""
    if name in ("servername", "serveralias"):
        site.names += [item.rpartition("://")[2].partition(":")[0] for item in given]
    elif name == "documentroot" and "$" not in given[0]:
        site.roots.append(given[0])
    elif name == "alias" and len(given) > 1 and "$" not in given[1]:
        site.aliases.append(given[1])
    elif name == "sslengine" and given[0].lower() == "on":
        for row in site.listens:
            row["tls"] = True
    elif name in ("sethandler", "proxypass", "proxypassmatch"):
        found = re.search(r"unix:([^|]+)\|fcgi:|fcgi://([^/\s]+)", " ".join(given))
        site.programs += [found[1] or found[2]] if found else []
        site.hands_on = site.hands_on or (name == "proxypass" and given[0] == "/" and given[-1] != "!" and not found)


def apache_listen(word: str) -> dict[str, Any]:
    """The address of a ``<VirtualHost>``."""
    host, _, port = word.rpartition(":")
    return listen(host, int(port), tls=False) if port.isdigit() else listen(word, 80, tls=False)
