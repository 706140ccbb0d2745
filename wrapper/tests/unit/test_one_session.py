"""The session that answers the roles' tests: the same answers as one command each, and never one that nobody gave."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from testinfra.backend import get_backend

from ungcuu.prepare import one_session
from ungcuu.prepare.one_session import NoAnswer, OneSession

HOST = {
    "ssh": 'for word; do :; done\nexec /bin/sh -c "$word"',
    "sudo": 'case $1 in -u) echo "as $2"; exit;; -n) shift;; esac\nexec "$@"',
}


@pytest.fixture
def connect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., OneSession]:
    """A host that is this machine: ``ssh`` runs what it is given. Each command that ssh is given is noted in a file."""

    def make(**programs: str) -> OneSession:
        for name, text in (HOST | programs).items():
            note = f'printf "%s\\n" "$*" >>{tmp_path}/{name}.log\n'
            (tmp_path / name).write_text(f"#!/bin/sh\n{note}{text}\n")
            (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        found = get_backend("ungcuu://web01?controlpersist=0", sudo=True)
        assert isinstance(found, OneSession)
        return found

    return make


def sessions(tmp_path: Path) -> int:
    return len((tmp_path / "ssh.log").read_text().splitlines())


def test_many_questions_take_one_session(connect: Callable[..., OneSession], tmp_path: Path) -> None:
    """Output, error output, code and quoting are those of a command of its own."""
    host = connect()
    asked = (("printf %%s %s; printf more >&2; exit 3", "Sở Công Thương 'x'"), ("cat",), (r"printf '\377\0'",))
    for command, *words in asked:
        said, here = (
            host.run(command, *words),
            subprocess.run(
                ["sh", "-c", host.quote(command, *words)], stdin=subprocess.DEVNULL, capture_output=True, check=False
            ),
        )
        assert (said.rc, said.stdout_bytes, said.stderr_bytes) == (here.returncode, here.stdout, here.stderr)
    assert sessions(tmp_path) == 1


def test_a_command_that_a_signal_ends_gives_no_answer(connect: Callable[..., OneSession]) -> None:
    """A check that expects a refusal would pass if the program that must refuse was killed for want of memory."""
    with pytest.raises(NoAnswer):
        connect().run("kill -9 $$")


def test_an_early_answer_is_given_once(connect: Callable[..., OneSession], tmp_path: Path) -> None:
    """A second question is about a later state of the host: it must be asked again."""
    host, mark = connect(), shlex.quote(str(tmp_path / "mark"))
    slow = f"sleep 0.5; test -e {mark}; echo $?"
    host.ahead([slow])
    begun = time.monotonic()
    assert host.run("echo at once").stdout == "at once\n"
    assert time.monotonic() - begun < 0.4, "others waited for it"
    assert host.run(slow).stdout == "1\n"
    (tmp_path / "mark").touch()
    assert host.run(slow).stdout == "0\n"


def test_a_page_order_needs_no_other_python(connect: Callable[..., OneSession]) -> None:
    answer = connect().page({"do": "doors", "name": "x", "ports": [1]})
    assert answer == {"doors": []}


def test_a_wrong_order_is_an_error(connect: Callable[..., OneSession]) -> None:
    host = connect()
    with pytest.raises(NoAnswer, match="KeyError"):
        host.page({"do": "nothing known"})
    assert host.run("echo still here").stdout == "still here\n"


def test_a_host_without_python_is_asked_singly(connect: Callable[..., OneSession], tmp_path: Path) -> None:
    """A missing program must neither stop the tests nor answer for the host."""
    host = connect(sudo='case $2 in /usr/bin/python3) exit 127;; esac\nexec "$@"')
    assert host.run("exit 4").rc == 4
    assert host.page({"do": "doors", "name": "x", "ports": []}) is None
    host.ahead(["echo never"])
    assert host.run("echo yes").stdout == "yes\n"
    assert sessions(tmp_path) == 3


def test_another_account_is_not_asked_as_root(connect: Callable[..., OneSession]) -> None:
    """What must be refused to an account would be allowed to root."""
    host = connect()
    host.sudo_user = "nobody"
    assert host.run("id").stdout == "as nobody\n"


_ODD = ("[]", "", '{"number": 1}', '{"number": 1, "code": "0"}', '{"number": 1, "code": 0}', '{"number": "x"}')


@pytest.mark.parametrize("word", ["", '{"number": 1, "code": 0', *(f"{line}\n" for line in _ODD)])
def test_a_host_that_breaks_off_or_lies_is_never_a_pass(
    connect: Callable[..., OneSession], tmp_path: Path, word: str
) -> None:
    """Seen to fail with a reader that takes the end of the stream for an answer."""
    (tmp_path / "said").write_text(json.dumps({"ready": True}) + "\n" + word)
    host = connect(ssh=f"head -n 1 >/dev/null; cat {tmp_path}/said")
    with pytest.raises(NoAnswer):
        host.run("true")


def test_the_backend_is_known_by_its_name() -> None:
    assert one_session.BACKENDS["ungcuu"].endswith("OneSession")


def test_an_answer_without_an_end_is_given_up(
    connect: Callable[..., OneSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host may lie at any length; the controller's memory must not follow it. Seen failing without the limit."""
    monkeypatch.setattr(one_session, "_LONGEST", 2000)
    host = connect()
    assert host.run("true").rc == 0
    with pytest.raises(NoAnswer):
        host.run("head -c 100000 /dev/zero")
