"""Root on the website host writes garbage into its own repository, plain and sealed with the repository's own key.

The host holds the password while a run lasts, and an append-only server takes what it is given. So the intruder here
can write any file that restic could. None of it may cost an earlier restore point one byte.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import restic_forge as forge
from lab_shell import each_on, vault

from ungcuu.lab import Lab

STORE = "/var/lib/ungcuu-vault/sites/web01"
Sent = list[tuple[str, bytes]]
# Started by the vault in restic's place. What lies in /root/forged is written into the repository; beside it, or alone,
# the real restic does its work. The answers are kept, so that a test can see that the attack arrived.
INTRUDER = r"""#!/usr/bin/python3
import base64, hashlib, json, os, pathlib, subprocess, sys, urllib.error, urllib.request
if "backup" not in sys.argv:
    os.execv("/usr/bin/restic.real", ["restic", *sys.argv[1:]])
value = lambda name: next(a.split("=", 1)[1] for a in sys.argv if a.startswith(name + "="))
password, where = open(value("--password-file")).read(), open(value("--repository-file")).read()
credentials, address = where[len("rest:http://"):].rstrip("/").split("@")
token = "Basic " + base64.b64encode(credentials.encode()).decode()
def ask(path, body=None):
    request = urllib.request.Request(f"http://{address}{path}", method="POST" if body else "GET", data=body,
        headers={"Authorization": token, "Accept": "application/vnd.x.restic.rest.v2"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
code = 0
forged, known = pathlib.Path("/root/forged"), pathlib.Path("/root/forged/summary")
if known.exists():
    print(known.read_text())
else:
    pipes = []
    for text in (password, where):
        reader, writer = os.pipe()
        os.write(writer, text.encode()); os.close(writer); os.set_inheritable(reader, True)
        pipes.append(reader)
    again = [f"--password-file=/dev/fd/{pipes[0]}" if a.startswith("--password-file") else a for a in sys.argv[1:]]
    again = [f"--repository-file=/dev/fd/{pipes[1]}" if a.startswith("--repository-file") else a for a in again]
    passed = [*pipes, int(value("--exclude-file").rpartition("/")[2])]
    code = subprocess.run(["/usr/bin/restic.real", *again], pass_fds=passed).returncode
answers = {str(path): ask(f"/{path.parent.name}/{path.name}", path.read_bytes()) for path in forged.glob("*/*")}
pathlib.Path("/root/answers.json").write_text(json.dumps(answers))
sys.exit(code)
"""


class Forger:
    """Makes files with the repository's key, as the password makes it known to the host."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.password = each_on(lab, "vault01", "cat /etc/ungcuu-vault/passwords/web01").strip()
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / "keys").mkdir()
            (Path(name) / "keys" / "0").write_bytes(self._read("keys"))
            self.master = forge.master_key(Path(name), self.password)
        self.index = self._documents("index")
        self.snapshot = self._documents("snapshots")[-1]

    def _read(self, kind: str) -> bytes:
        text = each_on(self.lab, "vault01", f"cat $(ls -t {STORE}/repository/{kind}/* | head -1) | base64 -w0")
        return base64.b64decode(text)

    def _documents(self, kind: str) -> list[dict[str, Any]]:
        what = {"index": "index", "snapshots": "snapshot"}[kind]
        said = each_on(
            self.lab,
            "vault01",
            f"cd {STORE}/repository; export RESTIC_PASSWORD={self.password}; for one in $(ls -tr {kind}); do"
            f" restic -q --no-cache --no-lock -r . cat {what} $one | tr -d '\\n'; echo; done",
        )
        return [json.loads(line) for line in said.splitlines() if line.strip()]

    def known_pack(self) -> dict[str, Any]:
        """A pack that earlier points stand on."""
        return next(row for document in self.index for row in document["packs"] if len(row["blobs"]) > 1)

    def plain(self, kind: str) -> Sent:
        """400 bytes of nothing under their right name: a line of shell makes them."""
        return [(kind, os.urandom(400))]

    def swapped_index(self) -> Sent:
        """A well-formed index that says of a known pack's pieces that they lie elsewhere in it."""
        row = self.known_pack()
        shifted = [row["blobs"][0] | {"id": piece["id"]} for piece in row["blobs"]]
        return [("index", forge.document(self.master, {"packs": [row | {"blobs": shifted}]}))]

    def index_to_a_bad_pack(self) -> Sent:
        """All pieces of a known pack are said to lie in a new one, which is garbage."""
        row, garbage = self.known_pack(), os.urandom(9000)
        pieces = [piece | {"offset": 0, "length": 100} for piece in row["blobs"]]
        index = {"packs": [{"id": forge.name(garbage), "blobs": pieces}]}
        return [("data", garbage), ("index", forge.document(self.master, index))]

    def forged_pack(self) -> Sent:
        """A well-formed pack under its right name: its header gives a known piece's id to other content."""
        known = self.known_pack()["blobs"][0]
        content, rows = forge.pack(self.master, [forge.Blob(b"<?php system($_GET[0]);", known["type"], known["id"])])
        index = {"packs": [{"id": forge.name(content), "blobs": rows}]}
        return [("data", content), ("index", forge.document(self.master, index))]

    def another_key(self) -> Sent:
        """What `restic key add` writes."""
        return [("keys", forge.key_file(self.master, "another"))]

    def another_point(self) -> Sent:
        """A second point beside the honest one, of an hour later."""
        return [("snapshots", forge.document(self.master, self.snapshot | {"time": "2026-12-01T00:00:00Z"}))]

    def point_without_pieces(self) -> Sent:
        """The one point that the host says it made; its tree is nowhere."""
        return [("snapshots", forge.document(self.master, self.snapshot | {"tree": "ab" * 32}))]


ATTACKS: dict[str, tuple[str, str]] = {
    "garbage among the indexes": ("plain index", "index"),
    "garbage among the keys": ("plain keys", "key"),
    "garbage among the points": ("plain snapshots", "snapshot"),
    "garbage among the packs": ("plain data", "pack"),
    "an index of known packs": ("swapped_index", "index"),
    "an index that leads to garbage": ("index_to_a_bad_pack", "pack"),
    "a pack whose header lies": ("forged_pack", "pack"),
    "another key": ("another_key", "key"),
    "another point": ("another_point", "snapshot"),
    "a point without pieces": ("point_without_pieces", "structure"),
}


@pytest.fixture(scope="module")
def taken_over(fresh: Callable[..., Lab], playbook: Callable[..., Any]) -> Iterator[tuple[Lab, dict[str, str]]]:
    """A host that was backed up twice and then taken over; hashes of every byte of both points."""
    lab = fresh("web01", "vault01")
    done = playbook("backup", "web01")
    assert done.returncode == 0, done.stdout[-3000:]
    each_on(lab, "web01", "head -c 3m /dev/urandom > /var/www/portal/wp-content/uploads/more.bin")
    assert vault(lab, "backup", "web01")["outcome"] == "DONE"
    whole = {point["id"]: bytes_of(lab, point["id"]) for point in vault(lab, "points", "web01")["points"]}
    assert len(whole) == 2
    each_on(lab, "web01", "cp /usr/bin/restic /usr/bin/restic.real")
    yield lab, whole


def bytes_of(lab: Lab, point: str) -> str:
    """One hash over every file of a point and its rows, as a restore would give them."""
    answer = vault(lab, "hashes", "web01", f"--at={point}")
    assert answer["outcome"] == "DONE", answer
    return json.dumps(answer["hashes"])


def attack(lab: Lab, sent: Sent, instead: bool = False) -> dict[str, Any]:
    """Have the vault take a backup while the intruder writes that; what the vault says of it."""
    each_on(lab, "web01", "rm -rf /root/forged /root/answers.json")
    for kind, content in sent:
        path = f"/root/forged/{kind}/{forge.name(content)}"
        each_on(lab, "web01", f"mkdir -p /root/forged/{kind}; cat > {path}", content)
    if instead:
        summary = {"message_type": "summary", "snapshot_id": forge.name(sent[-1][1]), "data_added": 1}
        each_on(lab, "web01", "cat > /root/forged/summary", json.dumps(summary).encode())
    put = "cat > /usr/bin/restic.new; chmod 755 /usr/bin/restic.new; mv /usr/bin/restic.new /usr/bin/restic"
    each_on(lab, "web01", put, INTRUDER.encode())
    try:
        answer = vault(lab, "backup", "web01")
    finally:
        each_on(lab, "web01", "cp /usr/bin/restic.real /usr/bin/restic.new; mv /usr/bin/restic.new /usr/bin/restic")
    answers = json.loads(each_on(lab, "web01", "cat /root/answers.json"))
    assert len(answers) == len(sent)
    assert set(answers.values()) == {200}, "the attack must have been taken by the server, or this proves nothing"
    return answer


BY_DAY: list[Any] = list(ATTACKS)[:1]
BY_NIGHT = [pytest.param(name, marks=pytest.mark.nightly) for name in list(ATTACKS)[1:]]


@pytest.mark.parametrize("name", BY_DAY + BY_NIGHT)
def test_garbage_costs_no_earlier_point_a_byte(taken_over: tuple[Lab, dict[str, str]], name: str) -> None:
    """The run is refused by its cause, earlier points stay what they were, the next honest backup is made."""
    lab, whole = taken_over
    (way, *kind), cause = ATTACKS[name][0].split(), ATTACKS[name][1]
    forger = Forger(lab)
    before = each_on(lab, "vault01", f"cd {STORE}/repository/ && find . -type f | sort | xargs sha256sum")
    answer = attack(lab, getattr(forger, way)(*kind), instead=way == "point_without_pieces")
    assert answer["outcome"] == "NOT DONE", answer
    listed = vault(lab, "points", "web01")
    assert [row["kind"] for row in listed["refused"]] == [cause], (answer, listed["refused"])
    assert listed["refused"][0]["reason"] == answer["reason"]
    assert listed["waiting"] == listed["problems"] == []
    assert {point["id"] for point in listed["points"]} == set(whole)
    assert each_on(lab, "vault01", f"cd {STORE}/repository/ && find . -type f | sort | xargs sha256sum") == before
    assert {identity: bytes_of(lab, identity) for identity in whole} == whole
    assert "refused" in vault(lab, "tidy", "web01")["reason"], "nothing is let go before somebody has looked"
    assert vault(lab, "disown", "web01")["outcome"] == "DONE"
    honest = vault(lab, "backup", "web01")
    assert honest["outcome"] == "DONE", honest
    whole[honest["point"]["id"]] = bytes_of(lab, honest["point"]["id"])
    assert {identity: bytes_of(lab, identity) for identity in whole} == whole
