"""What a drill does on its hosts is done with an intruder's rights, and what it looks for is gone only if it saw so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from ungcuu.drill import stage
from ungcuu.drill.record import DrillFailed
from ungcuu.drill.simulation import Effect, load


def staged() -> stage.Stage:
    lab = mock.Mock()
    lab.address.return_value = "198.51.100.2"
    return stage.Stage(lab, load("webshell"), {})


def test_the_connection_outwards_belongs_to_the_website_s_account() -> None:
    """As root it made each host one where root was lost, which no response undoes. Seen failing before."""
    one = staged()
    with mock.patch.object(one, "execute") as execute, mock.patch.object(stage, "eventually"):
        one.hold_sessions({"held", "outward"})
    started = [call.args[:2] for call in execute.call_args_list]
    (host, words), *others = [row for row in started if "call" in row[1]]
    assert (host, words[:4], others) == (one.host, ["runuser", "-u", "portal", "--"], [])


@pytest.mark.parametrize(
    ("answer", "gone"), [({"in": True}, False), ({"in": False}, True), (DrillFailed("no python3"), False)]
)
def test_a_probe_that_failed_proves_nothing_gone(answer: Any, gone: bool) -> None:
    """Seen failing: a program that broke down on the intruder's machine counted as an answer without the sign."""
    one = staged()
    effect = Effect("a login", "contain", intruder=("login",), has='"in": true')
    told = {"side_effect": answer} if isinstance(answer, Exception) else {"return_value": answer}
    with mock.patch.object(one, "intruder", **told):
        assert one.gone(effect) is gone


@pytest.mark.parametrize("words", [("login", "127.0.0.1", "s", "bientap:x"), ("inside", "127.0.0.1", "s", "127.0.0.1")])
def test_a_website_that_does_not_answer_proves_nobody_gone(words: tuple[str, ...], tmp_path: Path) -> None:
    """The real program, asking where nobody listens. Seen failing: it answered that nobody gets in."""
    one, session = staged(), tmp_path / "session"
    session.write_text("logged=in")

    def execute(_host: str, command: list[str], program: bytes) -> Any:
        text = (
            program.decode().replace("/run/ungcuu-drill-session", str(session)).replace("address, 80,", "address, 1,")
        )
        done = subprocess.run(
            [sys.executable, *command[command.index("-") :]], input=text.encode(), capture_output=True, check=False
        )
        if done.returncode:
            raise DrillFailed(done.stderr.decode())
        return done

    with mock.patch.object(one, "execute", execute):
        assert not one.gone(Effect("somebody", "contain", intruder=words, has='": true'))
        with pytest.raises(DrillFailed, match="no answer"):
            one.intruder(*words)


@pytest.mark.parametrize(("note", "gone"), [({"alive": True}, False), ({"alive": False}, True), ({}, False)])
def test_a_session_is_gone_when_the_intruder_noted_its_end(note: dict[str, Any], gone: bool) -> None:
    """Seen failing: a log that could not be read counted as a connection that had ended."""
    one = staged()
    with (
        mock.patch.object(one, "session", return_value=note),
        mock.patch.object(stage, "eventually", lambda look, *_: look()),
    ):
        assert one.gone(Effect("held", "contain", session="held")) is gone


@pytest.mark.parametrize(
    ("said", "gone"), [(b"no\n", True), (b"yes\n", False), (b"", False), (b"sh: not found", False)]
)
@pytest.mark.parametrize("place", [{"file": "/var/www/portal/x.php", "has": "M"}, {"process": "xmrig"}])
def test_a_host_that_does_not_answer_proves_nothing_gone(place: dict[str, str], said: bytes, *, gone: bool) -> None:
    """Seen failing with any answer but "yes" taken for "no": a host that was down had neither file nor process."""
    one = staged()
    with mock.patch.object(one, "execute", return_value=mock.Mock(stdout=said)):
        assert one.gone(Effect("a plant", "eradicate", **place)) is gone
