"""The lab's images: a bare Debian host, and the same host with a website installed on it. Each is built once."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from ungcuu.core.debian import CODENAMES, SUPPORTED
from ungcuu.core.scratch import private_folder
from ungcuu.lab.podman import LabError, find_runtime, image_exists, podman, run_options

_BASE_PACKAGES = (
    "systemd,systemd-sysv,dbus,openssh-server,python3,nftables,iproute2,procps,ca-certificates,sudo,rsync,"
    "tzdata,kmod,less,libpam-systemd"
)
_BOOT_SECONDS = 60
_WATCHERS = 1024
# What each kind of image is built on; its own recipe comes on top. A "…-machine" has a kernel (see lab/machines.py).
_BELOW = {"website": "base", "base-machine": "base", "website-machine": "website"}

Say = Callable[[str], None]


def _recipe(name: str) -> str:
    return (files("ungcuu.lab") / "recipes" / f"{name}.sh").read_text(encoding="utf-8")


def tag(kind: str, debian: str) -> str:
    """Name of an image: kind ("base", "website", "…-machine"), Debian version and a digest of all that goes into it."""
    digest = hashlib.sha256(_ingredients(kind).encode()).hexdigest()[:12]
    return f"localhost/ungcuu-lab-{kind}:{debian}-{digest}"


def _ingredients(kind: str) -> str:
    if kind == "base":
        return _BASE_PACKAGES + _recipe("base")
    return _ingredients(_BELOW[kind]) + _recipe(kind.rpartition("-")[2])


def ensure(kind: str, debian: str, network: str, say: Say) -> str:
    """Build the image unless it is there already; gives its tag. Packages are fetched over the podman network named.

    Raises:
        LabError: an unknown Debian version, or a build that failed.
    """
    if debian not in SUPPORTED:
        raise LabError(f"The lab knows Debian {' and '.join(SUPPORTED)}, not {debian!r}.")
    wanted = tag(kind, debian)
    if image_exists(wanted):
        return wanted
    if kind == "base":
        _build_base(wanted, debian, say)
    else:
        _build_layer(wanted, ensure(_BELOW[kind], debian, network, say), kind, network, say)
    return wanted


def _build_base(wanted: str, debian: str, say: Say) -> None:
    say(f"building the Debian {debian} base image (about 40 s, once)")
    bootstrap(wanted, debian, _BASE_PACKAGES, _recipe("base"), ["/sbin/init"])


def bootstrap(wanted: str, debian: str, packages: str, recipe: str, command: list[str]) -> None:
    """Make an image of Debian's packages alone, finished by a recipe (a script of sh), with what it starts by default.

    Raises:
        LabError: a package can't be had, or the recipe failed.
    """
    with private_folder() as folder:
        archive = Path(folder, "base.tar")
        script = Path(folder, "base.sh")
        script.write_text(recipe, encoding="utf-8")
        order = ["mmdebstrap", "--variant=minbase", f"--include={packages}"]
        order += [f'--customize-hook=copy-in "{script}" /tmp', '--customize-hook=chroot "$1" sh /tmp/base.sh']
        order += ['--customize-hook=rm "$1/tmp/base.sh"', CODENAMES[debian], str(archive)]
        built = subprocess.run(order, capture_output=True, text=True, check=False)
        if built.returncode:
            raise LabError(f"mmdebstrap failed: {built.stderr.strip()[-800:]}")
        podman("import", "--change", f"CMD {json.dumps(command)}", str(archive), wanted)


def _build_layer(wanted: str, base: str, kind: str, network: str, say: Say) -> None:
    say(f"installing the {kind} into an image (about 100 s, once)")
    name = "ungcuu-build-" + wanted.rsplit("-", 1)[1]
    podman("rm", "-f", name, check=False)
    try:
        # Not podman's default network: inside a container that is the outer one's own network, and leads nowhere.
        options = ["-d", "--name", name, "--network", network, *run_options([])]
        podman(*find_runtime(base), "run", *options, base, "/sbin/init")
        wait_for_boot(name)
        built = podman("exec", "-i", name, "sh", "-s", stdin=_recipe(kind.rpartition("-")[2]).encode(), check=False)
        if built.returncode:
            words = (built.stdout + built.stderr).decode(errors="replace")
            raise LabError(f"the recipe of the {kind} image failed: {words[-1200:]}")
        podman("stop", name)
        podman("commit", "-q", name, wanted)
    finally:
        podman("rm", "-f", name, check=False)


def wait_for_boot(container: str) -> None:
    """Wait until systemd in the container has started everything.

    Raises:
        LabError: not up after a minute; the message names the units that failed.
    """
    deadline = time.monotonic() + _BOOT_SECONDS
    state = b""
    while time.monotonic() < deadline:
        state = podman("exec", container, "systemctl", "is-system-running", check=False).stdout.strip()
        if state in (b"running", b"degraded"):
            return
        time.sleep(0.3)
    failed = podman("exec", container, "systemctl", "--failed", "--plain", "--no-legend", check=False).stdout
    # Each host watches files; the kernel's default (128 for one account) is used up by a few labs side by side.
    scarce = int(Path("/proc/sys/fs/inotify/max_user_instances").read_text("ascii")) < _WATCHERS
    fix = f" If many labs are up: sysctl -w fs.inotify.max_user_instances={_WATCHERS}" if scarce else ""
    raise LabError(f"{container} did not boot in {_BOOT_SECONDS} s ({state.decode()}): {failed.decode().strip()}.{fix}")
