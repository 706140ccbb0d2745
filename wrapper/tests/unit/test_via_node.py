"""A playbook run on a node: a real sshd on loopback, a real ssh-agent, ansible-runner's real worker behind them."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import content
import pytest
from sshserver import serving

from ungcuu import __version__
from ungcuu.cli.commands import _doctor_controller
from ungcuu.cli.main import run
from ungcuu.cli.registry import load
from ungcuu.core import process_guard
from ungcuu.core.errors import Exit, Outcome, UngcuuError
from ungcuu.core.terminal import Screen
from ungcuu.hosts import ssh
from ungcuu.hosts.site import Site
from ungcuu.hosts.ssh import Target
from ungcuu.run import node as nodes
from ungcuu.run import node_choice, node_runner, remote_job, runner
from ungcuu.run.events import Event
from ungcuu.run.failures import problem_of
from ungcuu.run.node_agent import lent
from ungcuu.run.tally import RunResult
from ungcuu.run.verb import Context

WRAPPER = Path(__file__).parents[2]
PROGRAM = """#!{python}
import sys
sys.path.insert(0, {wrapper!r})
from pathlib import Path
from ungcuu.core import settings
settings.content_dir = lambda: Path({content!r})
from ungcuu.run import node
node.content_dir = settings.content_dir
node.PLAYBOOKS = frozenset({{"greet", "slow", "state", "loud"}})
node.SILENCE = {silence}
from ungcuu.run import node_worker
node_worker._base = lambda: Path({base!r})
{more}
sys.exit(node_worker.main())
"""
SLOW = """
- name: Change a host slowly
  hosts: website
  gather_facts: false
  tasks:
    - name: First
      ansible.builtin.command: "true"
    - name: Sleep, then touch
      ansible.builtin.shell: sleep {{ seconds }}; touch {{ mark }}
"""
STATE = """
- name: Use the state folder
  hosts: website
  gather_facts: false
  tasks:
    - name: Show what is there
      ansible.builtin.command: find {{ ungcuu_state }} -type f -printf '%P '
      register: found
    - name: Report it
      ungcuu_report: {kind: snapshot, data: {what: files, found: "{{ found.stdout }}"}}
    - name: Make another host's folder
      ansible.builtin.file: {path: "{{ ungcuu_state }}/hosts/web02", state: directory}
    - name: Write
      ansible.builtin.copy:
        content: "{{ item.text }}"
        dest: "{{ ungcuu_state }}/{{ item.name }}"
      loop:
        - {name: hosts/web01/expected.json, text: '{"/a": "b"} '}
        - {name: hosts/web01/secrets.yml, text: '{}'}
        - {name: hosts/web02/expected.json, text: '{}'}
        - {name: keys/journal_ed25519.pub, text: 'x'}
"""


@pytest.fixture(name="place")
def a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Place]:
    (tmp_path / "sshd").mkdir()
    (tmp_path / "run").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    with serving(tmp_path / "sshd") as target:
        yield _Place(tmp_path, target, monkeypatch)


class _Place:
    """A controller with a site, and a node reached over sshd."""

    def __init__(self, folder: Path, target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.target = folder, replace(target, name="node01")
        key = target.known_hosts.read_text().split(" ", 1)[1]
        target.known_hosts.write_text(f"node01,web01,web02,vault01 {key}")
        self.settings = content.make(folder, slow=SLOW, state=STATE)
        monkeypatch.setattr(nodes, "content_dir", lambda: self.settings.content)
        nodes.fingerprint.cache_clear()
        self.base = folder / "jobs"
        self.base.mkdir(mode=0o700)
        self.sleep, self.run = f"77.{os.getpid()}", f"run-{os.getpid()}"  # others run beside these tests

    def node(self, silence: float = 30.0, more: str = "") -> nodes.Node:
        program = self.folder / "program"
        program.write_text(
            PROGRAM.format(
                python=sys.executable,
                wrapper=str(WRAPPER),
                content=str(self.settings.content),
                silence=silence,
                base=str(self.base),
                more=textwrap.dedent(more),
            )
        )
        program.chmod(0o755)
        site = Site.load(self.settings)
        # The hosts of the site are this machine, without SSH; test_a_key_is_bound has a second sshd.
        facts = {
            name: {**rows, "ansible_ssh_private_key_file": str(self.target.key)} for name, rows in site.hosts.items()
        }
        facts = {name: {**rows, "ungcuu_known_hosts": str(self.target.known_hosts)} for name, rows in facts.items()}
        return nodes.Node(self.target, replace(site, hosts=facts), str(program))

    def go(self, node: nodes.Node, playbook: str = "greet", **more: Any) -> RunResult:
        variables = more.pop("variables", {"greeting_text": "{{ no }}", "greeting_file": str(self.folder / "out")})
        inventory = self.settings.content / "inventory" / "site"
        hosts = more.pop("hosts", ("web01",))
        more.setdefault("run_id", self.run)
        return runner.run(
            self.settings, (inventory,), playbook, hosts, variables, made_by=node_runner.made_by(node), **more
        )

    def left(self) -> list[Path]:
        return sorted(self.base.iterdir())

    def wait_for_task(self) -> None:
        until = time.monotonic() + 120
        while not _processes(f"sleep {self.sleep}"):
            assert time.monotonic() < until, "the task never began"
            time.sleep(0.05)


def _processes(words: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            if words in line:
                found.append(int(entry.name))
    return found


def _gone(words: str, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while _processes(words) and time.monotonic() < until:
        time.sleep(0.1)
    return not _processes(words)


def test_a_run_through_a_node_is_the_run_without_it(place: _Place) -> None:
    seen: list[Event] = []
    result = place.go(place.node(), on_event=seen.append)
    assert result.outcome is Outcome.DONE, str(result.hosts) + result.message
    assert (place.folder / "out").read_text() == "{{ no }}"
    here = runner.run(
        place.settings,
        (place.settings.content / "inventory" / "site",),
        "greet",
        ("web01",),
        {"greeting_text": "{{ no }}", "greeting_file": str(place.folder / "out2")},
    )
    assert (here.hosts, here.reports, here.outcome) == (result.hosts, result.reports, result.outcome)
    assert place.left() == [], "the node keeps nothing"


def test_a_node_gets_no_secret_and_brings_back_what_is_expected_alone(place: _Place) -> None:
    """Seen failing with every file of the host's folder sent, and with all that came back taken over."""
    state = place.settings.state
    content.write(
        state,
        {
            "hosts/web01/secrets.yml": "{password: canary-1}",
            "hosts/web01/expected.json": "{}",
            "hosts/web02/expected.json": "[]",
            "keys/journal_ed25519": "canary-2",
            "keys/journal_ed25519.pub": "public",
        },
    )
    node = place.node()
    result = place.go(node, "state", variables={})
    assert result.outcome is Outcome.DONE, str(result.hosts) + result.message
    found = sorted(str(result.data_of("snapshot")[0]["found"]).split())
    assert found == ["hosts/web01/expected.json", "keys/journal_ed25519.pub"]
    assert (state / "hosts/web01/expected.json").read_text() == '{"/a": "b"} '
    assert (state / "hosts/web02/expected.json").read_text() == "[]"
    assert (state / "hosts/web01/secrets.yml").read_text() == "{password: canary-1}"
    assert (state / "keys/journal_ed25519.pub").read_text() == "public"


def test_what_travels_holds_public_halves_alone(place: _Place, tmp_path: Path) -> None:
    """The private key, and paths of this machine, stay here; seen failing with the key itself laid beside them."""
    there, folder = Path("/run/there"), tmp_path / "luggage"
    folder.mkdir()
    node = place.node()
    luggage = nodes.Luggage(node, "backup", ("web01",), place.settings.state, folder, there)
    public = place.target.key.with_suffix(".pub").read_text() if place.target.key else ""
    luggage.pack({place.target.key or Path(): public})
    texts = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert sorted(texts) == ["inventory/hosts.json", "keys/0.pub", "known_hosts/0"]
    assert "PRIVATE" not in "".join(texts.values())
    assert str(place.folder) not in texts["inventory/hosts.json"]
    sent = json.loads(texts["inventory/hosts.json"])["all"]
    assert sorted(sent["hosts"]) == ["vault01", "web01"], "the vault that it names, and no other website"
    assert sent["hosts"]["web01"]["ansible_ssh_private_key_file"] == "/run/there/keys/0.pub"


@pytest.mark.parametrize("killed", ["worker", "connection", "worker and guard", "silence"])
def test_a_node_that_ends_in_the_middle_leaves_the_run_unknown_and_nothing_at_work(
    place: _Place, killed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing may go on changing hosts unseen. Seen failing (the task went on to its end) without the guard (worker),
    without the look at standard input (connection), and without the limit of silence.
    """
    monkeypatch.setattr(node_runner, "BEAT_SECONDS", 1.0)
    node = place.node(silence=10.0 if killed == "silence" else 30.0)
    results: list[RunResult] = []
    sleep = f"sleep {place.sleep}"
    given = {"seconds": place.sleep, "mark": str(place.folder / "mark")}
    thread = threading.Thread(target=lambda: results.append(place.go(node, "slow", variables=given)))
    thread.start()
    place.wait_for_task()
    program, connection = _processes(f"{node.program} --node-worker"), _processes(f"-- 127.0.0.1 {node.program}")
    workers = [pid for pid in program if Path(f"/proc/{pid}/exe").resolve() == Path(sys.executable).resolve()]
    assert len(workers) == 2, "the worker and its guard"
    if killed == "connection":
        process_guard.kill(connection)
    elif killed == "silence":
        for pid in connection:
            os.kill(pid, signal.SIGSTOP)
    else:
        process_guard.kill(workers if "guard" in killed else workers[:1])
    if killed == "worker and guard":
        thread.join(60)
        assert node_runner.ended_there(node, place.run) or _gone(sleep, 0), "resume has it ended"
    assert _gone(sleep, 30)
    if killed == "silence":
        process_guard.kill(connection)
    thread.join(60)
    (result,) = results
    assert (result.outcome, result.hosts["web01"].problem) == (Outcome.UNKNOWN, "interrupted"), result
    assert result.hosts["web01"].message.startswith("the node ended before its answer")
    problem = problem_of("harden", False, result)
    assert problem is not None
    assert (problem.code, problem.fix) == (Exit.UNKNOWN, "ungcuu resume web01")
    until = time.monotonic() + 20
    while place.left() and time.monotonic() < until:
        time.sleep(0.1)
    assert place.left() == []
    assert not (place.folder / "mark").exists()


def test_a_node_that_will_not_do_has_begun_nothing(place: _Place) -> None:
    """Each cause has its own words, and none is UNKNOWN: nothing left this machine."""
    good = place.node()
    wrong = place.folder / "wrong"
    wrong.write_text("node01 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\n")
    secret = place.folder / "secret"
    os.system(f"ssh-keygen -q -t ed25519 -N passphrase -f {secret}")  # noqa: S605 - a path of this test
    with_passphrase = {
        name: {**rows, "ansible_ssh_private_key_file": str(secret)} for name, rows in good.site.hosts.items()
    }
    cases = {
        "no node": replace(good, target=replace(good.target, port=9)),
        "node key": replace(good, target=replace(good.target, known_hosts=wrong)),
        "no key": replace(good, site=replace(good.site, hosts=with_passphrase)),
        "other version": place.node(more="node_worker.__version__ = '0.0.9'"),
        "other version ": replace(good, program="/no/such/ungcuu"),
    }
    codes = {"no node": Exit.UNREACHABLE, "node key": Exit.HOST_KEY}
    for name, node in cases.items():
        if name == "other version ":
            place.node()
        result = place.go(node)
        assert (result.outcome, result.hosts["web01"].problem) == (Outcome.NOT_DONE, name.strip()), (name, result)
        problem = problem_of("harden", False, result)
        assert problem is not None
        assert problem.code is codes.get(name, Exit.REFUSED), name
        assert problem.state == "Nothing was begun."
    assert not (place.folder / "out").exists()
    assert place.left() == []


def test_other_playbooks_under_the_same_version_are_refused(place: _Place) -> None:
    node = place.node(more="node_worker.fingerprint = lambda: 'other'")
    result = place.go(node)
    assert result.hosts["web01"].problem == "other version"
    assert "other programs, playbooks or roles" in result.hosts["web01"].message


def test_a_node_keeps_its_bounds(place: _Place) -> None:
    """A host that answers without end is stopped on the node, which has the memory. Seen failing without Bounds."""
    result = place.go(
        place.node(more="from ungcuu.run import bounds\nbounds.MOST_MEMORY = bounds.MEMORY_OF_A_HOST = 1")
    )
    assert (result.outcome, result.cut_short) == (Outcome.UNKNOWN, "quota")
    assert place.left() == []


def test_a_lent_key_opens_the_named_host_from_the_node_and_nothing_else(place: _Place, tmp_path: Path) -> None:
    """Root on the node has the socket for as long as the run lasts. Seen failing with a key that is not bound (-h):
    the other host let it in.
    """
    (tmp_path / "host").mkdir()
    (tmp_path / "other").mkdir()
    assert place.target.key
    with serving(tmp_path / "host") as host, serving(tmp_path / "other") as other:
        known = tmp_path / "known"
        lines = [place.target.known_hosts.read_text().splitlines()[0].split(" ", 1)[1]]
        for one in (host, other):
            lines.append(one.known_hosts.read_text().split(" ", 1)[1])
            (one.known_hosts.parent / "authorized").write_text(place.target.key.with_suffix(".pub").read_text())
        known.write_text(
            "".join(f"{name} {key.strip()}\n" for name, key in zip(("node01", "host", "other"), lines, strict=True))
        )
        node = replace(place.target, known_hosts=known)
        targets = [replace(host, name="host", key=place.target.key, known_hosts=known)]
        (tmp_path / "agent").mkdir()
        with lent(tmp_path / "agent", node, targets, 60) as (socket, publics):
            public = tmp_path / "lent.pub"
            public.write_text(publics[place.target.key])
            public.chmod(0o600)
            for name, there, wanted in (("host", host, 0), ("other", other, 255)):
                login = replace(there, name=name, key=public, known_hosts=known)
                words = shlex.join(ssh.ssh_command(login, ["true"]))
                done = subprocess.run(ssh.ssh_command(node, ["sh", "-c", words], forwarded=socket), check=False)
                assert done.returncode == wanted, name
            listed = subprocess.run(ssh.ssh_command(node, ["sh", "-c", 'test -S "$SSH_AUTH_SOCK"']), check=False)
            assert listed.returncode, "without a run no agent is lent"
        assert not socket.exists() or not _processes(str(socket))


def _archive(rows: dict[str, bytes], links: dict[str, str], last: dict[str, bytes] | None = None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in rows.items():
            archive.writestr(name, data)
        for name, target in links.items():
            link = zipfile.ZipInfo(name)
            link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
            archive.writestr(link, target)
        for name, data in (last or {}).items():
            archive.writestr(name, data)
    return out.getvalue()


def test_an_archive_of_a_node_that_was_taken_over_writes_nowhere(tmp_path: Path) -> None:
    """ansible-runner's own processor makes the links of an archive and writes through them: seen with the last one
    here, whose file it put into out/.
    """
    received = remote_job.Process(remote_job.Stream(io.BytesIO()), tmp_path / "answer", lambda _event: None)
    wanted = {"hosts/web01/expected.json"}
    (tmp_path / "out").mkdir()
    received.archive = _archive(
        {"../out/a": b"{}", "/tmp/a": b"{}", "hosts/web01/secrets.yml": b"{}", "hosts/web01/expected.json": b"{}"},
        {"hosts/web01": str(tmp_path / "out")},
    )
    assert received.files(wanted) == {"hosts/web01/expected.json": b"{}"}
    assert list((tmp_path / "out").iterdir()) == []
    received.archive = _archive({}, {"hosts": str(tmp_path / "out")}, {"hosts/web01/expected.json": b"{}"})
    assert received.files(wanted) == {"hosts/web01/expected.json": b"{}"}
    assert list((tmp_path / "out").iterdir()) == []
    for bad in (b"no archive", _archive({"hosts/web01/expected.json": b"{"}, {})):
        received.archive = bad
        with pytest.raises(ValueError):
            received.files(wanted)
    received.archive = _archive({"hosts/web01/expected.json": b" " * (remote_job.MOST_FILE + 1)}, {})
    with pytest.raises(ValueError, match="too large"):
        received.files(wanted)


def test_a_line_without_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_job, "MOST_LINE", 1000)
    with pytest.raises(remote_job.TooLong):
        remote_job.Stream(io.BytesIO(b"x" * 5000)).readline()


SITE = """
all:
  vars: {ansible_ssh_private_key_file: /k/id, ungcuu_known_hosts: /k/known, management_addresses: [192.0.2.0/28]}
  children:
    website:
      vars: {website_vault_host: vault01}
      hosts: {web01: {ansible_host: 192.0.2.1}, %s}
    vault: {hosts: {vault01: {ansible_host: 192.0.2.2}}}
    nodes: {hosts: {node01: {ansible_host: 192.0.2.3, node_program: /opt/u}, node02: {ansible_host: 203.0.113.3}}}
"""


@pytest.mark.parametrize(
    ("more", "asked", "why"),
    [
        ("web02: {}", ("web01", "node01", "harden"), ""),
        ("web02: {}", ("web01", "", "harden"), ""),
        ("web02: {}", ("web01", "node02", "harden"), "is not among the management_addresses of web01"),
        ("web02: {}", ("web01", "vault01", "restore"), "it signs here, or keeps evidence or secrets here"),
        ("web02: {}", ("web01 node01", "node01", "harden"), "can't be the node of a run that works on it"),
        ("web02: {ansible_connection: local}", ("web02", "node01", "harden"), "web02 is this machine"),
        ("web02: {website_vault_host: web03}, web03: {ansible_connection: local}", ("web02", "node01", "backup"),
         "web03 is this machine"),
        ("web02: {ansible_ssh_common_args: -o ProxyJump=gate}", ("web02", "node01", "harden"), "over another machine"),
        ("web02: {ansible_become_password: x}", ("web02", "node01", "harden"), "needs a password"),
        ("web02: {ansible_ssh_private_key_file: ''}", ("web02", "node01", "harden"), "names no key for web02"),
        ("web02: {patching_debsecan_file: /x}", ("web02", "node01", "patch"), "a file of this machine"),
    ],
)  # fmt: skip # a table
def test_what_a_node_will_not_do_for_is_refused_before_it_is_asked(
    tmp_path: Path, more: str, asked: tuple[str, str, str], why: str
) -> None:
    """The vault that is this very machine, too: the node would have backed up to itself."""
    hosts, via, playbook = asked
    settings = content.make(tmp_path)
    (settings.content / "inventory/site/hosts.yml").write_text(SITE % more)
    verb = replace(load("harden"), playbook=playbook)
    ctx = Context(settings, verb, Screen(io.StringIO()), hosts=tuple(hosts.split()), options={"via": via})
    if why:
        with pytest.raises(UngcuuError, match=re.escape(why)) as refused:
            node_choice.chosen(ctx)
        assert refused.value.code in (Exit.REFUSED, Exit.USAGE)
        return
    node = node_choice.chosen(ctx)
    assert (node and (node.name, node.program, node.target.become)) == ((via and ("node01", "/opt/u", False)) or None)


def test_a_verb_that_takes_no_node_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["isolate", "web01", "--via", "node01"]) == Exit.USAGE
    assert "isolate runs from this machine alone" in capsys.readouterr().err


def test_doctor_asks_each_node(place: _Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is gone, one of another release, and a good one."""
    good = place.node()
    found = {
        "node01": good,
        "node02": replace(good, target=replace(good.target, port=9)),
        "node03": replace(good, program=str(place.folder / "old")),
    }
    (place.folder / "old").write_text(
        Path(good.program).read_text().replace("sys.exit", "node_worker.__version__ = '0.0.9'\nsys.exit")
    )
    (place.folder / "old").chmod(0o755)
    monkeypatch.setattr(nodes, "found", lambda _site, name: found[name])
    ctx = Context(place.settings, load("doctor"), Screen(io.StringIO()))
    ctx.site = replace(good.site, groups={"nodes": tuple(found)})
    rows = {row.subject: (row.level, row.text) for row in _doctor_controller._nodes(ctx)}
    assert rows["node node01"] == ("good", "it answers, and has the same ungcuu")
    assert rows["node node02"][0] == "bad"
    assert "refused" in rows["node node02"][1]
    assert rows["node node03"] == ("bad", f"node03 has ungcuu 0.0.9, and this is {__version__}.")
