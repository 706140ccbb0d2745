"""The wheels of every dependency for every machine that is supported, as the lock file pins them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

# Debian 12 and 13 as controller, on the machines that they are common on.
PYTHONS = ("3.11", "3.13")
MACHINES = ("x86_64", "aarch64")
GLIBC = (
    36,
    35,
    34,
    31,
    28,
    27,
    26,
    24,
    17,
    12,
    5,
)  # tags of manylinux that Debian 12's glibc 2.36 runs, the newest first
BUILD_ONLY = frozenset({"editables", "hatchling", "pathspec", "trove-classifiers"})  # of a source tree alone


def pins(lock: Path) -> Iterator[tuple[Requirement, list[str]]]:
    """Yield each requirement of a lock file with its hashes."""
    for entry in re.split(r"\n(?=[a-z0-9])", lock.read_text("utf-8")):
        lines = [line.strip(" \\") for line in entry.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        if lines:
            yield Requirement(lines[0]), lines[1:]


def locked_for(lock: Path, python: str, machine: str) -> str:
    """Return the lock file as it holds for one Python on one machine: no markers, nothing that only builds."""
    environment = {
        **{key: str(value) for key, value in default_environment().items()},
        "python_version": python,
        "python_full_version": f"{python}.0",
        "platform_machine": machine,
        "sys_platform": "linux",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    lines = []
    for requirement, hashes in pins(lock):
        if canonicalize_name(requirement.name) in BUILD_ONLY:
            continue
        if requirement.marker is None or requirement.marker.evaluate(environment):
            lines.append(" \\\n    ".join([f"{requirement.name}{requirement.specifier}", *hashes]))
    return "\n".join(lines) + "\n"


def download(
    lock: Path, folder: Path, pythons: Sequence[str] = PYTHONS, machines: Sequence[str] = MACHINES
) -> list[Path]:
    """Download every wheel that is needed on one of these, each checked against its hash; return them by name.

    Raises:
        subprocess.CalledProcessError: One is not to be had; pip has said which.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for python in pythons:
        for machine in machines:
            wanted = folder / "wanted.txt"
            wanted.write_text(locked_for(lock, python, machine), "utf-8")
            platforms = [f"manylinux_2_{minor}_{machine}" for minor in GLIBC] + [f"manylinux2014_{machine}"]
            command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
            command += [
                "--require-hashes",
                "--only-binary",
                ":all:",
                "--dest",
                str(folder),
                "--find-links",
                str(folder),
            ]
            command += [f"--platform={name}" for name in platforms]
            command += [f"--python-version={python}", "--implementation=cp", f"--abi=cp{python.replace('.', '')}"]
            command += ["--abi=abi3", "--abi=none", "-r", str(wanted)]
            subprocess.run(command, check=True)
            wanted.unlink()
    return sorted(folder.glob("*.whl"))


def build(root: Path, folder: Path, moment: int) -> Path:
    """Build our own wheel; the same tree gives the same bytes. ``moment``: seconds since 1970, of the commit.

    Raises:
        subprocess.CalledProcessError: It could not be built.
    """
    draft = folder / "own"
    shutil.rmtree(draft, ignore_errors=True)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(draft), str(root)]
    environment = {"PATH": "/usr/bin:/bin", "SOURCE_DATE_EPOCH": str(moment), "LC_ALL": "C.UTF-8"}
    subprocess.run(command, check=True, env=environment, capture_output=True)
    (wheel,) = draft.glob("*.whl")
    return wheel


def name_and_version(wheel: Path) -> tuple[str, str]:
    """Return what a wheel holds."""
    name, version, _build, _tags = parse_wheel_filename(wheel.name)
    return str(name), str(version)
