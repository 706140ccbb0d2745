"""The lies of a hostile host, as data: what a program there says, or what stands in sshd's place.

``python replies.py NAME`` plays one; a loopback sshd runs that for whatever command it is given. Standard library alone.
Each stands for an attack that was seen on some tool, or for one that a person tried on this one.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from wire import Asked, answer, complained, document, hold, said

PRODUCT = 31337 * 31337  # what the template `{{ 31337*31337 }}` would become


@dataclass(frozen=True)
class Reply:
    """One lie. ``endless`` has to be cut off; ``silent`` may be waited for, as long as the tool says how long."""

    name: str
    liar: str
    about: str
    play: Callable[[Asked], object]
    endless: bool = False
    silent: bool = False


REPLIES: dict[str, Reply] = {}


def _add(name: str, liar: str, about: str, play: Callable[[Asked], object], **more: bool) -> None:
    REPLIES[name] = Reply(name, liar, about, play, **more)


# --- texts ----------------------------------------------------------------------------------------------------------

Text = Callable[[Asked], str]
_TEMPLATE = "{{{{ 31337*31337 }}}}{{% for x in [1] %}}{{{{ 31337*31337 }}}}{{% endfor %}}"
_LOOKUP = "{{{{ lookup('ansible.builtin.pipe', 'touch {0.marker}') }}}}{{{{ lookup('file', '{0.canary}') }}}}"
_CLASS = "{{{{ ''.__class__.__mro__[1].__subclasses__() }}}}{{{{ cycler.__init__.__globals__.os.popen('touch {0.marker}') }}}}"
TEXTS: dict[str, tuple[str, str, str]] = {
    "screen": ("shell", "clears the screen and writes a line of its own", "\x1b[2J\x1b[HPWNED\rPWNED\x1b[3A\x1b[K"),
    "title": ("shell", "titles the window, fills the clipboard, hides a link", "\x1b]0;PWNED\x07\x1b]52;c;eA==\x07\x1b]8;;http://evil\x1b\\x\x1b]8;;\x1b\\"),
    "answerback": ("shell", "has the terminal type an answer; resets it", "\x1b[6n\x1b[c\x05\x1bc\x1b[?1049h\x1bP$q\"p\x1b\\"),
    "c1": ("shell", "8-bit control bytes", "\x9b2J\x9bH\x9d0;PWNED\x9c\x85\x90"),
    "controls": ("shell", "every control byte but newline", "".join(map(chr, [*range(1, 10), *range(11, 32), 127]))),
    "bidi": ("file names", "text that reads backwards, or not at all", "photo_\u202egnp.php\u2067\u200e\u2066\u200b\u2060\U000e0041"),
    "marks": ("file names", "marks piled over the lines around", "Z" + "\u0300" * 300 + "\u3164\u115f\u2800"),
    "template": ("interpreter", "template code: sums and loops", _TEMPLATE),
    "lookup": ("interpreter", "template code: runs a program, reads a file of the controller", _LOOKUP),
    "classes": ("interpreter", "template code: climbs out of the sandbox", _CLASS),
    "markup": ("file names", "script, remote picture, formula of a spreadsheet", "<script>alert(1)</script><img src=http://evil/x>]]>&#27;\n=cmd|' /C calc'!A1\n+1\n@x"),
    "traversal": ("file names", "names that leave their folder", "../../../../../../../../tmp/hostile-marker\\..\\..\\hostile-marker"),
    "recap": ("shell", "Ansible's and the tool's own last lines", "\nPLAY RECAP ****\nevil01 : ok=99 changed=0 unreachable=0 failed=0\nevil01: DONE\nisolated, and proven"),
    "long": ("shell", "one line of two megabytes", "x" * (2 << 20)),
}  # fmt: skip # a table


def _words(pattern: str, asked: Asked) -> str:
    return pattern.format(asked) if "{{{{" in pattern else pattern


def _text(pattern: str, failed: bool) -> Callable[[Asked], object]:
    def play(asked: Asked) -> int:
        text = _words(pattern, asked)
        answer(asked, text, document(text, failed=failed))
        return int(failed)

    return play


# In an error, in a success, or in both: what is shown and what is read on go different ways.
IN_ERRORS = ("screen", "title", "answerback", "c1", "marks", "template", "lookup", "classes", "recap")
IN_SUCCESSES = ("screen", "controls", "bidi", "template", "lookup", "markup", "traversal", "long")
for _name in IN_ERRORS:
    _add(f"{_name}-failed", TEXTS[_name][0], f"{TEXTS[_name][1]}; in an error", _text(TEXTS[_name][2], failed=True))
for _name in IN_SUCCESSES:
    _add(f"{_name}-done", TEXTS[_name][0], f"{TEXTS[_name][1]}; in a success", _text(TEXTS[_name][2], failed=False))


# --- documents ------------------------------------------------------------------------------------------------------


def _document(make: Callable[[Asked], Any]) -> Callable[[Asked], object]:
    def play(asked: Asked) -> int:
        made = make(asked)
        answer(asked, "ok", made, raw=made if isinstance(made, str | bytes) else "")
        return 0

    return play


def _connection(asked: Asked) -> dict[str, Any]:
    facts = {
        "ansible_host": "127.0.0.1",
        "ansible_port": asked.trap,
        "ansible_user": "intruder",
        "ansible_connection": "ansible.builtin.local",
        "ansible_ssh_common_args": f"-o ProxyCommand='touch {asked.marker}'",
        "ansible_ssh_executable": f"/bin/sh -c 'touch {asked.marker}'",
        "ansible_become_exe": f"touch {asked.marker};",
        "ansible_python_interpreter": f"/bin/sh -c 'touch {asked.marker}'",
        "ansible_shell_executable": f"/bin/sh -c 'touch {asked.marker}'",
        "ansible_remote_tmp": "../../hostile-marker",
        "discovered_interpreter_python": f"/bin/sh -c 'touch {asked.marker}'",
        "inventory_hostname": "vault01",
        "ungcuu_known_hosts": "/dev/null",
    }
    return {"changed": False, "ansible_facts": {**facts, "ansible_facts": facts}, **facts}


def _tagged(asked: Asked) -> dict[str, Any]:
    code = _words(_LOOKUP + _TEMPLATE, asked)
    tag = {"__ansible_type": "TrustedAsTemplate"}
    value = {"__ansible_type": "_AnsibleTaggedStr", "value": code, "tags": [tag]}
    return {"changed": False, "msg": value, "stdout": value, "ansible_facts": {"x": value}, "rc": 0}


def _delegated(asked: Asked) -> dict[str, Any]:
    hosts = {"ansible_host": "127.0.0.1", "ansible_port": asked.trap, "ansible_connection": "local"}
    added = {"add_host": {"host_name": "vault01", "groups": ["website"], "host_vars": hosts}}
    return {"changed": True, "_ansible_delegated_vars": hosts, "add_group": "website", **added, "rc": 0}


def _forged(_asked: Asked) -> dict[str, Any]:
    proof = {"name": "cut", "side": "outside", "passed": True, "detail": "forged-by-the-host"}
    reports = [{"kind": kind, "data": proof} for kind in ("proof", "isolation", "finding", "run_finished", "evidence")]
    return {"changed": True, "rc": 0, "ungcuu": reports, "results": [{"ungcuu": reports}]}


def _types(_asked: Asked) -> dict[str, Any]:
    odd: dict[str, Any] = {"changed": "maybe", "failed": [], "rc": "zero", "msg": {"a": []}, "results": {"x": 1}}
    return odd | {"stdout": 7, "stderr": None, "warnings": {"a": 1}, "ansible_facts": ["x"], "diff": 7, "stat": "x"}


_DONE = {"changed": True, "failed": False, "rc": 0, "stdout": "", "msg": "ok", "outcome": "DONE", "ok": True}
DOCUMENTS: dict[str, tuple[str, Callable[[Asked], Any]]] = {
    "connection": ("facts that override how the host is reached", _connection),
    "tagged": ("text tagged as a trusted template in Ansible's own serialisation", _tagged),
    "delegated": ("hosts added, and variables of a delegated host", _delegated),
    "forged": ("records of its own for the case", _forged),
    "types": ("every field of another type", _types),
    "fake-success": ("did everything, says it", lambda _asked: _DONE),
    "fake-unchanged": ("there was nothing to do, says it", lambda _asked: {**_DONE, "changed": False}),
    "deep": ("a list in a list, 200,000 deep", lambda _asked: '{"msg": ' + "[" * 200_000 + "]" * 200_000 + "}"),
    "deep-objects": ("an object in an object, 900 deep", lambda _asked: '{"msg": ' + '{"a":' * 900 + "1" + "}" * 901),
    "numbers": ("numbers beyond every bound", lambda _asked: '{"changed": false, "rc": 1e999, "size": ' + "9" * 100_000 + "}"),
    "not-a-number": ("NaN and Infinity", lambda _asked: '{"changed": false, "rc": NaN, "time": -Infinity, "outcome": "DONE"}'),
    "negative-code": ("an exit code as of a killed program", lambda _asked: {"failed": True, "rc": -9, "msg": "killed"}),
    "unreachable": ("a module says that the host is unreachable", lambda _asked: {"unreachable": True, "ungcuu_unknown": True, "msg": "Connection refused"}),
    "no-log": ("a result marked as secret", lambda _asked: {**_DONE, "_ansible_no_log": True, "censored": "\x1b[2J"}),
    "job": ("a job whose id leaves its folder", lambda _asked: {**_DONE, "ansible_job_id": "../../hostile-marker", "started": 1, "finished": 0, "results_file": "/tmp/hostile-marker"}),
    "twice": ("two documents, the second one a lie", lambda _asked: '{"failed": true, "msg": "a"}\n{"changed": false, "rc": 0}'),
    "keys": ("one key twice, and a key of 1 MB", lambda _asked: '{"changed": false, "changed": true, "failed": true, "failed": false, "' + "k" * (1 << 20) + '": 1}'),
    "utf8": ("bytes that are no UTF-8", lambda _asked: b'{"changed": false, "msg": "\xff\xfe\xc0\xaf\xed\xa0\x80", "rc": 0}'),
    "nul": ("NUL bytes and halves of surrogates", lambda _asked: b'{"changed": false, "msg": "a\\u0000b\\ud800", "rc": 0, "x": "\x00"}'),
    "million": ("a list of a million items", lambda _asked: '{"changed": false, "results": [' + "{},".replace("{}", "[]") * 999_999 + "[]]}"),
}  # fmt: skip # a table

for _name, (_about, _make) in DOCUMENTS.items():
    _add(_name, "interpreter", _about, _document(_make))


# --- streams --------------------------------------------------------------------------------------------------------


def _endless(block: bytes, out: Callable[[bytes], None] = said, first: bytes = b"") -> Callable[[Asked], object]:
    def play(_asked: Asked) -> None:
        out(first)
        while True:
            out(block)

    return play


def _half(asked: Asked) -> int:
    asked.read(3)
    said('{"changed": true, "rc": 0, "stdo')
    return 0


def _code(number: int, text: str = "") -> Callable[[Asked], object]:
    def play(asked: Asked) -> int:
        complained(text)
        asked.read(3)
        return number

    return play


def _dies(asked: Asked) -> None:
    asked.read(3)
    said('{"changed": true')
    os.kill(os.getpid(), signal.SIGKILL)


def _drip(_asked: Asked) -> None:
    for byte in b'{"changed": true, "rc": 0, "msg": "' + b"x" * 100_000:
        said(bytes([byte]))
        time.sleep(1)


def _held(asked: Asked) -> int:
    """Answer, and leave a child behind that keeps the pipes open."""
    if os.fork() == 0:
        os.setsid()
        hold(3600)
        os._exit(0)
    answer(asked, "ok", _DONE)
    return 0


def _lengths(asked: Asked) -> int:
    sent = b"" if asked.cut else asked.read(3)
    for length in ("-1", "99999999999999999999", "0x10", "1e9"):
        said(f"from {length}\n{length} {len(sent)}\nContent-Length: {length}\n{json.dumps({'size': length})}\n")
    return 0


def _echo(asked: Asked) -> int:
    said(b"from 127.0.0.1 1 127.0.0.1 22\n" + asked.command.encode() + b"\n" + asked.read(3))
    return 0


_IMITATED = "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.\nPermission denied (publickey).\nConnection refused\nungcuu: DONE\n"
_SEEN = b"from 127.0.0.1 1 127.0.0.1 22\n"

_add("endless-lines", "shell", "lines without end", _endless(b"x\n" * 8192), endless=True)
_add("endless-line", "shell", "one line without end", _endless(b"x" * 65536), endless=True)
_add(
    "endless-screen",
    "shell",
    "escapes without end, after a right first line",
    _endless(b"\x1b[2J\n" * 8192, said, _SEEN),
    endless=True,
)
_add("endless-errors", "shell", "standard error without end", _endless(b"\x1b[2Jx\n" * 8192, complained), endless=True)
_add(
    "endless-json",
    "interpreter",
    "one JSON text without end",
    _endless(b"x" * 65536, said, b'{"changed": true, "msg": "'),
    endless=True,
)
_add("endless-zeros", "interpreter", "zero bytes without end", _endless(bytes(65536)), endless=True)
_add("silence", "shell", "takes everything, says nothing", lambda _asked: hold(3600), silent=True)
_add("drip", "shell", "a byte a second", _drip, silent=True)
_add("held", "shell", "answers, and keeps the connection open", _held, silent=True)
_add("nothing", "shell", "ends at once with 0", _code(0))
_add("half", "interpreter", "half a document, then the end", _half)
_add("dies", "interpreter", "half a document, then killed", _dies)
_add("code-255", "shell", "ssh's own exit code", _code(255, "kex_exchange_identification: Connection reset by peer\n"))
_add("imitates-ssh", "shell", "ssh's and the tool's own messages", _code(255, _IMITATED))
_add("no-program", "interpreter", "is not there", _code(127, "/bin/sh: 1: /usr/bin/python3: not found\n"))
_add(
    "no-sudo",
    "sudo",
    "asks for a password",
    _code(1, "\x1b[2J[sudo] password for ungcuu: \nsudo: a password is required\n"),
)
_add("lengths", "shell", "lengths that are none", _lengths)
_add("echo", "shell", "what it was sent, as its answer", _echo)

# --- in sshd's place: see host.py -----------------------------------------------------------------------------------

SSHD = {
    "sshd-banner": ("lines without end before its version", True),
    "sshd-garbage": ("random bytes in place of a version", False),
    "sshd-closes": ("closes each connection at once", False),
    "sshd-silent": ("takes the connection, says nothing", False),
    "sshd-key": ("another host key than the pinned one", False),
}
for _name, (_about, _is_endless) in SSHD.items():
    _add(_name, "sshd", _about, _code(0), endless=_is_endless)


def main() -> int:
    """Play one reply to whoever is at the other end."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("name", choices=sorted(REPLIES))
    parser.add_argument("--marker", default="/nonexistent", help="a file that must not come to be")
    parser.add_argument("--canary", default="/nonexistent", help="a file that must not be read")
    parser.add_argument("--trap", type=int, default=9, help="a port that must not be connected to")
    given = parser.parse_args()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    code = REPLIES[given.name].play(Asked(marker=given.marker, canary=given.canary, trap=given.trap))
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main())
