"""What a host or a first vault answers, of whatever form: the vault's own answer stays one line, true of the point."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from vault_kill import needs_root, world
from vault_world import PROGRAM, World

DEEP = b"[" * 200_000
__all__ = ["world"]


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The modules of the program that hear what others say."""
    monkeypatch.syspath_prepend(str(PROGRAM))
    from ungcuu_vault import common, look, pull, review, take, tunnel

    yield SimpleNamespace(common=common, look=look, pull=pull, review=review, take=take, tunnel=tunnel)
    for name in [name for name in sys.modules if name.split(".")[0] == "ungcuu_vault"]:
        del sys.modules[name]


def test_an_answer_that_is_nested_without_end_is_refused(vault: SimpleNamespace) -> None:
    """Python's own limit ended the program with a trace, and the controller heard nothing."""
    session = vault.tunnel.Session.__new__(vault.tunnel.Session)
    session._site, session._process = SimpleNamespace(name="web01"), SimpleNamespace(stdout=io.BytesIO(DEEP + b"\n"))
    with pytest.raises(vault.common.VaultError, match="not JSON"):
        session._last_line()


@pytest.mark.parametrize("fault", ["AttributeError('x')", "OverflowError('x')", "RecursionError()", "IndexError('x')"])
def test_the_answer_is_json_whatever_was_heard(fault: str) -> None:
    """The controller takes silence for a vault that was lost."""
    code = f"""
import os, sys
sys.argv = ["ungcuu-vault", "probe", "web01"]
from ungcuu_vault import __main__ as program
def probe(*_):
    raise {fault}
program._ACTIONS = {{"probe": probe}}
program.Site = type("Site", (), {{"load": staticmethod(lambda name: name)}})
sys.exit(program.main())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=PROGRAM, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert json.loads(done.stdout)["outcome"] == "NOT DONE"


@pytest.mark.parametrize("number", ["x", None, -1, 1.5, float("inf"), [], True, 1 << 70])
def test_a_backup_is_done_whatever_the_host_says_of_its_memory(
    vault: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: object
) -> None:
    """The point was checked and in the ledger, and the run was NOT DONE for a number that nothing depends on."""
    said = {"summary": {"snapshot_id": "ab" * 32, "data_added": number}, "facts": {}, "peak_kib": number}
    runs: list[dict[str, Any]] = []

    def arrive(_site: object, folder: Path, run: dict[str, Any]) -> Path:
        runs.append(run)
        return folder

    here = contextlib.nullcontext
    session = SimpleNamespace(answer=lambda: said)
    site = SimpleNamespace(name="web01", settings={"site": {"root": "/x"}}, password="x", store=tmp_path)
    for name, fake in {
        "locked": lambda *_: here(),
        "need_space": lambda *_: None,
        "server": lambda *_: here((1, "a:b")),
        "Session": lambda *_: here(session),
        "_watch_space": lambda *_: here(),
        "adopt": SimpleNamespace(prepare=lambda _site: False),
        "review": SimpleNamespace(review=lambda _site, point: point),
        "join": SimpleNamespace(run_folder=lambda _s: here(tmp_path), arrive=arrive, finish=lambda *_: [{"id": "p"}]),
    }.items():
        monkeypatch.setattr(vault.take, name, fake)
    answer = vault.take.backup(site, None)
    assert (answer["point"], answer["memory_kib"]) == ({"id": "p"}, 0)
    assert runs[0]["summary"] == {"snapshot_id": "ab" * 32, "data_added": 0}


def test_a_point_that_cannot_be_read_is_not_judged(vault: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged pack ends the archive within a file: the backup was NOT DONE, and no older point was chosen."""

    def torn(*_given: object) -> None:
        raise tarfile.ReadError("unexpected end of data")

    noted: list[dict[str, Any]] = []
    monkeypatch.setattr(vault.review.known, "load", lambda _site: None)
    monkeypatch.setattr(vault.review, "_kept", lambda *_: {})
    monkeypatch.setattr(vault.review, "_look", torn)
    point = {"id": "ab" * 32, "source": {"root": "/x"}}
    vault.review.review(SimpleNamespace(note=lambda _id, **fields: noted.append(fields)), point)
    assert noted[0]["verdict"]["why"] == "failed"


def test_a_ledger_without_end_does_not_fill_the_memory(
    vault: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The file lies in memory; the first vault, which may be an intruder's, decides how much it sends."""
    sftp = tmp_path / "sftp"
    sftp.write_text("#!/bin/sh\nread -r get remote local\nhead -c 40000000 /dev/zero >$local\n")
    sftp.chmod(0o755)
    source = {"name": "vault01", "address": "192.0.2.3", "port": 22}
    monkeypatch.setattr(vault.pull, "ssh_options", lambda _name: [])
    monkeypatch.setattr(vault.pull, "account", lambda: SimpleNamespace(pw_name="nobody"))
    monkeypatch.setattr(vault.pull, "as_account", lambda: {"env": {"PATH": f"{tmp_path}:/usr/bin:/bin"}})
    monkeypatch.setattr(vault.pull, "_LARGEST_LEDGER", 1 << 20)
    with pytest.raises(vault.common.VaultError, match="can't be read"):
        vault.pull._their_ledger(SimpleNamespace(name="web01"), source, tmp_path)
    assert (tmp_path / "ledger.json").stat().st_size <= (1 << 20) + 1


def test_a_nested_ledger_of_a_first_vault_is_refused(
    vault: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ledger.json").write_bytes(DEEP)
    done = subprocess.CompletedProcess([], 0, b"", b"")
    monkeypatch.setattr(vault.pull.subprocess, "run", lambda *_, **_more: done)
    monkeypatch.setattr(vault.pull, "account", lambda: SimpleNamespace(pw_name="nobody"))
    monkeypatch.setattr(vault.pull, "as_account", dict)
    with pytest.raises(vault.common.VaultError, match="RecursionError"):
        vault.pull._their_ledger(
            SimpleNamespace(name="web01"), {"name": "vault01", "address": "192.0.2.3", "port": 22}, tmp_path
        )


@needs_root
def test_the_hashes_of_a_point_are_those_of_what_was_saved(world: World) -> None:
    """A restore is compared with them; the archive is read without a list of all its files in memory."""
    point = world.site.ledger()[-1]
    root = str(world.source / "www")
    world.site.note(point["id"], source={"root": root})
    found = world.vault.points.hashes(world.site, SimpleNamespace(at=point["id"], before="", clean=False))
    rows = [f"{name}\0{digest}\n".encode() for name, digest in world.on_disk().items()]
    assert found["hashes"] == {"files": hashlib.sha256(b"".join(sorted(rows))).hexdigest()}
