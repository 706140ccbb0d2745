"""Who else on the controller may write or read what counts: links, open folders, open secrets, another ansible.cfg."""

from __future__ import annotations

import dataclasses
import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import content
import pytest

from ungcuu.case.case import open_case
from ungcuu.case.journal import Journal
from ungcuu.core import atomic, rights, scratch
from ungcuu.core.errors import ControllerFault, Exit, UngcuuError
from ungcuu.core.settings import Settings
from ungcuu.core.signing import signing_key
from ungcuu.core.terminal import Screen
from ungcuu.hosts.site import Site
from ungcuu.run import flow, locks
from ungcuu.run.verb import Phase, Verb

GREET = Verb("greet", Phase.PREPARE, "x", playbook="greet", variables=lambda _options: {"greeting_text": "hi"})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = content.make(tmp_path)
    return dataclasses.replace(made, inventory=made.content / "inventory" / "site")


def run(settings: Settings) -> flow.Report:
    verb = dataclasses.replace(GREET, variables=lambda _o: {"greeting_text": "hi", "greeting_file": str(OUT)})
    request = flow.Request(verb, ("web01",), {})
    return flow.execute(request, settings, Screen(io.StringIO()), lambda *_: None)


OUT = Path("/nonexistent")


@pytest.mark.parametrize("place", ["state", "state/..", "inventory", "inventory/hosts.yml"])
def test_what_anybody_can_write_to_gives_no_orders(settings: Settings, tmp_path: Path, place: str) -> None:
    """Seen failing without the look: the run went on, in a folder that every account of the machine could exchange."""
    settings.state.mkdir(mode=0o700)
    inventory = settings.inventory
    assert inventory
    path = {"state": settings.state, "state/..": tmp_path, "inventory": inventory}.get(place, inventory / "hosts.yml")
    path.chmod(0o777)
    try:
        report = run(settings)
    finally:
        path.chmod(0o700)
    assert report.code is Exit.CONTROLLER and report.error
    assert str(path) in report.error.what and f"chmod o-w {path}" in report.error.fix
    assert not (settings.state / "operations").exists(), "nothing was begun"


def test_a_folder_for_everybody_with_the_sticky_bit_is_well(tmp_path: Path) -> None:
    """As /tmp: nobody can take the place of another's folder there."""
    open_folder = tmp_path / "shared"
    open_folder.mkdir()
    open_folder.chmod(0o1777)
    (open_folder / "state").mkdir(mode=0o700)
    rights.require_own(open_folder / "state")
    rights.require_own(open_folder / "not there yet")
    with pytest.raises(ControllerFault):
        rights.require_own(open_folder)


def test_a_link_to_an_open_folder_is_an_open_folder(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "state").symlink_to("open")
    with pytest.raises(ControllerFault, match="open"):
        rights.require_own(tmp_path / "state")


def test_a_key_that_others_can_read_is_no_secret(settings: Settings) -> None:
    """Whoever has it signs baselines and journals. Seen failing without the look."""
    signing_key(settings.keys)
    rights.require_state(settings)
    key = next(path for path in settings.keys.iterdir() if path.suffix != ".pub")
    key.chmod(0o640)
    report = run(settings)
    assert report.code is Exit.CONTROLLER and report.error and str(key) in report.error.what


def test_a_vault_password_that_others_can_read_is_refused(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = tmp_path / "password"
    password.write_text("x")
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(password))
    password.chmod(0o644)
    with pytest.raises(ControllerFault, match="holds a secret"):
        Site.load(settings)
    password.chmod(0o600)
    assert Site.load(settings).hosts


def test_everything_in_the_state_is_for_one_account(settings: Settings) -> None:
    """Whatever the caller's umask: seen failing with the journals' lock files, and with folders of evidence."""
    before = os.umask(0)
    try:
        run(settings)
        open_case(settings, ("web01",), "x")
        with locks.hold(settings, ("web01",), "x", ""), atomic.held(settings.state / "other.lock", 1):
            pass
    finally:
        os.umask(before)
    there = [path for path in settings.state.rglob("*") if not path.name.endswith(".pub")]
    assert len(there) > 8
    assert [path for path in there if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_the_umask_does_not_open_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    before = os.umask(0)
    try:
        with scratch.private_folder("env") as folder:
            assert [path for path in (folder, *folder.rglob("*")) if path.stat().st_mode & 0o077] == []
    finally:
        os.umask(before)


# --- links in places that somebody else prepared -------------------------------------------------------------------


@pytest.fixture
def prize(tmp_path: Path) -> Path:
    """A file that a link leads to, and that must stay as it is."""
    path = tmp_path / "prize"
    path.write_text("as it was")
    return path


@pytest.mark.parametrize("place", ["locks/web01.lock", "locks/web01.holder", "heads/operations.lock"])
def test_a_link_in_place_of_a_lock_is_not_followed(settings: Settings, prize: Path, place: str) -> None:
    """Opening for writing would empty whatever the link leads to."""
    link = atomic.make_private((settings.state / place).parent) / Path(place).name
    link.symlink_to(prize)
    try:
        with locks.hold(settings, ("web01",), "x", ""):
            Journal.open(settings.operations, settings.keys, settings.heads)
    except UngcuuError:
        pass
    assert prize.read_text() == "as it was"


def test_a_link_in_place_of_a_file_is_replaced_and_not_followed(tmp_path: Path, prize: Path) -> None:
    (tmp_path / "record.json").symlink_to(prize)
    atomic.put(tmp_path / "record.json", "new")
    assert prize.read_text() == "as it was" and not (tmp_path / "record.json").is_symlink()
    (tmp_path / "other").symlink_to(prize)
    with pytest.raises(OSError), atomic.held(tmp_path / "other", 1):  # seen failing: it was opened for writing
        pass
    with pytest.raises(FileExistsError):
        atomic.put_new(tmp_path / "other", "new")
    assert prize.read_text() == "as it was"


def test_a_link_in_place_of_scratch_is_left_alone(tmp_path: Path, prize: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / scratch.LOCK).touch()
    (tmp_path / "ungcuu-abc").symlink_to("mine")
    assert scratch.remove_left(tmp_path) == []
    assert (tmp_path / "mine" / scratch.LOCK).exists()


# --- another ansible.cfg -------------------------------------------------------------------------------------------


def test_ansible_cfg_of_the_current_folder_is_not_read(settings: Settings, tmp_path: Path) -> None:
    """Whoever types a verb in a folder that somebody else prepared would run that folder's plugins as themselves.

    Seen failing without the name of our own file in the environment: the plugin wrote its mark.
    """
    there, mark = tmp_path / "prepared", tmp_path / "mark"
    plugin = f"open({str(mark)!r}, 'w')\nfrom ansible.plugins.vars import BaseVarsPlugin\n"
    plugin += "class VarsModule(BaseVarsPlugin):\n    REQUIRES_ENABLED = False\n"
    plugin += "    def get_vars(self, loader, path, entities):\n        return {}\n"
    content.write(there, {"ansible.cfg": "[defaults]\nvars_plugins = plugins\n", "plugins/evil.py": plugin})
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE")}
    environment["UNGCUU_STATE"] = str(settings.state)
    for words in (["config", "check"], ["scan", "web01"]):
        command = [sys.executable, "-m", "ungcuu", "-i", str(settings.inventory), *words]
        done = subprocess.run(command, cwd=there, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode not in (0, 1, 2), done.stderr
        assert not mark.exists(), words
