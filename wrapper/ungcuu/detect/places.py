"""Where a file stands says what it can do: places of implants outside of the website, as data.

Each row is (place, rule, severity of a new or changed file, severity when it is gone). The first one that fits counts.
"""

from __future__ import annotations

import re

from ungcuu.detect.findings import Severity

CRITICAL, HIGH, MEDIUM, LOW = Severity

Place = tuple[re.Pattern[str], str, Severity, Severity]

UNIT_FOLDER = re.compile(
    r"^(?:/etc/systemd|/run/systemd/(?:system|transient|generator[^/]*|system\.control|user|(?:system|user)-generators)|"
    r"/run/user/\d+/systemd|/usr/local/(?:lib|share)/systemd|/.+/\.config/systemd|/.+/\.local/share/systemd)/"
)
PACKAGED_UNIT = re.compile(r"^/usr/lib/systemd/(?:system|user)/")
# Code that an interpreter loads without being asked: its module folders, and what it reads at its start.
INTERPRETER = re.compile(
    r"(?:^/usr/(?:local/)?(?:lib|share)/|/\.local/lib/|^/etc/(?:python|perl)|/perl5/)(?:.*/)?"
    r"(?:[^/]+\.pth|(?:site|user)customize\.(?:py|pl)|[^/]+\.p[ym]|[^/]+\.pyc|[^/]+\.so(?:\.[\d.]+)?|[^/]+\.(?:pl|al|ph|php|inc|rb|lua))$"
)


def _at(pattern: str, rule: str, severity: Severity, gone: Severity = MEDIUM) -> Place:
    return re.compile(pattern), rule, severity, gone


# Places that hold in every tree; they stand before the general ones of detect/system.py.
PLACES: tuple[Place, ...] = (
    _at(r"^/etc/(?:resolv\.conf|hosts|host\.conf|gai\.conf)$", "network.names", MEDIUM),
    _at(
        r"^/etc/apt/(?:sources\.list|trusted\.gpg|keyrings/|auth\.conf|preferences)|^/usr/share/keyrings/",
        "package.source",
        HIGH,
    ),
    _at(r"^(?:/etc|/run|/usr/share|/usr/local/share|/.+/\.local/share)/dbus-1/", "persistence.activation", HIGH),
    _at(
        r"^(?:/run|/var/lib|/usr/share|/usr/local/share)/polkit-1/|^/usr/share/pam-configs/|^/usr/lib/pam\.d/|"
        r"^/usr/share/pam/",
        "access.login",
        HIGH,
        HIGH,
    ),
    _at(r"^/var/lib/systemd/linger/", "persistence.linger", HIGH, LOW),
    _at(r"^/usr/lib/modules/.+\.ko(?:\.[a-z0-9]+)?$", "kernel.module", HIGH),
    _at(
        r"^(?:/run|/usr/lib|/usr/local/lib)/(?:udev/(?:rules|hwdb)\.d|modprobe\.d|modules-load\.d|sysctl\.d|tmpfiles\.d|"
        r"sysusers\.d|binfmt\.d|environment\.d|kernel|NetworkManager|dracut|initramfs-tools)/|^/usr/share/initramfs-tools/|"
        r"^/usr/share/(?:bash-completion|zsh|fish|xsessions|autostart)/|^/usr/lib/(?:apt|dpkg|cnf-update-db|needrestart)/",
        "persistence.startup",
        HIGH,
    ),
    (INTERPRETER, "persistence.interpreter", HIGH, MEDIUM),
)

# Made again by triggers when packages are installed; with unchanged packages a change of one is a plain finding.
GENERATED = re.compile(
    r"^/usr/(?:share/(?:info/dir|mime/|applications/mimeinfo\.cache|icons/.+/icon-theme\.cache|fonts/.+\.uuid|"
    r"glib-2\.0/schemas/gschemas\.compiled|vim/vim\d+/doc/tags)|lib/(?:locale/|udev/hwdb\.bin|[^/]+/gconv/"
    r"gconv-modules\.cache|[^/]+/gio/modules/giomodule\.cache|[^/]+/gdk-pixbuf-2\.0/.+/loaders\.cache|"
    r"modules/[^/]+/modules\.))"
)
# Read by people; nothing loads them.
TEXTS = re.compile(r"^/usr/share/(?:doc|man|info|locale|lintian|bug|common-licenses|zoneinfo)/")
# Trees that the first release's baselines do not hold.
ADDED_LATER = re.compile(
    r"^(?:/etc/resolv\.conf$|/run/(?!systemd/system/)|/var/lib/(?:systemd|polkit-1|dpkg)/|/.+/\.local/(?:lib|share/dbus-1)/)"
)


def place_of(path: str) -> Place | None:
    """Return the row for this path, or None."""
    return next((row for row in PLACES if row[0].search(path)), None)
