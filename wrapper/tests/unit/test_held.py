"""The connection that is held for a cut, on a real sshd: joined where it may be, and never worth more than a second."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from sshserver import serving
from test_isolation import a_site

from ungcuu.cli.commands import _watch_hold
from ungcuu.cli.registry import load
from ungcuu.contain import card, cut_off, early, held, race
from ungcuu.core.errors import Locked
from ungcuu.core.settings import Settings, state_dir
from ungcuu.core.terminal import Screen
from ungcuu.hosts import ssh, ssh_process
from ungcuu.run.verb import Context

# Takes the rules as the real script does, and loads nothing. The first word says which connection it came over.
HOST = """
printf 'from %s\\n' "$SSH_CONNECTION"; printf '\\n== end\\n'
cat >/dev/null; printf '\\n== hooks yes\\n\\n== cut\\n'
"""


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[card.Card]:
    """The card of a host whose sshd runs on loopback, as `enrol` leaves it."""
    monkeypatch.setattr(ssh, "shared_connection", lambda _target: None)
    monkeypatch.setattr(cut_off, "script", lambda *_: HOST)
    short = Path(tempfile.mkdtemp(prefix="held"))  # the path of a socket is bounded
    site = a_site(short)
    place = tmp_path / "sshd"
    place.mkdir()
    with serving(place) as target:
        made = dataclasses.replace(
            card.build(site, "web01", ("127.0.0.1",)),
            address=target.address,
            port=target.port,
            user=target.user,
            key=str(target.key),
            known_hosts=str(target.known_hosts),
            become=False,
        )
        yield card.write(site.settings, made)
    shutil.rmtree(short)


@pytest.fixture
def holder(kept: card.Card) -> Iterator[held.Holder]:
    one = held.Holder(Path(kept.known_hosts).parent)
    wait_for(lambda: one.look(kept, HOST))
    yield one
    one.end()


def wait_for(true: Callable[[], bool]) -> None:
    for _ in range(800):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to that")


def logins(kept: card.Card, tmp_path: Path) -> int:
    return (tmp_path / "sshd/log").read_text("utf-8", "replace").count("Accepted publickey")


def sessions_of(holder: held.Holder) -> list[int]:
    """The processes of sshd that serve the held connection."""
    assert holder._process is not None
    rows = subprocess.run(["ss", "-tnpH", "state", "established"], capture_output=True, text=True, check=True).stdout
    ours = next(row for row in rows.splitlines() if f"pid={holder._process.pid}," in row).split()[2]
    return [
        int(part.partition(",")[0])
        for row in rows.splitlines()
        if row.split()[3] == ours
        for part in row.split("pid=")[1:]
    ]


def test_a_cut_joins_it(kept: card.Card, holder: held.Holder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No second login: that is what the connection is held for."""
    monkeypatch.setattr(race, "WORD_SECONDS", 30.0)  # this machine may be busy
    monkeypatch.setattr(race, "PROOF_SECONDS", 60.0)
    assert held.connection(kept) == holder.socket
    assert cut_off.cut(kept).done
    assert logins(kept, tmp_path) == 1


def test_a_conversation_is_started_before_the_rest_is_imported(
    kept: card.Card, holder: held.Holder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The host reads its state meanwhile. It is taken over, not started twice."""
    monkeypatch.setattr(race, "WORD_SECONDS", 30.0)  # this machine may be busy
    monkeypatch.setattr(race, "PROOF_SECONDS", 60.0)
    monkeypatch.setenv("UNGCUU_STATE", str(holder.folder.parents[1]))
    early.begin(["isolate", "web01"])
    process = early._started["web01"][1][0]
    asked: list[object] = []
    monkeypatch.setattr(ssh_process, "start", lambda *words: asked.append(words))
    assert cut_off.cut(kept).done
    assert (asked, early._started, process.returncode, logins(kept, tmp_path)) == ([], {}, 0, 1)


@pytest.mark.parametrize("words", ["isolate web01 --plan", "isolate web02", "release web01", "isolate ../web01"])
def test_nothing_is_started_that_was_not_plainly_asked_for(
    holder: held.Holder, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setenv("UNGCUU_STATE", str(holder.folder.parents[1]))
    early.begin(words.split())
    assert early._started == {}


def test_a_conversation_of_another_card_is_ended(
    kept: card.Card, holder: held.Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its script or its account may be another one. Seen failing (it was taken over) without the comparison."""
    monkeypatch.setenv("UNGCUU_STATE", str(holder.folder.parents[1]))
    early.begin(["isolate", "web01"])
    process = early._started["web01"][1][0]
    assert early.take("web01", ["ssh", "another"]) is None
    assert process.returncode is not None
    early.begin(["isolate", "web01"])
    process = early._started["web01"][1][0]
    early.drop()
    assert process.returncode is not None and early._started == {}


@pytest.mark.parametrize("environment", [{"UNGCUU_STATE": "~/s"}, {"UNGCUU_STATE": "s"}, {"XDG_STATE_HOME": "/x"}, {}])
def test_it_finds_the_state_folder_where_everything_else_does(environment: dict[str, str]) -> None:
    assert early.state_folder(environment) == str(state_dir(environment))


def test_hardly_anything_is_imported_before_it_is_started() -> None:
    """Each import is time in which the intruder goes on working."""
    code = "import sys, ungcuu.contain.early; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    slow = {"dataclasses", "inspect", "json", "pathlib", "typing", "ipaddress", "socket", "hashlib", "datetime"}
    assert slow.isdisjoint(found.stdout.split())


def test_it_runs_nothing_and_forwards_nothing(kept: card.Card) -> None:
    """Whoever owns the host must find no way through it to this controller: no agent, no port, no program."""
    command = ssh.master_command(kept.target_without_become, Path("/run/held"))
    assert command[-1] == kept.address and "-N" in command
    said = subprocess.run([command[0], "-G", *command[1:]], capture_output=True, text=True, check=True).stdout
    values = dict(line.split(" ", 1) for line in said.splitlines() if " " in line)
    assert {name: values[name] for name in ("forwardagent", "forwardx11", "tunnel", "permitlocalcommand")} == {
        "forwardagent": "no",
        "forwardx11": "no",
        "tunnel": "false",
        "permitlocalcommand": "no",
    }
    assert values["clearallforwardings"] == "yes" and values["stricthostkeychecking"] == "true"
    assert values["controlmaster"] == "true" and "remoteforward" not in values


def test_frozen_it_costs_a_second_at_most(kept: card.Card, holder: held.Holder) -> None:
    """Who owns the host can stop sshd's process: seen failing (20 s) without the second connection beside it."""
    assert cut_off.cut(kept).done
    frozen = sessions_of(holder)
    for one in frozen:
        os.kill(one, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        assert cut_off.cut(kept).done
        with_it = time.monotonic() - begun
    finally:
        for one in frozen:
            os.kill(one, signal.SIGCONT)
    holder.end()
    begun = time.monotonic()
    assert cut_off.cut(kept).done
    assert with_it < time.monotonic() - begun + 2.0, "a second of it is this machine's own noise"


def test_a_host_that_stops_midway_costs_a_second_at_most(
    kept: card.Card, holder: held.Holder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It answers over the held connection, and then no more: its first word is no proof. Seen failing (6 s) without the
    second connection."""
    once = HOST.replace("printf '\\n== end", f"mkdir {tmp_path}/once 2>/dev/null && sleep 30\nprintf '\\n== end")
    monkeypatch.setattr(cut_off, "script", lambda *_: once)
    begun = time.monotonic()
    cut = cut_off.cut(kept)
    assert cut.done and time.monotonic() - begun < 4.0


def test_a_socket_that_answers_nothing_costs_a_second_at_most(kept: card.Card) -> None:
    """A master that hangs takes callers and says nothing to them: seen failing (20 s) without the second connection."""
    folder = Path(kept.known_hosts).parent
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(folder / held.SOCKET))
        silent.listen()
        (folder / held.MADE_WITH).write_text(early.made_with(str(folder)) + "\0ssh")
        assert held.connection(kept)
        begun = time.monotonic()
        assert cut_off.cut(kept).done
        assert time.monotonic() - begun < 4.0


def test_it_is_not_joined_after_a_new_key_was_pinned(kept: card.Card, holder: held.Holder) -> None:
    """Whoever enrolled the host again must not be led to the machine of before. Seen failing without the comparison."""
    known = Path(kept.known_hosts)
    other = known.with_name("new")
    other.write_bytes(known.read_bytes())
    other.replace(known)
    assert held.connection(kept) is None
    wait_for(lambda: holder.look(kept, HOST) and held.connection(kept) is not None)


def test_it_is_not_joined_where_it_is_not_ours(
    kept: card.Card, holder: held.Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever made the socket could read the rules and answer in the host's place."""
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert held.connection(kept) is None


def test_one_that_a_killed_holder_left_is_replaced(kept: card.Card, holder: held.Holder, tmp_path: Path) -> None:
    """Its ssh still runs and nobody looks after it; the next holder ends it."""
    assert holder._process is not None
    after = held.Holder(holder.folder)
    reaper = threading.Thread(target=holder._process.wait)
    reaper.start()
    wait_for(lambda: after.look(kept, HOST))
    reaper.join(5)
    assert holder._process.returncode is not None
    assert logins(kept, tmp_path) == 2
    after.end()
    assert held.connection(kept) is None and not holder.socket.exists()


def test_a_connection_that_has_gone_is_made_again(
    kept: card.Card, holder: held.Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that restarts ends it."""
    assert holder._process is not None
    holder._process.kill()
    holder._process.wait()
    monkeypatch.setattr(held, "AGAIN_SECONDS", 0.0)
    wait_for(lambda: holder.look(kept, HOST))
    assert cut_off.cut(kept).done


def test_the_command_holds_says_so_and_leaves_nothing(kept: card.Card, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second one would end the first one's connection, and the other way round, without end."""
    folder, said = Path(kept.known_hosts).parent, StringIO()
    settings = Settings(folder.parents[1], folder, "an")
    (verb,) = (one for one in load("watch").verbs if one.name == "hold")
    ctx = Context(settings, verb, Screen(said), hosts=("web01",), options={"seconds": 0})
    assert verb.run is not None
    monkeypatch.setattr(_watch_hold, "_LOOK_SECONDS", 0.1)
    first = threading.Thread(target=verb.run, args=(ctx,))
    first.start()
    wait_for(lambda: "web01: a connection is held" in said.getvalue())
    assert held.connection(kept)
    with pytest.raises(Locked, match="is held already"):
        verb.run(ctx)

    def interrupt(*_words: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_watch_hold, "_look", interrupt)
    first.join(30)
    assert not first.is_alive() and held.connection(kept) is None and not (folder / held.SOCKET).exists()
