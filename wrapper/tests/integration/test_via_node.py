"""``--via NODE`` on real hosts: the node is a second machine with the very ungcuu that runs here.

What the node's disks and memory folders hold afterwards is looked at as root, by the lab's back door.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import sysconfig
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from needed_packages import needed

from ungcuu.case.journal import read_records
from ungcuu.core.settings import Settings
from ungcuu.lab import Lab

ROOT = Path(__file__).parents[3]
NODE = "spare01"
CANARY = "canary-3f1d60a2"
Ungcuu = Callable[..., tuple[int, dict[str, Any], str]]
pytestmark = pytest.mark.nightly  # three fresh hosts, and whole playbooks over two machines
INSTALL = """
set -eu
rm -rf /opt/ungcuu; mkdir -p /opt/ungcuu; cd /opt/ungcuu; tar -x
python3 -m venv --without-pip env
cp -r site/. env/lib/python3*/site-packages/; rm -rf site
printf '%s\\n' '#!/opt/ungcuu/env/bin/python' 'import sys; sys.path.insert(0, "/opt/ungcuu/wrapper")' \
    'from ungcuu.__main__ import main' 'main()' > /usr/local/bin/ungcuu
printf '%s\\n' '#!/opt/ungcuu/env/bin/python' 'import sys; sys.path.insert(0, "/opt/ungcuu/wrapper")' \
    'from ansible.cli.playbook import main' 'main()' > env/bin/ansible-playbook
chmod 755 /usr/local/bin/ungcuu env/bin/ansible-playbook
"""
# Everything that the node could have kept: its disks, memory file systems and what is still running.
TRACES = """
grep -rIl --exclude-dir=proc --exclude-dir=sys -e {canary} -e 'PRIVATE KEY' / 2>/dev/null \
    | grep -v -e ^/etc/ssh/ssh_host_ -e ^/opt/ungcuu/ -e ^/usr/
find /dev/shm /run/user /tmp -name 'ungcuu-*' -path '*ungcuu-node*/*' 2>/dev/null
find / -xdev -path '*/.ansible/cp/*' 2>/dev/null
pgrep -af 'ansible|node-worker|ssh-agent|\\[mux\\]'
true
"""


def packed() -> bytes:
    """This tree, and the libraries of its environment (of the same Python 3.11 as Debian 12 has), as a tar file."""
    out = io.BytesIO()
    site = Path(sysconfig.get_path("purelib"))
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in ("ansible.cfg", "playbooks", "roles", "wrapper/ungcuu"):
            archive.add(ROOT / name, name, filter=lambda row: None if "__pycache__" in row.name else row)
        tops = {
            file.parts[0]
            for one in needed("ungcuu", {}).values()
            if one.metadata["Name"] != "ungcuu"
            for file in one.files or []
            if file.parts[0] not in ("..", "__pycache__")
        }
        for top in sorted(tops):
            archive.add(site / top, f"site/{top}", filter=lambda row: None if "__pycache__" in row.name else row)
    return out.getvalue()


@pytest.fixture(scope="module")
def node(fresh: Callable[..., Lab]) -> Lab:
    lab = fresh("web01", "vault01", NODE)
    done = lab.exec(NODE, ["sh", "-c", INSTALL], stdin=packed())
    assert done.returncode == 0, done.stderr.decode()
    return lab


@pytest.fixture(scope="module")
def through(node: Lab, ungcuu_on: Callable[[Path], Ungcuu], tmp_path_factory: pytest.TempPathFactory) -> Ungcuu:
    """ungcuu on the lab's inventory, in which the node may manage the hosts and a variable holds a canary."""
    folder = tmp_path_factory.mktemp("site") / "inventory"
    shutil.copytree(ROOT / "inventory" / "lab", folder)
    facts = yaml.safe_load((folder / "group_vars" / "all.yml").read_text())
    facts["management_addresses"].append(node.address(NODE))
    (folder / "group_vars" / "all.yml").write_text(yaml.safe_dump(facts, allow_unicode=True))
    website = yaml.safe_load((folder / "group_vars" / "website.yml").read_text())
    website["website_contacts"] = [f"mailto:{CANARY}@portal.lab.test"]
    (folder / "group_vars" / "website.yml").write_text(yaml.safe_dump(website, allow_unicode=True))
    return ungcuu_on(folder)


def traces(lab: Lab) -> list[str]:
    # By standard input: the words of a command line would be found.
    return lab.exec(NODE, ["sh", "-s"], stdin=TRACES.format(canary=CANARY).encode()).stdout.decode().splitlines()


def listed() -> list[str]:
    """The blocked networks of the host, as this controller knows them."""
    rows = json.loads((Settings.from_environment().host_dir("web01") / "blocks.json").read_text())
    return [row["network"] for row in rows]


def kinds(run: str) -> list[str]:
    """What the journals of a state folder hold of a run, in order; without what belongs to a host's own clock."""
    settings = Settings.from_environment()
    found, inside = [], False
    for record in read_records(settings.operations):
        if record.kind == "run_started":
            inside = record.data["run"] == run
        if inside:
            found.append(record.kind)
    return found


def shape(document: dict[str, Any]) -> dict[str, Any]:
    """What must be the same, whoever ran the playbook."""
    return {
        "outcome": document["outcome"],
        "code": document["exit_code"],
        "hosts": document["hosts"],
        "steps": [(row["name"], row["reached"], row["changed"]) for row in document["steps"]],
        "records": [(row["kind"], row["host"], row["data"].get("what")) for row in document["records"]],
        "journal": kinds(document["run"]),
    }


def test_a_block_through_a_node_is_a_block_from_here(node: Lab, through: Ungcuu) -> None:
    """Results, journal and exit codes are the same, also of the plan; the list is here, and the node is empty."""
    words = ("block", "web01", "203.0.113.9", "--reason", "test")
    for once in (words, ("unblock", "web01", "203.0.113.9")):  # the first one puts its unit there
        assert through(*once)[0] == 0
    plans, runs = [], []
    for via in ((), ("--via", NODE)):
        plans.append(through(*words, *via, "--plan"))
        code, done, said = through(*words, *via)
        assert code == 0, said
        runs.append(shape(done))
        assert "203.0.113.9" in listed()
        assert b"203.0.113.9" in node.exec("web01", ["nft", "list", "table", "inet", "ungcuu_block"]).stdout
        code, _done, said = through("unblock", "web01", "203.0.113.9", *via)
        assert code == 0, said
        assert "203.0.113.9" not in listed()
    assert runs[0] == runs[1]
    assert plans[0][0] == plans[1][0] == 0, plans[1][2]
    details = [re.sub("since [^,]+", "since then", json.dumps(one["plan"]["details"])) for _code, one, _said in plans]
    assert details[0] == details[1]
    assert traces(node) == []
    login = node.exec("web01", ["sh", "-c", "journalctl -u ssh --no-pager | grep -c 'from " + node.address(NODE) + "'"])
    assert int(login.stdout) > 0, "it was the node that logged in"


def test_a_backup_through_a_node(node: Lab, through: Ungcuu) -> None:
    """The vault is reached by the node too, and the list of restore points comes back here."""
    code, done, said = through("backup", "web01", "--via", NODE)
    assert code == 0, said
    assert done["restore_points"]
    assert (Settings.from_environment().host_dir("web01") / "restore_points.json").is_file()
    assert traces(node) == []


def test_a_worker_that_is_killed_leaves_the_run_to_resume(node: Lab, through: Ungcuu) -> None:
    """UNKNOWN, open, reconciled through the node; no task goes on, and the killed worker leaves nothing."""
    results: list[tuple[int, dict[str, Any], str]] = []
    words = ("block", "web01", "203.0.113.77", "--reason", "test", "--via", NODE)
    thread = threading.Thread(target=lambda: results.append(through(*words)))
    thread.start()
    until = time.monotonic() + 120
    while not node.exec(NODE, ["pgrep", "-f", "ansible-playbook.*block"]).stdout and time.monotonic() < until:
        time.sleep(0.2)
    worker = node.exec(NODE, ["sh", "-c", "pgrep -o -f 'python.*node-worker'"]).stdout.split()
    assert worker, "no worker was seen"
    time.sleep(1)
    node.exec(NODE, ["kill", "-9", worker[0].decode()])
    thread.join(120)
    code, done, said = results[0]
    assert (code, done["outcome"]) == (7, "UNKNOWN"), said
    assert "the node ended before its answer" in done["error"]["what"]
    time.sleep(3)
    assert traces(node) == []
    code, resumed, said = through("resume", "web01")
    assert (code, resumed["runs"][0]["outcome"]) == (0, "DONE"), said
    assert through("resume", "web01")[1]["runs"] == []
    assert traces(node) == []


def test_a_node_that_is_not_there_begins_nothing(node: Lab, through: Ungcuu) -> None:
    node.exec(NODE, ["systemctl", "stop", "ssh.socket", "ssh.service"])
    try:
        code, done, _said = through("block", "web01", "203.0.113.5", "--reason", "test", "--via", NODE)
        assert (code, done["outcome"], done["error"]["state"]) == (5, "NOT DONE", "Nothing was begun.")
    finally:
        node.exec(NODE, ["systemctl", "start", "ssh.service"])


@pytest.mark.parametrize(
    "words",
    [
        ("block", "web01", "203.0.113.5", "--reason", "x", "--via", "vault01"),  # it may not manage the host
        ("patch", "web01", "--rollback", "20260101T000000Z-00000000", "--via", NODE),
    ],
)
def test_what_a_node_can_not_do_is_refused_before_anything(through: Ungcuu, words: tuple[str, ...]) -> None:
    code, done, said = through(*words)
    assert code in (2, 4), said
    assert done["outcome"] == "NOT DONE"
    assert "run" not in done


def test_harden_through_a_node(node: Lab, through: Ungcuu) -> None:
    """The longest playbook: two logins' proofs and the trial of the website are taken from the node."""
    code, done, said = through("harden", "web01", "--via", NODE)
    assert code == 0, said
    assert done["failed"] == 0
    assert traces(node) == []
    code, again, said = through("harden", "web01", "--via", NODE)
    assert (code, again["changes"]) == (0, []), said
