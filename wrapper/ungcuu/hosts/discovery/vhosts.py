"""What a web server's configuration says of one website, whichever server it is."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Vhost:
    """One server block or virtual host. ``place`` is ``file:line``.

    Attributes:
        names: What visitors type; nothing that is a pattern.
        ports: Port → whether it speaks TLS.
        php: ``unix:/path`` or ``address:port`` of PHP-FPM, ``mod_php``, or empty.
        files: Certificates and keys.
        aliases: Path of the address → folder that stands for it.
        default: Requests with an unknown name come here.
        elsewhere: It only redirects, or hands everything to another server.
        behind: ``unix:/path`` or ``address:port`` of the server that it hands requests for pages to.
    """

    server: str
    place: str
    names: tuple[str, ...] = ()
    ports: tuple[tuple[int, bool], ...] = ()
    root: str = ""
    php: str = ""
    files: tuple[str, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    default: bool = False
    elsewhere: bool = False
    behind: str = ""


@dataclass(frozen=True)
class Website:
    """The vhosts that serve one folder under one name. ``path``: where it begins below the name, ``/`` or an alias."""

    server: str
    names: tuple[str, ...]
    ports: tuple[tuple[int, bool], ...]
    root: str
    php: str
    files: tuple[str, ...]
    places: tuple[str, ...]
    path: str = "/"
    default: bool = False
    behind: str = ""

    @property
    def label(self) -> str:
        """How a person names it: ``--website LABEL``."""
        return (self.names[0] if self.names else "_") + (self.path.rstrip("/"))


def websites(vhosts: Iterable[Vhost]) -> list[Website]:
    """Return each folder that is served under a name, once: vhosts for other ports and redirects to it are joined."""
    rows = list(vhosts)
    found: dict[tuple[str, str, str], Website] = {}
    for vhost in rows:
        if vhost.elsewhere or not vhost.root:
            continue
        _join(found, vhost, "/", vhost.root)
        for path, folder in vhost.aliases:
            _join(found, vhost, path, folder)
    for vhost in rows:
        if vhost.elsewhere:
            _add_ports(found, vhost)
    return list(found.values())


def _join(found: dict[tuple[str, str, str], Website], vhost: Vhost, path: str, root: str) -> None:
    root = posixpath.normpath(root)
    name = vhost.names[0] if vhost.names else ""
    before = found.get((name, path, root))
    if before is None:
        before = Website(vhost.server, vhost.names, (), root, vhost.php, (), (), path)
    found[name, path, root] = replace(
        before,
        names=tuple(dict.fromkeys((*before.names, *vhost.names))),
        ports=tuple(sorted({*before.ports, *vhost.ports})),
        php=before.php or vhost.php,
        files=tuple(dict.fromkeys((*before.files, *vhost.files))),
        places=(*before.places, vhost.place),
        default=before.default or vhost.default,
        behind=before.behind or (vhost.behind if path == "/" else ""),
    )


def _add_ports(found: dict[tuple[str, str, str], Website], vhost: Vhost) -> None:
    """A vhost that only redirects opens a port for the websites of its name."""
    for key, site in found.items():
        if set(site.names) & set(vhost.names):
            found[key] = replace(site, ports=tuple(sorted({*site.ports, *vhost.ports})))
