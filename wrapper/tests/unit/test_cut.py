"""The conversation of a cut: what is sent to whom, and what may be said of it afterwards."""

from __future__ import annotations

import dataclasses
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from isolated import MANAGEMENT, ROOT, a_site

from ungcuu.contain import allowlist, card, cut_off
from ungcuu.contain.shell import FUNCTIONS
from ungcuu.core.phrases import Detail, phrase
from ungcuu.hosts import ssh


def exchange() -> cut_off._Exchange:
    """The controller's side, ready."""
    return cut_off._Exchange(allowlist.allow_list(MANAGEMENT), b"rules")


def test_rules_are_sent_to_a_host_that_sees_us_where_we_are_allowed() -> None:
    """What the host says may arrive in pieces; the rules wait for the end of its snapshot.

    Sent before it, they would lie in the host's pipe: a snapshot without end would load them days later.
    """
    talk = exchange()
    for piece in (b"from 192.0", b".2.1 50000 192.0.2.10 22\n== sockets\n", b"x\n== e"):
        talk.take(piece)
        assert talk.reply(piece) is None
        assert not talk.sent
    talk.take(b"nd\n")
    assert talk.reply(b"nd\n") == b"rules"
    assert talk.sent
    assert talk.seen == "192.0.2.1"
    assert talk.snapshot == b"== sockets\nx"


@pytest.mark.parametrize("said", [b"from 203.0.113.5 1 2 3\n", b"from \n", b"\n", b"hello 192.0.2.1\n", b"x" * 600])
def test_no_rules_for_anything_else(said: bytes) -> None:
    """Refused before the cut: nothing has been sent yet."""
    talk = exchange()
    talk.take(said)
    with pytest.raises(cut_off.NotAllowed):
        talk.reply(said)


def test_script_is_valid_shell_and_holds_no_data(tmp_path: Path) -> None:
    """A syntax error would be found during an incident."""
    made = card.build(a_site(tmp_path), "web01")
    text = cut_off.script(made)
    subprocess.run(["sh", "-n", "-c", text], check=True)
    assert "192.0.2" not in text


def streamed(**fields: Any) -> ssh.Streamed:
    """An answer of the host."""
    return dataclasses.replace(ssh.Streamed(ssh.Ending.EXITED, 0, 0, "", b"", 0.1), **fields)


def test_cut_is_claimed_only_when_the_host_said_so() -> None:
    """An exit code of 0 from a shell that never got to nft is no isolation."""
    talk = exchange()
    talk.take(b"from 192.0.2.1 1 2 3\n== sockets\nx\n== end\n\n== cut\n")
    assert cut_off._ended("web01", cut_off.Talk(talk, streamed())).ending == "not sent", (
        "no rules were sent, whatever it says"
    )
    talk.sent = True
    assert cut_off._ended("web01", cut_off.Talk(talk, streamed())).done
    talk.said = talk.said.replace(b"== cut", b"== out")
    assert cut_off._ended("web01", cut_off.Talk(talk, streamed())).ending == "failed"
    assert (
        cut_off._ended("web01", cut_off.Talk(talk, streamed(ending=ssh.Ending.LOST, returncode=None))).ending
        == "unknown"
    )
    assert cut_off._ended("web01", cut_off.Talk(talk, streamed(ending=ssh.Ending.NOT_REACHED))).ending == "not reached"


@pytest.mark.parametrize("ending", [ssh.Ending.LOST, ssh.Ending.TIMED_OUT, ssh.Ending.QUOTA, ssh.Ending.EXITED])
@pytest.mark.parametrize("said", [b"", b"from 192.0.2.1 1 2 3\n== sockets\n"])
def test_rules_that_were_never_sent_leave_the_host_untouched(ending: ssh.Ending, said: bytes) -> None:
    """`May or may not be cut off` about a host that never asked for the rules keeps a responder waiting."""
    talk = exchange()
    if said:
        talk.take(said)
    answer = streamed(ending=ending, returncode=1 if ending is ssh.Ending.EXITED else None)
    ended = cut_off._ended("web01", cut_off.Talk(talk, answer))
    assert ended.ending == "not sent"
    assert not ended.sent


def test_every_step_of_the_host_has_a_limit_of_the_controllers() -> None:
    """The host's own `timeout` is the intruder's."""
    talk, now = exchange(), time.monotonic()
    assert talk.deadline() <= now + cut_off.WORD_SECONDS + 1
    talk.take(b"from 192.0.2.1 1 2 3\n")
    assert talk.deadline() <= now + cut_off.SNAPSHOT_SECONDS + 2
    talk.take(b"\n== end\n")
    assert talk.reply(b"\n== end\n") == b"rules"
    assert talk.deadline() <= now + cut_off.LOAD_SECONDS + 2


def test_a_snapshot_without_end_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the intruder's `ss` delays must not be the cut; what came of the snapshot is kept."""
    made = card.build(a_site(tmp_path), "web01")
    asked: list[bool] = []

    def stream(_target: ssh.Target, text: str, take: Any, **more: Any) -> ssh.Streamed:
        asked.append("ss -tunapio" in text)
        take(b"from 192.0.2.1 1 2 3\n== sockets\nhalf")
        if len(asked) == 1:
            return streamed(ending=ssh.Ending.TIMED_OUT, returncode=None)
        take(b"\n== end\n")
        assert more["reply"](b"\n== end\n")
        take(b"\n== cut\n")
        return streamed()

    monkeypatch.setattr(ssh, "stream", stream)
    monkeypatch.setattr(ssh, "shared_connection", lambda _target: None)
    ended = cut_off.cut(made)
    assert ended.done
    assert asked == [True, False]
    assert ended.snapshot == b"== sockets\nhalf"
    assert ended.detail == phrase(Detail.SNAPSHOT_PARTIAL)


@pytest.mark.parametrize(("end", "whole"), [(b"== whole\n", True), (b"\nhal", False)])
def test_a_snapshot_that_the_host_cut_short_is_said(end: bytes, whole: bool) -> None:
    """The host's own limit ended it, so that "== end" came in time all the same. Seen failing: nothing was said."""
    talk = exchange()
    talk.take(b"from 192.0.2.1 1 2 3\n== sockets\nx\n" + end + b"\n== end\n\n== cut\n")
    talk.sent = True
    ended = cut_off._ended("web01", cut_off.Talk(talk, streamed()))
    assert ended.done
    assert ended.detail == ("" if whole else phrase(Detail.SNAPSHOT_PARTIAL))
    assert b"== whole" not in ended.snapshot


def test_rules_that_were_sent_over_a_lost_connection_leave_it_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new connection that is made then does not get in: what became of the rules is unknown, and that is said."""
    made = card.build(a_site(tmp_path), "web01")
    asked: list[Path | None] = []

    def stream(target: ssh.Target, _script: str, take: Any, **more: Any) -> ssh.Streamed:
        asked.append(target.master)
        if target.master is None:
            return streamed(ending=ssh.Ending.NOT_REACHED, returncode=None)
        take(b"from 192.0.2.1 1 2 3\n\n== end\n")
        assert more["reply"](b"from 192.0.2.1 1 2 3\n\n== end\n")
        return streamed(ending=ssh.Ending.LOST, returncode=None)

    monkeypatch.setattr(ssh, "stream", stream)
    monkeypatch.setattr(ssh, "shared_connection", lambda _target: Path("/up"))
    assert cut_off.cut(made).ending == "unknown"
    assert asked == [Path("/up"), None]


def test_what_the_new_connection_proves_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading the same rules twice changes nothing, so that a doubt about the first need not stay."""
    made = card.build(a_site(tmp_path), "web01")

    def stream(target: ssh.Target, _script: str, take: Any, **more: Any) -> ssh.Streamed:
        take(b"from 192.0.2.1 1 2 3\n\n== end\n")
        assert more["reply"](b"from 192.0.2.1 1 2 3\n\n== end\n")
        if target.master is not None:
            return streamed(ending=ssh.Ending.LOST, returncode=None)
        take(b"\n== cut\n")
        return streamed()

    monkeypatch.setattr(ssh, "stream", stream)
    monkeypatch.setattr(ssh, "shared_connection", lambda _target: Path("/up"))
    assert cut_off.cut(made).done


@pytest.mark.parametrize(
    ("said", "ending", "code", "stderr", "again"),
    [
        (b"", ssh.Ending.LOST, None, b"", True),  # sshd could not fork after the login
        (b"from 192.0.2.1\n", ssh.Ending.LOST, None, b"", True),  # the rules were not sent: nothing was done
        (b"from 192.0.2.1\n\n== end\n", ssh.Ending.LOST, None, b"", False),  # they were: unknown
        (b"from 192.0.2.1\n", ssh.Ending.EXITED, 66, b"sh: 3: Cannot fork", True),
        (b"from 192.0.2.1\n", ssh.Ending.EXITED, 66, b"Error: syntax error", False),
        (b"from 192.0.2.1\n", ssh.Ending.EXITED, 0, b"fork", False),
    ],
)
def test_who_knocks_again(said: bytes, ending: ssh.Ending, code: int | None, stderr: bytes, again: bool) -> None:
    """Only where nothing was done on the host; else its state is reported as it is known."""
    exchange = cut_off._Exchange(allowlist.AllowList(("192.0.2.1",), ()), b"")
    exchange.take(said)
    if said:
        exchange.reply(said)
    answer = ssh.Streamed(ending, code, 0, "", stderr, 1.0, "")
    assert cut_off._turned_away(exchange, answer) is again


@pytest.mark.parametrize(
    ("line", "again"),
    [
        ("kex_exchange_identification: read: Connection reset by peer", True),
        ("kex_exchange_identification: Connection closed by remote host", True),
        ("Connection closed by 192.0.2.10 port 22", True),
        ("kex_exchange_identification: banner line contains invalid characters", False),
        ("ssh: connect to host 192.0.2.10 port 22: Connection refused", False),
    ],
)
def test_a_caller_who_is_turned_away_knocks_again(line: str, again: bool) -> None:
    """What ssh says at its level ERROR counts too. Seen failing where only its line at INFO was known."""
    exchange = cut_off._Exchange(allowlist.AllowList(("192.0.2.1",), ()), b"")
    answer = ssh.Streamed(ssh.Ending.NOT_REACHED, None, 0, "", b"", 1.0, line)
    assert cut_off._turned_away(exchange, answer) is again


def test_the_cut_and_the_role_name_devices_alike() -> None:
    """Two copies that drift apart would leave one of two ways to isolate a host open."""
    whole = (ROOT / "roles/isolation/templates/isolation.sh.j2").read_text("utf-8")
    shared = whole.partition("word for word ---")[2].partition("# --- end of what is shared")[0]
    assert shared == FUNCTIONS
    subprocess.run(["sh", "-n"], input=whole, text=True, check=True)
