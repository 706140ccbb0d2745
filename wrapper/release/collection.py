"""The Ansible collection ``ungcuu.ungcuu``, made of the one tree: roles, playbooks, and the package as its plugins.

The package's folder ``plugins`` is laid out as a collection's is, and plugins look for the package three folders up. So
the package itself is the collection: its rooms stand beside ``plugins``, and nothing is copied twice. Names are written
out in full (``ungcuu.ungcuu.ungcuu_dropins``), so that a role also works from a playbook of somebody else.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import yaml

NAME = "ungcuu.ungcuu"
# What no plugin imports: it is for people at a terminal, or for the lab.
_WITHOUT = ("cli", "drill", "lab", "report", "watch", "__main__.py")
_README = """\
# ungcuu.ungcuu

Hardening and recovery of a website host: the roles, playbooks and plugins of ungcuu, for AWX, Semaphore and execution
environments. Built from ungcuu {version}; its documentation holds here, too.

    ansible-galaxy collection install ungcuu-ungcuu-{version}.tar.gz
    pip install -r requirements.txt
    ansible-playbook -i INVENTORY ungcuu.ungcuu.isolate

The folder for state that the variable `ungcuu_state` names must outlive the job: mount one into a container.
The journal, the case and the report are made by the command `ungcuu`; a playbook alone prints what it would journal.
Settings that belong into ansible.cfg: `inject_facts_as_vars = false`, `host_key_checking = true`, and
`callbacks_enabled = ungcuu.ungcuu.ungcuu_changes` (without it the website is tried again more often than needed).
"""


def tree(root: Path, place: Path, version: str) -> Path:
    """Lay the collection out in a folder, and return it."""
    package = root / "wrapper" / "ungcuu"

    def left_out(folder: str, names: list[str]) -> set[str]:
        """Our own rooms at the top alone: a program that goes to hosts has a ``__main__.py`` too."""
        return {"__pycache__"} | (set(_WITHOUT) & set(names) if Path(folder) == package else set())

    shutil.copytree(package, place, ignore=left_out)
    for name in ("roles", "playbooks", "ansible.cfg", "LICENSE"):
        source = root / name
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, place / name)
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    (place / "README.md").write_text(_README.format(version=version), "utf-8")
    (place / "requirements.txt").write_text(_requirements(project["dependencies"]), "utf-8")
    (place / "galaxy.yml").write_text(yaml.safe_dump(_galaxy(version, project), sort_keys=False), "utf-8")
    (place / "meta").mkdir()
    (place / "meta" / "runtime.yml").write_text('---\nrequires_ansible: ">=2.19.0"\n', "utf-8")
    (place / "meta" / "execution-environment.yml").write_text(
        "---\nversion: 3\ndependencies:\n  python: requirements.txt\n", "utf-8"
    )
    (place / "plugins" / "modules" / "__init__.py").write_text("")  # ansible-test wants it so
    _write_names_out(place)
    return place


def _galaxy(version: str, project: dict[str, Any]) -> dict[str, object]:
    namespace, _dot, name = NAME.partition(".")
    return {
        "namespace": namespace,
        "name": name,
        "version": version,
        "readme": "README.md",
        "authors": ["ungcuu"],
        "description": project["description"],
        "license": [project["license"]],
        "tags": ["security", "linux", "web", "backup"],
        "dependencies": {},
    }


def _requirements(dependencies: list[str]) -> str:
    """What the plugins need beside ansible-core, which an execution environment has already."""
    return "".join(f"{one}\n" for one in dependencies if not one.startswith("ansible-"))


def _write_names_out(place: Path) -> None:
    """Name our actions and filters in full wherever a task or an expression uses them."""
    actions = "|".join(sorted(path.stem for path in (place / "plugins" / "action").glob("[!_]*.py")))
    filters = "|".join(sorted(path.stem for path in (place / "plugins" / "filter").glob("*.yml")))
    action = re.compile(rf"^(\s*(?:- )?)({actions}):(?=\s*$)", re.MULTILINE)
    used = re.compile(rf"(\|\s*)({filters})\b")
    for folder in ("playbooks", "roles"):
        for path in [*(place / folder).rglob("*.yml"), *(place / folder).rglob("*.j2")]:
            text = path.read_text("utf-8")
            named = used.sub(rf"\1{NAME}.\2", action.sub(rf"\1{NAME}.\2:", text))
            if named != text:
                path.write_text(named, "utf-8")


def build(root: Path, work: Path, out: Path, version: str, moment: int) -> Path:
    """Build the collection's archive; the same tree gives the same bytes. ``moment``: seconds since 1970.

    Raises:
        subprocess.CalledProcessError: ansible-galaxy refused it.
    """
    place = tree(root, work / "collection", version)
    galaxy = [sys.executable, "-m", "ansible", "galaxy", "collection", "build"]
    draft = work / "collection-draft"
    subprocess.run([*galaxy, str(place), "--output-path", str(draft)], check=True, capture_output=True)
    (built,) = draft.glob("*.tar.gz")
    with tarfile.open(built) as archive:
        entries = list(archive)
        folders = [entry.name for entry in entries if entry.isdir()]
        files = {entry.name: _read(archive, entry) for entry in entries if entry.isfile()}
    _sort_lists(files)
    made = out / built.name
    with gzip.GzipFile(made, "wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as archive:
        for name in sorted(folders):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mtime, entry.mode = tarfile.DIRTYPE, moment, 0o755
            archive.addfile(entry)
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(data), moment, 0o644
            archive.addfile(entry, io.BytesIO(data))
    return made


def _read(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    held = archive.extractfile(entry)
    assert held is not None  # noqa: S101  (it is a file)
    return held.read()


def _sort_lists(files: dict[str, bytes]) -> None:
    """Order the list of files: ansible-galaxy writes it as the folder of this machine happens to be read."""
    listed = json.loads(files["FILES.json"])
    listed["files"].sort(key=lambda entry: entry["name"])
    files["FILES.json"] = json.dumps(listed, indent=True).encode()
    manifest = json.loads(files["MANIFEST.json"])
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(files["FILES.json"]).hexdigest()
    files["MANIFEST.json"] = json.dumps(manifest, indent=True).encode()
