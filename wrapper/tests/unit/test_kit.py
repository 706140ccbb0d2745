"""The controller-loss kit: it opens with its passphrase alone, whole or not at all, and overwrites nothing."""

from __future__ import annotations

import io
import json
import os
import stat
import tarfile
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ungcuu.case.case import list_cases, open_case
from ungcuu.case.index import lost
from ungcuu.case.journal import Journal
from ungcuu.cli.registry import find_verb, with_defaults
from ungcuu.contain import card
from ungcuu.core import atomic
from ungcuu.core.errors import ControllerFault, Exit, Refused, UsageFault
from ungcuu.core.i18n import set_language
from ungcuu.core.settings import Settings
from ungcuu.core.terminal import Screen
from ungcuu.hosts.site import Site
from ungcuu.prepare.kit import sealed, unpacking
from ungcuu.prepare.kit.standing import standing
from ungcuu.report import metrics
from ungcuu.run import flow

PASSPHRASE = "năm từ chọn ngẫu nhiên"
HOSTS = """\
all:
  children:
    website:
      hosts:
        web01: {ansible_host: 192.0.2.10, isolation_switch_note: "switch sw1, port 7"}
    vault: {hosts: {controller: {ansible_connection: local}}}
"""
ALL = """\
ungcuu_known_hosts: "{{ inventory_dir }}/known_hosts"
ansible_ssh_private_key_file: "{{ lookup('ansible.builtin.env', 'HOME') }}/.ssh/id_site"
management_addresses: [192.0.2.100]
"""
CONTACTS = """\
organisation: {name: Sở Công Thương, phone: "0200 000 001"}
contact: {name: Nguyễn An, phone: "0200 000 002"}
"""
HOST_KEY = "web01 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2wJUkM6zXnVtIcWkyqMSUfT6KYd8FpPg2lRZ0XhzTq\n"


@pytest.fixture(autouse=True)
def english() -> None:
    set_language("en")


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guess costs nothing: these tests are about everything else."""
    monkeypatch.setattr(sealed, "_COST", {"n": 2, "r": 1, "p": 1})


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cheap: None) -> Settings:
    """A controller with an inventory, keys, a journal, a case with evidence, and locks."""
    home, site = tmp_path / "old-home", tmp_path / "old-site"
    monkeypatch.setenv("HOME", str(home))
    for path, text in (
        (home / ".ssh/id_site", "the SSH key"),
        (home / ".ssh/id_site.pub", "its public half"),
        (site / "hosts.yml", HOSTS),
        (site / "group_vars/all.yml", ALL),
        (site / "known_hosts", HOST_KEY),
        (site / "reporting/site.yml", CONTACTS),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    settings = Settings(tmp_path / "old-state", Path(__file__).parents[3], "lan.nguyen", inventory=site)
    Journal.open(settings.operations, settings.keys, settings.heads).append("note", {"text": "x"})
    case = open_case(settings, ["web01"], "Trang chủ bị thay đổi")
    (case.evidence / "ab").write_bytes(b"evidence")
    (settings.state / "packages").mkdir()
    (settings.state / "packages" / "list").write_text("large")
    atomic.make_private(settings.host_dir("web01"))
    (settings.host_dir("web01") / "baseline.json").write_text("{}")
    card.write(settings, card.build(Site.load(settings), "web01"))
    return settings


def run(verb: str, settings: Settings, **options: object) -> flow.Report:
    passphrase = settings.state.parent / "passphrase"
    passphrase.write_text(PASSPHRASE + "\n", "utf-8")
    found = find_verb(["kit", verb])
    values = with_defaults(found, {"passphrase_file": str(passphrase), **options})
    request = flow.Request(found, (), values)
    return flow.execute(request, settings, Screen(io.StringIO()), lambda *_: None)


@pytest.fixture
def kit(old: Settings, tmp_path: Path) -> Path:
    path = tmp_path / "site.kit"
    report = run("make", old, out=str(path))
    assert report.code is Exit.FOUND, report.error  # the vault of this inventory is the controller itself
    return path


@pytest.fixture
def new(old: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A bare machine, on which the first controller is gone."""
    monkeypatch.setenv("HOME", str(tmp_path / "new-home"))
    return replace(old, state=tmp_path / "new" / "state", inventory=None)


def opened(kit: Path, settings: Settings) -> flow.Report:
    atomic.make_private(settings.state.parent)
    return run("open", settings, file=str(kit), into=str(settings.state.parent / "site"))


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_another_machine_becomes_the_controller(old: Settings, kit: Path, new: Settings, tmp_path: Path) -> None:
    """Keys, pinned host keys and journals are there, private, and the journals are written on with the same key.

    Seen failing with the old controller's containment card, which named files that are not there any more.
    """
    report = opened(kit, new)
    assert report.code is Exit.OK, report.error
    site, home = new.state.parent / "site", tmp_path / "new-home"
    assert (home / ".ssh/id_site").read_text() == "the SSH key" and (site / "known_hosts").read_text() == HOST_KEY
    assert (new.keys / "journal_ed25519").read_bytes() == (old.keys / "journal_ed25519").read_bytes()
    assert [case.id for case in list_cases(new)] == [case.id for case in list_cases(old)] and lost(new) == []
    kinds = [record.kind for record in Journal.open(new.operations, new.keys, new.heads).records()]
    assert kinds == ["note", "kit_opened"]
    mine = [path for path in new.state.rglob("*") if path.suffix != ".lock"]
    for path in (*mine, *site.rglob("*"), home / ".ssh", home / ".ssh/id_site", new.state, site):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    made = card.load(new, "web01").target
    assert made.key == home / ".ssh/id_site" and made.known_hosts.is_relative_to(new.state)
    assert made.known_hosts.read_text("utf-8").startswith("web01 ssh-ed25519 ")
    names = {path.name for path in new.state.rglob("*")}
    assert "ab" not in names and "packages" not in names and "baseline.json" in names


def test_opened_again_it_changes_nothing(kit: Path, new: Settings) -> None:
    assert opened(kit, new).code is Exit.OK
    before = everything(new.state.parent)
    report = opened(kit, new)
    assert report.code is Exit.REFUSED and str(new.state) in str(report.error)
    assert everything(new.state.parent) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data[:-1], "damaged"),
        (lambda data: data[: len(data) // 2], "damaged"),
        (lambda data: data[:-40] + b"x" + data[-39:], "damaged"),
        (lambda data: data.replace(b'"n": 2', b'"n": 4', 1), "does not open"),
        (lambda data: data.replace(b'"n": 2', b'"n": 1073741824', 1), "no controller-loss kit"),
        (lambda data: data.replace(b'"salt"', b'"sale"', 1), "no controller-loss kit"),
        (lambda data: b"PK\x03\x04" + data, "no controller-loss kit"),
        (lambda _data: b"", "no controller-loss kit"),
    ],
)
def test_a_damaged_kit_leaves_nothing(
    kit: Path, new: Settings, tmp_path: Path, change: Callable[[bytes], bytes], said: str
) -> None:
    """Seen failing without the comparison of sums: a truncated file was called a wrong passphrase."""
    kit.write_bytes(change(kit.read_bytes()))
    report = opened(kit, new)
    assert report.code is Exit.REFUSED and said in str(report.error), report.error
    assert everything(new.state.parent).keys() == {str(new.state.parent / "passphrase")}
    assert not (tmp_path / "new-home").exists()


def test_a_wrong_passphrase_is_called_that(kit: Path, new: Settings) -> None:
    with pytest.raises(Refused, match="passphrase does not open"):
        sealed.unseal(kit.read_bytes(), PASSPHRASE + "x", "site.kit")
    assert not new.state.exists()


def test_a_short_passphrase_seals_nothing() -> None:
    with pytest.raises(UsageFault, match="shorter than 14"):
        sealed.seal(b"x", "mật khẩu")


def test_what_is_sealed_says_nothing(old: Settings, kit: Path) -> None:
    assert not any(word in kit.read_bytes() for word in (b"web01", b"the SSH key", b"192.0.2.10"))
    assert stat.S_IMODE(kit.stat().st_mode) == 0o600


def archive(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as made:
        for name, data in (("kit.json", b"{}"), ("inventory/hosts.yml", b"x"), *members):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            if (name, data) in members and kind != tarfile.REGTYPE:
                member.type, member.linkname = kind, link
            made.addfile(member, io.BytesIO(data))
    return held.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "state/../../etc/cron.d/x",
        "/etc/passwd",
        "inventory/./x",
        "root//etc/x",
        "elsewhere/x",
        "state",
        "home/a\nb",
        "inventory/hosts.yml",
        "kit.json",
        "state/a\\..\\b",
        "",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    """Seen failing without `_is_fit`: the file lay outside of the state folder."""
    with pytest.raises(Refused, match="that no kit holds"):
        unpacking.read(archive((name, b"x")))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_a_member_that_is_no_file_is_refused(kind: bytes) -> None:
    with pytest.raises(Refused, match="that no kit holds"):
        unpacking.read(archive(("state/x", b""), kind=kind, link="/etc/passwd"))


@pytest.mark.parametrize(
    "data",
    [b"", b"no archive", archive()[:40], archive(("state/x", b"y" * 9000))[:-30]],
    ids=["empty", "other", "its beginning", "cut short"],
)
def test_an_archive_that_breaks_off_is_refused(data: bytes) -> None:
    with pytest.raises(Refused, match=r"can't be read|that no kit"):
        unpacking.read(data)


def places_in(folder: Path) -> unpacking.Places:
    return unpacking.Places(folder / "state", folder / "site", folder / "home", folder / "root")


def a_kit() -> unpacking.Kit:
    names = ("state/keys/a", "inventory/hosts.yml", "home/.ssh/id", "root/etc/ungcuu/password")
    return unpacking.Kit({name: (name.encode(), 0o600) for name in names}, {"hosts": ["web01"]})


@pytest.mark.parametrize("place", ["state/other", "site/hosts.yml", "home/.ssh/id", "root/etc/ungcuu/password"])
def test_nothing_is_overwritten(tmp_path: Path, place: str) -> None:
    """Seen failing without `refuse_what_is_there` for the state and the inventory."""
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).write_text("mine")
    with pytest.raises(Refused, match="Something stands where"):
        unpacking.unpack(a_kit(), places_in(tmp_path))
    assert everything(tmp_path) == {str(tmp_path / place): b"mine"}


@pytest.mark.parametrize("after", range(1, 5))
def test_a_full_disk_leaves_nothing_half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Seen failing without the way back: keys lay there and no inventory."""
    count = 0

    def full(path: Path, data: bytes, mode: int = 0o600) -> Path:
        nonlocal count
        count += 1
        if count >= after:
            raise OSError(28, "No space left on device", str(path))
        return atomic.put_new(path, data, mode)

    monkeypatch.setattr(unpacking, "put_new", full)
    with pytest.raises(ControllerFault, match="No space left"):
        unpacking.unpack(a_kit(), places_in(tmp_path))
    assert everything(tmp_path) == {}


@pytest.mark.parametrize("renames", [0, 1])
def test_a_run_that_was_killed_can_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int) -> None:
    """Whatever was in place by then: a second run brings the rest, and clears what was being filled."""

    class Killed(BaseException):
        pass

    left = renames
    whole = Path.rename

    def rename(path: Path, target: Path) -> Path:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1
        return whole(path, target)

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(unpacking.shutil, "rmtree", lambda *_words, **_named: None)
        patched.setattr(Path, "rename", rename)
        unpacking.unpack(a_kit(), places_in(tmp_path))
    unpacking.unpack(a_kit(), places_in(tmp_path))
    assert {Path(path).relative_to(tmp_path).as_posix() for path in everything(tmp_path)} == {
        "state/keys/a",
        "site/hosts.yml",
        "home/.ssh/id",
        "root/etc/ungcuu/password",
    }


def test_a_kit_is_never_written_over_a_file(old: Settings, kit: Path) -> None:
    before = kit.read_bytes()
    assert run("make", old, out=str(kit)).code is Exit.USAGE
    assert kit.read_bytes() == before


def test_what_the_kit_lacks_is_said(old: Settings, tmp_path: Path) -> None:
    """A kit without the key of a host would only be noticed when it is needed."""
    (tmp_path / "old-home/.ssh/id_site").unlink()
    report = run("make", old, out=str(tmp_path / "poor.kit"))
    lacks = report.document["lacks"]
    assert report.code is Exit.FOUND and any("the SSH key of web01" in one for one in lacks)
    assert any("this controller itself" in one for one in lacks), "backups on the controller are lost with it"


def test_the_sheet_names_what_is_needed_and_no_secret(old: Settings, kit: Path, tmp_path: Path) -> None:
    for code in ("en", "vi"):
        text = (tmp_path / f"site.kit.{code}.html").read_text("utf-8")
        for word in ("192.0.2.10", "192.0.2.100", "SHA256:", "0200 000 002", "switch sw1", "ungcuu kit open site.kit"):
            assert word in text, word
        assert f"{datetime.now(UTC):%Y}" in text.partition("<h2>")[0], "the day on which it was printed"
        assert PASSPHRASE not in text and "the SSH key" not in text
    assert "Khi mất máy điều khiển" in text


def test_its_age_and_what_changed_since_are_known(old: Settings, kit: Path) -> None:
    known = standing(old)
    present = datetime.now(UTC)
    assert known is not None and known.doubt(present) == "" and known.file == str(kit)
    assert "90 days" in known.doubt(present + timedelta(days=91))
    text = metrics.text(old, present)
    assert "ungcuu_kit_timestamp_seconds" in text and "ungcuu_kit_outdated_files 0.0" in text
    (old.host_dir("web01") / "baseline.json").write_text('{"new": 1}')
    known = standing(old)
    assert known is not None and "baseline.json" in known.doubt(present)
    (old.state / "kit.json").write_text("[]")
    assert standing(old) is None


def test_vault_passwords_travel_with_it(old: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the inventory could not be read on the new controller."""
    from ansible import constants

    from ungcuu.prepare.kit import contents

    password = tmp_path / "old-home" / ".vault-password"
    password.write_text("x")
    monkeypatch.setattr(constants, "DEFAULT_VAULT_PASSWORD_FILE", str(password))
    found = contents.gather(Site.load(old), old, tmp_path / "old-home")
    assert found.files["home/.vault-password"] == password and found.vault_passwords == ("home/.vault-password",)


def test_the_journal_and_its_head_are_of_one_moment(old: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that goes on beside it appends: a head that names a record which the kit lacks is called tampering."""
    from ungcuu.prepare.kit import contents

    def append(stop: threading.Event) -> None:
        journal = Journal.open(old.operations, old.keys, old.heads)
        while not stop.is_set():
            journal.append("note", {"text": "beside"})

    found = contents.gather(Site.load(old), old, Path(os.environ["HOME"]))
    stop = threading.Event()
    beside = threading.Thread(target=append, args=(stop,))
    beside.start()
    try:
        kits = [unpacking.read(contents.pack(found)) for _try in range(10)]
    finally:
        stop.set()
        beside.join()
    for kit in kits:
        records = kit.files["state/operations/journal.jsonl"][0].splitlines()
        head: dict[str, Any] = json.loads(kit.files["state/heads/operations.json"][0])
        assert head["seq"] == len(records)
