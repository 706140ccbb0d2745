"""The websites that this host's nginx and Apache serve, and the PHP-FPM pools that run their code. Changes nothing.

Part of programs that run on a host: standard library only. It reads the configuration as the servers would; what stands
there only as a variable, or in a language of its own, is not known and is left out.
"""

from __future__ import annotations

import fnmatch
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|([{};])"""
    r"""|((?:\\.|\$\{\w+\}|[^\s{};"'\\])(?:\\.|\$\{\w+\}|[^\s{};\\])*)|."""
)
_SECTION = re.compile(r"^# configuration file (/\S+):$", re.MULTILINE)
_DEPTH = 20  # of blocks and of files that include each other
_APACHE = "/etc/apache2"


@dataclass
class Statement:
    """One directive of nginx: its words, what stands in its block, and the file that holds it."""

    words: list[str]
    inside: list[Statement]
    file: str


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
            # An address in a variable may be any pool's.
            "pools": sorted(name for name, listen in pools.items() if unknown or address_of(listen) in targets),
        }


def served() -> list[dict[str, Any]]:
    """Every virtual host that the servers here are configured for."""
    pools = {f"{version}/{name}": listen for version in php_versions() for name, listen in php_pools(version).items()}
    sites = nginx_sites(nginx_dump())
    sites += apache_sites(f"{_APACHE}/apache2.conf") if Path("/usr/sbin/apache2ctl").exists() else []
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


def nginx_dump() -> str:
    """All of nginx's configuration, as nginx itself reads it."""
    try:
        done = subprocess.run(
            ["nginx", "-T"], capture_output=True, text=True, errors="replace", check=False, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def nginx_sites(dump: str) -> list[Site]:
    """The server blocks of what ``nginx -T`` prints."""
    parts = _SECTION.split(dump)[1:]
    files = {path: statements(text, path) for path, text in zip(parts[::2], parts[1::2], strict=False)}
    if not files:
        return []
    main = expanded(files[parts[0]], files)
    found = []
    for http in (item.inside for item in main if item.words[:1] == ["http"]):
        upstreams = {
            item.words[1]: [row.words[1] for row in item.inside if row.words[0] == "server" and len(row.words) > 1]
            for item in http
            if item.words[0] == "upstream" and len(item.words) > 1
        }
        above = [item.words[1] for item in http if item.words[0] == "root" and len(item.words) > 1]
        found += [server(item, above, upstreams) for item in http if item.words == ["server"]]
    return found


def server(block: Statement, above: list[str], upstreams: dict[str, list[str]]) -> Site:
    """One server block; ``above`` is the root that it has without one of its own."""
    site = Site("nginx", block.file)
    for item in everything(block.inside):
        name, given = item.words[0], item.words[1:]
        if name == "server_name":
            site.names += given
        elif name == "listen" and given and not given[0].startswith("unix:") and "quic" not in given:
            site.listens.append(listened(given))
        elif name in ("root", "alias") and given and "$" not in given[0]:
            (site.roots if name == "root" else site.aliases).append(given[0])
        elif name == "fastcgi_pass" and given:
            site.programs += upstreams.get(given[0], given[:1])
    site.roots = site.roots or above
    site.listens = site.listens or [listened(["80"])]
    return site


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


def everything(block: list[Statement], depth: int = 0) -> Iterator[Statement]:
    """All statements of a block and of the blocks in it."""
    for item in block if depth < _DEPTH else []:
        if item.words:
            yield item
        yield from everything(item.inside, depth + 1)


def expanded(block: list[Statement], files: dict[str, list[Statement]], depth: int = 0) -> list[Statement]:
    """The block with what its includes name in their place."""
    found: list[Statement] = []
    for item in block if depth < _DEPTH else []:
        if item.words[:1] == ["include"] and len(item.words) > 1:
            pattern = str(Path("/etc/nginx", item.words[1]))
            for path, inside in files.items():
                if path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern):
                    found += expanded(inside, files, depth + 1)
        elif item.words:
            found.append(Statement(item.words, expanded(item.inside, files, depth + 1), item.file))
    return found


def statements(text: str, file: str) -> list[Statement]:
    """Read one file of nginx. What does not close ends with the file."""
    top: list[Statement] = []
    stack, words = [top], list[str]()
    for token in _TOKEN.finditer(text):
        double, single, mark, word = token.groups()
        if mark == "{":
            stack[-1].append(Statement(words, [], file))
            stack.append(stack[-1][-1].inside)
            words = []
        elif mark == "}":
            stack, words = stack[:-1] or [top], []
        elif mark == ";":
            stack[-1].append(Statement(words, [], file))
            words = []
        elif (found := next((item for item in (double, single, word) if item is not None), None)) is not None:
            words.append(found)
    return top


# --- Apache -----------------------------------------------------------------------------------------------------------


def apache_sites(main: str) -> list[Site]:
    """The virtual hosts of Apache's configuration; what stands outside of them counts for each."""
    outside, sites = Site("apache", main), list[Site]()
    current, defined = outside, dict[str, str]()
    for file, line in apache_lines(main):
        words = [
            re.sub(r"\$\{(\w+)\}", lambda found: defined.get(found[1], found[0]), item.strip("\"'"))
            for item in re.findall(r'"[^"]*"|\'[^\']*\'|\S+', line.strip().strip("<>"))
        ]
        name, given = words[0].lower() if words else "", words[1:]
        if name == "define" and len(given) > 1:
            defined[given[0]] = given[1]
        elif name == "virtualhost":
            current = Site("apache", file, listens=[apache_listen(item) for item in given])
            sites.append(current)
        elif name == "/virtualhost":
            current = outside
        elif given:
            apache_directive(current, name, given)
    for site in sites:
        site.roots = site.roots or outside.roots
        site.aliases += outside.aliases
        site.programs += outside.programs
    first: dict[tuple[str, int], Site] = {}
    for site in sites:
        for row in site.listens:
            row["default"] = first.setdefault((row["address"], row["port"]), site) is site
    return sites


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


def apache_listen(word: str) -> dict[str, Any]:
    """The address of a ``<VirtualHost>``."""
    host, _, port = word.rpartition(":")
    return listen(host, int(port), tls=False) if port.isdigit() else listen(word, 80, tls=False)


def apache_lines(path: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    """The lines of Apache's configuration with the file of each, in the order in which Apache reads them."""
    try:
        text = Path(path).read_text(errors="replace").replace("\\\n", " ")
    except OSError:
        return
    for line in text.splitlines():
        included = re.match(r"\s*Include(?:Optional)?\s+(\S+)", line, re.IGNORECASE)
        if included and depth < _DEPTH:
            pattern = str(Path(_APACHE, included[1].strip("\"'")))
            for file in sorted(Path("/").glob(pattern.lstrip("/"))):
                for part in sorted(file.iterdir()) if file.is_dir() else [file]:
                    yield from apache_lines(str(part), depth + 1)
        elif line.strip() and not line.lstrip().startswith("#"):
            yield path, line
