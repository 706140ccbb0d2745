"""``./release``: make everything that is released, out of a clean tree, into one folder."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import click
from packaging.utils import canonicalize_name

from release import advisories as vulnerabilities
from release import bill, collection, deb, wheels
from ungcuu import __version__

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"
NAMESPACE = "ungcuu-release"  # of the signature: nobody can pass off one made for another purpose
_BUNDLE_README = """\
ungcuu {version}, to be installed without a network.

    sh install.sh /opt/ungcuu
    /opt/ungcuu/bin/ungcuu --help

Python 3.11 (Debian 12) or 3.13 (Debian 13) with its venv module is needed: apt-get install python3-venv.
Every wheel is checked against its hash. The recipes of the lab's hosts are in the wheel of ungcuu itself; building them
needs Debian's packages.
"""


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "dist", help="Folder; made anew.")
@click.option("--cache", type=click.Path(path_type=Path), default=ROOT / ".check/wheels", help="Where wheels are kept.")
@click.option("--key", type=click.Path(exists=True, dir_okay=False), help="SSH key that signs the checksums.")
@click.option(
    "--advisories",
    type=click.Path(exists=True, path_type=Path),
    help="Advisories of PyPI in OSV's JSON, a file or folder: the parts are compared with them, nothing is fetched.",
)
@click.option("--accept", multiple=True, metavar="ID", help="Advisory that was looked at; the release names it.")
@click.option("--unclean", is_flag=True, help="For trials: take a tree with changes that are not committed.")
def main(
    *, out: Path, cache: Path, key: str | None, advisories: Path | None, accept: tuple[str, ...], unclean: bool
) -> None:
    """Make the Debian package, the offline bundle, the collection, the bill of materials, licences and checksums."""
    if changes := _git("status", "--porcelain"):
        if not unclean:
            raise click.ClickException(f"the tree is not clean; commit or remove:\n{changes}")
        click.echo("The tree is not clean: this is a trial, and no release.", err=True)
    compared = _compared(advisories, accept)
    moment, maintainer = int(_git("log", "-1", "--format=%ct")), _git("log", "-1", "--format=%cn <%ce>")
    os.umask(0o022)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as work:
        make(out, cache, Path(work), moment, maintainer)
    if compared:
        (out / "advisories.txt").write_text(compared, "utf-8")
    made = sorted(path for path in out.iterdir())
    sums = out / "SHA256SUMS"
    sums.write_text("".join(f"{bill.sha256(path)}  {path.name}\n" for path in made), "utf-8")
    if key:
        subprocess.run(["ssh-keygen", "-Y", "sign", "-n", NAMESPACE, "-f", key, str(sums)], check=True)
    for path in sorted(out.iterdir()):
        click.echo(f"{path.stat().st_size >> 10:>8} KiB  {path}")
    if not key:
        click.echo("Not signed: name the release key with --key (docs/how-to/release.md).", err=True)


def _compared(path: Path | None, accept: tuple[str, ...]) -> str:
    """Compare what is pinned with the given advisories, before anything is made; empty where none are given."""
    if path is None:
        click.echo("Not compared with advisories: name them with --advisories (docs/how-to/release.md).", err=True)
        return ""
    parts = [(canonicalize_name(req.name), str(req.specifier)[2:]) for req, _hashes in wheels.pins(LOCK)]
    try:
        return vulnerabilities.compare(parts, path, accept)
    except vulnerabilities.Vulnerable as error:
        raise click.ClickException(f"no release: advisories concern what would be shipped\n{error}") from error
    except ValueError as error:
        raise click.ClickException(f"the advisories can't be read: {error}") from error


def make(out: Path, cache: Path, work: Path, moment: int, maintainer: str) -> None:
    """Make all files of a release but the checksums."""
    own = wheels.build(ROOT, work, moment)
    shutil.copy2(own, out)
    parts = _needed(wheels.download(LOCK, cache))
    payload = _payload(work / "payload", own, parts)
    (out / "ungcuu.cdx.json").write_text(bill.bill(__version__, own, parts, moment), "utf-8")
    (out / "licences.txt").write_text(bill.licences(own, parts), "utf-8")
    _bundle(payload, out / f"ungcuu-{__version__}-offline.tar.gz", moment)
    collection.build(ROOT, work, out, __version__, moment)
    place = work / "deb"
    deb.tree(ROOT, place, payload, moment=moment)
    shutil.copyfile(out / "licences.txt", place / "usr/share/doc/ungcuu/licences.txt")
    deb.pack(place, out, version=__version__, maintainer=maintainer, moment=moment)


def _needed(found: list[Path]) -> list[Path]:
    """The wheels that the lock file pins today: a cache may hold those of yesterday too."""
    pinned = {(req.name, str(req.specifier)[2:]) for req, _hashes in wheels.pins(LOCK)}
    return [path for path in found if wheels.name_and_version(path) in pinned]


def _payload(place: Path, own: Path, parts: list[Path]) -> Path:
    """What a machine needs to make its environment: wheels, what is pinned for each Python and machine, install.sh."""
    (place / "wheels").mkdir(parents=True)
    for wheel in parts:
        shutil.copyfile(wheel, place / "wheels" / wheel.name)
    shutil.copyfile(own, place / own.name)
    for python in wheels.PYTHONS:
        for machine in wheels.MACHINES:
            text = wheels.locked_for(LOCK, python, machine)
            (place / f"requirements-{python}-{machine}.txt").write_text(text, "utf-8")
    shutil.copyfile(ROOT / "wrapper/release/install.sh", place / "install.sh")
    (place / "install.sh").chmod(0o755)
    return place


def _bundle(payload: Path, path: Path, moment: int) -> None:
    """Pack the payload with a README; the same payload gives the same bytes."""
    top = path.name.removesuffix(".tar.gz")
    with (
        gzip.GzipFile(path, "wb", compresslevel=1, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as archive,
    ):
        readme = _BUNDLE_README.format(version=__version__).encode()
        entry = tarfile.TarInfo(f"{top}/README")
        entry.size, entry.mtime, entry.mode = len(readme), moment, 0o644
        archive.addfile(entry, io.BytesIO(readme))
        for file in sorted(path for path in payload.rglob("*") if path.is_file()):
            entry = archive.gettarinfo(str(file), f"{top}/{file.relative_to(payload)}")
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = "root"
            entry.mtime, entry.mode = moment, 0o755 if file.name == "install.sh" else 0o644
            with file.open("rb") as data:
                archive.addfile(entry, data)


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
