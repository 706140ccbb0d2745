"""Report what hardening must know of this host: versions, what is installed, what the site needs. Changes nothing.

Runs on the managed host: standard library only. The controller checks each value's form before it uses any.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

from ungcuu.remote.web_sites import php_versions, served

_SERVERS = {
    "nginx": ("/usr/sbin/nginx",),
    "apache": ("/usr/sbin/apache2ctl",),  # the daemon alone comes with PHP's module
    "mariadb": ("/usr/sbin/mariadbd", "/usr/sbin/mysqld"),
    "postgresql": ("/usr/lib/postgresql",),
    "sshd": ("/usr/sbin/sshd",),
}


def said(*argv: str) -> str:
    """What a command prints, both streams."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr


_UNITS = {"nginx": "nginx.service", "apache": "apache2.service", "mariadb": "mariadb.service"}
_RUNS_NOT = ("inactive", "failed")


def in_use(server: str) -> str:
    """How an installed server is used: ``yes``; ``no``, switched off by its unit; ``stopped``, though it should run."""
    unit = _UNITS.get(server)
    if unit is None or said("systemctl", "is-active", unit).strip() not in _RUNS_NOT:
        return "yes"
    return "stopped" if said("systemctl", "is-enabled", unit).strip().startswith("enabled") else "no"


def debian() -> str:
    """Debian's major version."""
    found = re.search(r'^VERSION_ID="?(\d+)', Path("/etc/os-release").read_text(encoding="utf-8"), re.MULTILINE)
    return found.group(1) if found else ""


def nginx_files() -> list[str]:
    """Files that hold a server block of the running configuration."""
    paths = [path.resolve() for path in sorted(Path("/etc/nginx/sites-enabled").glob("*"))]
    paths += sorted(path for path in Path("/etc/nginx/conf.d").glob("*.conf") if not path.name.startswith("00-ungcuu"))
    return [
        str(path)
        for path in dict.fromkeys(paths)
        if path.is_file() and re.search(r"^\s*server\s*\{", path.read_text(errors="replace"), re.MULTILINE)
    ]


def apache_files() -> list[str]:
    """Files that hold the sites of the running configuration."""
    paths = (path.resolve() for path in sorted(Path("/etc/apache2/sites-enabled").glob("*.conf")))
    return [str(path) for path in dict.fromkeys(paths) if path.is_file()]


def ours() -> list[str]:
    """Files that earlier runs put here for one website each."""
    places = ("php/*/fpm/pool.d/zz-ungcuu*", "nginx/snippets/ungcuu-site*", "nginx/conf.d/00-ungcuu-site*")
    patterns = (*places, "apache2/conf-enabled/zz-ungcuu-site*")
    return [str(path) for pattern in patterns for path in sorted(Path("/etc").glob(f"{pattern}.conf"))]


def largest_post() -> int:
    """Bytes of the largest request that PHP takes: what the site needs, so no limit may be smaller. 0: unknown."""
    texts = [
        path.read_text(errors="replace")
        for path in sorted(Path("/etc/php").glob("*/fpm/**/*"))
        if path.suffix in (".ini", ".conf") and path.is_file()
    ]
    found = re.findall(r"^[^;\n]*post_max_size\]?\s*=\s*\"?(\d+)([KMGkmg]?)", "\n".join(texts), re.MULTILINE)
    return max((int(number) << {"K": 10, "M": 20, "G": 30}.get(unit.upper(), 0) for number, unit in found), default=0)


def clusters() -> list[str]:
    """PostgreSQL's running clusters, as version/name."""
    rows = [row.split() for row in said("pg_lsclusters", "-h").splitlines()]
    return [f"{row[0]}/{row[1]}" for row in rows if len(row) > 3 and row[3] == "online"]


def cluster_paths() -> list[str]:
    """Folders outside of Debian's own that PostgreSQL's running clusters keep data in: data folders and tablespaces."""
    rows = [row.split() for row in said("pg_lsclusters", "-h").splitlines()]
    folders = [Path(row[5]) for row in rows if len(row) > 5 and row[3] == "online"]
    folders += [link.resolve() for folder in folders for link in (folder / "pg_tblspc").glob("*")]
    return sorted({str(folder) for folder in folders if not folder.is_relative_to("/var/lib/postgresql")})


def homes() -> list[str]:
    """Home folders of people (not of services) that others may look into."""
    rows = [row.split(":") for row in Path("/etc/passwd").read_text(encoding="utf-8", errors="replace").splitlines()]
    people = [row[5] for row in rows if len(row) == 7 and row[2].isdigit() and 1000 <= int(row[2]) < 60000]
    return sorted({home for home in people if Path(home).is_dir() and home.startswith("/home/")})


def apparmor() -> bool:
    """Whether this kernel confines with AppArmor, and lets this host load profiles (a container may only look)."""
    enabled = Path("/sys/module/apparmor/parameters/enabled")
    writable = os.access("/sys/kernel/security/apparmor", os.W_OK)
    return writable and enabled.exists() and enabled.read_text().strip() == "Y"


def main(order: dict[str, Any]) -> dict[str, Any]:
    """Return what is found, as the module says."""
    php = php_versions()
    listening = sorted({int(port) for port in re.findall(r"^LISTEN.*?:(\d+)\s", said("ss", "-Hltn"), re.MULTILINE)})
    installed = sorted(name for name, paths in _SERVERS.items() if any(Path(path).exists() for path in paths))
    used = {name: in_use(name) for name in installed}
    servers = [name for name in installed if used[name] != "no"]
    return {
        "debian": debian(),
        "has": servers
        + (["web"] if {"nginx", "apache"} & set(servers) else [])
        + (["php"] if php else [])
        + (["modphp"] if list(Path("/etc/apache2/mods-enabled").glob("php*.load")) else [])
        + (["apparmor"] if apparmor() else []),
        "stopped": [_UNITS[name] for name in installed if used[name] == "stopped"],
        "php": php,
        "homes": homes(),
        "sites": served(),
        "root": os.path.realpath(order["root"]) if order.get("root") else "",
        "nginx_files": nginx_files() if Path("/etc/nginx").is_dir() else [],
        "apache_files": apache_files(),
        "ours": ours(),
        "body_bytes": largest_post(),
        "clusters": clusters(),
        "cluster_paths": cluster_paths(),
        "ssh_version": (re.search(r"OpenSSH_(\d+\.\d+)", said("ssh", "-V")) or [""] * 2)[1],
        "kex": said("sshd", "-T").find("mlkem768") >= 0 or "mlkem768x25519-sha256" in said("ssh", "-Q", "kex"),
        "container": Path("/run/.containerenv").exists()
        or "container" in os.environ
        or Path("/run/systemd/container").exists(),
        "pwquality": Path("/usr/share/pam-configs/pwquality").exists(),
        "listening": listening,
        "memory_mb": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20,
    }
