"""A host that lies in everything it says: what it costs the controller, and what of it reaches a terminal.

The intruder has root there, so each program that a verb calls may be theirs. Reports are read as people read them: in a
terminal, which pyte stands for.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyte
import pytest

from ungcuu.core import process_guard
from ungcuu.lab import Lab

ROOT = Path(__file__).parents[3]
MOST_MEMORY = 512 << 20  # bytes, of all processes of a run together
MOST_SECONDS = 30
STEP_SECONDS = 60  # of a playbook's step, where Ansible itself talks to the host
ENDLESS = "#!/bin/sh\\nexec yes \\033[2J\\n"
# Title, clear, home, a forged line, a carriage return, right to left, a bell, and markup.
EVIL = r"\033]0;PWNED\007\033[2J\033[HPWNED\rPWNED\342\200\256\007[bold]{{7*7}}<script>"
# ungcuu's own: colours, and what replaces a line of progress.
OURS = re.compile(rb"\x1b\[(?:[0-9;]*m|[0-2]?K|\?25[hl]|[0-9]*[ABCDG])")
# systemd leaves a unit down that was started five times in ten seconds, as it is here on a quick machine.
SSH_ANEW = "systemctl reset-failed ssh; systemctl restart ssh"
TALK = f"""
cd /usr/bin
for tool in ss ps who; do
    mv $tool $tool.real
    printf '#!/bin/sh\\nprintf "{EVIL}\\\\n"; printf "{EVIL}\\\\n" >&2; exec '$tool.real' "$@"\\n' > $tool
    chmod 755 $tool
done
mkdir -p /var/www/portal/wp-content/uploads
printf '<?php system($_GET[1]); ' > "/var/www/portal/wp-content/uploads/$(printf '{EVIL}' | tr -d /).php"
cp /usr/bin/sleep "/tmp/$(printf '{EVIL}' | tr -d /)"
systemd-run -q --unit=talk sh -c 'exec /tmp/*PWNED* 600'
printf '* * * * * root echo "{EVIL}"\\n' > /etc/cron.d/talk
printf '{EVIL}\\n' > /etc/issue.net; echo 'Banner /etc/issue.net' > /etc/ssh/sshd_config.d/00-talk.conf
{SSH_ANEW}
useradd -o -u 0 -M -d /root -c "$(printf '{EVIL}' | tr -d ':\\n\\r')" talk 2>/dev/null || useradd -o -u 0 -M talk
"""


@pytest.fixture(scope="module")
def host(fresh: Callable[..., Lab], ungcuu: Callable[..., tuple[int, dict[str, object], str]]) -> Iterator[Lab]:
    """An enrolled website with a baseline from before the intruder came."""
    lab = fresh("web01")
    assert ungcuu("enrol", "web01")[0] == 0
    assert ungcuu("baseline", "web01")[0] == 0
    yield lab
    _code, document, _said = ungcuu("case", "status")
    ungcuu("case", "close", str(document["case"]), "--force", "--reason", "test")
    Path(os.environ["UNGCUU_STATE"], "hosts/web01/isolation.json").unlink(missing_ok=True)


def on(host: Lab, script: str) -> str:
    done = host.exec("web01", ["sh", "-c", script])
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode(errors="replace")


class Weighed:
    """One run of ungcuu: its exit code, seconds, output and the most memory that its processes held together."""

    def __init__(self, *words: str) -> None:
        command = [sys.executable, "-m", "ungcuu", "-i", "lab", *words]
        begun, self.peak = time.monotonic(), 0
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        done = threading.Event()
        watcher = threading.Thread(target=self._weigh, args=(process.pid, done))
        watcher.start()
        said, _none = process.communicate(timeout=600)
        done.set()
        watcher.join()
        self.code, self.seconds = process.returncode, time.monotonic() - begun
        self.said = said.decode("utf-8", "replace")

    def _weigh(self, pid: int, done: threading.Event) -> None:
        while not done.wait(0.2):
            self.peak = max(self.peak, process_guard.memory([pid, *_below(pid)]))


def _below(pid: int) -> list[int]:
    """All descendants of a process."""
    found, new = [], [pid]
    while new:
        new = [
            int(one)
            for parent in new
            for task in Path(f"/proc/{parent}/task").glob("*/children")
            for one in _read(task).split()
        ]
        found += new
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


@pytest.fixture
def endless_python(host: Lab) -> Iterator[None]:
    """Whatever is asked of the host's Python, it never stops answering."""
    liar = f"printf '{ENDLESS}' > /usr/bin/python3; chmod 755 /usr/bin/python3"
    on(host, f"mv /usr/bin/python3 /usr/bin/python3.real; {liar}")
    yield
    on(host, "mv /usr/bin/python3.real /usr/bin/python3; nft delete table inet ungcuu_isolation 2>/dev/null; true")


@pytest.fixture
def endless_login(host: Lab) -> Iterator[None]:
    """Every command over SSH is answered with the right first line, and then with no end."""
    seen = f"from {host.address('controller')} 1 {host.address('web01')} 22"
    drop = "/etc/ssh/sshd_config.d/00-endless.conf"
    on(
        host,
        f"printf '#!/bin/sh\\necho {seen}\\nexec yes x\\n' > /usr/bin/endless; chmod 755 /usr/bin/endless;"
        f"echo 'ForceCommand /usr/bin/endless' > {drop}; {SSH_ANEW}",
    )
    yield
    on(host, f"rm {drop}; {SSH_ANEW}; nft delete table inet ungcuu_isolation 2>/dev/null; true")


def _bounded(run: Weighed, slack: float, codes: frozenset[int] = frozenset()) -> None:
    assert run.code in codes or run.code not in {0, 1}, f"{run.code}: {run.said[-600:]}"
    assert run.peak < MOST_MEMORY, f"{run.peak >> 20} MiB"
    assert run.seconds < MOST_SECONDS + STEP_SECONDS + slack, f"{run.seconds:.0f} s; an honest run has {slack:.0f} s"


@pytest.fixture(scope="module")
def slack(host: Lab) -> float:
    """What a run costs here with an honest host: on a busy machine that is many seconds."""
    return 2 * Weighed("doctor", "web01").seconds + 2 * Weighed("scan", "web01").seconds


@pytest.mark.parametrize("verb", [["isolate"], ["scan"]])
def test_a_python_that_never_stops_answering(host: Lab, slack: float, endless_python: None, verb: list[str]) -> None:
    """T7: under 512 MB, and stopped within 30 s; the cut itself needs no Python and is not lost with the rest."""
    run = Weighed(*verb, "web01")
    _bounded(run, slack, frozenset({0} if verb == ["isolate"] else ()))
    if verb == ["isolate"]:
        assert "says that it is cut off" in run.said
        assert "isolated without the host's Python" in run.said
        assert "isolated, and proven" not in run.said
        assert "policy drop" in on(host, "nft list table inet ungcuu_isolation")


@pytest.mark.parametrize("verb", [["isolate"], ["collect", "--profile", "volatile"], ["scan"]])
def test_a_login_that_never_stops_answering(host: Lab, slack: float, endless_login: None, verb: list[str]) -> None:
    """The lie may begin before any program of ungcuu runs; nobody may read that the host is isolated.

    Lines without end keep Ansible's own connection busy looking for its marker: seen going on for six minutes, until
    the playbooks of containment got a limit for each step.
    """
    run = Weighed(*verb, "web01")
    _bounded(run, slack)
    assert "isolated, and proven" not in run.said
    if verb == ["isolate"]:
        assert "did not take the rules" in run.said
        assert "no rules were sent" in run.said


def shown(*words: str) -> tuple[bytes, pyte.Screen]:
    """Run ungcuu in a terminal, below a line of its own; what it wrote, and what a person then sees."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "200", "LINES": "50"}
        os.execve(sys.executable, [sys.executable, "-m", "ungcuu", "-i", "lab", *words], environment)  # noqa: S606
    raw = bytearray()
    while True:
        try:
            piece = os.read(terminal, 1 << 16)
        except OSError:
            break
        if not piece:
            break
        raw += piece
    os.waitpid(pid, 0)
    os.close(terminal)
    screen = pyte.Screen(200, 3000)
    stream = pyte.ByteStream(screen)
    stream.feed(b"the line above\r\n" + bytes(raw))
    return bytes(raw), screen


@pytest.fixture(scope="module")
def talker(host: Lab) -> Lab:
    """Escapes in whatever the host can say: programs, names of files and processes, accounts, jobs, sshd's banner."""
    on(host, TALK)
    return host


@pytest.mark.parametrize(
    "words",
    [
        ["doctor", "web01", "-vv"],
        ["scan", "web01", "-vv"],
        ["case", "open", "web01", "--title", "lies"],
        ["collect", "web01", "-vv"],
        ["isolate", "web01", "-vv"],
        ["lock", "web01", "--confirm-host", "web01", "--plan"],
        ["eradicate", "web01", "--confirm-host", "web01", "--plan"],
        ["case", "scope"],
        ["case", "status"],
        ["case", "verify"],
    ],
    ids=" ".join,
)
def test_nothing_of_it_acts_on_a_terminal(talker: Lab, words: list[str]) -> None:
    """One escape that passes can retitle, clear or forge the screen that a responder decides by."""
    raw, screen = shown(*words)
    left = OURS.sub(b"", raw)
    acting = sorted(set(re.findall(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f].{0,20}", left)))
    assert not acting, acting[:5]
    assert b"\xe2\x80\xae" not in raw, "right to left"
    assert screen.title == ""
    assert screen.display[0].rstrip() == "the line above"
    # A line of its own; where a long one is wrapped is the terminal's choice.
    assert not re.search(rb"^PWNED", left.replace(b"\r", b"\n"), re.MULTILINE)
    assert any(line.strip() for line in screen.display[1:])


def test_the_files_that_are_made_of_it_are_plain(talker: Lab, tmp_path: Path) -> None:
    """Timeline, indicators and report are opened in other programs, and by other people."""
    for words in (["timeline", "--format", "csv"], ["timeline", "--format", "jsonl"], ["indicators"]):
        done = Weighed("case", *words, "--output", str(tmp_path / "-".join(words)))
        assert done.code == 0, done.said
    done = Weighed("case", "report")
    assert done.code == 0, done.said
    reports = [Path(word) for word in done.said.split() if word.endswith(".html")]
    for path in (*tmp_path.iterdir(), *reports):
        text = path.read_text("utf-8")
        assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text), path
        assert path.suffix != ".html" or "<script>" not in text
    assert any("PWNED" in path.read_text("utf-8") for path in tmp_path.iterdir()), "no lie got this far: nothing proven"
