"""The controller is lost: what the kit brings to another machine isolates, restores and releases a real host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Ungcuu

from ungcuu.lab import Lab

PASSPHRASE = "năm từ chọn ngẫu nhiên đủ dài\n"
Verb = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture(scope="module")
def kit(fresh: Callable[..., Lab], ungcuu: Ungcuu, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kit of a controller that has backed a host up and signed its baseline."""
    fresh("web01", "vault01")
    for verb in ("enrol", "backup", "baseline"):
        code, document, said = ungcuu(verb, "web01")
        assert code in (0, 13), (verb, document.get("error"), said[-1500:])
    folder = tmp_path_factory.mktemp("kit")
    (folder / "passphrase").write_text(PASSPHRASE, "utf-8")
    options = ("--passphrase-file", str(folder / "passphrase"))
    code, document, said = ungcuu("kit", "make", "--out", str(folder / "site.kit"), *options)
    assert code == 0, (document, said)
    return folder / "site.kit"


@pytest.fixture(scope="module")
def gone(kit: Path) -> Iterator[None]:
    """The first controller's state is not there any more."""
    state = Path(os.environ["UNGCUU_STATE"])
    away = state.with_name(f"{state.name}.gone")
    state.rename(away)
    yield
    away.rename(state)


@pytest.fixture(scope="module")
def elsewhere(gone: None, kit: Path, tmp_path_factory: pytest.TempPathFactory) -> Verb:
    """Another controller: a state and a home of its own, and nothing else than the kit."""
    folder = tmp_path_factory.mktemp("new")
    known = {**os.environ, "UNGCUU_STATE": str(folder / "state"), "HOME": str(folder / "home")}

    def run(*words: str) -> tuple[int, dict[str, Any], str]:
        command = [sys.executable, "-m", "ungcuu", "--json", *words]
        done = subprocess.run(command, cwd=ROOT, env=known, capture_output=True, text=True, timeout=900, check=False)
        return done.returncode, json.loads(done.stdout or "{}"), done.stderr

    code, document, said = run(
        "kit", "open", str(kit), "--into", str(folder / "site"), "--passphrase-file", str(kit.parent / "passphrase")
    )
    assert code == 0, (document, said)

    def verb(*words: str) -> tuple[int, dict[str, Any], str]:
        return run("--inventory", str(folder / "site"), *words)

    return verb


def test_the_host_is_isolated_from_there(elsewhere: Verb, lab: Lab) -> None:
    """The pinned key, the SSH key and the containment card came with the kit."""
    code, document, said = elsewhere("isolate", "web01")
    assert code == 0 and document["outcome"] == "DONE", (document.get("error"), said[-1500:])
    assert b"ungcuu_isolation" in lab.exec("web01", ["nft", "list", "tables"]).stdout


def test_the_site_is_restored_from_there(elsewhere: Verb, lab: Lab) -> None:
    """The vault takes orders from the new controller, and its baseline judges the point."""
    lab.exec("web01", ["sh", "-c", "echo hacked > /var/www/portal/index.php"])
    code, document, said = elsewhere("restore", "web01", "--confirm-host", "web01")
    assert code == 0 and document["outcome"] == "DONE", (document.get("error"), said[-1500:])
    assert b"hacked" not in lab.exec("web01", ["cat", "/var/www/portal/index.php"]).stdout


def test_its_journals_go_on(elsewhere: Verb) -> None:
    code, document, _said = elsewhere("case", "verify")
    assert code == 0, document
    code, document, _said = elsewhere("doctor", "web01")
    assert not [one for one in document["checks"] if one["level"] == "bad" and one["place"] == "controller"], document
