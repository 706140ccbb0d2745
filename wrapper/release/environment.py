"""``./release environment``: the execution environment as an image, built by ansible-builder with podman.

Its base is made of Debian's packages alone. Wheels and collection are made ready here; the build itself has no network.
"""

from __future__ import annotations

import configparser
import hashlib
import platform
import shutil
import subprocess
import tempfile
import time
import venv
from pathlib import Path

import click
import yaml

from release import collection, wheels
from ungcuu import __version__
from ungcuu.lab import images
from ungcuu.lab.podman import ensure_installed, limits, podman

ROOT = Path(__file__).resolve().parents[2]
LOCK, TOOLS = ROOT / "requirements.lock", ROOT / "requirements-environment.lock"
DEFINITION = Path(__file__).with_name("execution-environment.yml")
DEBIAN, PYTHON = "13", "3.13"
IMAGE = f"localhost/ungcuu-environment:{__version__}"
# For a job: Ansible's ssh with a key, an agent or a password. What a scan asks of apt and dpkg is in every Debian.
_PACKAGES = "python3,python3-pip,openssh-client,sshpass,ca-certificates,tzdata,dumb-init"
_NOTE = "/etc/ungcuu-packages"  # in the base image: of which packages it was made
_MOST_AGE = 24 * 3600  # seconds
# What ansible.cfg says of the source tree's folders; in the collection everything has its place.
_OF_THE_TREE = ("roles_path", "action_plugins", "callback_plugins", "filter_plugins", "library")


@click.command()
@click.option("--tag", default=IMAGE, show_default=True, help="Name of the image.")
@click.option("--keep", type=click.Path(path_type=Path), default=ROOT / ".check/environment", help="Folder for wheels.")
def main(*, tag: str, keep: Path) -> None:
    """Build the execution environment with podman. As root, on Debian."""
    build(tag, keep)
    click.echo(f"{tag} is built; docs/how-to/awx.md says how a job runs in it.")


def build(tag: str, keep: Path) -> None:
    """Build the image from this tree; ``keep`` holds ansible-builder and wheels from one build to the next.

    Raises:
        subprocess.CalledProcessError: A step failed; its program has said why.
        LabError: podman or Debian's packages can't be had.
    """
    ensure_installed()
    name = yaml.safe_load(DEFINITION.read_text("utf-8"))["images"]["base_image"]["name"]
    if not _is_current(name):
        click.echo("building the base image of Debian's packages (about a minute)", err=True)
        images.bootstrap(name, DEBIAN, _PACKAGES, f"printf %s '{_PACKAGES}' >{_NOTE}", ["bash"])
    builder = _builder(keep)
    with tempfile.TemporaryDirectory() as work:
        place = lay_out(Path(work), keep / "wheels")
        context = ["--file", str(place / DEFINITION.name), "--context", str(Path(work, "context")), "--tag", tag]
        alone = ["--container-runtime", "podman", "--extra-build-cli-args", "--network=none --pull-never"]
        subprocess.run([str(builder), "build", *context, *alone, "--verbosity", "2"], check=True)


def _is_current(name: str) -> bool:
    """Whether there is a base of the same packages that has the security updates of the last day."""
    made = podman("image", "inspect", "--format", "{{.Created.Unix}}", name, check=False)
    if made.returncode or time.time() - int(made.stdout) > _MOST_AGE:
        return False
    noted = podman("run", "--rm", "--network=none", *limits(), name, "cat", _NOTE, check=False)
    return noted.stdout.decode() == _PACKAGES


def lay_out(work: Path, kept_wheels: Path) -> Path:
    """Put the definition and all that it names into a folder, and return it: it can be carried to another machine."""
    place = work / "environment"
    place.mkdir()
    machine = platform.machine()
    shutil.copyfile(DEFINITION, place / DEFINITION.name)
    pinned = set()
    for lock, name in ((LOCK, "requirements.txt"), (TOOLS, "builder.txt")):
        (place / name).write_text(wheels.locked_for(lock, PYTHON, machine), "utf-8")
        wanted = {(req.name, str(req.specifier)[2:]) for req, _hashes in wheels.pins(place / name)}
        if wanted - {wheels.name_and_version(wheel) for wheel in kept_wheels.glob("*.whl")}:
            wheels.download(lock, kept_wheels, [PYTHON], [machine])
        pinned |= wanted
    (place / "wheels").mkdir()
    for wheel in kept_wheels.glob("*.whl"):
        if wheels.name_and_version(wheel) in pinned:
            shutil.copyfile(wheel, place / "wheels" / wheel.name)
    built = collection.build(ROOT, work, work, __version__, _moment())
    built.rename(place / "ungcuu.tar.gz")
    _write_settings(place / "ansible.cfg")
    return place


def _builder(keep: Path) -> Path:
    """Return the program ansible-builder, in an environment of its own as its lock file pins it."""
    folder = keep / f"builder-{hashlib.sha256(TOOLS.read_bytes()).hexdigest()[:16]}"
    program = folder / "bin" / "ansible-builder"
    if not program.exists():
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
        subprocess.run([*pip, "install", "--require-hashes", "-r", str(TOOLS)], check=True)
    return program


def _write_settings(path: Path) -> None:
    """Write what holds for a job whose project has no ansible.cfg: this tree's, without the tree's folders."""
    settings = configparser.RawConfigParser()
    settings.read(ROOT / "ansible.cfg", "utf-8")
    for option in _OF_THE_TREE:
        settings.remove_option("defaults", option)
    settings.set("defaults", "callbacks_enabled", f"{collection.NAME}.ungcuu_changes")
    with path.open("w", encoding="utf-8") as file:
        settings.write(file)


def _moment() -> int:
    """Return when the commit was made, in seconds since 1970."""
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    main()
