"""The Ansible collection: built of the one tree, installed by ansible-galaxy, and it works with ansible-core alone."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "wrapper"))

from release import collection  # noqa: E402  (not part of the package)

MOMENT = 1795000000
PLUGINS = sorted(path.stem for path in (ROOT / "wrapper/ungcuu/plugins/action").glob("[!_]*.py"))
FILTERS = sorted(path.stem for path in (ROOT / "wrapper/ungcuu/plugins/filter").glob("*.yml"))
PLAYBOOKS = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))


# Those of ansible-test that fetch nothing; docs/decisions/0172-the-package-is-the-collection.md has the others.
SANITY = (
    "action-plugin-docs",
    "compile",
    "empty-init",
    "ignores",
    "line-endings",
    "no-assert",
    "no-get-exception",
    "no-illegal-filenames",
    "replace-urlopen",
    "symlinks",
    "use-argspec-type-path",
    "use-compat-six",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("collection")
    return collection.build(ROOT, work / "work", work, "1.2.3", MOMENT)


@pytest.fixture(scope="module")
def installed(built: Path, python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that ansible-galaxy installed it into; every file was compared with the list by then."""
    place = tmp_path_factory.mktemp("installed")
    done = ansible(python, place, "galaxy", "collection", "install", str(built), "-p", str(place))
    assert done.returncode == 0, done.stderr
    return place


def ansible(python: Path, place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program of ansible-core, with this folder of collections alone."""
    environment = {name: value for name, value in os.environ.items() if name in ("LANG", "LC_ALL", "TMPDIR")}
    environment |= {"PATH": f"{python.parent}:/usr/bin:/bin", "ANSIBLE_COLLECTIONS_PATH": str(place)}
    environment |= {"HOME": str(place / "home"), "ANSIBLE_CONFIG": str(place / "ansible.cfg")}
    (place / "ansible.cfg").write_text("[defaults]\n")
    command = [str(python), "-m", "ansible", *words]
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)


def test_the_same_tree_gives_the_same_bytes(built: Path, tmp_path: Path) -> None:
    """Seen failing with the list of files in the order in which the disk gives them."""
    again = collection.build(ROOT, tmp_path / "work", tmp_path, "1.2.3", MOMENT)
    sums = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (built, again)}
    assert len(sums) == 1 and built.name == "ungcuu-ungcuu-1.2.3.tar.gz"


def test_every_module_and_filter_is_documented(installed: Path, python: Path) -> None:
    for kind, names in (("module", PLUGINS), ("filter", FILTERS)):
        full = [f"{collection.NAME}.{name}" for name in names]
        done = ansible(python, installed, "doc", "--json", "--type", kind, *full)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert set(found) == set(full) and all(one["doc"]["short_description"] for one in found.values())


def test_every_playbook_is_understood_by_its_full_name(installed: Path, python: Path) -> None:
    names = [f"{collection.NAME}.{name}" for name in PLAYBOOKS]
    done = ansible(python, installed, "playbook", "--syntax-check", "-i", "web01,", *names)
    assert done.returncode == 0, done.stderr[-2000:]


def play(place: Path, *tasks: dict[str, Any]) -> str:
    path = place / "play.yml"
    row = {"hosts": "all", "gather_facts": False, "connection": "local", "tasks": list(tasks)}
    path.write_text(yaml.safe_dump([row]))
    return str(path)


def test_every_plugin_refuses_what_it_does_not_know(installed: Path, python: Path) -> None:
    """So each was loaded whole, with the package that it finds in the collection and nowhere else."""
    tasks = [{f"{collection.NAME}.{name}": {"unknown": 1}, "ignore_errors": True} for name in PLUGINS]
    done = ansible(python, installed, "playbook", "-i", "web01,", play(installed, *tasks))
    missing = [name for name in PLUGINS if f"{name}: unknown key" not in done.stdout + done.stderr]
    assert missing == [], (done.stdout + done.stderr)[-4000:]


def test_a_drop_in_and_a_filter_work_in_check_mode(installed: Path, python: Path) -> None:
    (installed / "wanted.conf.j2").write_text("a = 1\n")
    wanted = installed / "wanted.conf"
    words = f"{{{{ {{'code': 'silent'}} | {collection.NAME}.ungcuu_words }}}}"
    tasks = (
        {f"{collection.NAME}.ungcuu_dropins": {"files": [{"src": str(wanted) + ".j2", "dest": str(wanted)}]}},
        {"ansible.builtin.debug": {"msg": words}},
    )
    done = ansible(python, installed, "playbook", "-i", "web01,", "--check", "--diff", play(installed, *tasks))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=1" in done.stdout and "+a = 1" in done.stdout and not wanted.exists()


def test_programs_that_go_to_hosts_are_whole(installed: Path) -> None:
    """Seen failing with each ``__main__.py`` left out: no scan, baseline or quarantine ran out of the collection."""
    place = installed / "ansible_collections" / "ungcuu" / "ungcuu"
    ours = ROOT / "wrapper" / "ungcuu"
    files = [path.relative_to(ours) for path in (ours / "remote").rglob("*") if path.suffix in (".py", ".sh")]
    assert [name for name in files if not (place / name).is_file()] == []


def test_no_name_in_it_is_short(installed: Path) -> None:
    """A short name would be looked up in the playbook of whoever uses the role, and not be found."""
    place = installed / "ansible_collections" / "ungcuu" / "ungcuu"
    short = []
    for path in [*(place / "roles").rglob("*.yml"), *(place / "playbooks").rglob("*.yml")]:
        for line in path.read_text("utf-8").splitlines():
            key = line.strip().removeprefix("- ").partition(":")
            if key[0] in PLUGINS and not key[2].strip():
                short.append(f"{path.name}: {line}")
    assert short == []


def test_ansible_test_finds_nothing(installed: Path) -> None:
    """Seen failing with a docstring in plugins/modules/__init__.py."""
    place = installed / "ansible_collections" / "ungcuu" / "ungcuu"
    program = Path(sys.executable).with_name("ansible-test")
    version = ".".join(map(str, sys.version_info[:2]))
    words = [str(program), "sanity", "--python", version, "--color", "no"]
    words += [word for name in SANITY for word in ("--test", name)]
    done = subprocess.run(words, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
