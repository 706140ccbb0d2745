"""The only way to podman: run it, show what it said, and find out which runtime this machine's kernel accepts."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

from ungcuu.core.errors import ControllerFault

# What the lab needs of Debian, beside what the controller has anyway.
PACKAGES = (
    "podman",
    "runc",
    "crun",
    "netavark",
    "iptables",
    "mmdebstrap",
    "debian-archive-keyring",
    "nftables",
    "iproute2",
    "openssh-client",
)
PROGRAMS = ("podman", "runc", "mmdebstrap", "nft", "iptables", "ip", "ssh", "ssh-keygen")

# Named capabilities instead of --privileged: that would share the kernel's own settings with the lab's hosts.
# SYS_PTRACE lets root read other users' processes, as it can on a real host.
CAPABILITIES = ("SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "NET_RAW", "AUDIT_CONTROL", "AUDIT_WRITE")

# Podman asks for a million of each by default; without CAP_SYS_RESOURCE the kernel refuses any raise.
_LIMIT_CEILING = 16384


class LabError(ControllerFault):
    """The lab could not do what was asked; the message says what failed and what to do."""


def ensure_installed(programs: Sequence[str] = PROGRAMS, packages: Sequence[str] = PACKAGES) -> None:
    """Install what the lab needs with apt, when something is missing and we may.

    Raises:
        LabError: something is missing and this user can't install it, or apt failed.
    """
    if all(shutil.which(program) for program in programs):
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise LabError("The lab needs root on Debian and these packages: apt-get install " + " ".join(packages))
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-yq", "--no-install-recommends", *packages]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LabError(f"'{' '.join(command[:3])}' failed: {done.stderr.strip()[-600:]}")


def installed() -> bool:
    """Whether podman is there at all; without it no lab is up."""
    return shutil.which("podman") is not None


def podman(*arguments: str, stdin: bytes | None = None, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    """Run podman and keep what it prints.

    Raises:
        LabError: podman is missing, or it failed and `check` is set.
    """
    if not installed():
        raise LabError("podman is not installed; ungcuu lab up brings it")
    done = subprocess.run(["podman", *arguments], input=stdin, capture_output=True, check=False)
    if check and done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise LabError(f"podman {arguments[0]} failed: {words[-1] if words else f'exit code {done.returncode}'}")
    return done


def inspect(name: str) -> dict[str, Any] | None:
    """What podman knows of a container, or None where there is none of that name."""
    if not installed():
        return None
    done = podman("container", "inspect", name, check=False)
    return json.loads(done.stdout)[0] if done.returncode == 0 else None


def image_exists(tag: str) -> bool:
    """Whether the image is there already."""
    return podman("image", "exists", tag, check=False).returncode == 0


def limits() -> list[str]:
    """Options for `podman run` that ask for no higher limits than this process may have."""
    options = []
    for name, kind in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC)):
        hard = resource.getrlimit(kind)[1]
        limit = _LIMIT_CEILING if hard == resource.RLIM_INFINITY else min(hard, _LIMIT_CEILING)
        options += ["--ulimit", f"{name}={limit}:{limit}"]
    return options


def run_options(runtime: Sequence[str]) -> list[str]:
    """Options for `podman run` or `create` of a host that boots systemd; `runtime` as `find_runtime` gave it."""
    return [*runtime, "--systemd=always", f"--cap-add={','.join(CAPABILITIES)}", *limits()]


def find_runtime(image: str) -> list[str]:
    """The options that select a runtime which starts containers here: podman's own choice first, then runc.

    With hybrid cgroups crun was seen both to work and to refuse, so it is tried rather than guessed.

    Raises:
        LabError: neither runtime starts a container.
    """
    said = []
    for runtime in ([], ["--runtime", "runc"]):
        probe = podman(*runtime, "run", "--rm", *run_options([]), "--network=none", image, "/bin/true", check=False)
        if probe.returncode == 0:
            return runtime
        said.append(probe.stderr.decode(errors="replace").strip()[-300:])
    raise LabError("No container starts on this machine (crun and runc were tried): " + " | ".join(said))
