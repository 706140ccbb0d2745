"""Enrolment: pins exactly what was confirmed, and judges a host's answers without believing their form."""

from __future__ import annotations

import base64
import subprocess
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from ungcuu.hosts import enrolment, ssh
from ungcuu.run.verb import Context

NOW = 1_790_000_000.0
GOOD = {
    "system": ["debian 12"],
    "python": ["3.11"],
    "root": ["0"],
    "nft": ["nftables v1.0.6"],
    "rules": ["yes"],
    "clock": [str(NOW)],
    "free": ["9000000 /", "9000000 /var", "9000000 /tmp", "9000000 /etc"],
    "inodes": ["90000 /", "90000 /var"],
}


def bad(**changes: list[str]) -> set[str]:
    """Subjects that are refused after these changes."""
    return {check.subject for check in enrolment._judge({**GOOD, **changes}, NOW, True) if check.level == "bad"}


def test_a_good_host_passes() -> None:
    """Otherwise the refusals below prove nothing."""
    assert bad() == set()


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        ({"python": [""]}, "Python"),
        ({"python": ["2.7"]}, "Python"),
        ({"root": ["1000"]}, "sudo"),
        ({"nft": [""]}, "nft"),
        ({"rules": [""]}, "nft"),
        ({"clock": [str(NOW - 3600)]}, "clock"),
        ({"clock": ["?"]}, "clock"),
        ({"free": ["10 /"]}, "disk"),
        ({"inodes": ["3 /var"]}, "disk"),
        ({"lacks": ["ss"]}, "programs"),
    ],
)
def test_each_lack_is_refused(changes: dict[str, list[str]], subject: str) -> None:
    """Each would make a verb fail later, in the middle of an incident."""
    assert bad(**changes) == {subject}


def test_all_refusals_come_at_once() -> None:
    """Nobody should fix one thing at a time."""
    assert bad(python=[""], root=[""], nft=[""]) == {"Python", "sudo", "nft"}


def test_hostile_answers_are_not_shown() -> None:
    """A host's words reach the screen only in forms that were checked."""
    hostile = {"system": ["debian\x1b]0;x"], "python": ["3.11\x1b"], "lacks": ["\x1b[2J"], "free": ["1 /\x1b"]}
    told = "".join(check.text + check.fix for check in enrolment._judge({**GOOD, **hostile}, NOW, True))
    assert "\x1b" not in told


def key(tmp_path: Path, name: str) -> enrolment.HostKey:
    """A new key."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    kind, data = (tmp_path / f"{name}.pub").read_text().split()[:2]
    return enrolment.HostKey(kind, data)


def test_fingerprint_is_what_ssh_keygen_shows(tmp_path: Path) -> None:
    """People compare the two by eye."""
    made = key(tmp_path, "one")
    said = subprocess.run(["ssh-keygen", "-lf", str(tmp_path / "one.pub")], capture_output=True, text=True, check=True)
    assert made.fingerprint == said.stdout.split()[1]


def test_pin_replaces_this_name_alone(tmp_path: Path) -> None:
    """Other hosts, and other names on the same line, keep their keys."""
    old, new, other = (key(tmp_path, name) for name in ("old", "new", "other"))
    known = tmp_path / "known_hosts"
    known.write_text(f"# mine\nweb01,192.0.2.1 {old.kind} {old.data}\nweb02 {other.kind} {other.data}\n")
    assert enrolment.pin(known, "web01", new)
    assert enrolment.pinned_keys(known, "web01") == [new]
    assert enrolment.pinned_keys(known, "192.0.2.1") == [old]
    assert enrolment.pinned_keys(known, "web02") == [other]
    assert not enrolment.pin(known, "web01", new)


def test_broken_lines_pin_nothing(tmp_path: Path) -> None:
    """A damaged file must refuse, not accept."""
    known = tmp_path / "known_hosts"
    known.write_text("web01 ssh-ed25519 not/base64!!\nweb01 unknown-type AAAA\nweb01\n")
    assert enrolment.pinned_keys(known, "web01") == []
    assert base64.b64decode("AAAA")


def test_the_key_is_pinned_under_the_address_too() -> None:
    """Plain ansible-playbook looks a host up by its address: it would refuse what `enrol` accepted."""
    target = ssh.Target("web01", "192.0.2.10", 2222, "ungcuu", Path("key"), Path("known_hosts"))
    assert enrolment.names(target) == ("web01", "[192.0.2.10]:2222")


def test_the_key_that_answers_is_not_offered_for_pasting(tmp_path: Path) -> None:
    """Seen failing: the refusal ended with the fingerprint that was just seen, ready to be pasted uncompared."""
    from ungcuu.cli.commands import enrol
    from ungcuu.core.errors import Refused

    out = SimpleNamespace(line=lambda *_words: None)
    context = cast(Context, SimpleNamespace(host="web01", options={"fingerprint": None}, out=out))
    seen = key(tmp_path, "new")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Refused) as refusal:
        patch.setattr("sys.stdin", StringIO())
        enrol._confirm(context, seen, [])
    assert seen.fingerprint not in refusal.value.fix
    assert "--fingerprint SHA256:…" in refusal.value.fix
