"""The Debian package: wheels for every supported Python and machine, an environment made of them at installation.

Debian 12's ansible-core is too old for the roles, so what is needed travels inside. No binary is unpacked but in the
environment, whose wheels fit the machine: the package holds for all of them.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import textwrap
from pathlib import Path

from release import man

LIBRARY = "usr/lib/ungcuu"
_LAUNCHER = """\
#!/bin/sh
# The environment is made when the package is configured, for the Python of this machine.
program=/usr/lib/ungcuu/venv/bin/ungcuu
[ -x /usr/lib/ungcuu/venv/bin/python ] && exec "$program" "$@"
echo "ungcuu: its environment is missing or was made for another Python. As root: dpkg-reconfigure ungcuu" >&2
exit 14
"""
_POSTINST = """\
#!/bin/sh
set -e
case "$1" in
    configure | triggered | reconfigure) sh /usr/lib/ungcuu/install.sh /usr/lib/ungcuu/venv ;;
esac
"""
_PRERM = """\
#!/bin/sh
set -e
case "$1" in
    remove | deconfigure) rm -rf /usr/lib/ungcuu/venv ;;
esac
"""
_CONTROL = """\
Package: ungcuu
Version: {version}
Architecture: all
Maintainer: {maintainer}
Installed-Size: {size}
Depends: python3 (>= 3.11), python3-venv, openssh-client
Recommends: restic, weasyprint
Suggests: podman, chromium
Section: admin
Priority: optional
Description: hardening and incident recovery for a website host
 A controller for the website host of a small public body: it patches, hardens,
 backs up and watches the host; under attack it isolates it, collects evidence,
 cleans, restores, re-assesses and reports. Ansible does the changes over SSH.
 .
 All of its dependencies travel inside; nothing is fetched at installation.
"""
_README = """\
The inventory of this machine's site goes to /etc/ungcuu/inventory: `ungcuu init` makes it.

Units of systemd are shipped and off. As root, once the inventory stands:

    systemctl enable --now ungcuu-watch.timer     look at every website every five minutes
    systemctl enable --now ungcuu-remind.timer    remind of deadlines of open cases every quarter of an hour
    systemctl enable --now ungcuu-metrics.timer   write metrics for node_exporter every five minutes
    systemctl enable --now ungcuu-hold.service    keep a connection to each website host up, which makes isolate faster

They run as root with the state of root's own account. People who run ungcuu as another account use
`ungcuu watch install` instead, which makes units of that account.
"""
_TIMERS = {
    "watch": ("Look at the websites", "/usr/bin/ungcuu watch round website", "*:0/5"),
    "remind": ("Remind of deadlines of open cases", "/usr/bin/ungcuu case remind --send", "*:0/15"),
    "metrics": (
        "Write metrics for node_exporter",
        "/usr/bin/ungcuu metrics --out /var/lib/prometheus/node-exporter/ungcuu.prom",
        "*:2/5",
    ),
}
_HOLD = """\
[Unit]
Description=Keep a connection to each website host up (ungcuu)
After=network-online.target
Wants=network-online.target

[Service]
ExecStart=/usr/bin/ungcuu watch hold website
Restart=always
RestartSec=30s

[Install]
WantedBy=multi-user.target
"""


def tree(root: Path, place: Path, payload: Path, *, moment: int) -> None:
    """Lay out what the package installs. ``payload``: the folder with wheels, locks and install.sh."""
    shutil.copytree(payload, place / LIBRARY)
    _put(place / "usr/bin/ungcuu", _LAUNCHER, 0o755)
    man.write(place / "usr/share/man/man1", moment)
    for shell, name in (
        ("bash", "bash-completion/completions/ungcuu"),
        ("zsh", "zsh/vendor-completions/_ungcuu"),
        ("fish", "fish/vendor_completions.d/ungcuu.fish"),
    ):
        _put(place / "usr/share" / name, completion(shell))
    for name, (what, command, when) in _TIMERS.items():
        service = f"[Unit]\nDescription={what} (ungcuu)\nAfter=network-online.target\nWants=network-online.target\n\n"
        service += f"[Service]\nType=oneshot\nExecStart={command}\n# New alerts are no failure of the unit.\n"
        service += "SuccessExitStatus=13\n"
        timer = f"[Unit]\nDescription={what} (ungcuu)\n\n[Timer]\nOnCalendar={when}\nPersistent=true\n\n"
        timer += "[Install]\nWantedBy=timers.target\n"
        _put(place / f"usr/lib/systemd/system/ungcuu-{name}.service", service)
        _put(place / f"usr/lib/systemd/system/ungcuu-{name}.timer", timer)
    _put(place / "usr/lib/systemd/system/ungcuu-hold.service", _HOLD)
    _put(place / "etc/ungcuu/README", _README)
    (place / "etc/ungcuu").chmod(0o700)
    _documents(root, place / "usr/share/doc/ungcuu")


def completion(shell: str) -> str:
    """Return the completion script of a shell, as ``ungcuu completion`` prints it."""
    import click
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 (the three that click knows)
    return found(click.Command("ungcuu"), {}, "ungcuu", "_UNGCUU_COMPLETE").source() + "\n"


def _documents(root: Path, place: Path) -> None:
    place.mkdir(parents=True)
    for page in ("README.md", "README.vi.md", "SECURITY.md", "CONTRIBUTING.md"):
        shutil.copyfile(root / page, place / page)
    shutil.copytree(root / "docs", place / "docs")
    (place / "changelog.gz").write_bytes(gzip.compress((root / "CHANGELOG.md").read_bytes(), 9, mtime=0))
    head = "ungcuu\nCopyright: the authors of ungcuu\nLicence: Apache-2.0\n\n"
    head += "On Debian systems the full text is in /usr/share/common-licenses/Apache-2.0.\n\n"
    head += "The wheels in /usr/lib/ungcuu/wheels are other people's work under licences of their own:\n"
    head += "see licences.txt beside this file.\n"
    _put(place / "copyright", head)


def pack(place: Path, out: Path, *, version: str, maintainer: str, moment: int) -> Path:
    """Make the package of what was laid out; the same tree gives the same bytes.

    Raises:
        subprocess.CalledProcessError: dpkg-deb could not.
    """
    control = place / "DEBIAN"
    files = [path for path in place.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) // 1024
    _put(control / "control", _CONTROL.format(version=version, maintainer=maintainer, size=size))
    _put(control / "postinst", _POSTINST, 0o755)
    _put(control / "prerm", _PRERM, 0o755)
    _put(control / "conffiles", "/etc/ungcuu/README\n")
    # A new Python takes the place of the one that the environment was made for.
    _put(control / "triggers", "interest-noawait /usr/bin/python3\n")
    sums = [(_md5(path), path.relative_to(place)) for path in sorted(files) if not path.is_relative_to(place / "etc")]
    _put(control / "md5sums", "".join(f"{digest}  {name}\n" for digest, name in sums))
    _settle(place, moment)
    found = out / f"ungcuu_{version}_all.deb"
    # The wheels are compressed already: a little is saved in a little time.
    command = ["dpkg-deb", "--root-owner-group", "-Zxz", "-z1", "--build", str(place), str(found)]
    subprocess.run(command, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": str(moment)}, stdout=subprocess.DEVNULL)
    return found


def _settle(place: Path, moment: int) -> None:
    """Give every file the modes and times of a package, whatever the umask and the clock were."""
    for path in sorted(place.rglob("*"), reverse=True):
        if path.is_dir():
            path.chmod(0o700 if path == place / "etc/ungcuu" else 0o755)
        else:
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (moment, moment))
    place.chmod(0o755)
    os.utime(place, (moment, moment))


def _put(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), "utf-8")
    path.chmod(mode)


def _md5(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
