"""The host's own program where people of the host, or a backup, were hostile: it ends, and what it says is so."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ungcuu.core.check_phrases import FROM_CHECKS

PROGRAM = Path(__file__).parents[3] / "roles/website_backup/files"
KEY = b"ssh-ed25519 AAAA" + b"C" * 64 + b" an\n"
PUBLIC = "ssh-ed25519 " + "A" * 68


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(PROGRAM))
    from ungcuu_site import accounts, check

    yield SimpleNamespace(accounts=accounts, check=check)
    for name in [name for name in sys.modules if name.split(".")[0] == "ungcuu_site"]:
        del sys.modules[name]


@pytest.fixture
def person(site: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """An account of this host with a home of the test's own, and no password."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    found = SimpleNamespace(pw_name="an", pw_uid=os.geteuid(), pw_gid=os.getegid(), pw_dir=str(home))
    monkeypatch.setattr(site.accounts.pwd, "getpwall", lambda: [found])
    monkeypatch.setattr(site.accounts.pwd, "getpwnam", lambda _name: found)
    monkeypatch.setattr(site.accounts, "_field", lambda _name: "*")
    monkeypatch.setattr(site.accounts, "AREA", tmp_path / "area")
    monkeypatch.setattr("ungcuu_site.common.AREA", tmp_path / "area")
    return found


def listed(site: SimpleNamespace) -> dict[str, Any]:
    answer: dict[str, Any] = site.accounts.listed({"keep": [], "accounts": []})
    return answer


def rotated(site: SimpleNamespace) -> dict[str, Any]:
    row: dict[str, Any] = site.accounts.rotate({"keep": [], "accounts": [{"name": "an", "public": PUBLIC}]})
    answer: dict[str, Any] = row["accounts"][0]
    return answer


def test_keys_behind_a_link_are_rotated_too(site: SimpleNamespace, person: SimpleNamespace, tmp_path: Path) -> None:
    """sshd follows the link: the intruder's key went on opening the host, and "old keys" had passed."""
    ssh = Path(person.pw_dir, ".ssh")
    (tmp_path / "theirs").write_bytes(KEY)
    (ssh / "authorized_keys").symlink_to(tmp_path / "theirs")
    (ssh / "authorized_keys2").write_bytes(KEY + b"#" * (2 << 20))
    assert listed(site) == {"accounts": [{"name": "an", "password": False, "keys": True}], "left": []}
    answer = rotated(site)
    assert answer["key_files"] == [f"{ssh}/authorized_keys"]
    assert [proof["passed"] for proof in answer["proofs"]] == [True]
    assert [path.name for path in ssh.iterdir()] == ["authorized_keys"]
    assert (ssh / "authorized_keys").read_text() == f"{PUBLIC} ungcuu\n"
    assert (tmp_path / "theirs").read_bytes() == KEY, "no link is followed"
    (aside,) = (tmp_path / "area/rotated").iterdir()
    assert (aside / "an.authorized_keys").readlink() == tmp_path / "theirs"
    assert len((aside / "an.authorized_keys2").read_bytes()) == len(KEY) + (2 << 20), "set aside whole"


def test_a_link_that_comes_back_is_reported(
    site: SimpleNamespace, person: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh = Path(person.pw_dir, ".ssh")
    (ssh / "authorized_keys").write_bytes(KEY)
    real = site.accounts._write

    def write(*given: Any) -> None:
        real(*given)
        (ssh / "authorized_keys2").symlink_to(tmp_path / "theirs")

    monkeypatch.setattr(site.accounts, "_names", lambda: ["authorized_keys2", "authorized_keys"])
    monkeypatch.setattr(site.accounts, "_write", write)
    (proof,) = rotated(site)["proofs"]
    assert (proof["passed"], proof["detail"]["names"]) == (False, ["authorized_keys2"])


def test_an_account_whose_folder_of_keys_is_a_link_is_named(
    site: SimpleNamespace, person: SimpleNamespace, tmp_path: Path
) -> None:
    """Nobody rotated its keys, and nobody heard of it."""
    ssh = Path(person.pw_dir, ".ssh")
    ssh.rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/authorized_keys").write_bytes(KEY)
    ssh.symlink_to(tmp_path / "elsewhere")
    assert listed(site) == {"accounts": [], "left": [{"code": "account_linked", "account": "an"}]}
    ssh.unlink()
    (tmp_path / "elsewhere").rename(ssh)
    linked = tmp_path / "linked"
    linked.symlink_to(person.pw_dir)
    person.pw_dir = str(linked)
    assert listed(site)["left"] == [{"code": "account_linked", "account": "an"}]


def test_a_folder_in_the_place_of_a_file_of_keys_hides_no_other(site: SimpleNamespace, person: SimpleNamespace) -> None:
    """`mkdir ~/.ssh/authorized_keys`, the key in authorized_keys2. Seen failing: "no keys", and nobody heard of it."""
    ssh = Path(person.pw_dir, ".ssh")
    (ssh / "authorized_keys").mkdir()
    (ssh / "authorized_keys2").write_bytes(KEY)
    assert listed(site) == {"accounts": [{"name": "an", "password": False, "keys": True}], "left": []}
    answer = rotated(site)
    assert answer["key_files"] == [f"{ssh}/authorized_keys2"]
    assert [proof["passed"] for proof in answer["proofs"]] == [True]


@pytest.mark.parametrize(
    "text", [b"#\n" * (1 << 19) + KEY, KEY.replace(b" AAAA", b"\tAAAA"), KEY.replace(b"ssh-ed25519", b"ED25519")]
)
def test_a_key_as_sshd_reads_it_is_a_key(site: SimpleNamespace, person: SimpleNamespace, text: bytes) -> None:
    """Behind more than is read, after a tab, with the kind's short name. Seen failing: "no keys"."""
    Path(person.pw_dir, ".ssh/authorized_keys").write_bytes(text)
    assert listed(site)["accounts"] == [{"name": "an", "password": False, "keys": True}]


def test_keys_that_cannot_be_read_are_named(
    site: SimpleNamespace, person: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen failing: a file that gives an error counted as none."""
    Path(person.pw_dir, ".ssh/authorized_keys").write_bytes(KEY)
    real = os.open

    def refuse(path: Any, *given: Any, **options: Any) -> int:
        if path == "authorized_keys":
            raise OSError(errno.EIO, "the disk")
        return real(path, *given, **options)

    monkeypatch.setattr(site.accounts.os, "open", refuse)
    assert listed(site) == {"accounts": [], "left": [{"code": "account_unread", "account": "an"}]}


def test_an_account_that_is_not_rotated_is_named(
    site: SimpleNamespace, person: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An odd name, and what comes after the fiftieth. Seen failing: both were dropped, and nobody heard of it."""
    Path(person.pw_dir, ".ssh/authorized_keys").write_bytes(KEY)
    people = [SimpleNamespace(**vars(person) | {"pw_name": name}) for name in ("Backdoor", "a\x1b[2J", "x" * 300)]
    people += [SimpleNamespace(**vars(person) | {"pw_name": f"p{number}"}) for number in range(52)]
    monkeypatch.setattr(site.accounts.pwd, "getpwall", lambda: people)
    answer = listed(site)
    assert [row["name"] for row in answer["accounts"]] == [f"p{number}" for number in range(50)]
    assert {row["code"] for row in answer["left"]} == {"account_other"}
    assert [row["account"] for row in answer["left"]] == ["Backdoor", "a?[2J", "x" * 64, "p50", "p51"]
    people += [SimpleNamespace(**vars(person) | {"pw_name": f"p{number}"}) for number in range(52, 400)]
    left = listed(site)["left"]
    assert (len(left), left[-1]) == (50, {"code": "accounts_more", "count": 3 + 350 - 49})


def test_codes_of_what_is_left_have_words(site: SimpleNamespace) -> None:
    codes = set(re.findall(r'"code": "(accounts?_[a-z]+)"', Path(site.accounts.__file__).read_text(encoding="utf-8")))
    assert len(codes) == 5 and codes <= FROM_CHECKS


def test_a_parser_that_complains_of_everything_ends(
    site: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It waited for its complaints to be read, and the check for it to read on: with twenty long names, for ever."""
    for number in range(60):
        folder = tmp_path / "root" / ("x" * 200) / ("y" * 200)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.php").write_bytes(b"<?php (" + b" " * 9000)
    code = "import sys\nfor l in sys.stdin.buffer:\n n,_,f=l.partition(b' ')\n sys.stdin.buffer.read(int(n))\n"
    code += " sys.stdout.write(f.decode().strip()*9+' line 1\\n'); sys.stdout.flush()\n"
    real = subprocess.Popen

    def start(_command: object, **options: Any) -> Any:
        return real([sys.executable, "-c", code], **options)

    monkeypatch.setattr(site.check.subprocess, "Popen", start)
    found: list[dict[str, Any]] = []
    worker = threading.Thread(target=lambda: found.append(site.check._syntax(tmp_path / "root")), daemon=True)
    worker.start()
    worker.join(20)
    assert found, "it hangs"
    assert found[0]["passed"] is False
    assert (len(found[0]["detail"]["names"]), found[0]["detail"]["more"]) == (20, 40)


@pytest.mark.parametrize("status", [255, 0])
def test_a_parser_that_dies_is_a_finding(
    status: int, site: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What had not reached it was written once more when its input was closed. Seen failing: the whole check ended."""
    (tmp_path / "root").mkdir()
    for number in range(3000):
        (tmp_path / "root" / f"{number}.php").write_bytes(b"<?php\n" + b" " * 100)
    real = subprocess.Popen
    code = f"import sys\nsys.stdin.buffer.readline()\nsys.stderr.write('out of memory')\nsys.exit({status})\n"

    def start(_command: object, **options: Any) -> Any:
        return real([sys.executable, "-c", code], **options)

    monkeypatch.setattr(site.check.subprocess, "Popen", start)
    found = site.check._syntax(tmp_path / "root")
    assert (found["passed"], found["detail"]) == (False, {"code": "parser_stopped", "said": "out of memory"})


def test_a_tree_of_any_depth_is_walked(site: SimpleNamespace, tmp_path: Path) -> None:
    """A backup chooses how deep it is; the check ended with Python's own limit, and no answer."""
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    try:
        assert sum(1 for _entry in site.check._walk(tmp_path)) == 1500
    finally:
        subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)  # pytest's own way calls itself too


@pytest.mark.parametrize("fault", ["IndexError('x')", "AttributeError('x')", "RecursionError()", "OverflowError('x')"])
def test_the_last_line_says_that_it_failed(fault: str) -> None:
    """Without it the vault takes the host for lost: UNKNOWN, where nothing was done."""
    code = f"""
import sys
sys.argv = ["ungcuu-site", "probe"]
from ungcuu_site import __main__ as program
def probe(_request):
    raise {fault}
program._FROM_OPERATOR = {{"probe": probe}}
sys.exit(program.main())
"""
    done = subprocess.run([sys.executable, "-B", "-c", code], cwd=PROGRAM, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["event"] == "failed"
