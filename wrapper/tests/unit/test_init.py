"""`init` where nobody can be asked: what is missing or odd is refused before anything is written."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ANSWERS = ("--address", "192.0.2.10", "--contact", "mailto:baomat@example.gov.vn")


def init(folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "ungcuu", "--json", "init", "--out", str(folder / "site"), *words]
    environment = {"PATH": "/usr/bin", "LANG": "C.UTF-8", "UNGCUU_STATE": str(folder / "state"), "HOME": str(folder)}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, stdin=subprocess.DEVNULL, cwd=folder
    )
    return done.returncode, json.loads(done.stdout)


def test_all_missing_answers_come_at_once(tmp_path: Path) -> None:
    code, document = init(tmp_path)
    assert code == 2
    assert "--address, --contact" in document["error"]["what"]
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--address", "-oProxyCommand=id"),
        ("--contact", "baomat"),
        ("--name", "../../etc"),
        ("--port", "0"),
        ("--management", "{{x}}"),
        ("--account", "root; id"),
    ],
)
def test_an_odd_answer_is_refused_before_anything_is_written(tmp_path: Path, words: tuple[str, str]) -> None:
    code, document = init(tmp_path, *ANSWERS, *words)
    assert code == 2, document
    assert words[1] in document["error"]["what"]
    assert list(tmp_path.iterdir()) == []


def test_answers_to_an_inventory_that_exists_are_no_silent_loss(tmp_path: Path) -> None:
    """A person would believe that the contact has changed. Seen failing without the refusal."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "hosts.yml").write_text("all: {}\n", "utf-8")
    code, document = init(tmp_path, *ANSWERS)
    assert code == 2
    assert "--address, --contact" in document["error"]["what"]
    assert (tmp_path / "site" / "hosts.yml").read_text("utf-8") == "all: {}\n"


def test_a_host_that_is_not_there_leaves_a_written_inventory(tmp_path: Path) -> None:
    """Seen failing: "Nothing was touched", beside the files that were just written."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers on it, and nobody else takes it
        key = tmp_path / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        words = ("--address", "127.0.0.1", "--port", str(held.getsockname()[1]), "--key", str(key))
        code, document = init(tmp_path, *words, "--contact", "mailto:a@example.gov.vn")
    assert code == 5, document
    error = document["error"]
    assert (tmp_path / "site" / "hosts.yml").is_file()
    assert error["state"] == "The inventory stands as it was written. On web01: Nothing was touched."
    assert "Errno" not in error["what"]
    assert "controller. Then go on with: ungcuu init" in error["next"]


def test_a_name_that_does_not_resolve_is_named(tmp_path: Path) -> None:
    """Seen failing: "--management: “” is no list of addresses", of an option that nobody had given."""
    code, document = init(tmp_path, "--address", "web01.invalid", "--contact", "mailto:a@example.gov.vn")
    assert code == 4, document
    assert "web01.invalid" in document["error"]["what"]
    assert "--management" in document["error"]["next"]
    assert list(tmp_path.iterdir()) == []
