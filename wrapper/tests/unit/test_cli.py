"""The command line as a user meets it: as a process, with its streams and its exit code."""

from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import content
import pytest

from ungcuu.cli import registry
from ungcuu.core.streams import Lasting
from ungcuu.core.terminal import Screen


def ungcuu(tmp_path: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "UNGCUU_STATE": str(tmp_path / "state"),
        "LANG": "C.UTF-8",
    }
    return subprocess.run(
        [sys.executable, "-m", "ungcuu", *words],
        cwd=tmp_path,
        env=env | environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def site(tmp_path: Path) -> str:
    return str(content.make(tmp_path).content / "inventory" / "site")


def test_options_stand_before_or_after_the_verb(tmp_path: Path) -> None:
    inventory = site(tmp_path)
    before = ungcuu(tmp_path, "-i", inventory, "--json", "--plan", "verify", "web01")
    after = ungcuu(tmp_path, "verify", "web01", "-i", inventory, "--json", "--plan")
    assert before.stdout == after.stdout
    assert json.loads(after.stdout)["plan"]["hosts"] == ["web01"]


def test_a_plan_writes_nothing(tmp_path: Path) -> None:
    done = ungcuu(tmp_path, "verify", "web01", "-i", site(tmp_path), "--plan")
    assert done.returncode == 0
    assert "Nothing was changed." in done.stdout
    assert not (tmp_path / "state").exists()


def test_json_is_one_document_and_nothing_else(tmp_path: Path) -> None:
    done = ungcuu(tmp_path, "verify", "nosuch", "-i", site(tmp_path), "--json")
    document = json.loads(done.stdout)
    assert done.returncode == document["exit_code"] == 3
    assert document["outcome"] == "NOT DONE"
    assert document["error"]["next"].startswith("Name one of the hosts web01")
    assert "nosuch" in done.stderr, "the person who watches is told as well"


def test_usage_errors_are_json_too_and_name_the_nearest(tmp_path: Path) -> None:
    done = ungcuu(tmp_path, "verfy", "--json")
    assert done.returncode == 2
    assert "verify" in json.loads(done.stdout)["error"]["what"]


def test_no_inventory_is_an_error_with_a_fix(tmp_path: Path) -> None:
    done = ungcuu(tmp_path, "verify", "web01")
    assert done.returncode == 3
    assert "--inventory" in done.stdout + done.stderr


@pytest.mark.parametrize("words", [("restore", "web01"), ("eradicate", "web01")])
def test_a_dangerous_verb_needs_the_host_s_name_where_nobody_can_type(tmp_path: Path, words: tuple[str, ...]) -> None:
    if not registry.load(words[0]).dangerous:
        pytest.skip(f"{words[0]} is not dangerous")
    done = ungcuu(tmp_path, *words, "-i", site(tmp_path))
    assert done.returncode == 4
    assert "--confirm-host web01" in done.stdout


def test_isolation_never_asks() -> None:
    verb = registry.load("isolate")
    assert not verb.dangerous
    assert verb.without_journal
    others = [name for name in registry.names() if registry.load(name).without_journal]
    assert others == ["isolate"], "no journal, no run: isolation alone goes on"


def test_the_name_is_typed_on_a_terminal(tmp_path: Path) -> None:
    name = next(n for n in registry.names() if registry.load(n).dangerous)
    inventory = site(tmp_path)
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "ungcuu", name, "web01", "-i", inventory],
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "UNGCUU_STATE": str(tmp_path / "state"), "LANGUAGE": "en"},
    )
    os.write(master, b"web02\n")
    output, _ = process.communicate(timeout=30)
    os.close(master)
    os.close(slave)
    assert process.returncode == 4, output
    assert "Type the host's name" in output
    assert not (tmp_path / "state").exists()


def test_language_is_chosen_by_option_and_by_locale(tmp_path: Path) -> None:
    english = ungcuu(tmp_path, "--help").stdout
    assert ungcuu(tmp_path, "--help", LANG="vi_VN.UTF-8").stdout == ungcuu(tmp_path, "--lang", "vi", "--help").stdout
    assert ungcuu(tmp_path, "--lang=en", "--help", LANG="vi_VN.UTF-8").stdout == english


def test_completion_offers_hosts(tmp_path: Path) -> None:
    done = ungcuu(
        tmp_path, COMP_WORDS=f"ungcuu verify -i {site(tmp_path)} web", COMP_CWORD="4", _UNGCUU_COMPLETE="bash_complete"
    )
    assert done.stdout.split() == ["plain,web01", "plain,web02", "plain,website"]


def test_verbs_are_grouped_by_phase(tmp_path: Path) -> None:
    lines = ungcuu(tmp_path, "--help").stdout.splitlines()
    heads = [line for line in lines if line and not line.startswith(" ") and line.endswith(":") and "Usage" not in line]
    assert heads[1:] == [
        "Prepare (before an incident):",
        "Detect and notify:",
        "Contain and collect:",
        "Eradicate and recover:",
        "Review:",
        "The tool itself:",
    ]


def test_a_reader_that_goes_away_does_not_end_the_work(tmp_path: Path) -> None:
    """``ungcuu harden web01 | head`` must not leave the host half-hardened."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        stream = Lasting(pipe)
        screen = Screen(stream)
        for _ in range(3):
            screen.line("step 1 of 2")
        stream.flush()


def test_a_lost_terminal_is_survived(tmp_path: Path) -> None:
    script = """
        import os, signal, sys
        from ungcuu.cli import main as cli
        cli.run = lambda words: os.kill(os.getpid(), signal.SIGHUP) or 0
        cli.main([])
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False).returncode == 0


def test_the_next_command_carries_the_inventory_that_was_typed(tmp_path: Path) -> None:
    """A fix that is typed as shown must work: without -i it would end with another error."""
    done = ungcuu(tmp_path, "-i", site(tmp_path), "--json", "restore", "web01")
    error = json.loads(done.stdout)["error"]
    assert error["next"].startswith(f"ungcuu -i {shlex.quote(site(tmp_path))} restore web01 --confirm-host web01")
